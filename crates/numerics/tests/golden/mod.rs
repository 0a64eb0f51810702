//! Golden files: those committed beside the tests, and the full set where there is one.
//!
//! The layouts are those of [`quarter_numerics::recording`].
#![allow(dead_code, reason = "each test binary uses a part")]

use std::path::{Path, PathBuf};

use quarter_numerics::recording::{Contents, Record, Recording};
use quarter_numerics::tensor_core::known::{self, Instruction, Known};
use quarter_numerics::tensor_core::{Accumulator, Gpu, Operand};

/// A recording with the name of its file.
pub struct Golden {
    pub name: String,
    pub recording: Recording,
}

impl Golden {
    fn read(path: &Path) -> Self {
        let name = path.file_name().unwrap().to_str().unwrap().to_string();
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let recording = Recording::parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!recording.is_empty(), "{name} is empty");
        Self { name, recording }
    }

    /// The arithmetic it should have, by header and name.
    pub fn known(&self) -> Known {
        self.recording
            .known(Gpu::of_file(&self.name))
            .unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// The records of dot products, and the elements of a step.
    pub fn records(&self) -> Option<(usize, &[Record])> {
        match &self.recording.contents {
            Contents::Dots { k, records } => Some((*k, records)),
            Contents::Product(_) => None,
        }
    }
}

fn folder(path: &Path) -> Vec<Golden> {
    let entries = std::fs::read_dir(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "bin"));
    files.sort();
    files.iter().map(|path| Golden::read(path)).collect()
}

fn committed_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

/// The subset in the repository of Hopper's `wgmma`.
pub fn committed() -> Vec<Golden> {
    folder(&committed_folder())
}

/// The subset in the repository of other instructions and GPUs.
pub fn committed_gpus() -> Vec<Golden> {
    folder(&committed_folder().join("gpus"))
}

/// The full set: below `QUARTER_GOLDEN`, or beside the checkout. `None`, with a line that says so,
/// where there is no set; a set that lacks the folder is an error.
pub fn full(name: &str) -> Option<Vec<Golden>> {
    full_folder(name).map(|root| folder(&root.join(name)))
}

fn full_folder(what: &str) -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("QUARTER_GOLDEN") {
        return Some(folder.into());
    }
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden");
    if beside.is_dir() {
        return Some(beside);
    }
    eprintln!("skipped: {what} (QUARTER_GOLDEN names no folder of golden files)");
    None
}

/// A dot product with a name.
pub struct Probe {
    pub name: String,
    pub known: Known,
    pub record: Record,
}

/// The probes in the repository.
pub fn committed_probes() -> Vec<Probe> {
    probes(&committed_folder().join("probes.tsv"))
}

/// The probes of the full set.
pub fn full_probes() -> Option<Vec<Probe>> {
    full_folder("probes.tsv").map(|root| probes(&root.join("probes.tsv")))
}

/// `name fa fb acc a b c d note`, separated by tabs, a line each.
fn probes(path: &Path) -> Vec<Probe> {
    let text = std::fs::read_to_string(path).unwrap();
    let bytes = |hex: &str| -> Vec<u32> {
        (0..64).step_by(2).map(|i| u32::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
    };
    let word = |hex: &str| u32::from_str_radix(hex, 16).unwrap();
    let probe = |line: &str| {
        let [name, fa, fb, acc, a, b, c, d, _note] =
            line.split('\t').collect::<Vec<_>>().try_into().expect("nine fields");
        let operand = |name: &str| {
            Operand::ALL.into_iter().find(|operand| operand.name() == name).expect("a format")
        };
        let accumulator = if acc == "f16" { Accumulator::F16 } else { Accumulator::F32 };
        assert_eq!(accumulator.name(), acc);
        let operands = (operand(fa), operand(fb));
        let known = known::find(Gpu::Hopper, Instruction::Wgmma, operands, accumulator).unwrap();
        let (a, b, c, d) = (bytes(a), bytes(b), word(c), vec![word(d)]);
        Probe { name: name.into(), known, record: Record { class: 0, flags: 0, a, b, c, d } }
    };
    text.lines().skip(1).map(probe).collect()
}
