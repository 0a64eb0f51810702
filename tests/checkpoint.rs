//! States saved in one cut and loaded in another.

use half::bf16;
use proptest::prelude::*;
use quarter::Error;
use quarter::adamw::checkpoint::{Checkpoint, Shard, save};
use quarter::adamw::{
    self, Clock, FullMoments, Gradient, Hyper, Moments, Options, Rounding, SecondForm,
    StepConstants, StoredMoments, Weights,
};
use quarter::random::{Source, Stream};

fn uniform(seed: u64, i: u64) -> f32 {
    let word = Source { seed, tensor: 1, step: 0 }.words(Stream::Data, i)[0];
    (f64::from(word) / 2f64.powi(31) - 1.0) as f32
}

/// A tensor in shards that train side by side.
#[derive(Clone)]
struct Run {
    shards: Vec<StoredMoments>,
    weights: Vec<bf16>,
    clock: Clock,
}

impl Run {
    fn new(form: Option<SecondForm>, len: usize, cuts: &[usize]) -> Self {
        let ends = cuts.iter().copied().chain([len]);
        let mut first = 0;
        let shards = ends.map(|end| {
            let (from, n) = (std::mem::replace(&mut first, end) as u64, end);
            let n = n - from as usize;
            match form {
                None => FullMoments::from_parts(from, vec![0.0; n], vec![0.0; n]).unwrap().into(),
                Some(form) => Moments::new_shard(form, from, n).unwrap().into(),
            }
        });
        let shards = shards.collect();
        let weights = (0..len as u64).map(|i| bf16::from_f32(uniform(1, i))).collect();
        Self { shards, weights, clock: Clock::START }
    }

    fn step(&mut self) {
        let hyper = Hyper::default();
        self.clock.advance(&hyper);
        let k = StepConstants::new(&hyper, &self.clock, 1.0, 1.0).unwrap();
        let t = self.clock.t;
        let g = |i: u64| uniform(t, i).powi(5);
        for shard in &mut self.shards {
            let (first, len) = (shard.first() as usize, shard.len());
            let gradient: Vec<f32> = (first..first + len).map(|i| g(i as u64)).collect();
            let weights = &mut self.weights[first..first + len];
            let weights = Weights::Bf16 { weights, rounding: Rounding::Stochastic };
            let source = Source { seed: 3, tensor: 0, step: t as u32 };
            let gradient = Gradient::F32(&gradient);
            let _ = match shard {
                StoredMoments::Fp8(m) => {
                    adamw::step(weights, gradient, m, &k, &Options::new(&hyper), source)
                }
                StoredMoments::Full(m) => adamw::step_full(weights, gradient, m, &k, source),
            }
            .unwrap();
        }
    }

    fn len(&self) -> usize {
        self.weights.len()
    }

    /// A file for each shard.
    fn save(&self) -> Vec<Vec<u8>> {
        let file = |moments| {
            save(&self.clock, &[Shard { name: "w", whole_len: self.len() as u64, moments }])
                .unwrap()
        };
        self.shards.iter().map(file).collect()
    }

    /// The same run in other shards.
    fn recut(&self, cuts: &[usize]) -> Self {
        let files = self.save();
        let files: Vec<&[u8]> = files.iter().rev().map(|file| &file[..]).collect();
        let checkpoint = Checkpoint::open(&files).unwrap();
        assert_eq!(checkpoint.tensors().collect::<Vec<_>>(), [("w", self.len() as u64)]);
        let empty = Self::new(Some(SecondForm::Sqrt), self.len(), cuts);
        let load =
            |shard: &StoredMoments| checkpoint.moments("w", shard.first(), shard.len()).unwrap();
        Self {
            shards: empty.shards.iter().map(load).collect(),
            weights: self.weights.clone(),
            clock: checkpoint.clock(),
        }
    }
}

fn lens() -> impl Strategy<Value = usize> {
    prop_oneof![prop::sample::select(vec![0, 1, 127, 128, 129, 256, 509, 1021]), 0..1500usize]
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0..10usize, 0..4)
}

/// Multiples of 128 within a length, in order.
fn within(cuts: &[usize], len: usize) -> Vec<usize> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| (128 * cut).min(len / 128 * 128)).collect();
    cuts.sort_unstable();
    cuts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn other_shards_train_on_with_the_same_bits(
        form in prop::sample::select(vec![None, Some(SecondForm::Sqrt), Some(SecondForm::Linear)]),
        len in lens(),
        (before, after) in (cuts(), cuts()),
    ) {
        let mut whole = Run::new(form, len, &[]);
        let mut cut = Run::new(form, len, &within(&before, len));
        for _ in 0..3 {
            whole.step();
            cut.step();
        }
        let mut recut = cut.recut(&within(&after, len));
        for _ in 0..3 {
            whole.step();
            recut.step();
        }
        prop_assert_eq!(&recut.weights, &whole.weights);
        prop_assert_eq!(&recut.recut(&[]).shards, &whole.shards);
        prop_assert_eq!(recut.clock, whole.clock);
    }
}

