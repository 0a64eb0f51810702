//! A warp: register files as structures of arrays, and the ways its lanes have taken.

use crate::program::{ALWAYS, Program, SPECIALS};

/// A value of each lane.
pub(crate) type Words = [u32; 32];
/// A long value of each lane.
pub(crate) type Longs = [u64; 32];

/// Why lanes stand still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    No,
    /// For these other lanes of the warp to come to the same instruction.
    Lanes(u32),
    Barrier,
    /// For something that the same instruction looks at again.
    Event,
}

/// Lanes at one instruction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    pub(crate) pc: u32,
    pub(crate) mask: u32,
    pub(crate) wait: Wait,
}

#[derive(Debug, Default)]
pub(crate) struct Warp {
    pub(crate) index: u16,
    /// The same, counted through the blocks of the cluster.
    pub(crate) agent: u16,
    /// Lanes that exist.
    pub(crate) lanes: u32,
    pub(crate) exited: u32,
    pub(crate) groups: Vec<Group>,
    pub(crate) w: Vec<Words>,
    pub(crate) l: Vec<Longs>,
    pub(crate) p: Vec<u32>,
    /// Lanes for which a slot has a value.
    pub(crate) dw: Vec<u32>,
    pub(crate) dl: Vec<u32>,
    pub(crate) dp: Vec<u32>,
    /// When each word was written, counted in `wgmma.fence`s, and the last of these: 0 is none.
    pub(crate) epochs: Vec<u32>,
    pub(crate) epoch: u32,
}

/// Sizes and place of the block a warp is in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) grid: [u32; 3],
    pub(crate) block: [u32; 3],
    pub(crate) at: [u32; 3],
    /// Blocks of a cluster, and the block's number in it.
    pub(crate) cluster: [u32; 3],
    pub(crate) rank: u32,
}

impl Place {
    pub(crate) fn threads(&self) -> u32 {
        self.block.iter().product()
    }

    /// A thread of the block in x, y, z.
    pub(crate) fn thread(&self, flat: u32) -> [u32; 3] {
        let [x, y, _] = self.block;
        [flat % x, flat / x % y, flat / x / y]
    }
}

impl Warp {
    /// At the first instruction of a program, nothing written but what the machine writes.
    pub(crate) fn start(&mut self, program: &Program, place: &Place, index: u16) {
        let first = u32::from(index) * 32;
        let count = (place.threads() - first).min(32);
        self.index = index;
        self.agent = (place.rank * place.threads().div_ceil(32)) as u16 + index;
        self.lanes = u32::MAX >> (32 - count);
        self.exited = 0;
        self.groups.clear();
        self.groups.push(Group { pc: 0, mask: self.lanes, wait: Wait::No });

        let constants = program.specials as usize;
        self.w.resize(constants + SPECIALS.len(), [0; 32]);
        self.dw.clear();
        self.dw.resize(self.w.len(), u32::MAX);
        let registers = constants - program.words.len();
        self.dw[..registers].fill(0);
        for (slot, value) in self.w[registers..].iter_mut().zip(&program.words) {
            *slot = [*value; 32];
        }
        for lane in 0..32 {
            let [x, y, z] = place.thread(first + lane);
            let bit = 1u32 << lane;
            let below = bit - 1;
            let [g, b, a] = [place.grid, place.block, place.at];
            #[rustfmt::skip]
            let values = [
                x, y, z, b[0], b[1], b[2], a[0], a[1], a[2], g[0], g[1], g[2],
                lane, index.into(), bit, below, below | bit, !(below | bit), !below,
                place.rank, place.cluster.iter().product(), a[0] % place.cluster[0], place.cluster[0],
                a[0] / place.cluster[0], g[0] / place.cluster[0],
            ];
            for (slot, value) in self.w[constants..].iter_mut().zip(values) {
                slot[lane as usize] = value;
            }
        }

        let registers = program.long_names.len();
        self.l.resize(registers + program.longs.len(), [0; 32]);
        self.dl.clear();
        self.dl.resize(self.l.len(), u32::MAX);
        self.dl[..registers].fill(0);
        for (slot, value) in self.l[registers..].iter_mut().zip(&program.longs) {
            *slot = [*value; 32];
        }

        self.epochs.clear();
        self.epochs.resize(self.w.len(), 0);
        self.epoch = 0;

        self.p.clear();
        self.p.resize(program.pred_names.len(), 0);
        self.dp.clear();
        self.dp.resize(program.pred_names.len(), 0);
        self.p[usize::from(ALWAYS)] = u32::MAX;
        self.dp[usize::from(ALWAYS)] = u32::MAX;
    }

    pub(crate) fn done(&self) -> bool {
        self.groups.is_empty()
    }

    pub(crate) fn runnable(&self) -> bool {
        self.groups.iter().any(|g| g.wait == Wait::No)
    }

    /// After a barrier.
    pub(crate) fn wake(&mut self) {
        for group in &mut self.groups {
            if group.wait == Wait::Barrier {
                group.wait = Wait::No;
            }
        }
    }

    /// Something has happened that lanes may wait for.
    pub(crate) fn rouse(&mut self) {
        for group in &mut self.groups {
            if group.wait == Wait::Event {
                group.wait = Wait::No;
            }
        }
    }

    /// Joins lanes that stand at the same instruction; those that waited for others look again.
    pub(crate) fn merge(&mut self) {
        let mut i = 0;
        while i < self.groups.len() {
            let mut j = i + 1;
            while j < self.groups.len() {
                let other = self.groups[j];
                if other.pc == self.groups[i].pc
                    && other.wait != Wait::Barrier
                    && self.groups[i].wait != Wait::Barrier
                {
                    self.groups[i].mask |= other.mask;
                    self.groups[i].wait = Wait::No;
                    self.groups.swap_remove(j);
                } else {
                    j += 1;
                }
            }
            i += 1;
        }
    }
}
