//! Loads, stores, atomics, and moves of vectors.

use super::alu::{need_long, need_word, put_long, put_word};
use super::collective::lanes;
use super::{Context, Trouble, trouble};
use crate::cluster::Cluster;
use crate::fault::FaultKind;
use crate::op::Op;
use crate::program::{Inst, Reg, SINK};
use crate::table::Atomic;
use crate::warp::{Longs, Warp};

/// The address of each lane.
#[inline(always)]
pub(super) fn addresses(warp: &Warp, inst: &Inst, on: u32) -> Result<Longs, Trouble> {
    let mut to = [0; 32];
    let offset = inst.imm as u64;
    if inst.wide {
        need_long(warp, inst.a, on)?;
        let base = &warp.l[usize::from(inst.a)];
        for lane in 0..32 {
            to[lane] = base[lane].wrapping_add(offset);
        }
    } else {
        need_word(warp, inst.a, on)?;
        let base = &warp.w[usize::from(inst.a)];
        for lane in 0..32 {
            to[lane] = u64::from(base[lane]).wrapping_add(offset);
        }
    }
    Ok(to)
}

pub(super) fn registers<'a>(context: &Context<'a>, inst: &Inst) -> &'a [Reg] {
    &context.program.lists[inst.list as usize..][..usize::from(inst.count)]
}

/// Element `i` of a loaded value, as a register holds it.
#[inline(always)]
fn element(value: u128, i: usize, inst: &Inst, reg: Reg) -> u64 {
    let bits = 8 * u32::from(inst.size);
    let raw = (value >> (bits as usize * i)) as u64;
    let drop = 64 - bits;
    let wide = match inst.signed {
        true => ((raw << drop) as i64 >> drop) as u64,
        false => raw << drop >> drop,
    };
    match reg.bits {
        16 => wide & 0xffff,
        _ => wide,
    }
}

/// Spreads what each lane loaded over the registers.
#[inline(always)]
fn spread(warp: &mut Warp, inst: &Inst, regs: &[Reg], on: u32, values: &[u128; 32]) {
    for (i, reg) in regs.iter().enumerate() {
        if reg.slot == SINK {
            continue;
        }
        if reg.long {
            let mut out = [0; 32];
            for lane in 0..32 {
                out[lane] = element(values[lane], i, inst, *reg);
            }
            put_long(warp, reg.slot, on, &out);
        } else {
            let mut out = [0; 32];
            for lane in 0..32 {
                out[lane] = element(values[lane], i, inst, *reg) as u32;
            }
            put_word(warp, reg.slot, on, &out);
        }
    }
}

/// Gathers what each lane stores from the registers.
#[inline(always)]
fn gather(warp: &Warp, inst: &Inst, regs: &[Reg], on: u32) -> Result<[u128; 32], Trouble> {
    let mut values = [0u128; 32];
    let bits = 8 * u32::from(inst.size);
    let keep = u64::MAX >> (64 - bits);
    for (i, reg) in regs.iter().enumerate() {
        let shift = bits as usize * i;
        if reg.long {
            need_long(warp, reg.slot, on)?;
            let from = &warp.l[usize::from(reg.slot)];
            for lane in 0..32 {
                values[lane] |= u128::from(from[lane] & keep) << shift;
            }
        } else {
            need_word(warp, reg.slot, on)?;
            let from = &warp.w[usize::from(reg.slot)];
            for lane in 0..32 {
                values[lane] |= u128::from(u64::from(from[lane]) & keep) << shift;
            }
        }
    }
    Ok(values)
}

pub(super) fn load_param(
    warp: &mut Warp,
    context: &mut Context,
    inst: &Inst,
    on: u32,
) -> Result<(), Trouble> {
    let bytes = u32::from(inst.size) * u32::from(inst.count);
    let mut values = [0; 32];
    if inst.wide {
        let to = addresses(warp, inst, on)?;
        for lane in lanes(on) {
            let value = param(context.params, to[lane], bytes);
            values[lane] = value.map_err(|kind| trouble(kind, lane as u32))?;
        }
    } else {
        let value = param(context.params, inst.imm as u64, bytes);
        values = [value.map_err(|kind| trouble(kind, on.trailing_zeros() % 32))?; 32];
    }
    let regs = registers(context, inst);
    spread(warp, inst, regs, on, &values);
    Ok(())
}

