//! One instruction on many operands.

use quarter_emulator::{Grid, Machine, Module, Options, signature};

/// 32-bit values where something happens: ends, signs, powers, and noise.
pub fn words() -> Vec<u32> {
    let mut all = vec![
        0,
        1,
        2,
        3,
        7,
        8,
        15,
        16,
        31,
        32,
        33,
        63,
        64,
        127,
        128,
        255,
        256,
        0x7fff,
        0x8000,
        0xffff,
        0x1_0000,
        0x00ff_00ff,
        0x1234_5678,
        0x7fff_fffe,
        0x7fff_ffff,
        0x8000_0000,
        0x8000_0001,
        0xaaaa_aaaa,
        0xdead_beef,
        0xffff_0000,
        0xffff_fffe,
        0xffff_ffff,
    ];
    let mut x = 0x9e37_79b9u32;
    for _ in 0..8 {
        x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        all.push(x);
    }
    all
}

/// f32 bits where something happens.
pub fn floats() -> Vec<u32> {
    let positive = [
        0,
        1,
        2,
        0x007f_ffff,
        0x0080_0000,
        0x0080_0001,
        0x2000_0000,
        0x3380_0000,
        0x33ff_ffff,
        0x3f00_0000,
        0x3f7f_ffff,
        0x3f80_0000,
        0x3f80_0001,
        0x3fc0_0000,
        0x4000_0000,
        0x4049_0fdb,
        0x4b00_0001,
        0x4eff_ffff,
        0x4f00_0000,
        0x4f80_0000,
        0x5f80_0000,
        0x7f7f_ffff,
        0x7f80_0000,
        0x7f80_0001,
        0x7fc0_0000,
        0x7fff_ffff,
    ];
    positive.iter().flat_map(|x| [*x, *x | 0x8000_0000]).collect()
}

/// All pairs.
pub fn pairs(values: &[u32]) -> Vec<[u64; 3]> {
    let all = values.iter().flat_map(|a| values.iter().map(move |b| (*a, *b)));
    all.map(|(a, b)| [a.into(), b.into(), 0]).collect()
}

/// All triples.
pub fn triples(values: &[u32]) -> Vec<[u64; 3]> {
    let with = |c: &u32| {
        pairs(values).into_iter().map(move |p| [p[0], p[1], u64::from(*c)]).collect::<Vec<_>>()
    };
    values.iter().flat_map(|c| with(&(*c).clone())).collect()
}

/// One of each.
pub fn singles(values: &[u32]) -> Vec<[u64; 3]> {
    values.iter().map(|a| [u64::from(*a), 0, 0]).collect()
}

/// What an instruction gives, as 64 bits each, for rows of up to three operands. `tail` follows
/// the operands in the text. Registers are what the signature says; a predicate comes back as 1.
pub fn results(opcode: &str, tail: &str, rows: &[[u64; 3]]) -> Vec<u64> {
    let signature = signature(opcode).unwrap_or_else(|| panic!("{opcode} is not known"));
    let (to, from) = signature.split_once('=').unwrap();
    let from: Vec<&str> =
        from.split_whitespace().filter(|s| matches!(*s, "w" | "l" | "h" | "n" | "x")).collect();
    // The tail stands for the last ones.
    let constants = signature.matches('i').count();
    let registers = from.len() - (tail.matches(',').count() - constants.min(tail.len()));
    let from = &from[..registers];
    let to = to.trim_end_matches('?');
    let mut body = String::new();
    for (i, letter) in from.iter().enumerate() {
        let (kind, register) = register(letter, i);
        body += &format!("ld.global.{kind} {register}, [%in+{}];\n", 8 * i);
    }
    let operands: Vec<String> = (0..from.len()).map(|i| register(from[i], i).1).collect();
    let destination = match to {
        "w" => "%dw",
        "l" => "%dl",
        "p" => "%dp",
        _ => "%dh",
    };
    body += &format!("{opcode} {destination}, {}{tail};\n", operands.join(", "));
    body += match to {
        "w" => "cvt.u64.u32 %dl, %dw;\n",
        "l" => "",
        "p" => "selp.b64 %dl, 1, 0, %dp;\n",
        _ => "cvt.u64.u16 %dl, %dh;\n",
    };
    let text = format!(
        ".version 8.0\n.target sm_90a\n.address_size 64\n\
         .visible .entry one(.param .u64 in, .param .u64 out, .param .u32 n) {{\n\
         .reg .b64 %in, %out, %l<4>, %dl;\n.reg .b32 %i, %n, %w<4>, %dw;\n.reg .b16 %h<4>, %dh;\n\
         .reg .pred %dp, %none;\n\
         ld.param.u64 %in, [in];\nld.param.u64 %out, [out];\nld.param.u32 %n, [n];\n\
         mov.u32 %i, %ctaid.x;\nmov.u32 %dw, %tid.x;\nmad.lo.u32 %i, %i, 128, %dw;\n\
         setp.ge.u32 %none, %i, %n;\n@%none exit;\n\
         mad.wide.u32 %in, %i, 24, %in;\nmad.wide.u32 %out, %i, 8, %out;\n\
         {body}st.global.u64 [%out], %dl;\nret;\n}}\n"
    );
    let module = Module::parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let mut machine = Machine::new(Options::default());
    let (input, output) =
        (machine.allocate(24 * rows.len()).unwrap(), machine.allocate(8 * rows.len()).unwrap());
    let bytes: Vec<u8> = rows.iter().flatten().flat_map(|x| x.to_le_bytes()).collect();
    machine.write(input, &bytes).unwrap();
    let mut params: Vec<u8> = [input, output].iter().flat_map(|x| x.to_le_bytes()).collect();
    params.extend((rows.len() as u32).to_le_bytes());
    let grid =
        Grid { grid: [rows.len().div_ceil(128) as u32, 1, 1], block: [128, 1, 1], shared_bytes: 0 };
    machine.launch(&module, "one", &grid, &params).unwrap_or_else(|e| panic!("{opcode}: {e}"));
    let mut back = vec![0; 8 * rows.len()];
    machine.read(output, &mut back).unwrap();
    back.chunks_exact(8).map(|b| u64::from_le_bytes(b.try_into().unwrap())).collect()
}

fn register(letter: &str, i: usize) -> (&'static str, String) {
    match letter {
        "w" => ("b32", format!("%w{i}")),
        "l" => ("b64", format!("%l{i}")),
        _ => ("b16", format!("%h{i}")),
    }
}

/// Checks an instruction on all rows.
pub fn check(opcode: &str, rows: &[[u64; 3]], expected: impl Fn([u64; 3]) -> u64) {
    check_with(opcode, "", rows, expected);
}

/// The same with a tail behind the operands.
pub fn check_with(opcode: &str, tail: &str, rows: &[[u64; 3]], expected: impl Fn([u64; 3]) -> u64) {
    for (row, got) in rows.iter().zip(results(opcode, tail, rows)) {
        let want = expected(*row);
        assert_eq!(got, want, "{opcode}{tail} of {row:x?}: {got:#x}, {want:#x} is right");
    }
}
