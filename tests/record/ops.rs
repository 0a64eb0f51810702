//! Every instruction from registers to registers, on values at which something happens.

use std::sync::Arc;

use quarter::gpu::Driver;
use quarter::gpu::emulate::{signature, spellings};

use crate::answer::{Answer, Scope, mix};
use crate::one;

pub fn ask(driver: &Arc<dyn Driver>, _: Scope) -> quarter::Result<Vec<Answer>> {
    let mut answers = Vec::new();
    for spelling in spellings() {
        let Some((to, from)) = signature(spelling).and_then(|s| s.split_once('=')) else {
            continue;
        };
        if !between_registers(spelling, to, from) {
            continue;
        }
        let from: Vec<&str> = from.split_whitespace().collect();
        let registers: Vec<&str> = from.iter().copied().filter(|s| *s != "i").collect();
        let rows = rows(&registers);
        let input: Vec<u8> = rows.iter().flatten().flat_map(|x| x.to_le_bytes()).collect();
        for constant in constants(&from) {
            let text = one::text(&body(spelling, to, &registers, constant));
            let n = rows.len() as u32;
            let values = one::run(driver, text, &input, rows.len(), n, 128)?;
            answers.push(Answer::new(format!("{spelling}{constant}"), values));
        }
    }
    answers.push(apart(driver)?);
    Ok(answers)
}

fn between_registers(spelling: &str, to: &str, from: &str) -> bool {
    let one =
        |s: &str| matches!(s.trim_end_matches('?'), "w" | "l" | "h" | "n" | "x" | "p" | "P" | "i");
    !to.is_empty()
        && !spelling.contains(".sync")
        && !spelling.contains(".param")
        // A block of a cluster is no number: `clusters` asks.
        && !spelling.starts_with("mapa")
        && one(to)
        && from.split_whitespace().all(one)
}

/// A constant behind the registers, where the instruction wants one: truth tables of `lop3`.
fn constants(from: &[&str]) -> &'static [&'static str] {
    if from.contains(&"i") {
        &[", 0x96", ", 0xe8", ", 0xca", ", 0x01", ", 0x80", ", 0x1b", ", 0xfe", ", 0x40"]
    } else {
        &[""]
    }
}

fn body(spelling: &str, to: &str, from: &[&str], constant: &str) -> String {
    let mut body = String::from(one::EACH_ROW);
    body += "mad.wide.u32 %in, %i, 32, %in;\nmad.wide.u32 %out, %i, 8, %out;\n";
    let mut operands = Vec::new();
    for (i, letter) in from.iter().enumerate() {
        let at = 8 * i;
        body += &match *letter {
            "w" => format!("ld.global.b32 %w{i}, [%in+{at}];\n"),
            "l" => format!("ld.global.b64 %l{i}, [%in+{at}];\n"),
            "p" | "P" => {
                format!("ld.global.b32 %w{i}, [%in+{at}];\nsetp.ne.u32 %p{i}, %w{i}, 0;\n")
            }
            _ => format!("ld.global.b16 %h{i}, [%in+{at}];\n"),
        };
        operands.push(match *letter {
            "w" | "l" => format!("%{letter}{i}"),
            "p" | "P" => format!("%p{i}"),
            _ => format!("%h{i}"),
        });
    }
    let (destination, widen) = match to {
        "w" => ("%dw", "cvt.u64.u32 %dl, %dw;\n"),
        "l" => ("%dl", ""),
        "p" => ("%dp", "selp.b64 %dl, 1, 0, %dp;\n"),
        // Both predicates of a comparison.
        "p?" => (
            "%dp|%dq",
            "selp.b64 %dl, 1, 0, %dp;\nselp.b64 %el, 2, 0, %dq;\nor.b64 %dl, %dl, %el;\n",
        ),
        _ => ("%dh", "cvt.u64.u16 %dl, %dh;\n"),
    };
    body + &format!("{spelling} {destination}, {}{constant};\n", operands.join(", "))
        + widen
        + "st.global.b64 [%out], %dl;\n"
}

