//! Explanations, certificates and bounds, for every known arithmetic.
#![cfg(feature = "std")]

mod oracle;

use oracle::Random;
use quarter_numerics::tensor_core::known::{self, Known};
use quarter_numerics::tensor_core::{
    Accumulator, Arithmetic, Cause, Explanation, Joins, Model, Operand, Overflow, Products,
    Rounding, Rules, Subnormals, Zeros,
};

/// Finite codes of a mix of magnitudes, zeros and subnormals among them.
fn operand(of: Operand, kind: u64, random: &mut Random) -> u32 {
    loop {
        let r = random.next();
        let bits = r as u32;
        let code = match (of, kind) {
            (Operand::E4m3 | Operand::E5m2, 0) => bits & 0xff,
            // Near 1, and subnormals.
            (Operand::E4m3, 1) => bits & 0x87 | 0x38,
            (Operand::E5m2, 1) => bits & 0x83 | 0x3c,
            (Operand::E4m3 | Operand::E5m2, 2) => bits & 0x8f,
            (Operand::E4m3 | Operand::E5m2, _) => bits & 0x7f,
            (Operand::F16 | Operand::Bf16, 0) => bits & 0xffff,
            (Operand::F16, 1) => bits & 0x83ff | 0x3c00,
            (Operand::Bf16, 1) => bits & 0x807f | 0x3f80,
            (Operand::F16 | Operand::Bf16, 2) => bits & 0x87ff,
            (Operand::F16 | Operand::Bf16, _) => bits & 0x7fff,
            (Operand::Tf32, 1) => bits & 0x807f_ffff | 0x3f80_0000,
            (Operand::Tf32, 2) => bits & 0x80ff_ffff,
            (Operand::Tf32, 3) => bits & 0x7fff_ffff,
            (Operand::Tf32, _) => bits,
        };
        let code = if r >> 60 == 0 { code & 0x8000_0000 } else { code };
        if value(of, code).is_finite() {
            return code;
        }
    }
}

fn accumulator(of: Accumulator, kind: u64, random: &mut Random) -> u32 {
    loop {
        let r = random.next() as u32;
        let c = match (of, kind) {
            (Accumulator::F16, _) => r & 0xffff,
            (_, 0) => r,
            (_, 1) => r & 0x87ff_ffff | 0x3800_0000,
            (_, 2) => r & 0x81ff_ffff,
            (_, _) => 0,
        };
        if of.to_f64(c).is_finite() {
            return c;
        }
    }
}

/// By the crate `half` and the other conversions of this one, not by the tensor core's decoding.
fn value(of: Operand, code: u32) -> f64 {
    match of {
        Operand::E4m3 => quarter_numerics::E4m3::from_bits(code as u8).to_f64(),
        Operand::E5m2 => quarter_numerics::E5m2::from_bits(code as u8).to_f64(),
        Operand::F16 => half::f16::from_bits(code as u16).to_f64(),
        Operand::Bf16 => half::bf16::from_bits(code as u16).to_f64(),
        Operand::Tf32 => f64::from(f32::from_bits(code & 0xffff_e000)),
    }
}

fn c_value(of: Accumulator, c: u32) -> f64 {
    match of {
        Accumulator::F32 => f64::from(f32::from_bits(c)),
        Accumulator::F16 => half::f16::from_bits(c as u16).to_f64(),
    }
}

struct Inputs {
    a: Vec<u32>,
    b: Vec<u32>,
    c: u32,
}

impl Inputs {
    fn draw(of: &Arithmetic, len: usize, random: &mut Random) -> Self {
        let [a, b, c] = [random.next() % 4, random.next() % 4, random.next() % 4];
        Self {
            a: (0..len).map(|_| operand(of.a, a, random)).collect(),
            b: (0..len).map(|_| operand(of.b, b, random)).collect(),
            c: accumulator(of.accumulator, c, random),
        }
    }

    /// Products are exact in f64: 22 bits of significand, exponents of -272 to 256.
    fn addends(&self, of: &Arithmetic) -> impl Iterator<Item = f64> {
        let products = self.a.iter().zip(&self.b).map(|(&a, &b)| value(of.a, a) * value(of.b, b));
        products.chain([c_value(of.accumulator, self.c)])
    }

    /// The exact sum, as an expansion of f64 whose parts do not overlap (Shewchuk), largest last.
    fn expansion(&self, of: &Arithmetic) -> Vec<f64> {
        expansion(self.addends(of))
    }
}

