//! Scales against a second statement of their contract, and the named policies.

use proptest::prelude::*;
use quarter::Format;
use quarter::scaling::{
    AmaxChoice, Delayed, DelayedState, NonFiniteAmax, Policy, TinyAmax, ZeroAmax, amax_bits,
};

const FORMATS: [(Format, f32); 2] = [(Format::E4m3, 448.0), (Format::E5m2, 57344.0)];

/// amax, scale of E4M3 and of E5M2 under the default policy with 3.0 in force.
#[test]
fn edge_amaxes() {
    let table: [(f32, f32, f32); 10] = [
        (0.0, 3.0, 3.0),
        (f32::INFINITY, 3.0, 3.0),
        (f32::NAN, 3.0, 3.0),
        (448.0, 1.0, 128.0),
        (f32::MAX, 448.0 / f32::MAX, 57344.0 / f32::MAX),
        // 448 / 2^-119.19... is infinite, the next amax gives FLT_MAX, the one after less.
        (f32::from_bits(0x03e0_0000), f32::MAX, f32::MAX),
        (f32::from_bits(0x03e0_0001), f32::MAX, f32::MAX),
        (f32::from_bits(0x03e0_0002), f32::from_bits(0x7f7f_fffe), f32::MAX),
        (f32::MIN_POSITIVE, f32::MAX, f32::MAX),
        (f32::from_bits(1), f32::MAX, f32::MAX),
    ];
    let policy = Policy::default();
    for (amax, e4m3, e5m2) in table {
        let scale = |format| policy.scale(format, amax_bits(amax), Some(3.0));
        assert_eq!(scale(Format::E4m3).to_bits(), e4m3.to_bits(), "E4M3 {amax:e}");
        assert_eq!(scale(Format::E5m2).to_bits(), e5m2.to_bits(), "E5M2 {amax:e}");
    }
    assert_eq!(policy.scale(Format::E4m3, 0, None), 1.0);
}

#[test]
fn every_policy_is_what_it_is_called() {
    let of = |policy: Policy, amax: f32| policy.scale(Format::E4m3, amax_bits(amax), Some(8.0));
    let zero = Policy { zero: ZeroAmax::One, ..Policy::default() };
    assert_eq!(of(zero, -0.0), 1.0);
    let one = Policy { non_finite: NonFiniteAmax::One, ..Policy::default() };
    assert_eq!((of(one, f32::NAN), of(one, f32::NEG_INFINITY)), (1.0, 1.0));
    let backoff = Policy { non_finite: NonFiniteAmax::Backoff, ..Policy::default() };
    assert_eq!(of(backoff, f32::INFINITY), 4.0);
    // Nothing to halve.
    assert_eq!(backoff.scale(Format::E4m3, amax_bits(f32::NAN), None), 1.0);
    assert_eq!(
        backoff.scale(Format::E4m3, amax_bits(f32::NAN), Some(f32::MIN_POSITIVE)),
        f32::MIN_POSITIVE
    );
    let floor = Policy { tiny: TinyAmax::Floor(1e-4), ..Policy::default() };
    assert_eq!(of(floor, 1e-30), 448.0 / 1e-4);
    assert_eq!(of(floor, 2.0), 224.0);
    let margin = Policy { margin: 3, ..Policy::default() };
    assert_eq!(of(margin, 448.0), 0.125);
    let pow2 = Policy { pow2: true, ..Policy::default() };
    assert_eq!((of(pow2, 448.0), of(pow2, 449.0), of(pow2, 1e-40)), (1.0, 0.5, 2f32.powi(127)));
}

#[test]
fn bad_policies_are_refused() {
    for policy in [
        Policy { margin: 65, ..Policy::default() },
        Policy { margin: -65, ..Policy::default() },
        Policy { tiny: TinyAmax::Floor(0.0), ..Policy::default() },
        Policy { tiny: TinyAmax::Floor(f32::NAN), ..Policy::default() },
    ] {
        assert!(policy.validate().is_err());
        assert!(Delayed::new(vec![], 1, AmaxChoice::Max, policy).is_err());
    }
    let error =
        Delayed::new(vec![Format::E4m3], 0, AmaxChoice::Max, Policy::default()).unwrap_err();
    assert_eq!(error.to_string(), "amax window is 0; 1 to 1048576 is allowed");
}

/// A ramp, a spike, silence, infinity, NaN: scales written out by hand, window 2.
#[test]
fn a_sequence_by_hand() {
    let mut s = Delayed::new(vec![Format::E4m3], 2, AmaxChoice::Max, Policy::default()).unwrap();
    assert_eq!(s.scale(0), None);
    let mut step = |amax: f32| {
        s.record(0, amax_bits(amax));
        let bad = s.update();
        (s.scale(0), bad)
    };
    assert_eq!(step(f32::NAN), (None, 1));
    assert_eq!(step(0.0), (None, 0));
    assert_eq!(step(1.0), (Some(448.0), 0));
    assert_eq!(step(-2.0), (Some(224.0), 0));
    assert_eq!(step(100.0), (Some(4.48), 0));
    assert_eq!(step(0.0), (Some(4.48), 0));
    assert_eq!(step(f32::INFINITY), (Some(4.48), 1));
    assert_eq!(step(1.0), (Some(4.48), 0));
    // The spike has left the window: neither the infinity nor the silence kept it there.
    assert_eq!(step(1.0), (Some(448.0), 0));
}

