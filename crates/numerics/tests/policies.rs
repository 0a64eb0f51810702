//! The casts of other systems against what those systems did, bit by bit.
//!
//! `policies/record.py` recorded the tables; each row is a cast as a whole, as a step
//! function of the input's bits. `QUARTER_POLICY_PYTHON`, a Python with numpy and
//! `ml_dtypes`, and `QUARTER_CUDA_INCLUDE`, the folder of `cuda_fp8.h`, make the last tests
//! record again and compare.

mod oracle;
#[path = "policies/table.rs"]
mod table;

use half::{bf16, f16};
use oracle::Random;
use quarter_numerics::{E4m3, E4m3Fnuz, E5m2, E5m2Fnuz, E8m0, E8m0Rounding, policy};
use table::{Steps, Table, WIDE, Wide};

/// A format under a policy, by bits.
#[derive(Clone, Copy)]
struct Pair {
    name: &'static str,
    /// The name of the format and of the mode in the table.
    row: (&'static str, &'static str),
    narrow: fn(Wide, u64) -> u8,
    widen: fn(Wide, u8) -> u64,
}

macro_rules! pair {
    ($format:ident $policy:ident = $name:literal $mode:literal) => {
        Pair {
            name: concat!(stringify!($format), " as ", stringify!($policy)),
            row: ($name, $mode),
            narrow: |wide, bits| {
                match wide {
                    Wide::F16 => $format::from_f16_as(f16::from_bits(bits as u16), policy::$policy),
                    Wide::Bf16 => {
                        $format::from_bf16_as(bf16::from_bits(bits as u16), policy::$policy)
                    }
                    Wide::F32 => $format::from_f32_as(f32::from_bits(bits as u32), policy::$policy),
                    Wide::F64 => $format::from_f64_as(f64::from_bits(bits), policy::$policy),
                }
                .to_bits()
            },
            widen: |wide, code| {
                let x = $format::from_bits(code);
                match wide {
                    Wide::F16 => x.to_f16_as(policy::$policy).to_bits().into(),
                    Wide::Bf16 => x.to_bf16_as(policy::$policy).to_bits().into(),
                    Wide::F32 => x.to_f32_as(policy::$policy).to_bits().into(),
                    Wide::F64 => x.to_f64_as(policy::$policy).to_bits(),
                }
            },
        }
    };
}

/// What was compared.
#[derive(Debug, Default, PartialEq)]
struct Compared {
    casts: usize,
    steps: usize,
    widened: usize,
    widened_nan: usize,
}

/// Everything about one source type where a cast could differ from its steps.
fn inputs(steps: &Steps, wide: Wide, random: &mut Random) -> Vec<u64> {
    let last = wide.sign() - 1;
    if wide.width() == 16 {
        return (0..=last).collect();
    }
    let mut inputs = vec![last, wide.infinity() - 1, wide.infinity()];
    for pair in steps.begins().windows(2) {
        // Both ends of the step and its middle.
        inputs.extend([pair[0], pair[0] + 1, (pair[0] + pair[1]) / 2, pair[1] - 1, pair[1]]);
    }
    // Quiet, signalling and other NaN, one bit each, and the powers of two.
    inputs.extend((0..wide.fraction_bits()).map(|bit| wide.infinity() | 1 << bit));
    inputs.extend((0..wide.width() - 1).map(|bit| 1 << bit));
    inputs.extend((0..50_000).map(|_| random.next() & last));
    // As many between the least and the greatest step, where the codes are.
    let high = wide.infinity();
    let low = steps.begins()[1].min(high - 1);
    inputs.extend((0..50_000).map(|_| low + random.next() % (high - low)));
    inputs
}

