//! One step of the tensor core on distributions instead of numbers.

use super::codes::{exponent, power};
use super::normal::{below, density};
use super::population::{EXPONENTS, GRIDS, Population};

/// Fraction bits the tensor core keeps.
const F: i32 = 13;
/// Nodes of the accumulator's distribution on each side of its mean, and their distance
/// in standard deviations.
const NODES: i32 = 40;
const SPACING: f64 = 0.12;
/// Cases rarer than this are left out.
const RARE: f64 = 1e-9;

/// What is expected of the accumulator c and of its error e = c - exact after some
/// products.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct State {
    products: usize,
    mean: f64,
    variance: f64,
    pub(super) error: f64,
    pub(super) error_variance: f64,
    covariance: f64,
}

/// The products of a step, given the largest of their exponents.
struct Largest {
    exponent: i32,
    probability: f64,
    mean: f64,
    variance: f64,
    /// To turn expectations over one product into those of sums, see [`Largest::given`].
    with: [f64; 4],
}

/// Mean and second moment.
type Pair = (f64, f64);

/// Running sums of expectations of a step's loss.
#[derive(Default)]
struct Loss {
    mean: f64,
    square: f64,
    times_c: f64,
    times_products: f64,
}

pub(super) struct Walk<'a> {
    population: &'a Population,
}

impl<'a> Walk<'a> {
    pub(super) fn new(population: &'a Population) -> Self {
        Self { population }
    }

    /// The state after a step with so many products.
    pub(super) fn step(&self, s: State, products: usize) -> State {
        let largest: Vec<Largest> =
            EXPONENTS.filter_map(|e| self.largest(e, products as i32)).collect();
        let multiples = Multiples::new(self.population, s.products + products);
        let mut loss = Loss::default();
        for (c, weight) in nodes(&s) {
            for largest in &largest {
                let weight = weight * largest.probability;
                if weight > RARE {
                    self.lose(c, largest, &multiples, weight, &mut loss);
                }
            }
        }
        let (mean, variance) = self.population.moments();
        let (mean, variance) = (mean * products as f64, variance * products as f64);
        let loss_variance = loss.square - loss.mean * loss.mean;
        let with_c = loss.times_c - loss.mean * s.mean;
        let with_products = loss.times_products - loss.mean * mean;
        // The error so far matters to the next loss by way of c alone: by its regression.
        let with_error = if s.variance > 0.0 { s.covariance / s.variance * with_c } else { 0.0 };
        State {
            products: s.products + products,
            mean: s.mean + mean + loss.mean,
            variance: s.variance + variance + 2.0 * (with_c + with_products) + loss_variance,
            error: s.error + loss.mean,
            error_variance: s.error_variance + 2.0 * with_error + loss_variance,
            covariance: s.covariance + with_error + with_c + with_products + loss_variance,
        }
    }

    /// Adds what the step loses from this c with these products.
    fn lose(&self, c: f64, largest: &Largest, multiples: &Multiples, weight: f64, to: &mut Loss) {
        let of_c = if c == 0.0 { i32::MIN } else { exponent(c.abs()) };
        let top = largest.exponent.max(of_c);
        let grid = top - F;
        // The products.
        let cut = |e: i32| self.population.cut_up_to(e, grid);
        let p = |e: i32| self.population.up_to(e).p;
        let e = largest.exponent;
        let lost = largest.given(|e| cut(e).cut, e);
        let square =
            largest.given(|e| cut(e).cut2, e) + largest.given_pair(|e| (cut(e).cut, cut(e).cut), e);
        let with_products =
            largest.given(|e| cut(e).cut_p, e) + largest.given_pair(|e| (cut(e).cut, p(e)), e);
        // The result, where carries took it above the largest exponent.
        let centre = c + largest.mean + lost;
        let (lost_d, with_d) = multiples.lost_above(top, centre, largest.variance.sqrt());
        let mean = lost + lost_d.0;
        let variance = (square - lost * lost) + (lost_d.1 - lost_d.0 * lost_d.0);
        to.mean += weight * mean;
        to.square += weight * (variance + mean * mean);
        to.times_c += weight * mean * c;
        // D is c and the products, a little less.
        let with_d = with_d - lost_d.0 * (centre - largest.mean);
        to.times_products += weight * (with_products + with_d);
    }

