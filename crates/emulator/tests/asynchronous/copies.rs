//! Bulk copies of tensors: boxes, swizzles, edges, and what has to be waited for.

use quarter_emulator::{ElementType, Error, FaultKind, Machine, Options, Swizzle, TensorMap};

use super::{Kernel, elected, policies};

const SWIZZLES: [Swizzle; 4] = [Swizzle::None, Swizzle::B32, Swizzle::B64, Swizzle::B128];

fn map(address: u64, swizzle: Swizzle) -> TensorMap {
    // 37 rows of 75 bytes, 80 apart; boxes of 16 rows.
    let inner = if swizzle == Swizzle::None { 64 } else { swizzle.span() as u32 };
    TensorMap {
        element: ElementType::U8,
        rank: 2,
        address,
        dims: [75, 37, 1],
        strides: [80, 0],
        box_dims: [inner, 16, 1],
        swizzle,
    }
}

/// Where byte `at` of a box lies, as the hardware's manual draws it: 16-byte pieces of a row are
/// permuted by the row's number in a pattern.
fn drawn(swizzle: Swizzle, at: usize) -> usize {
    let (piece, within) = (at / 16, at % 16);
    let piece = match swizzle {
        Swizzle::None => piece,
        Swizzle::B32 => piece ^ (piece / 8 % 2),
        Swizzle::B64 => piece ^ (piece / 8 % 4),
        Swizzle::B128 => piece ^ (piece / 8 % 8),
    };
    16 * piece + within
}

const INIT: &str =
    "mbarrier.init.shared::cta.b64 [%base+32768], 1;\nfence.mbarrier_init.release.cluster;";
const LOAD: &str = "cp.async.bulk.tensor.2d.shared::cluster.global.tile\
     .mbarrier::complete_tx::bytes [%base], [%map0, {X, Y}], [%base+32768];";
const WAIT: &str = "{ W: mbarrier.try_wait.parity.shared::cta.b64 %p0, [%base+32768], 0;\n\
     @!%p0 bra W; }";
/// All bytes of the box to memory.
const OUT: &str = "mov.u32 %r0, %tix;\nOUT: add.u32 %r1, %base, %r0;\nld.shared.b8 %h0, [%r1];\n\
     cvt.u64.u32 %a0, %r0;\nadd.u64 %a0, %a0, %data;\nst.global.b8 [%a0], %h0;\n\
     add.u32 %r0, %r0, 128;\nsetp.lt.u32 %p1, %r0, BYTES;\n@%p1 bra OUT;";

fn load(expect: u32, x: i32, y: i32, out: &str) -> String {
    let arrive = format!("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%base+32768], {expect};");
    let load = LOAD.replace('X', &x.to_string()).replace('Y', &y.to_string());
    format!(
        "{}\nbar.sync 0;\n{}\n{out}",
        elected(0, INIT),
        elected(1, &format!("{arrive}\n{load}"))
    )
}

fn source(machine: &mut Machine) -> (u64, Vec<u8>) {
    let bytes: Vec<u8> = (0..37 * 80).map(|i| (i * 7 % 251) as u8 + 1).collect();
    let address = machine.allocate(bytes.len()).unwrap();
    machine.write(address, &bytes).unwrap();
    (address, bytes)
}

#[test]
fn boxes_are_swizzled_and_filled_with_zeros() {
    for swizzle in SWIZZLES {
        for (x, y) in [(0, 0), (16, 3), (-16, -5), (64, 30), (75, 0), (0, 37), (48, -16), (1, 1)] {
            for options in policies() {
                let mut machine = Machine::new(options);
                let (address, bytes) = source(&mut machine);
                let map = map(address, swizzle);
                let (inner, size) = (map.box_dims[0] as i32, 16 * map.box_dims[0]);
                let body = load(
                    size,
                    x,
                    y,
                    &format!("{WAIT}\n{}", OUT.replace("BYTES", &size.to_string())),
                );
                let mut kernel = Kernel::new(&body);
                kernel.maps = vec![map.encode().unwrap()];
                let data = machine.allocate(size as usize).unwrap();
                kernel.run(&mut machine, data).unwrap();
                let mut got = vec![0; size as usize];
                machine.read(data, &mut got).unwrap();
                for at in 0..size as i32 {
                    let (row, column) = (y + at / inner, x + at % inner);
                    let inside = (0..37).contains(&row) && (0..75).contains(&column);
                    let expected = if inside { bytes[(row * 80 + column) as usize] } else { 0 };
                    let place = drawn(swizzle, at as usize);
                    assert_eq!(got[place], expected, "{swizzle:?} {x} {y} {options:?}: {at}");
                }
            }
        }
    }
}

