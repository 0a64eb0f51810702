//! Running a text that is made here.

use std::sync::Arc;

use quarter::gpu::{Buffer, Driver, Launch, Stream, Text};

/// The text of an entry `one(input, output, rows)` with this body between its registers and `ret`.
pub fn text(body: &str) -> &'static Text {
    let ptx = format!(
        ".version 8.0\n.target sm_90a\n.address_size 64\n\
         .visible .entry one(.param .align 8 .b8 p[24])\n{{\n\
         .reg .b64 %in, %out, %l<8>, %dl, %el;\n.reg .b32 %i, %n, %lane, %w<8>, %dw, %ew;\n\
         .reg .b16 %h<8>, %dh, %eh;\n.reg .pred %p<8>, %dp, %dq, %none;\n\
         ld.param.b64 %in, [p];\nld.param.b64 %out, [p+8];\nld.param.b32 %n, [p+16];\n\
         {body}ret;\n}}\n"
    );
    // Each text is made once in a run, and a driver keeps texts by their address.
    Box::leak(Box::new(Text { name: "record", ptx: ptx.leak(), origins: &[], cubin: None }))
}

/// Thread number in `%i`; threads beyond the rows leave.
pub const EACH_ROW: &str = "mov.u32 %i, %ctaid.x;\nmov.u32 %dw, %ntid.x;\nmov.u32 %ew, %tid.x;\n\
    mad.lo.u32 %i, %i, %dw, %ew;\nsetp.ge.u32 %none, %i, %n;\n@%none exit;\n";

/// Runs an entry of [`text`]: `rows` in blocks of `threads`, with so many output words of 64 bits,
/// zero before.
pub fn run(
    driver: &Arc<dyn Driver>,
    text: &'static Text,
    input: &[u8],
    outputs: usize,
    rows: u32,
    threads: u32,
) -> quarter::Result<Vec<u64>> {
    run_on(driver, text, input, &vec![0; 8 * outputs], rows, threads)
}

/// The same, with what the output holds before.
pub fn run_on(
    driver: &Arc<dyn Driver>,
    text: &'static Text,
    input: &[u8],
    output: &[u8],
    rows: u32,
    threads: u32,
) -> quarter::Result<Vec<u64>> {
    let from = Buffer::from_bytes(driver, input)?;
    let to = Buffer::from_bytes(driver, output)?;
    let mut params = [from.address(), to.address()].map(u64::to_le_bytes).concat();
    params.extend(u64::from(rows).to_le_bytes());
    let launch = Launch {
        text,
        entry: "one",
        grid: [rows.div_ceil(threads), 1, 1],
        block: [threads, 1, 1],
        shared_bytes: 0,
        params: &params,
    };
    // SAFETY: the entries read the input and write the output that they are given.
    unsafe { driver.launch(Stream::default(), &launch)? };
    driver.synchronize(Stream::default())?;
    // SAFETY: written above.
    let bytes = unsafe { to.to_bytes()? };
    Ok(bytes
        .chunks_exact(8)
        .map(|b| u64::from_le_bytes(b.try_into().unwrap_or_default()))
        .collect())
}
