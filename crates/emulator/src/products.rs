//! Matrix products of warpgroups: `wgmma` between its issue and the wait for it.
//!
//! The four warps of a warpgroup issue one together; it runs, in order, at any time between then
//! and a `wgmma.wait_group` that covers it. Until that the accumulators are its own: a register of
//! them is undefined for everything else, and is seen to have been written when it comes back.

use std::collections::VecDeque;

use quarter_numerics::Format;
use quarter_numerics::tensor_core::{Accumulator, LANES, STEP, TensorCore, known};

use crate::cluster::Block;
use crate::fault::FaultKind;
use crate::memory::Shared;
use crate::order::{By, Operation, Order};
use crate::program::{MatrixA, ProductOperands, Program};
use crate::tensor_map::Swizzle;
use crate::warp::{Warp, Words};

/// Rows of an instruction.
const ROWS: usize = 64;

/// What the lanes of a warp agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) site: u32,
    /// Which of `Program::products`.
    pub(crate) operands: usize,
    /// Descriptors; A may be in registers.
    pub(crate) a: Option<u64>,
    pub(crate) b: u64,
    pub(crate) accumulate: bool,
}

#[derive(Debug)]
struct Product {
    call: Call,
    /// Warps that have issued it.
    here: u8,
    operation: Option<Operation>,
    done: bool,
    /// A in registers, of each warp.
    fragments: [Option<[Words; 4]>; 4],
}

/// Accumulators of a warpgroup that are in flight, as a matrix.
#[derive(Debug)]
struct Tile {
    accumulators: Vec<u16>,
    n: usize,
    half: bool,
    /// 64 rows, of `n` columns and what rounds them up to 32.
    data: Vec<f32>,
    /// Warps whose registers are here, and the product after the last that each has issued on it.
    held: [Option<u64>; 4],
}

impl Tile {
    fn stride(&self) -> usize {
        self.n.next_multiple_of(LANES)
    }

    /// Row and first column of the two neighbours that register `i` of a lane holds first: of
    /// f32 registers `2 i` and `2 i + 1`, of f16 register `i`.
    fn place(warp: usize, lane: usize, pair: usize) -> (usize, usize) {
        (16 * warp + lane / 4 + 8 * (pair & 1), 8 * (pair >> 1) + 2 * (lane % 4))
    }

    fn gather(&mut self, warp: usize, from: &Warp) {
        let stride = self.stride();
        for pair in 0..self.n / 4 {
            for lane in 0..32 {
                let (row, column) = Self::place(warp, lane, pair);
                let to = &mut self.data[row * stride + column..][..2];
                if self.half {
                    let word = from.w[usize::from(self.accumulators[pair])][lane];
                    to[0] = f32::from_bits(word & 0xffff);
                    to[1] = f32::from_bits(word >> 16);
                } else {
                    let slots = &self.accumulators[2 * pair..][..2];
                    for (to, slot) in to.iter_mut().zip(slots) {
                        *to = f32::from_bits(from.w[usize::from(*slot)][lane]);
                    }
                }
            }
        }
    }

    fn scatter(&self, warp: usize, to: &mut Warp) {
        let stride = self.stride();
        for pair in 0..self.n / 4 {
            for lane in 0..32 {
                let (row, column) = Self::place(warp, lane, pair);
                let from = &self.data[row * stride + column..][..2];
                if self.half {
                    let word = from[0].to_bits() & 0xffff | from[1].to_bits() << 16;
                    to.w[usize::from(self.accumulators[pair])][lane] = word;
                } else {
                    let slots = &self.accumulators[2 * pair..][..2];
                    for (from, slot) in from.iter().zip(slots) {
                        to.w[usize::from(*slot)][lane] = from.to_bits();
                    }
                }
            }
        }
    }
}

#[derive(Debug, Default)]
struct Warpgroup {
    products: VecDeque<Product>,
    /// Number of the first of `products`.
    first: u64,
    issued: [u64; 4],
    waited: [u64; 4],
    /// Ends of the groups that are committed and not waited for.
    committed: [VecDeque<u64>; 4],
    tiles: Vec<Tile>,
}

