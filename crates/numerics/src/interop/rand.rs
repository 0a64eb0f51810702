//! Random values.
//!
//! | distribution | a uniform real in | rounded |
//! |---|---|---|
//! | `StandardUniform` | [0, 1) | down |
//! | `Open01` | [0, 1), if it is not rounded to 0 | down |
//! | `OpenClosed01` | (0, 1] | up |
//! | `Uniform::new(low, high)` | [low, high) | down |
//! | `Uniform::new_inclusive(low, high)` | [low, high] | to nearest |
//!
//! So no value is outside its range, 1 included, and each has the probability of the reals that
//! become it. In E8M0, which has no 0, the smallest value stands for it: `StandardUniform` gives 1/2
//! every second time, 1/4 every fourth.

use ::rand::Rng;
use ::rand::distr::uniform::{Error, SampleBorrow, SampleUniform, UniformSampler};
use ::rand::distr::{Distribution, Open01, OpenClosed01, StandardUniform};

use super::for_floats;
use crate::{E4m3, E4m3Fnuz, E5m2, E5m2Fnuz, E8m0, E8m0Rounding};

/// 24 bits: every value and midpoint of [0, 1) is a multiple of 2^-18 in all formats.
fn multiple_of_2_24<R: Rng + ?Sized>(rng: &mut R) -> u32 {
    rng.next_u32() >> 8
}

/// A multiple of 2^-53 in [0, 1).
fn unit<R: Rng + ?Sized>(rng: &mut R) -> f64 {
    (rng.next_u64() >> 11) as f64 * const { 1.0 / (1u64 << 53) as f64 }
}

/// A range whose ends are numbers, in order.
fn ends(low: f64, high: f64, inclusive: bool) -> Result<(), Error> {
    if !low.is_finite() || !high.is_finite() {
        Err(Error::NonFinite)
    } else if low < high || inclusive && low == high {
        Ok(())
    } else {
        Err(Error::EmptyRange)
    }
}

/// A range of values, as [`rand::distr::Uniform`] holds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UniformRange<T> {
    low: T,
    high: T,
    inclusive: bool,
}

macro_rules! float {
    ($name:ident) => {
        impl Distribution<$name> for StandardUniform {
            fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> $name {
                <$name>::floor_of(f64::from(multiple_of_2_24(rng)) / f64::from(1 << 24))
            }
        }

        impl Distribution<$name> for Open01 {
            fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> $name {
                loop {
                    let x: $name = StandardUniform.sample(rng);
                    if x != <$name>::ZERO {
                        return x;
                    }
                }
            }
        }

        impl Distribution<$name> for OpenClosed01 {
            fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> $name {
                let x = f64::from(multiple_of_2_24(rng) + 1) / f64::from(1 << 24);
                -<$name>::floor_of(-x)
            }
        }

        impl $name {
            /// The largest value that is not above `x`, which is in range.
            fn floor_of(x: f64) -> Self {
                let near = Self::from_f64(x);
                if near.to_f64() <= x { near } else { near.below() }
            }

            /// The next value below a number. Zero, which may come of a tiny negative, counts as
            /// positive.
            fn below(self) -> Self {
                match self.to_bits() {
                    0 | 0x80 => -Self::MIN_POSITIVE_SUBNORMAL,
                    bits @ 0x81.. => Self::from_bits(bits + 1),
                    bits => Self::from_bits(bits - 1),
                }
            }
        }

        impl SampleUniform for $name {
            type Sampler = UniformRange<Self>;
        }

        impl UniformSampler for UniformRange<$name> {
            type X = $name;

            fn new<L, H>(low: L, high: H) -> Result<Self, Error>
            where
                L: SampleBorrow<$name>,
                H: SampleBorrow<$name>,
            {
                let (low, high) = (*low.borrow(), *high.borrow());
                ends(low.to_f64(), high.to_f64(), false)?;
                Ok(Self { low, high, inclusive: false })
            }

            fn new_inclusive<L, H>(low: L, high: H) -> Result<Self, Error>
            where
                L: SampleBorrow<$name>,
                H: SampleBorrow<$name>,
            {
                let (low, high) = (*low.borrow(), *high.borrow());
                ends(low.to_f64(), high.to_f64(), true)?;
                Ok(Self { low, high, inclusive: true })
            }

            fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> $name {
                let (low, high) = (self.low.to_f64(), self.high.to_f64());
                let x = low + (high - low) * unit(rng);
                if self.inclusive {
                    return <$name>::from_f64(x);
                }
                let x = <$name>::floor_of(x);
                // The sum may have been rounded up to the end.
                if x < self.high { x } else { self.high.below() }
            }
        }
    };
}

for_floats!(float);

/// Zeros before the first one in a stream of bits, of which 128 are looked at.
fn zeros<R: Rng + ?Sized>(rng: &mut R) -> i32 {
    match rng.next_u64().leading_zeros() {
        64 => 64 + rng.next_u64().leading_zeros() as i32,
        zeros => zeros as i32,
    }
}

fn power(exponent: i32) -> E8m0 {
    E8m0::from_exponent(exponent).unwrap_or(E8m0::MIN)
}

impl Distribution<E8m0> for StandardUniform {
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> E8m0 {
        power(-1 - zeros(rng))
    }
}

impl Distribution<E8m0> for Open01 {
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> E8m0 {
        StandardUniform.sample(rng)
    }
}

impl Distribution<E8m0> for OpenClosed01 {
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> E8m0 {
        power(-zeros(rng))
    }
}

impl SampleUniform for E8m0 {
    type Sampler = UniformRange<Self>;
}

impl UniformSampler for UniformRange<E8m0> {
    type X = E8m0;

    fn new<L: SampleBorrow<E8m0>, H: SampleBorrow<E8m0>>(low: L, high: H) -> Result<Self, Error> {
        let (low, high) = (*low.borrow(), *high.borrow());
        ends(low.to_f64(), high.to_f64(), false)?;
        Ok(Self { low, high, inclusive: false })
    }

    fn new_inclusive<L, H>(low: L, high: H) -> Result<Self, Error>
    where
        L: SampleBorrow<E8m0>,
        H: SampleBorrow<E8m0>,
    {
        let (low, high) = (*low.borrow(), *high.borrow());
        ends(low.to_f64(), high.to_f64(), true)?;
        Ok(Self { low, high, inclusive: true })
    }

    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> E8m0 {
        let (low, high) = (self.low.to_f64(), self.high.to_f64());
        let x = low + (high - low) * unit(rng);
        if self.inclusive {
            return E8m0::from_f64(x, E8m0Rounding::Nearest);
        }
        let x = E8m0::from_f64(x, E8m0Rounding::TowardZero);
        // The sum may have been rounded up to the end, which is not the smallest value.
        if x < self.high { x } else { E8m0::from_bits(self.high.to_bits() - 1) }
    }
}
