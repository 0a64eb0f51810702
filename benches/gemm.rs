//! The reference product on the shapes of a small model: multiplications a second.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use quarter::gemm::{self, Epilogue, Plan};
use quarter::quantize::{Matrix, MatrixMut, Quantizer};
use quarter::{Format, Quantized};

fn operand(rows: usize, cols: usize, format: Format) -> Quantized {
    let x: Vec<f32> = (0..rows * cols).map(|i| ((i * 7919) % 1009) as f32 / 504.0 - 1.0).collect();
    let q = Quantizer { format, ..Quantizer::default() };
    q.quantize(Matrix::new(&x, rows, cols).unwrap()).unwrap().data
}

fn products(c: &mut Criterion) {
    let mut group = c.benchmark_group("gemm");
    group.sample_size(10);
    for (role, format, m, n, k) in [
        ("fprop", Format::E4m3, 1024, 512, 128),
        ("dgrad", Format::E5m2, 1024, 128, 512),
        ("wgrad", Format::E5m2, 512, 128, 1024),
        ("square", Format::E4m3, 512, 512, 512),
    ] {
        let (a, b) = (operand(m, k, format), operand(n, k, Format::E4m3));
        let mut d = vec![half::bf16::ZERO; m * n];
        group.throughput(Throughput::Elements((m * n * k) as u64));
        group.bench_function(format!("{role} {m}x{n}x{k}"), |bench| {
            bench.iter(|| {
                let out = MatrixMut::new(black_box(&mut d), m, n).unwrap();
                gemm::gemm(&a, &b, &Plan::for_k(k), &Epilogue::default(), out).unwrap();
            })
        });
        let wide: Vec<f32> = a.dequantize();
        group.throughput(Throughput::Elements((m * k) as u64));
        group.bench_function(format!("cast and transpose {m}x{k}"), |bench| {
            let q = Quantizer { format, ..Quantizer::default() };
            bench.iter(|| q.quantize_both(Matrix::new(black_box(&wide), m, k).unwrap()).unwrap())
        });
    }
    group.finish();
}

criterion_group!(benches, products);
criterion_main!(benches);
