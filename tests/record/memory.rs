//! Atomics, and the order in which threads see each other's stores.

use std::sync::Arc;

use quarter::gpu::Driver;
use quarter::gpu::emulate::spellings;

use crate::answer::{Answer, Scope, mix};
use crate::one;

/// 4096 threads, in blocks of 128, on eight words; all that commute.
pub fn atomics(driver: &Arc<dyn Driver>, _: Scope) -> quarter::Result<Vec<Answer>> {
    let mut answers = Vec::new();
    for spelling in spellings() {
        let red = spelling.starts_with("red.global.");
        let atom = spelling.starts_with("atom.global.");
        if !(red || atom) || spelling.contains("exch") || spelling.contains("cas") {
            continue;
        }
        let letter = if spelling.ends_with("64") { 'l' } else { 'w' };
        let bits = &spelling[spelling.len() - 2..];
        let old = if atom { format!("%{letter}1, ") } else { String::new() };
        let body = String::from(one::EACH_ROW)
            + "mad.wide.u32 %in, %i, 8, %in;\nand.b32 %w2, %i, 7;\nmad.wide.u32 %out, %w2, 8, %out;\n"
            + &format!(
                "ld.global.b{bits} %{letter}0, [%in];\n{spelling} {old}[%out], %{letter}0;\n"
            );
        let input: Vec<u8> = (1..4097u64).flat_map(|i| mix(i).to_le_bytes()).collect();
        // From what is neither the least, the largest, nor a neutral element.
        let to = [0x55; 8 * 8];
        let values = one::run_on(driver, one::text(&body), &input, &to, 4096, 128)?;
        answers.push(Answer::new(spelling, values));
    }
    Ok(answers)
}

/// Message passing: each even block writes words and then raises a flag behind a fence, each odd
/// one looks at the flag and then, behind a fence, at the words. Who sees the flag sees the words;
/// both otherwise may or may not. The answer is the number of violations.
pub fn litmus(driver: &Arc<dyn Driver>, scope: Scope) -> quarter::Result<Vec<Answer>> {
    // Output: a counter, then a flag and a word for each pair of threads.
    let body = String::from(one::EACH_ROW)
        + "mov.u32 %w0, %ctaid.x;\nshr.u32 %w1, %w0, 1;\nmov.u32 %w2, %ntid.x;\nmov.u32 %w3, %tid.x;\n\
           mad.lo.u32 %w1, %w1, %w2, %w3;\nadd.u32 %w1, %w1, 1;\nmad.wide.u32 %l0, %w1, 8, %out;\n\
           and.b32 %w0, %w0, 1;\nsetp.ne.u32 %p0, %w0, 0;\n@%p0 bra READ;\n\
           st.relaxed.gpu.global.b32 [%l0+4], 1;\nfence.acq_rel.gpu;\n\
           st.relaxed.gpu.global.b32 [%l0], 1;\nret;\n\
           READ:\nld.relaxed.gpu.global.b32 %w4, [%l0];\nfence.acq_rel.gpu;\n\
           ld.relaxed.gpu.global.b32 %w5, [%l0+4];\n\
           setp.ne.u32 %p1, %w4, 0;\nsetp.eq.and.u32 %p1, %w5, 0, %p1;\n\
           @%p1 red.global.add.u64 [%out], 1;\n";
    let text = one::text(&body);
    let rounds = if scope == Scope::All { 200 } else { 4 };
    let rows = 1 << 14;
    let mut answers = Vec::new();
    for threads in [32, 128] {
        let mut violations = 0;
        for _ in 0..rounds {
            let values = one::run(driver, text, &[0], 1 + rows as usize / 2, rows, threads)?;
            violations += values[0];
        }
        answers
            .push(Answer::new(format!("message passing, blocks of {threads}"), vec![violations]));
    }
    Ok(answers)
}