/// All products of a cluster.
#[derive(Debug, Default)]
pub(crate) struct Products {
    groups: Vec<Warpgroup>,
    /// Warps of a block.
    each: usize,
    /// Groups with a product that can run.
    ready: Vec<usize>,
}

fn refuse<T>(what: impl Into<String>) -> Result<T, FaultKind> {
    Err(FaultKind::Matrix(what.into()))
}

/// A register's name.
fn name(program: &Program, slot: u16) -> &str {
    program.word_names.get(usize::from(slot)).map_or("", String::as_str)
}

impl Products {
    pub(crate) fn of(blocks: usize, each: usize) -> Self {
        let groups = blocks * each.div_ceil(4);
        let groups = std::iter::repeat_with(Warpgroup::default).take(groups).collect();
        Self { groups, each, ready: Vec::new() }
    }

    /// The warpgroup of a warp, and the warp's place in it.
    fn group(&self, warp: &Warp) -> (usize, usize) {
        let (block, index) = (usize::from(warp.agent) / self.each, usize::from(warp.index));
        (block * self.each.div_ceil(4) + index / 4, index % 4)
    }

    /// A warp issues a product.
    pub(crate) fn issue(
        &mut self,
        call: Call,
        warp: &mut Warp,
        program: &Program,
        blocks: &mut [Block],
        order: &mut Order,
    ) -> Result<(), FaultKind> {
        let operands = &program.products[call.operands];
        if !self.each.is_multiple_of(4) && usize::from(warp.index) >= self.each / 4 * 4 {
            return refuse("a warpgroup has four warps, this one has fewer");
        }
        let (group, place) = self.group(warp);
        let state = &mut self.groups[group];
        let number = state.issued[place];
        state.issued[place] += 1;
        state.take_registers(number, place, operands, call, warp, program)?;

        let at = (number - state.first) as usize;
        if at == state.products.len() {
            let (operation, fragments) = (None, [None; 4]);
            let product = Product { call, here: 0, operation, done: false, fragments };
            state.products.push_back(product);
        }
        let product = &mut state.products[at];
        if product.call != call {
            return refuse(format!(
                "warps of a warpgroup issue others: {call:?}, and before {:?}",
                product.call
            ));
        }
        if let MatrixA::Registers(slots) = operands.a {
            product.fragments[place] = Some(slots.map(|slot| warp.w[usize::from(slot)]));
        }
        product.here |= 1 << place;
        if product.here == 15 {
            let first = warp.agent - place as u16;
            let operation = order.start(&[first, first + 1, first + 2, first + 3]);
            let shared = &mut blocks[usize::from(warp.agent) / self.each].shared;
            touch(call, operands, shared, &operation.by(call.site))?;
            product.operation = Some(operation);
            self.ready.push(group);
        }
        Ok(())
    }

    pub(crate) fn commit(&mut self, warp: &Warp) {
        let (group, place) = self.group(warp);
        let state = &mut self.groups[group];
        let issued = state.issued[place];
        state.committed[place].push_back(issued);
    }

