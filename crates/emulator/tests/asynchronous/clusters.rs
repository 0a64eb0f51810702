//! Clusters: their barrier, memory of other blocks, multicast.

use quarter_emulator::{ElementType, Error, FaultKind, Machine, Swizzle, TensorMap};

use super::{Kernel, elected, policies};

const BARRIER: &str = "barrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;";

fn two(body: &str) -> Kernel<'_> {
    Kernel { blocks: [4, 2], ..Kernel::new(body) }
}

/// Each block writes a word for the other one to read.
fn exchange(barrier: &str, last: &str) -> String {
    format!(
        "mov.u32 %r0, %cluster_ctarank;\nxor.b32 %r1, %r0, 1;\n\
         add.u32 %r2, %r0, 7;\n{}\n{barrier}\n\
         mapa.shared::cluster.u32 %r3, %base, %r1;\nld.shared::cluster.b32 %r4, [%r3];\n\
         mov.u32 %r5, %ctaid.x;\nmad.wide.u32 %a0, %r5, 4, %data;\n{}\n{last}",
        elected(0, "st.shared.b32 [%base], %r2;"),
        elected(0, "st.global.b32 [%a0], %r4;"),
    )
}

#[test]
fn blocks_read_each_other() {
    for options in policies() {
        let left = two(&exchange(BARRIER, BARRIER)).leaves(16, options).unwrap();
        let words: Vec<u32> =
            left.chunks_exact(4).map(|b| u32::from_le_bytes(b.try_into().unwrap())).collect();
        assert_eq!(words, [8, 7, 8, 7]);
    }
    two(&exchange("bar.sync 0;", BARRIER))
        .always(|kind, _| matches!(kind, FaultKind::Race { .. } | FaultKind::Uninitialised { .. }));
    // A relaxed arrival tells nothing.
    two(&exchange(&BARRIER.replace("arrive", "arrive.relaxed"), BARRIER))
        .always(|kind, _| matches!(kind, FaultKind::Race { .. }));
    two("barrier.cluster.wait.aligned;").always(
        |kind, _| matches!(kind, FaultKind::Barrier(what) if what.contains("has not arrived")),
    );
    two("barrier.cluster.arrive.aligned;\nbarrier.cluster.arrive.aligned;")
        .always(|kind, _| matches!(kind, FaultKind::Barrier(what) if what.contains("again")));
    two("mov.u32 %r0, 2;\nmapa.shared::cluster.u32 %r1, %base, %r0;")
        .always(|kind, _| matches!(kind, FaultKind::Operand(_)));
    // An arrival of those that are left.
    let body = format!("setp.eq.u32 %p0, %warp, 3;\n@%p0 exit;\n{BARRIER}");
    for options in policies() {
        two(&body).leaves(16, options).unwrap();
    }
}

/// Block 0 loads a box for both; each waits at its own barrier. The other block's arrival at the
/// barrier of block 0 says that its memory may be written.
fn multicast(mask: u16, init_fence: &str, meet: &str) -> String {
    let init = format!("mbarrier.init.shared::cta.b64 [%base+32768], 1;\n{init_fence}");
    let arrive = "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%base+32768], 1024;";
    let load = format!(
        "setp.ne.u32 %p5, %r0, 0;\n@%p5 bra PAST;\nmov.b16 %h0, {mask};\n\
         cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes\
         .multicast::cluster [%base], [%map0, {{0, 0}}], [%base+32768], %h0;"
    );
    format!(
        "mov.u32 %r0, %cluster_ctarank;\n{}\n{}\n{meet}\n{}\n\
         {{ W: mbarrier.try_wait.parity.shared::cta.b64 %p0, [%base+32768], 0;\n@!%p0 bra W; }}\n\
         mov.u32 %r1, %ctaid.x;\nmad.lo.u32 %r1, %r1, 128, %tix;\nshl.b32 %r3, %tix, 3;\n\
         add.u32 %r3, %r3, %base;\nld.shared.b64 %a0, [%r3];\n\
         mad.wide.u32 %a1, %r1, 8, %data;\nst.global.b64 [%a1], %a0;\n{BARRIER}",
        elected(0, &init),
        elected(0, arrive),
        elected(0, &load),
    )
}

fn run(body: &str, options: quarter_emulator::Options) -> Result<Vec<u8>, Error> {
    let mut machine = Machine::new(options);
    let source = machine.allocate(1024).unwrap();
    machine.write(source, &(0..1024).map(|i| (i % 251) as u8).collect::<Vec<_>>()).unwrap();
    let map = TensorMap {
        element: ElementType::U8,
        rank: 2,
        address: source,
        dims: [64, 16, 1],
        strides: [64, 0],
        box_dims: [64, 16, 1],
        swizzle: Swizzle::None,
    };
    let mut kernel = two(body);
    kernel.maps = vec![map.encode().unwrap()];
    let data = machine.allocate(4096).unwrap();
    machine.write(data, &[0; 4096]).unwrap();
    kernel.run(&mut machine, data)?;
    let mut left = vec![0; 4096];
    machine.read(data, &mut left).unwrap();
    Ok(left)
}

#[test]
fn a_multicast_reaches_all_blocks() {
    let fence = "fence.mbarrier_init.release.cluster;";
    let relaxed = BARRIER.replace("arrive", "arrive.relaxed");
    for meet in [BARRIER, &relaxed] {
        for options in policies() {
            let left = run(&multicast(3, fence, meet), options).unwrap();
            let all = left.chunks_exact(1024).flatten().enumerate();
            assert!(all.into_iter().all(|(i, b)| *b == (i % 1024 % 251) as u8), "{options:?}");
        }
    }
    let fault = |body: String| {
        policies()
            .map(move |options| match run(&body, options) {
                Err(Error::Fault(fault)) => fault.kind,
                other => panic!("{options:?}: {other:?}"),
            })
            .collect::<Vec<_>>()
    };
    for kind in fault(multicast(1, fence, BARRIER)) {
        assert!(matches!(kind, FaultKind::Deadlock(_)), "{kind}");
    }
    for kind in fault(multicast(7, fence, BARRIER)) {
        assert!(matches!(kind, FaultKind::Operand(_)), "{kind}");
    }
    for kind in fault(multicast(3, "", BARRIER)) {
        assert!(matches!(&kind, FaultKind::Barrier(what) if what.contains("no fence")), "{kind}");
    }
    for kind in fault(multicast(3, fence, "bar.sync 0;")) {
        assert!(matches!(kind, FaultKind::Barrier(_) | FaultKind::Operand(_)), "{kind}");
    }
}
