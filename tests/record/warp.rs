//! Instructions of a warp, one warp a row.

use std::sync::Arc;

use quarter::gpu::Driver;
use quarter::gpu::emulate::spellings;

use crate::answer::{Answer, Scope, mix};
use crate::one;

/// Each row of the input is 32 pairs of words: a lane's value and its lane operand.
const WARP: &str = "mov.u32 %i, %ctaid.x;\nmov.u32 %lane, %tid.x;\nmad.lo.u32 %i, %i, 32, %lane;\n\
    mad.wide.u32 %in, %i, 8, %in;\nmad.wide.u32 %out, %i, 8, %out;\n\
    ld.global.v2.b32 {%w0, %w1}, [%in];\n";
const OUT: &str =
    "selp.b32 %ew, 1, 0, %dp;\nmov.b64 %dl, {%dw, %ew};\nst.global.b64 [%out], %dl;\n";
const ROWS: u32 = 64;

pub fn ask(driver: &Arc<dyn Driver>, _: Scope) -> quarter::Result<Vec<Answer>> {
    let mut answers = Vec::new();
    let mut put = |key: String, instruction: &str, mask: u32| {
        // Lanes that are not of the mask leave.
        let members = format!(
            "shr.u32 %w2, {mask:#x}, %lane;\nand.b32 %w2, %w2, 1;\nsetp.eq.u32 %none, %w2, 0;\n\
             @%none exit;\nsetp.ne.u32 %dp, 0, 0;\nmov.b32 %dw, 0;\n"
        );
        let text = one::text(&[WARP, &members, instruction, "\n", OUT].concat());
        let rows = 32 * ROWS;
        let values = one::run(driver, text, &input(), rows as usize, rows, 32)?;
        answers.push(Answer::new(key, values));
        quarter::Result::Ok(())
    };
    for mode in ["idx", "bfly", "up", "down"] {
        // Ends of segments: whole warps, halves, quarters, pairs.
        for ends in [0x1f, 0x100f, 0x1807, 0x1e01, 0x1f00, 0, 0x1c1f, 0x0310] {
            let key = format!("shfl.sync.{mode}.b32 {ends:#x}");
            let shuffle = format!("shfl.sync.{mode}.b32 %dw|%dp, %w0, %w1, {ends:#x}, -1;");
            put(key, &shuffle, u32::MAX)?;
        }
    }
    for mask in [u32::MAX, 0x0000_ffff, 0xffff_0000, 0x8421_8421, 0x0000_0100] {
        for spelling in spellings().into_iter().filter(|s| s.starts_with("redux.sync")) {
            put(
                format!("{spelling} {mask:#x}"),
                &format!("{spelling} %dw, %w0, {mask:#x};"),
                mask,
            )?;
        }
        for vote in ["all", "any", "uni"] {
            let text =
                format!("setp.lt.s32 %p0, %w0, 0;\nvote.sync.{vote}.pred %dp, %p0, {mask:#x};");
            put(format!("vote.sync.{vote} {mask:#x}"), &text, mask)?;
        }
        let ballot = format!("setp.lt.s32 %p0, %w0, 0;\nvote.sync.ballot.b32 %dw, %p0, {mask:#x};");
        put(format!("vote.sync.ballot {mask:#x}"), &ballot, mask)?;
        let same = format!("and.b32 %w0, %w0, 3;\nmatch.any.sync.b32 %dw, %w0, {mask:#x};");
        put(format!("match.any.sync {mask:#x}"), &same, mask)?;
        let elect = format!("elect.sync %dw|%dp, {mask:#x};");
        put(format!("elect.sync {mask:#x}"), &elect, mask)?;
    }
    Ok(answers)
}

/// The first rows have one value in all lanes, then few that are negative, then anything; lane
/// operands begin with the same for all, then anything.
fn input() -> Vec<u8> {
    let mut words = Vec::new();
    for row in 0..u64::from(ROWS) {
        for lane in 0..32 {
            let z = mix(1000 * row + lane + 1);
            let value = match row {
                0 => 0,
                1 => 0x8000_0001,
                2..8 => z as u32 >> 1 | u32::from(lane == 3 * row) << 31,
                _ => z as u32,
            };
            let operand = if row < 40 { row as u32 } else { (z >> 32) as u32 & 0x3f };
            words.extend([value, operand]);
        }
    }
    words.iter().flat_map(|w| w.to_le_bytes()).collect()
}