/// A box of one byte a thread is written, and stored at an edge.
fn store(fence: &str, meet: &str, kind: &str, wait: &str) -> String {
    format!(
        "mul.lo.u32 %r0, %tix, 16;\nadd.u32 %r0, %r0, %base;\n\
         mov.b32 %r1, 0x3f800000;\nst.shared.v4.b32 [%r0], {{%r1, %r1, %r1, %r1}};\n{fence}\n{meet}\n{}",
        elected(
            2,
            &format!(
                "cp.{kind}.2d.global.shared::cta{}.tile.bulk_group [%map0, {{X, Y}}], [%base];\n\
                 cp.async.bulk.commit_group;\n{wait}",
                if kind.starts_with("reduce") { ".add" } else { "" }
            )
        )
    )
}

const FENCE: &str = "fence.proxy.async.shared::cta;";
const MEET: &str = "bar.sync 0;";
const COPY: &str = "async.bulk.tensor";
const ADD: &str = "reduce.async.bulk.tensor";
const DRAIN: &str = "cp.async.bulk.wait_group.read 0;";

/// Runs a store of a box of 16 x 32 floats into 20 x 40 at a place; what is there then.
fn stored(text: &str, (x, y): (i32, i32), options: Options) -> Result<Vec<f32>, Error> {
    let mut machine = Machine::new(options);
    let address = machine.allocate(20 * 160).unwrap();
    machine.write(address, &2.5f32.to_le_bytes().repeat(800)).unwrap();
    let map = TensorMap {
        element: ElementType::F32,
        rank: 2,
        address,
        dims: [40, 20, 1],
        strides: [160, 0],
        box_dims: [32, 16, 1],
        swizzle: Swizzle::B128,
    };
    let body = text.replace('X', &x.to_string()).replace('Y', &y.to_string());
    let mut kernel = Kernel::new(&body);
    kernel.maps = vec![map.encode().unwrap()];
    kernel.run(&mut machine, address)?;
    let mut bytes = vec![0; 3200];
    machine.read(address, &mut bytes).unwrap();
    Ok(bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect())
}

#[test]
fn stores_are_clipped_and_added() {
    for (kind, expected) in [(COPY, 1.0), (ADD, 3.5)] {
        let text = store(FENCE, MEET, kind, DRAIN);
        for (x, y) in [(0, 0), (16, 10), (-4, -3), (40, 0), (0, 25)] {
            for options in policies() {
                let got = stored(&text, (x, y), options).unwrap();
                for (i, got) in got.into_iter().enumerate() {
                    let (row, column) = (i as i32 / 40 - y, i as i32 % 40 - x);
                    let inside = (0..16).contains(&row) && (0..32).contains(&column);
                    assert_eq!(got, if inside { expected } else { 2.5 }, "{kind} {x} {y} {i}");
                }
            }
        }
    }
}

#[test]
fn a_store_needs_its_fence_its_barrier_and_its_wait() {
    let faults = |text: &str| {
        policies()
            .map(|options| match stored(text, (0, 0), options) {
                Err(Error::Fault(fault)) => fault.kind,
                other => panic!("{options:?}: {other:?}"),
            })
            .collect::<Vec<_>>()
    };
    for kind in faults(&store("", MEET, COPY, DRAIN)) {
        assert!(matches!(kind, FaultKind::Proxy { ref other, .. } if other.line == 13), "{kind}");
    }
    // By one lane alone, for all that have written.
    let one = "setp.eq.u32 %p5, %lane, 0;\n@%p5 fence.proxy.async.shared::cta;";
    for kind in faults(&store(one, MEET, COPY, DRAIN)) {
        assert!(matches!(kind, FaultKind::Proxy { .. }), "{kind}");
    }
    for kind in faults(&store(FENCE, "", COPY, DRAIN)) {
        assert!(matches!(kind, FaultKind::Race { .. } | FaultKind::Uninitialised { .. }), "{kind}");
    }
    for kind in faults(&store(FENCE, MEET, COPY, "")) {
        assert!(matches!(kind, FaultKind::InFlight(_)), "{kind}");
    }
    // Written again before it has been read.
    let again = format!(
        "{}\n{}",
        store(FENCE, MEET, COPY, "cp.async.bulk.wait_group.read 1;"),
        elected(2, "st.shared.b32 [%base], %r1;\ncp.async.bulk.wait_group.read 0;")
    );
    for kind in faults(&again) {
        assert!(matches!(kind, FaultKind::Race { .. }), "{kind}");
    }
    // A fence by who has met the writers is as good.
    let later = store("", &format!("{MEET}\n{FENCE}"), COPY, DRAIN);
    for options in policies() {
        stored(&later, (0, 0), options).unwrap();
    }
}

