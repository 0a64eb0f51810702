//! Arithmetics that are wrong in one rule each.

mod base;

use quarter_numerics::tensor_core::{
    Arithmetic, Gpu, Instruction, Joins, Nan, Overflow, Products, Rounding, Rules, Subnormals,
    Zeros, known,
};

pub use base::Base;

pub struct Mutant {
    pub base: Base,
    pub name: &'static str,
    /// The rule that it breaks.
    pub rule: &'static str,
    pub change: fn(Arithmetic) -> Arithmetic,
}

/// Fields replaced.
macro_rules! with {
    ($($field:ident: $value:expr),*) => { |t| Arithmetic { $($field: $value,)* ..t } };
}

/// A rule replaced.
macro_rules! rule {
    ($field:ident: $value:expr) => {
        |t| Arithmetic { rules: Rules { $field: $value, ..t.rules }, ..t }
    };
}

/// The arithmetic of another instruction.
macro_rules! other {
    ($gpu:ident, $instruction:ident) => {
        |t| {
            let known =
                known::find(Gpu::$gpu, Instruction::$instruction, (t.a, t.b), t.accumulator);
            known.unwrap().arithmetic
        }
    };
}

const fn mutant(
    base: Base,
    name: &'static str,
    rule: &'static str,
    change: fn(Arithmetic) -> Arithmetic,
) -> Mutant {
    Mutant { base, name, rule, change }
}

