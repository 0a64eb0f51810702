//! mbarriers: barriers in shared memory that count arrivals and bytes, phase by phase.

use std::collections::BTreeMap;

use crate::fault::FaultKind;
use crate::order::{Order, Stamp};

/// The largest count of arrivals.
const MOST_ARRIVALS: u32 = (1 << 20) - 1;
/// Bytes that may be owed, or paid ahead.
const MOST_BYTES: i64 = (1 << 20) - 1;

/// One mbarrier.
#[derive(Debug)]
struct Barrier {
    /// Arrivals of a phase, and those that are still missing.
    count: u32,
    pending: u32,
    /// Bytes that are expected and have not come.
    bytes: i64,
    /// The phase that is not complete.
    phase: u64,
    /// What its arrivals tell, and those of the last complete one.
    gathering: Stamp,
    complete: Stamp,
    /// Whether asynchronous operations, and other blocks, see that it has been initialised.
    fenced: bool,
    /// Whether all of the cluster have met since.
    published: bool,
    /// Who made it, and when.
    made: (u16, u32),
    waiting: Vec<u16>,
    /// Of each lane of a warp, how many phases were complete when it saw one complete last.
    seen: BTreeMap<u16, [Option<u64>; 32]>,
}

/// The mbarriers of a block, by their addresses.
#[derive(Debug, Default)]
pub(crate) struct Phases(BTreeMap<u64, Barrier>);

fn refuse<T>(what: String) -> Result<T, FaultKind> {
    Err(FaultKind::Barrier(what))
}

impl Phases {
    pub(crate) fn make(
        &mut self,
        address: u64,
        count: u32,
        warp: u16,
        order: &Order,
    ) -> Result<(), FaultKind> {
        if count == 0 || count > MOST_ARRIVALS {
            return refuse(format!("a count of {count}; 1 to {MOST_ARRIVALS} are allowed"));
        }
        let barrier = Barrier {
            count,
            pending: count,
            bytes: 0,
            phase: 0,
            gathering: Stamp::default(),
            complete: Stamp::default(),
            fenced: false,
            published: false,
            made: (warp, order.by(warp, 0).time),
            waiting: Vec::new(),
            seen: BTreeMap::new(),
        };
        match self.0.insert(address, barrier) {
            None => Ok(()),
            Some(_) => refuse(format!("an mbarrier is at {address:#x} already")),
        }
    }

    pub(crate) fn remove(&mut self, address: u64) -> Result<(), FaultKind> {
        match self.0.remove(&address) {
            Some(_) => Ok(()),
            None => refuse(format!("no mbarrier is at {address:#x}")),
        }
    }

    /// A fence behind the making of barriers, by a warp of the block.
    pub(crate) fn fence(&mut self, warp: u16, order: &Order) {
        for barrier in self.0.values_mut() {
            let (agent, time) = barrier.made;
            barrier.fenced |= order.by(warp, 0).knows(agent, time);
        }
    }

    /// All warps of the cluster have met: they know of barriers behind whose making a fence stands.
    pub(crate) fn publish(&mut self) {
        self.0.values_mut().for_each(|barrier| barrier.published |= barrier.fenced);
    }

    fn find(&mut self, address: u64) -> Result<&mut Barrier, FaultKind> {
        match self.0.get_mut(&address) {
            Some(barrier) => Ok(barrier),
            None => refuse(format!("no mbarrier is at {address:#x}")),
        }
    }

    /// The barrier that a warp uses, which has to know that it has been made.
    fn known(
        &mut self,
        address: u64,
        warp: u16,
        elsewhere: bool,
        order: &Order,
    ) -> Result<&mut Barrier, FaultKind> {
        let barrier = self.find(address)?;
        let (agent, time) = barrier.made;
        if !barrier.published && !order.by(warp, 0).knows(agent, time) {
            return refuse(format!(
                "nothing orders the use of the mbarrier at {address:#x} with its mbarrier.init"
            ));
        }
        if elsewhere && !barrier.fenced {
            return refuse(format!(
                "the mbarrier at {address:#x} is used from outside, and no fence stands behind its mbarrier.init"
            ));
        }
        Ok(barrier)
    }

    /// Whether asynchronous operations of a warp may signal the barrier.
    pub(crate) fn check(
        &mut self,
        address: u64,
        warp: u16,
        order: &Order,
    ) -> Result<(), FaultKind> {
        self.known(address, warp, true, order).map(drop)
    }

