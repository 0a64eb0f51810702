//! One warp, instruction by instruction.

mod access;
mod alu;
mod collective;
mod control;
mod copy;
mod phases;
mod product;
mod tiles;

use crate::cluster::Cluster;
use crate::fault::FaultKind;
use crate::memory::{Global, Shared};
use crate::order::Order;
use crate::program::{FLIP, Inst, Program};
use crate::schedule::Random;
use crate::warp::{Wait, Warp};

/// What went wrong, and in which lane first.
pub(crate) type Trouble = Box<(FaultKind, u32)>;

/// At lane `lane`.
#[cold]
pub(crate) fn trouble(kind: FaultKind, lane: u32) -> Trouble {
    Box::new((kind, lane))
}

/// What a warp needs around it.
pub(crate) struct Context<'a> {
    pub(crate) program: &'a Program,
    pub(crate) params: &'a [u8],
    pub(crate) global: &'a mut Global,
    /// Blocks that run together, and which of them this is.
    pub(crate) cluster: &'a mut Cluster,
    pub(crate) block: usize,
    pub(crate) threads: u32,
    pub(crate) counts: &'a mut Counts,
    pub(crate) random: Option<&'a mut Random>,
    /// Warps that a barrier let go.
    pub(crate) woken: Vec<u16>,
    /// Warps that should look again at what they wait for.
    pub(crate) roused: Vec<u16>,
    /// Something was started: others have their turn.
    pub(crate) pause: bool,
}

/// Of the window of addresses that shared memory of a cluster has, the bits of the block.
const RANK_SHIFT: u32 = 24;
/// What `cvta.param` adds to an address.
const PARAM_WINDOW: u64 = 0x7e00 << 32;

impl Context<'_> {
    /// Memory of the warp's own block, and the order of accesses.
    fn shared(&mut self) -> (&mut Shared, &mut Order) {
        (&mut self.cluster.blocks[self.block].shared, &mut self.cluster.order)
    }

    /// The block that an address of a cluster's window lies in, and the address there. Without
    /// bits of a block it is the own one.
    fn resolve(&self, address: u64) -> Result<(usize, u64), FaultKind> {
        let (rank, at) = (address >> RANK_SHIFT, address & ((1 << RANK_SHIFT) - 1));
        let blocks = self.cluster.blocks.len();
        match rank {
            0 => Ok((self.block, at)),
            rank if rank <= blocks as u64 => {
                let block = rank as usize - 1;
                match self.cluster.blocks[block].running {
                    0 => Err(FaultKind::Operand(format!(
                        "block {block} of the cluster, which address {address:#x} is in, has exited"
                    ))),
                    _ => Ok((block, at)),
                }
            }
            _ => Err(FaultKind::OutOfBounds {
                space: "shared::cluster",
                address,
                bytes: 1,
                near: format!("the cluster has {blocks} blocks"),
            }),
        }
    }
}

/// What is counted while running.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Warp executions of each instruction, and lanes of them.
    pub(crate) warps: Vec<u64>,
    pub(crate) lanes: u64,
    pub(crate) counters: crate::counters::Counters,
}

/// How the lanes of an instruction go on.
enum Flow {
    Next,
    /// Lanes in the mask go to the instruction, the others to the next one.
    Branch(u32, u32),
    Exit(u32),
    /// The same instruction again, when these other lanes have come.
    Converge(u32),
    /// The next one, when others have come to the barrier.
    Barrier,
    /// The same again, when something has happened.
    Event,
}

/// Runs a warp for a while. On trouble tells the instruction as well.
pub(crate) fn run(
    warp: &mut Warp,
    context: &mut Context,
    quantum: u32,
) -> Result<(), (u32, Trouble)> {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma")]
        fn avx512(w: &mut Warp, c: &mut Context, q: u32) -> Result<(), (u32, Trouble)> {
            body(w, c, q)
        }
        #[target_feature(enable = "avx2,fma")]
        fn avx2(w: &mut Warp, c: &mut Context, q: u32) -> Result<(), (u32, Trouble)> {
            body(w, c, q)
        }
        let fma = std::arch::is_x86_feature_detected!("fma");
        if fma
            && std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512bw")
            && std::arch::is_x86_feature_detected!("avx512vl")
            && std::arch::is_x86_feature_detected!("avx512dq")
        {
            // SAFETY: every feature it enables was detected; avx512f implies avx2.
            return unsafe { avx512(warp, context, quantum) };
        }
        if fma && std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: every feature it enables was detected.
            return unsafe { avx2(warp, context, quantum) };
        }
    }
    body(warp, context, quantum)
}

