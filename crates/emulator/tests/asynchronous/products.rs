//! `wgmma`: layouts, registers, formats, and what its rules forbid.

use quarter_emulator::{Error, FaultKind, Machine, Options, Swizzle};
use quarter_numerics::Format;
use quarter_numerics::tensor_core::{Accumulator, Model, known};

use super::{Kernel, policies};

/// Two instructions on A of 64 x 64 and B of n x 64.
#[derive(Clone, Copy, Debug)]
struct Case {
    n: usize,
    swizzle: Swizzle,
    formats: [Format; 2],
    half: bool,
    /// A in registers.
    fragments: bool,
    negative: [bool; 2],
    /// What is in the accumulators first counts.
    accumulate: bool,
}

const USUAL: Case = Case {
    n: 32,
    swizzle: Swizzle::B128,
    formats: [Format::E4m3; 2],
    half: false,
    fragments: false,
    negative: [false; 2],
    accumulate: true,
};

fn name(format: Format) -> &'static str {
    match format {
        Format::E4m3 => "e4m3",
        Format::E5m2 => "e5m2",
    }
}

/// Codes without NaN and infinity.
fn codes(seed: u64, n: usize) -> Vec<u8> {
    let mut z = seed;
    let mut next = || {
        z = z.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (z >> 40) as u8
    };
    (0..n).map(|_| next() & 0xbb).collect()
}

const B_AT: usize = 8192;
const IMAGE: usize = 8192 + 256 * 64;

impl Case {
    /// Where byte `k` of a row lies in its matrix. Rows of 64 bytes are two parts of 32 with the
    /// narrowest swizzle, and four of 16 without one.
    fn place(&self, rows: usize, row: usize, k: usize) -> usize {
        let (piece, within) = (k / 16, k % 16);
        match self.swizzle {
            // Eight rows of 16 bytes, then the next 16 of K, then the next eight rows.
            Swizzle::None => row / 8 * 512 + piece * 128 + row % 8 * 16 + within,
            Swizzle::B32 => {
                let part = rows * 32 * (piece / 2);
                part + row * 32 + ((piece % 2) ^ (row / 4 % 2)) * 16 + within
            }
            Swizzle::B64 => row * 64 + (piece ^ (row / 2 % 4)) * 16 + within,
            Swizzle::B128 => row * 128 + (piece ^ (row % 8)) * 16 + within,
        }
    }

    /// A descriptor's upper part, and what the second instruction adds to its address.
    fn descriptor(&self, rows: usize) -> (u64, usize) {
        match self.swizzle {
            Swizzle::None => (512 >> 4 << 32 | 128 >> 4 << 16, 256),
            Swizzle::B32 => (3 << 62 | 256 >> 4 << 32, rows * 32),
            Swizzle::B64 => (2 << 62 | 512 >> 4 << 32, 32),
            Swizzle::B128 => (1 << 62 | 1024 >> 4 << 32, 32),
        }
    }

    fn registers(&self) -> usize {
        if self.half { self.n / 4 } else { self.n / 2 }
    }

    fn instruction(&self, second: usize) -> String {
        let list = |n: usize| (0..n).map(|i| format!("%acc{i}")).collect::<Vec<_>>().join(", ");
        let sign = |negative: bool| if negative { -1 } else { 1 };
        let a = match self.fragments {
            true => "{%r8, %r9, %r10, %r11}".to_string(),
            false => format!("%a{}", 2 * second),
        };
        format!(
            "wgmma.mma_async.sync.aligned.m64n{}k32.{}.{}.{} {{{}}}, {a}, %a{}, {}, {}, {};",
            self.n,
            if self.half { "f16" } else { "f32" },
            name(self.formats[0]),
            name(self.formats[1]),
            list(self.registers()),
            2 * second + 1,
            if second == 0 && !self.accumulate { 0 } else { 1 },
            sign(self.negative[0]),
            sign(self.negative[1])
        )
    }