/// Bytes of the parameters, the first lowest.
fn param(params: &[u8], address: u64, bytes: u32) -> Result<u128, FaultKind> {
    let from = usize::try_from(address).ok();
    let range = from.and_then(|at| params.get(at..)?.get(..bytes as usize));
    let Some(range) = range else {
        let near = format!("the entry has {} bytes of parameters", params.len());
        return Err(FaultKind::OutOfBounds { space: "param", address, bytes, near });
    };
    if !address.is_multiple_of(u64::from(bytes)) {
        return Err(FaultKind::Misaligned { space: "param", address, bytes });
    }
    Ok(range.iter().rev().fold(0, |v: u128, b| v << 8 | u128::from(*b)))
}

/// Counts the sectors of 32 bytes that a warp access touches.
#[inline(always)]
fn sectors(to: &Longs, on: u32) -> u64 {
    let (mut touched, mut n, mut ascending) = ([0u64; 32], 0, true);
    for lane in lanes(on) {
        // No access crosses a sector: it is aligned and has at most 16 bytes.
        let sector = to[lane] >> 5;
        if n == 0 || touched[n - 1] != sector {
            ascending &= n == 0 || touched[n - 1] < sector;
            touched[n] = sector;
            n += 1;
        }
    }
    if ascending {
        return n as u64;
    }
    let touched = &mut touched[..n];
    touched.sort_unstable();
    1 + touched.windows(2).filter(|w| w[0] != w[1]).count() as u64
}

/// Passes over the banks beyond the first of each phase: 32 banks of 4 bytes; a warp goes in
/// halves for 8 bytes a lane and in quarters for 16.
fn conflicts(to: &Longs, on: u32, bytes: u32) -> u64 {
    let lanes_at_once = match bytes {
        8 => 16,
        16 => 8,
        _ => 32,
    };
    let words_each = u64::from(bytes.div_ceil(4));
    let mut extra = 0;
    for first in (0..32).step_by(lanes_at_once) {
        let (mut words, mut n) = ([0u64; 32], 0);
        let phase = on & (u32::MAX >> (32 - lanes_at_once)) << first;
        for lane in lanes(phase) {
            for word in 0..words_each {
                words[n] = (to[lane] >> 2) + word;
                n += 1;
            }
        }
        let words = &mut words[..n];
        words.sort_unstable();
        let mut banks = [0u64; 32];
        let mut before = None;
        for &word in words.iter() {
            if before != Some(word) {
                banks[(word % 32) as usize] += 1;
            }
            before = Some(word);
        }
        extra += banks.iter().max().map_or(0, |most| most.saturating_sub(1));
    }
    extra
}

/// Whether all 32 lanes access neighbours, each the one after the last.
#[inline(always)]
fn is_row(to: &Longs, on: u32, bytes: u32) -> bool {
    let mut same = on == u32::MAX && to[0] & u64::from(bytes - 1) == 0;
    for lane in 0..32 {
        same &= to[lane] == to[0].wrapping_add(lane as u64 * u64::from(bytes));
    }
    same
}

/// [`spread`] of a row of elements of 4 bytes in words.
#[inline(always)]
fn spread_row<const COUNT: usize>(warp: &mut Warp, regs: &[Reg], row: &[u8]) {
    for (i, reg) in regs.iter().enumerate() {
        let mut out = [0; 32];
        for (out, lane) in out.iter_mut().zip(row.chunks_exact(4 * COUNT)) {
            *out = u32::from_le_bytes([
                lane[4 * i],
                lane[4 * i + 1],
                lane[4 * i + 2],
                lane[4 * i + 3],
            ]);
        }
        put_word(warp, reg.slot, u32::MAX, &out);
    }
}

