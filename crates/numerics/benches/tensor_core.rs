//! k32 steps a second on one core, every path of this machine, and the specification.
//!
//! One iteration is a product of 64 x 256 outputs over K = 512 on decoded operands.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use quarter_numerics::Format;
use quarter_numerics::tensor_core::known::{self, Instruction};
use quarter_numerics::tensor_core::{
    Accumulator, Gpu, LANES, Operand, Path, RowStep, STEP, StripStep, TensorCore,
};

const M: usize = 64;
const N: usize = 256;
const K: usize = 512;
/// Steps in one pass over the rows: 8 of them fit a first-level cache.
const BLOCK: usize = 4;

/// Codes of one kind of data; NaN never.
#[derive(Clone, Copy)]
enum Data {
    /// Exponents within a factor of 16 of each other.
    Normal,
    /// All exponents.
    Wide,
    /// One in three codes is zero or subnormal.
    Sparse,
}

impl Data {
    const ALL: [(&'static str, Self); 3] =
        [("normal", Self::Normal), ("wide", Self::Wide), ("sparse", Self::Sparse)];

    fn code(self, random: &mut u64) -> u8 {
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        let word = (*random >> 16) as u32;
        let code = match self {
            Self::Normal => word as u8 & 0x9f | 0x20,
            Self::Wide => word as u8,
            Self::Sparse if (word >> 8).is_multiple_of(3) => word as u8 & 0x87,
            Self::Sparse => word as u8,
        };
        if code & 0x7f >= 0x7c { code & 0x87 } else { code }
    }
}

fn operands(core: &TensorCore, data: Data) -> (Vec<RowStep>, Vec<StripStep>) {
    let mut random = 88_172_645_463_325_252;
    let mut rows = vec![core.row_step(); M * K / STEP];
    for row in &mut rows {
        core.decode_row(&[(); STEP].map(|()| data.code(&mut random)), row);
    }
    let mut strips = vec![core.strip_step(); N / LANES * K / STEP];
    for strip in &mut strips {
        core.decode_strip(|_, _| data.code(&mut random), strip);
    }
    (rows, strips)
}

fn product(core: &TensorCore, rows: &[RowStep], strips: &[StripStep], d: &mut [[f32; LANES]]) {
    d.fill([0.0; LANES]);
    for (strip, d) in strips.chunks_exact(K / STEP).zip(d.chunks_exact_mut(M)) {
        for first in (0..K / STEP).step_by(BLOCK) {
            let block = first..first + BLOCK;
            for (row, acc) in rows.chunks_exact(K / STEP).zip(&mut *d) {
                core.chain(&row[block.clone()], &strip[block.clone()], acc);
            }
        }
    }
}

fn chains(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("k32 steps");
    group.throughput(Throughput::Elements((M * N * K / STEP) as u64));
    for path in Path::ALL {
        for (name, data) in Data::ALL {
            for b in [Format::E4m3, Format::E5m2] {
                let Some(core) = TensorCore::with_path(Format::E4m3, b, path) else {
                    continue;
                };
                let (rows, strips) = operands(&core, data);
                let mut d = vec![[0.0; LANES]; M * N / LANES];
                let id = BenchmarkId::new(format!("{path:?}"), format!("{name}/E4m3 x {b:?}"));
                group.bench_function(id, |bencher| {
                    bencher.iter(|| product(&core, black_box(&rows), &strips, &mut d));
                });
            }
        }
    }
    group.finish();
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements((STEP * LANES) as u64));
    let codes: Vec<u8> = (0..STEP * LANES).map(|i| (i * 37 % 0x7c) as u8).collect();
    for path in Path::ALL {
        let Some(core) = TensorCore::with_path(Format::E4m3, Format::E4m3, path) else {
            continue;
        };
        let mut strip = core.strip_step();
        group.bench_function(BenchmarkId::new("strip step", format!("{path:?}")), |bencher| {
            bencher.iter(|| core.decode_strip(|n, k| black_box(&codes)[n * STEP + k], &mut strip));
        });
    }
    group.finish();
}

/// Instructions of the specification, and what is told of them.
fn specification(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("specification");
    let fp8 = (Operand::E4m3, Operand::E4m3);
    let f16 = (Operand::F16, Operand::F16);
    for (gpu, instruction, operands) in [
        (Gpu::Hopper, Instruction::Wgmma, fp8),
        (Gpu::Hopper, Instruction::MmaSync, fp8),
        (Gpu::Hopper, Instruction::Wgmma, f16),
    ] {
        let Some(known) = known::find(gpu, instruction, operands, Accumulator::F32) else {
            continue;
        };
        let (model, mut random) = (known.model(), 88_172_645_463_325_252);
        let mut code =
            || u32::from(Data::Normal.code(&mut random)) << (8 * (operands.0.bytes() - 1));
        let (a, b): (Vec<u32>, Vec<u32>) =
            (0..known.arithmetic.k).map(|_| (code(), code())).unzip();
        let c = 1f32.to_bits();
        group.bench_function(BenchmarkId::new("dot", known), |bencher| {
            bencher.iter(|| model.dot(black_box(&a), &b, c));
        });
        group.bench_function(BenchmarkId::new("certify", known), |bencher| {
            bencher.iter(|| model.certify(black_box(&a), &b, c));
        });
    }
    group.finish();
}

criterion_group!(benches, chains, decode, specification);
criterion_main!(benches);