    /// `count` arrivals of a warp, and `bytes` more to be waited for. Warps that may go on are
    /// added to `woken`.
    pub(crate) fn arrive(
        &mut self,
        address: u64,
        (count, bytes): (u32, i64),
        (warp, elsewhere): (u16, bool),
        order: &mut Order,
        woken: &mut Vec<u16>,
    ) -> Result<(), FaultKind> {
        let barrier = self.known(address, warp, elsewhere, order)?;
        barrier.owe(address, bytes)?;
        if count > barrier.pending {
            let (pending, phase) = (barrier.pending, barrier.phase);
            return refuse(format!(
                "{count} arrivals at the mbarrier at {address:#x}, which lacks {pending} in phase {phase}"
            ));
        }
        barrier.pending -= count;
        if count > 0 {
            order.release(warp, &mut barrier.gathering);
        }
        barrier.settle(woken);
        Ok(())
    }

    /// An operation has brought bytes.
    pub(crate) fn pay(
        &mut self,
        address: u64,
        bytes: i64,
        told: &Stamp,
        woken: &mut Vec<u16>,
    ) -> Result<(), FaultKind> {
        let barrier = self.find(address)?;
        barrier.gathering.join(told);
        barrier.owe(address, -bytes)?;
        barrier.settle(woken);
        Ok(())
    }

    /// Whether the phase before the present one has this parity; if not the lanes may wait.
    pub(crate) fn wait(
        &mut self,
        address: u64,
        parity: u32,
        (warp, lanes): (u16, u32),
        order: &mut Order,
    ) -> Result<bool, FaultKind> {
        if parity > 1 {
            return refuse(format!("a parity of {parity}; 0 and 1 are allowed"));
        }
        let barrier = self.known(address, warp, false, order)?;
        let phase = barrier.phase;
        // Phases are counted from 0; that before the first counts as complete.
        let seen = barrier.seen.entry(warp).or_default();
        let lanes = || (0..32).filter(|lane| lanes >> lane & 1 == 1);
        if let Some(last) = lanes().filter_map(|lane| seen[lane]).find(|last| phase > last + 1) {
            return refuse(format!(
                "warp {warp} saw phase {} of the mbarrier at {address:#x} end, not the next one, \
                 and that is phase {phase}: a parity cannot tell them apart",
                last as i64 - 1
            ));
        }
        if phase & 1 == u64::from(parity) {
            return Ok(false);
        }
        if lanes().any(|lane| seen[lane] == Some(phase)) {
            return refuse(format!(
                "warp {warp} waits again for phase {} of the mbarrier at {address:#x}, which it has \
                 seen complete",
                phase as i64 - 1
            ));
        }
        lanes().for_each(|lane| seen[lane] = Some(phase));
        let complete = std::mem::take(&mut barrier.complete);
        order.acquire(warp, &complete);
        self.find(address)?.complete = complete;
        Ok(true)
    }

    /// The warp goes on when the present phase is complete.
    pub(crate) fn await_phase(&mut self, address: u64, warp: u16) {
        if let Some(barrier) = self.0.get_mut(&address) {
            barrier.waiting.push(warp);
        }
    }

    /// What the barriers lack that a warp waits for.
    pub(crate) fn describe(&self, warp: u16) -> Option<String> {
        let (address, b) = self.0.iter().find(|(_, b)| b.waiting.contains(&warp))?;
        let Barrier { count, pending, bytes, phase, .. } = b;
        Some(format!(
            "the mbarrier at {address:#x} lacks {pending} of {count} arrivals and {bytes} bytes in \
             phase {phase}"
        ))
    }

    /// Bytes that somebody expects, or that have come unexpected, at the block's end.
    pub(crate) fn unfinished(&self) -> Option<String> {
        let (address, b) = self.0.iter().find(|(_, b)| b.bytes != 0)?;
        Some(format!("the mbarrier at {address:#x} lacks {} bytes in phase {}", b.bytes, b.phase))
    }
}

impl Barrier {
    fn owe(&mut self, address: u64, bytes: i64) -> Result<(), FaultKind> {
        self.bytes += bytes;
        match self.bytes.abs() <= MOST_BYTES {
            true => Ok(()),
            false => refuse(format!(
                "{} bytes are owed to the mbarrier at {address:#x}; {MOST_BYTES} are allowed",
                self.bytes
            )),
        }
    }

    /// Goes to the next phase if this one is complete.
    fn settle(&mut self, woken: &mut Vec<u16>) {
        if self.pending == 0 && self.bytes == 0 {
            self.pending = self.count;
            self.phase += 1;
            // Who sees a phase end knows that all before it have.
            self.complete.join(&std::mem::take(&mut self.gathering));
            woken.append(&mut self.waiting);
        }
    }
}
