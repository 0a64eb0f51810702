//! Operands decoded once, ahead of the chains that use them.

use super::path::{Layout, ZERO_EXPONENT};
use crate::Format;

/// Outputs computed side by side: the columns of a [`StripStep`].
pub const LANES: usize = 32;

/// Depth of one instruction.
pub const STEP: usize = 32;

/// One k32 step of one row of A, decoded for every column it will meet.
#[derive(Clone)]
#[repr(C, align(64))]
pub struct RowStep {
    /// As [`Layout`] says, one word for all columns.
    pub(super) planes: [u32; 64],
    pub(super) codes: [u8; STEP],
    /// Bit `k`: sign of element `k`.
    pub(super) signs: u32,
    /// NaN or an infinity is among the elements.
    pub(super) special: bool,
    pub(super) kind: Kind,
}

/// One k32 step of 32 columns of B, decoded and transposed.
#[derive(Clone)]
#[repr(C, align(64))]
pub struct StripStep {
    /// As [`Layout`] says, one word for each column.
    pub(super) planes: [[u32; LANES]; 64],
    /// By column.
    pub(super) codes: [[u8; STEP]; LANES],
    /// By column, bit `k`: sign of element `k`.
    pub(super) signs: [u32; LANES],
    /// Bit `n`: NaN or an infinity is in column `n`.
    pub(super) special: u32,
    pub(super) kind: Kind,
}

/// What a step was decoded for. A row and a strip go together if theirs are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) a: Format,
    pub(super) b: Format,
    pub(super) layout: Layout,
}

impl Kind {
    /// The shift that gives a product of significands 13 fraction bits.
    fn product_shift(self) -> u32 {
        let fraction_bits = |format| match format {
            Format::E4m3 => 3,
            Format::E5m2 => 2,
        };
        13 - fraction_bits(self.a) - fraction_bits(self.b)
    }
}

impl RowStep {
    /// 32 elements of `+0`.
    pub(super) fn zero(kind: Kind) -> Self {
        let mut step = Self { planes: [0; 64], codes: [0; STEP], signs: 0, special: false, kind };
        step.decode(&[], kind);
        step
    }

    /// Up to 32 codes; the rest is `+0`.
    pub(super) fn decode(&mut self, codes: &[u8], kind: Kind) {
        self.kind = kind;
        self.codes = [0; STEP];
        for (to, from) in self.codes.iter_mut().zip(codes) {
            *to = *from;
        }
        // A strip of one column.
        let across = self.codes.map(|code| [code]);
        let mut planes = [[0]; 64];
        let mut facts = Facts { signs: [0], largest: [0] };
        decode(kind.a, kind.layout, &across, &mut planes, &mut facts);
        self.planes = planes.map(|[word]| word);
        if kind.layout == Layout::PairedInteger {
            // Products get their 13 fraction bits from here: 15 << 9 is the largest.
            let magnitudes = &mut self.planes[..STEP / 2];
            magnitudes.iter_mut().for_each(|pair| *pair <<= kind.product_shift());
        }
        self.signs = facts.signs[0];
        self.special = facts.largest[0] >= first_special(kind.a);
    }
}

impl StripStep {
    /// 32 columns of `+0`.
    pub(super) fn zero(kind: Kind) -> Self {
        let mut step = Self {
            planes: [[0; LANES]; 64],
            codes: [[0; STEP]; LANES],
            signs: [0; LANES],
            special: 0,
            kind,
        };
        step.decode(kind, |_, _| 0);
        step
    }

    /// `code(n, k)` for every column `n` and every `k`, in an order of its own.
    pub(super) fn decode(&mut self, kind: Kind, mut code: impl FnMut(usize, usize) -> u8) {
        self.kind = kind;
        let mut across = [[0; LANES]; STEP];
        for (n, column) in self.codes.iter_mut().enumerate() {
            for (k, to) in column.iter_mut().enumerate() {
                *to = code(n, k);
                across[k][n] = *to;
            }
        }
        let mut facts = Facts { signs: [0; LANES], largest: [0; LANES] };
        decode(kind.b, kind.layout, &across, &mut self.planes, &mut facts);
        self.signs = facts.signs;
        let special = facts.largest.map(|code| code >= first_special(kind.b));
        self.special = special.iter().rev().fold(0, |mask, &bit| mask << 1 | u32::from(bit));
    }
}

