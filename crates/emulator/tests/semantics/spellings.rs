//! ptxas as the oracle of the table: what is known here is an instruction there.

use std::process::Command;

use quarter_emulator::{signature, spellings};

#[test]
fn floats_that_ptxas_may_contract_are_not_known() {
    for op in
        ["add.f32", "sub.f32", "mul.f32", "fma.f32", "mad.f32", "ex2.approx.f32", "activemask.b32"]
    {
        assert!(signature(op).is_none(), "{op}");
    }
}

/// Assembles every spelling once, where `QUARTER_PTXAS` names a ptxas.
#[test]
fn ptxas_takes_every_spelling() {
    let Some(ptxas) = std::env::var_os("QUARTER_PTXAS").filter(|p| p != "none") else {
        println!("skipped: QUARTER_PTXAS names no ptxas");
        return;
    };
    let mut body = String::new();
    for spelling in spellings() {
        let operands = operands(spelling, signature(spelling).unwrap());
        body += &format!("{spelling} {operands};\n");
        if spelling == "exit" || spelling == "ret" || spelling.starts_with("bra") {
            // Nothing behind it would be reached.
            body = body.replacen(&format!("{spelling} "), &format!("@%p1 {spelling} "), 1);
        }
    }
    let text = format!(
        ".version 8.0\n.target sm_90a\n.address_size 64\n.extern .shared .align 16 .b8 area[];\n\
         .visible .entry all(.param .align 16 .b8 p[64]) {{\n\
         .reg .b64 %l<8>;\n.reg .b32 %acc<128>;\n.reg .b32 %w<8>;\n.reg .b16 %h<8>;\n.reg .pred %p<8>;\n{body}END:\nret;\n}}\n"
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.ptx");
    std::fs::write(&file, &text).unwrap();
    let output = Command::new(ptxas)
        .args(["-arch=sm_90a", "-o"])
        .arg(folder.path().join("all.cubin"))
        .arg(&file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let refused: Vec<String> = said
        .lines()
        .filter(|line| line.contains("error"))
        .filter_map(|line| {
            let number: usize = line.split("line ").nth(1)?.split(';').next()?.parse().ok()?;
            Some(format!("{}: {line}", text.lines().nth(number - 1)?))
        })
        .collect();
    assert!(
        output.status.success(),
        "{} refused: {:#?}\n{said}",
        refused.len(),
        &refused[..refused.len().min(20)]
    );
}

/// Operands by a signature.
fn operands(spelling: &str, signature: &str) -> String {
    let (to, from) = signature.split_once('=').unwrap();
    let (mut w, mut l, mut h, mut p) = (0, 0, 0, 1);
    let mut one = |letter: &str| match letter.trim_end_matches('?') {
        "w" | "u" => {
            w += 1;
            format!("%w{}", w % 8)
        }
        "l" => {
            l += 1;
            format!("%l{}", l % 8)
        }
        "h" | "n" => {
            h += 1;
            format!("%h{}", h % 8)
        }
        // Loads and stores of bytes and halves.
        "x" => {
            h += 1;
            format!("%h{}", h % 8)
        }
        "p" | "P" => {
            p += 1;
            format!("%p{}", p % 8)
        }
        "i" => "0x98".into(),
        "_" => "_".into(),
        "t" => "END".into(),
        "q" => "%p1".into(),
        "s" => "1".into(),
        "c1" => "[%l1, {%w1}]".into(),
        "c2" => "[%l1, {%w1, %w2}]".into(),
        "c3" => "[%l1, {%w1, %w2, %w3}]".into(),
        "m" if spelling.contains(".shared") => "[area]".into(),
        "m" if spelling.contains(".param") => "[p]".into(),
        "m" => "[%l1]".into(),
        other => panic!("{spelling}: {other}"),
    };
    let mut all = Vec::new();
    for letter in to.split_whitespace().chain(from.split_whitespace()) {
        if let Some(count) = letter.strip_prefix('r') {
            let elements: Vec<String> =
                (0..count.parse().unwrap()).map(|i| format!("%acc{i}")).collect();
            all.push(format!("{{{}}}", elements.join(", ")));
            continue;
        }
        match letter.strip_prefix('v') {
            Some(rest) => {
                let (n, letter) = rest.split_at(1);
                let elements: Vec<String> = (0..n.parse().unwrap()).map(|_| one(letter)).collect();
                all.push(format!("{{{}}}", elements.join(", ")));
            }
            None => all.push(one(letter)),
        }
    }
    if spelling.contains("shfl") || spelling == "elect.sync" {
        all[0] += "|%p7";
    }
    // Barriers: a small number, and whole warps.
    if spelling.starts_with("bar") && spelling != "bar.warp.sync" && all.len() == 2 {
        all = vec!["1".into(), "64".into()];
    }
    all.join(", ")
}
