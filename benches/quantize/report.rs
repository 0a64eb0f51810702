//! Measuring a case, and the table of all.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use quarter::bench::{Bench, Times};
use quarter::gpu::{Buffer, Driver, Launch, Substitute, Text};
use serde_json::{Value, json};

use crate::cases::Case;
use crate::set::Set;

pub struct Report {
    machine: String,
    results: Vec<Value>,
}

impl Report {
    pub fn new(driver: &Arc<dyn Driver>) -> Self {
        let machine = driver.describe();
        println!("{machine}");
        println!("{:<72} {:>10} {:>8} {:>8} {:>8}", "", "us", "GB/s", "of copy", "twin");
        Self { machine, results: Vec::new() }
    }

    /// Times a case in turns with a copy of as many bytes.
    pub fn add(&mut self, case: &Case, bench: &Bench) -> Result<()> {
        let (driver, bytes) = (&bench.driver, case.bytes());
        let sets = bench.sets(bytes);
        let arrays =
            (0..sets).map(|_| Set::new(driver, case)).collect::<quarter::Result<Vec<_>>>()?;
        // The copy rotates as the kernel does, half of the bytes each way.
        let half = bytes / 2;
        let pairs = (0..sets)
            .map(|_| Ok([Buffer::zeroed(driver, half)?, Buffer::zeroed(driver, half)?]))
            .collect::<quarter::Result<Vec<_>>>()?;
        let mut kernel = |i: usize| case.enqueue(&arrays[i % sets], bench);
        let mut copy = |i: usize| {
            let [from, to] = &pairs[i % sets];
            // SAFETY: both are as long as this, and zeroed.
            unsafe { driver.copy(bench.stream, from.address(), to.address(), half) }
        };
        // The same launches by the twins in CUDA C++; by the kernel itself where there are none.
        let twin = |launch: &Launch| Text::twin_of(launch.entry).unwrap_or(launch.text);
        // SAFETY: a twin takes the parameters of its entry, and does what that does.
        let twins = unsafe { Substitute::new(Arc::clone(driver), twin) };
        let twins = Bench { driver: Arc::new(twins), ..bench.clone() };
        let mut twin = |i: usize| case.enqueue(&arrays[i % sets], &twins);
        let [kernel, copy, twin] = bench
            .in_turns([&mut kernel, &mut copy, &mut twin])
            .with_context(|| format!("measuring {case}"))?;
        let twin = (!Text::twins().is_empty()).then_some(twin);
        let slower = twin.as_ref().map(|twin| twin.median() / kernel.median());
        let rate = |times: &Times| bytes as f64 / times.median();
        let of_copy = copy.median() / kernel.median();
        println!(
            "{:<72} {:>10.2} {:>8.1} {:>7.1}% {:>8}",
            case.to_string(),
            kernel.median() / 1e3,
            rate(&kernel),
            100.0 * of_copy,
            slower.map_or(String::from("-"), |slower| format!("{slower:.2}x")),
        );
        self.results.push(json!({
            "case": case.to_string(),
            "bytes": bytes,
            "sets": sets,
            "ns": summary(&kernel),
            "gb_s": rate(&kernel),
            "copy_ns": summary(&copy),
            "copy_gb_s": rate(&copy),
            "of_copy": of_copy,
            "twin_ns": twin.as_ref().map(summary),
            "twin_over_kernel": slower,
        }));
        Ok(())
    }

    pub fn write(&self, file: &Path) -> Result<()> {
        let command = std::env::args().collect::<Vec<_>>();
        // Only its name: paths of a machine are nobody's business.
        let command = command.iter().map(|arg| arg.rsplit('/').next().unwrap_or(arg));
        let report = json!({
            "machine": self.machine,
            "command": command.collect::<Vec<_>>().join(" "),
            "protocol": "medians of samples in turns, device clock, rotating arrays; quarter::bench",
            "results": self.results,
        });
        let text = serde_json::to_string_pretty(&report)? + "\n";
        std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))
    }
}

fn summary(times: &Times) -> Value {
    json!({
        "median": times.median(),
        "p10": times.quantile(0.1),
        "p90": times.quantile(0.9),
        "samples": times.all().len(),
    })
}
