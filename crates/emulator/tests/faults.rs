//! What a kernel can do wrong is told, with the template's line.

use quarter_emulator::{Counters, Error, FaultKind, Grid, Machine, Module, Options, Schedule};

/// Runs a body in one block; `data` is its allocation of 256 bytes, of which the first 128 are
/// written. Its first line is line 10 of `ptx/some.ptx`.
fn run_with(body: &str, threads: u32, options: Options) -> Result<Counters, Error> {
    let text = format!(
        ".version 8.0\n.target sm_90a\n.address_size 64\n\
         .visible .entry some(.param .u64 data) {{\n\
         .reg .b64 %data, %a<4>;\n.reg .b32 %r<8>;\n.reg .b16 %h<2>;\n.reg .pred %p<4>;\n\
         .shared .align 16 .b8 area[256];\n\
         ld.param.u64 %data, [data];\nmov.u32 %r0, %tid.x;\n\
         # 10 \"ptx/some.ptx\"\n{body}\nret;\n}}\n"
    );
    let module = Module::parse(&text)?;
    let mut machine = Machine::new(options);
    let data = machine.allocate(256)?;
    machine.write(data, &[1; 128])?;
    let grid = Grid { grid: [1, 1, 1], block: [threads, 1, 1], shared_bytes: 0 };
    machine.launch(&module, "some", &grid, &data.to_le_bytes())
}

fn run(body: &str, threads: u32) -> Result<Counters, Error> {
    run_with(body, threads, Options::default())
}

/// The fault's kind and line, which has to be in the template.
fn fault(body: &str, threads: u32) -> (FaultKind, u32) {
    match run(body, threads) {
        Err(Error::Fault(fault)) => {
            assert_eq!(&*fault.at.file, "ptx/some.ptx", "{fault}");
            (fault.kind, fault.at.line)
        }
        other => panic!("a fault is expected of\n{body}\nhere is {other:?}"),
    }
}

#[test]
fn undefined_registers_name_register_lanes_and_line() {
    let (kind, line) = fault("mov.u32 %r1, 7;\nadd.u32 %r2, %r1, %r3;", 32);
    assert_eq!(kind, FaultKind::UndefinedRegister { register: "%r3".into(), lanes: u32::MAX });
    assert_eq!(line, 11);
    // Written under a guard, read by all.
    let (kind, line) =
        fault("setp.lt.u32 %p0, %r0, 5;\n@%p0 mov.u32 %r1, 1;\nmov.u32 %r2, %r1;", 32);
    assert_eq!(kind, FaultKind::UndefinedRegister { register: "%r1".into(), lanes: !31 });
    assert_eq!(line, 12);
    let (kind, _) = fault("@%p1 mov.u32 %r1, 1;", 32);
    assert!(matches!(kind, FaultKind::UndefinedRegister { register, .. } if register == "%p1"));
    let (kind, _) = fault("st.global.b64 [%data], %a1;", 1);
    assert!(matches!(kind, FaultKind::UndefinedRegister { register, .. } if register == "%a1"));
}

#[test]
fn addresses_are_exact() {
    assert!(run("ld.global.b32 %r1, [%data+124];", 1).is_ok());
    let (kind, _) = fault("ld.global.b32 %r1, [%data+256];", 1);
    assert!(matches!(kind, FaultKind::OutOfBounds { space: "global", bytes: 4, .. }));
    let (kind, _) = fault("st.global.b8 [%data+-1], %r0;", 1);
    assert!(matches!(kind, FaultKind::OutOfBounds { space: "global", .. }));
    let (kind, _) = fault("ld.global.b32 %r1, [%data+2];", 1);
    assert!(matches!(kind, FaultKind::Misaligned { space: "global", bytes: 4, .. }));
    let (kind, _) = fault("st.global.v4.b32 [%data+8], {%r0, %r0, %r0, %r0};", 1);
    assert!(matches!(kind, FaultKind::Misaligned { bytes: 16, .. }));
    let (kind, _) = fault("ld.global.b8 %h0, [%data+128];", 1);
    assert!(matches!(kind, FaultKind::Uninitialised { space: "global", .. }));
    let (kind, _) = fault("st.shared.b32 [area+256], %r0;", 1);
    assert!(matches!(kind, FaultKind::OutOfBounds { space: "shared", .. }));
    let (kind, line) = fault("\nld.shared.b32 %r1, [area+4];", 1);
    assert!(matches!(kind, FaultKind::Uninitialised { space: "shared", .. }));
    assert_eq!(line, 11);
    let (kind, _) = fault("ld.param.b32 %r1, [data+8];", 1);
    assert!(matches!(kind, FaultKind::OutOfBounds { space: "param", .. }));
}

