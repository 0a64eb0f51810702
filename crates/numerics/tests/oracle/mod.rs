//! FP8 rounding by exact integer comparison, from the definition of the formats.
//!
//! Shares nothing with the crate: magnitudes are integers in units of 2^-18, of
//! which every code and every midpoint of all formats is a multiple, and an input
//! is compared with the midpoints one by one (by bisection).
#![allow(dead_code, reason = "each test binary uses a part")]

use std::cmp::Ordering;

/// A format by its definition: in the OCP standard, or the FNUZ proposal.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    pub fraction_bits: u32,
    pub bias: i32,
    /// First magnitude that is not a finite number; in FNUZ past all of them.
    pub first_special: u8,
    /// Code of infinity, in E5M2.
    pub infinity: Option<u8>,
    /// The code of -0 is the one NaN.
    pub fnuz: bool,
}

pub const E4M3: Definition =
    Definition { fraction_bits: 3, bias: 7, first_special: 0x7f, infinity: None, fnuz: false };
pub const E5M2: Definition = Definition {
    fraction_bits: 2,
    bias: 15,
    first_special: 0x7c,
    infinity: Some(0x7c),
    fnuz: false,
};
pub const E4M3_FNUZ: Definition =
    Definition { fraction_bits: 3, bias: 8, first_special: 0x80, infinity: None, fnuz: true };
pub const E5M2_FNUZ: Definition =
    Definition { fraction_bits: 2, bias: 16, first_special: 0x80, infinity: None, fnuz: true };

/// Exponent of the unit in which magnitudes and midpoints are counted.
pub const UNIT: i32 = -18;
/// Units in 1.
pub const SCALE: f64 = 262144.0;

/// An input taken apart: finite values are `significand * 2^exponent`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    Nan { negative: bool },
    Infinite { negative: bool },
    Finite { negative: bool, significand: u64, exponent: i32 },
}

/// Takes an IEEE interchange format apart.
pub fn decode(bits: u64, exponent_bits: u32, fraction_bits: u32) -> Value {
    let negative = bits >> (exponent_bits + fraction_bits) & 1 == 1;
    let field = bits >> fraction_bits & ((1 << exponent_bits) - 1);
    let fraction = bits & ((1 << fraction_bits) - 1);
    let bias = (1 << (exponent_bits - 1)) - 1;
    if field == (1 << exponent_bits) - 1 {
        if fraction == 0 { Value::Infinite { negative } } else { Value::Nan { negative } }
    } else if field == 0 {
        let exponent = 1 - bias - fraction_bits as i32;
        Value::Finite { negative, significand: fraction, exponent }
    } else {
        let exponent = field as i32 - bias - fraction_bits as i32;
        Value::Finite { negative, significand: fraction | 1 << fraction_bits, exponent }
    }
}

pub fn decode_f32(x: f32) -> Value {
    decode(x.to_bits().into(), 8, 23)
}

pub fn decode_f64(x: f64) -> Value {
    decode(x.to_bits(), 11, 52)
}

/// The exact order of `significand * 2^exponent` and `units * 2^UNIT`.
pub fn compare(significand: u64, exponent: i32, units: u64) -> Ordering {
    let shift = exponent - UNIT;
    if significand == 0 || units == 0 {
        significand.cmp(&units)
    } else if shift >= 64 {
        Ordering::Greater
    } else if shift <= -64 {
        Ordering::Less
    } else if shift >= 0 {
        (u128::from(significand) << shift).cmp(&units.into())
    } else {
        u128::from(significand).cmp(&(u128::from(units) << -shift))
    }
}

impl Definition {
    pub fn max_code(self) -> u8 {
        self.first_special - 1
    }

    /// The magnitude a code would have if every code were a number, in units.
    pub fn magnitude(self, code: u8) -> u64 {
        self.extended(code & 0x7f)
    }

    /// The same, and what would follow the last magnitude.
    fn extended(self, code: u8) -> u64 {
        let code = u64::from(code);
        let field = (code >> self.fraction_bits) as i32;
        let fraction = code & ((1 << self.fraction_bits) - 1);
        let lowest = -self.bias - self.fraction_bits as i32 - UNIT;
        if field == 0 {
            fraction << (lowest + 1)
        } else {
            (fraction | 1 << self.fraction_bits) << (lowest + field)
        }
    }

