//! mbarriers: parities, counts, bytes, and what is wrong with them.

use quarter_emulator::FaultKind;

use super::{Kernel, elected, policies};

const INIT: &str = "mbarrier.init.shared::cta.b64 [%base+8192], 4;";
const WAIT: &str =
    "{ W: mbarrier.try_wait.parity.shared::cta.b64 %p0, [%base+8192], PARITY;\n@!%p0 bra W; }";
const ARRIVE: &str = "setp.eq.u32 %p1, %lane, 0;\n\
     @%p1 mbarrier.arrive.shared::cta.b64 _, [%base+8192];";

fn wait(parity: &str) -> String {
    WAIT.replace("PARITY", parity)
}

/// Warps write a word each, arrive, wait, and read their neighbours' words: three rounds.
fn exchange(begin: &str, wait: &str) -> String {
    format!(
        "{init}\nbar.sync 0;\nmov.u32 %r0, 0;\n\
         NEXT:\nshl.b32 %r1, %warp, 2;\nadd.u32 %r1, %r1, %base;\nadd.u32 %r2, %warp, %r0;\n\
         and.b32 %r5, %r0, 1;\nmad.lo.u32 %r1, %r5, 64, %r1;\n\
         setp.eq.u32 %p1, %lane, 0;\n@%p1 st.shared.b32 [%r1], %r2;\n\
         {begin}\n{wait}\n\
         add.u32 %r3, %warp, 1;\nand.b32 %r3, %r3, 3;\nshl.b32 %r3, %r3, 2;\nadd.u32 %r3, %r3, %base;\n\
         mad.lo.u32 %r3, %r5, 64, %r3;\n\
         ld.shared.b32 %r4, [%r3];\n\
         mad.lo.u32 %r6, %r0, 128, %tix;\nmad.wide.u32 %a0, %r6, 4, %data;\n\
         st.global.b32 [%a0], %r4;\n\
         add.u32 %r0, %r0, 1;\nsetp.lt.u32 %p2, %r0, 3;\n@%p2 bra NEXT;",
        init = elected(0, INIT)
    )
}

#[test]
fn phases_pass_what_was_written() {
    let body = exchange(ARRIVE, &wait("%r5"));
    for options in policies() {
        let left = Kernel::new(&body).leaves(4 * 128 * 3, options).unwrap();
        for (i, word) in left.chunks_exact(4).enumerate() {
            let (round, warp) = (i as u32 / 128, i as u32 % 128 / 32);
            let expected = (warp + 1) % 4 + round;
            assert_eq!(u32::from_le_bytes(word.try_into().unwrap()), expected, "{options:?}");
        }
    }
}

#[test]
fn a_wait_that_is_missing_is_a_race() {
    let body = exchange(ARRIVE, "");
    Kernel::new(&body)
        .always(|kind, _| matches!(kind, FaultKind::Race { .. } | FaultKind::Uninitialised { .. }));
}

#[test]
fn wrong_parities() {
    // Waits for the phase before the first, again and again.
    let body = exchange(ARRIVE, &wait("1"));
    Kernel::new(&body).always(|kind, _| match kind {
        FaultKind::Barrier(what) => {
            what.contains("waits again") || what.contains("tell them apart")
        }
        FaultKind::Race { .. } | FaultKind::Uninitialised { .. } => true,
        _ => false,
    });
    let body = exchange(ARRIVE, &wait("2"));
    Kernel::new(&body)
        .always(|kind, _| matches!(kind, FaultKind::Barrier(what) if what.contains("parity of 2")));
    // A phase that nobody completes.
    let body = exchange(ARRIVE, &wait("0"));
    Kernel::new(&body).always(|kind, _| {
        matches!(kind, FaultKind::Barrier(_) | FaultKind::Deadlock(_) | FaultKind::Race { .. })
    });
}

#[test]
fn arrivals_and_bytes_are_counted() {
    let twice = format!("{ARRIVE}\n{ARRIVE}");
    let body = exchange(&twice, &wait("%r5"));
    Kernel::new(&body).always(|kind, _| {
        use FaultKind::{Barrier, Deadlock, Race, Uninitialised};
        matches!(kind, Barrier(_) | Race { .. } | Uninitialised { .. } | Deadlock(_))
    });
    let begin = |what: &str| format!("{}\nbar.sync 0;\n{what}", elected(0, INIT));
    let text = begin(&elected(1, "mbarrier.arrive.shared::cta.b64 _, [%base+8192], 5;"));
    Kernel::new(&text)
        .always(|kind, _| matches!(kind, FaultKind::Barrier(what) if what.contains("5 arrivals")));
    // Bytes that never come, waited for or not.
    let expect = "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%base+8192], 16;";
    let text = begin(&elected(1, expect));
    Kernel::new(&text).always(
        |kind, _| matches!(kind, FaultKind::Barrier(what) if what.contains("lacks 16 bytes")),
    );
    let text = begin(&format!(
        "{}\n{}",
        elected(1, &format!("{expect}\nmbarrier.arrive.shared::cta.b64 _, [%base+8192], 3;")),
        wait("0")
    ));
    Kernel::new(&text).always(|kind, _| matches!(kind, FaultKind::Deadlock(what) if what.contains("lacks 0 of 4 arrivals and 16 bytes") || what.contains("lacks 4 of 4 arrivals and 16 bytes") || what.contains("16 bytes")));
    let text =
        begin(&elected(1, "mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [%base+8192], 1048576;"));
    Kernel::new(&text).always(
        |kind, _| matches!(kind, FaultKind::Barrier(what) if what.contains("1048575 are allowed")),
    );
}

#[test]
fn a_barrier_is_no_memory_and_needs_its_init() {
    let begin = |what: &str| format!("{}\nbar.sync 0;\n{what}", elected(0, INIT));
    for access in ["ld.shared.b32 %r0, [%base+8196];", "st.shared.b64 [%base+8192], %data;"] {
        let text = begin(access);
        Kernel::new(&text).always(
            |kind, _| matches!(kind, FaultKind::Barrier(what) if what.contains("an mbarrier's")),
        );
    }
    // Again memory, once it is no barrier.
    let gone = "mbarrier.inval.shared::cta.b64 [%base+8192];";
    let text = begin(&format!(
        "{}\nbar.sync 0;\n{}",
        elected(0, gone),
        elected(2, "st.shared.b64 [%base+8192], %data;")
    ));
    for options in policies() {
        Kernel::new(&text).leaves(16, options).unwrap();
    }
    Kernel::new(ARRIVE).always(|kind, line| {
        matches!(kind, FaultKind::Barrier(what) if what.contains("no mbarrier")) && line == 11
    });
    let text = format!(
        "{}\n{}",
        elected(0, INIT),
        elected(1, "mbarrier.arrive.shared::cta.b64 _, [%base+8192];")
    );
    Kernel::new(&text).always(|kind, _| matches!(kind, FaultKind::Barrier(what) if what.contains("no mbarrier") || what.contains("nothing orders")));
    let text = begin(&elected(0, INIT));
    Kernel::new(&text).always(|kind, _| matches!(kind, FaultKind::Barrier(what) if what.contains("already") || what.contains("an mbarrier's")));
    let text = elected(0, "mbarrier.init.shared::cta.b64 [%base+8192], 0;");
    Kernel::new(&text)
        .always(|kind, _| matches!(kind, FaultKind::Barrier(what) if what.contains("count of 0")));
    let text = elected(0, "mbarrier.init.shared::cta.b64 [%base+8196], 1;");
    Kernel::new(&text).always(|kind, _| matches!(kind, FaultKind::Misaligned { bytes: 8, .. }));
}
