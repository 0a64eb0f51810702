//! The blocks of a cluster: their warps take turns until all have exited, and what they have
//! started is done in between.

use crate::barrier::Barriers;
use crate::copies::Copies;
use crate::exec::{Context, Counts, run};
use crate::fault::{Fault, FaultKind};
use crate::meeting::Meeting;
use crate::memory::{Global, Shared};
use crate::order::Order;
use crate::phase::Phases;
use crate::products::Products;
use crate::program::Program;
use crate::registers::Registers;
use crate::schedule::{Completion, Random};
use crate::text::Location;
use crate::warp::{Place, Wait, Warp};

/// Instructions a warp executes before the next one has its turn, in order.
const QUANTUM: u32 = 1 << 12;

/// What belongs to one block, beside its warps.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) shared: Shared,
    pub(crate) named: Barriers,
    pub(crate) phases: Phases,
    /// Warps that have not exited.
    pub(crate) running: usize,
}

/// What blocks that run together have in common.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) blocks: Vec<Block>,
    pub(crate) order: Order,
    pub(crate) meeting: Meeting,
    pub(crate) copies: Copies,
    pub(crate) products: Products,
    /// By block.
    pub(crate) registers: Vec<Registers>,
}

impl Cluster {
    fn new(program: &Program, blocks: usize, warps: usize, shared_bytes: usize) -> Self {
        let block = |_| Block {
            shared: Shared::new(shared_bytes),
            named: Barriers::default(),
            phases: Phases::default(),
            running: warps,
        };
        Self {
            blocks: (0..blocks).map(block).collect(),
            order: Order::new(blocks, warps),
            meeting: Meeting::of(blocks * warps),
            copies: Copies::default(),
            products: Products::of(blocks, warps),
            registers: (0..blocks).map(|_| Registers::of(program, warps)).collect(),
        }
    }
}

/// What clusters of a launch share.
pub(crate) struct Launching<'a> {
    pub(crate) program: &'a Program,
    pub(crate) params: &'a [u8],
    pub(crate) global: &'a mut Global,
    pub(crate) shared_bytes: usize,
    pub(crate) counts: &'a mut Counts,
    pub(crate) random: Option<Random>,
    /// When what was started is done.
    pub(crate) completion: Completion,
    /// Warp instructions of a block.
    pub(crate) limit: u64,
    /// Register files, used again by each cluster.
    pub(crate) warps: Vec<Warp>,
}

/// What went wrong, at which instruction, and in which lane of which warp of the cluster.
struct Trouble {
    kind: FaultKind,
    site: u32,
    warp: usize,
    lane: u32,
}

impl Launching<'_> {
    /// Runs the blocks of a cluster to their ends.
    pub(crate) fn cluster(&mut self, places: &[Place]) -> Result<(), Box<Fault>> {
        let each = places[0].threads().div_ceil(32) as usize;
        let result = self.run(places, each);
        result.map_err(|trouble| fault(self.program, places, each, trouble))
    }

    fn run(&mut self, places: &[Place], each: usize) -> Result<(), Trouble> {
        let n = each * places.len();
        self.warps.resize_with(n, Warp::default);
        for (i, warp) in self.warps.iter_mut().enumerate() {
            warp.start(self.program, &places[i / each], (i % each) as u16);
        }
        let cluster = &mut Cluster::new(self.program, places.len(), each, self.shared_bytes);
        let mut context = Context {
            program: self.program,
            params: self.params,
            global: self.global,
            cluster,
            block: 0,
            threads: places[0].threads(),
            counts: self.counts,
            random: self.random.as_mut(),
            woken: Vec::new(),
            roused: Vec::new(),
            pause: false,
        };
        let (mut turn, mut executed) = (0, 0);
        let limit = self.limit.saturating_mul(places.len() as u64);
        loop {
            match self.completion {
                Completion::Early => while advance(&mut context)? {},
                Completion::Late => {}
                Completion::Random => {
                    while context.random.as_mut().is_some_and(|random| random.below(2) == 0)
                        && advance(&mut context)?
                    {}
                }
            }
            rouse(&mut self.warps, &mut context);
            let Some(next) = next_warp(&self.warps, turn, &mut context.random) else {
                // Nobody can go on but by what is in flight.
                match advance(&mut context)? {
                    true => continue,
                    false => break,
                }
            };
            turn = next;
            let quantum = match &mut context.random {
                Some(random) => 1 + random.below(64) as u32,
                None => QUANTUM,
            };
            let warp = &mut self.warps[next];
            context.block = next / each;
            context.pause = false;
            let trouble = |site, kind, lane| Trouble { kind, site, warp: next, lane };
            if let Err((pc, found)) = run(warp, &mut context, quantum) {
                let (kind, lane) = *found;
                return Err(trouble(pc, kind, lane));
            }
            executed += u64::from(quantum);
            if executed > limit {
                let pc = warp.groups.first().map_or(0, |g| g.pc);
                return Err(trouble(pc, FaultKind::Endless, 0));
            }
            if warp.done() {
                exit(warp, &mut context)?;
            }
            for woken in std::mem::take(&mut context.woken) {
                self.warps[usize::from(woken)].wake();
            }
            rouse(&mut self.warps, &mut context);
        }
        end(self.program, &self.warps, context.cluster, each)
    }
}