/// Chooses which of the diverged lanes go on; `None` if none can.
#[inline(always)]
fn choose(warp: &Warp, random: &mut Option<&mut Random>) -> Option<usize> {
    if let [only] = warp.groups[..] {
        return (only.wait == Wait::No).then_some(0);
    }
    let ready = || (0..warp.groups.len()).filter(|&i| warp.groups[i].wait == Wait::No);
    match random {
        None => ready().min_by_key(|&i| warp.groups[i].pc),
        Some(random) => match ready().count() {
            0 => None,
            n => ready().nth(random.below(n)),
        },
    }
}

#[inline(always)]
fn body(warp: &mut Warp, context: &mut Context, quantum: u32) -> Result<(), (u32, Trouble)> {
    let mut left = quantum;
    while left > 0 {
        let Some(g) = choose(warp, &mut context.random) else {
            // Lanes that wait for lanes which cannot come; those that wait for an event may.
            if warp.groups.iter().any(|g| g.wait == Wait::Event) {
                return Ok(());
            }
            let stuck = warp.groups.iter().find_map(|g| match g.wait {
                Wait::Lanes(missing) => Some((g, missing)),
                _ => None,
            });
            return match stuck {
                Some((g, missing)) => {
                    let kind = FaultKind::MissingLanes { lanes: missing };
                    Err((g.pc, trouble(kind, missing.trailing_zeros() % 32)))
                }
                None => Ok(()),
            };
        };
        let alone = warp.groups.len() == 1;
        let mut pc = warp.groups[g].pc;
        let mask = warp.groups[g].mask;
        // Until the lanes part, stop, or meet others.
        loop {
            let program = context.program;
            let inst = &program.insts[pc as usize];
            context.counts.warps[pc as usize] += 1;
            context.counts.lanes += u64::from(mask.count_ones());
            left -= 1;
            let on = match guard(warp, inst, mask) {
                Ok(on) => on,
                Err(trouble) => return Err((pc, undefined(context, trouble))),
            };
            if inst.aligned && on != warp.lanes {
                let missing = warp.lanes & !on;
                // Lanes that are here and switched off will not come, nor those that are gone.
                if missing & (mask | warp.exited) != 0 {
                    let kind = FaultKind::MissingLanes { lanes: missing };
                    return Err((pc, trouble(kind, missing.trailing_zeros())));
                }
                warp.groups[g] = crate::warp::Group { pc, mask, wait: Wait::Lanes(missing) };
                break;
            }
            let flow = match step(warp, context, inst, pc, on, mask) {
                Ok(flow) => flow,
                Err(trouble) => return Err((pc, undefined(context, trouble))),
            };
            match flow {
                Flow::Next => {
                    pc += 1;
                    if context.pause {
                        left = 0;
                    }
                    if left == 0 || !alone {
                        warp.groups[g].pc = pc;
                        warp.merge();
                        break;
                    }
                }
                Flow::Branch(target, taken) => {
                    let stay = mask & !taken;
                    if stay == 0 || taken == 0 {
                        pc = if taken != 0 { target } else { pc + 1 };
                        if left > 0 && alone {
                            continue;
                        }
                        warp.groups[g].pc = pc;
                    } else {
                        warp.groups[g] =
                            crate::warp::Group { pc: pc + 1, mask: stay, wait: Wait::No };
                        warp.groups.push(crate::warp::Group {
                            pc: target,
                            mask: taken,
                            wait: Wait::No,
                        });
                    }
                    warp.merge();
                    break;
                }
                Flow::Exit(leaving) => {
                    warp.exited |= leaving;
                    warp.groups[g].pc = pc + 1;
                    warp.groups[g].mask = mask & !leaving;
                    if mask == leaving {
                        warp.groups.swap_remove(g);
                    }
                    warp.merge();
                    break;
                }
                Flow::Converge(missing) => {
                    warp.groups[g] = crate::warp::Group { pc, mask, wait: Wait::Lanes(missing) };
                    break;
                }
                Flow::Event => {
                    warp.groups[g] = crate::warp::Group { pc, mask, wait: Wait::Event };
                    if alone {
                        return Ok(());
                    }
                    break;
                }
                Flow::Barrier => {
                    let wait = Wait::Barrier;
                    warp.groups[g] = crate::warp::Group { pc: pc + 1, mask, wait };
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// The lanes an instruction is for.
#[inline(always)]
fn guard(warp: &Warp, inst: &Inst, mask: u32) -> Result<u32, Trouble> {
    if inst.guard == 0 {
        return Ok(mask);
    }
    let slot = usize::from(inst.guard & !FLIP);
    let missing = mask & !warp.dp[slot];
    if missing != 0 {
        return Err(alu::undefined_slot(alu::File::Pred, slot as u16, missing));
    }
    let value = if inst.guard & FLIP != 0 { !warp.p[slot] } else { warp.p[slot] };
    Ok(mask & value)
}

/// Names the register of an undefined read.
#[cold]
fn undefined(context: &Context, mut trouble: Trouble) -> Trouble {
    if let FaultKind::UndefinedRegister { register, .. } = &mut trouble.0 {
        let program = context.program;
        let mut parts = register.splitn(2, ' ');
        let (file, slot) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let names = match file {
            "w" => &program.word_names,
            "l" => &program.long_names,
            _ => &program.pred_names,
        };
        let name = slot.parse().ok().and_then(|slot: usize| names.get(slot));
        *register = name.cloned().unwrap_or_default();
    }
    trouble
}

/// Executes one instruction for the lanes of `on`.
#[inline(always)]
fn step(
    warp: &mut Warp,
    context: &mut Context,
    inst: &Inst,
    pc: u32,
    on: u32,
    mask: u32,
) -> Result<Flow, Trouble> {
    if alu::step(warp, inst, on)? {
        return Ok(Flow::Next);
    }
    other(warp, context, inst, pc, on, mask)
}

/// What is more than arithmetic.
fn other(
    warp: &mut Warp,
    context: &mut Context,
    inst: &Inst,
    pc: u32,
    on: u32,
    mask: u32,
) -> Result<Flow, Trouble> {
    use crate::op::Op::*;
    match inst.op {
        LdParam => access::load_param(warp, context, inst, on)?,
        LdGlobal => access::load_global(warp, context, inst, on)?,
        StGlobal => access::store_global(warp, context, inst, on)?,
        LdShared => access::load_shared(warp, context, inst, pc, on)?,
        StShared => access::store_shared(warp, context, inst, pc, on)?,
        PackW | UnpackW | PackL | UnpackL | PackLH | UnpackLH => {
            access::vector_move(warp, context, inst, on)?;
        }
        AtomGlobal | RedGlobal | AtomShared | RedShared => {
            access::atomic(warp, context, inst, pc, on)?;
        }
        Shfl | VoteAll | VoteAny | VoteUni | Ballot | Redux | Elect | MatchAny => {
            return collective::step(warp, inst, on, mask);
        }
        WarpBarrier => {
            let flow = collective::step(warp, inst, on, mask)?;
            if matches!(flow, Flow::Next) {
                context.cluster.order.lanes_meet(warp.agent);
            }
            return Ok(flow);
        }
        LdCluster => access::load_cluster(warp, context, inst, pc, on)?,
        StCluster => access::store_cluster(warp, context, inst, pc, on)?,
        PhaseInit | PhaseInval | PhaseArrive | PhaseArriveExpect | PhaseExpect | PhaseTry
        | PhaseTest | FenceInit | FenceAsync | Mapa | ClusterArrive | ClusterArriveRelaxed
        | ClusterWait => return phases::step(warp, context, inst, pc, on),
        CopyLoad | CopyStore | CopyReduce | CopyPrefetch | PrefetchMap | CopyCommit | CopyWait
        | CvtaParam => return copy::step(warp, context, inst, pc, on),
        Product | ProductFence | ProductCommit | ProductWait | SetRegisters => {
            return product::step(warp, context, inst, pc, on);
        }
        StMatrix | LdMatrix => tiles::step(warp, context, inst, pc, on)?,
        _ => return control::step(warp, context, inst, on, mask),
    }
    Ok(Flow::Next)
}