pub const MUTANTS: &[Mutant] = {
    use Base::*;
    const BITS: &str = "13 bits are kept below the largest exponent";
    const CUT: &str = "addends are cut toward zero";
    const ALIGNED_ONCE: &str = "32 products are aligned once";
    const C: &str = "c is aligned with the products";
    const STORED: &str = "exponents are those stored, nothing is normalised";
    const SUBNORMAL: &str = "subnormals are honoured";
    const ZERO: &str = "a zero has no exponent";
    const OUT: &str = "a result is cut to 13 bits";
    const OUT_F16: &str = "an f16 result is rounded to nearest even";
    const NAN: &str = "NaN is all ones";
    const SPECIAL: &str = "infinity times zero, and infinity less infinity, are NaN";
    const PLUS: &str = "a result of zero is +0";
    const OVERFLOW: &str = "a result too large is infinity";
    const FLOOR: &str = "exponents have the floor -133, or -21 with f16 results";
    const NO_FLOOR: &str = "exponents have no floor";
    const HMMA: &str = "25 bits are kept on Hopper, 24 on Ada, 23 on Volta";
    const GROUPS: &str = "16 products are aligned together on Hopper, 8 on Ada, 4 on Volta";
    const HALVES: &str = "k % 4 < 2 comes first, then the others";
    const ADDED: &str = "c is added last, to nearest even";
    const ADA: &str = "0 to 15 come first, then 16 to 31";
    const OUT_F32: &str = "an f32 result is cut";
    const TCGEN05: &str = "32 products are aligned once, 25 bits are kept";
    &[
        mutant(WgmmaF32, "F = 11", BITS, with!(fraction_bits: 11)),
        mutant(WgmmaF32, "F = 12", BITS, with!(fraction_bits: 12)),
        mutant(WgmmaF32, "F = 14, 13 bits out", BITS, with!(fraction_bits: 14)),
        mutant(WgmmaF32, "F = 14, 14 bits out", BITS, with!(fraction_bits: 14, result_bits: 14)),
        mutant(WgmmaF32, "F = 15, 13 bits out", BITS, with!(fraction_bits: 15)),
        mutant(WgmmaF32, "F = 23, 23 bits out", BITS, with!(fraction_bits: 23, result_bits: 23)),
        mutant(WgmmaF32, "F = 25, 23 bits out", BITS, with!(fraction_bits: 25, result_bits: 23)),
        mutant(WgmmaF32, "exact sum", BITS, with!(fraction_bits: 90)),
        mutant(WgmmaF32, "align down", CUT, with!(alignment: Rounding::Down)),
        mutant(WgmmaF32, "align to even", CUT, with!(alignment: Rounding::NearestEven)),
        mutant(WgmmaF32, "align half away", CUT, with!(alignment: Rounding::NearestAway)),
        mutant(WgmmaF32, "c with 1 bit more", C, rule!(c_extra_bits: 1)),
        mutant(WgmmaF32, "c with 10 bits more", C, rule!(c_extra_bits: 10)),
        mutant(WgmmaF32, "products normalised", STORED, rule!(products: Products::Normalised)),
        mutant(WgmmaF32, "subnormals normalised", STORED, rule!(operands: Subnormals::Normalised)),
        mutant(WgmmaF32, "operands flushed", SUBNORMAL, rule!(operands: Subnormals::Flushed)),
        mutant(WgmmaF32, "c flushed", SUBNORMAL, rule!(c: Subnormals::Flushed)),
        mutant(WgmmaF32, "results flushed", SUBNORMAL, rule!(results: Subnormals::Flushed)),
        mutant(WgmmaF32, "2 of 16", ALIGNED_ONCE, with!(group: 16, run: 16)),
        mutant(WgmmaF32, "2 of 16, even and odd", ALIGNED_ONCE, with!(group: 16, run: 1)),
        mutant(WgmmaF32, "2 of 16, pairs", ALIGNED_ONCE, with!(group: 16, run: 2)),
        mutant(WgmmaF32, "4 of 8", ALIGNED_ONCE, with!(group: 8, run: 8)),
        mutant(WgmmaF32, "8 of 4", ALIGNED_ONCE, with!(group: 4, run: 4)),
        mutant(WgmmaF32, "one after another", ALIGNED_ONCE, with!(group: 1, run: 1)),
        mutant(WgmmaF32, "c in a last step", C, with!(c: Joins::Last)),
        mutant(WgmmaF32, "c added at last", C, with!(c: Joins::Added)),
        mutant(WgmmaF32, "23 bits out", OUT, with!(result_bits: 23)),
        mutant(WgmmaF32, "12 bits out", OUT, with!(result_bits: 12)),
        mutant(WgmmaF32, "out to even", OUT, with!(result: Rounding::NearestEven)),
        mutant(WgmmaF32, "out half away", OUT, with!(result: Rounding::NearestAway)),
        mutant(WgmmaF32, "out down", OUT, with!(result: Rounding::Down)),
        mutant(WgmmaF32, "zero as a subnormal", ZERO, rule!(zeros: Zeros::AsSubnormal)),
        mutant(WgmmaF32, "zero with its partner", ZERO, rule!(zeros: Zeros::Partner)),
        mutant(WgmmaF32, "NaN of the quiet bit", NAN, rule!(nan: Nan::Quiet)),
        mutant(WgmmaF32, "NaN of c", NAN, rule!(nan: Nan::OfC)),
        mutant(WgmmaF32, "-0 kept", PLUS, rule!(negative_zero: true)),
        mutant(WgmmaF32, "floor -21", NO_FLOOR, with!(floor: Some(-21))),
        mutant(WgmmaF32E5m2, "inf * 0 is 0", SPECIAL, rule!(infinity_times_zero_is_nan: false)),
        mutant(
            WgmmaF32E5m2,
            "inf - inf is inf",
            SPECIAL,
            rule!(opposite_infinities_are_nan: false),
        ),
        mutant(WgmmaF32, "as Hopper's mma.sync", ALIGNED_ONCE, other!(Hopper, MmaSync)),
        mutant(WgmmaF16, "F = 12", BITS, with!(fraction_bits: 12)),
        mutant(WgmmaF16, "F = 14", BITS, with!(fraction_bits: 14)),
        mutant(WgmmaF16, "F = 25", BITS, with!(fraction_bits: 25)),
        mutant(WgmmaF16, "align down", CUT, with!(alignment: Rounding::Down)),
        mutant(WgmmaF16, "align to even", CUT, with!(alignment: Rounding::NearestEven)),
        mutant(WgmmaF16, "products normalised", STORED, rule!(products: Products::Normalised)),
        mutant(WgmmaF16, "subnormals normalised", STORED, rule!(operands: Subnormals::Normalised)),
        mutant(WgmmaF16E5m2, "c normalised", STORED, rule!(c: Subnormals::Normalised)),
        mutant(WgmmaF16, "operands flushed", SUBNORMAL, rule!(operands: Subnormals::Flushed)),
        mutant(WgmmaF16, "c flushed", SUBNORMAL, rule!(c: Subnormals::Flushed)),
        mutant(WgmmaF16, "results flushed", SUBNORMAL, rule!(results: Subnormals::Flushed)),
        mutant(WgmmaF16, "2 of 16", ALIGNED_ONCE, with!(group: 16, run: 16)),
        mutant(WgmmaF16, "2 of 16, pairs", ALIGNED_ONCE, with!(group: 16, run: 2)),
        mutant(WgmmaF16, "c in a last step", C, with!(c: Joins::Last)),
        mutant(WgmmaF16, "c added at last", C, with!(c: Joins::Added)),
        mutant(WgmmaF16, "out cut", OUT_F16, with!(result: Rounding::TowardZero)),
        mutant(WgmmaF16, "out half away", OUT_F16, with!(result: Rounding::NearestAway)),
        mutant(WgmmaF16, "9 bits out", OUT_F16, with!(result_bits: 9)),
        mutant(WgmmaF16, "zero as a subnormal", ZERO, rule!(zeros: Zeros::AsSubnormal)),
        mutant(WgmmaF16, "overflow saturates", OVERFLOW, rule!(overflow: Overflow::Saturated)),
        mutant(WgmmaF16, "-0 kept", PLUS, rule!(negative_zero: true)),
        mutant(WgmmaF16, "NaN of the quiet bit", NAN, rule!(nan: Nan::Quiet)),
        mutant(WgmmaF16, "as Hopper's mma.sync", ALIGNED_ONCE, other!(Hopper, MmaSync)),
        mutant(HopperF32, "F = 24", HMMA, with!(fraction_bits: 24)),
        mutant(HopperF32, "F = 23", HMMA, with!(fraction_bits: 23)),
        mutant(HopperF32, "F = 26", HMMA, with!(fraction_bits: 26)),
        mutant(HopperF32, "half as wide", GROUPS, |t| Arithmetic {
            group: t.group / 2,
            run: t.run / 2,
            ..t
        }),
        mutant(HopperF32, "twice as wide", GROUPS, |t| Arithmetic {
            k: t.k * 2,
            group: t.group * 2,
            run: t.run * 2,
            ..t
        }),
        mutant(HopperF32, "as Ada", GROUPS, other!(Ada, MmaSync)),
        mutant(HopperF32, "align to even", CUT, with!(alignment: Rounding::NearestEven)),
        mutant(HopperF32, "out to even", OUT_F32, with!(result: Rounding::NearestEven)),
        mutant(HopperF32, "13 bits out", OUT_F32, with!(result_bits: 13)),
        mutant(HopperF32, "c in a last step", C, with!(c: Joins::Last)),
        mutant(HopperF32, "c added at last", C, with!(c: Joins::Added)),
        mutant(HopperF32, "products normalised", STORED, rule!(products: Products::Normalised)),
        mutant(HopperF32, "operands flushed", SUBNORMAL, rule!(operands: Subnormals::Flushed)),
        mutant(HopperF32, "c flushed", SUBNORMAL, rule!(c: Subnormals::Flushed)),
        mutant(HopperF32, "inf * 0 is 0", SPECIAL, rule!(infinity_times_zero_is_nan: false)),
        mutant(HopperF32, "inf - inf is inf", SPECIAL, rule!(opposite_infinities_are_nan: false)),
        mutant(HopperF32Wide, "no floor", FLOOR, with!(floor: None)),
        mutant(HopperF32Wide, "floor -132", FLOOR, with!(floor: Some(-132))),
        mutant(HopperF32Wide, "floor -134", FLOOR, with!(floor: Some(-134))),
        mutant(HopperF32Wide, "overflow saturates", OVERFLOW, rule!(overflow: Overflow::Saturated)),
        mutant(HopperF16, "F = 24", HMMA, with!(fraction_bits: 24)),
        mutant(HopperF16, "out cut", OUT_F16, with!(result: Rounding::TowardZero)),
        mutant(HopperF16, "-0 kept", PLUS, rule!(negative_zero: true)),
        mutant(HopperF16, "c normalised", STORED, rule!(c: Subnormals::Normalised)),
        mutant(HopperF16, "overflow saturates", OVERFLOW, rule!(overflow: Overflow::Saturated)),
        mutant(HopperF16, "no floor", FLOOR, with!(floor: None)),
        mutant(HopperF16, "floor -20", FLOOR, with!(floor: Some(-20))),
        mutant(HopperF16, "floor -22", FLOOR, with!(floor: Some(-22))),
        mutant(AdaF32, "F = 25", HMMA, with!(fraction_bits: 25)),
        mutant(AdaF32, "F = 23", HMMA, with!(fraction_bits: 23)),
        mutant(AdaF32, "as Hopper", GROUPS, other!(Hopper, MmaSync)),
        mutant(AdaF32, "twice as wide", GROUPS, |t| Arithmetic {
            k: t.k * 2,
            group: t.group * 2,
            run: t.run * 2,
            ..t
        }),
        mutant(AdaF16, "F = 25", HMMA, with!(fraction_bits: 25)),
        mutant(VoltaF32, "F = 24", HMMA, with!(fraction_bits: 24)),
        mutant(VoltaF32, "as Ada", GROUPS, other!(Turing, MmaSync)),
        mutant(EmulatedF32, "F = 24", HMMA, with!(fraction_bits: 24)),
        mutant(EmulatedF32, "halves of neighbours", HALVES, with!(run: 16)),
        mutant(EmulatedF32, "even and odd", HALVES, with!(run: 1)),
        mutant(EmulatedF32, "fours", HALVES, with!(run: 4)),
        mutant(EmulatedF32, "all 32 at once", HALVES, with!(group: 32, run: 32)),
        mutant(EmulatedF32, "c first", ADDED, with!(c: Joins::First)),
        mutant(EmulatedF32, "c aligned and cut", ADDED, with!(c: Joins::Last)),
        mutant(EmulatedF32, "out to even", OUT_F32, with!(result: Rounding::NearestEven)),
        mutant(EmulatedF32, "operands flushed", SUBNORMAL, rule!(operands: Subnormals::Flushed)),
        mutant(EmulatedF32, "as wgmma", HALVES, other!(Hopper, Wgmma)),
        mutant(EmulatedF32, "as Ada's", HALVES, other!(Ada, MmaSync)),
        mutant(EmulatedF16, "halves of neighbours", HALVES, with!(run: 16)),
        mutant(EmulatedF16, "c first", ADDED, with!(c: Joins::First)),
        mutant(EmulatedF16, "out cut", OUT_F16, with!(result: Rounding::TowardZero)),
        mutant(EmulatedF16E5m2, "-0 kept", PLUS, rule!(negative_zero: true)),
        mutant(AdaFp8F32, "all 32 at once", ADA, with!(group: 32, run: 32)),
        mutant(AdaFp8F32, "even and odd", ADA, with!(run: 1)),
        mutant(AdaFp8F32, "pairs", ADA, with!(run: 2)),
        mutant(AdaFp8F32, "4 of 8", ADA, with!(group: 8, run: 8)),
        mutant(AdaFp8F32, "F = 14", BITS, with!(fraction_bits: 14)),
        mutant(AdaFp8F32, "23 bits out", OUT, with!(result_bits: 23)),
        mutant(AdaFp8F32, "c in a last step", C, with!(c: Joins::Last)),
        mutant(AdaFp8F16, "all 32 at once", ADA, with!(group: 32, run: 32)),
        mutant(AdaFp8F16, "out cut", OUT_F16, with!(result: Rounding::TowardZero)),
        mutant(Tcgen05F32, "F = 24", TCGEN05, with!(fraction_bits: 24)),
        mutant(Tcgen05F32, "2 of 16", TCGEN05, with!(group: 16, run: 16)),
        mutant(Tcgen05F32, "13 bits out", OUT_F32, with!(result_bits: 13)),
        mutant(Tcgen05F32, "out to even", OUT_F32, with!(result: Rounding::NearestEven)),
        mutant(Tcgen05F16, "F = 24", TCGEN05, with!(fraction_bits: 24)),
    ]
};
