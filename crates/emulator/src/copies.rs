//! Bulk copies between global and shared memory: started by a thread, and done when the machine
//! likes to, a part at a time.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use crate::cluster::Block;
use crate::counters::Traffic;
use crate::fault::FaultKind;
use crate::float;
use crate::memory::Global;
use crate::order::{Operation, Order, Stamp};
use crate::schedule::Random;
use crate::tensor_map::{ElementType, TensorMap};

/// Where a copy goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// To shared memory, and its bytes to an mbarrier.
    Load {
        barrier: u64,
    },
    Store,
    /// To global memory, added to what is there.
    Add,
}

/// A copy that has been asked for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) direction: Direction,
    pub(crate) map: TensorMap,
    pub(crate) at: [i32; 3],
    /// Address in shared memory.
    pub(crate) shared: u64,
    /// Blocks whose shared memory is meant.
    pub(crate) blocks: Vec<usize>,
    pub(crate) site: u32,
    /// Who asks: a warp of the cluster, and its lane.
    pub(crate) warp: u16,
    pub(crate) lane: u8,
}

#[derive(Debug)]
struct Copy {
    request: Request,
    operation: Operation,
    /// Rows of the box that are to be copied yet, of each block's.
    parts: Vec<(usize, Range<usize>)>,
}

/// Stores of one thread.
#[derive(Debug, Default)]
struct Bulk {
    open: Vec<usize>,
    groups: VecDeque<Vec<usize>>,
}

/// All copies of a cluster.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    /// Those of a launch, in order.
    all: Vec<Copy>,
    /// Which of them are not done.
    pending: Vec<usize>,
    bulks: BTreeMap<(u16, u8), Bulk>,
}

/// What went wrong with a copy, and which instruction and thread of which warp had asked for it.
pub(crate) type Failure = (FaultKind, u32, u16, u8);

impl Request {
    fn kind(&self) -> &'static str {
        match self.direction {
            Direction::Load { .. } => "load",
            _ => "store",
        }
    }

    /// The pieces of rows that lie together in shared memory: of 16 bytes where they are swizzled.
    fn pieces(&self, rows: Range<usize>) -> impl Iterator<Item = (u64, Range<usize>)> + use<> {
        let row = self.map.row_bytes();
        let (shared, swizzle) = (self.shared, self.map.swizzle);
        let piece = if swizzle.span() == usize::MAX { row } else { 16 };
        (rows.start * row..rows.end * row)
            .step_by(piece)
            .map(move |at| (swizzle.place(shared + at as u64), at..at + piece))
    }
}

impl Copies {
    /// Starts a copy. What it touches in shared memory is its own from here on.
    pub(crate) fn start(
        &mut self,
        request: Request,
        blocks: &mut [Block],
        order: &mut Order,
    ) -> Result<(), FaultKind> {
        if !request.shared.is_multiple_of(128) {
            let (space, address, bytes) = ("shared", request.shared, 128);
            return Err(FaultKind::Misaligned { space, address, bytes });
        }
        let map = &request.map;
        if request.direction == Direction::Add && map.element == ElementType::U8 {
            return Err(FaultKind::TensorMap("nothing is added to elements of 8 bits here".into()));
        }
        let operation = order.start(&[request.warp]);
        let (rows, bytes) = (map.rows(), map.box_bytes());
        for block in &request.blocks {
            let shared = &mut blocks[*block].shared;
            let by = operation.by(request.site);
            let mut touch = |at: u64, bytes: usize| match request.direction {
                Direction::Load { .. } => shared.will_write(at, bytes, &by),
                _ => shared.will_read(at, bytes, &by),
            };
            // Swizzles stay within 128 bytes.
            match bytes.is_multiple_of(128) {
                true => touch(request.shared, bytes)?,
                false => {
                    request.pieces(0..rows).try_for_each(|(at, range)| touch(at, range.len()))?
                }
            }
        }
        // The machine may do them in parts.
        let part = rows.div_ceil(4);
        let parts = request.blocks.iter().flat_map(|block| {
            let ranges = (0..rows).step_by(part).map(|first| first..rows.min(first + part));
            ranges.map(|range| (*block, range))
        });
        let parts = parts.collect();
        let id = self.all.len();
        self.pending.push(id);
        if !matches!(request.direction, Direction::Load { .. }) {
            self.bulks.entry((request.warp, request.lane)).or_default().open.push(id);
        }
        self.all.push(Copy { request, operation, parts });
        Ok(())
    }