fn check_casts(pair: Pair, table: &mut Table, compared: &mut Compared) {
    let mut random = Random(3);
    for wide in WIDE {
        let signs = table.take_cast(pair.row.0, pair.row.1, wide);
        for (steps, sign) in signs.iter().zip([0, wide.sign()]) {
            for magnitude in inputs(steps, wide, &mut random) {
                let (got, want) = ((pair.narrow)(wide, magnitude | sign), steps.code(magnitude));
                assert_eq!(
                    got,
                    want,
                    "{} ({}): {wide:?} {:#x} gives {got:#04x}, not {want:#04x}",
                    pair.name,
                    table.system,
                    magnitude | sign
                );
            }
            compared.steps += steps.begins().len();
        }
        compared.casts += 1;
    }
}

fn check_widening(pair: Pair, table: &Table, compared: &mut Compared) {
    for wide in WIDE {
        let listed = table.widened(pair.row.0, wide);
        for code in 0..=u8::MAX {
            let want = match listed.iter().find(|(listed, _)| *listed == code) {
                Some(&(_, bits)) => bits,
                None => narrowed(wide, exact(pair.row.0, code)),
            };
            let got = (pair.widen)(wide, code);
            assert_eq!(got, want, "{}: {code:#04x} to {wide:?}: {got:#x}", pair.name);
            compared.widened += 1;
        }
        compared.widened_nan += listed.len();
    }
}

/// The value of a code by the definition of its format.
fn exact(format: &str, code: u8) -> f64 {
    match format {
        "e4m3fn" => oracle::E4M3.value(code),
        "e5m2" => oracle::E5M2.value(code),
        "e4m3fnuz" => oracle::E4M3_FNUZ.value(code),
        "e5m2fnuz" => oracle::E5M2_FNUZ.value(code),
        "e8m0fnu" => f64::powi(2.0, i32::from(code) - 127),
        _ => unreachable!("{format}"),
    }
}

/// The bits of a value, which no NaN is: the table lists those.
fn narrowed(wide: Wide, x: f64) -> u64 {
    assert!(!x.is_nan());
    match wide {
        Wide::F16 => f16::from_f64(x).to_bits().into(),
        Wide::Bf16 => bf16::from_f64(x).to_bits().into(),
        Wide::F32 => (x as f32).to_bits().into(),
        Wide::F64 => x.to_bits(),
    }
}

/// Compares the pairs with a table, of which nothing may be left.
fn check(text: &str, pairs: &[Pair]) -> Compared {
    let mut table = Table::parse(text);
    let mut compared = Compared::default();
    for &pair in pairs {
        check_casts(pair, &mut table, &mut compared);
        check_widening(pair, &table, &mut compared);
    }
    assert!(table.left().is_empty(), "not compared: {:?}", table.left());
    compared
}

#[test]
fn cuda_13_0() {
    let text = include_str!("policies/cuda_13_0.tsv");
    let pairs = [
        pair!(E4m3 Cuda = "e4m3fn" "satfinite"),
        pair!(E4m3 CudaNosat = "e4m3fn" "nosat"),
        pair!(E5m2 Cuda = "e5m2" "satfinite"),
        pair!(E5m2 CudaNosat = "e5m2" "nosat"),
        pair!(E8m0 Cuda = "e8m0fnu" "rp.satfinite"),
        pair!(E8m0 CudaNosat = "e8m0fnu" "rp.nosat"),
        // No policy, but documented as the same.
        Pair {
            name: "E8m0 toward zero",
            row: ("e8m0fnu", "rz.satfinite"),
            narrow: |wide, bits| {
                E8m0::from_f64(widened(wide, bits), E8m0Rounding::TowardZero).to_bits()
            },
            ..pair!(E8m0 Cuda = "" "")
        },
        Pair {
            name: "E8m0 toward zero, not saturating",
            row: ("e8m0fnu", "rz.nosat"),
            narrow: |wide, bits| {
                match widened(wide, bits) {
                    // Truncation does not overflow in CUDA; here what is past 2^128 does.
                    x if x.is_finite() && x.abs() >= f64::powi(2.0, 128) => E8m0::MAX,
                    x => E8m0::from_f64_nonsat(x, E8m0Rounding::TowardZero),
                }
                .to_bits()
            },
            ..pair!(E8m0 Cuda = "" "")
        },
    ];
    let got = check(text, &pairs);
    assert_eq!(got, Compared { casts: 32, steps: 10580, widened: 8192, widened_nan: 80 });
}