fn expansion(addends: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut parts: Vec<f64> = Vec::new();
    for mut x in addends {
        let mut kept = Vec::new();
        for &part in &parts {
            let (large, small) = if x.abs() > part.abs() { (x, part) } else { (part, x) };
            let sum = large + small;
            let error = small - (sum - large);
            if error != 0.0 {
                kept.push(error);
            }
            x = sum;
        }
        kept.push(x);
        parts = kept;
    }
    parts
}

/// The nearest f64 of an expansion.
fn nearest(parts: &[f64]) -> f64 {
    let mut parts = parts.to_vec();
    let Some(mut sum) = parts.pop() else { return 0.0 };
    while let Some(next) = parts.pop() {
        let total = sum + next;
        let error = next - (total - sum);
        sum = total;
        if error != 0.0 {
            // Half a place, and more of the same sign below: the rest decides a tie.
            if let Some(&below) = parts.last()
                && (error > 0.0) == (below > 0.0)
            {
                let twice = 2.0 * error;
                let up = sum + twice;
                if up - sum == twice {
                    sum = up;
                }
            }
            break;
        }
    }
    sum + 0.0
}

fn each(cases: usize, seed: u64, mut check: impl FnMut(&Known, &Model, &Inputs)) {
    let mut random = Random(seed);
    let mut count = 0;
    for known in known::all() {
        count += 1;
        for case in 0..cases {
            // Chains, and a short last instruction.
            let len = [known.arithmetic.k, 2 * known.arithmetic.k, 5, 128, 0][case % 5];
            check(&known, &known.model(), &Inputs::draw(&known.arithmetic, len, &mut random));
        }
    }
    assert!(count >= 45, "{count} arithmetics");
}

#[test]
fn certificates_hold() {
    let (mut exact, mut lossy, mut of_one_sign) = (0, 0, 0);
    each(400, 1, |known, model, inputs| {
        let Inputs { a, b, c } = inputs;
        let d = model.dot(a, b, *c);
        let Some(told) = model.certify(a, b, *c) else {
            let finite = c_value(known.arithmetic.accumulator, d).is_finite();
            assert!(!finite, "{known}: {d:#x}");
            return;
        };
        assert_eq!(told.d, d);
        let sum = inputs.expansion(&known.arithmetic);
        assert_eq!(told.exact.to_f64().to_bits(), nearest(&sum).to_bits(), "{known} {sum:?}");
        assert_eq!(told.exact.is_negative(), nearest(&sum) < 0.0);
        assert_eq!(told.exact.is_zero(), nearest(&sum) == 0.0);
        let d = c_value(known.arithmetic.accumulator, d);
        let difference = inputs.addends(&known.arithmetic).map(|x| -x).chain([d]);
        let error = nearest(&expansion(difference));
        assert_eq!(told.error.to_bits(), error.to_bits(), "{known}");

        assert!(told.error.abs() <= told.bound, "{known}: {told:?} {a:x?} {b:x?} {c:x}");
        let ahead = model.bound(a, b, *c);
        // Both are sums rounded up, in different orders.
        assert!(
            told.bound <= ahead * (1.0 + 1e-12),
            "{known}: {told:?} {ahead} {a:x?} {b:x?} {c:x}"
        );
        let magnitudes = || inputs.addends(&known.arithmetic).map(f64::abs);
        let short = nearest(&expansion(magnitudes().chain([-told.magnitude])));
        assert!(short <= 0.0, "{known}: the magnitude is {short} short");
        let magnitude: f64 = magnitudes().sum();
        assert!(
            told.magnitude >= magnitude * (1.0 - 1e-13)
                && told.magnitude <= magnitude * (1.0 + 1e-13)
        );
        assert_eq!(
            told.relative(),
            if magnitude == 0.0 { 0.0 } else { error.abs() / told.magnitude }
        );
        if told.one_sided {
            of_one_sign += 1;
            let exact = told.exact.to_f64();
            assert!(if exact < 0.0 { error >= 0.0 } else { error <= 0.0 }, "{known}: {told:?}");
        }
        if error == 0.0 { exact += 1 } else { lossy += 1 }
    });
    assert!(exact > 1000 && lossy > 5000 && of_one_sign > 500, "{exact} {lossy} {of_one_sign}");
}

