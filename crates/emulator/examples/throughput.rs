//! How many thread-instructions a second: a scaled cast with its amax, 2^20 f32.
//!
//! `cargo run --release -p quarter-emulator --example throughput`

use std::time::Instant;

use quarter_emulator::{Grid, Machine, Module, Options, Schedule};

const CAST: &str = include_str!("throughput.ptx");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let module = Module::parse(CAST)?;
    let n = 1 << 20;
    for schedule in [Schedule::InOrder, Schedule::Random(1)] {
        let mut machine = Machine::new(Options { schedule, ..Options::default() });
        let source: Vec<u8> = (0..n).flat_map(|i: u32| ((i as f32).sin()).to_le_bytes()).collect();
        let (from, to) = (machine.allocate(4 * n as usize)?, machine.allocate(n as usize)?);
        let amax = machine.allocate(4)?;
        machine.write(from, &source)?;
        machine.write(amax, &[0; 4])?;
        let mut params = Vec::new();
        for address in [from, to, amax] {
            params.extend(address.to_le_bytes());
        }
        params.extend(n.to_le_bytes());
        let grid = Grid { grid: [64, 1, 1], block: [256, 1, 1], shared_bytes: 0 };
        let mut rates: Vec<f64> = Vec::new();
        for _ in 0..15 {
            let start = Instant::now();
            let counters = machine.launch(&module, "cast", &grid, &params)?;
            let seconds = start.elapsed().as_secs_f64();
            rates.push(counters.thread_instructions as f64 / seconds * 1e-9);
        }
        rates.sort_by(f64::total_cmp);
        println!(
            "{schedule:?}: median {:.2}, best {:.2} G thread-instructions/s",
            rates[7], rates[14]
        );
    }
    Ok(())
}