/// Faults of a load of 16 x 64 bytes.
fn load_faults(body: &str) -> Vec<FaultKind> {
    policies()
        .map(|options| {
            let mut machine = Machine::new(options);
            let (address, _) = source(&mut machine);
            let mut kernel = Kernel::new(body);
            kernel.maps = vec![map(address, Swizzle::B64).encode().unwrap()];
            let data = machine.allocate(4096).unwrap();
            match kernel.run(&mut machine, data) {
                Err(Error::Fault(fault)) => fault.kind,
                other => panic!("{options:?}: {other:?} of {body}"),
            }
        })
        .collect()
}

#[test]
fn a_load_needs_its_bytes_and_its_wait() {
    let out = OUT.replace("BYTES", "1024");
    for kind in load_faults(&load(1024, 0, 0, &out)) {
        assert!(matches!(kind, FaultKind::Race { .. } | FaultKind::Uninitialised { .. }), "{kind}");
    }
    for kind in load_faults(&load(1024, 0, 0, "")) {
        assert!(matches!(kind, FaultKind::InFlight(_) | FaultKind::Barrier(_)), "{kind}");
    }
    // The whole box counts, clipped or not.
    for kind in load_faults(&load(1008, 48, 0, &format!("{WAIT}\n{out}"))) {
        assert!(matches!(kind, FaultKind::Deadlock(_)), "{kind}");
    }
    for kind in load_faults(&load(1040, 0, 0, &format!("{WAIT}\n{out}"))) {
        assert!(matches!(kind, FaultKind::Deadlock(_)), "{kind}");
    }
    // No fence stands behind the barrier's making.
    let bare = load(1024, 0, 0, WAIT).replace("fence.mbarrier_init.release.cluster;", "");
    for kind in load_faults(&bare) {
        assert!(matches!(&kind, FaultKind::Barrier(what) if what.contains("no fence")), "{kind}");
    }
    // What a thread has written is written over: it needs the fence as well.
    let over = format!(
        "mul.lo.u32 %r0, %tix, 4;\nadd.u32 %r0, %r0, %base;\nst.shared.b32 [%r0], %tix;\n{}",
        load(1024, 0, 0, WAIT)
    );
    for kind in load_faults(&over) {
        assert!(matches!(kind, FaultKind::Proxy { .. }), "{kind}");
    }
    for (what, with) in [("[%base], [%map0", "[%base+64], [%map0"), ("%map0, {", "%map1, {")] {
        for kind in load_faults(&load(1024, 0, 0, WAIT).replace(what, with)) {
            assert!(
                matches!(kind, FaultKind::Misaligned { bytes: 128, .. } | FaultKind::TensorMap(_)),
                "{kind}"
            );
        }
    }
}

#[test]
fn maps_that_cuda_would_refuse() {
    let fine = map(0x7f00 << 32, Swizzle::B64);
    fine.encode().unwrap();
    let with = |change: fn(&mut TensorMap)| {
        let mut map = fine;
        change(&mut map);
        map.encode().unwrap_err().to_string()
    };
    type Change = (fn(&mut TensorMap), &'static str);
    let refused: [Change; 10] = [
        (|m| m.rank = 0, "0 dimensions"),
        (|m| m.rank = 4, "4 dimensions"),
        (|m| m.address += 8, "multiples of 16"),
        (|m| m.dims[1] = 0, "dimension 1 has 0"),
        (|m| m.dims[0] = (1 << 32) + 1, "1 to 2^32"),
        (|m| m.strides[0] = 72, "a stride of 72"),
        (|m| m.strides[0] = 1 << 40, "below 2^40"),
        (|m| m.box_dims[1] = 257, "a box of 257"),
        (|m| m.box_dims[0] = 24, "rows of a box of 24"),
        (|m| m.box_dims[0] = 128, "64 are allowed with swizzle"),
    ];
    for (change, what) in refused {
        let said = with(change);
        assert!(said.contains(what), "{said}: {what}");
    }
}
