//! The comparisons.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use half::{bf16, f16};
use quarter_numerics::policy::{Cuda, CudaNosat};
use quarter_numerics::{E4m3, E5m2, Format};
use quarter_oracle::{Saturation, Wide, narrow, version, widen};

use crate::inputs;

/// Our conversions of one type: code of the bits, bits of the code.
struct Ours {
    name: &'static str,
    narrow: fn(Format, Saturation, u64) -> u8,
    widen: fn(Format, u8) -> u64,
}

macro_rules! ours {
    ($wide:ty, $from:ident, $to:ident) => {
        Ours {
            name: stringify!($wide),
            narrow: |format, saturation, bits| {
                let x = <$wide as Wide>::of_bits(bits);
                match (format, saturation) {
                    (Format::E4m3, Saturation::Finite) => E4m3::$from(x, Cuda).to_bits(),
                    (Format::E4m3, Saturation::None) => E4m3::$from(x, CudaNosat).to_bits(),
                    (Format::E5m2, Saturation::Finite) => E5m2::$from(x, Cuda).to_bits(),
                    (Format::E5m2, Saturation::None) => E5m2::$from(x, CudaNosat).to_bits(),
                }
            },
            widen: |format, code| match format {
                Format::E4m3 => Wide::bits(E4m3::from_bits(code).$to(Cuda)),
                Format::E5m2 => Wide::bits(E5m2::from_bits(code).$to(Cuda)),
            },
        }
    };
}

const F32: Ours = ours!(f32, from_f32_as, to_f32_as);
const F64: Ours = ours!(f64, from_f64_as, to_f64_as);
const F16: Ours = ours!(f16, from_f16_as, to_f16_as);
const BF16: Ours = ours!(bf16, from_bf16_as, to_bf16_as);

const FORMATS: [Format; 2] = [Format::E4m3, Format::E5m2];
const SATURATIONS: [Saturation; 2] = [Saturation::Finite, Saturation::None];

/// Narrows each number to both formats, with and without saturation.
fn narrows_alike<W: Wide>(ours: &Ours, bits: &[u64]) {
    for (format, saturation) in FORMATS.iter().flat_map(|&f| SATURATIONS.map(|s| (f, s))) {
        let theirs = narrow::<W>(format, saturation, bits);
        for (&bits, theirs) in bits.iter().zip(theirs) {
            let code = (ours.narrow)(format, saturation, bits);
            assert_eq!(
                code,
                theirs,
                "{} {bits:#x} to {format:?}, {saturation:?}: {code:#04x}, but {theirs:#04x} of CUDA {}",
                ours.name,
                version()
            );
        }
    }
}

/// Widens all codes of both formats.
fn widens_alike<W: Wide>(ours: &Ours) {
    for format in FORMATS {
        for code in 0..=0xff {
            let (wide, theirs) = ((ours.widen)(format, code), widen::<W>(format, code).bits());
            assert_eq!(wide, theirs, "{format:?} {code:#04x} to {}: {wide:#x}", ours.name);
        }
    }
}

#[test]
fn all_f16() {
    narrows_alike::<f16>(&F16, &Vec::from_iter(0..1 << 16));
}

#[test]
fn all_bf16() {
    narrows_alike::<bf16>(&BF16, &Vec::from_iter(0..1 << 16));
}

#[test]
fn stratified_f32() {
    let bits = inputs::f32_bits();
    println!("{} f32", bits.len());
    narrows_alike::<f32>(&F32, &bits);
}

#[test]
fn stratified_f64() {
    let bits = inputs::f64_bits();
    println!("{} f64", bits.len());
    narrows_alike::<f64>(&F64, &bits);
}

#[test]
fn all_codes() {
    widens_alike::<f32>(&F32);
    widens_alike::<f64>(&F64);
    widens_alike::<f16>(&F16);
    widens_alike::<bf16>(&BF16);
}

#[test]
#[ignore = "minutes: all 2^32 f32, four times"]
fn all_f32() {
    const CHUNK: u64 = 1 << 16;
    let next = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, |n| n.get()) {
            scope.spawn(|| {
                loop {
                    let first = u64::from(next.fetch_add(1, Ordering::Relaxed)) * CHUNK;
                    if first >= 1 << 32 {
                        return;
                    }
                    narrows_alike::<f32>(&F32, &Vec::from_iter(first..first + CHUNK));
                }
            });
        }
    });
}