    /// Whether all but the last `but` groups of a warp are done. If so it has its registers back.
    pub(crate) fn wait(
        &mut self,
        but: usize,
        warp: &mut Warp,
        program: &Program,
        order: &mut Order,
    ) -> Result<bool, FaultKind> {
        let (group, place) = self.group(warp);
        let Some(state) = self.groups.get_mut(group) else { return Ok(true) };
        let Some(over) = state.committed[place].len().checked_sub(but).filter(|n| *n > 0) else {
            return Ok(true);
        };
        let end = state.committed[place][over - 1];
        let numbers = state.waited[place]..end;
        let at = |number: u64| (number - state.first) as usize;
        if numbers.clone().any(|number| !state.products[at(number)].done) {
            return Ok(false);
        }
        for number in numbers {
            let product = &state.products[at(number)];
            if let Some(operation) = &product.operation {
                order.ends(warp.agent, operation);
            }
            let operands = &program.products[product.call.operands];
            if let (MatrixA::Registers(slots), Some(then)) = (operands.a, product.fragments[place])
            {
                for (slot, then) in slots.into_iter().zip(then) {
                    if warp.w[usize::from(slot)] != then {
                        let register = name(program, slot);
                        return refuse(format!("{register}, a part of A, was written in flight"));
                    }
                }
            }
        }
        state.committed[place].drain(..over);
        state.waited[place] = end;
        for tile in &mut state.tiles {
            if tile.held[place].is_some_and(|last| last <= end) {
                tile.held[place] = None;
                tile.scatter(place, warp);
                for slot in &tile.accumulators {
                    let slot = usize::from(*slot);
                    if warp.dw[slot] != 0 {
                        let register = name(program, slot as u16);
                        return refuse(format!(
                            "{register}, an accumulator, was written in flight"
                        ));
                    }
                    warp.dw[slot] = u32::MAX;
                    // At rest: the next product on it needs a fence.
                    warp.epochs[slot] = warp.epoch;
                }
            }
        }
        state.tiles.retain(|tile| tile.held.iter().any(Option::is_some));
        let over = state.waited.iter().min().copied().unwrap_or(0);
        while state.first < over {
            state.products.pop_front();
            state.first += 1;
        }
        Ok(true)
    }

    /// Whether nothing can run.
    pub(crate) fn idle(&self) -> bool {
        self.ready.is_empty()
    }

    /// Runs the first product that can.
    pub(crate) fn advance(
        &mut self,
        program: &Program,
        blocks: &[Block],
        roused: &mut Vec<u16>,
    ) -> Result<(), (FaultKind, u32, u16)> {
        let Some(group) = (!self.ready.is_empty()).then(|| self.ready.remove(0)) else {
            return Ok(());
        };
        let each = self.each.div_ceil(4);
        let (block, first) = (group / each, group % each * 4 + group / each * self.each);
        let state = &mut self.groups[group];
        let Some(product) = state.products.iter_mut().find(|p| p.here == 15 && !p.done) else {
            return Ok(());
        };
        product.done = true;
        let operands = &program.products[product.call.operands];
        let tile = state.tiles.iter_mut().find(|t| t.accumulators == operands.accumulators);
        let site = product.call.site;
        if let Some(tile) = tile {
            run(product, operands, tile, &blocks[block].shared)
                .map_err(|kind| (kind, site, first as u16))?;
        }
        roused.extend((0..4).map(|i| (first + i) as u16));
        Ok(())
    }

    /// What a warp that exits has not waited for.
    pub(crate) fn left_by(&self, warp: &Warp) -> Option<(FaultKind, u32)> {
        let (group, place) = self.group(warp);
        let state = self.groups.get(group)?;
        if state.waited[place] == state.issued[place] {
            return None;
        }
        let at = (state.waited[place] - state.first) as usize;
        let kind = FaultKind::InFlight("a product that its warp has not waited for".into());
        Some((kind, state.products.get(at)?.call.site))
    }

    /// What a warp waits for here.
    pub(crate) fn describe(&self, warp: &Warp) -> Option<String> {
        let (group, place) = self.group(warp);
        let state = self.groups.get(group)?;
        let number = state.waited[place];
        let product = state.products.get((number - state.first) as usize)?;
        let n = product.here.count_ones();
        (n < 4).then(|| format!("a product that {n} of 4 warps have issued"))
    }
}