#[test]
fn specials_have_no_certificate() {
    for known in known::all() {
        let of = &known.arithmetic;
        let model = known.model();
        let nan: u32 = match of.a {
            Operand::E4m3 | Operand::E5m2 => 0x7f,
            Operand::F16 | Operand::Bf16 => 0x7fff,
            Operand::Tf32 => 0x7fff_ffff,
        };
        assert!(model.certify(&[nan], &[0u32], 0).is_none());
        assert_eq!(model.bound(&[nan], &[0u32], 0), f64::INFINITY);
        let infinity = of.accumulator.infinity();
        assert!(model.certify(&[0u32], &[0u32], infinity).is_none());
        assert_eq!(model.bound(&[0u32], &[0u32], infinity), f64::INFINITY);
    }
}

/// What is a multiple of the grid whatever the order loses nothing, and the bound knows.
#[test]
fn sums_of_small_integers_are_exact() {
    let model = Model::new(known::wgmma_fp8(
        quarter_numerics::Format::E4m3,
        quarter_numerics::Format::E4m3,
        Accumulator::F32,
    ))
    .unwrap();
    // 3 * 5, 96 times: 1440, and 4096 is 2^12.
    let (a, b) = ([0x44u8; 96], [0x4au8; 96]);
    assert_eq!(f32::from_bits(model.dot(&a, &b, 0)), 1440.0);
    assert_eq!(model.bound(&a, &b, 0), 0.0);
    // Past 2^14 odd numbers are lost.
    let (a, b) = ([0x44u8; 2048], [0x4au8; 2048]);
    assert!(model.bound(&a, &b, 0) > 0.0);
    assert!(model.certify(&a, &b, 0).unwrap().error < 0.0);
}

/// The bound ahead of a product is not far above what can happen.
#[test]
fn bounds_are_not_vacuous() {
    let format = quarter_numerics::Format::E4m3;
    let model = Model::new(known::wgmma_fp8(format, format, Accumulator::F32)).unwrap();
    let mut random = Random(5);
    let (mut worst, mut mean) = (f64::INFINITY, 0.0);
    const CASES: usize = 200;
    for _ in 0..CASES {
        // Positive, 1 to 2, K = 512: products lie off the grid once the sum has passed 128.
        let mut codes = || (0..512).map(|_| random.next() as u8 & 7 | 0x38).collect::<Vec<u8>>();
        let (a, b) = (codes(), codes());
        let told = model.certify(&a, &b, 0).unwrap();
        let ratio = model.bound(&a, &b, 0) / told.error.abs();
        assert!(told.bound / told.error.abs() < 8.0, "{told:?}");
        (worst, mean) = (worst.min(ratio), mean + ratio / CASES as f64);
    }
    assert!(worst >= 1.0 && mean < 8.0, "{worst} {mean}");
}

/// The exponents of the highest and the lowest bit that is set, of a normal f64.
fn significant(x: f64) -> (i32, i32) {
    let exponent = (x.to_bits() >> 52 & 0x7ff) as i32 - 1023;
    let fraction = x.to_bits() & ((1 << 52) - 1) | 1 << 52;
    (exponent, exponent - 52 + fraction.trailing_zeros() as i32)
}

