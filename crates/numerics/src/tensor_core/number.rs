//! Numbers taken apart.

use super::rules::Subnormals;

/// An operand, a product or an accumulator, taken apart.
#[derive(Clone, Copy, Debug)]
pub(super) enum Addend {
    Finite(Number),
    Infinity { negative: bool },
    Nan,
}

/// `(-1)^negative * significand * 2^(exponent - fraction_bits)`. A subnormal keeps the exponent
/// of the smallest normal and a significand without the leading one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    pub negative: bool,
    pub significand: u32,
    pub exponent: i32,
    pub fraction_bits: u32,
}

impl Number {
    /// Exact: significands have 24 bits at most.
    pub fn to_f64(self) -> f64 {
        let magnitude =
            f64::from(self.significand) * power(self.exponent - self.fraction_bits as i32);
        if self.negative { -magnitude } else { magnitude }
    }

    /// With a significand of 1 or more and below 2, its exponent changed to suit. Zero stays.
    pub fn normalised(self) -> Self {
        if self.significand == 0 {
            return self;
        }
        let leading = self.significand.ilog2();
        let exponent = self.exponent + leading as i32 - self.fraction_bits as i32;
        Self { exponent, fraction_bits: leading, ..self }
    }
}

/// `2^exponent`, for exponents of normal f64.
pub(super) fn power(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023).clamp(0, 2047) as u64) << 52)
}

/// How a format spends its bits below the sign.
pub(super) struct Layout {
    pub exponent_bits: u32,
    pub fraction_bits: u32,
    pub bias: i32,
}

impl Layout {
    /// IEEE: the largest exponent is that of infinity and NaN.
    pub fn decode(&self, code: u32, subnormals: Subnormals) -> Addend {
        let specials = (1 << self.exponent_bits) - 1;
        let negative = code >> (self.exponent_bits + self.fraction_bits) & 1 != 0;
        match (code >> self.fraction_bits & specials, code & self.fraction_mask()) {
            (biased, 0) if biased == specials => Addend::Infinity { negative },
            (biased, _) if biased == specials => Addend::Nan,
            _ => Addend::Finite(self.number(code, subnormals)),
        }
    }

    /// Every exponent is that of numbers.
    pub fn number(&self, code: u32, subnormals: Subnormals) -> Number {
        let negative = code >> (self.exponent_bits + self.fraction_bits) & 1 != 0;
        let biased = code >> self.fraction_bits & ((1 << self.exponent_bits) - 1);
        let fraction = code & self.fraction_mask();
        let fraction_bits = self.fraction_bits;
        let (significand, exponent) = match biased {
            0 => (fraction, 1 - self.bias),
            _ => (fraction | 1 << fraction_bits, biased as i32 - self.bias),
        };
        let number = Number { negative, significand, exponent, fraction_bits };
        match subnormals {
            Subnormals::Normalised if biased == 0 => number.normalised(),
            Subnormals::Flushed if biased == 0 => Number { significand: 0, ..number },
            _ => number,
        }
    }

    fn fraction_mask(&self) -> u32 {
        (1 << self.fraction_bits) - 1
    }
}
