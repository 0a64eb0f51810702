//! Memory, modules and launches: what a host sees.

use std::fmt;

use crate::cluster::Launching;
use crate::counters::Counters;
use crate::decode::decode;
use crate::exec::Counts;
use crate::fault::Fault;
use crate::memory::{Global, MemoryError, Touches};
use crate::program::Program;
use crate::schedule::{Completion, Random, Schedule};
use crate::text::{TextError, parse};
use crate::warp::Place;

/// Shared memory a block of an H100 or H200 can have, static and dynamic.
const MAX_SHARED: u32 = 232_448;

/// How a machine behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The order of what the hardware leaves open.
    pub schedule: Schedule,
    /// When bulk copies and matrix products are done.
    pub completion: Completion,
    /// Count loads and stores of each byte; [`Machine::touches`] tells them.
    pub count_touches: bool,
    /// Warp instructions a block may execute before it is stopped as endless.
    pub limit: u64,
    /// Processors that the machine says it has, from which launches take the size of a grid. Few
    /// and odd by default, so that loops over a grid go round more than once, and never end evenly.
    pub processors: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            schedule: Schedule::InOrder,
            completion: Completion::Early,
            count_touches: false,
            limit: 1 << 32,
            processors: 7,
        }
    }
}

/// Why something was refused, or stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A text that is not understood.
    Text(TextError),
    /// An address of the host's.
    Memory(MemoryError),
    /// A launch that the hardware would refuse: what was wrong, and what is allowed.
    Launch(String),
    /// A kernel's fault.
    Fault(Box<Fault>),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(error) => error.fmt(f),
            Self::Memory(error) => error.fmt(f),
            Self::Launch(what) => f.write_str(what),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<TextError> for Error {
    fn from(error: TextError) -> Self {
        Self::Text(error)
    }
}

impl From<MemoryError> for Error {
    fn from(error: MemoryError) -> Self {
        Self::Memory(error)
    }
}

/// A text, read and decoded.
#[derive(Debug)]
pub struct Module {
    programs: Vec<Program>,
}

impl Module {
    /// Reads PTX. Line markers (`# 12 "ptx/quantize.ptx"`) are followed, as by ptxas.
    ///
    /// # Errors
    /// With the place, for anything unknown: a directive, an instruction, an operand.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let syntax = parse(text)?;
        let programs = syntax.entries.iter().map(|entry| decode(&syntax.variables, entry));
        Ok(Self { programs: programs.collect::<Result<_, _>>()? })
    }

    /// Names of the entries.
    pub fn entries(&self) -> impl Iterator<Item = &str> {
        self.programs.iter().map(|p| p.name.as_str())
    }

    /// Bytes of an entry's parameters; `None` if there is no such entry.
    pub fn param_bytes(&self, entry: &str) -> Option<usize> {
        self.find(entry).map(|p| p.param_bytes as usize)
    }

    fn find(&self, entry: &str) -> Option<&Program> {
        self.programs.iter().find(|p| p.name == entry)
    }
}

/// Sizes of a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Blocks in x, y, z.
    pub grid: [u32; 3],
    /// Threads of a block in x, y, z.
    pub block: [u32; 3],
    /// Bytes of dynamic shared memory.
    pub shared_bytes: u32,
}

/// A machine: global memory, and a way to run entries in it.
#[derive(Debug)]
pub struct Machine {
    options: Options,
    global: Global,
    launches: u64,
}

impl Machine {
    /// How it behaves.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// A machine with empty memory.
    pub fn new(options: Options) -> Self {
        Self { options, global: Global::new(options.count_touches), launches: 0 }
    }

    /// Reserves bytes, aligned to 4 GiB, nothing written.
    ///
    /// # Errors
    /// [`MemoryError::TooLarge`] for 4 GiB and more.
    pub fn allocate(&mut self, bytes: usize) -> Result<u64, MemoryError> {
        self.global.allocate(bytes)
    }

    /// Gives back what [`allocate`](Self::allocate) gave; its addresses are never valid again.
    ///
    /// # Errors
    /// [`MemoryError::OutOfBounds`] for any other address.
    pub fn free(&mut self, address: u64) -> Result<(), MemoryError> {
        self.global.free(address)
    }

