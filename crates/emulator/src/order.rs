//! Happens-before over the warps of a cluster and over what they have started: which accesses
//! nothing orders, whatever order they happened to run in.
//!
//! Agents are warps, and asynchronous operations, each from its start to its end. What an agent
//! knows is a vector clock ([`Times`]); barriers carry it from agent to agent. Asynchronous
//! operations look at memory by another way (the async proxy), which sees a write of a thread only
//! behind a `fence.proxy.async`: so a [`Stamp`] also says of which writes that is true.

/// A moment of each agent, up to which it is known; 0: not at all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Times(Vec<u32>);

impl Times {
    #[inline(always)]
    pub(crate) fn of(&self, agent: u16) -> u32 {
        self.0.get(usize::from(agent)).copied().unwrap_or(0)
    }

    fn set(&mut self, agent: u16, time: u32) {
        let agent = usize::from(agent);
        if self.0.len() <= agent {
            self.0.resize(agent + 1, 0);
        }
        self.0[agent] = time;
    }

    /// Keeps what both know.
    fn meet(&mut self, other: &Self) {
        for (agent, into) in (0..).zip(&mut self.0) {
            *into = (*into).min(other.of(agent));
        }
    }

    fn join(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (into, from) in self.0.iter_mut().zip(&other.0) {
            *into = (*into).max(*from);
        }
    }
}

/// What is known, and of which writes asynchronous operations may know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stamp {
    seen: Times,
    fenced: Times,
}

impl Stamp {
    /// Adds what another one knows.
    pub(crate) fn join(&mut self, other: &Self) {
        self.seen.join(&other.seen);
        self.fenced.join(&other.fenced);
    }
}

/// Who accesses memory, and with which instruction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct By<'a> {
    pub(crate) agent: u16,
    pub(crate) time: u32,
    pub(crate) site: u32,
    pub(crate) asynchronous: bool,
    stamp: &'a Stamp,
}

impl By<'_> {
    /// Whether a moment is in the accessor's past.
    #[inline(always)]
    pub(crate) fn knows(&self, agent: u16, time: u32) -> bool {
        time == 0 || agent == self.agent || time <= self.stamp.seen.of(agent)
    }

    /// Whether a thread's write is to be seen from here.
    #[inline(always)]
    pub(crate) fn sees(&self, agent: u16, time: u32) -> bool {
        !self.asynchronous || time <= self.stamp.fenced.of(agent)
    }
}

/// An asynchronous operation: an agent for as long as it lasts.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) agent: u16,
    pub(crate) time: u32,
    /// What all who started it know, and what any of them does.
    stamp: Stamp,
    told: Stamp,
}

impl Operation {
    /// Who accesses for it.
    pub(crate) fn by(&self, site: u32) -> By<'_> {
        let Self { agent, time, ref stamp, .. } = *self;
        By { agent, time, site, asynchronous: true, stamp }
    }

    /// Its end is known to who hears of this.
    pub(crate) fn release(&self, into: &mut Stamp) {
        into.join(&self.told);
        if into.seen.of(self.agent) < self.time {
            into.seen.set(self.agent, self.time);
        }
    }
}

/// All agents of a cluster.
#[derive(Debug)]
pub(crate) struct Order {
    warps: Vec<Stamp>,
    /// Warps of a block.
    each: usize,
    /// When each place for asynchronous operations was last taken.
    places: Vec<u32>,
    /// Lanes of each warp that have written since all of its writes were in order.
    wrote: Vec<u32>,
}

impl Order {
    /// So many blocks of so many warps.
    pub(crate) fn new(blocks: usize, each: usize) -> Self {
        let mut warps = vec![Stamp::default(); blocks * each];
        for (warp, stamp) in (0..).zip(&mut warps) {
            stamp.seen.set(warp, 1);
        }
        Self { warps, each, places: Vec::new(), wrote: vec![0; blocks * each] }
    }

    /// Who accesses for a warp.
    #[inline(always)]
    pub(crate) fn by(&self, warp: u16, site: u32) -> By<'_> {
        let stamp = &self.warps[usize::from(warp)];
        By { agent: warp, time: stamp.seen.of(warp), site, asynchronous: false, stamp }
    }

    /// Notes which lanes write.
    #[inline(always)]
    pub(crate) fn writes(&mut self, warp: u16, lanes: u32) {
        self.wrote[usize::from(warp)] |= lanes;
    }

    /// The lanes of a warp hear of each other.
    pub(crate) fn lanes_meet(&mut self, warp: u16) {
        self.wrote[usize::from(warp)] = 0;
    }

    /// What the warp does from here on is not covered by what it has told.
    fn go_on(&mut self, warp: u16) {
        let seen = &mut self.warps[usize::from(warp)].seen;
        seen.set(warp, seen.of(warp) + 1);
    }

    /// The warp tells what it has done so far.
    pub(crate) fn release(&mut self, warp: u16, into: &mut Stamp) {
        into.join(&self.warps[usize::from(warp)]);
        self.go_on(warp);
    }

    /// The warp hears of what was released.
    pub(crate) fn acquire(&mut self, warp: u16, from: &Stamp) {
        self.warps[usize::from(warp)].join(from);
    }

    /// The warp hears of the end of an operation.
    pub(crate) fn ends(&mut self, warp: u16, operation: &Operation) {
        operation.release(&mut self.warps[usize::from(warp)]);
    }

    /// Whether any warp of a block has heard of the end of an operation.
    pub(crate) fn is_known(&self, block: usize, agent: u16, time: u32) -> bool {
        let warps = &self.warps[block * self.each..][..self.each];
        warps.iter().any(|stamp| stamp.seen.of(agent) >= time)
    }

    /// `fence.proxy.async` by these lanes: asynchronous operations behind it see what threads of
    /// the block have written before it. Lanes that wrote, and neither fence nor have met the ones
    /// that do, are not covered.
    pub(crate) fn fence_async(&mut self, warp: u16, lanes: u32) {
        let wrote = &mut self.wrote[usize::from(warp)];
        *wrote &= !lanes;
        let own = *wrote == 0;
        let first = (usize::from(warp) / self.each * self.each) as u16;
        let stamp = &mut self.warps[usize::from(warp)];
        for other in first..first + self.each as u16 {
            if own || other != warp {
                let time = stamp.seen.of(other).max(stamp.fenced.of(other));
                stamp.fenced.set(other, time);
            }
        }
        self.go_on(warp);
    }

    /// An operation that these warps start together. Each may have its part done while others are
    /// not there yet: so what not all of them know is in no order with it.
    pub(crate) fn start(&mut self, by: &[u16]) -> Operation {
        let (mut stamp, mut told) = (Stamp::default(), Stamp::default());
        for (i, warp) in by.iter().enumerate() {
            let own = &self.warps[usize::from(*warp)];
            if i == 0 {
                stamp = own.clone();
            }
            stamp.seen.meet(&own.seen);
            stamp.fenced.meet(&own.fenced);
            self.release(*warp, &mut told);
        }
        // A place whose last operation is over for who starts this one: knowing it is knowing that.
        let first = self.warps.len() as u16;
        let over =
            (first..).zip(&self.places).find(|(agent, time)| stamp.seen.of(*agent) >= **time);
        let agent = over.map(|(agent, _)| agent).unwrap_or_else(|| {
            self.places.push(0);
            first + self.places.len() as u16 - 1
        });
        let time = &mut self.places[usize::from(agent - first)];
        *time += 1;
        Operation { agent, time: *time, stamp, told }
    }
}
