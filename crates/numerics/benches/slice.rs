//! Casts of f32 to E4M3 beside a copy, in memory and in cache.
//!
//! Throughput counts elements. A copy moves 8 bytes an element, a cast 5.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use quarter_numerics::{E4m3, slice};

fn casts(c: &mut Criterion) {
    for (size, name) in [(1 << 15, "cache"), (1 << 24, "memory")] {
        // A spread of magnitudes about the range of the format.
        let src: Vec<f32> = (0..size as u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) as i32) as f32 * 1e-7)
            .collect();
        let words: Vec<u32> = (0..size as u32 / 4).map(|i| i.wrapping_mul(0x9e37_79b9)).collect();
        let mut wide = vec![0.0; size];
        let mut codes = vec![E4m3::ZERO; size];
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function("copy", |b| b.iter(|| wide.copy_from_slice(black_box(&src))));
        group.bench_function("cast", |b| b.iter(|| slice::cast(black_box(&src), &mut codes)));
        group.bench_function("cast_scaled", |b| {
            b.iter(|| slice::cast_scaled(black_box(&src), 0.7, &mut codes))
        });
        group.bench_function("cast_stochastic", |b| {
            b.iter(|| slice::cast_stochastic(black_box(&src), 0.7, &words, &mut codes))
        });
        group.bench_function("widen", |b| b.iter(|| slice::widen(black_box(&codes), &mut wide)));
        group.bench_function("amax", |b| b.iter(|| slice::amax(black_box(&src))));
        group.finish();
    }
}

criterion_group!(benches, casts);
criterion_main!(benches);