    /// The image comes to shared memory; accumulators are loaded from and stored behind it, one
    /// register after another, a lane beside a lane.
    fn body(&self) -> String {
        let mut text = format!(
            "mov.u32 %r0, %tix;\nIN: mul.lo.u32 %r1, %r0, 16;\ncvt.u64.u32 %a0, %r1;\n\
             add.u64 %a0, %a0, %data;\nld.global.v4.b32 {{%r4, %r5, %r6, %r7}}, [%a0];\n\
             add.u32 %r1, %r1, %base;\nst.shared.v4.b32 [%r1], {{%r4, %r5, %r6, %r7}};\n\
             add.u32 %r0, %r0, 128;\nsetp.lt.u32 %p0, %r0, {};\n@%p0 bra IN;\n\
             fence.proxy.async.shared::cta;\nbar.sync 0;\n\
             mad.wide.u32 %a7, %tix, 4, %data;\n",
            IMAGE / 16
        );
        let registers = self.registers();
        if self.accumulate {
            for i in 0..registers {
                text += &format!("ld.global.b32 %acc{i}, [%a7+{}];\n", IMAGE + 512 * i);
            }
        }
        for (i, (base, rows)) in [(0, 64), (B_AT, self.n)].into_iter().enumerate() {
            let (upper, step) = self.descriptor(rows);
            for second in 0..2 {
                text += &format!(
                    "add.u32 %r0, %base, {};\nshr.u32 %r0, %r0, 4;\ncvt.u64.u32 %a{to}, %r0;\n\
                     or.b64 %a{to}, %a{to}, {upper:#x};\n",
                    base + second * step,
                    to = 2 * second + i
                );
            }
        }
        for second in 0..2 {
            if self.fragments {
                // Rows l / 4 and 8 further, bytes 4 (l % 4) and 16 further, as they lie here.
                for i in 0..4 {
                    text += &format!(
                        "ld.global.b32 %r{}, [%a7+{}];\n",
                        8 + i,
                        IMAGE + 512 * (registers + 4 * second + i)
                    );
                }
            }
            text += "wgmma.fence.sync.aligned;\n";
            text += &self.instruction(second);
            text += "\nwgmma.commit_group.sync.aligned;\n";
            if self.fragments || second == 1 {
                text += "wgmma.wait_group.sync.aligned 0;\n";
            }
        }
        for i in 0..registers {
            text += &format!("st.global.b32 [%a7+{}], %acc{i};\n", IMAGE + 512 * i);
        }
        text
    }

    fn check(&self, options: Options) {
        let (a, b) = (codes(self.n as u64, 64 * 64), codes(77, 256 * 64));
        let mut image = vec![0; IMAGE];
        for row in 0..64 {
            for k in 0..64 {
                image[self.place(64, row, k)] = a[row * 64 + k];
            }
        }
        for row in 0..self.n {
            for k in 0..64 {
                image[B_AT + self.place(self.n, row, k)] = b[row * 64 + k];
            }
        }
        // Accumulators by place, as the manual draws them.
        let c = codes(5, 64 * 256);
        let first = |row: usize, column: usize| -> u32 {
            let value = (f32::from(c[row * 256 + column]) - 128.0) / 16.0;
            if self.half { half::f16::from_f32(value).to_bits().into() } else { value.to_bits() }
        };
        let place = |thread: usize, i: usize| {
            let (warp, lane) = (thread / 32, thread % 32);
            let row = 16 * warp + lane / 4 + 8 * (i / 2 % 2);
            (row, 8 * (i / 4) + 2 * (lane % 4) + i % 2)
        };
        let words = |value: &dyn Fn(usize, usize) -> u32| -> Vec<u32> {
            let of = |thread: usize, i: usize| {
                let (row, column) = place(thread, i);
                value(row, column)
            };
            let word = |register: usize, thread: usize| match self.half {
                true => of(thread, 2 * register) | of(thread, 2 * register + 1) << 16,
                false => of(thread, register),
            };
            let registers = 0..self.registers();
            registers.flat_map(|r| (0..128).map(move |t| (r, t))).map(|(r, t)| word(r, t)).collect()
        };
        let mut memory = image;
        memory.extend(words(&first).into_iter().flat_map(u32::to_le_bytes));
        for second in 0..2 {
            for i in 0..4 {
                for thread in 0..128 {
                    let (warp, lane) = (thread / 32, thread % 32);
                    let row = 16 * warp + lane / 4 + 8 * (i % 2);
                    let k = 32 * second + 4 * (lane % 4) + 16 * (i / 2);
                    memory.extend_from_slice(&a[row * 64 + k..][..4]);
                }
            }
        }
        let mut machine = Machine::new(options);
        let data = machine.allocate(memory.len()).unwrap();
        machine.write(data, &memory).unwrap();
        let body = self.body();
        Kernel::new(&body).run(&mut machine, data).unwrap_or_else(|e| panic!("{self:?}: {e}"));
        let mut got = vec![0; 512 * self.registers()];
        machine.read(data + IMAGE as u64, &mut got).unwrap();

        let accumulator = if self.half { Accumulator::F16 } else { Accumulator::F32 };
        let arithmetic = known::wgmma_fp8(self.formats[0], self.formats[1], accumulator);
        let model = Model::new(arithmetic).unwrap();
        let flip = |codes: &[u8], negative: bool| -> Vec<u8> {
            codes.iter().map(|code| if negative { code ^ 0x80 } else { *code }).collect()
        };
        let expected = words(&|row, column| {
            let a = flip(&a[row * 64..][..64], self.negative[0]);
            let b = flip(&b[column * 64..][..64], self.negative[1]);
            model.dot(&a, &b, if self.accumulate { first(row, column) } else { 0 })
        });
        for (i, (got, expected)) in got.chunks_exact(4).zip(expected).enumerate() {
            let got = u32::from_le_bytes(got.try_into().unwrap());
            assert_eq!(
                got,
                expected,
                "{self:?}, {options:?}: register {}, thread {}",
                i / 128,
                i % 128
            );
        }
    }
}

