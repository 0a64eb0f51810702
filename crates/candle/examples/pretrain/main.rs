//! Trains a small byte-level GPT on real text in several precisions and
//! compares what they cost and what they lose.

pub mod args;
pub mod attention;
pub mod checkpoint;
pub mod line;
pub mod log;
pub mod model;
pub mod ops;
pub mod plot;
pub mod report;
pub mod run;
pub mod schedule;
pub mod table;
pub mod text;
pub mod train;

use clap::Parser;

fn main() -> anyhow::Result<()> {
    train::all(&args::Args::parse())
}
