//! How long the emulator takes for a tile of a product, all checks on, on one core.
//!
//! `cargo run --release --example emulated_tile`
//!
//! 256 x 256 x 512 is a cluster's work: two tiles of 128 x 256 x 512. Of each entry the median of 31
//! launches, of half a launch.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use quarter::Format;
use quarter::gemm::{Plan, Promotion, ScaleOrder};
use quarter::gpu::{Buffer, Driver, Emulator, GemmOn, Stream, WideType};

const SIDES: (usize, usize, usize) = (256, 256, 512);
const LAUNCHES: usize = 31;

fn main() -> Result<()> {
    let (m, n, k) = SIDES;
    let emulator = Arc::new(Emulator::new(Default::default()));
    let driver: Arc<dyn Driver> = emulator.clone();
    // Finite codes of every size.
    let codes = |rows: usize| -> Vec<u8> {
        (0..rows * k).map(|i| (i * 37 % 251 % 0x78) as u8 | (i as u8 & 0x80)).collect()
    };
    let (a, b) = (Buffer::from_bytes(&driver, &codes(m))?, Buffer::from_bytes(&driver, &codes(n))?);
    let scale = Buffer::from_bytes(&driver, &1f32.to_le_bytes())?;
    let d = Buffer::new(&driver, m * n * 4)?;
    for (name, promotion) in [("fast", Promotion::Never), ("promote", Promotion::Every(128))] {
        for (formats, pair) in [
            ((Format::E4m3, Format::E4m3), "e4m3 e4m3"),
            ((Format::E5m2, Format::E4m3), "e5m2 e4m3"),
        ] {
            let work = GemmOn {
                formats,
                m,
                n,
                k,
                a: a.address(),
                pitch_a: k,
                scale_inv_a: scale.address(),
                b: b.address(),
                pitch_b: k,
                scale_inv_b: scale.address(),
                plan: Plan { promotion, scales: ScaleOrder::Sequential },
                wide: WideType::Bf16,
                d: d.address(),
                pitch_d: n,
            };
            let mut times = Vec::new();
            for _ in 0..LAUNCHES {
                let began = Instant::now();
                // SAFETY: arrays of these sizes, alive to the end.
                unsafe { work.enqueue(&*driver, Stream::default())? };
                times.push(began.elapsed() / 2);
            }
            times.sort();
            let median = times.get(LAUNCHES / 2).context("no launch")?;
            println!(
                "{pair} {name}: {:.2} ms a tile of 128 x 256 x 512",
                median.as_secs_f64() * 1e3
            );
        }
    }
    println!("{} warp instructions", emulator.counters().warp_instructions);
    Ok(())
}