#[test]
fn a_skipped_step_leaves_no_trace() {
    let mut s = Delayed::new(vec![Format::E5m2; 3], 4, AmaxChoice::Max, Policy::default()).unwrap();
    s.record(1, amax_bits(5.0));
    s.update();
    let before = s.clone();
    s.record(1, amax_bits(f32::NAN));
    s.record(2, amax_bits(7.0));
    s.discard();
    assert_eq!(s, before);
    s.update();
    assert_eq!(s, before);
}

#[test]
fn states_that_do_not_fit_are_refused() {
    let fresh =
        || Delayed::new(vec![Format::E4m3; 2], 3, AmaxChoice::Max, Policy::default()).unwrap();
    let good = fresh().state().clone();
    let spoilers: [fn(&mut DelayedState); 10] = [
        |s| s.now.truncate(1),
        |s| s.history.push(0),
        |s| s.next[0] = 3,
        |s| s.scale[1] = -1.0,
        |s| s.scale[1] = f32::INFINITY,
        |s| s.scale[1] = -0.0,
        |s| s.scale[1] = f32::from_bits(0x007f_ffff),
        |s| s.history[0] = f32::NAN.to_bits(),
        |s| s.history[0] = (-3.5f32).to_bits(),
        |s| s.now[1] = (-0.0f32).to_bits(),
    ];
    for spoil in spoilers {
        let mut state = good.clone();
        spoil(&mut state);
        let mut scaling = fresh();
        assert!(scaling.restore(state).is_err());
        assert_eq!(scaling, fresh());
    }
    assert!(fresh().restore(good).is_ok());
}

#[test]
fn signs_are_no_part_of_an_amax() {
    let policy = Policy::default();
    let mut s = Delayed::new(vec![Format::E4m3], 2, AmaxChoice::Max, policy).unwrap();
    assert!(s.record(0, (-3.5f32).to_bits()));
    assert_eq!(s.amaxes(), &[amax_bits(3.5)]);
    s.update();
    assert_eq!(s.scale(0), Some(448.0 / 3.5));
    s.record(0, (-0.0f32).to_bits());
    s.record(0, amax_bits(7.0));
    s.update();
    assert_eq!(s.scale(0), Some(64.0));
    let of = |amax: f32| policy.scale(Format::E4m3, amax.to_bits(), Some(3.0));
    assert_eq!((of(-448.0), of(-0.0)), (1.0, 3.0));
}

/// Tensors of both formats, added later; one that was not is told, not dropped silently.
#[test]
fn tensors_are_added_with_their_format() {
    let mut s = Delayed::new(vec![], 1, AmaxChoice::Max, Policy::default()).unwrap();
    assert!(!s.record(0, amax_bits(2.0)));
    assert_eq!((s.push(Format::E5m2), s.push(Format::E4m3), s.push(Format::E5m2)), (0, 1, 2));
    assert_eq!(s.format(0), Some(Format::E5m2));
    assert_eq!((s.format(1), s.format(3)), (Some(Format::E4m3), None));
    assert!((0..3).all(|i| s.record(i, amax_bits(2.0))) && !s.record(3, amax_bits(2.0)));
    s.update();
    assert_eq!([0, 1, 2, 3].map(|i| s.scale(i)), [Some(28672.0), Some(224.0), Some(28672.0), None]);
}

/// Every margin, at the ends of the amaxes: a scale and its reciprocal are usable numbers.
#[test]
fn scales_stay_in_range() {
    let amaxes = [1, 0x7f_ffff, 0x80_0000, 0x80_0001, 0x3f80_0000, 0x7149_f2ca, 0x7f7f_ffff];
    for margin in -64..=64 {
        for (format, _) in FORMATS {
            for amax in amaxes {
                for pow2 in [false, true] {
                    let policy = Policy { margin, pow2, ..Policy::default() };
                    assert!(policy.validate().is_ok());
                    let s = policy.scale(format, amax, None);
                    assert!((2f32.powi(-126)..=f32::MAX).contains(&s), "{margin} {amax:#x}: {s:e}");
                    assert!((1.0 / s).is_finite() && 1.0 / s > 0.0);
                    assert!(!pow2 || s.to_bits() & 0x7f_ffff == 0);
                }
            }
        }
    }
    let most = Policy { margin: 64, ..Policy::default() };
    assert_eq!(most.scale(Format::E4m3, amax_bits(1e30), None), f32::MIN_POSITIVE);
    // A scale that no policy gives counts as none.
    let keep = Policy::default();
    for before in [0.0, -2.0, f32::from_bits(1), f32::INFINITY, f32::NAN] {
        assert_eq!(keep.scale(Format::E4m3, 0, Some(before)), 1.0);
    }
}

