//! FP8 products on a GPU: time of each plan in turns, and operations a second.
//!
//! `cargo bench --bench gemm_on -- [--json FILE] [--emulator]`
//!
//! A, B and D, in bf16, are others for each launch, and all of them together are larger than the
//! cache. A and B are casts of normal numbers: zeros would draw less power, and so run at higher
//! clocks. `torch.py` beside this times cuBLASLt on the same shapes by the same protocol.
//! `--emulator` runs the same on little without a GPU, to see that it runs; its times mean nothing.
//! The protocol is that of `quarter::bench`.

mod set;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Parser;
use quarter::bench::{Bench, Times};
use quarter::gpu::emulate::Options;
use quarter::gpu::{Cuda, Driver, Emulator};
use serde_json::{Value, json};

use set::{Case, PLANS, Set};

/// What NVIDIA states for dense FP8 of an H100 and an H200 SXM.
const PEAK_TFLOPS: f64 = 1979.0;

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
    let driver: Arc<dyn Driver> = match args.emulator {
        true => Arc::new(Emulator::new(Options::default())),
        false => {
            let cuda = Cuda::open(0).context("--emulator shows that the benchmark runs")?;
            cuda.preload()?;
            Arc::new(cuda)
        }
    };
    let mut bench = Bench::new(&driver);
    if args.emulator {
        bench = Bench { samples: 3, sample_seconds: 0.0, warm_up_seconds: 0.0, ..bench };
    }
    println!("{}", driver.describe());
    println!("{:<44} {:>10} {:>8} {:>8}", "", "us", "TFLOP/s", "of peak");
    let mut results = Vec::new();
    for case in Case::all(args.emulator) {
        if case.to_string().contains(&args.only) {
            results.extend(measure(&bench, &case)?);
        }
    }
    let Some(file) = args.json else { return Ok(()) };
    let command = std::env::args().collect::<Vec<_>>();
    // Only its name: paths of a machine are nobody's business.
    let command = command.iter().map(|arg| arg.rsplit('/').next().unwrap_or(arg));
    let report = json!({
        "machine": driver.describe(),
        "command": command.collect::<Vec<_>>().join(" "),
        "protocol": "medians of samples in turns, device clock, rotating arrays; quarter::bench",
        "peak_tflop_s": PEAK_TFLOPS,
        "results": results,
    });
    let text = serde_json::to_string_pretty(&report)? + "\n";
    std::fs::write(&file, text).with_context(|| format!("writing {}", file.display()))
}

/// Both plans of a product, in turns.
fn measure(bench: &Bench, case: &Case) -> Result<Vec<Value>> {
    let sets = bench.sets(case.bytes());
    let arrays = Set::several(&bench.driver, case, sets)?;
    let [mut fast, mut promote] = PLANS.map(|(_, promotion)| {
        let arrays = &arrays;
        move |i: usize| arrays[i % sets].enqueue(&*bench.driver, bench.stream, promotion)
    });
    let times =
        bench.in_turns([&mut fast, &mut promote]).with_context(|| format!("measuring {case}"))?;
    let mut results = Vec::new();
    for ((plan, _), times) in PLANS.iter().zip(times) {
        // Operations a nanosecond are thousandths of a TFLOP/s.
        let rate = case.operations() / times.median() / 1e3;
        println!(
            "{:<44} {:>10.2} {rate:>8.1} {:>7.1}%",
            format!("{case} {plan}"),
            times.median() / 1e3,
            100.0 * rate / PEAK_TFLOPS,
        );
        results.push(json!({
            "case": case.to_string(),
            "plan": plan,
            "sets": sets,
            "ns": summary(&times),
            "tflop_s": rate,
            "of_peak": rate / PEAK_TFLOPS,
        }));
    }
    Ok(results)
}

fn summary(times: &Times) -> Value {
    json!({
        "median": times.median(),
        "p10": times.quantile(0.1),
        "p90": times.quantile(0.9),
        "samples": times.all().len(),
    })
}
