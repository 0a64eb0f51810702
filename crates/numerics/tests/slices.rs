//! Slices against the scalar conversions and a naive count.

mod oracle;

use half::{bf16, f16};
use oracle::{Definition, Random};
use proptest::prelude::*;
use quarter_numerics::slice::{self, CastStats, LengthMismatch, Wide};
use quarter_numerics::{E4m3, E5m2, Float8};

/// Values of every kind: specials, boundaries and random ones.
fn pool() -> Vec<f32> {
    let mut pool: Vec<f32> = [
        0x0000_0000,
        0x8000_0000,
        0x0000_0001,
        0x807f_ffff,
        0x0080_0000,
        0x7f7f_ffff,
        0xff7f_ffff,
        0x7f80_0000,
        0xff80_0000,
        0x7f80_0001,
        0x7fc0_0000,
        0xffff_ffff,
        0x3f80_0000,
        0x33d6_bf95,
    ]
    .map(f32::from_bits)
    .to_vec();
    for x in [448.0, 464.0, 57344.0, 61440.0, 2f32.powi(-10), 2f32.powi(-17), 0.015625] {
        pool.extend([x, -x, x.next_up(), x.next_down()]);
    }
    let mut random = Random(5);
    for _ in 0..200 {
        let bits = random.next();
        pool.push(f32::from_bits(bits as u32));
        pool.push(f32::from_bits(
            bits as u32 & 0x807f_ffff | (107 + (bits >> 40) as u32 % 38) << 23,
        ));
    }
    pool
}

/// The element types, with conversions from `half` and not from the crate.
trait Element: Wide + Copy {
    fn narrow(x: f32) -> Self;
    fn wide(self) -> f32;
    fn bits(self) -> u32;
}

impl Element for f32 {
    fn narrow(x: f32) -> Self {
        x
    }
    fn wide(self) -> f32 {
        self
    }
    fn bits(self) -> u32 {
        self.to_bits()
    }
}

macro_rules! element {
    ($($half:ident)*) => {$(
        impl Element for $half {
            fn narrow(x: f32) -> Self {
                $half::from_f32(x)
            }
            fn wide(self) -> f32 {
                self.to_f32_const()
            }
            fn bits(self) -> u32 {
                self.to_bits().into()
            }
        }
    )*};
}

element!(f16 bf16);

fn bits<F: Float8>(codes: &[F]) -> Vec<u8> {
    codes.iter().map(|c| c.to_bits()).collect()
}

fn magnitude(x: f32) -> u32 {
    x.to_bits() & 0x7fff_ffff
}

/// What [`CastStats`] documents, element by element, by the value rather than its bits.
fn count(stats: &mut CastStats, x: f32, y: f32, clipped: bool, code: u8) {
    stats.amax = stats.amax.max(magnitude(x));
    if !x.is_finite() || y.is_nan() {
        stats.non_finite += 1;
    } else if clipped {
        stats.saturated += 1;
    } else if x != 0.0 && code & 0x7f == 0 {
        stats.flushed += 1;
    }
}

fn naive<T: Element, F: Float8>(format: Definition, src: &[T], scale: f32) -> (Vec<u8>, CastStats) {
    let mut stats = CastStats::default();
    let cast = |x: &T| {
        let y = x.wide() * scale;
        let code = F::from_f32(y).to_bits();
        let clipped = !F::from_f32_nonsat(y).is_finite() && !y.is_nan();
        count(&mut stats, x.wide(), y, clipped, code);
        assert!(!clipped || code & 0x7f == format.max_code());
        code
    };
    (src.iter().map(cast).collect(), stats)
}

fn naive_stochastic<T: Element, F: Float8>(
    format: Definition,
    src: &[T],
    scale: f32,
    words: &[u32],
) -> (Vec<u8>, CastStats) {
    let mut stats = CastStats::default();
    let mut codes = Vec::new();
    for (group, word) in src.chunks(4).zip(words) {
        let mut y = [0.0; 4];
        for (y, x) in y.iter_mut().zip(group) {
            *y = x.wide() * scale;
            if y.is_nan() {
                *y = f32::from_bits(0x7fff_ffff);
            }
        }
        let quad = F::from_f32x4_stochastic(y, *word);
        for ((x, y), code) in group.iter().zip(y).zip(quad) {
            let clipped = f64::from(y).abs() > format.value(format.max_code());
            count(&mut stats, x.wide(), y, clipped, code.to_bits());
            codes.push(code.to_bits());
        }
    }
    (codes, stats)
}