/// [`gather`] of the same.
#[inline(always)]
fn gather_row<const COUNT: usize>(warp: &Warp, regs: &[Reg], row: &mut [u8]) {
    for (i, reg) in regs.iter().enumerate() {
        let from = &warp.w[usize::from(reg.slot)];
        for (from, lane) in from.iter().zip(row.chunks_exact_mut(4 * COUNT)) {
            lane[4 * i..][..4].copy_from_slice(&from.to_le_bytes());
        }
    }
}

/// Whether registers are words and elements have their size.
fn whole_words(inst: &Inst, regs: &[Reg]) -> bool {
    inst.size == 4 && regs.iter().all(|reg| !reg.long && reg.slot != SINK)
}

/// The common case of a load, without a look at each lane. Tells whether it was that.
fn load_row(warp: &mut Warp, context: &mut Context, inst: &Inst, first: u64, bytes: u32) -> bool {
    let regs = registers(context, inst);
    if !whole_words(inst, regs) {
        return false;
    }
    let Some(row) = context.global.row(first, 32 * bytes as usize) else { return false };
    match regs.len() {
        1 => spread_row::<1>(warp, regs, row),
        2 => spread_row::<2>(warp, regs, row),
        _ => spread_row::<4>(warp, regs, row),
    }
    let traffic = &mut context.counts.counters.global;
    // A row that begins inside a sector ends inside one.
    traffic.load_sectors += u64::from(bytes) + u64::from(!first.is_multiple_of(32));
    traffic.load_bytes += 32 * u64::from(bytes);
    true
}

/// The same of a store.
fn store_row(warp: &mut Warp, context: &mut Context, inst: &Inst, first: u64, bytes: u32) -> bool {
    let regs = registers(context, inst);
    let defined = regs.iter().all(|reg| warp.dw[usize::from(reg.slot)] == u32::MAX);
    if !whole_words(inst, regs) || !defined {
        return false;
    }
    let Some(row) = context.global.row_mut(first, 32 * bytes as usize) else { return false };
    match regs.len() {
        1 => gather_row::<1>(warp, regs, row),
        2 => gather_row::<2>(warp, regs, row),
        _ => gather_row::<4>(warp, regs, row),
    }
    let traffic = &mut context.counts.counters.global;
    traffic.store_sectors += u64::from(bytes) + u64::from(!first.is_multiple_of(32));
    traffic.store_bytes += 32 * u64::from(bytes);
    true
}

pub(super) fn load_global(
    warp: &mut Warp,
    context: &mut Context,
    inst: &Inst,
    on: u32,
) -> Result<(), Trouble> {
    let to = addresses(warp, inst, on)?;
    let bytes = u32::from(inst.size) * u32::from(inst.count);
    if is_row(&to, on, bytes) && load_row(warp, context, inst, to[0], bytes) {
        return Ok(());
    }
    let mut values = [0; 32];
    for lane in lanes(on) {
        values[lane] =
            context.global.load(to[lane], bytes).map_err(|kind| trouble(kind, lane as u32))?;
    }
    let traffic = &mut context.counts.counters.global;
    traffic.load_sectors += sectors(&to, on);
    traffic.load_bytes += u64::from(bytes * on.count_ones());
    let regs = registers(context, inst);
    spread(warp, inst, regs, on, &values);
    Ok(())
}

pub(super) fn store_global(
    warp: &mut Warp,
    context: &mut Context,
    inst: &Inst,
    on: u32,
) -> Result<(), Trouble> {
    let to = addresses(warp, inst, on)?;
    let bytes = u32::from(inst.size) * u32::from(inst.count);
    if is_row(&to, on, bytes) && store_row(warp, context, inst, to[0], bytes) {
        return Ok(());
    }
    let regs = registers(context, inst);
    let values = gather(warp, inst, regs, on)?;
    for lane in lanes(on) {
        let done = context.global.store(to[lane], bytes, values[lane]);
        done.map_err(|kind| trouble(kind, lane as u32))?;
    }
    let traffic = &mut context.counts.counters.global;
    traffic.store_sectors += sectors(&to, on);
    traffic.store_bytes += u64::from(bytes * on.count_ones());
    Ok(())
}

