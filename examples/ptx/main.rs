//! Writes the kernels' final texts, and what ptxas said of them.
//!
//! `cargo run --release --example ptx -- --out DIR` leaves `DIR/NAME.ptx` for each family and, where
//! ptxas was found when the crate was built, `DIR/resources.tsv`: registers and shared memory of
//! each entry.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use quarter::gpu::Text;

#[derive(Parser)]
struct Args {
    /// The folder; it is made if it is not there.
    #[arg(long)]
    out: PathBuf,
}

fn main() -> Result<()> {
    let out = Args::parse().out;
    fs::create_dir_all(&out).with_context(|| format!("making {}", out.display()))?;
    for text in Text::all() {
        let file = out.join(format!("{}.ptx", text.name));
        fs::write(&file, text.ptx).with_context(|| format!("writing {}", file.display()))?;
        let entries = text.ptx.matches(".entry").count();
        println!("{}: {entries} entries, {} KiB", file.display(), text.ptx.len() / 1024);
    }
    match Text::resources() {
        Some(table) => fs::write(out.join("resources.tsv"), table)?,
        None => println!("resources.tsv is left out: no ptxas was found at the build"),
    }
    Ok(())
}