fn every_length<T: Element, F: Float8>(format: Definition) {
    let pool: Vec<T> = pool().into_iter().map(T::narrow).collect();
    let scales = [1.0, 0.25, 448.0 / 3.7, 1e-30, 3e38, 0.0, f32::INFINITY, f32::NAN];
    let mut random = Random(6);
    for length in 0..=200 {
        let offset = random.next() as usize % (pool.len() - length);
        let src = &pool[offset..offset + length];
        let mut dst = vec![F::ONE; length];

        slice::cast(src, &mut dst).unwrap();
        assert_eq!(bits(&dst), naive::<T, F>(format, src, 1.0).0, "{length} from {offset}");
        assert_eq!(slice::amax(src), src.iter().map(|x| magnitude(x.wide())).max().unwrap_or(0));

        let scale = scales[length % scales.len()];
        let stats = slice::cast_scaled(src, scale, &mut dst).unwrap();
        assert_eq!((bits(&dst), stats), naive::<T, F>(format, src, scale), "{length} x {scale}");

        let words: Vec<u32> = (0..length.div_ceil(4)).map(|_| random.next() as u32).collect();
        let stats = slice::cast_stochastic(src, scale, &words, &mut dst).unwrap();
        let want = naive_stochastic::<T, F>(format, src, scale, &words);
        assert_eq!((bits(&dst), stats), want, "{length} x {scale}");
        dst.fill(F::ONE);
        let stats = slice::cast_stochastic_with(src, scale, |i| words[i], &mut dst).unwrap();
        assert_eq!((bits(&dst), stats), want, "{length} x {scale}");
    }
}

fn f32_slices<F: Float8>(format: Definition) {
    every_length::<f32, F>(format);
}

fn f16_slices<F: Float8>(format: Definition) {
    every_length::<f16, F>(format);
}

fn bf16_slices<F: Float8>(format: Definition) {
    every_length::<bf16, F>(format);
}

/// Each kind of damage alone, so that no counter hides behind another.
fn counts<F: Float8>(format: Definition) {
    let mut dst = [F::ZERO; 1];
    let mut stats = |x: f32, scale: f32| slice::cast_scaled(&[x], scale, &mut dst).unwrap();
    let threshold = format.midpoints().last().unwrap() as f32;
    // To the even code, which is past an odd largest one.
    let tie_overflows = u64::from(format.max_code() % 2);
    assert_eq!(stats(threshold, 1.0).saturated, tie_overflows);
    assert_eq!(stats(threshold.next_up(), 1.0).saturated, 1);
    assert_eq!(stats(threshold.next_down(), 1.0).saturated, 0);
    assert_eq!(stats(-threshold.next_up(), 1.0).saturated, 1);
    assert_eq!(stats(3e38, 2.0).saturated, 1);
    let half = format.midpoints().next().unwrap() as f32;
    assert_eq!((stats(half, 1.0).flushed, stats(half.next_up(), 1.0).flushed), (1, 0));
    assert_eq!((stats(-1e-40, 1.0).flushed, stats(-0.0, 1.0).flushed), (1, 0));
    for x in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
        let want = CastStats { amax: magnitude(x), non_finite: 1, ..CastStats::default() };
        assert_eq!(stats(x, 0.5), want);
    }
    assert_eq!(stats(0.0, f32::INFINITY).non_finite, 1);
}

fn widening<F: Float8>(_: Definition) {
    let codes: Vec<F> = (0..=u8::MAX).map(F::from_bits).collect();
    for length in (0..=200).chain([256]) {
        let src = &codes[codes.len() - length..];
        check_widen::<F, f32>(src);
        check_widen::<F, f16>(src);
        check_widen::<F, bf16>(src);
        for scale in [1.0, 0.3, 1e-40, f32::NAN] {
            let mut dst = vec![7.0; length];
            slice::widen_scaled(src, scale, &mut dst).unwrap();
            for (code, y) in src.iter().zip(dst) {
                let want = code.to_f32() * scale;
                let want = if want.is_nan() { 0x7fff_ffff } else { want.to_bits() };
                assert_eq!(y.to_bits(), want, "{code} x {scale}");
            }
        }
    }
}

fn check_widen<F: Float8, T: Element>(src: &[F]) {
    let mut dst = vec![T::narrow(7.0); src.len()];
    slice::widen(src, &mut dst).unwrap();
    for (code, x) in src.iter().zip(dst) {
        if code.is_nan() {
            assert_eq!(x.bits().trailing_ones(), size_of::<T>() as u32 * 8 - 1);
        } else {
            assert_eq!(x.wide().to_bits(), code.to_f32().to_bits());
        }
    }
}

for_all_formats! {
    from_f32 => f32_slices;
    from_f16 => f16_slices;
    from_bf16 => bf16_slices;
    exact_counts => counts;
    widen => widening;
}

