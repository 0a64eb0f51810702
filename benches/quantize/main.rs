//! Casts on a GPU: time of each, beside a copy of as many bytes and the CUDA C++ twin in turns.
//!
//! `cargo bench --bench quantize -- [--json FILE] [--emulator]`
//!
//! A cast should be as fast as its bytes: each line's last figures are the bytes that have to move
//! over the time, and the time of the device's own copy of as many bytes over that of the kernel.
//! `--emulator` runs the same on a small matrix without a GPU, to see that it runs; its times
//! mean nothing. The protocol is that of `quarter::bench`.

mod cases;
mod report;
mod set;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Parser;
use quarter::bench::Bench;
use quarter::gpu::emulate::Options;
use quarter::gpu::{Cuda, Driver, Emulator, Text};

use cases::Case;
use report::Report;

#[derive(Parser)]
struct Args {
    /// Where the results go, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// The emulator instead of a GPU, on small matrices: shows that it runs, no more.
    #[arg(long)]
    emulator: bool,
    /// Only cases whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// Passed by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let driver = machine(args.emulator)?;
    let mut bench = Bench::new(&driver);
    let mut shapes = vec![(4096, 4096), (16384, 8192)];
    if args.emulator {
        shapes = vec![(256, 512)];
        bench = Bench { samples: 3, sample_seconds: 0.0, warm_up_seconds: 0.0, ..bench };
    }
    let mut report = Report::new(&driver);
    for (rows, cols) in shapes {
        for case in Case::all(rows, cols) {
            if case.to_string().contains(&args.only) {
                report.add(&case, &bench)?;
            }
        }
    }
    match args.json {
        Some(file) => report.write(&file),
        None => Ok(()),
    }
}

/// The GPU, or the emulator if that is asked for.
fn machine(emulator: bool) -> Result<Arc<dyn Driver>> {
    if emulator {
        return Ok(Arc::new(Emulator::new(Options::default())));
    }
    let cuda = Cuda::open(0).context("--emulator shows that the benchmark runs")?;
    cuda.preload()?;
    Text::twins().iter().try_for_each(|twin| cuda.load(twin))?;
    Ok(Arc::new(cuda))
}
