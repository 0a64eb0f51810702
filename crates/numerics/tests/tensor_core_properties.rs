//! Laws of the tensor core that need no reference results, on every known arithmetic.
//!
//! `tensor_core_mutants.rs` tries them on arithmetics that are wrong in one rule each.
//! Monotonicity is not among them, since it does not hold.

mod laws;

use laws::{Case, LAWS, Law};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use quarter_numerics::tensor_core::{
    Accumulator, Arithmetic, Gpu, Instruction, Model, known, wgmma_k32,
};
use quarter_numerics::{E4m3, E5m2, Fp8};

/// Every known arithmetic once, those of FP8 `wgmma` with more cases.
fn arithmetics() -> Vec<(Arithmetic, u32)> {
    let mut all: Vec<(Arithmetic, u32)> = Vec::new();
    for known in known::all() {
        let wgmma = known.instruction == Instruction::Wgmma && known.gpu == Gpu::Hopper;
        let cases = if wgmma && known.arithmetic.a.is_fp8() { 5000 } else { 300 };
        if !all.iter().any(|(arithmetic, _)| *arithmetic == known.arithmetic) {
            all.push((known.arithmetic, cases));
        }
    }
    assert_eq!(all.iter().filter(|(_, cases)| *cases == 5000).count(), 8, "pairs and results");
    all
}

fn prove(name: &str) {
    let law: &Law = LAWS.into_iter().find(|law| law.name == name).unwrap();
    let mut tried = 0;
    for (truth, cases) in arithmetics().into_iter().filter(|(truth, _)| (law.applies)(truth)) {
        let model = Model::new(truth).unwrap();
        let config =
            ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
        let check = |case: Case| (law.check)(&model, &truth, &case).map_err(TestCaseError::fail);
        if let Err(error) = TestRunner::new(config).run(&(law.cases)(&truth), check) {
            panic!("{name} of {truth:?}: {error}");
        }
        tried += 1;
    }
    assert!(tried > 0);
}

/// A test for each law.
macro_rules! laws {
    ($($test:ident: $law:literal,)*) => {
        $(#[test] fn $test() { prove($law) })*
        #[test] fn every_law_is_tested() {
            assert_eq!(LAWS.map(|law| law.name), [$($law),*]);
        }
    };
}

laws! {
    accumulator_is_cut_to_the_grid: "width",
    third_product_is_cut_to_the_grid: "third",
    order_within_a_step_is_irrelevant: "order",
    null_pair_is_irrelevant: "null",
    partner_of_zero_is_irrelevant: "zero",
    unused_bits_are_irrelevant: "unused",
    accumulator_is_one_more_addend: "moved",
    accumulator_is_added_in_ieee: "added",
    accumulator_alone_is_cut: "alone",
    loss_is_one_sided: "sided",
    exact_sum_is_rounded_once: "exact",
    tiny_sums_are_floored_and_rounded: "tiny",
    results_have_their_form: "form",
    sign_is_symmetric: "sign",
    nan_is_canonical: "nan",
}

/// The typed function is the model of FP8 `wgmma`.
fn typed<A: Fp8, B: Fp8>(a: [u8; 32], b: [u8; 32], c: u32) -> Result<(), TestCaseError> {
    let arithmetic = known::wgmma_fp8(A::FORMAT, B::FORMAT, Accumulator::F32);
    let d = wgmma_k32(&a.map(A::from_bits), &b.map(B::from_bits), f32::from_bits(c));
    prop_assert_eq!(d.to_bits(), Model::new(arithmetic).unwrap().dot(&a, &b, c));
    Ok(())
}

/// Bytes of any kind, or without an exponent field of ones: NaN is not everywhere.
fn bytes() -> impl Strategy<Value = [u8; 32]> {
    let any = any::<[u8; 32]>();
    prop_oneof![any, any.prop_map(|x| x.map(|x| x & 0xbf))]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn typed_wgmma_is_the_model(a in bytes(), b in bytes(), c: u32) {
        typed::<E4m3, E4m3>(a, b, c)?;
        typed::<E4m3, E5m2>(a, b, c)?;
        typed::<E5m2, E4m3>(a, b, c)?;
        typed::<E5m2, E5m2>(a, b, c)?;
    }
}
