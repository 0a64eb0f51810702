//! Replay of golden records and of GPU outputs, through the specification and every fast path.
#![cfg(feature = "std")]

mod golden;

use golden::{Golden, Probe};
use quarter_numerics::Format;
use quarter_numerics::recording::{FastPath, Record, Reference, replay};
use quarter_numerics::tensor_core::{
    Accumulator, Evidence, Gpu, Instruction, Known, LANES, Operand, Path, RowStep, STEP, StripStep,
    TensorCore, known,
};

/// Whether the vector paths have this arithmetic.
fn is_fast(known: &Known) -> bool {
    let of = &known.arithmetic;
    (known.gpu, known.instruction) == (Gpu::Hopper, Instruction::Wgmma)
        && of.a.is_fp8()
        && of.accumulator == Accumulator::F32
}

/// Every backend that has the arithmetic gives every bit.
fn check(golden: &Golden) {
    let (name, known) = (&golden.name, golden.known());
    let outcome = replay(&golden.recording, &known, &Reference).unwrap();
    assert_eq!(outcome.records, golden.recording.len(), "{name}");
    assert_eq!(outcome.mismatches, [], "{name}: specification");
    for path in Path::ALL.into_iter().filter(|path| path.is_available()) {
        match replay(&golden.recording, &known, &FastPath { path: Some(path) }) {
            Ok(outcome) => assert_eq!(outcome.mismatches, [], "{name}: {path:?}"),
            Err(refusal) => assert!(!is_fast(&known), "{name}: {refusal}"),
        }
    }
    if let (true, Some((_, records))) = (is_fast(&known), golden.records()) {
        check_lanes(&known, records, name);
    }
}

fn cores(known: &Known) -> impl Iterator<Item = TensorCore> {
    let format = |operand| if operand == Operand::E4m3 { Format::E4m3 } else { Format::E5m2 };
    let (a, b) = (format(known.arithmetic.a), format(known.arithmetic.b));
    Path::ALL.into_iter().filter_map(move |path| TensorCore::with_path(a, b, path))
}

fn rows(core: &TensorCore, a: &[u32]) -> Vec<RowStep> {
    let decode = |codes: &[u32]| {
        let codes: Vec<u8> = codes.iter().map(|&code| code as u8).collect();
        let mut step = core.row_step();
        core.decode_row(&codes, &mut step);
        step
    };
    a.chunks(STEP).map(decode).collect()
}

/// Up to 32 columns of the same length.
fn strips(core: &TensorCore, columns: &[&[u32]]) -> Vec<StripStep> {
    let decode = |first: usize| {
        let mut step = core.strip_step();
        core.decode_strip(|n, k| columns.get(n).map_or(0, |b| b[first + k] as u8), &mut step);
        step
    };
    (0..columns[0].len()).step_by(STEP).map(decode).collect()
}

/// Each record in its own lane, the others computing something else beside it; in steps of one, and
/// in a chain.
fn check_lanes(known: &Known, records: &[Record], name: &str) {
    for core in cores(known) {
        for (batch, records) in records.chunks(LANES).enumerate() {
            let name = format!("{name}, batch {batch}, {:?}", core.path());
            let columns: Vec<&[u32]> = records.iter().map(|record| &record.b[..]).collect();
            let strips = strips(&core, &columns);
            let mut start = [0.0; LANES];
            for (c, record) in start.iter_mut().zip(records) {
                *c = f32::from_bits(record.c);
            }
            for (lane, record) in records.iter().enumerate() {
                let rows = rows(&core, &record.a);
                let mut acc = start;
                for (s, &d) in record.d.iter().enumerate() {
                    core.chain(&rows[s..=s], &strips[s..=s], &mut acc);
                    assert_eq!(acc[lane].to_bits(), d, "{name}, lane {lane}, step {s}");
                }
                let mut whole = start;
                core.chain(&rows, &strips, &mut whole);
                assert_eq!(whole.map(f32::to_bits), acc.map(f32::to_bits), "{name}, row {lane}");
            }
        }
    }
}

#[test]
fn committed_records() {
    let all = golden::committed();
    // Chains and single steps of four pairs and two accumulators, three 16-bit ones, three products.
    assert_eq!(all.len(), 2 * 4 * 2 + 3 + 3);
    for golden in &all {
        check(golden);
        if let Some((k, records)) = golden.records() {
            let classes = if k == 32 { 0..13 } else { 0..7 };
            for class in classes {
                let has = records.iter().any(|record| record.class == class);
                assert!(has, "{}: no record of class {class}", golden.name);
            }
        }
    }
    let mut arithmetics: Vec<String> =
        all.iter().map(|golden| golden.known().to_string()).collect();
    arithmetics.sort();
    arithmetics.dedup();
    assert_eq!(arithmetics.len(), 11, "{arithmetics:?}");
}

/// Every known arithmetic has records.
#[test]
fn committed_gpus() {
    let all = golden::committed_gpus();
    all.iter().for_each(check);
    let held: Vec<Known> =
        all.iter().chain(&golden::committed()).map(|golden| golden.known()).collect();
    for known in known::all() {
        // Emulated FP8 is one arithmetic on two GPUs, and its header names neither.
        let has = held.iter().any(|held| {
            held.arithmetic == known.arithmetic && held.instruction == known.instruction
        });
        assert!(has, "no records of {known}");
    }
    assert!(all.iter().all(|golden| golden.recording.len() == 60));
}

#[test]
fn full_records() {
    for golden in golden::full("dev").into_iter().flatten() {
        check(&golden);
    }
}

#[test]
fn gpu_recordings() {
    let Some(all) = golden::full("hw/dev") else { return };
    let recorded: Vec<Known> = all.iter().map(Golden::known).collect();
    for known in &recorded {
        assert_eq!(known.evidence, Evidence::Recorded, "{known}");
    }
    all.iter().for_each(check);
    // The GPUs' 16-bit arithmetics are told apart: by these, Hopper's is not Ada's.
    let of = |name: &str| all.iter().find(|golden| golden.name == name);
    if let (Some(hopper), Some(ada)) = (of("H100_fp16_fp32.bin"), of("Ada_fp16_fp32.bin")) {
        let missed = |golden: &Golden, known: &Known| {
            replay(&golden.recording, known, &Reference).unwrap().mismatches.len()
        };
        assert!(missed(hopper, &ada.known()) > 100);
        assert!(missed(ada, &hopper.known()) > 100);
    }
}

fn check_probe(probe: &Probe) {
    let Probe { name, known, record } = probe;
    let d = known.model().dot(&record.a, &record.b, record.c);
    assert_eq!(d, record.d[0], "{name}: specification");
    if is_fast(known) {
        check_lanes(known, std::slice::from_ref(record), name);
    }
}

#[test]
fn committed_probes() {
    let probes = golden::committed_probes();
    assert_eq!(probes.len(), 32);
    probes.iter().for_each(check_probe);
}

#[test]
fn full_probes() {
    for probe in golden::full_probes().into_iter().flatten() {
        check_probe(&probe);
    }
}
