//! Casts of all f32, in blocks of 2^22 inputs whose outputs are hashed where they are made.

use std::sync::Arc;

use quarter::gpu::Driver;

use crate::answer::{Answer, Scope};
use crate::one;

const CASTS: [&str; 4] = [
    "cvt.rn.satfinite.e4m3x2.f32 %h0, %w0, %w1;",
    "cvt.rn.satfinite.e5m2x2.f32 %h0, %w0, %w1;",
    "cvt.rn.bf16.f32 %h0, %w0;",
    "cvt.rn.f16.f32 %h0, %w0;",
];
/// Inputs of a block, of a thread.
const BLOCK: u32 = 1 << 22;
const THREAD: u32 = 1 << 10;

pub fn ask(driver: &Arc<dyn Driver>, scope: Scope) -> quarter::Result<Vec<Answer>> {
    let mut answers = Vec::new();
    for cast in CASTS {
        // A pair: the input in the upper half, its complement below.
        let body = String::from(one::EACH_ROW)
            + &format!(
                "ld.global.b32 %w0, [%in];\nmad.lo.u32 %w0, %i, {THREAD}, %w0;\n\
                 mov.b64 %dl, 0;\nmov.b32 %w2, {THREAD};\n\
                 AGAIN:\nnot.b32 %w1, %w0;\n{cast}\n\
                 cvt.u64.u16 %l0, %h0;\ncvt.u64.u32 %l1, %w0;\nshl.b64 %l1, %l1, 16;\n\
                 or.b64 %l0, %l0, %l1;\nmul.lo.u64 %l0, %l0, 0x9e3779b97f4a7c15;\n\
                 shr.u64 %l1, %l0, 29;\nxor.b64 %l0, %l0, %l1;\n\
                 mul.lo.u64 %l0, %l0, 0xbf58476d1ce4e5b9;\nadd.u64 %dl, %dl, %l0;\n\
                 add.u32 %w0, %w0, 1;\nsub.u32 %w2, %w2, 1;\nsetp.ne.u32 %p0, %w2, 0;\n\
                 @%p0 bra AGAIN;\nred.global.add.u64 [%out], %dl;\n"
            );
        let text = one::text(&body);
        let name = cast.split(' ').next().unwrap_or("");
        // Blocks that hold what is about 1, the ends of the formats, and every 127th.
        let sampled = |block: u32| {
            let binade = block >> 1 & 0xff;
            block.is_multiple_of(127) || matches!(binade, 0 | 103 | 117 | 121 | 135 | 142 | 255)
        };
        for block in (0..u32::MAX / BLOCK + 1).filter(|b| scope == Scope::All || sampled(*b)) {
            let first = block * BLOCK;
            let values = one::run(driver, text, &first.to_le_bytes(), 1, BLOCK / THREAD, 128)?;
            answers.push(Answer::new(format!("{name} {first:#010x}"), values));
        }
    }
    Ok(answers)
}
