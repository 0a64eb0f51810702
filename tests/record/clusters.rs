//! Clusters: memory of other blocks, their mbarriers, and copies to several.

use std::sync::Arc;

use quarter::gpu::{Buffer, Driver, MapElement, TensorMap};

use crate::answer::{Answer, Scope, mix};
use crate::block;

const MEET: &str = "barrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;\n";
const INIT: &str = "fence.mbarrier_init.release.cluster;\n";
const BOX: usize = 2048;
const SHARED: usize = BOX + 16;

pub fn ask(driver: &Arc<dyn Driver>, _: Scope) -> quarter::Result<Vec<Answer>> {
    let mut answers = Vec::new();
    for blocks in [2, 4] {
        let text = block::text(&exchange(blocks), 1024, blocks);
        let values = block::run(driver, text, None, &[0], 3 * blocks as usize * 16, 3 * blocks)?;
        answers.push(Answer::new(format!("memory of a cluster of {blocks}"), values));
        multicasts(driver, blocks, &mut answers)?;
    }
    arrivals(driver, &mut answers)?;
    Ok(answers)
}

/// Each block reads a word of all, writes one to the next, and tells who it is.
fn exchange(blocks: u32) -> String {
    let mut body = format!(
        "mul.lo.u32 %w1, %cta, 256;\nadd.u32 %w1, %w1, 7;\n@%first st.shared.b32 [%base], %w1;\n\
         {MEET}mad.wide.u32 %l1, %cta, 128, %out;\n"
    );
    for peer in 0..blocks {
        body += &format!(
            "mov.b32 %w2, {peer};\nmapa.shared::cluster.u32 %w3, %base, %w2;\n\
             ld.shared::cluster.b32 %w4, [%w3];\ncvt.u64.u32 %l0, %w4;\n\
             @%first st.global.b64 [%l1+{}], %l0;\n",
            8 * peer
        );
    }
    body += &format!(
        "add.u32 %w2, %rank, 1;\nrem.u32 %w2, %w2, {blocks};\n\
         mapa.shared::cluster.u32 %w3, %base, %w2;\nadd.u32 %w1, %w1, 1;\n\
         @%first st.shared::cluster.b32 [%w3+512], %w1;\n{MEET}ld.shared.b32 %w4, [%base+512];\n\
         cvt.u64.u32 %l0, %w4;\n@%first st.global.b64 [%l1+64], %l0;\n"
    );
    let registers = ["cluster_ctarank", "cluster_nctarank", "cluster_ctaid.x", "cluster_nctaid.x"];
    for (i, name) in registers.into_iter().chain(["clusterid.x", "nclusterid.x"]).enumerate() {
        body += &format!(
            "mov.u32 %w4, %{name};\ncvt.u64.u32 %l0, %w4;\n@%first st.global.b64 [%l1+{}], %l0;\n",
            72 + 8 * i
        );
    }
    body
}

/// One block loads a box for those of a mask, which wait; the others' memory is left alone.
fn multicasts(
    driver: &Arc<dyn Driver>,
    blocks: u32,
    answers: &mut Vec<Answer>,
) -> quarter::Result<()> {
    let fill = block::fill(BOX, 0xee);
    let wait = block::wait("%base+2048", "0", "WAIT");
    let dump = block::dump(BOX);
    // Input: the mask, and the block that asks.
    let body = format!(
        "ld.global.v2.b32 {{%w8, %w9}}, [%in];\n{fill}@!%first bra MADE;\n\
         mbarrier.init.shared::cta.b64 [%base+2048], 1;\n{INIT}MADE:\n{MEET}\
         shr.u32 %w10, %w8, %rank;\nand.b32 %w10, %w10, 1;\nsetp.eq.u32 %p2, %w10, 1;\n\
         setp.eq.u32 %p3, %rank, %w9;\n@!%first bra ASKED;\n@!%p2 bra LOAD;\n\
         mbarrier.arrive.expect_tx.shared::cta.b64 _, [%base+2048], {BOX};\nLOAD:\n\
         @!%p3 bra ASKED;\ncvt.u16.u32 %h0, %w8;\nmov.b32 %w11, 0;\n\
         cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes\
         .multicast::cluster [%base], [%map, {{%w11, %w11}}], [%base+2048], %h0;\nASKED:\n\
         bar.sync 0;\nsetp.ne.u32 %p0, 0, 0;\n@!%p2 bra LEFT;\n{wait}LEFT:\n\
         selp.b32 %w0, 1, 0, %p0;\ncvt.u64.u32 %l0, %w0;\nmad.wide.u32 %l1, %cta, 8, %out;\n\
         @%first st.global.b64 [%l1], %l0;\nmul.wide.u32 %l1, %cta, {BOX};\n\
         add.u64 %out, %out, %l1;\nadd.u64 %out, %out, {};\n{dump}{MEET}",
        8 * blocks
    );
    let text = block::text(&body, SHARED, blocks);
    let source: Vec<u8> = (0..BOX as u64).map(|i| mix(i + 1) as u8).collect();
    let source = Buffer::from_bytes(driver, &source)?;
    let map = TensorMap {
        element: MapElement::U8,
        address: source.address(),
        rows: 16,
        cols: 128,
        pitch: 128,
        box_rows: 16,
        box_cols: 128,
    };
    for mask in 1..1u32 << blocks {
        let mut values = Vec::new();
        for asks in 0..blocks {
            let input = [mask, asks].map(u32::to_le_bytes).concat();
            let outputs = blocks as usize * (1 + BOX / 8);
            values.extend(block::run(driver, text, Some(&map), &input, outputs, blocks)?);
        }
        answers.push(Answer::new(format!("multicast to {mask:#b} of {blocks}"), values));
    }
    Ok(())
}

/// Arrivals at the mbarrier of another block.
fn arrivals(driver: &Arc<dyn Driver>, answers: &mut Vec<Answer>) -> quarter::Result<()> {
    let wait = block::wait("%base+2048", "0", "WAIT");
    let body = format!(
        "@!%first bra MADE;\nmbarrier.init.shared::cta.b64 [%base+2048], 4;\n{INIT}MADE:\n{MEET}\
         mov.b32 %w2, 0;\nadd.u32 %w3, %base, 2048;\nmapa.shared::cluster.u32 %w3, %w3, %w2;\n\
         setp.eq.u32 %p2, %rank, 0;\n@!%first bra ASKED;\n\
         mbarrier.arrive.shared::cluster.b64 _, [%w3];\nASKED:\nsetp.ne.u32 %p0, 0, 0;\n\
         bar.sync 0;\n@!%p2 bra LEFT;\n{wait}LEFT:\nselp.b32 %w0, 1, 0, %p0;\n\
         cvt.u64.u32 %l0, %w0;\nmad.wide.u32 %l1, %cta, 8, %out;\n\
         @%first st.global.b64 [%l1], %l0;\n{MEET}"
    );
    let text = block::text(&body, SHARED, 4);
    let values = block::run(driver, text, None, &[0], 4, 4)?;
    answers.push(Answer::new("arrivals at another block's mbarrier", values));
    Ok(())
}
