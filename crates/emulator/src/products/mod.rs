//! Matrix products of warpgroups: `wgmma` between its issue and the wait for it.
//!
//! The four warps of a warpgroup issue one together; it runs, in order, at any time between then
//! and a `wgmma.wait_group` that covers it. Until that the accumulators are its own: a register of
//! them is undefined for everything else, and is seen to have been written when it comes back.

mod descriptor;
mod tile;

use std::collections::VecDeque;

use quarter_numerics::tensor_core::LANES;

use crate::cluster::Block;
use crate::fault::FaultKind;
use crate::order::{Operation, Order};
use crate::program::{MatrixA, ProductOperands, Program};
use crate::warp::{Warp, Words};
use descriptor::touch;
use tile::{Tile, run};

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
