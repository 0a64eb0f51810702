//! Chains of steps over whole strips, and what does not fit the fast arithmetic.

use super::path::Path;
use super::portable;
use super::step::{Kind, LANES, RowStep, StripStep};
use crate::Format;
use crate::tensor_core::wgmma::{CANONICAL_NAN, wgmma_k32_codes};

/// The tensor core for one pair of formats on one [`Path`]: decodes operands and runs chains.
///
/// ```
/// use quarter_numerics::tensor_core::TensorCore;
/// use quarter_numerics::Format;
///
/// let core = TensorCore::new(Format::E4m3, Format::E5m2);
/// let (mut row, mut strip) = (core.row_step(), core.strip_step());
/// core.decode_row(&[0x38; 4], &mut row); // 1, 1, 1, 1
/// core.decode_strip(|n, _| if n == 0 { 0x40 } else { 0xbc }, &mut strip); // 2; -1
/// let mut acc = [0.5; 32];
/// core.chain(&[row], &[strip], &mut acc);
/// assert_eq!(acc[..2], [8.5, -3.5]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TensorCore {
    kind: Kind,
    path: Path,
}

impl TensorCore {
    /// On the fastest path of this machine. Look-up is cheap, but make one for each product, not
    /// for each output.
    pub fn new(a: Format, b: Format) -> Self {
        let path = Path::best();
        Self { kind: Kind { a, b, layout: path.layout() }, path }
    }

    /// On a given path; `None` if this machine lacks it.
    pub fn with_path(a: Format, b: Format, path: Path) -> Option<Self> {
        path.is_available().then_some(Self { kind: Kind { a, b, layout: path.layout() }, path })
    }

    /// The path the chains take.
    pub fn path(&self) -> Path {
        self.path
    }

    /// A step of A, 32 elements of `+0`: the buffer to decode into.
    pub fn row_step(&self) -> RowStep {
        RowStep::zero(self.kind)
    }

    /// A step of B, 32 columns of `+0`: the buffer to decode into.
    pub fn strip_step(&self) -> StripStep {
        StripStep::zero(self.kind)
    }

    /// Decodes one k32 step of a row of A. `codes` holds up to 32, more are not read; the rest is
    /// `+0`.
    pub fn decode_row(&self, codes: &[u8], step: &mut RowStep) {
        step.decode(codes, self.kind);
    }

    /// Decodes one k32 step of 32 columns of B, whatever its storage: `code(n, k)` is called once
    /// for each of the 32 x 32 elements and returns 0 for those outside the matrix.
    pub fn decode_strip(&self, code: impl FnMut(usize, usize) -> u8, step: &mut StripStep) {
        step.decode(self.kind, code);
    }

    /// `acc[n] = wgmma_k32(a[s], column n of b[s], acc[n])` for every step `s` in order, on all
    /// 32 columns. Stops at the shorter of `a` and `b`.
    ///
    /// Bit for bit [`wgmma_k32`](crate::tensor_core::wgmma_k32), NaN and infinities included; a column that
    /// has any takes the slow path for that step, the others do not pay. Steps that another
    /// `TensorCore` decoded are computed with the formats and bits they were decoded from, slowly.
    ///
    /// A strip step is 6 to 8 KiB here. Many rows over a strip that does not fit the first-level
    /// cache run faster in blocks of a few steps, `acc` carried from block to block.
    pub fn chain(&self, a: &[RowStep], b: &[StripStep], acc: &mut [f32; LANES]) {
        match self.path {
            Path::Portable => steps(self.kind, a, b, acc, portable::step),
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => super::x86::avx2(self.kind, a, b, acc),
            #[cfg(target_arch = "x86_64")]
            Path::Avx512 => super::x86::avx512(self.kind, a, b, acc),
            #[cfg(not(target_arch = "x86_64"))]
            Path::Avx2 | Path::Avx512 => steps(self.kind, a, b, acc, portable::step),
        }
    }
}

/// The chain around a path's arithmetic for finite inputs.
#[inline(always)]
pub(super) fn steps(
    kind: Kind,
    a: &[RowStep],
    b: &[StripStep],
    acc: &mut [f32; LANES],
    finite: impl Fn(&RowStep, &StripStep, &mut [f32; LANES]),
) {
    let mut special = special_lanes(acc);
    for (a, b) in a.iter().zip(b) {
        let lanes = slow_lanes(kind, a, b, special);
        if lanes == 0 {
            finite(a, b, acc);
        } else {
            special = slow_step(a, b, lanes, acc, &finite);
        }
    }
}

/// Bit `n`: `acc[n]` is NaN or an infinity.
#[inline(always)]
pub(super) fn special_lanes(acc: &[f32; LANES]) -> u32 {
    acc.iter().enumerate().fold(0, |lanes, (n, c)| lanes | u32::from(!c.is_finite()) << n)
}

/// Bit `n`: lane `n` needs the specification, `special` being those that do for their `acc`.
#[inline(always)]
pub(super) fn slow_lanes(kind: Kind, a: &RowStep, b: &StripStep, special: u32) -> u32 {
    if a.special || a.kind != kind || b.kind != kind { u32::MAX } else { special | b.special }
}

/// A step with `lanes` by the specification. Returns the special lanes of the new `acc`.
#[cold]
#[inline(never)]
pub(super) fn slow_step(
    a: &RowStep,
    b: &StripStep,
    lanes: u32,
    acc: &mut [f32; LANES],
    finite: impl Fn(&RowStep, &StripStep, &mut [f32; LANES]),
) -> u32 {
    let before = *acc;
    if lanes != u32::MAX {
        finite(a, b, acc);
    }
    for (n, (acc, c)) in acc.iter_mut().zip(before).enumerate() {
        if lanes >> n & 1 != 0 {
            *acc = if c.is_nan() {
                f32::from_bits(CANONICAL_NAN)
            } else {
                wgmma_k32_codes((a.kind.a, b.kind.b), &a.codes, &b.codes[n], c)
            };
        }
    }
    special_lanes(acc)
}