/// The widening in the loops, for every half: seen through amax.
#[test]
fn halves_widen_as_half_does() {
    for bits in 0..=u16::MAX {
        let (x, y) = (f16::from_bits(bits), bf16::from_bits(bits));
        assert_eq!(slice::amax(&[x]), magnitude(x.to_f32_const()), "f16 {bits:#06x}");
        assert_eq!(slice::amax(&[y]), magnitude(y.to_f32_const()), "bf16 {bits:#06x}");
    }
}

#[test]
fn lengths_are_checked() {
    let x = [1.0f32; 9];
    let mut short = [E4m3::ZERO; 8];
    let error = slice::cast(&x, &mut short).unwrap_err();
    assert_eq!((error.what, error.expected, error.found), ("destination", 9, 8));
    assert_eq!(error.to_string(), "destination of length 8, but the source asks for 9");
    assert!(slice::cast_scaled(&x, 1.0, &mut short).is_err());
    assert!(slice::cast_stochastic(&x, 1.0, &[0; 3], &mut short).is_err());
    assert!(slice::cast_stochastic_with(&x, 1.0, |_| 0, &mut short).is_err());
    assert!(slice::widen(&short, &mut [0.0f32; 9]).is_err());
    assert!(slice::widen_scaled(&short, 1.0, &mut [0.0; 9]).is_err());
    assert_eq!(bits(&short), [0; 8]);
    let mut codes = [E4m3::ZERO; 9];
    let error: LengthMismatch = slice::cast_stochastic(&x, 1.0, &[0; 2], &mut codes).unwrap_err();
    assert_eq!((error.what, error.expected, error.found), ("random words", 3, 2));
    assert_eq!(bits(&codes), [0; 9]);
    assert!(slice::cast_stochastic(&x, 1.0, &[0; 4], &mut codes).is_ok());
}

/// More than one block of each loop, with the words in order across them.
#[test]
fn blocks_join() {
    let pool = pool();
    let src: Vec<f32> = (0..(1 << 20) + 37).map(|i| pool[i * 31 % pool.len()]).collect();
    let mut dst = vec![E5m2::ZERO; src.len()];
    let stats = slice::cast_scaled(&src, 3.0, &mut dst).unwrap();
    assert_eq!((bits(&dst), stats), naive::<f32, E5m2>(oracle::E5M2, &src, 3.0));
    let word = |i: usize| (i as u32).wrapping_mul(0x9e37_79b9);
    let words: Vec<u32> = (0..src.len().div_ceil(4)).map(word).collect();
    let want = naive_stochastic::<f32, E5m2>(oracle::E5M2, &src, 3.0, &words);
    let stats = slice::cast_stochastic(&src, 3.0, &words, &mut dst).unwrap();
    assert_eq!((bits(&dst), stats), want);
    let stats = slice::cast_stochastic_with(&src, 3.0, word, &mut dst).unwrap();
    assert_eq!((bits(&dst), stats), want);
}

#[test]
fn codes_as_bytes() {
    let mut codes = [E4m3::ONE, E4m3::NAN];
    assert_eq!(slice::as_bytes(&codes), [0x38, 0x7f]);
    slice::as_bytes_mut(&mut codes)[1] = 0xb8;
    assert_eq!(codes[1], E4m3::NEG_ONE);
    let mut bytes = [0x7c, 0x3c];
    assert_eq!(slice::from_bytes::<E5m2>(&bytes), [E5m2::INFINITY, E5m2::ONE]);
    slice::from_bytes_mut::<E5m2>(&mut bytes)[0] = E5m2::MAX;
    assert_eq!(bytes, [0x7b, 0x3c]);
}

proptest! {
    #[test]
    fn any_bits_any_scale(
        src in prop::collection::vec(any::<u32>().prop_map(f32::from_bits), 0..300),
        scale in any::<u32>().prop_map(f32::from_bits),
    ) {
        let mut dst = vec![E4m3::ZERO; src.len()];
        let stats = slice::cast_scaled(&src, scale, &mut dst).unwrap();
        prop_assert_eq!((bits(&dst), stats), naive::<f32, E4m3>(oracle::E4M3, &src, scale));
    }

    #[test]
    fn parts_merge_to_the_whole(
        src in prop::collection::vec(-600.0f32..600.0, 0..100),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut dst = vec![E4m3::ZERO; src.len()];
        let whole = slice::cast_scaled(&src, 1.0, &mut dst).unwrap();
        let cut = cut.index(src.len() + 1);
        let (low, high) = dst.split_at_mut(cut);
        let mut parts = slice::cast_scaled(&src[cut..], 1.0, high).unwrap();
        parts.merge(slice::cast_scaled(&src[..cut], 1.0, low).unwrap());
        prop_assert_eq!(parts, whole);
    }
}