impl Warpgroup {
    /// The registers of a warp that a product needs become its own.
    fn take_registers(
        &mut self,
        number: u64,
        place: usize,
        operands: &ProductOperands,
        call: Call,
        warp: &mut Warp,
        program: &Program,
    ) -> Result<(), FaultKind> {
        let ProductOperands { accumulators, n, half, .. } = operands;
        let unfenced =
            |slot: &&u16| warp.epoch == 0 || warp.epochs[usize::from(**slot)] >= warp.epoch;
        if let MatrixA::Registers(slots) = &operands.a
            && let Some(slot) = slots.iter().find(unfenced)
        {
            let register = name(program, *slot);
            return refuse(format!("no wgmma.fence since {register}, a part of A, was written"));
        }
        let same =
            |tile: &Tile| (&tile.accumulators, &tile.n, &tile.half) == (accumulators, n, half);
        let overlapping = self.tiles.iter().find(|tile| {
            tile.held[place].is_some()
                && !same(tile)
                && tile.accumulators.iter().any(|slot| accumulators.contains(slot))
        });
        if overlapping.is_some() {
            return refuse("its accumulators are in flight, of a product of another shape");
        }
        let at = match self.tiles.iter().position(same) {
            Some(at) => at,
            None => {
                let (accumulators, n, half) = (accumulators.clone(), *n, *half);
                let data = vec![0.0; ROWS * n.next_multiple_of(LANES)];
                let tile = Tile { accumulators, n, half, data, held: [None; 4] };
                self.tiles.push(tile);
                self.tiles.len() - 1
            }
        };
        let tile = &mut self.tiles[at];
        if tile.held[place].is_none() {
            if let Some(slot) = accumulators.iter().find(unfenced) {
                let register = name(program, *slot);
                return refuse(match warp.epoch {
                    0 => "no wgmma.fence before the first one".to_string(),
                    _ => format!("no wgmma.fence since {register}, an accumulator, was in use"),
                });
            }
            if call.accumulate {
                let undefined = accumulators.iter().find(|s| warp.dw[usize::from(**s)] != u32::MAX);
                if let Some(slot) = undefined {
                    let lanes = !warp.dw[usize::from(*slot)];
                    let register = name(program, *slot).to_string();
                    return Err(FaultKind::UndefinedRegister { register, lanes });
                }
                tile.gather(place, warp);
            }
        } else if accumulators.iter().any(|slot| warp.dw[usize::from(*slot)] != 0) {
            return refuse("an accumulator was written in flight");
        }
        for slot in accumulators {
            warp.dw[usize::from(*slot)] = 0;
        }
        tile.held[place] = Some(number + 1);
        Ok(())
    }
}

/// A matrix in shared memory, K-major, of which an instruction takes 32 bytes in K.
#[derive(Clone, Copy, Debug)]
struct Descriptor {
    start: u64,
    /// Bytes to the next 16 in K without a swizzle, and to the next eight rows.
    leading: u64,
    stride: u64,
    swizzle: Swizzle,
}

impl Descriptor {
    fn decode(word: u64) -> Result<Self, FaultKind> {
        const RESERVED: u64 = 3 << 14 | 3 << 30 | 7 << 46 | 0x3ff << 52;
        if word & RESERVED != 0 {
            return refuse(format!("descriptor {word:#x} has bits that are reserved"));
        }
        let field = |shift: u32| (word >> shift & 0x3fff) << 4;
        let swizzle = match word >> 62 {
            0 => Swizzle::None,
            1 => Swizzle::B128,
            2 => Swizzle::B64,
            _ => Swizzle::B32,
        };
        let descriptor = Self { start: field(0), leading: field(16), stride: field(32), swizzle };
        let span = swizzle.span() as u64;
        // How other beginnings are swizzled has not been observed.
        if word >> 49 & 7 != 0 || swizzle != Swizzle::None && descriptor.start % (8 * span) >= span
        {
            return refuse(format!(
                "descriptor {word:#x} begins at {:#x} inside of a swizzled pattern; its first row is \
                 allowed, and a base offset of 0",
                descriptor.start
            ));
        }
        Ok(descriptor)
    }

    /// The address of 16 bytes of a row.
    #[inline(always)]
    fn place(&self, row: usize, half: usize) -> u64 {
        let (eight, row, half) = (row as u64 / 8, row as u64 % 8, half as u64);
        let group = self.start + eight * self.stride;
        match self.swizzle {
            Swizzle::None => group + 16 * row + half * self.leading,
            swizzle => swizzle.place(group + row * swizzle.span() as u64 + 16 * half),
        }
    }
}

/// What a product reads in shared memory.
fn touch(
    call: Call,
    operands: &ProductOperands,
    shared: &mut Shared,
    by: &By,
) -> Result<(), FaultKind> {
    let matrices = [(call.a, ROWS), (Some(call.b), operands.n)];
    for (descriptor, rows) in matrices {
        let Some(descriptor) = descriptor else { continue };
        let descriptor = Descriptor::decode(descriptor)?;
        for row in 0..rows {
            for half in 0..2 {
                shared.will_read(descriptor.place(row, half), 16, by)?;
            }
        }
    }
    Ok(())
}

