//! One block: its warps take turns until all have exited.

use crate::barrier::Barriers;
use crate::exec::{Context, Counts, run};
use crate::fault::{Fault, FaultKind};
use crate::memory::{Global, Shared};
use crate::program::Program;
use crate::schedule::Random;
use crate::text::Location;
use crate::warp::{Place, Wait, Warp};

/// Instructions a warp executes before the next one has its turn, in order.
const QUANTUM: u32 = 1 << 12;

/// What blocks of a launch share.
pub(crate) struct Launching<'a> {
    pub(crate) program: &'a Program,
    pub(crate) params: &'a [u8],
    pub(crate) global: &'a mut Global,
    pub(crate) shared_bytes: usize,
    pub(crate) counts: &'a mut Counts,
    pub(crate) random: Option<Random>,
    /// Warp instructions of a block.
    pub(crate) limit: u64,
    /// Register files, used again by each block.
    pub(crate) warps: Vec<Warp>,
}

impl Launching<'_> {
    /// Runs one block to its end.
    pub(crate) fn block(&mut self, place: &Place) -> Result<(), Box<Fault>> {
        let n = place.threads().div_ceil(32) as usize;
        self.warps.resize_with(n, Warp::default);
        for (i, warp) in self.warps.iter_mut().enumerate() {
            warp.start(self.program, place, i as u16);
        }
        let mut shared = Shared::new(self.shared_bytes, n);
        let mut barriers = Barriers::default();
        let mut context = Context {
            program: self.program,
            params: self.params,
            global: self.global,
            shared: &mut shared,
            barriers: &mut barriers,
            threads: place.threads(),
            counts: self.counts,
            random: self.random.as_mut(),
            woken: Vec::new(),
        };
        let mut turn = 0;
        let mut executed = 0;
        while let Some(next) = next_warp(&self.warps, turn, &mut context.random) {
            turn = next;
            let quantum = match &mut context.random {
                Some(random) => 1 + random.below(64) as u32,
                None => QUANTUM,
            };
            let warp = &mut self.warps[next];
            if let Err((pc, trouble)) = run(warp, &mut context, quantum) {
                return Err(fault(self.program, place, next, pc, *trouble));
            }
            executed += u64::from(quantum);
            if executed > self.limit {
                let pc = warp.groups.first().map_or(0, |g| g.pc);
                return Err(fault(self.program, place, next, pc, (FaultKind::Endless, 0)));
            }
            for woken in std::mem::take(&mut context.woken) {
                self.warps[usize::from(woken)].wake();
            }
        }
        if let Some(stuck) = self.warps.iter().position(|w| !w.done()) {
            let pc = self.warps[stuck].groups[0].pc.saturating_sub(1);
            let kind = FaultKind::Deadlock(describe(self.program, &self.warps, &barriers));
            return Err(fault(self.program, place, stuck, pc, (kind, 0)));
        }
        if let Some(what) = barriers.unfinished() {
            let end = self.program.insts.len() as u32 - 1;
            return Err(fault(self.program, place, 0, end, (FaultKind::Barrier(what), 0)));
        }
        Ok(())
    }
}

/// The next warp that can go on, from the one after `turn`, or at random.
fn next_warp(warps: &[Warp], turn: usize, random: &mut Option<&mut Random>) -> Option<usize> {
    // Lanes that wait for others of their warp are looked at once more: that reports them.
    let ready =
        |w: &Warp| w.runnable() || w.groups.iter().any(|g| matches!(g.wait, Wait::Lanes(_)));
    let n = warps.len();
    match random {
        None => (0..n).map(|i| (turn + 1 + i) % n).find(|&i| ready(&warps[i])),
        Some(random) => {
            let first = random.below(n);
            (0..n).map(|i| (first + i) % n).find(|&i| ready(&warps[i]))
        }
    }
}

/// Where each warp stands that has not exited.
fn describe(program: &Program, warps: &[Warp], barriers: &Barriers) -> String {
    let mut all = Vec::new();
    for warp in warps {
        match warp.groups.first() {
            None => all.push(format!("warp {} has exited", warp.index)),
            Some(group) => {
                let site = &program.sites[group.pc.saturating_sub(1) as usize];
                let what = barriers.describe(warp.index);
                all.push(format!("warp {} waits at {} ({what})", warp.index, site.at));
            }
        }
    }
    // Enough to see who is missing.
    all.dedup_by(|a, b| a.split_once(' ').map(|x| x.1) == b.split_once(' ').map(|x| x.1));
    all.truncate(8);
    all.join("; ")
}

#[cold]
fn fault(
    program: &Program,
    place: &Place,
    warp: usize,
    pc: u32,
    (mut kind, lane): (FaultKind, u32),
) -> Box<Fault> {
    let site = &program.sites[pc as usize];
    if let FaultKind::Race { other, .. } = &mut kind {
        let at = program.sites.get(other.line as usize).map(|s| s.at.clone());
        **other = at.unwrap_or_else(|| Location { file: "".into(), line: 0, column: 0 });
    }
    Box::new(Fault {
        kind,
        at: site.at.clone(),
        instruction: site.opcode.clone(),
        block: place.at,
        thread: place.thread(warp as u32 * 32 + lane % 32),
    })
}