    pub(crate) fn commit(&mut self, warp: u16, lane: u8) {
        let bulk = self.bulks.entry((warp, lane)).or_default();
        let group = std::mem::take(&mut bulk.open);
        bulk.groups.push_back(group);
    }

    /// Whether all but the last `but` groups of a thread are done. If so its warp knows of them.
    pub(crate) fn wait(&mut self, (warp, lane): (u16, u8), but: usize, order: &mut Order) -> bool {
        let Some(bulk) = self.bulks.get_mut(&(warp, lane)) else { return true };
        let over = bulk.groups.len().saturating_sub(but);
        let all = &self.all;
        if bulk.groups.iter().take(over).flatten().any(|id| !all[*id].parts.is_empty()) {
            return false;
        }
        for id in bulk.groups.drain(..over).flatten() {
            order.ends(warp, &self.all[id].operation);
        }
        true
    }

    /// Whether anything is left to do.
    pub(crate) fn idle(&self) -> bool {
        self.pending.is_empty()
    }

    /// Does a part of a copy: the first, or one at random.
    pub(crate) fn advance(
        &mut self,
        random: Option<&mut Random>,
        blocks: &mut [Block],
        global: &mut Global,
        traffic: &mut Traffic,
        roused: &mut Vec<u16>,
    ) -> Result<(), Failure> {
        let (which, part) = match random {
            None => (0, 0),
            Some(random) => {
                let which = random.below(self.pending.len());
                (which, random.below(self.all[self.pending[which]].parts.len()))
            }
        };
        let copy = &mut self.all[self.pending[which]];
        let (block, rows) = copy.parts.remove(part);
        if copy.parts.is_empty() {
            self.pending.remove(which);
        }
        let request = &copy.request;
        let done = match request.direction {
            Direction::Load { barrier } => {
                // A multicast reads global memory once, for its first block.
                let traffic = (request.blocks.first() == Some(&block)).then_some(traffic);
                load(request, rows.clone(), &mut blocks[block], global, traffic).and_then(|()| {
                    let bytes = (rows.len() * request.map.row_bytes()) as i64;
                    let mut told = Stamp::default();
                    copy.operation.release(&mut told);
                    blocks[block].phases.pay(barrier, bytes, &told, roused)
                })
            }
            _ => store(request, rows, &blocks[block], global, traffic),
        };
        roused.push(request.warp);
        done.map_err(|kind| (kind, request.site, request.warp, request.lane))
    }

    /// What nobody has waited for, of a warp that exits.
    pub(crate) fn left_by(&self, warp: u16) -> Option<Failure> {
        let bulks = self.bulks.range((warp, 0)..=(warp, u8::MAX));
        let open = bulks.flat_map(|(_, bulk)| bulk.open.iter().chain(bulk.groups.iter().flatten()));
        let request = &self.all[*open.min()?].request;
        let kind = FaultKind::InFlight("a store that its thread has not waited for".into());
        Some((kind, request.site, request.warp, request.lane))
    }

    /// A load whose end no warp of the block has heard of, where all have exited.
    pub(crate) fn lost(&self, order: &Order) -> Option<Failure> {
        self.all.iter().find_map(|copy| {
            let Copy { request, operation: Operation { agent, time, .. }, .. } = copy;
            let load = matches!(request.direction, Direction::Load { .. });
            let unknown = |block: &&usize| !order.is_known(**block, *agent, *time);
            let block = request.blocks.iter().find(unknown).filter(|_| load)?;
            let kind = FaultKind::InFlight(format!(
                "a {} whose end no warp of block {block} of the cluster has waited for",
                request.kind()
            ));
            Some((kind, request.site, request.warp, request.lane))
        })
    }
}