    /// The value of a code as f64, by its definition.
    pub fn value(self, code: u8) -> f64 {
        let sign = if code & 0x80 == 0 { 1.0 } else { -1.0 };
        match code & 0x7f {
            c if Some(c) == self.infinity => sign * f64::INFINITY,
            c if c >= self.first_special => f64::NAN,
            0 if self.fnuz && code == 0x80 => f64::NAN,
            c => sign * self.magnitude(c) as f64 / SCALE,
        }
    }

    /// The code nearest to a magnitude, ties to the even code, as if all codes were numbers.
    ///
    /// `order(units)` is the exact order of the magnitude and `units * 2^UNIT`.
    fn nearest(self, order: impl Fn(u64) -> Ordering) -> u8 {
        // How many of the midpoints (c, c+1) lie below, counting a tie below an even c+1.
        let (mut low, mut high) = (0, self.first_special);
        while low < high {
            let c = low + (high - low) / 2;
            let midpoint = self.midpoint(c);
            let above = match order(midpoint) {
                Ordering::Greater => true,
                Ordering::Equal => c % 2 == 1,
                Ordering::Less => false,
            };
            if above {
                low = c + 1;
            } else {
                high = c;
            }
        }
        low
    }

    /// Nearest even and then the range test: the saturated code and the plain one.
    pub fn cast(self, negative: bool, order: impl Fn(u64) -> Ordering) -> (u8, u8) {
        let nearest = self.nearest(order);
        if nearest >= self.first_special {
            (self.signed(self.max_code(), negative), self.signed(self.special(), negative))
        } else {
            (self.signed(nearest, negative), self.signed(nearest, negative))
        }
    }

    /// A magnitude with a sign, if it can have one.
    pub fn signed(self, code: u8, negative: bool) -> u8 {
        if negative && !(self.fnuz && code == 0) { code | 0x80 } else { code }
    }

    /// The NaN without a sign, or the one there is.
    pub fn nan(self) -> u8 {
        if self.fnuz { 0x80 } else { 0x7f }
    }

    /// Infinity, or NaN where there is none.
    pub fn special(self) -> u8 {
        self.infinity.unwrap_or(self.nan())
    }

    /// Between a magnitude and the next.
    fn midpoint(self, code: u8) -> u64 {
        (self.extended(code) + self.extended(code + 1)) / 2
    }

    /// [`cast`](Self::cast) of a decoded input; NaN has no sign.
    pub fn round(self, x: Value) -> (u8, u8) {
        match x {
            Value::Nan { .. } => (self.nan(), self.nan()),
            Value::Infinite { negative } => self.cast(negative, |_| Ordering::Greater),
            Value::Finite { negative, significand, exponent } => {
                self.cast(negative, |units| compare(significand, exponent, units))
            }
        }
    }

    /// Every midpoint between neighbouring magnitudes, the one above the largest included.
    pub fn midpoints(self) -> impl Iterator<Item = f64> {
        (0..self.first_special).map(move |c| self.midpoint(c) as f64 / SCALE)
    }
}

/// A small generator with full period (SplitMix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
}

/// Runs a generic check for every format with its definition.
#[macro_export]
macro_rules! for_all_formats {
    ($($name:ident => $check:ident;)*) => {$(
        mod $name {
            #[test]
            fn e4m3() {
                super::$check::<quarter_numerics::E4m3>(super::oracle::E4M3);
            }
            #[test]
            fn e5m2() {
                super::$check::<quarter_numerics::E5m2>(super::oracle::E5M2);
            }
            #[test]
            fn e4m3_fnuz() {
                super::$check::<quarter_numerics::E4m3Fnuz>(super::oracle::E4M3_FNUZ);
            }
            #[test]
            fn e5m2_fnuz() {
                super::$check::<quarter_numerics::E5m2Fnuz>(super::oracle::E5M2_FNUZ);
            }
        }
    )*};
}
