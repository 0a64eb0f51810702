//! The products that are timed, and their matrices.

use std::fmt;
use std::sync::Arc;

use quarter::gemm::{Plan, Promotion, ScaleOrder};
use quarter::gpu::{Buffer, Driver, GemmOn, Stream, WideType};
use quarter::quantize::{Matrix, Quantizer};
use quarter::{Format, Quantized};

/// A product, but for its plan.
#[derive(Clone, Copy)]
pub struct Case {
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub formats: (Format, Format),
}

impl Case {
    /// Each shape with the formats of a forward product, and of one with gradients.
    pub fn all(emulator: bool) -> impl Iterator<Item = Self> {
        // Squares, and the products of 4096 tokens in a block of Llama-3 8B that are none.
        let shapes: &[(usize, usize, usize)] = match emulator {
            true => &[(256, 256, 256), (200, 264, 160)],
            false => &[
                (2048, 2048, 2048),
                (4096, 4096, 4096),
                (8192, 8192, 8192),
                (4096, 14336, 4096),
                (4096, 4096, 14336),
            ],
        };
        let pairs = [(Format::E4m3, Format::E4m3), (Format::E5m2, Format::E4m3)];
        shapes.iter().flat_map(move |&(m, n, k)| pairs.map(|formats| Self { m, n, k, formats }))
    }

    /// Of A, B and D in bf16, each once.
    pub fn bytes(&self) -> usize {
        let Self { m, n, k, .. } = *self;
        m * k + n * k + 2 * m * n
    }

    /// Multiplications and additions.
    pub fn operations(&self) -> f64 {
        2.0 * self.m as f64 * self.n as f64 * self.k as f64
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { m, n, k, formats: (a, b) } = self;
        write!(f, "{a:?} x {b:?} {m}x{n}x{k}")
    }
}

pub const PLANS: [(&str, Promotion); 2] =
    [("fast", Promotion::Never), ("promote", Promotion::Every(128))];

/// Everything one launch touches.
pub struct Set {
    case: Case,
    a: Buffer,
    b: Buffer,
    d: Buffer,
    scale_inv_a: Buffer,
    scale_inv_b: Buffer,
}

impl Set {
    /// Sets of the same normal numbers, each with memory of its own.
    pub fn several(
        driver: &Arc<dyn Driver>,
        case: &Case,
        sets: usize,
    ) -> anyhow::Result<Vec<Self>> {
        let Case { m, n, k, formats } = *case;
        let (a, b) = (normal(formats.0, 1)?, normal(formats.1, 2)?);
        let (codes_a, codes_b) = (repeated(a.padded(), m * k), repeated(b.padded(), n * k));
        let set = || {
            let array = |bytes: &[u8]| Buffer::from_bytes(driver, bytes);
            Ok(Self {
                case: *case,
                a: array(&codes_a)?,
                b: array(&codes_b)?,
                d: Buffer::new(driver, 2 * m * n)?,
                scale_inv_a: array(&a.scale_inv()[0].to_le_bytes())?,
                scale_inv_b: array(&b.scale_inv()[0].to_le_bytes())?,
            })
        };
        (0..sets).map(|_| set()).collect()
    }

    pub fn enqueue(
        &self,
        driver: &dyn Driver,
        stream: Stream,
        promotion: Promotion,
    ) -> quarter::Result<()> {
        let Case { m, n, k, formats } = self.case;
        let work = GemmOn {
            formats,
            m,
            n,
            k,
            a: self.a.address(),
            pitch_a: k,
            scale_inv_a: self.scale_inv_a.address(),
            b: self.b.address(),
            pitch_b: k,
            scale_inv_b: self.scale_inv_b.address(),
            plan: Plan { promotion, scales: ScaleOrder::Combined },
            wide: WideType::Bf16,
            d: self.d.address(),
            pitch_d: n,
        };
        // SAFETY: the arrays are as large as the work says, and outlive the wait behind it.
        unsafe { work.enqueue(driver, stream) }
    }
}

/// Numbers that are drawn: a prime, so that no two rows are the same.
const PERIOD: usize = 1_048_573;

/// Standard normal numbers by Box and Muller, cast with a scale from their amax.
fn normal(format: Format, salt: u64) -> quarter::Result<Quantized> {
    let mut state = salt << 40;
    let numbers = (0..PERIOD).map(|_| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        let z = z ^ z >> 31;
        let unit = |bits: u64| (bits as f32 + 0.5) / (1u64 << 32) as f32;
        let (radius, angle) = (unit(z >> 32), unit(z & 0xffff_ffff));
        (-2.0 * radius.ln()).sqrt() * (std::f32::consts::TAU * angle).cos()
    });
    let numbers: Vec<f32> = numbers.collect();
    let quantizer = Quantizer { format, ..Quantizer::default() };
    Ok(quantizer.quantize(Matrix::new(&numbers, 1, PERIOD)?)?.data)
}

/// As many codes as are wanted. The padding of the one row is not among them.
fn repeated(codes: &[u8], n: usize) -> Vec<u8> {
    let mut all = codes[..PERIOD].repeat(n.div_ceil(PERIOD));
    all.truncate(n);
    all
}