/// The 32 bytes of each row.
fn read(
    descriptor: u64,
    rows: usize,
    negative: bool,
    shared: &Shared,
) -> Result<Vec<[u8; STEP]>, FaultKind> {
    let descriptor = Descriptor::decode(descriptor)?;
    let mut codes = vec![[0; STEP]; rows];
    for (row, codes) in codes.iter_mut().enumerate() {
        for (half, to) in codes.chunks_exact_mut(16).enumerate() {
            to.copy_from_slice(shared.bytes(descriptor.place(row, half), 16)?);
        }
    }
    if negative {
        codes.iter_mut().flatten().for_each(|code| *code ^= 0x80);
    }
    Ok(codes)
}

/// A in registers: lane `l` of warp `w` has, in register `i`, row 16 w + l / 4 + 8 (i % 2), and of
/// it the four bytes from 4 (l % 4) + 16 (i / 2) on.
fn fragments(product: &Product, negative: bool) -> Vec<[u8; STEP]> {
    let mut codes = vec![[0; STEP]; ROWS];
    for (warp, registers) in product.fragments.iter().enumerate() {
        for (i, words) in registers.iter().flatten().enumerate() {
            for (lane, word) in words.iter().enumerate() {
                let row = &mut codes[16 * warp + lane / 4 + 8 * (i % 2)];
                row[4 * (lane % 4) + 16 * (i / 2)..][..4].copy_from_slice(&word.to_le_bytes());
            }
        }
    }
    if negative {
        codes.iter_mut().flatten().for_each(|code| *code ^= 0x80);
    }
    codes
}

fn run(
    product: &Product,
    operands: &ProductOperands,
    tile: &mut Tile,
    shared: &Shared,
) -> Result<(), FaultKind> {
    let [negative_a, negative_b] = operands.negative;
    let a = match product.call.a {
        Some(descriptor) => read(descriptor, ROWS, negative_a, shared)?,
        None => fragments(product, negative_a),
    };
    let b = read(product.call.b, operands.n, negative_b, shared)?;
    if !product.call.accumulate {
        tile.data.fill(0.0);
    }
    let [a_format, b_format] = operands.formats;
    match tile.half {
        true => in_half((a_format, b_format), &a, &b, tile),
        false => in_single((a_format, b_format), &a, &b, tile),
    }
    Ok(())
}

fn in_single(formats: (Format, Format), a: &[[u8; STEP]], b: &[[u8; STEP]], tile: &mut Tile) {
    let core = TensorCore::new(formats.0, formats.1);
    let mut rows = vec![core.row_step(); ROWS];
    a.iter().zip(&mut rows).for_each(|(codes, row)| core.decode_row(codes, row));
    let (stride, n) = (tile.stride(), tile.n);
    let mut strip = core.strip_step();
    for first in (0..n).step_by(LANES) {
        core.decode_strip(|n, k| b.get(first + n).map_or(0, |column| column[k]), &mut strip);
        for (row, decoded) in rows.iter().enumerate() {
            let acc = &mut tile.data[row * stride + first..][..LANES];
            if let Ok(acc) = acc.try_into() {
                core.chain(std::slice::from_ref(decoded), std::slice::from_ref(&strip), acc);
            }
        }
    }
}

/// Halves are kept as their bits.
fn in_half(formats: (Format, Format), a: &[[u8; STEP]], b: &[[u8; STEP]], tile: &mut Tile) {
    let known = known::find(
        quarter_numerics::tensor_core::Gpu::Hopper,
        known::Instruction::Wgmma,
        (formats.0.into(), formats.1.into()),
        Accumulator::F16,
    );
    let Some(known) = known else { return };
    let (model, stride) = (known.model(), tile.stride());
    for (row, a) in a.iter().enumerate() {
        for (column, b) in b.iter().enumerate() {
            let d = &mut tile.data[row * stride + column];
            *d = f32::from_bits(model.dot(a, b, d.to_bits()));
        }
    }
}
