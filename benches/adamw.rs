//! Parameters a second of the AdamW reference on one thread.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use half::bf16;
use quarter::adamw::norm;
use quarter::adamw::{
    self, Clock, FullMoments, Gradient, Hyper, Moments, Options, Rounding, SecondForm,
    StepConstants, Weights, literal, update_clip,
};
use quarter::random::Source;
use std::hint::black_box;

const LEN: usize = 1 << 18;
const SOURCE: Source = Source { seed: 1, tensor: 0, step: 1 };

fn adamw(c: &mut Criterion) {
    // The global pool has one thread, so the numbers are those of one core.
    #[cfg(feature = "rayon")]
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().expect("the pool is not built");
    let mut group = c.benchmark_group("adamw");
    group.throughput(Throughput::Elements(LEN as u64)).sample_size(20);

    let hyper = Hyper::default();
    let mut clock = Clock::START;
    clock.advance(&hyper);
    let constants = StepConstants::new(&hyper, &clock, 1.0, 1.0).expect("in range");
    let gradient: Vec<bf16> = (0..LEN as u64)
        .map(|i| bf16::from_f32(SOURCE.halves(quarter::random::Stream::Data, i)[0] as i16 as f32))
        .collect();
    let gradient = Gradient::Bf16(&gradient);
    let mut weights = vec![bf16::from_f32(0.02); LEN];

    for (name, form, first, second) in [
        ("sqrt", SecondForm::Sqrt, Rounding::Nearest, Rounding::Stochastic),
        ("linear", SecondForm::Linear, Rounding::Nearest, Rounding::Stochastic),
        ("sqrt, m stochastic", SecondForm::Sqrt, Rounding::Stochastic, Rounding::Stochastic),
    ] {
        let mut moments = Moments::new(form, LEN).expect("in range");
        let options = Options { first, second };
        group.bench_function(name, |b| {
            b.iter(|| {
                let rounding = Rounding::Stochastic;
                let weights = Weights::Bf16 { weights: &mut weights, rounding };
                adamw::step(weights, gradient, &mut moments, &constants, &options, SOURCE)
            });
        });
    }

    let mut full = FullMoments::new(LEN).expect("in range");
    let mut master = vec![0.02_f32; LEN];
    group.bench_function("f32", |b| {
        b.iter(|| {
            adamw::step_full(Weights::F32(&mut master), gradient, &mut full, &constants, SOURCE)
        });
    });
    let mut moments = literal::LiteralMoments::new(LEN).expect("in range");
    group.bench_function("literal", |b| {
        b.iter(|| literal::step(&mut weights, gradient, &mut moments, &constants));
    });

    let mut out = vec![0.0; LEN / adamw::BLOCK];
    group.bench_function("norm", |b| {
        b.iter(|| norm::partials(black_box(gradient), 1.0, &mut out));
    });
    let moments = Moments::new(SecondForm::Sqrt, LEN).expect("in range");
    group.bench_function("update clip", |b| {
        b.iter(|| update_clip::partials(black_box(gradient), &moments, &constants, &mut out));
    });
    group.finish();
}

criterion_group!(benches, adamw);
criterion_main!(benches);
