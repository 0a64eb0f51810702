//! Texts of blocks that copy and multiply: shared memory, tensor maps, clusters.

use std::sync::Arc;

use quarter::gpu::{Buffer, Driver, Launch, Stream, TensorMap, Text};

/// Threads of a block: a warpgroup.
pub const THREADS: u32 = 128;
/// Where the addresses of input and output lie in the parameter, behind a tensor map.
const ADDRESSES: usize = 128;

/// The text of an entry `one` with this body between its registers and `ret`: so many bytes of shared
/// memory from `%base` on, and so many blocks to a cluster.
pub fn text(body: &str, shared: usize, cluster: u32) -> &'static Text {
    let cluster = match cluster {
        1 => String::new(),
        n => format!(".explicitcluster\n.reqnctapercluster {n}, 1, 1\n"),
    };
    let ptx = format!(
        ".version 8.0\n.target sm_90a\n.address_size 64\n\
         .visible .entry one(.param .align 64 .b8 p[{}])\n.maxntid {THREADS}, 1, 1\n{cluster}{{\n\
         .shared .align 1024 .b8 memory[{shared}];\n\
         .reg .b64 %in, %out, %map, %l<8>;\n.reg .b32 %base, %tix, %warp, %lane, %cta, %rank;\n\
         .reg .b32 %w<16>, %a<4>, %tries, %seen;\n.reg .f32 %acc<128>;\n.reg .b32 %half<64>;\n\
         .reg .b16 %h<4>;\n.reg .pred %p<4>, %first, %ends;\n\
         ld.param.b64 %in, [p+{ADDRESSES}];\nld.param.b64 %out, [p+{}];\n\
         mov.b64 %map, p;\ncvta.param.u64 %map, %map;\nmov.u32 %base, memory;\n\
         mov.u32 %tix, %tid.x;\nshr.u32 %warp, %tix, 5;\nand.b32 %lane, %tix, 31;\n\
         mov.u32 %cta, %ctaid.x;\nmov.u32 %rank, %cluster_ctarank;\n\
         setp.eq.u32 %first, %tix, 0;\n{body}ret;\n}}\n",
        ADDRESSES + 16,
        ADDRESSES + 8
    );
    // Each text is made once in a run, and a driver keeps texts by their address.
    Box::leak(Box::new(Text { name: "record", ptx: ptx.leak(), origins: &[], cubin: None }))
}

/// Waits for a phase of an mbarrier, but not for ever; `%p0` tells whether it is over. `label` is
/// one of the body's own.
pub fn wait(barrier: &str, parity: &str, label: &str) -> String {
    format!(
        "mov.b32 %tries, 256;\n{label}:\n\
         mbarrier.try_wait.parity.shared::cta.b64 %p0, [{barrier}], {parity};\n\
         @%p0 bra {label}_OVER;\nsub.u32 %tries, %tries, 1;\nsetp.ne.u32 %p1, %tries, 0;\n\
         @%p1 bra {label};\n{label}_OVER:\n"
    )
}

/// Fills shared memory from `%base` on, a byte over and over, and tells the copies.
pub fn fill(bytes: usize, byte: u8) -> String {
    let word = u32::from_le_bytes([byte; 4]);
    format!(
        "mov.b32 %w1, {word};\nshl.b32 %w0, %tix, 4;\nFILL:\nsetp.ge.u32 %p0, %w0, {bytes};\n\
         @%p0 bra FILLED;\nadd.u32 %w2, %base, %w0;\n\
         st.shared.v4.b32 [%w2], {{%w1, %w1, %w1, %w1}};\nadd.u32 %w0, %w0, {};\n\
         bra FILL;\nFILLED:\nfence.proxy.async.shared::cta;\n",
        16 * THREADS
    )
}

/// Shared memory from `%base` on to `%out`.
pub fn dump(bytes: usize) -> String {
    format!(
        "shl.b32 %w0, %tix, 3;\nDUMP:\nsetp.ge.u32 %p0, %w0, {bytes};\n@%p0 bra DUMPED;\n\
         add.u32 %w2, %base, %w0;\nld.shared.b64 %l0, [%w2];\ncvt.u64.u32 %l1, %w0;\n\
         add.u64 %l1, %out, %l1;\nst.global.b64 [%l1], %l0;\nadd.u32 %w0, %w0, {};\n\
         bra DUMP;\nDUMPED:\n",
        8 * THREADS
    )
}

/// Runs an entry of [`text`] on so many blocks: what the output holds then, in words of 64 bits,
/// zero before.
pub fn run(
    driver: &Arc<dyn Driver>,
    text: &'static Text,
    map: Option<&TensorMap>,
    input: &[u8],
    outputs: usize,
    blocks: u32,
) -> quarter::Result<Vec<u64>> {
    let from = Buffer::from_bytes(driver, input)?;
    let to = Buffer::zeroed(driver, 8 * outputs)?;
    let mut params = Vec::new();
    if let Some(map) = map {
        params.extend(driver.encode(map)?.iter().flat_map(|word| word.to_ne_bytes()));
    }
    params.resize(ADDRESSES, 0);
    params.extend([from.address(), to.address()].map(u64::to_le_bytes).concat());
    let launch = Launch {
        text,
        entry: "one",
        grid: [blocks, 1, 1],
        block: [THREADS, 1, 1],
        shared_bytes: 0,
        params: &params,
    };
    // SAFETY: the entries read the input and write the output that they are given, and copy within
    // the matrix of their map, which the caller keeps.
    unsafe { driver.launch(Stream::default(), &launch)? };
    driver.synchronize(Stream::default())?;
    // SAFETY: written above.
    let bytes = unsafe { to.to_bytes()? };
    Ok(words(&bytes))
}

pub fn words(bytes: &[u8]) -> Vec<u64> {
    let word = |b: &[u8]| u64::from_le_bytes(b.try_into().unwrap_or_default());
    bytes.chunks_exact(8).map(word).collect()
}