/// Rows of a box, zeros where they are outside of the tensor.
fn load(
    request: &Request,
    rows: Range<usize>,
    block: &mut Block,
    global: &mut Global,
    mut traffic: Option<&mut Traffic>,
) -> Result<(), FaultKind> {
    let map = &request.map;
    let (row_bytes, size) = (map.row_bytes(), map.element.bytes());
    let mut bytes = vec![0; rows.len() * row_bytes];
    for (row, bytes) in rows.clone().zip(bytes.chunks_exact_mut(row_bytes)) {
        let (address, inside) = map.row(request.at, row);
        let inside = inside.start * size..inside.end * size;
        if inside.is_empty() {
            continue;
        }
        let first = address.wrapping_add(inside.start as u64);
        let counted = traffic.is_some();
        if let Some(traffic) = &mut traffic {
            traffic.load_sectors += sectors(first, inside.len());
            traffic.load_bytes += inside.len() as u64;
        }
        global.fetch(first, &mut bytes[inside], counted)?;
    }
    let start = rows.start * row_bytes;
    for (at, range) in request.pieces(rows) {
        block.shared.put(at, &bytes[range.start - start..range.end - start])?;
    }
    Ok(())
}

/// Rows of a box to where they are in the tensor.
fn store(
    request: &Request,
    rows: Range<usize>,
    block: &Block,
    global: &mut Global,
    traffic: &mut Traffic,
) -> Result<(), FaultKind> {
    let map = &request.map;
    let (row_bytes, size) = (map.row_bytes(), map.element.bytes());
    let mut bytes = Vec::with_capacity(rows.len() * row_bytes);
    for (at, range) in request.pieces(rows.clone()) {
        bytes.extend_from_slice(block.shared.bytes(at, range.len())?);
    }
    for (row, bytes) in rows.zip(bytes.chunks_exact(row_bytes)) {
        let (address, inside) = map.row(request.at, row);
        let inside = inside.start * size..inside.end * size;
        if inside.is_empty() {
            continue;
        }
        let first = address.wrapping_add(inside.start as u64);
        traffic.store_sectors += sectors(first, inside.len());
        traffic.store_bytes += inside.len() as u64;
        let new = &bytes[inside];
        match request.direction {
            Direction::Add => {
                let mut sums = vec![0; new.len()];
                global.fetch(first, &mut sums, true)?;
                add(map.element, &mut sums, new);
                global.put(first, &sums)?;
            }
            _ => global.put(first, new)?,
        }
    }
    Ok(())
}

/// Bits of a number to those of another type.
type Cast = fn(u32) -> u32;

/// To nearest, in the elements' type. Whether the machine keeps subnormals here has not been
/// observed; this does.
fn add(element: ElementType, sums: &mut [u8], new: &[u8]) {
    let size = element.bytes();
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, b| word << 8 | u32::from(*b));
    for (sum, new) in sums.chunks_exact_mut(size).zip(new.chunks_exact(size)) {
        let (widen, narrow): (Cast, Cast) = match element {
            ElementType::F16 => (float::from_half, float::to_half),
            ElementType::Bf16 => (float::from_bfloat, float::to_bfloat),
            _ => (|x| x, |x| x),
        };
        // f32 has so many bits more than half-words that rounding twice is rounding once.
        let total = float::f(widen(word(sum))) + float::f(widen(word(new)));
        let total = narrow(float::bits(total));
        sum.copy_from_slice(&total.to_le_bytes()[..size]);
    }
}

/// Sectors of 32 bytes that a range touches.
fn sectors(address: u64, bytes: usize) -> u64 {
    (address + bytes as u64).div_ceil(32) - address / 32
}
