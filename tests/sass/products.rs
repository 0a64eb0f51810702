//! What the assembler makes of products: nothing added that waits.
//!
//! Where it doubts the order of products it makes each wait for the one before: all then carry
//! `gsb0`, the wait that belongs to the last of a group. Where it doubts that a copy is issued by one
//! lane it loops over all that are active (`BRA.U.ANY`).

use quarter::gpu::Text;

use super::{Code, Result, disassemble, tools};

/// How many statements of an entry begin so, or hold it.
fn count<'a>(lines: impl Iterator<Item = &'a str>, what: &str) -> usize {
    lines.filter(|line| line.contains(what)).count()
}

#[test]
fn products_wait_only_where_they_say_so() -> Result<()> {
    let Some((assembler, disassembler)) = tools() else {
        println!("SKIPPED: products are not disassembled, for there is no ptxas or no nvdisasm");
        return Ok(());
    };
    let sass = disassemble("gemm", &assembler, &disassembler)?;
    let text = Text::find("gemm").ok_or("no text")?;
    let mut entries = 0;
    for (name, ptx) in text.entries().zip(text.ptx.split(".entry ").skip(1)) {
        let code = Code::of(&sass, name)?;
        let machine = |what| count(code.lines.iter().map(String::as_str), what);
        let asked = |what| count(ptx.lines(), what);
        assert_eq!(machine("QGMMA."), asked("wgmma.mma_async"), "{name}");
        let last = code.lines.iter().filter(|l| l.contains("QGMMA.") && l.contains("gsb0"));
        assert_eq!(last.count(), asked("wgmma.commit_group"), "{name}: products that wait");
        assert_eq!(machine("WARPGROUP.ARRIVE"), asked("wgmma.fence"), "{name}: fences");
        assert_eq!(machine("WARPGROUP.DEPBAR"), asked("wgmma.wait_group"), "{name}: waits");
        assert_eq!(machine("UTMALDG"), asked(".shared::cluster.global.tile"), "{name}: loads");
        assert_eq!(machine("UTMASTG"), asked("2d.global.shared::cta.tile"), "{name}: stores");
        for never in ["BRA.U.ANY", "LDL", "STL", "MEMBAR.ALL.GPU", "NANOSLEEP"] {
            assert_eq!(machine(never), 0, "{name}: {never}");
        }
        entries += 1;
    }
    assert_eq!(entries, 16);
    Ok(())
}
