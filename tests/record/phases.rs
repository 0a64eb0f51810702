//! mbarriers of one thread: what their parity says, and when a phase ends.

use std::sync::Arc;

use quarter::gpu::Driver;

use crate::answer::{Answer, Scope};
use crate::block;

fn init(count: u32) -> String {
    format!("mbarrier.init.shared::cta.b64 [%base], {count};\n")
}

fn arrive(count: u32) -> String {
    format!("mbarrier.arrive.shared::cta.b64 _, [%base], {count};\n")
}

/// Adds a bit to what has been seen.
fn look(what: &str, parity: u32) -> String {
    format!(
        "mbarrier.{what}_wait.parity.shared::cta.b64 %p0, [%base], {parity};\n\
         selp.b32 %w0, 1, 0, %p0;\nshl.b32 %seen, %seen, 1;\nor.b32 %seen, %seen, %w0;\n"
    )
}

fn test(parity: u32) -> String {
    look("test", parity)
}

fn questions() -> Vec<(&'static str, String)> {
    let parity = |phase: u32| phase % 2;
    // Of each phase both parities; many phases, so that the parity comes round.
    let truth = (0..7).map(|p| [test(parity(p)), test(parity(p + 1)), arrive(1)].concat());
    let reload = (0..4)
        .map(|p| [arrive(1), arrive(1), test(parity(p)), arrive(1), test(parity(p))].concat());
    let most = (1 << 20) - 1;
    vec![
        ("both parities of seven phases", init(1) + &truth.collect::<String>()),
        ("a count of three in four phases", init(3) + &reload.collect::<String>()),
        ("arrivals of three at once", init(4) + &arrive(3) + &test(0) + &arrive(1) + &test(0)),
        (
            "the largest count",
            init(most) + &arrive(most - 1) + &test(0) + &arrive(1) + &test(0) + &test(1),
        ),
        (
            "made anew",
            [
                init(1),
                arrive(1),
                "mbarrier.inval.shared::cta.b64 [%base];\n".into(),
                init(2),
                arrive(1),
                test(0),
                arrive(1),
                test(0),
            ]
            .concat(),
        ),
    ]
}

pub fn ask(driver: &Arc<dyn Driver>, scope: Scope) -> quarter::Result<Vec<Answer>> {
    let mut answers = Vec::new();
    let alone = |body: &str| {
        let body = format!(
            "@!%first bra PAST;\nmov.b32 %seen, 0;\n{body}cvt.u64.u32 %l0, %seen;\n\
             st.global.b64 [%out], %l0;\nPAST:\n"
        );
        block::text(&body, 16, 1)
    };
    for (key, body) in questions() {
        let values = block::run(driver, alone(&body), None, &[0], 1, 1)?;
        answers.push(Answer::new(key, values));
    }
    // The emulator's machine waits in order until somebody arrives: nobody here, so it is not asked.
    let one = format!(
        "{}ld.global.b32 %w1, [%in];\nsetp.ne.u32 %p1, %w1, 0;\n\
         @%p1 mbarrier.arrive.shared::cta.b64 _, [%base];\n{}",
        init(1),
        look("try", 0)
    );
    let text = alone(&one);
    let arrivals: &[u32] = if scope == Scope::All { &[1, 0] } else { &[1] };
    for n in arrivals {
        let values = block::run(driver, text, None, &n.to_le_bytes(), 1, 1)?;
        answers.push(Answer::new(format!("try_wait behind {n} arrivals"), values));
    }
    Ok(answers)
}