/// What is left when nothing goes on.
fn end(program: &Program, warps: &[Warp], cluster: &Cluster, each: usize) -> Result<(), Trouble> {
    if let Some(stuck) = warps.iter().position(|w| !w.done()) {
        let group = warps[stuck].groups[0];
        let site = match group.wait {
            Wait::Event => group.pc,
            _ => group.pc.saturating_sub(1),
        };
        let kind = FaultKind::Deadlock(describe(program, warps, cluster, each));
        return Err(Trouble { kind, site, warp: stuck, lane: 0 });
    }
    let last = program.insts.len() as u32 - 1;
    for (i, block) in cluster.blocks.iter().enumerate() {
        if let Some(what) = block.named.unfinished().or_else(|| block.phases.unfinished()) {
            let kind = FaultKind::Barrier(what);
            return Err(Trouble { kind, site: last, warp: i * each, lane: 0 });
        }
    }
    match cluster.copies.lost(&cluster.order) {
        None => Ok(()),
        Some((kind, site, warp, lane)) => {
            Err(Trouble { kind, site, warp: warp.into(), lane: lane.into() })
        }
    }
}

/// Does a piece of what is in flight. Tells whether there was any.
fn advance(context: &mut Context) -> Result<bool, Trouble> {
    let Cluster { blocks, copies, products, .. } = &mut *context.cluster;
    let product = match (copies.idle(), products.idle()) {
        (true, true) => return Ok(false),
        (false, false) => context.random.as_mut().is_none_or(|random| random.below(2) == 0),
        (_, idle) => !idle,
    };
    if product {
        let done = products.advance(context.program, blocks, &mut context.roused);
        done.map_err(|(kind, site, warp)| Trouble { kind, site, warp: warp.into(), lane: 0 })?;
    } else {
        let traffic = &mut context.counts.counters.global;
        let random = context.random.as_deref_mut();
        copies.advance(random, blocks, context.global, traffic, &mut context.roused).map_err(
            |(kind, site, warp, lane)| Trouble { kind, site, warp: warp.into(), lane: lane.into() },
        )?;
    }
    Ok(true)
}

/// Warps look again at what they wait for.
fn rouse(warps: &mut [Warp], context: &mut Context) {
    for warp in context.roused.drain(..) {
        warps[usize::from(warp)].rouse();
    }
}

/// A warp leaves: nothing that it has started may be in flight.
fn exit(warp: &Warp, context: &mut Context) -> Result<(), Trouble> {
    let Cluster { blocks, meeting, copies, products, .. } = &mut *context.cluster;
    let at = usize::from(warp.agent);
    if let Some((kind, site)) = products.left_by(warp) {
        return Err(Trouble { kind, site, warp: at, lane: 0 });
    }
    if let Some((kind, site, _, lane)) = copies.left_by(warp.agent) {
        return Err(Trouble { kind, site, warp: at, lane: lane.into() });
    }
    blocks[context.block].running -= 1;
    if meeting.leave(warp.agent, &mut context.roused) {
        blocks.iter_mut().for_each(|block| block.phases.publish());
    }
    Ok(())
}

/// The next warp that can go on, from the one after `turn`, or at random.
fn next_warp(warps: &[Warp], turn: usize, random: &mut Option<&mut Random>) -> Option<usize> {
    // Lanes that wait for others of their warp are looked at once more: that reports them, unless
    // those may come when something happens.
    let ready = |w: &Warp| {
        let lanes = w.groups.iter().any(|g| matches!(g.wait, Wait::Lanes(_)));
        w.runnable() || lanes && !w.groups.iter().any(|g| g.wait == Wait::Event)
    };
    let n = warps.len();
    let first = match random {
        None => turn + 1,
        Some(random) => random.below(n),
    };
    (0..n).map(|i| (first + i) % n).find(|&i| ready(&warps[i]))
}

/// Where each warp stands that has not exited.
fn describe(program: &Program, warps: &[Warp], cluster: &Cluster, each: usize) -> String {
    let mut all = Vec::new();
    for (i, warp) in warps.iter().enumerate() {
        if warp.done() {
            all.push(format!("warp {i} has exited"));
            continue;
        }
        let block = &cluster.blocks[i / each];
        for group in &warp.groups {
            let (pc, what) = match group.wait {
                Wait::Event => {
                    let what = block.phases.describe(warp.agent);
                    let what = what.or_else(|| cluster.meeting.describe(warp.agent));
                    let what = what.or_else(|| cluster.products.describe(warp));
                    (group.pc, what.unwrap_or_default())
                }
                _ => (group.pc.saturating_sub(1), block.named.describe(warp.agent)),
            };
            all.push(format!("warp {i} waits at {} ({what})", program.sites[pc as usize].at));
        }
    }
    // Enough to see who is missing.
    all.dedup_by(|a, b| {
        a.split_once(' ').map(|x| x.1.to_string()) == b.split_once(' ').map(|x| x.1.to_string())
    });
    all.truncate(12);
    all.join("; ")
}

#[cold]
fn fault(program: &Program, places: &[Place], each: usize, trouble: Trouble) -> Box<Fault> {
    let Trouble { mut kind, site, warp, lane } = trouble;
    let site = &program.sites[site as usize];
    if let FaultKind::Race { other, .. } | FaultKind::Proxy { other, .. } = &mut kind {
        let at = program.sites.get(other.line as usize).map(|s| s.at.clone());
        **other = at.unwrap_or_else(|| Location { file: "".into(), line: 0, column: 0 });
    }
    let place = &places[warp / each];
    Box::new(Fault {
        kind,
        at: site.at.clone(),
        instruction: site.opcode.clone(),
        block: place.at,
        thread: place.thread((warp % each) as u32 * 32 + lane % 32),
    })
}
