//! The contract once more, one element at a time.

use half::{bf16, f16};
use quarter::gemm::{Plan, Promotion, ScaleOrder};
use quarter::numerics::tensor_core::wgmma_k32;
use quarter::quantize::Granularity;
use quarter::{E4m3, E5m2, Element, Format, Fp8, Quantized};

/// The scale of element (r, k), read off the documented layout.
fn scale(q: &Quantized, r: usize, k: usize) -> f32 {
    let blocks = q.cols().div_ceil(128);
    q.scale_inv()[match q.granularity() {
        Granularity::Tensor => 0,
        Granularity::Row => r,
        Granularity::Block1x128 => r * blocks + k / 128,
        Granularity::Block128x128 => r / 128 * blocks + k / 128,
    }]
}

fn k32(a: &Quantized, m: usize, b: &Quantized, n: usize, k: usize, c: f32) -> f32 {
    fn codes<F: Fp8>(q: &Quantized, r: usize, k: usize) -> [F; 32] {
        core::array::from_fn(|i| {
            let inside = k + i < q.cols();
            F::from_bits(if inside { q.padded()[r * q.pitch() + k + i] } else { 0 })
        })
    }
    use Format::{E4m3 as P, E5m2 as R};
    match (a.format(), b.format()) {
        (P, P) => wgmma_k32(&codes::<E4m3>(a, m, k), &codes::<E4m3>(b, n, k), c),
        (P, R) => wgmma_k32(&codes::<E4m3>(a, m, k), &codes::<E5m2>(b, n, k), c),
        (R, P) => wgmma_k32(&codes::<E5m2>(a, m, k), &codes::<E4m3>(b, n, k), c),
        (R, R) => wgmma_k32(&codes::<E5m2>(a, m, k), &codes::<E5m2>(b, n, k), c),
    }
}

/// `y` of one element of D, before the epilogue.
pub fn naive(a: &Quantized, m: usize, b: &Quantized, n: usize, plan: &Plan) -> f32 {
    let blocked = [a, b]
        .iter()
        .any(|q| matches!(q.granularity(), Granularity::Block1x128 | Granularity::Block128x128));
    let interval = match plan.promotion {
        Promotion::Never => usize::MAX,
        Promotion::Every(n) => n,
    };
    let mut y = 0f32;
    let mut k0 = 0;
    while k0 < a.cols() {
        let end = a.cols().min(k0.saturating_add(interval));
        let mut p = 0f32;
        let mut k = k0;
        while k < end {
            p = k32(a, m, b, n, k, p);
            k += 32;
        }
        let (sa, sb) = (scale(a, m, k0), scale(b, n, k0));
        y = match (blocked, plan.scales) {
            (false, _) => y + p,
            (true, ScaleOrder::Sequential) => f32::mul_add(p * sa, sb, y),
            (true, ScaleOrder::Combined) => f32::mul_add(sa * sb, p, y),
        };
        k0 = end;
    }
    if blocked || a.cols() == 0 {
        return y;
    }
    let (sa, sb) = (scale(a, m, 0), scale(b, n, 0));
    match plan.scales {
        ScaleOrder::Sequential => y * sa * sb,
        ScaleOrder::Combined => y * (sa * sb),
    }
}

/// One rounding to nearest-even: of the neighbours of a first guess the nearest, the
/// even one of two. (`half` 2.7.1 drops the low 32 bits of an f64 before it rounds.)
pub fn round<T: Element>(x: f64) -> T {
    fn nearest(x: f64, guess: u16, value: impl Fn(u16) -> f64) -> u16 {
        let magnitude = guess & 0x7fff;
        [magnitude.saturating_sub(1), magnitude, magnitude + 1]
            .into_iter()
            .min_by(|a, b| {
                let far = |m: u16| (value(m) - x.abs()).abs();
                far(*a).total_cmp(&far(*b)).then((a & 1).cmp(&(b & 1)))
            })
            .map_or(guess, |m| m | guess & 0x8000)
    }
    let narrow: Box<dyn std::any::Any> = match std::any::type_name::<T>() {
        "f32" => Box::new(x as f32),
        _ if !x.is_finite() => return T::from_f32(x as f32),
        name if name.ends_with("bf16") => {
            let value = |m: u16| {
                f64::from(f32::from_bits(u32::from(m.min(0x7f7f)) << 16))
                    + if m > 0x7f7f { 2f64.powi(120) } else { 0.0 }
            };
            Box::new(bf16::from_bits(nearest(x, bf16::from_f64(x).to_bits(), value)))
        }
        _ => {
            let value =
                |m: u16| if m > 0x7bff { 65536.0 } else { f64::from(f16::from_bits(m).to_f32()) };
            Box::new(f16::from_bits(nearest(x, f16::from_f64(x).to_bits(), value)))
        }
    };
    *narrow.downcast().unwrap()
}
