//! The distribution of one product, from how often each code occurs.

use super::codes::UNIT;
use super::groups::Magnitude;

/// Exponents of products: -14 - 14 to 15 + 15.
pub(super) const EXPONENTS: core::ops::RangeInclusive<i32> = -28..=30;
/// Grids, as exponents: below all products and above all of them.
pub(super) const GRIDS: core::ops::RangeInclusive<i32> = -33..=32;
const CLASSES: usize = (*EXPONENTS.end() - *EXPONENTS.start() + 1) as usize;
const CUTS: usize = (*GRIDS.end() - *GRIDS.start() + 1) as usize;

/// Expectations of a product p over some of the products.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moments {
    /// The probability.
    pub(super) weight: f64,
    pub(super) p: f64,
    pub(super) p2: f64,
}

/// Likewise, of what cutting p to a grid adds to it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cut {
    pub(super) cut: f64,
    pub(super) cut2: f64,
    pub(super) cut_p: f64,
}

impl Moments {
    fn add(&mut self, other: Self) {
        self.weight += other.weight;
        self.p += other.p;
        self.p2 += other.p2;
    }
}

impl Cut {
    fn add(&mut self, other: Self) {
        self.cut += other.cut;
        self.cut2 += other.cut2;
        self.cut_p += other.cut_p;
    }
}

/// A product of a random element of A and a random one of B.
pub(super) struct Population {
    /// Over the products whose exponent is at most this one, zeros included.
    moments: Vec<Moments>,
    cuts: Vec<[Cut; CUTS]>,
    /// Probability that a product is zero, and that it is a multiple of `2^h`.
    zero: f64,
    multiples: [f64; CUTS],
}

impl Population {
    pub(super) fn new(of_a: &[Magnitude], of_b: &[Magnitude]) -> Self {
        let mut moments = vec![Moments::default(); CLASSES];
        let mut cuts = vec![[Cut::default(); CUTS]; CLASSES];
        let mut lows = [0.0; CUTS];
        for x in of_a {
            for y in of_b {
                let class = (x.number.exponent + y.number.exponent - EXPONENTS.start()) as usize;
                let weight = (x.plus + x.minus) * (y.plus + y.minus);
                // How much more often it is positive than negative.
                let sign = (x.plus - x.minus) * (y.plus - y.minus);
                let units = x.number.units as u128 * y.number.units as u128;
                let p = units as f64 * UNIT * UNIT;
                let to = &mut moments[class];
                to.weight += weight;
                to.p += sign * p;
                to.p2 += weight * p * p;
                lows[(x.number.low + y.number.low - GRIDS.start()) as usize] += weight;
                for (grid, to) in GRIDS.zip(&mut cuts[class]) {
                    // Toward zero; units are 2^-32.
                    let lost = units & ((1 << (grid + 32).max(0)) - 1);
                    let lost = lost as f64 * UNIT * UNIT;
                    to.cut -= sign * lost;
                    to.cut2 += weight * lost * lost;
                    to.cut_p -= weight * lost * p;
                }
            }
        }
        let zero = (1.0 - moments.iter().map(|m| m.weight).sum::<f64>()).max(0.0);
        // From single exponents and divisors to all up to an exponent, all from a divisor on.
        moments[0].weight += zero;
        for class in 1..CLASSES {
            let (before, rest) = moments.split_at_mut(class);
            rest[0].add(before[class - 1]);
            let (before, rest) = cuts.split_at_mut(class);
            rest[0].iter_mut().zip(&before[class - 1]).for_each(|(to, from)| to.add(*from));
        }
        for h in (0..CUTS - 1).rev() {
            lows[h] += lows[h + 1];
        }
        let multiples = lows.map(|low| (low + zero).min(1.0));
        Self { moments, cuts, zero, multiples }
    }

    /// Mean and variance of a product.
    pub(super) fn moments(&self) -> (f64, f64) {
        let all = self.moments[CLASSES - 1];
        (all.p, (all.p2 - all.p * all.p).max(0.0))
    }

    /// Over the products of at most this exponent; those below all exponents are zero.
    pub(super) fn up_to(&self, exponent: i32) -> Moments {
        match usize::try_from(exponent - EXPONENTS.start()) {
            Ok(class) => self.moments[class.min(CLASSES - 1)],
            Err(_) => Moments { weight: self.zero, p: 0.0, p2: 0.0 },
        }
    }

    /// As [`up_to`](Self::up_to), cut to multiples of `2^grid`.
    pub(super) fn cut_up_to(&self, exponent: i32, grid: i32) -> Cut {
        // Beyond the last grid everything is lost, as on it.
        let grid = (grid.clamp(*GRIDS.start(), *GRIDS.end()) - GRIDS.start()) as usize;
        match usize::try_from(exponent - EXPONENTS.start()) {
            Ok(class) => self.cuts[class.min(CLASSES - 1)][grid],
            Err(_) => Cut::default(),
        }
    }

    /// The probability that a product is a multiple of `2^h`.
    pub(super) fn multiple_of(&self, h: i32) -> f64 {
        let last = if h > *GRIDS.end() { self.zero } else { 1.0 };
        match usize::try_from(h - GRIDS.start()) {
            Ok(h) => self.multiples.get(h).copied().unwrap_or(last),
            Err(_) => 1.0,
        }
    }
}