/// From f32 moments into FP8 ones, and back.
#[test]
fn a_run_may_move() {
    let mut run = Run::new(None, 1000, &[512]);
    (0..5).for_each(|_| run.step());
    let full = run.recut(&[]);
    let [StoredMoments::Full(moments)] = &full.shards[..] else { panic!("f32 moments") };
    let fp8 = Moments::from_full(SecondForm::Sqrt, moments);
    let mut moved = Run { shards: vec![fp8.clone().into()], ..full.clone() };
    (0..5).for_each(|_| moved.step());
    let back = moved.recut(&[128]);
    let there = |shard: &StoredMoments| match shard {
        StoredMoments::Fp8(moments) => StoredMoments::Full(moments.to_full()),
        StoredMoments::Full(_) => panic!("FP8 moments"),
    };
    let mut back = Run { shards: back.shards.iter().map(there).collect(), ..back };
    (0..5).for_each(|_| back.step());
    assert_eq!(back.clock.t, 15);
    assert!(back.weights.iter().all(|w| w.is_finite()));
    assert_ne!(back.weights, full.weights);
}

fn refused<T>(result: Result<T, Error>) -> String {
    match result {
        Err(error) => error.to_string(),
        Ok(_) => panic!("not refused"),
    }
}

#[test]
fn what_is_not_there_or_does_not_fit_is_refused() {
    let mut run = Run::new(Some(SecondForm::Sqrt), 1000, &[256, 512]);
    run.step();
    let files = run.save();
    let of = |files: &[Vec<u8>], name: &str, first, len| {
        let files: Vec<&[u8]> = files.iter().map(|file| &file[..]).collect();
        Checkpoint::open(&files).and_then(|checkpoint| checkpoint.moments(name, first, len))
    };
    assert!(of(&files, "w", 128, 640).is_ok());
    for (message, expected) in [
        (
            refused(of(&files[..2], "w", 0, 1000)),
            "range is w from 0, 1000 elements of 1000: nothing of block 4",
        ),
        (refused(of(&files, "b", 0, 1000)), "tensor is b; it is one of"),
        (refused(of(&files, "w", 64, 64)), "range is w from 64, 64 elements of 1000; it begins"),
        (refused(of(&files, "w", 0, 100)), "range is w from 0, 100 elements of 1000; it ends"),
        (refused(of(&files, "w", 0, 1128)), "range is w from 0, 1128 elements of 1000; it ends"),
        (refused(of(&[], "w", 0, 1000)), "checkpoint is no file; one at least"),
    ] {
        assert!(message.starts_with(expected), "{message}");
    }
    // Another step; the same place with other bits; another form.
    let mut later = run.clone();
    later.step();
    let mixed = [files[0].clone(), later.save()[1].clone(), files[2].clone()];
    assert!(refused(of(&mixed, "w", 0, 1000)).starts_with("clock is Clock { t: 2"));
    later.clock = run.clock;
    let twice = [files.clone(), later.save()].concat();
    assert!(
        refused(of(&twice, "w", 0, 1000)).starts_with("shards is w, block 0; where they overlap")
    );
    assert!(of(&[files.clone(), files.clone()].concat(), "w", 0, 1000).is_ok());
    let mut linear = Run::new(Some(SecondForm::Linear), 1000, &[]);
    linear.step();
    let forms = [files.clone(), linear.save()].concat();
    assert!(refused(of(&forms, "w", 0, 1000)).starts_with("shard is w: "));
    let shard = |whole_len| {
        let moments = &run.shards[0];
        save(&run.clock, &[Shard { name: "w", whole_len, moments }; 1])
    };
    assert!(refused(shard(200)).starts_with("shard is w from 0 to 256 of 200; it ends"));
    let one = Shard { name: "w", whole_len: 1000, moments: &run.shards[0] };
    assert_eq!(
        refused(save(&run.clock, &[one, one])),
        "shard is w; each tensor comes once in a file"
    );
}

/// Every byte of a file changed or cut off: refused, or another state; never a panic.
#[test]
fn damage_is_no_panic() {
    let mut run = Run::new(Some(SecondForm::Sqrt), 300, &[]);
    run.step();
    let file = &run.save()[0];
    let whole = &run.shards[0];
    let load = |file: &[u8]| Checkpoint::open(&[file]).and_then(|c| c.moments("w", 0, 300));
    assert_eq!(load(file).unwrap(), *whole);
    let mut refusals = 0;
    for at in 0..file.len() {
        assert!(load(&file[..at]).is_err());
        for change in [0x01, 0x80, 0xff] {
            let mut file = file.clone();
            file[at] ^= change;
            refusals += usize::from(load(&file).is_err());
        }
    }
    assert!(refusals > 200, "{refusals}");
    // Codes and scales that no step leaves.
    let text = |from: &str, to: &str| {
        let at = file.windows(from.len()).position(|w| w == from.as_bytes()).unwrap();
        let mut file = file.clone();
        file[at..at + from.len()].copy_from_slice(to.as_bytes());
        refused(load(&file))
    };
    assert!(
        text("quarter.version\":\"1", "quarter.version\":\"2")
            .starts_with("version is 2; version 1")
    );
    assert!(
        text("sqrt 0 300", "sqrt 8 300").starts_with("shard is w: sqrt 8 300 with 300 elements")
    );
    assert!(text("sqrt 0 300", "cbrt 0 300").starts_with("shard is w: cbrt 0 300; sqrt, linear"));
    assert!(text("F8_E4M3", "F8_E5M2").starts_with("entry is w."));
    assert!(
        text("clock\":\"1 3f", "clock\":\"0 3f").starts_with("clock.beta1_pow is 0.9; it is 1")
    );
}
