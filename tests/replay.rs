//! The example `replay` as its users run it.

#[path = "../examples/replay/main.rs"]
#[allow(dead_code, reason = "its main is not called")]
mod example;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;

/// What it prints, line by line, and whether it succeeds.
fn replay(arguments: &[&str]) -> (Vec<String>, i32) {
    let arguments = [&["replay"], arguments].concat();
    let mut printed = Vec::new();
    let good = example::run(&example::Args::parse_from(arguments), &mut printed).unwrap();
    let lines = String::from_utf8(printed).unwrap().lines().map(String::from).collect();
    (lines, if good { 0 } else { 1 })
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/numerics/tests/data")
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn folders_and_files() {
    let (lines, status) = replay(&[text(&data())]);
    assert_eq!(status, 0, "{lines:#?}");
    let outputs = 3 * 64 * 16;
    let total = 8 * (312 + 78) + 3 * 420 + outputs + 61 * 60;
    assert_eq!(lines.last().unwrap(), &format!("total: {total} records, 0 mismatches"));
    assert_eq!(lines.len(), 22 + 61 + 1);
    assert!(
        lines[0].ends_with(
            "e4m3_e4m3_f16_k128.bin: hopper wgmma e4m3 e4m3 f16: 78 records, 0 mismatches"
        )
    );

    let one = data().join("e4m3_e5m2_f32_k32.bin");
    let (lines, status) = replay(&["--backend", "fast", text(&one), text(&one)]);
    assert_eq!((lines.len(), status), (3, 0));
    assert_eq!(lines[2], "total: 624 records, 0 mismatches");
    // The kernels in the emulator: dots, and a product both ways.
    let product = data().join("gemm_e4m3_e5m2.bin");
    let arguments = ["--backend", "emulator", text(&one), text(&product)];
    let (lines, status) = replay(&arguments);
    assert_eq!((&lines[2][..], status), ("total: 1336 records, 0 mismatches", 0), "{lines:?}");
    // The vector paths have no f16 accumulator, and say so.
    let f16 = data().join("e4m3_e4m3_f16_k32.bin");
    let (lines, status) = replay(&["--backend", "fast", text(&f16)]);
    assert!(lines[0].ends_with("backend fast has no hopper wgmma e4m3 e4m3 f16"), "{lines:?}");
    assert_eq!((&lines[1][..], status), ("total: 0 records, 0 mismatches", 1));
}

#[test]
fn what_is_wrong_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let good = fs::read(data().join("e5m2_e4m3_f32_k32.bin")).unwrap();
    let last = good.len() - 4;

    fs::create_dir(at("deep")).unwrap();
    fs::write(at("deep/a.bin"), &good).unwrap();
    let mut changed = good.clone();
    changed[last] ^= 4;
    fs::write(at("b.bin"), &changed).unwrap();
    fs::write(at("c.bin"), &good[..last]).unwrap();
    fs::write(at("d.bin"), b"not a recording").unwrap();
    let mut none = good[..32].to_vec();
    none[12..16].fill(0);
    fs::write(at("e.bin"), &none).unwrap();
    fs::write(at("notes.txt"), b"not looked at").unwrap();

    let (lines, status) = replay(&[text(folder.path()), text(&at("nowhere.bin"))]);
    assert_eq!(status, 1);
    let has = |line: usize, part: &str| {
        assert!(lines[line].contains(part), "line {line} lacks {part:?}: {:?}", lines[line]);
    };
    has(
        0,
        "b.bin: hopper wgmma e5m2 e4m3 f32: 312 records, 1 mismatches (first: record 311, step 0",
    );
    has(0, "no known arithmetic has these bits");
    has(1, "c.bin: truncated: ");
    has(2, "d.bin: no header of W8GV, W8GM or W8HW");
    has(4, "e.bin: holds no records");
    has(3, "deep/a.bin: hopper wgmma e5m2 e4m3 f32: 312 records, 0 mismatches");
    has(5, "nowhere.bin: cannot be read");
    assert_eq!(lines[6], "total: 624 records, 1 mismatches");
    assert_eq!(lines.len(), 7);

    for bad in ["c.bin", "d.bin", "e.bin", "b.bin"] {
        assert_eq!(replay(&[text(&at(bad))]).1, 1, "{bad}");
    }
    let empty = tempfile::tempdir().unwrap();
    let (lines, status) = replay(&[text(empty.path())]);
    assert!(lines[0].ends_with("no *.bin in this folder"), "{lines:?}");
    assert_eq!(status, 1);
}

/// A file of f16 results of `mma.sync`, whose header does not tell the GPU.
fn wide_file() -> Vec<u8> {
    // 2048 + 1 + 1, of which 25 bits below 2^11 keep all; a result of 0 is what no GPU gives.
    let mut file = b"W8HW\x01\0\x02\x02\0\x04\x10\0\x01\0\0\0\x48\0\0\0".to_vec();
    file.resize(32, 0);
    let mut elements = [0u16; 32];
    (elements[0], elements[16]) = (0x6800, 0x3c00);
    elements.iter().for_each(|code| file.extend(code.to_le_bytes()));
    file.extend(2f32.to_bits().to_le_bytes());
    file.extend(2050f32.to_bits().to_le_bytes());
    file
}

#[test]
fn the_gpu_comes_from_name_or_option() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["H200_x.bin", "L40S-x.bin", "mine.bin"] {
        fs::write(at(name), wide_file()).unwrap();
    }
    let first = |arguments: &[&str]| {
        let (lines, status) = replay(arguments);
        (lines[0].rsplit_once(".bin: ").unwrap().1.to_string(), status)
    };
    let result = |gpu: &str| (format!("{gpu} mma.sync f16 f16 f32: 1 records, 0 mismatches"), 0);
    assert_eq!(first(&[text(&at("H200_x.bin"))]), result("hopper"));
    assert_eq!(first(&[text(&at("L40S-x.bin"))]), result("ada"));
    assert_eq!(first(&["--arch", "sm_100", text(&at("mine.bin"))]), result("blackwell"));
    // What is said beats the name.
    assert_eq!(first(&["--arch", "ampere", text(&at("H200_x.bin"))]), result("ampere"));
    let (line, status) = first(&[text(&at("mine.bin"))]);
    assert!(line.starts_with("--arch or the file's name must tell the GPU"), "{line}");
    assert_eq!(status, 1);
}

#[test]
fn arithmetics_are_identified_and_records_explained() {
    let file = data().join("wgmma16_f16_f32.bin");
    let (lines, status) = replay(&["--identify", "--explain", "3", text(&file)]);
    assert_eq!(status, 0);
    let counts = |gpu: &str| {
        let line = lines.iter().find(|line| line.trim_start().starts_with(gpu)).unwrap();
        line.rsplit_once(": ").unwrap().1.split(' ').next().unwrap().parse::<usize>().unwrap()
    };
    assert_eq!(counts("hopper wgmma f16 f16 f32 (Modelled)"), 0);
    assert!(counts("ada mma.sync f16 f16 f32 (Recorded)") > 0);
    assert!(counts("volta mma.sync f16 f16 f32 (Claimed)") > 0);
    assert!(lines.iter().any(|line| line.starts_with("record 3, hopper wgmma")));
    assert!(lines.iter().any(|line| line.trim_start().starts_with("step 0: ")), "{lines:#?}");
    assert_eq!(replay(&["--explain", "420", text(&file)]).1, 1);
}
