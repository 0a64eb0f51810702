//! Products at their edges: every order of events, sums of nothing, and what is refused.

use std::sync::Arc;

use half::bf16;
use quarter::Format;
use quarter::gemm::{self, Plan, Promotion};
use quarter::gpu::emulate::Options;
use quarter::gpu::{Emulator, GemmOn, WideType};
use quarter::quantize::{Granularity, MatrixMut, Quantized};

use crate::devices::{devices, driver};
use crate::gemm::{Case, Placed, check, fixed, through_the_safe_layer};

#[test]
fn clean_under_hundreds_of_seeds() {
    for entry in ["gemm_e4m3_e5m2_bf16_fast", "gemm_e5m2_e4m3_f32_promote"] {
        // Four tiles for three clusters, each in more steps than there are stages.
        let case = Case { sides: (130, 770, 520), ..fixed()[2] }.of(entry);
        let (a, b) = case.operands();
        let (mut first, mut runs) = (None, 0);
        for seed in 0..150 {
            for device in devices(seed) {
                let driver = device.driver().unwrap();
                let placed = Placed::new(&case, &a, &b, driver);
                let got = placed.run(&placed.work(&case), &**driver);
                let got = got.unwrap_or_else(|e| panic!("seed {seed}: {e:?}"));
                assert!(*first.get_or_insert_with(|| got.clone()) == got, "seed {seed}");
                runs += 1;
            }
        }
        assert!(runs >= 150);
    }
}

/// More tiles than the machine has clusters, so that each has several: on a GPU a product of its size.
#[test]
fn every_cluster_has_several_tiles() {
    for device in devices(0) {
        let clusters = (device.driver().unwrap().processors() / 2).max(1) as usize;
        // Two tiles down, the last column ragged.
        let n = 256 * clusters + 30;
        for entry in ["gemm_e4m3_e5m2_bf16_fast", "gemm_e5m2_e4m3_f32_promote"] {
            for layout in [(0, 2), (1, 1)] {
                let case = Case { sides: (300, n, 700), layout, ..fixed()[0] }.of(entry);
                let (a, b) = case.operands();
                let placed = Placed::new(&case, &a, &b, device.driver().unwrap());
                let got = placed.run(&placed.work(&case), &**device.driver().unwrap()).unwrap();
                assert!(got == case.expected(&a, &b), "{entry} {layout:?}");
            }
        }
    }
}

#[test]
fn a_sum_of_nothing_is_zero() {
    for (layout, wide) in [((0, 0), WideType::F32), ((3, 5), WideType::Bf16)] {
        let case = Case { sides: (5, 8, 0), layout, wide, ..fixed()[0] };
        check(&case);
    }
    let case = Case { sides: (0, 8, 40), layout: (0, 0), ..fixed()[0] };
    through_the_safe_layer::<f32>(&case);
    through_the_safe_layer::<bf16>(&Case { sides: (8, 0, 40), ..case });
    through_the_safe_layer::<bf16>(&Case { sides: (8, 3, 0), ..case });
}

/// One chain that holds all of K is none that is promoted.
#[test]
fn intervals_beyond_k() {
    let long = Promotion::Every(256);
    check(&Case { promotion: long, sides: (70, 30, 200), ..fixed()[0] });
}

#[test]
fn refused_before_anything_is_read_or_written() {
    let case = Case { sides: (40, 48, 64), layout: (0, 0), ..fixed()[0] };
    let (a, b) = case.operands();
    let with = |change: fn(&mut GemmOn)| {
        let emulator =
            Arc::new(Emulator::new(Options { count_touches: true, ..Options::default() }));
        let driver = driver(&emulator);
        let placed = Placed::new(&case, &a, &b, &driver);
        let mut work = placed.work(&case);
        change(&mut work);
        let error = placed.run(&work, &*driver).unwrap_err();
        for buffer in [&placed.a, &placed.b, &placed.d] {
            let touches = emulator.touches(buffer.address()).unwrap();
            assert!(touches.loads.iter().chain(&touches.stores).all(|n| *n == 0), "{error}");
        }
        error.to_string()
    };
    let messages = [
        (with(|g| g.a = 0), "A is 0x0; an address on the device is needed"),
        (with(|g| g.a += 8), "A is 0x"),
        (with(|g| g.b += 1), "B is 0x"),
        (with(|g| g.d += 1), "D is 0x"),
        (with(|g| g.d = 0), "D is 0x0; an address"),
        (with(|g| g.scale_inv_a = 0), "scale_inv of A is 0x0; an address"),
        (with(|g| g.scale_inv_b += 2), "scale_inv of B is 0x"),
        (
            with(|g| g.pitch_a = 56),
            "A is 40 x 64; the pitch of 56 bytes has to be a multiple of 16",
        ),
        (with(|g| g.pitch_b = 48), "B is 48 x 64; the pitch of 48 bytes"),
        (with(|g| g.pitch_d = 47), "D is 40 x 48; the pitch of 94 bytes"),
        (
            with(|g| g.pitch_a = 1 << 40),
            "A is 40 x 64; the pitch of 1099511627776 bytes has to be below",
        ),
        (with(|g| g.m = 1 << 31), "D is 2147483648 x 48; sides below"),
        (with(|g| g.n = 1 << 31), "D is 40 x 2147483648; sides below"),
        (with(|g| g.k = 1 << 31), "A is 40 x 2147483648; sides below"),
        (
            with(|g| g.pitch_b = 1 << 40),
            "B is 48 x 64; the pitch of 1099511627776 bytes has to be below",
        ),
        (with(|g| g.pitch_d = usize::MAX), "D is 40 x 48; the pitch of"),
        (with(|g| g.scale_inv_b = 0), "scale_inv of B is 0x0; an address"),
        (
            with(|g| {
                (g.m, g.n, g.pitch_d) = (1 << 30, 1 << 30, 1 << 30);
            }),
            "D is 1073741824 x 1073741824; fewer than 2^31 tiles of 256 x 256 are allowed",
        ),
        (with(|g| g.wide = WideType::F16), "type of D is F16; F32 and Bf16 are allowed"),
        (
            with(|g| g.plan.promotion = Promotion::Every(32)),
            "promotion interval is 32; 128, Never, and intervals that hold all of K",
        ),
        (
            with(|g| g.plan.promotion = Promotion::Every(33)),
            "promotion interval is 33; positive multiples of 32",
        ),
    ];
    for (message, expected) in messages {
        assert!(message.starts_with(expected), "{message}");
    }
    // The safe layer has scales and shapes of its own to look at.
    let rows = Quantized::from_unpadded(
        Format::E4m3,
        (2, 16),
        &[0x38; 32],
        Granularity::Row,
        vec![1.0; 2],
    );
    let rows = rows.unwrap();
    let mut d = [7f32; 4];
    let matrix = MatrixMut::new(&mut d, 2, 2).unwrap();
    let error = gemm::gemm_on(&devices(0)[0], &rows, &rows, &Plan::for_k(16), matrix).unwrap_err();
    let expected = "granularity of a is Row; Tensor is allowed on a device";
    assert!(error.to_string().starts_with(expected), "{error}");
    let matrix = MatrixMut::new(&mut d[..2], 1, 2).unwrap();
    let error = gemm::gemm_on(&devices(0)[0], &rows, &rows, &Plan::for_k(16), matrix).unwrap_err();
    assert!(error.to_string().starts_with("d is 1 x 2; 2 x 2 is needed"), "{error}");
    assert_eq!(d, [7.0; 4]);
}