#[test]
fn every_width_and_layout() {
    let options = Options::default();
    for n in (8..=256).step_by(8) {
        for swizzle in [Swizzle::None, Swizzle::B32, Swizzle::B64, Swizzle::B128] {
            // 256 rows of 128 bytes do not fit the image.
            if swizzle != Swizzle::B128 || n <= 128 {
                Case { n, swizzle, ..USUAL }.check(options);
            }
        }
    }
}

#[test]
fn every_format_and_way() {
    let all = [Format::E4m3, Format::E5m2];
    for formats in all.into_iter().flat_map(|a| all.map(|b| [a, b])) {
        for half in [false, true] {
            for (fragments, accumulate) in
                [(false, false), (true, true), (false, true), (true, false)]
            {
                for negative in [[false, false], [true, false], [false, true], [true, true]] {
                    let case =
                        Case { n: 40, formats, half, fragments, accumulate, negative, ..USUAL };
                    case.check(Options::default());
                }
            }
        }
    }
}

#[test]
fn every_policy() {
    for options in policies() {
        USUAL.check(options);
        Case { fragments: true, n: 8, ..USUAL }.check(options);
    }
}

/// Faults of the usual case, changed.
fn faults(change: impl Fn(String) -> String) -> Vec<(FaultKind, u32)> {
    let body = change(USUAL.body());
    policies()
        .map(|options| {
            let mut machine = Machine::new(options);
            let bytes = IMAGE + 512 * (USUAL.registers() + 8);
            let data = machine.allocate(bytes).unwrap();
            machine.write(data, &vec![0; bytes]).unwrap();
            match Kernel::new(&body).run(&mut machine, data) {
                Err(Error::Fault(fault)) => (fault.kind, fault.at.line),
                other => panic!("{options:?}: {other:?} of\n{body}"),
            }
        })
        .collect()
}

#[track_caller]
fn always(change: impl Fn(String) -> String, like: impl Fn(&FaultKind) -> bool) {
    for (kind, line) in faults(change) {
        assert!(like(&kind), "line {line}: {kind}");
    }
}

fn matrix(kind: &FaultKind, said: &str) -> bool {
    matches!(kind, FaultKind::Matrix(what) if what.contains(said))
}

