//! A folder for a machine with a Hopper GPU and without Rust: the tests and benchmarks as
//! programs, packed by gzip, and `run`, which unpacks and starts them.
//!
//! ```sh
//! cargo run --release --example gpu_folder -- --out DIR
//! ```
//!
//! There, `DIR/run tests` compares every kernel with the reference on the GPU and fails without
//! one; `DIR/run benches` times them beside the device's copy and PyTorch; `DIR/run record` asks
//! what `tests/record` asks. Each takes a second argument, the folder for its results.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use serde_json::Value;

/// The most that a folder may weigh.
const MOST_BYTES: u64 = 60 << 20;

/// Programs: the cargo command that builds one, and its name.
const PROGRAMS: [(&str, &str); 5] = [
    ("test", "gpu"),
    ("test", "record"),
    ("bench", "quantize"),
    ("bench", "adamw_on"),
    ("bench", "gemm_on"),
];

/// Files beside them.
const FILES: [(&str, &str); 4] = [
    ("run", include_str!("run.sh")),
    ("adamw.py", include_str!("../../benches/adamw_on/torch.py")),
    ("gemm.py", include_str!("../../benches/gemm_on/torch.py")),
    ("quantize.py", include_str!("../../benches/quantize/torch.py")),
];

#[derive(Parser)]
struct Args {
    /// The folder; it is made if it is not there.
    #[arg(long)]
    out: PathBuf,
}

fn main() -> Result<()> {
    let out = Args::parse().out;
    fs::create_dir_all(&out).with_context(|| format!("making {}", out.display()))?;
    for (command, name) in PROGRAMS {
        pack(&build(command, name)?, &out.join(packed(name)))?;
    }
    for (name, content) in FILES {
        let file = out.join(name);
        fs::write(&file, content).with_context(|| format!("writing {}", file.display()))?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
    }
    let programs = PROGRAMS.iter().map(|(_, name)| packed(name));
    let mut bytes = 0;
    for name in programs.chain(FILES.iter().map(|(name, _)| name.to_string())) {
        bytes += out.join(name).metadata()?.len();
    }
    ensure!(bytes <= MOST_BYTES, "{} is {} MiB; 60 are allowed", out.display(), bytes >> 20);
    println!("{}: {:.1} MiB", out.display(), bytes as f64 / f64::from(1 << 20));
    Ok(())
}

/// The file of a program, which `run` unpacks: most of one is the kernels' text.
fn packed(name: &str) -> String {
    format!("{name}.gz")
}

fn pack(program: &Path, to: &Path) -> Result<()> {
    let mut gzip = Command::new("gzip");
    gzip.arg("-c").stdin(fs::File::open(program)?).stdout(fs::File::create(to)?);
    let status = gzip.status().context("starting gzip")?;
    ensure!(status.success(), "gzip of {} failed", program.display());
    Ok(())
}

/// Builds a target without symbols, with the kernels assembled where ptxas was found.
fn build(command: &str, name: &str) -> Result<PathBuf> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).arg(command);
    if command == "test" {
        cargo.arg("--release");
    }
    cargo.args(["--package", "quarter", "--features", "cubin,twins", "--no-run"]);
    cargo.args([&format!("--{command}"), name, "--message-format", "json-render-diagnostics"]);
    cargo.args(["--config", "profile.release.strip=\"symbols\""]);
    let output = cargo.stderr(Stdio::inherit()).output().context("starting cargo")?;
    ensure!(output.status.success(), "cargo {command} --{command} {name} failed");
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let message: Value = serde_json::from_str(line).unwrap_or_default();
        let target = message.pointer("/target/name").and_then(Value::as_str);
        if let (Some(found), true) = (message["executable"].as_str(), target == Some(name)) {
            return Ok(Path::new(found).to_path_buf());
        }
    }
    bail!("cargo names no program for {name}")
}
