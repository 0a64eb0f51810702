//! `stmatrix` and `ldmatrix`: which lane's register, and which address, is which row.

use std::sync::Arc;

use quarter::gpu::Driver;

use crate::answer::{Answer, Scope};
use crate::block;

/// Bytes of shared memory: 32 rows of 16, each in a place of its own.
const BYTES: usize = 1024;

pub fn ask(driver: &Arc<dyn Driver>, _: Scope) -> quarter::Result<Vec<Answer>> {
    let mut answers = Vec::new();
    for count in [1, 2, 4] {
        for transposed in ["", ".trans"] {
            let list: Vec<_> = (4..4 + count).map(|i| format!("%w{i}")).collect();
            let list = list.join(", ");
            let end = format!("sync.aligned.m8n8.x{count}{transposed}.shared.b16");
            let rows = 8 * count;
            // Rows in an order of their own, 32 bytes apart: 11 is odd.
            let address = format!(
                "setp.ne.u32 %p2, %warp, 0;\n@%p2 bra PAST;\nmul.lo.u32 %w3, %lane, 11;\n\
                 and.b32 %w3, %w3, {};\nshl.b32 %w3, %w3, 5;\nadd.u32 %w3, %base, %w3;\n",
                rows - 1
            );
            // Halves of a word are told apart, and words by register and lane.
            let mut store = block::fill(BYTES, 0xee) + "bar.sync 0;\n" + &address;
            for i in 0..count {
                store += &format!(
                    "mad.lo.u32 %w{to}, %lane, 0x20002, {};\n",
                    0x0001_0000 + 0x0100_0100 * i,
                    to = 4 + i
                );
            }
            store += &format!("stmatrix.{end} [%w3], {{{list}}};\nPAST:\nbar.sync 0;\n");
            store += &block::dump(BYTES);
            let text = block::text(&store, BYTES, 1);
            let values = block::run(driver, text, None, &[0], BYTES / 8, 1)?;
            answers.push(Answer::new(format!("stmatrix.{end}"), values));

            // Each half-word of shared memory is its number.
            let mut load = format!(
                "mov.b32 %w1, %tix;\nNUMBER:\nmul.lo.u32 %w2, %w1, 0x20002;\n\
                 add.u32 %w2, %w2, 0x10000;\nshl.b32 %w0, %w1, 2;\nadd.u32 %w0, %base, %w0;\n\
                 st.shared.b32 [%w0], %w2;\nadd.u32 %w1, %w1, {};\n\
                 setp.lt.u32 %p0, %w1, {};\n@%p0 bra NUMBER;\nbar.sync 0;\n{address}\
                 ldmatrix.{end} {{{list}}}, [%w3];\nmad.wide.u32 %l1, %lane, 8, %out;\n",
                block::THREADS,
                BYTES / 4
            );
            for i in 0..count {
                load += &format!("st.global.b32 [%l1+{}], %w{};\n", 256 * i, 4 + i);
            }
            load += "PAST:\n";
            let text = block::text(&load, BYTES, 1);
            let values = block::run(driver, text, None, &[0], 32 * count, 1)?;
            answers.push(Answer::new(format!("ldmatrix.{end}"), values));
        }
    }
    Ok(answers)
}
