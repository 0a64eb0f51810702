//! Named barriers of a block.

use crate::fault::FaultKind;
use crate::order::{Order, Stamp};

/// One barrier while warps come to it.
#[derive(Debug, Default)]
struct Barrier {
    /// Threads that complete it; 0 while nobody is there.
    need: u32,
    arrived: u32,
    waiting: Vec<u16>,
    stamp: Stamp,
}

#[derive(Debug, Default)]
pub(crate) struct Barriers([Barrier; 16]);

impl Barriers {
    /// A whole warp arrives, and waits or not. Returns the warps that go on if that completes
    /// the barrier.
    pub(crate) fn arrive(
        &mut self,
        id: u32,
        need: u32,
        warp: u16,
        waits: bool,
        order: &mut Order,
    ) -> Result<Option<Vec<u16>>, FaultKind> {
        let refuse = |what: String| Err(FaultKind::Barrier(what));
        let Some(barrier) = self.0.get_mut(id as usize) else {
            return refuse(format!("there is no barrier {id}; 0 to 15 are allowed"));
        };
        if need == 0 || !need.is_multiple_of(32) {
            return refuse(format!("barrier {id} for {need} threads; multiples of 32 are allowed"));
        }
        if barrier.need != 0 && barrier.need != need {
            let before = barrier.need;
            return refuse(format!("barrier {id} is for {before} threads, and here for {need}"));
        }
        if barrier.waiting.contains(&warp) {
            return refuse(format!("warp {warp} is at barrier {id} already"));
        }
        barrier.need = need;
        barrier.arrived += 32;
        order.release(warp, &mut barrier.stamp);
        if waits {
            barrier.waiting.push(warp);
        }
        if barrier.arrived < need {
            return Ok(None);
        }
        let done = std::mem::take(barrier);
        for warp in &done.waiting {
            order.acquire(*warp, &done.stamp);
            order.lanes_meet(*warp);
        }
        Ok(Some(done.waiting))
    }

    /// What is missing at a barrier a warp waits at.
    pub(crate) fn describe(&self, warp: u16) -> String {
        let found = self.0.iter().enumerate().find(|(_, b)| b.waiting.contains(&warp));
        found.map_or_else(String::new, |(id, b)| {
            format!("barrier {id} has {} of {} threads", b.arrived, b.need)
        })
    }

    /// Whether threads have arrived somewhere and nobody completed it.
    pub(crate) fn unfinished(&self) -> Option<String> {
        let found = self.0.iter().enumerate().find(|(_, b)| b.arrived > 0);
        found.map(|(id, b)| {
            format!("barrier {id} has {} of {} threads at the end", b.arrived, b.need)
        })
    }
}