/// Checks one and counts: addends cut, addends gone, results rounded.
fn check_explanation(name: &str, model: &Model, inputs: &Inputs) -> [usize; 3] {
    let Inputs { a, b, c } = inputs;
    let of = model.arithmetic();
    let told = model.explain(a, b, *c);
    assert_eq!(told.d, model.dot(a, b, *c));
    let groups = of.k / of.group + usize::from(of.c != Joins::First);
    assert_eq!(told.steps.len(), a.len().div_ceil(of.k) * groups);
    let (mut seen, mut counts) = (vec![0; a.len()], [0; 3]);
    for step in &told.steps {
        // An infinite partial sum: nothing is added any more.
        let special = step.addends.iter().any(|addend| !addend.value.is_finite());
        let mut sum = Vec::new();
        for addend in &step.addends {
            if let Some(k) = addend.k {
                seen[k] += 1;
                assert_eq!(addend.value, value(of.a, a[k]) * value(of.b, b[k]), "{name}");
            }
            if special {
                assert!(matches!(addend.cause, Cause::Unused | Cause::Infinite | Cause::Nan));
                continue;
            }
            sum.push(addend.kept);
            let lost = addend.value - addend.kept;
            match addend.cause {
                Cause::Kept => assert_eq!((lost, addend.bits_lost), (0.0, 0), "{name}"),
                Cause::Zero => assert_eq!((addend.value, addend.kept), (0.0, 0.0)),
                Cause::Cut(grid) | Cause::Vanished(grid) => {
                    let unit = 2f64.powi(grid);
                    assert!(lost != 0.0 && lost.abs() < unit, "{name}: {addend:?}");
                    assert_eq!((addend.kept / unit).fract(), 0.0);
                    let (top, low) = significant(addend.value);
                    assert_eq!(addend.bits_lost as i32, (top + 1).min(grid) - low, "{name}");
                    let gone = addend.cause == Cause::Vanished(grid);
                    assert_eq!(gone, addend.kept == 0.0);
                    counts[usize::from(gone)] += 1;
                    let extra = if addend.k.is_none() { of.rules.c_extra_bits } else { 0 };
                    let bits = (step.fraction_bits + extra) as i32;
                    assert_eq!(grid, step.max_exponent.unwrap() - bits, "{name}");
                }
                other => panic!("{name}: {other:?}"),
            }
        }
        if !special {
            assert_eq!(nearest(&expansion(sum.iter().copied())), step.sum + 0.0, "{name}");
            let result = c_value(of.accumulator, step.result);
            if result.is_finite() {
                // The sum may be more than an f64 holds: the difference decides.
                let lost = nearest(&expansion(sum.into_iter().chain([-result])));
                assert_eq!(step.result_bits_lost == 0, lost == 0.0, "{name} {step:?}");
            }
            counts[2] += usize::from(step.result_bits_lost > 0);
        }
    }
    assert!(seen.iter().all(|&times| times == 1), "{name}: each element once");
    if let Some(step) = told.steps.last() {
        assert_eq!(step.result, told.d);
    }
    counts
}

#[test]
fn explanations_add_up() {
    let mut counts = [0; 3];
    let mut add = |more: [usize; 3]| counts.iter_mut().zip(more).for_each(|(n, more)| *n += more);
    each(150, 2, |known, model, inputs| {
        add(check_explanation(&known.to_string(), model, inputs));
    });
    assert!(counts.iter().all(|&count| count > 1000), "{counts:?}");

    let extra = Arithmetic { rules: Rules { c_extra_bits: 4, ..Rules::KNOWN }, ..hopper() };
    let last = Arithmetic { c: Joins::Last, group: 8, run: 4, ..hopper() };
    let mut random = Random(4);
    for variant in [extra, last] {
        let (model, mut of_c) = (Model::new(variant).unwrap(), 0);
        for _ in 0..1000 {
            let inputs = Inputs::draw(&variant, 32, &mut random);
            let [cut, ..] = check_explanation("hypothetical", &model, &inputs);
            of_c += cut;
        }
        assert!(of_c > 1000);
    }
}

fn hopper() -> Arithmetic {
    let format = quarter_numerics::Format::E4m3;
    known::wgmma_fp8(format, format, Accumulator::F32)
}

#[test]
fn explanations_read_well() {
    let model = Model::new(hopper()).unwrap();
    let told: Explanation =
        model.explain(&[0x78u8, 0x08, 0xb9], &[0x38u8, 0x38, 0x08], 0x3f86_0000);
    let text = told.to_string();
    for line in [
        "step 0: largest exponent 8, grid 2^-5",
        "  k 0    2^8    2.56e2               kept",
        "  k 1    2^-6   1.5625e-2            all of it is below 2^-5",
        "  c      2^0    1.046875e0           1.03125e0: 1 bits below 2^-5 cut",
        "  sum 2.5703125e2, result 2.5703125e2 (0x43808400)",
        "d = 2.5703125e2 (0x43808400)",
    ] {
        assert!(text.lines().any(|found| found == line), "no {line:?} in\n{text}");
    }
    let text = model.explain(&[0x7fu8], &[0u8], 0).to_string();
    assert!(text.contains("NaN") && text.contains("nothing to align"), "{text}");
}