/// Each warp writes a word and reads its neighbour's.
const EXCHANGE: &str = "mov.u32 %r1, area;\nshl.b32 %r2, %r0, 2;\nadd.u32 %r3, %r1, %r2;\n\
    st.shared.b32 [%r3], %r0;\nBARRIER\nxor.b32 %r2, %r2, 128;\nadd.u32 %r3, %r1, %r2;\n\
    ld.shared.b32 %r4, [%r3];";

#[test]
fn a_missing_barrier_is_a_race_in_every_order() {
    assert!(run(&EXCHANGE.replace("BARRIER", "bar.sync 0;"), 64).is_ok());
    for seed in 0..20 {
        let options = Options { schedule: Schedule::Random(seed), ..Options::default() };
        let ordered = EXCHANGE.replace("BARRIER", "bar.sync 3, 64;");
        assert!(run_with(&ordered, 64, options).is_ok());
        let Err(Error::Fault(fault)) = run_with(&EXCHANGE.replace("BARRIER", ""), 64, options)
        else {
            panic!("seed {seed}: no fault");
        };
        match &fault.kind {
            FaultKind::Race { other, .. } => assert!(matches!(other.line, 13 | 17)),
            FaultKind::Uninitialised { space: "shared", .. } => {}
            other => panic!("{other:?}"),
        }
    }
    // A word is written again while its other reader may still come.
    let again = EXCHANGE.replace("BARRIER", "bar.sync 0;")
        + "\nxor.b32 %r2, %r2, 128;\nadd.u32 %r3, %r1, %r2;\nst.shared.b32 [%r3], %r0;";
    assert!(matches!(fault(&again, 64), (FaultKind::Race { .. }, 17 | 20)));
}

#[test]
fn lanes_that_are_missing() {
    // Half of the warp goes round the barrier.
    let body = "setp.lt.u32 %p0, %r0, 16;\n@%p0 bra PAST;\nbar.sync 0;\nPAST:";
    assert!(matches!(fault(body, 32), (FaultKind::MissingLanes { lanes: 0xffff }, 12)));
    assert!(
        matches!(fault("setp.lt.u32 %p0, %r0, 9;\n@%p0 bar.sync 0;", 32), (FaultKind::MissingLanes { lanes }, 11) if lanes == !511)
    );
    // A shuffle that waits for lanes which exit.
    let body =
        "setp.lt.u32 %p0, %r0, 4;\n@%p0 exit;\nshfl.sync.bfly.b32 %r1, %r0, 1, 31, 0xffffffff;";
    assert!(matches!(fault(body, 32), (FaultKind::MissingLanes { lanes: 15 }, 12)));
    // And one whose lanes come by another way: in any order they are awaited.
    let body = "setp.lt.u32 %p0, %r0, 16;\nmov.u32 %r2, 1;\n@%p0 bra JOIN;\nmov.u32 %r2, 2;\nJOIN:\nshfl.sync.idx.b32 %r1, %r2, 31, 31, 0xffffffff;";
    for seed in 0..10 {
        let options = Options { schedule: Schedule::Random(seed), ..Options::default() };
        assert!(run_with(body, 32, options).is_ok());
    }
    // From a lane that takes no part.
    let body = "setp.lt.u32 %p0, %r0, 16;\n@%p0 shfl.sync.idx.b32 %r1, %r0, 20, 31, 0xffff;";
    assert!(matches!(fault(body, 32).0, FaultKind::Operand(_)));
}