#[test]
fn what_the_rules_forbid() {
    let without = |what: &'static str| move |text: String| text.replace(what, "");
    let last = |what: &'static str, with: &'static str| {
        move |text: String| {
            let at = text.rfind(what).unwrap();
            format!("{}{with}{}", &text[..at], &text[at + what.len()..])
        }
    };
    always(without("wgmma.fence.sync.aligned;"), |k| matrix(k, "no wgmma.fence"));
    // Accumulators are written behind the fence.
    let late = |text: String| {
        text.replacen(
            "wgmma.fence.sync.aligned;",
            "wgmma.fence.sync.aligned;\nmov.b32 %acc3, 0;",
            1,
        )
    };
    always(late, |k| matrix(k, "%acc3"));
    // No wait: they are not there.
    let wait = "wgmma.wait_group.sync.aligned 0;";
    always(
        last(wait, ""),
        |k| matches!(k, FaultKind::UndefinedRegister { register, .. } if register == "%acc0"),
    );
    always(last(wait, "wgmma.wait_group.sync.aligned 1;"), |k| {
        matches!(k, FaultKind::UndefinedRegister { .. })
    });
    always(last("wgmma.commit_group.sync.aligned;", ""), |k| {
        matches!(k, FaultKind::UndefinedRegister { .. })
    });
    // Written in flight.
    always(last(wait, "mov.b32 %acc5, 0;\nwgmma.wait_group.sync.aligned 0;"), |k| {
        matrix(k, "%acc5") || matches!(k, FaultKind::UndefinedRegister { .. })
    });
    // Nobody waits.
    let ends = |text: String| text.split("wgmma.wait_group").next().unwrap().to_string();
    always(ends, |k| matches!(k, FaultKind::InFlight(_)));
    always(without("fence.proxy.async.shared::cta;"), |k| matches!(k, FaultKind::Proxy { .. }));
    always(without("bar.sync 0;"), |k| {
        matches!(
            k,
            FaultKind::Race { .. } | FaultKind::Uninitialised { .. } | FaultKind::Proxy { .. }
        )
    });
    // What it reads is written before the wait: a race, whenever it really runs.
    let early = "st.shared.b32 [%base+4096], %tix;\nwgmma.wait_group.sync.aligned 0;";
    always(last(wait, early), |k| matches!(k, FaultKind::Race { .. }));
    // Warps disagree, or one is missing.
    let other = |text: String| {
        text.replacen(
            "wgmma.fence",
            "shr.u32 %r0, %warp, 1;\ncvt.u64.u32 %a4, %r0;\nadd.u64 %a1, %a1, %a4;\nwgmma.fence",
            1,
        )
    };
    always(other, |k| matrix(k, "warps of a warpgroup"));
    let missing = |text: String| {
        let text =
            text.replace("bar.sync 0;", "bar.sync 0;\nsetp.eq.u32 %p1, %warp, 2;\n@%p1 bra OUT;");
        text + "OUT:"
    };
    always(missing, |k| matches!(k, FaultKind::Deadlock(what) if what.contains("3 of 4 warps")));
    // Descriptors with what is reserved, or inside of a pattern.
    let field = |bits: &'static str| {
        move |text: String| {
            text.replacen("wgmma.fence", &format!("or.b64 %a0, %a0, {bits};\nwgmma.fence"), 1)
        }
    };
    always(field("0x4000"), |k| matrix(k, "reserved"));
    always(field("8"), |k| matrix(k, "inside of a swizzled pattern"));
    always(field("0x2000000000000"), |k| matrix(k, "base offset"));
    always(field("0x3fc0"), |k| matches!(k, FaultKind::OutOfBounds { .. }));
}

#[test]
fn registers_are_moved_within_the_block() {
    let run = |body: &str| {
        policies()
            .map(|o| Kernel { threads: 384, ..Kernel::new(body) }.leaves(16, o))
            .collect::<Vec<_>>()
    };
    let moved = |producer: u32, consumer: u32| {
        format!(
            "setp.lt.u32 %p0, %warp, 4;\n@%p0 bra PRODUCER;\n\
             setmaxnreg.inc.sync.aligned.u32 {consumer};\nbra DONE;\n\
             PRODUCER: setmaxnreg.dec.sync.aligned.u32 {producer};\nDONE:"
        )
    };
    for result in run(&moved(40, 232)) {
        result.unwrap();
    }
    for (body, said) in [
        (moved(40, 240), "deadlock"),
        (moved(36, 232), "multiples of 8"),
        (moved(176, 232), "fewer registers"),
    ] {
        for result in run(&body) {
            let said_now = result.unwrap_err().to_string();
            assert!(said_now.contains(said), "{said_now}: {said}");
        }
    }
}
