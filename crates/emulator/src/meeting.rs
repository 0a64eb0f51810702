//! The barrier of all warps of a cluster.

use crate::fault::FaultKind;
use crate::order::{Order, Stamp};

/// `barrier.cluster`: warps arrive, and later wait.
#[derive(Debug, Default)]
pub(crate) struct Meeting {
    /// How often each warp has arrived, and how often it has waited.
    arrivals: Vec<u64>,
    waits: Vec<u64>,
    exited: Vec<bool>,
    /// How often all have met.
    met: u64,
    gathering: Stamp,
    complete: Stamp,
    waiting: Vec<u16>,
}

impl Meeting {
    pub(crate) fn of(warps: usize) -> Self {
        Self {
            arrivals: vec![0; warps],
            waits: vec![0; warps],
            exited: vec![false; warps],
            ..Self::default()
        }
    }

    /// Returns whether all have met.
    pub(crate) fn arrive(
        &mut self,
        warp: u16,
        releases: bool,
        order: &mut Order,
        roused: &mut Vec<u16>,
    ) -> Result<bool, FaultKind> {
        let at = usize::from(warp);
        if self.arrivals[at] > self.waits[at] {
            let what =
                format!("warp {warp} arrives at the cluster's barrier again before it waits");
            return Err(FaultKind::Barrier(what));
        }
        self.arrivals[at] += 1;
        if releases {
            order.release(warp, &mut self.gathering);
        }
        Ok(self.settle(roused))
    }

    /// A warp that has exited is not waited for.
    pub(crate) fn leave(&mut self, warp: u16, roused: &mut Vec<u16>) -> bool {
        self.exited[usize::from(warp)] = true;
        self.settle(roused)
    }

    fn settle(&mut self, roused: &mut Vec<u16>) -> bool {
        let all = self.arrivals.iter().zip(&self.exited).all(|(n, gone)| *gone || *n > self.met);
        let any = self.arrivals.iter().any(|n| *n > self.met);
        if all && any {
            self.met += 1;
            self.complete.join(&std::mem::take(&mut self.gathering));
            roused.append(&mut self.waiting);
        }
        all && any
    }

    /// Whether all have met since the warp arrived; if not it is roused then.
    pub(crate) fn wait(&mut self, warp: u16, order: &mut Order) -> Result<bool, FaultKind> {
        let at = usize::from(warp);
        if self.arrivals[at] == self.waits[at] {
            let what = format!("warp {warp} waits at the cluster's barrier and has not arrived");
            return Err(FaultKind::Barrier(what));
        }
        if self.met < self.arrivals[at] {
            self.waiting.push(warp);
            return Ok(false);
        }
        self.waits[at] += 1;
        order.acquire(warp, &self.complete);
        order.lanes_meet(warp);
        Ok(true)
    }

    /// What is missing where a warp waits.
    pub(crate) fn describe(&self, warp: u16) -> Option<String> {
        let missing = self.arrivals.iter().zip(&self.exited);
        let missing = missing.filter(|(n, gone)| !**gone && **n <= self.met).count();
        let text = || format!("the cluster's barrier lacks {missing} warps");
        self.waiting.contains(&warp).then(text)
    }
}