    /// `n` products whose largest exponent is `e`; `None` if that is too rare.
    fn largest(&self, e: i32, n: i32) -> Option<Largest> {
        let (to, before) = (self.population.up_to(e), self.population.up_to(e - 1));
        let probability = to.weight.powi(n) - before.weight.powi(n);
        if probability <= RARE {
            return None;
        }
        let (n1, n2) = (f64::from(n) / probability, f64::from(n * (n - 1)) / probability);
        let pairs = |w: f64| if n > 1 { n2 * w.powi(n - 2) } else { 0.0 };
        let with = [
            n1 * to.weight.powi(n - 1),
            n1 * before.weight.powi(n - 1),
            pairs(to.weight),
            pairs(before.weight),
        ];
        let mut largest = Largest { exponent: e, probability, mean: 0.0, variance: 0.0, with };
        let of = |e| self.population.up_to(e);
        largest.mean = largest.given(|e| of(e).p, e);
        let square = largest.given(|e| of(e).p2, e) + largest.given_pair(|e| (of(e).p, of(e).p), e);
        largest.variance = (square - largest.mean * largest.mean).max(0.0);
        Some(largest)
    }
}

impl Largest {
    /// The expected sum over the products of what is `f` of one, where `f(e)` is its
    /// expectation over the products up to exponent e: all up to e, less all up to e - 1.
    fn given(&self, f: impl Fn(i32) -> f64, e: i32) -> f64 {
        self.with[0] * f(e) - self.with[1] * f(e - 1)
    }

    /// The expected sum over pairs of different products.
    fn given_pair(&self, f: impl Fn(i32) -> (f64, f64), e: i32) -> f64 {
        let ((a, b), (c, d)) = (f(e), f(e - 1));
        self.with[2] * a * b - self.with[3] * c * d
    }
}

/// Nodes and weights of a normally distributed accumulator.
fn nodes(s: &State) -> impl Iterator<Item = (f64, f64)> {
    let sd = s.variance.max(0.0).sqrt();
    let sides = if sd == 0.0 { 0 } else { NODES };
    let z = |i: i32| f64::from(i) * SPACING;
    let total: f64 = (-sides..=sides).map(|i| density(z(i))).sum();
    let mean = s.mean;
    (-sides..=sides).map(move |i| (mean + sd * z(i), density(z(i)) / total))
}

/// How likely a sum of some products is a multiple of a power of two, whatever its size:
/// few products may all lie on a grid, and what does loses nothing.
struct Multiples {
    first: i32,
    likely: Vec<f64>,
}

impl Multiples {
    fn new(population: &Population, products: usize) -> Self {
        let range = *GRIDS.start()..=64;
        let products = i32::try_from(products).unwrap_or(i32::MAX);
        let power = |h| population.multiple_of(h).powi(products);
        Self { first: *range.start(), likely: range.map(power).collect() }
    }

    fn of(&self, h: i32) -> f64 {
        let i = usize::try_from(h - self.first);
        i.map_or(1.0, |i| self.likely.get(i).copied().unwrap_or(0.0))
    }

    /// Mean and second moment of what cutting a magnitude from multiples of `2^from` to
    /// multiples of `2^to` takes: evenly any multiple of what divides it.
    fn lost(&self, to: i32, from: i32) -> Pair {
        let u = power(to);
        let mut lost = (0.0, 0.0);
        let mut at_least = 1.0;
        for h in from..to {
            let above = self.of(h + 1);
            let v = power(h);
            lost.0 += (at_least - above) * 0.5 * (u - v);
            lost.1 += (at_least - above) * (u - v) * (2.0 * u - v) / 6.0;
            at_least = above;
            if at_least < RARE {
                break;
            }
        }
        lost
    }

    /// What a normally distributed result above exponent `top` loses, and the mean of
    /// that times the result.
    fn lost_above(&self, top: i32, mean: f64, sd: f64) -> (Pair, f64) {
        let (mut lost, mut with) = ((0.0, 0.0), 0.0);
        let sd = sd.max(1e-9 * mean.abs()).max(f64::MIN_POSITIVE);
        let z = |x: f64| (x - mean) / sd;
        for d in top + 1.. {
            if power(d) > mean.abs() + 6.0 * sd {
                break;
            }
            let one = self.lost(d - F, top - F);
            for sign in [1.0, -1.0] {
                let (z0, z1) = (z(sign * power(d)), z(sign * power(d + 1)));
                // Both differences turn their sign with `sign`.
                let likely = sign * (below(z1) - below(z0));
                let first = mean * likely + sd * sign * (density(z0) - density(z1));
                lost.0 -= sign * likely * one.0;
                lost.1 += likely * one.1;
                with -= sign * first * one.0;
            }
        }
        (lost, with)
    }
}