#[test]
fn barriers_that_contradict_themselves() {
    // The second warp exits without coming.
    let body = "setp.ge.u32 %p0, %r0, 32;\n@%p0 exit;\nbar.sync 0;";
    assert!(matches!(fault(body, 64), (FaultKind::Deadlock(_), 12)));
    assert!(matches!(fault("bar.sync 16;", 32).0, FaultKind::Barrier(_)));
    assert!(matches!(fault("bar.sync 1, 48;", 32).0, FaultKind::Barrier(_)));
    let body = "setp.ge.u32 %p0, %r0, 32;\nselp.u32 %r1, 64, 96, %p0;\nbar.sync 1, %r1;";
    assert!(matches!(fault(body, 64).0, FaultKind::Barrier(_)));
    // Arrived at, and never completed.
    let unfinished = run("bar.arrive 2, 64;", 32);
    assert!(matches!(unfinished, Err(Error::Fault(f)) if matches!(f.kind, FaultKind::Barrier(_))));
    // Producer and consumer.
    let body = "setp.ge.u32 %p0, %r0, 32;\n@%p0 bra WAIT;\nst.shared.b32 [area], 5;\nbar.arrive 1, 64;\nbra OUT;\nWAIT:\nbar.sync 1, 64;\nld.shared.b32 %r1, [area];\nOUT:";
    assert!(run(body, 64).is_ok());
}

#[test]
fn what_does_not_end_is_stopped() {
    let options = Options { limit: 10_000, ..Options::default() };
    let Err(Error::Fault(fault)) = run_with("AGAIN:\nbra AGAIN;", 32, options) else {
        panic!("no fault");
    };
    assert_eq!(fault.kind, FaultKind::Endless);
    assert!(matches!(fault_of_trap(), FaultKind::Trap));
}

fn fault_of_trap() -> FaultKind {
    fault("trap;", 1).0
}

/// Atomics in any order, every lane once; diverged loops meet again.
#[test]
fn atomics_and_loops() {
    for seed in 0..8 {
        let options = Options { schedule: Schedule::Random(seed), ..Options::default() };
        // Each lane adds its number as often as it says, in a loop of its own length.
        let body = "st.shared.b32 [area], 0;\nbar.sync 0;\nmov.u32 %r1, 0;\nLOOP:\nsetp.ge.u32 %p0, %r1, %r0;\n@%p0 bra DONE;\n\
            red.shared.add.u32 [area], %r0;\nadd.u32 %r1, %r1, 1;\nbra LOOP;\nDONE:\nbar.sync 0;\nld.shared.b32 %r2, [area];\n\
            setp.ne.u32 %p1, %r2, 10416;\n@%p1 trap;";
        // 0^2 + 1^2 + ... + 31^2; one warp, so that the first store is no race.
        assert_eq!((0..32).map(|i| i * i).sum::<u32>(), 10416);
        run_with(body, 32, options).unwrap();
    }
}

#[test]
fn texts_that_are_not_understood_say_where() {
    let line = |body: &str| match run(body, 1) {
        Err(Error::Text(error)) => (error.at.line, error.message),
        other => panic!("{other:?}"),
    };
    let (at, message) = line("mov.u32 %r1, 1;\nadd.f32 %r1, %r1, %r1;");
    assert!(at == 11 && message.contains("add.rn.f32"), "{message}");
    for (body, part) in [
        ("frobnicate.u32 %r1;", "not known"),
        ("add.u32 %r1, %r2;", "takes the operands"),
        ("add.u32 %r1, %r2, %nobody;", "not declared"),
        ("add.u32 %r1, %r2, %a1;", "64 bits"),
        ("mov.u32 %r1, 0x1ffffffff;", "does not fit"),
        ("bra NOWHERE;", "no label"),
        ("ld.global.b32 %r1, [%r2];", "64"),
        ("ld.shared.b32 %r1, [data];", "no address"),
        (".local .b32 x;", "not known in a body"),
        ("mov.u32 %r1 2;", "where ; is needed"),
        ("X: X:", "declared twice"),
        ("mov.u32 %r1, 1.5;", "1.5"),
        ("{ mov.u32 %r1, 1;", "the end of the text"),
    ] {
        let (at, message) = line(body);
        assert!(message.contains(part), "{body}: {at}: {message}");
    }
}