    /// Copies to memory.
    ///
    /// # Errors
    /// [`MemoryError::OutOfBounds`].
    pub fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), MemoryError> {
        self.global.write(address, bytes)
    }

    /// Copies from memory.
    ///
    /// # Errors
    /// [`MemoryError::OutOfBounds`], and [`MemoryError::Uninitialised`] for a byte that was
    /// never written.
    pub fn read(&mut self, address: u64, bytes: &mut [u8]) -> Result<(), MemoryError> {
        self.global.read(address, bytes)
    }

    /// How often kernels touched each byte of the allocation at an address; `None` if that is
    /// not counted, or there is none.
    pub fn touches(&mut self, address: u64) -> Option<&Touches> {
        self.global.touches(address)
    }

    /// Runs an entry over a grid, to its end.
    ///
    /// `params` are the bytes of its parameters, each at the next multiple of its alignment.
    ///
    /// # Errors
    /// [`Error::Launch`] for what the hardware would refuse, before anything has run;
    /// [`Error::Fault`] for what the kernel did wrong. Memory then holds what was written so far.
    pub fn launch(
        &mut self,
        module: &Module,
        entry: &str,
        grid: &Grid,
        params: &[u8],
    ) -> Result<Counters, Error> {
        let Some(program) = module.find(entry) else {
            return Err(Error::Launch(format!("there is no entry {entry}")));
        };
        let shared_bytes = check(program, grid, params)?;
        let counts = &mut Counts { warps: vec![0; program.insts.len()], ..Counts::default() };
        let random = match self.options.schedule {
            Schedule::InOrder => None,
            // Each launch draws its own.
            Schedule::Random(seed) => Some(Random::new(seed ^ self.launches.rotate_left(32))),
        };
        self.launches += 1;
        let [gx, gy, gz] = grid.grid.map(u64::from);
        let size = program.cluster;
        let [cx, cy, cz] = size.map(u64::from);
        let (nx, ny) = (gx / cx, gy / cy);
        let mut order: Vec<u64> = (0..nx * ny * (gz / cz)).collect();
        let mut launching = Launching {
            program,
            params,
            global: &mut self.global,
            shared_bytes,
            counts,
            random,
            completion: self.options.completion,
            limit: self.options.limit,
            warps: Vec::new(),
        };
        if let Some(random) = &mut launching.random {
            random.shuffle(&mut order);
        }
        for flat in order {
            let first = [flat % nx, flat / nx % ny, flat / nx / ny].map(|i| i as u32);
            let places = (0..size.iter().product()).map(|rank| {
                let inner = [rank % size[0], rank / size[0] % size[1], rank / size[0] / size[1]];
                let at = [0, 1, 2].map(|i| first[i] * size[i] + inner[i]);
                Place { grid: grid.grid, block: grid.block, at, cluster: size, rank }
            });
            launching.cluster(&places.collect::<Vec<_>>()).map_err(Error::Fault)?;
        }
        Ok(finish(program, counts, gx * gy * gz * u64::from(grid.block.iter().product::<u32>())))
    }
}

/// What the hardware would refuse. Returns the bytes of shared memory.
fn check(program: &Program, grid: &Grid, params: &[u8]) -> Result<usize, Error> {
    let refuse = |what: String| Err(Error::Launch(what));
    let name = &program.name;
    let [gx, gy, gz] = grid.grid;
    if gx == 0 || gy == 0 || gz == 0 || gx > i32::MAX as u32 || gy > 65535 || gz > 65535 {
        return refuse(format!(
            "{name}: a grid of {gx} x {gy} x {gz} blocks; 1 to 2^31 - 1 x 65535 x 65535 are allowed"
        ));
    }
    let [cx, cy, cz] = program.cluster;
    let blocks = [cx, cy, cz].into_iter().try_fold(1u32, u32::checked_mul).unwrap_or(u32::MAX);
    if blocks == 0 || blocks > 8 {
        return refuse(format!(
            "{name}: a cluster of {cx} x {cy} x {cz} blocks; 1 to 8 are allowed"
        ));
    }
    if !gx.is_multiple_of(cx) || !gy.is_multiple_of(cy) || !gz.is_multiple_of(cz) {
        return refuse(format!(
            "{name}: a grid of {gx} x {gy} x {gz} blocks; multiples of {cx} x {cy} x {cz} are allowed"
        ));
    }
    let [bx, by, bz] = grid.block;
    let threads = bx.checked_mul(by).and_then(|n| n.checked_mul(bz)).unwrap_or(u32::MAX);
    if threads == 0 || threads > 1024 || bz > 64 {
        return refuse(format!(
            "{name}: a block of {bx} x {by} x {bz} threads; 1 to 1024 are allowed, 64 in z"
        ));
    }
    if program.required_threads.is_some_and(|required| required != grid.block) {
        let required = program.required_threads.unwrap_or_default();
        return refuse(format!(
            "{name}: a block of {bx} x {by} x {bz} threads; .reqntid says {required:?}"
        ));
    }
    if program.max_threads.is_some_and(|most| threads > most) {
        let most = program.max_threads.unwrap_or_default();
        return refuse(format!("{name}: a block of {threads} threads; .maxntid says {most}"));
    }
    if params.len() != program.param_bytes as usize {
        let need = program.param_bytes;
        return refuse(format!("{name}: {} bytes of parameters; {need} are needed", params.len()));
    }
    if grid.shared_bytes > 0 && program.dynamic_shared.is_none() {
        return refuse(format!(
            "{name}: {} bytes of dynamic shared memory; it declares none",
            grid.shared_bytes
        ));
    }
    let start = program.dynamic_shared.unwrap_or(program.static_shared);
    match start.checked_add(grid.shared_bytes) {
        Some(bytes) if bytes <= MAX_SHARED => Ok(bytes as usize),
        _ => refuse(format!(
            "{name}: {start} + {} bytes of shared memory; {MAX_SHARED} are allowed",
            grid.shared_bytes
        )),
    }
}

fn finish(program: &Program, counts: &mut Counts, threads: u64) -> Counters {
    let mut counters = std::mem::take(&mut counts.counters);
    counters.threads = threads;
    counters.warp_instructions = counts.warps.iter().sum();
    counters.thread_instructions = counts.lanes;
    let mut mix = std::collections::BTreeMap::new();
    for (site, n) in program.sites.iter().zip(&counts.warps).filter(|(_, n)| **n > 0) {
        *mix.entry(site.opcode.clone()).or_insert(0) += n;
    }
    counters.mix = mix.into_iter().collect();
    counters.mix.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counters
}