/// The smallest code without its sign that is no finite number.
fn first_special(format: Format) -> u8 {
    match format {
        Format::E4m3 => 0x7f,
        Format::E5m2 => 0x7c,
    }
}

/// What is known of each of `N` columns beside its planes.
struct Facts<const N: usize> {
    /// Bit `k`: sign of element `k`.
    signs: [u32; N],
    /// The largest code without its sign.
    largest: [u8; N],
}

/// Decodes `codes[k][n]` into planes. NaN and infinities decode to anything.
fn decode<const N: usize>(
    format: Format,
    layout: Layout,
    codes: &[[u8; N]; STEP],
    planes: &mut [[u32; N]; 64],
    facts: &mut Facts<N>,
) {
    for (k, codes) in codes.iter().enumerate() {
        for (n, &code) in codes.iter().enumerate() {
            facts.signs[n] |= u32::from(code >> 7) << k;
            facts.largest[n] = facts.largest[n].max(code & 0x7f);
        }
    }
    match (layout, format) {
        (Layout::Float, Format::E4m3) => floats::<3, 7, N>(codes, planes),
        (Layout::Float, Format::E5m2) => floats::<2, 15, N>(codes, planes),
        (Layout::PairedInteger, Format::E4m3) => pairs::<3, 7, N>(codes, planes),
        (Layout::PairedInteger, Format::E5m2) => pairs::<2, 15, N>(codes, planes),
    }
}

/// Significand and exponent of a code, a subnormal with those of the specification.
#[inline(always)]
fn split<const FRACTION_BITS: u32, const BIAS: i32>(code: u8) -> (u32, i32) {
    let magnitude = u32::from(code & 0x7f);
    let biased = magnitude >> FRACTION_BITS;
    let leading = u32::from(biased != 0) << FRACTION_BITS;
    (magnitude & ((1 << FRACTION_BITS) - 1) | leading, biased.max(1) as i32 - BIAS)
}

/// The planes of [`Layout::Float`].
fn floats<const FRACTION_BITS: u32, const BIAS: i32, const N: usize>(
    codes: &[[u8; N]; STEP],
    planes: &mut [[u32; N]; 64],
) {
    let (values, powers) = planes.split_at_mut(STEP);
    let last_place = 1.0 / (1 << FRACTION_BITS) as f32;
    for ((codes, values), powers) in codes.iter().zip(values).zip(powers) {
        for n in 0..N {
            let (significand, exponent) = split::<FRACTION_BITS, BIAS>(codes[n]);
            let power = f32::from_bits(((exponent + 127) as u32) << 23);
            let value = significand as i32 as f32 * last_place * power;
            values[n] = value.to_bits() | u32::from(codes[n] >> 7) << 31;
            powers[n] = if significand == 0 { 0 } else { power.to_bits() };
        }
    }
}

/// The planes of [`Layout::PairedInteger`].
fn pairs<const FRACTION_BITS: u32, const BIAS: i32, const N: usize>(
    codes: &[[u8; N]; STEP],
    planes: &mut [[u32; N]; 64],
) {
    let (magnitudes, rest) = planes.split_at_mut(STEP / 2);
    let (exponents, signs) = rest.split_at_mut(STEP / 2);
    for (pair, codes) in codes.chunks_exact(2).enumerate() {
        for n in 0..N {
            let half = |code: u8| {
                let (significand, exponent) = split::<FRACTION_BITS, BIAS>(code);
                let exponent = if significand == 0 { ZERO_EXPONENT } else { exponent };
                (significand, exponent as u32 & 0xffff, u32::from(code >> 7) * 0xffff)
            };
            let (even, odd) = (half(codes[0][n]), half(codes[1][n]));
            magnitudes[pair][n] = even.0 | odd.0 << 16;
            exponents[pair][n] = even.1 | odd.1 << 16;
            signs[pair][n] = even.2 | odd.2 << 16;
        }
    }
}
