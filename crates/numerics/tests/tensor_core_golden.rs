//! Replay of golden records and of GPU outputs, through the specification and every fast path.

mod golden;

use golden::{Gemm, Record, Records};
use quarter_numerics::tensor_core::{
    LANES, Path, RowStep, STEP, StripStep, TensorCore, wgmma_chain,
};
use quarter_numerics::{E4m3, E5m2, Format, Fp8};

const PAIRS: [&str; 4] = ["e4m3_e4m3", "e4m3_e5m2", "e5m2_e4m3", "e5m2_e5m2"];

fn spec((a_format, b_format): (Format, Format), a: &[u8], b: &[u8], c: f32) -> f32 {
    fn typed<A: Fp8, B: Fp8>(a: &[u8], b: &[u8], c: f32) -> f32 {
        let a: Vec<A> = a.iter().map(|&code| A::from_bits(code)).collect();
        let b: Vec<B> = b.iter().map(|&code| B::from_bits(code)).collect();
        wgmma_chain(&a, &b, c)
    }
    match (a_format, b_format) {
        (Format::E4m3, Format::E4m3) => typed::<E4m3, E4m3>(a, b, c),
        (Format::E4m3, Format::E5m2) => typed::<E4m3, E5m2>(a, b, c),
        (Format::E5m2, Format::E4m3) => typed::<E5m2, E4m3>(a, b, c),
        (Format::E5m2, Format::E5m2) => typed::<E5m2, E5m2>(a, b, c),
    }
}

fn cores((a, b): (Format, Format)) -> impl Iterator<Item = TensorCore> {
    Path::ALL.into_iter().filter_map(move |path| TensorCore::with_path(a, b, path))
}

fn rows(core: &TensorCore, a: &[u8]) -> Vec<RowStep> {
    let decode = |codes: &[u8]| {
        let mut step = core.row_step();
        core.decode_row(codes, &mut step);
        step
    };
    a.chunks(STEP).map(decode).collect()
}

/// Up to 32 columns of the same length.
fn strips(core: &TensorCore, columns: &[&[u8]]) -> Vec<StripStep> {
    let decode = |first: usize| {
        let mut step = core.strip_step();
        core.decode_strip(|n, k| columns.get(n).map_or(0, |b| b[first + k]), &mut step);
        step
    };
    (0..columns[0].len()).step_by(STEP).map(decode).collect()
}

/// Bits as compared: every NaN must be the canonical one.
fn check(all: &Records, name: &str) {
    assert!(!all.records.is_empty(), "{name} is empty");
    for (i, record) in all.records.iter().enumerate() {
        let mut c = f32::from_bits(record.c);
        for (s, &d) in record.d.iter().enumerate() {
            let k = s * STEP..(s + 1) * STEP;
            c = spec(all.formats, &record.a[k.clone()], &record.b[k], c);
            let class = record.class;
            assert_eq!(
                c.to_bits(),
                d,
                "{name}, record {i} of class {class}, step {s}: specification"
            );
        }
    }
    for core in cores(all.formats) {
        for (batch, records) in all.records.chunks(LANES).enumerate() {
            check_batch(&core, records, &format!("{name}, batch {batch}, {:?}", core.path()));
        }
    }
}

/// Each record in its own lane, the others computing something else beside it.
fn check_batch(core: &TensorCore, records: &[Record], name: &str) {
    let columns: Vec<&[u8]> = records.iter().map(|record| &record.b[..]).collect();
    let strips = strips(core, &columns);
    let mut start = [0.0; LANES];
    for (c, record) in start.iter_mut().zip(records) {
        *c = f32::from_bits(record.c);
    }
    for (lane, record) in records.iter().enumerate() {
        let rows = rows(core, &record.a);
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

#[test]
fn committed_records() {
    for pair in PAIRS {
        for steps in ["k32", "k128"] {
            let name = format!("{pair}_f32_{steps}.bin");
            let all = Records::parse(&golden::committed(&name));
            for class in 0..13 {
                assert!(all.records.iter().any(|record| record.class == class), "{name}: {class}");
            }
            check(&all, &name);
        }
    }
}

#[test]
fn committed_probes() {
    let text = String::from_utf8(golden::committed("probes.tsv")).unwrap();
    let probes = Records::probes(&text);
    assert_eq!(probes.len(), 26);
    probes.iter().for_each(|probe| check(probe, "probe"));
}

#[test]
fn full_records() {
    for pair in PAIRS {
        for steps in ["k32", "k128"] {
            let name = format!("dev/{pair}_f32_{steps}.bin");
            if let Some(bytes) = golden::full(&name) {
                check(&Records::parse(&bytes), &name);
            }
        }
    }
}

#[test]
fn full_probes() {
    if let Some(bytes) = golden::full("probes.tsv") {
        let probes = Records::probes(&String::from_utf8(bytes).unwrap());
        assert!(!probes.is_empty());
        probes.iter().for_each(|probe| check(probe, "probe"));
    }
}

#[test]
fn gpu_recordings() {
    for gpu in ["H100", "H200"] {
        for (name, format) in [("E4M3", Format::E4m3), ("E5M2", Format::E5m2)] {
            let name = format!("hw/dev/{gpu}_{name}_fp32.bin");
            if let Some(bytes) = golden::full(&name) {
                let all = Records::parse(&bytes);
                assert_eq!(all.formats, (format, format));
                check(&all, &name);
            }
        }
    }
}

#[test]
fn gemms() {
    for pair in &PAIRS[..3] {
        let name = format!("dev/gemm_{pair}.bin");
        let Some(bytes) = golden::full(&name) else {
            continue;
        };
        let gemm = Gemm::parse(&bytes);
        let [m, n, k, interval] = gemm.shape;
        assert!(n <= LANES && k % interval == 0 && interval % STEP == 0);
        let columns: Vec<&[u8]> = gemm.b.chunks(k).collect();
        for core in cores(gemm.formats) {
            let strips = strips(&core, &columns);
            for i in 0..m {
                let rows = rows(&core, &gemm.a[i * k..(i + 1) * k]);
                let mut chain = [0.0; LANES];
                core.chain(&rows, &strips, &mut chain);
                let mut promoted = [0f32; LANES];
                for first in (0..k / STEP).step_by(interval / STEP) {
                    let steps = first..first + interval / STEP;
                    let mut acc = [0.0; LANES];
                    core.chain(&rows[steps.clone()], &strips[steps], &mut acc);
                    promoted.iter_mut().zip(acc).for_each(|(sum, part)| *sum += part);
                }
                let (place, path) = (i * n..(i + 1) * n, core.path());
                let bits = |d: [f32; LANES]| d[..n].iter().map(|d| d.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(chain), gemm.chain[place.clone()], "{name} {path:?} row {i}");
                assert_eq!(bits(promoted), gemm.promoted[place], "{name} {path:?} row {i}");
            }
        }
        for (i, a) in gemm.a.chunks(k).enumerate() {
            for (j, b) in columns.iter().enumerate() {
                let d = spec(gemm.formats, a, b, 0.0).to_bits();
                assert_eq!(d, gemm.chain[i * n + j], "{name} ({i}, {j}): specification");
            }
        }
    }
}
