//! The choices an arithmetic makes.

/// How bits that do not fit are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rounding {
    /// The magnitude is cut.
    TowardZero,
    /// Toward minus infinity, as cutting a two's complement number does.
    Down,
    /// To nearest, ties to even.
    NearestEven,
    /// To nearest, ties away from zero.
    NearestAway,
}

/// What known GPUs have in common. [`Rules::KNOWN`] is that, and FP8 through f16 differs in its
/// subnormal operands; the rest is for experiments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rules {
    /// Subnormal operands.
    pub operands: Subnormals,
    /// A subnormal accumulator.
    pub c: Subnormals,
    /// Subnormal results are kept if this is `AsStored`, zero if it is `Flushed`.
    pub results: Subnormals,
    /// The exponent of a product.
    pub products: Products,
    /// The exponent of a zero.
    pub zeros: Zeros,
    /// Bits of c kept below the grid of the products.
    pub c_extra_bits: u32,
    /// What a result beyond the largest number becomes.
    pub overflow: Overflow,
    /// Whether a sum that is negative, or made of -0 alone, leaves -0 when it comes out as zero.
    pub negative_zero: bool,
    /// Which NaN a result is.
    pub nan: Nan,
    /// Whether infinity times zero is NaN; else it is zero.
    pub infinity_times_zero_is_nan: bool,
    /// Whether infinities of both signs are NaN; else the positive one wins.
    pub opposite_infinities_are_nan: bool,
}

impl Rules {
    /// As every GPU does it, so far as is known.
    pub const KNOWN: Self = Self {
        operands: Subnormals::AsStored,
        c: Subnormals::AsStored,
        results: Subnormals::AsStored,
        products: Products::AsStored,
        zeros: Zeros::Ignored,
        c_extra_bits: 0,
        overflow: Overflow::Infinity,
        negative_zero: false,
        nan: Nan::Canonical,
        infinity_times_zero_is_nan: true,
        opposite_infinities_are_nan: true,
    };
}

/// What becomes of subnormals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subnormals {
    /// The exponent of the smallest normal number and a significand below 1.
    AsStored,
    /// The same value with a significand of 1 or more, and a smaller exponent.
    Normalised,
    /// Zero.
    Flushed,
}

/// The exponent of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Products {
    /// The sum of the operands' exponents.
    AsStored,
    /// That of the product's leading bit.
    Normalised,
}

/// The exponent with which a zero takes part in the alignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Zeros {
    /// None: it takes no part.
    Ignored,
    /// That of a subnormal of its format, in a product added to its partner's.
    AsSubnormal,
    /// -126 in an operand, added to its partner's: what an early model assumed.
    Partner,
}

/// What a result beyond the largest number becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// Infinity, also where results are cut.
    Infinity,
    /// The largest number.
    Saturated,
}

/// Which NaN a result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Nan {
    /// All ones but the sign: NVIDIA's.
    Canonical,
    /// The quiet bit alone: what most processors make.
    Quiet,
    /// That of c, made quiet, if c is NaN; else the quiet bit alone.
    OfC,
}