/// Bounds and certificates hold for what no GPU does, too.
#[test]
fn hypothetical_arithmetics_are_bounded() {
    let base = hopper();
    let rules = Rules::KNOWN;
    let variants = [
        Arithmetic { alignment: Rounding::Down, ..base },
        Arithmetic { alignment: Rounding::NearestEven, result: Rounding::NearestAway, ..base },
        Arithmetic { result: Rounding::Down, fraction_bits: 9, result_bits: 9, ..base },
        Arithmetic { group: 4, run: 2, result: Rounding::NearestEven, result_bits: 3, ..base },
        Arithmetic { c: Joins::Last, ..base },
        Arithmetic { c: Joins::Added, floor: Some(5), ..base },
        Arithmetic { group: 1, run: 1, fraction_bits: 96, result_bits: 23, ..base },
        Arithmetic { rules: Rules { c_extra_bits: 4, ..rules }, ..base },
        Arithmetic { rules: Rules { products: Products::Normalised, ..rules }, ..base },
        Arithmetic { rules: Rules { operands: Subnormals::Normalised, ..rules }, ..base },
        Arithmetic { rules: Rules { zeros: Zeros::AsSubnormal, ..rules }, ..base },
        Arithmetic { rules: Rules { zeros: Zeros::Partner, ..rules }, ..base },
        Arithmetic { rules: Rules { zeros: Zeros::AsSubnormal, ..rules }, c: Joins::Added, ..base },
        Arithmetic { rules: Rules { c: Subnormals::Flushed, ..rules }, ..base },
        Arithmetic {
            accumulator: Accumulator::F16,
            result_bits: 10,
            rules: Rules { c: Subnormals::Flushed, ..rules },
            ..base
        },
        Arithmetic { rules: Rules { results: Subnormals::Flushed, ..rules }, ..base },
        Arithmetic {
            accumulator: Accumulator::F16,
            result_bits: 10,
            rules: Rules { overflow: Overflow::Saturated, ..rules },
            ..base
        },
    ];
    let mut random = Random(3);
    for variant in variants {
        let model = Model::new(variant).unwrap();
        let mut bounded = 0;
        for len in [1, 7, 32, 64, 100].repeat(400) {
            let Inputs { a, b, c } = Inputs::draw(&variant, len, &mut random);
            let Some(told) = model.certify(&a, &b, c) else { continue };
            assert!(told.error.abs() <= told.bound, "{variant:?}: {told:?} {a:x?} {b:x?} {c:x}");
            assert!(
                told.bound <= model.bound(&a, &b, c),
                "{variant:?} {told:?} {a:x?} {b:x?} {c:x}"
            );
            bounded += usize::from(told.bound.is_finite());
        }
        assert!(bounded > 200, "{variant:?}: {bounded}");
    }
}

#[test]
fn impossible_arithmetics_are_refused() {
    let base = hopper();
    let refusal = |arithmetic| Model::new(arithmetic).unwrap_err().to_string();
    assert_eq!(refusal(Arithmetic { group: 0, ..base }), "group must be 1 to 64, not 0");
    assert_eq!(refusal(Arithmetic { group: 65, ..base }), "group must be 1 to 64, not 65");
    let k = refusal(Arithmetic { k: 33, ..base });
    assert_eq!(k, "k must be a positive multiple of group, at most 4096, not 33");
    assert!(refusal(Arithmetic { k: 0, ..base }).ends_with("not 0"));
    assert!(refusal(Arithmetic { k: 8192, ..base }).ends_with("not 8192"));
    assert_eq!(refusal(Arithmetic { run: 3, ..base }), "run must divide group, not 3");
    assert!(refusal(Arithmetic { run: 0, ..base }).ends_with("not 0"));
    assert!(refusal(Arithmetic { fraction_bits: 97, ..base }).ends_with("not 97"));
    let rules = Rules { c_extra_bits: u32::MAX, ..Rules::KNOWN };
    assert!(refusal(Arithmetic { rules, ..base }).starts_with("fraction_bits and c_extra_bits"));
    assert!(refusal(Arithmetic { result_bits: 24, ..base }).ends_with("not 24"));
    assert!(refusal(Arithmetic { floor: Some(i32::MIN), ..base }).starts_with("the magnitude of"));
    // The catalogue is not checked at run time: here it is.
    for known in known::all() {
        assert_eq!(Model::new(known.arithmetic), Ok(known.model()), "{known}");
    }
}

#[test]
fn names_of_gpus() {
    use quarter_numerics::tensor_core::Gpu;
    for gpu in Gpu::ALL {
        assert_eq!(gpu.name().parse(), Ok(gpu));
        for alias in gpu.aliases() {
            assert_eq!(alias.to_uppercase().parse(), Ok(gpu));
        }
    }
    let unknown = "sm_12".parse::<Gpu>().unwrap_err().to_string();
    assert!(unknown.contains("hopper (sm_90)"), "{unknown}");
}
