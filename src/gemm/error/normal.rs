//! The normal distribution.

use core::f64::consts::{PI, SQRT_2};

/// The density at z.
pub(super) fn density(z: f64) -> f64 {
    (-0.5 * z * z).exp() / (2.0 * PI).sqrt()
}

/// The probability below z, to 1.2e-7 of the smaller tail.
pub(super) fn below(z: f64) -> f64 {
    0.5 * erfc(-z / SQRT_2)
}

/// Numerical Recipes' Chebyshev fit of the complementary error function.
fn erfc(x: f64) -> f64 {
    const FIT: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let z = x.abs();
    let t = 1.0 / (1.0 + 0.5 * z);
    let tail = t * (FIT.iter().rev().fold(0.0, |sum, c| sum * t + c) - z * z).exp();
    if x >= 0.0 { tail } else { 2.0 - tail }
}

#[cfg(test)]
mod tests {
    #[test]
    fn tabulated_probabilities() {
        for (z, p) in
            [(0.0, 0.5), (1.0, 0.841_344_746), (-2.0, 0.022_750_132), (3.5, 0.999_767_371)]
        {
            assert!((super::below(z) - p).abs() < 2e-7, "{z}");
        }
    }
}
