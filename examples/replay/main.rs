//! Replays recordings of tensor cores and compares every bit.
//!
//! `cargo run --release --example replay -- PATH...`
//!
//! A PATH is a recording, or a folder in which every `*.bin` is one, folders below it included. Which
//! arithmetic a file should have follows from its header and, where that does not name the GPU, from
//! `--arch` or the beginning of the file's name (`H100_...`). One line a file; the last line is
//! `total: N records, M mismatches`. The exit status is 1 on any mismatch and for a file that cannot
//! be read or replayed. The layouts are those of `quarter::numerics::recording`.

mod report;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};
use quarter::numerics::recording::{Backend, FastPath, Recording, Reference, replay};
use quarter::numerics::tensor_core::Gpu;
use walkdir::WalkDir;

/// Replays recordings of tensor cores and compares every bit.
#[derive(Parser)]
struct Args {
    /// Recordings, or folders of *.bin.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The GPU of files whose header does not tell: hopper, sm_90, H100, ...
    #[arg(long)]
    arch: Option<Gpu>,
    /// What computes.
    #[arg(long, value_enum, default_value_t)]
    backend: BackendName,
    /// Below each file, how many records every known arithmetic of such operands misses.
    #[arg(long)]
    identify: bool,
    /// Below each file, how this record (from 0) comes out.
    #[arg(long, value_name = "RECORD")]
    explain: Option<usize>,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum BackendName {
    /// The executable specification: every arithmetic.
    #[default]
    Reference,
    /// The vector paths: FP8 wgmma with an f32 accumulator.
    Fast,
}

impl BackendName {
    fn open(self) -> Box<dyn Backend> {
        match self {
            Self::Reference => Box::new(Reference),
            Self::Fast => Box::new(FastPath::default()),
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let backend = args.backend.open();
    let (mut records, mut mismatches, mut failed) = (0, 0, false);
    for path in &args.paths {
        let files = match files(path) {
            Ok(files) => files,
            Err(error) => {
                println!("{}: {error:#}", path.display());
                failed = true;
                continue;
            }
        };
        for file in files {
            match one(&file, &args, &*backend) {
                Ok((of_file, missed)) => {
                    records += of_file;
                    mismatches += missed;
                }
                Err(error) => {
                    println!("{}: {error:#}", file.display());
                    failed = true;
                }
            }
        }
    }
    println!("total: {records} records, {mismatches} mismatches");
    if failed || mismatches > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The file itself, or every `*.bin` of a folder in the order of names.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.into()]);
    }
    let mut files = Vec::new();
    for entry in WalkDir::new(path).follow_links(true).sort_by_file_name() {
        let entry = entry?;
        if entry.file_type().is_file() && entry.path().extension().is_some_and(|e| e == "bin") {
            files.push(entry.into_path());
        }
    }
    ensure!(!files.is_empty(), "no *.bin in this folder");
    Ok(files)
}

/// Records and mismatches of a file, after its lines are printed.
fn one(file: &Path, args: &Args, backend: &dyn Backend) -> Result<(usize, usize)> {
    let bytes = std::fs::read(file).context("cannot be read")?;
    let recording = Recording::parse(&bytes)?;
    ensure!(!recording.is_empty(), "holds no records");
    let gpu = args.arch.or_else(|| named_gpu(file));
    let known = recording.known(gpu).or_else(|error| match gpu {
        Some(_) => Err(anyhow::Error::new(error)),
        None => Err(error).context("--arch or the file's name must tell the GPU"),
    })?;
    let outcome = replay(&recording, &known, backend)?;
    report::file(file, &recording, &known, &outcome);
    if args.identify {
        report::candidates(&recording);
    }
    if let Some(record) = args.explain {
        report::explanation(&recording, &known, record)?;
    }
    Ok((outcome.records, outcome.mismatches.len()))
}

/// The GPU that a file's name begins with, up to `_`, `-` or `.`.
fn named_gpu(file: &Path) -> Option<Gpu> {
    let name = file.file_name()?.to_str()?;
    name.split(['_', '-', '.']).next()?.parse().ok()
}