/// The contract once more, with a list instead of rings and f64 instead of bits.
struct Naive {
    seen: Vec<f32>,
    scale: Option<f32>,
}

impl Naive {
    fn step(&mut self, now: f32, window: usize, choice: AmaxChoice, max: f32, policy: &Policy) {
        if !now.is_finite() || now == 0.0 {
            // Without a scale there is nothing to move.
            self.scale = self.scale.map(|s| match (now == 0.0, policy.zero, policy.non_finite) {
                (true, ZeroAmax::One, _) | (false, _, NonFiniteAmax::One) => 1.0,
                (false, _, NonFiniteAmax::Backoff) => (s / 2.0).max(2f32.powi(-126)),
                _ => s,
            });
            return;
        }
        self.seen.push(now);
        let from = self.seen.len().saturating_sub(window);
        let amax = match choice {
            AmaxChoice::Max => self.seen[from..].iter().copied().fold(0.0, f32::max),
            AmaxChoice::MostRecent => now,
        };
        let amax = if let TinyAmax::Floor(f) = policy.tiny { amax.max(f) } else { amax };
        let scale = (max as f64 * (-policy.margin as f64).exp2()) as f32 / amax;
        let scale = if scale.is_infinite() { f32::MAX } else { scale };
        let mut below = 2f64.powi(127);
        while policy.pow2 && below > f64::from(scale) {
            below /= 2.0;
        }
        self.scale = Some(if policy.pow2 { below as f32 } else { scale });
    }
}

fn amaxes() -> impl Strategy<Value = f32> {
    prop_oneof![
        4 => 1e-3f32..1e3,
        2 => any::<u32>().prop_map(|b| f32::from_bits(b & 0x7fff_ffff)),
        1 => Just(0.0),
        1 => Just(f32::INFINITY),
        1 => Just(f32::NAN),
        1 => Just(f32::MAX),
        1 => (1u32..0x0400_0000).prop_map(f32::from_bits),
    ]
}

proptest! {
    #[test]
    fn delayed_equals_naive(
        steps in prop::collection::vec([amaxes(), amaxes(), amaxes()], 1..60),
        window in prop::sample::select(vec![1usize, 2, 3, 31, 257]),
        recent in any::<bool>(),
        margin in -3i32..4,
        zero in prop::sample::select(vec![ZeroAmax::Keep, ZeroAmax::One]),
        non_finite in prop::sample::select(
            vec![NonFiniteAmax::Keep, NonFiniteAmax::Backoff, NonFiniteAmax::One]
        ),
        tiny in prop::sample::select(vec![TinyAmax::Clamp, TinyAmax::Floor(1e-4)]),
        (pow2, signs) in any::<(bool, bool)>(),
        format in prop::sample::select(FORMATS.to_vec()),
    ) {
        let choice = if recent { AmaxChoice::MostRecent } else { AmaxChoice::Max };
        let policy = Policy { zero, non_finite, tiny, margin, pow2 };
        let mut scaling = Delayed::new(vec![format.0; 3], window, choice, policy).unwrap();
        let mut naive = [(); 3].map(|()| Naive { seen: vec![], scale: None });
        for now in steps {
            for i in 0..3 {
                let bits = amax_bits(now[i]);
                // A sign, by either way in, is no part of a magnitude.
                if signs {
                    scaling.record(i, bits | 1 << 31);
                    scaling.amaxes_mut()[i] |= 1 << 31;
                } else {
                    scaling.record(i, bits);
                }
                naive[i].step(now[i], window, choice, format.1, &policy);
            }
            scaling.update();
            // A checkpoint in between changes nothing.
            let mut other = Delayed::new(vec![format.0; 3], window, choice, policy).unwrap();
            other.restore(scaling.state().clone()).unwrap();
            prop_assert_eq!(&other, &scaling);
            for (i, naive) in naive.iter().enumerate() {
                prop_assert_eq!(scaling.scale(i).map(f32::to_bits), naive.scale.map(f32::to_bits));
            }
        }
    }

    /// Ranks that see parts of the data agree, after a u32 maximum, with one that sees all.
    #[test]
    fn a_nan_on_any_rank_wins(parts in prop::collection::vec(amaxes(), 1..9)) {
        let together = parts.iter().map(|a| amax_bits(*a)).max().unwrap();
        prop_assert_eq!(
            f32::from_bits(together).is_nan(),
            parts.iter().any(|a| a.is_nan())
        );
        let mut one = Delayed::new(vec![Format::E4m3], 4, AmaxChoice::Max, Policy::default()).unwrap();
        for a in &parts {
            one.record(0, amax_bits(*a));
        }
        prop_assert_eq!(one.amaxes(), &[together][..]);
    }
}