pub(super) fn count_shared(context: &mut Context, to: &Longs, on: u32, bytes: u32) {
    if on != 0 {
        context.counts.counters.shared_accesses += 1;
        context.counts.counters.bank_conflicts += conflicts(to, on, bytes);
    }
}

pub(super) fn load_shared(
    warp: &mut Warp,
    context: &mut Context,
    inst: &Inst,
    pc: u32,
    on: u32,
) -> Result<(), Trouble> {
    let to = addresses(warp, inst, on)?;
    let bytes = u32::from(inst.size) * u32::from(inst.count);
    let (shared, order) = context.shared();
    let by = order.by(warp.agent, pc);
    let mut values = [0; 32];
    for lane in lanes(on) {
        values[lane] =
            shared.load(to[lane], bytes, &by).map_err(|kind| trouble(kind, lane as u32))?;
    }
    count_shared(context, &to, on, bytes);
    let regs = registers(context, inst);
    spread(warp, inst, regs, on, &values);
    Ok(())
}

pub(super) fn store_shared(
    warp: &mut Warp,
    context: &mut Context,
    inst: &Inst,
    pc: u32,
    on: u32,
) -> Result<(), Trouble> {
    let to = addresses(warp, inst, on)?;
    let bytes = u32::from(inst.size) * u32::from(inst.count);
    let regs = registers(context, inst);
    let values = gather(warp, inst, regs, on)?;
    let (shared, order) = context.shared();
    order.writes(warp.agent, on);
    let by = order.by(warp.agent, pc);
    for lane in lanes(on) {
        let done = shared.store(to[lane], bytes, values[lane], &by);
        done.map_err(|kind| trouble(kind, lane as u32))?;
    }
    count_shared(context, &to, on, bytes);
    Ok(())
}

/// A load from the shared memory of any block of the cluster.
pub(super) fn load_cluster(
    warp: &mut Warp,
    context: &mut Context,
    inst: &Inst,
    pc: u32,
    on: u32,
) -> Result<(), Trouble> {
    let to = addresses(warp, inst, on)?;
    let mut values = [0; 32];
    for lane in lanes(on) {
        let mut load = || {
            let (block, address) = context.resolve(to[lane])?;
            let Cluster { blocks, order, .. } = &mut *context.cluster;
            let bytes = u32::from(inst.size);
            blocks[block].shared.load(address, bytes, &order.by(warp.agent, pc))
        };
        values[lane] = load().map_err(|kind| trouble(kind, lane as u32))?;
    }
    let regs = registers(context, inst);
    spread(warp, inst, regs, on, &values);
    Ok(())
}

/// A store to it.
pub(super) fn store_cluster(
    warp: &mut Warp,
    context: &mut Context,
    inst: &Inst,
    pc: u32,
    on: u32,
) -> Result<(), Trouble> {
    let to = addresses(warp, inst, on)?;
    let regs = registers(context, inst);
    let values = gather(warp, inst, regs, on)?;
    context.cluster.order.writes(warp.agent, on);
    for lane in lanes(on) {
        let mut store = || {
            let (block, address) = context.resolve(to[lane])?;
            let Cluster { blocks, order, .. } = &mut *context.cluster;
            let (bytes, by) = (u32::from(inst.size), order.by(warp.agent, pc));
            blocks[block].shared.store(address, bytes, values[lane], &by)
        };
        store().map_err(|kind| trouble(kind, lane as u32))?;
    }
    Ok(())
}