fn widened(wide: Wide, bits: u64) -> f64 {
    match wide {
        Wide::F16 => f16::from_bits(bits as u16).into(),
        Wide::Bf16 => bf16::from_bits(bits as u16).into(),
        Wide::F32 => f32::from_bits(bits as u32).into(),
        Wide::F64 => f64::from_bits(bits),
    }
}

/// A policy in all formats, which has one mode each.
macro_rules! all_formats {
    ($policy:ident) => {
        [
            pair!(E4m3 $policy = "e4m3fn" "-"),
            pair!(E5m2 $policy = "e5m2" "-"),
            pair!(E4m3Fnuz $policy = "e4m3fnuz" "-"),
            pair!(E5m2Fnuz $policy = "e5m2fnuz" "-"),
            pair!(E8m0 $policy = "e8m0fnu" "-"),
        ]
    };
}

#[test]
fn pytorch_2_15() {
    let got = check(include_str!("policies/torch_2_15.tsv"), &all_formats!(PyTorch));
    assert_eq!(got, Compared { casts: 20, steps: 5742, widened: 5120, widened_nan: 44 });
}

#[test]
fn pytorch_2_12() {
    let got = check(include_str!("policies/torch_2_12.tsv"), &all_formats!(PyTorchBefore213));
    assert_eq!(got, Compared { casts: 20, steps: 5750, widened: 5120, widened_nan: 44 });
}

#[test]
fn ml_dtypes_0_6() {
    let got = check(include_str!("policies/ml_dtypes_0_6.tsv"), &all_formats!(MlDtypes));
    assert_eq!(got, Compared { casts: 20, steps: 4946, widened: 5120, widened_nan: 44 });
}

#[test]
fn policies_are_const() {
    const CODES: [u8; 3] = [
        E4m3::from_f64_as(1e9, policy::CudaNosat).to_bits(),
        E5m2Fnuz::from_f32_as(f32::NAN, policy::MlDtypes).to_bits(),
        E8m0::from_f32_as(-3.0, policy::PyTorch).to_bits(),
    ];
    assert_eq!(CODES, [0x7f, 0x80, 0x81]);
    const WIDE: f32 = E5m2::MAX.to_f32_as(policy::Cuda);
    assert_eq!(WIDE, 57344.0);
}

/// Records a system again where the environment says how, and compares with its table.
fn record_again(system: &str, table: &str, include: Option<&str>) {
    const PYTHON: &str = "QUARTER_POLICY_PYTHON";
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/policies");
    let set = |name: &str| {
        let value = std::env::var_os(name).filter(|value| !value.is_empty());
        if value.is_none() {
            println!("SKIPPED: {name} is not set, so {system} is not recorded again");
        }
        value
    };
    let Some(python) = set(PYTHON) else { return };
    let mut command = std::process::Command::new(python);
    // No compiled Python files beside the script.
    command.arg("-B").arg(format!("{folder}/record.py")).arg(system);
    if let Some(name) = include {
        let Some(include) = set(name) else { return };
        command.arg("--include").arg(include);
    }
    let output = command.arg("--check").arg(format!("{folder}/{table}")).output().unwrap();
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    print!("{stdout}");
    assert!(output.status.success(), "{stderr}");
}

#[test]
fn ml_dtypes_recorded_again() {
    record_again("ml_dtypes", "ml_dtypes_0_6.tsv", None);
}

#[test]
fn cuda_recorded_again() {
    record_again("cuda", "cuda_13_0.tsv", Some("QUARTER_CUDA_INCLUDE"));
}