/// f32 and integers where something happens, most interesting first.
const WORDS: [u32; 64] = [
    0,
    0x8000_0000,
    0x3f80_0000,
    0xbf80_0001,
    0x7f80_0000,
    0xff80_0000,
    0x7fff_ffff,
    0xffc0_0001,
    1,
    0x8000_0001,
    0x7f7f_ffff,
    0xff7f_ffff,
    0x0080_0000,
    0x007f_ffff,
    0x3380_0000,
    0xffff_ffff,
    31,
    32,
    0x7f80_0001,
    0x4b00_0001,
    0x3fc0_0000,
    0x0000_ffff,
    0xcf00_0000,
    0x1234_5678,
    2,
    7,
    8,
    15,
    16,
    33,
    63,
    64,
    127,
    128,
    255,
    256,
    0x7fff,
    0x8000,
    0x1_0000,
    0x00ff_00ff,
    0x8080_0000,
    0x807f_ffff,
    0xb380_0000,
    0x33ff_ffff,
    0x3f00_0000,
    0xbf00_0000,
    0x3f7f_ffff,
    0x3f80_0001,
    0x4020_0000,
    0x4049_0fdb,
    0xc049_0fdb,
    0x43e0_0000,
    0x43e8_0000,
    0x43e8_0001,
    0x4780_0000,
    0x477f_e000,
    0x477f_f000,
    0x4f00_0000,
    0x4eff_ffff,
    0x4f80_0000,
    0x5f80_0000,
    0xdead_beef,
    0xaaaa_aaaa,
    0xffff_0000,
];

/// All combinations of operands: the more operands, the fewer values each.
fn rows(from: &[&str]) -> Vec<[u64; 4]> {
    let many = match from.iter().filter(|s| !matches!(**s, "p" | "P")).count() {
        0 | 1 => usize::MAX,
        2 => 64,
        3 => 24,
        _ => 10,
    };
    let mut rows = vec![[0; 4]];
    for (i, letter) in from.iter().enumerate() {
        let values = values(letter, many);
        rows = values
            .iter()
            .flat_map(|value| {
                rows.iter().map(move |row| {
                    let mut row = *row;
                    row[i] = *value;
                    row
                })
            })
            .collect();
    }
    rows
}

fn values(letter: &str, many: usize) -> Vec<u64> {
    let noise = |n: u64, bits: u32| (1..n).map(move |i| mix(i) >> (64 - bits));
    let all = match letter {
        "p" | "P" => return vec![0, 1],
        "w" => WORDS.iter().map(|w| u64::from(*w)).chain(noise(8192, 32)).collect::<Vec<_>>(),
        "l" => {
            let low = WORDS.iter().map(|w| u64::from(*w));
            let pairs = low.zip(WORDS.iter().rev()).flat_map(|(w, x)| [w, w | u64::from(*x) << 32]);
            pairs.chain([u64::MAX, 1 << 63, i64::MAX as u64]).chain(noise(8192, 64)).collect()
        }
        // Every one where that is few enough.
        _ if many == usize::MAX => return (0..1 << 16).collect(),
        _ => WORDS.iter().map(|w| u64::from(w >> 16 ^ w & 0xffff)).chain(noise(64, 16)).collect(),
    };
    all.into_iter().take(many).collect()
}

/// A product and a sum behind it: two roundings, if they are not contracted.
fn apart(driver: &Arc<dyn Driver>) -> quarter::Result<Answer> {
    let body = String::from(one::EACH_ROW)
        + "mad.wide.u32 %in, %i, 32, %in;\nmad.wide.u32 %out, %i, 8, %out;\n\
           ld.global.b32 %w0, [%in];\nld.global.b32 %w1, [%in+8];\nld.global.b32 %w2, [%in+16];\n\
           mul.rn.f32 %w3, %w0, %w1;\nadd.rn.f32 %w4, %w3, %w2;\nsub.rn.f32 %w5, %w3, %w2;\n\
           mov.b64 %dl, {%w4, %w5};\nst.global.b64 [%out], %dl;\n";
    let unit = |z: u64| u64::from((1.0 + (z >> 41) as f32 / (1 << 23) as f32).to_bits());
    let rows: Vec<[u64; 4]> = (0..4096u64)
        .map(|i| [unit(mix(3 * i + 1)), unit(mix(3 * i + 2)), unit(mix(3 * i + 3)), 0])
        .collect();
    let input: Vec<u8> = rows.iter().flatten().flat_map(|x| x.to_le_bytes()).collect();
    let values = one::run(driver, one::text(&body), &input, rows.len(), rows.len() as u32, 128)?;
    Ok(Answer::new("mul.rn.f32, add.rn.f32", values))
}
