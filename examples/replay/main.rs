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

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::{Parser, ValueEnum};
use quarter::gpu::{Cuda, Emulator, TensorCoreOn};
use quarter::numerics::recording::{Backend, FastPath, Outcome, Recording, Reference, replay};
use quarter::numerics::tensor_core::{Gpu, Known};
use walkdir::WalkDir;

/// Replays recordings of tensor cores and compares every bit.
#[derive(Parser)]
pub struct Args {
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
    /// Below each file, how this record (from 0) comes out; of a product, in one chain.
    #[arg(long, value_name = "RECORD")]
    explain: Option<usize>,
}

/// What computes.
#[derive(Clone, Copy, Default, ValueEnum)]
pub enum BackendName {
    /// The executable specification: every arithmetic.
    #[default]
    Reference,
    /// The vector paths: FP8 wgmma with an f32 accumulator.
    Fast,
    /// The kernels' PTX in the emulator: FP8 wgmma.
    Emulator,
    /// The kernels on the first GPU: FP8 wgmma.
    Cuda,
}

impl BackendName {
    fn open(self) -> Result<Box<dyn Backend>> {
        Ok(match self {
            Self::Reference => Box::new(Reference),
            Self::Fast => Box::new(FastPath::default()),
            Self::Emulator => {
                Box::new(TensorCoreOn::new(Arc::new(Emulator::new(Default::default()))))
            }
            Self::Cuda => Box::new(TensorCoreOn::new(Arc::new(Cuda::open(0)?))),
        })
    }
}

fn main() -> ExitCode {
    match run(&Args::parse(), &mut std::io::stdout().lock()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every file could be replayed and agrees.
///
/// # Errors
/// If `out` cannot be written, or there is no GPU where one is asked for.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<bool> {
    let backend = args.backend.open()?;
    let (mut records, mut mismatches, mut failed) = (0, 0, false);
    for path in &args.paths {
        let files = files(path).unwrap_or_else(|error| vec![(path.clone(), Err(error))]);
        for (file, found) in files {
            match found.and_then(|()| File::read(&file, args, &*backend)) {
                Ok(file) => {
                    records += file.outcome.records;
                    mismatches += file.outcome.mismatches.len();
                    report::file(&file, args, out)?;
                }
                Err(error) => {
                    writeln!(out, "{}: {error:#}", file.display())?;
                    failed = true;
                }
            }
        }
    }
    writeln!(out, "total: {records} records, {mismatches} mismatches")?;
    Ok(!failed && mismatches == 0)
}

/// The file itself, or every `*.bin` of a folder in the order of names, and what cannot be entered.
fn files(path: &Path) -> Result<Vec<(PathBuf, Result<()>)>> {
    if !path.is_dir() {
        return Ok(vec![(path.into(), Ok(()))]);
    }
    let mut files = Vec::new();
    for entry in WalkDir::new(path).follow_links(true).sort_by_file_name() {
        match entry {
            Ok(entry) if !entry.file_type().is_file() => (),
            Ok(entry) if entry.path().extension().is_some_and(|extension| extension == "bin") => {
                files.push((entry.into_path(), Ok(())));
            }
            Ok(_) => (),
            Err(error) => {
                let at = error.path().unwrap_or(path).into();
                files.push((at, Err(error.into())));
            }
        }
    }
    ensure!(!files.is_empty(), "no *.bin in this folder");
    Ok(files)
}

/// A recording, replayed.
struct File {
    path: PathBuf,
    recording: Recording,
    known: Known,
    outcome: Outcome,
}

impl File {
    fn read(path: &Path, args: &Args, backend: &dyn Backend) -> Result<Self> {
        let bytes = std::fs::read(path).context("cannot be read")?;
        let recording = Recording::parse(&bytes)?;
        ensure!(!recording.is_empty(), "holds no records");
        if let Some(record) = args.explain {
            let len = recording.len();
            ensure!(record < len, "there is no record {record}, but {len} from 0");
        }
        let gpu = args.arch.or_else(|| Gpu::of_file(path.file_name()?.to_str()?));
        let known = recording.known(gpu).or_else(|error| match error.needs_gpu() {
            false => Err(anyhow::Error::new(error)),
            true => Err(error).context("--arch or the file's name must tell the GPU"),
        })?;
        let outcome = replay(&recording, &known, backend)?;
        Ok(Self { path: path.into(), recording, known, outcome })
    }
}
