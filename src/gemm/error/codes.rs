//! The finite codes of a format, taken apart.

use crate::{E4m3, E5m2, Format, Fp8, Quantized};

/// A finite code other than zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    /// Its value in units of [`UNIT`]; below 2^32.
    pub(super) units: i64,
    /// The exponent the tensor core aligns by: that of the code, of a subnormal the
    /// smallest normal's.
    pub(super) exponent: i32,
    /// The largest power of two that divides it: the value is a multiple of `2^low`.
    pub(super) low: i32,
}

/// 2^e, for e of a normal f64.
pub(super) fn power(e: i32) -> f64 {
    f64::from_bits(((e + 1023) as u64) << 52)
}

/// The largest e with 2^e <= x; x is positive and normal.
pub(super) fn exponent(x: f64) -> i32 {
    (x.to_bits() >> 52) as i32 - 1023
}

/// Both formats are multiples of it: the smallest subnormal of E5M2 is 2^-16.
pub(super) const UNIT: f64 = 1.0 / 65536.0;

/// What a code is worth.
#[derive(Clone, Copy, Debug)]
pub(super) enum Code {
    Zero,
    Finite(Number),
    NonFinite,
}

impl Number {
    /// The value, exact.
    pub(super) fn value(self) -> f64 {
        self.units as f64 * UNIT
    }

    /// 2 to the exponent.
    pub(super) fn top(self) -> f64 {
        power(self.exponent)
    }

    /// The power of two that divides it.
    pub(super) fn divisor(self) -> f64 {
        power(self.low)
    }
}

/// All 256 codes.
pub(super) fn table(format: Format) -> [Code; 256] {
    match format {
        Format::E4m3 => of::<E4m3>(),
        Format::E5m2 => of::<E5m2>(),
    }
}

fn of<F: Fp8>() -> [Code; 256] {
    core::array::from_fn(|code| {
        let x = F::from_bits(code as u8);
        let units = (f64::from(x.to_f32()) / UNIT) as i64;
        match (x.is_finite(), units) {
            (false, _) => Code::NonFinite,
            (_, 0) => Code::Zero,
            _ => Code::Finite(Number {
                units,
                exponent: ((code as i32 & 0x7f) >> F::FRACTION_BITS).max(1) - F::BIAS,
                low: units.trailing_zeros() as i32 - 16,
            }),
        }
    })
}

/// For each column of a matrix, the sum over its rows of |element|, scales included.
pub(super) fn column_sizes(x: &Quantized) -> Vec<f64> {
    let table = table(x.format);
    let mut sums = vec![0.0; x.cols];
    for r in 0..x.rows {
        for (c, (sum, &code)) in sums.iter_mut().zip(x.row(r)).enumerate() {
            if let Code::Finite(number) = table[usize::from(code)] {
                *sum += number.value().abs() * f64::from(x.scale_inv_at(r, c));
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_taken_apart() {
        let get = |format, code: u8| match table(format)[usize::from(code)] {
            Code::Finite(n) => (n.value(), n.exponent, n.low),
            other => panic!("{other:?}"),
        };
        assert_eq!(get(Format::E4m3, 0x7e), (448.0, 8, 6));
        assert_eq!(get(Format::E4m3, 0xb9), (-1.125, 0, -3));
        assert_eq!(get(Format::E4m3, 0x02), (2f64.powi(-8), -6, -8));
        assert_eq!(get(Format::E5m2, 0x01), (2f64.powi(-16), -14, -16));
        assert_eq!(get(Format::E5m2, 0x7b), (57344.0, 15, 13));
        for code in [0x7c, 0x7d, 0xff] {
            assert!(matches!(table(Format::E5m2)[code], Code::NonFinite));
        }
        assert!(matches!(table(Format::E4m3)[0x7f], Code::NonFinite));
        assert!(matches!(table(Format::E4m3)[0x80], Code::Zero));
    }
}
