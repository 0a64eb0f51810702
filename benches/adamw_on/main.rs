//! AdamW steps on a GPU: time of each part, beside a copy of as many bytes and the CUDA C++ twin
//! in turns.
//!
//! `cargo bench --bench adamw_on -- [--json FILE] [--emulator]`
//!
//! A step moves 10 bytes a parameter with bf16 weights and gradients and FP8 moments; the last
//! figures of a line are those bytes over the time, and the time of the device's own copy of as many
//! over that of the launches. The tensors together are many times the cache. `torch.py` beside this
//! times PyTorch's fused AdamW. `--emulator` runs the same on little without a GPU, to see that it
//! runs; its times mean nothing. The protocol is that of `quarter::bench`.

mod set;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Parser;
use quarter::bench::{Bench, Times};
use quarter::gpu::emulate::Options;
use quarter::gpu::{Buffer, Cuda, Driver, Emulator, Launch, Substitute, Text};
use serde_json::{Value, json};

use set::{Kind, Set};

#[derive(Parser)]
struct Args {
    /// Where the results go, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// The emulator instead of a GPU, on few parameters: shows that it runs, no more.
    #[arg(long)]
    emulator: bool,
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
            Text::twins().iter().try_for_each(|twin| cuda.load(twin))?;
            Arc::new(cuda)
        }
    };
    let mut bench = Bench::new(&driver);
    // Like a small transformer: large matrices, and gains beside them.
    let mut tensors = vec![128 << 20, 32 << 20, 32 << 20, 16 << 20];
    tensors.extend([4096; 64]);
    if args.emulator {
        tensors = vec![40_000, 4096, 1];
        bench = Bench { samples: 3, sample_seconds: 0.0, warm_up_seconds: 0.0, ..bench };
    }
    println!("{}", driver.describe());
    println!("{:<36} {:>10} {:>8} {:>8} {:>8}", "", "us", "GB/s", "of copy", "twin");
    let mut results = Vec::new();
    for kind in Kind::ALL {
        results.extend(measure(&bench, kind, &tensors)?);
    }
    let Some(file) = args.json else { return Ok(()) };
    let command = std::env::args().collect::<Vec<_>>();
    // Only its name: paths of a machine are nobody's business.
    let command = command.iter().map(|arg| arg.rsplit('/').next().unwrap_or(arg));
    let report = json!({
        "machine": driver.describe(),
        "command": command.collect::<Vec<_>>().join(" "),
        "protocol": "medians of samples in turns, device clock; quarter::bench",
        "parameters": tensors.iter().sum::<usize>(),
        "results": results,
    });
    let text = serde_json::to_string_pretty(&report)? + "\n";
    std::fs::write(&file, text).with_context(|| format!("writing {}", file.display()))
}

/// The parts of a step of tensors of a kind, each in turns with a copy and its twin.
fn measure(bench: &Bench, kind: Kind, tensors: &[usize]) -> Result<Vec<Value>> {
    let driver = &bench.driver;
    let twin = |launch: &Launch| Text::twin_of(launch.entry).unwrap_or(launch.text);
    // SAFETY: a twin takes the parameters of its entry, and does what that does.
    let twins = unsafe { Substitute::new(Arc::clone(driver), twin) };
    let twins: Arc<dyn Driver> = Arc::new(twins);
    let [ours, theirs] =
        [Set::new(driver, driver, kind, tensors)?, Set::new(driver, &twins, kind, tensors)?];
    let parameters: usize = tensors.iter().sum();
    let half = kind.step_bytes() * parameters / 2;
    let [from, to] = [Buffer::zeroed(driver, half)?, Buffer::zeroed(driver, half)?];
    let mut results = Vec::new();
    for part in set::Part::ALL {
        let bytes = part.bytes(kind) * parameters;
        let mut kernel = |_| ours.enqueue(bench.stream, part);
        let mut twin = |_| theirs.enqueue(bench.stream, part);
        let mut copy = |_| {
            let n = (bytes / 2).min(half);
            // SAFETY: both are as long as this, and zeroed.
            unsafe { driver.copy(bench.stream, from.address(), to.address(), n) }
        };
        let [kernel, copy, twin] = bench
            .in_turns([&mut kernel, &mut copy, &mut twin])
            .with_context(|| format!("measuring {kind} {part}"))?;
        let slower = (!Text::twins().is_empty()).then(|| twin.median() / kernel.median());
        let rate = bytes as f64 / kernel.median();
        let of_copy = copy.median() / kernel.median();
        println!(
            "{:<36} {:>10.2} {rate:>8.1} {:>7.1}% {:>8}",
            format!("{kind} {part}"),
            kernel.median() / 1e3,
            100.0 * of_copy,
            slower.map_or(String::from("-"), |slower| format!("{slower:.2}x")),
        );
        results.push(json!({
            "case": format!("{kind} {part}"),
            "bytes": bytes,
            "ns": summary(&kernel),
            "ns_a_parameter": kernel.median() / parameters as f64,
            "gb_s": rate,
            "copy_ns": summary(&copy),
            "of_copy": of_copy,
            "twin_over_kernel": slower,
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
