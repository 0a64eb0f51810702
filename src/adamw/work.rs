//! A step over a whole tensor or shard: cut into pieces for threads, compiled
//! for the widest vectors the machine has.

use super::state::State;
use super::{BLOCK, Gradient, Options, StepConstants, Telemetry, Weights, block};
use crate::random::Source;

/// Compiles `$body` for three instruction sets and picks one at run time. The
/// bits are the same: `mul_add` rounds once on all of them, by the FMA
/// instruction or by the library.
macro_rules! multiversion {
    ($(#[$doc:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) -> $ret:ty = $body:path) => {
        $(#[$doc])*
        $vis fn $name($($arg: $ty),*) -> $ret {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
                fn avx512($($arg: $ty),*) -> $ret { $body($($arg),*) }
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($arg: $ty),*) -> $ret { $body($($arg),*) }
                use std::arch::is_x86_feature_detected as has;
                let fma = has!("avx2") && has!("fma");
                if fma && has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl") {
                    // SAFETY: every feature the function enables was just detected.
                    return unsafe { avx512($($arg),*) };
                }
                if fma {
                    // SAFETY: both features the function enables were just detected.
                    return unsafe { avx2($($arg),*) };
                }
            }
            $body($($arg),*)
        }
    };
}
pub(super) use multiversion;

/// Elements one thread takes at a time.
const GRAIN: usize = 256 * BLOCK;

/// The slices of a step, all of the same length.
pub(super) struct Work<'a> {
    pub(super) weights: Weights<'a>,
    pub(super) gradient: Gradient<'a>,
    pub(super) state: State<'a>,
    /// Index of the first element in the unsharded tensor.
    pub(super) first: u64,
}

impl Work<'_> {
    /// Blocks depend on nothing but themselves, so neither the cuts nor the
    /// threads change a bit.
    pub(super) fn run(self, k: &StepConstants, options: &Options, source: Source) -> Telemetry {
        let len = self.gradient.len();
        if len <= GRAIN {
            return piece(self, k, options, source);
        }
        let (a, b) = self.split_at((len / 2).next_multiple_of(BLOCK));
        let (a, b) = join(|| a.run(k, options, source), || b.run(k, options, source));
        a + b
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        let (w0, w1) = self.weights.split_at(at);
        let (g0, g1) = self.gradient.split_at(at);
        let (s0, s1) = self.state.split_at(at);
        (
            Self { weights: w0, gradient: g0, state: s0, first: self.first },
            Self { weights: w1, gradient: g1, state: s1, first: self.first + at as u64 },
        )
    }
}

multiversion! {
    fn piece(work: Work<'_>, k: &StepConstants, options: &Options, source: Source) -> Telemetry
        = piece_body
}

#[inline(always)]
fn piece_body(work: Work<'_>, k: &StepConstants, options: &Options, source: Source) -> Telemetry {
    let Work { mut weights, gradient, mut state, first } = work;
    let len = gradient.len();
    let mut telemetry = Telemetry::default();
    for start in (0..len).step_by(BLOCK) {
        let place = (start..len.min(start + BLOCK), first + start as u64);
        telemetry += block::step(&mut weights, gradient, &mut state, place, k, options, source);
    }
    telemetry
}

/// Runs both, at once where threads are compiled in.
pub(super) fn join<A: Send, B: Send>(
    a: impl FnOnce() -> A + Send,
    b: impl FnOnce() -> B + Send,
) -> (A, B) {
    #[cfg(feature = "rayon")]
    return rayon::join(a, b);
    #[cfg(not(feature = "rayon"))]
    (a(), b())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adamw::{Clock, Hyper, Moments, Rounding, SecondForm};
    use half::bf16;

    type Run = fn(Work<'_>, &StepConstants, &Options, Source) -> Telemetry;

    /// What the compiler makes of the body without any vector extension, and
    /// what runs on this machine.
    #[test]
    fn the_instruction_set_changes_no_bit() {
        const LEN: usize = 1000;
        let hyper = Hyper::default();
        let run = |piece: Run, form, first| {
            let mut moments = Moments::new(form, LEN).unwrap();
            let mut weights = vec![bf16::ONE; LEN];
            let mut clock = Clock::START;
            let mut telemetry = Telemetry::default();
            for step in 0..5 {
                clock.advance(&hyper);
                let k = StepConstants::new(&hyper, &clock, 1.0, 1.0).unwrap();
                let second = Rounding::Stochastic;
                let source = Source { seed: 3, tensor: 1, step };
                let g: Vec<f32> = (0..LEN as u32)
                    .map(|i| f32::from((i * i + 7 * step) as u16 as i16) * 1e-3)
                    .collect();
                let rounding = Rounding::Stochastic;
                let weights = Weights::Bf16 { weights: &mut weights, rounding };
                let gradient = Gradient::F32(&g);
                let state = moments.state();
                let work = Work { weights, gradient, state, first: 0 };
                telemetry += piece(work, &k, &Options { first, second }, source);
            }
            (moments, weights, telemetry)
        };
        for form in [SecondForm::Sqrt, SecondForm::Linear] {
            for first in [Rounding::Nearest, Rounding::Stochastic] {
                assert_eq!(run(piece, form, first), run(piece_body, form, first));
            }
        }
    }
}