/// What an atomic leaves in memory.
fn updated(kind: Atomic, size: u8, old: u64, b: u64, c: u64) -> u64 {
    let signed = |x: u64| if size == 4 { i64::from(x as u32 as i32) } else { x as i64 };
    let new = match kind {
        Atomic::Add => old.wrapping_add(b),
        Atomic::MinU => old.min(b),
        Atomic::MaxU => old.max(b),
        Atomic::MinS => signed(old).min(signed(b)) as u64,
        Atomic::MaxS => signed(old).max(signed(b)) as u64,
        Atomic::And => old & b,
        Atomic::Or => old | b,
        Atomic::Xor => old ^ b,
        Atomic::Exch => b,
        Atomic::Cas if old == b => c,
        Atomic::Cas => old,
    };
    if size == 4 { new & 0xffff_ffff } else { new }
}

/// One lane after another, in an order that the schedule chooses.
pub(super) fn atomic(
    warp: &mut Warp,
    context: &mut Context,
    inst: &Inst,
    pc: u32,
    on: u32,
) -> Result<(), Trouble> {
    let to = addresses(warp, inst, on)?;
    let kind = Atomic::ALL[usize::from(inst.code)];
    let value = |slot: u16| -> Result<Longs, Trouble> {
        if inst.size == 8 {
            need_long(warp, slot, on)?;
            Ok(warp.l[usize::from(slot)])
        } else {
            need_word(warp, slot, on)?;
            Ok(warp.w[usize::from(slot)].map(u64::from))
        }
    };
    let b = value(inst.b)?;
    let c = if kind == Atomic::Cas { value(inst.c)? } else { [0; 32] };
    let mut order: Vec<usize> = lanes(on).collect();
    if let Some(random) = &mut context.random {
        random.shuffle(&mut order);
    }
    let bytes = u32::from(inst.size);
    let global = matches!(inst.op, Op::AtomGlobal | Op::RedGlobal);
    let mut olds = [0; 32];
    for lane in order {
        let change = |old: u128| u128::from(updated(kind, inst.size, old as u64, b[lane], c[lane]));
        let old = match global {
            true => context.global.update(to[lane], bytes, change),
            false => {
                let (shared, order) = context.shared();
                order.writes(warp.agent, on);
                shared.update(to[lane], bytes, &order.by(warp.agent, pc), change)
            }
        };
        olds[lane] = old.map_err(|kind| trouble(kind, lane as u32))? as u64;
    }
    if global {
        context.counts.counters.global_atomics += u64::from(on.count_ones());
    }
    if matches!(inst.op, Op::AtomGlobal | Op::AtomShared) {
        match inst.size {
            8 => put_long(warp, inst.d, on, &olds),
            _ => put_word(warp, inst.d, on, &olds.map(|x| x as u32)),
        }
    }
    Ok(())
}

/// `mov` between one register and the parts in braces.
pub(super) fn vector_move(
    warp: &mut Warp,
    context: &mut Context,
    inst: &Inst,
    on: u32,
) -> Result<(), Trouble> {
    let regs = registers(context, inst);
    let (size, parts) = match inst.op {
        Op::PackW | Op::UnpackW => (2, 2),
        Op::PackL | Op::UnpackL => (4, 2),
        _ => (2, 4),
    };
    debug_assert_eq!(parts, regs.len());
    let inst = &Inst { size, ..*inst };
    match inst.op {
        Op::PackW | Op::PackL | Op::PackLH => {
            let values = gather(warp, inst, regs, on)?.map(|v| v as u64);
            match inst.op {
                Op::PackW => put_word(warp, inst.d, on, &values.map(|v| v as u32)),
                _ => put_long(warp, inst.d, on, &values),
            }
        }
        _ => {
            let values = match inst.op {
                Op::UnpackW => {
                    need_word(warp, inst.a, on)?;
                    warp.w[usize::from(inst.a)].map(u128::from)
                }
                _ => {
                    need_long(warp, inst.a, on)?;
                    warp.l[usize::from(inst.a)].map(u128::from)
                }
            };
            spread(warp, inst, regs, on, &values);
        }
    }
    Ok(())
}
