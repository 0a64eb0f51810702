//! What a launch cost, in numbers that do not depend on the machine.

/// Counts of one launch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Threads launched.
    pub threads: u64,
    /// Instructions issued by warps.
    pub warp_instructions: u64,
    /// Instructions issued, times the lanes they were issued for: predicated-off lanes count,
    /// as they do on the machine.
    pub thread_instructions: u64,
    /// Global memory, plain accesses and atomics.
    pub global: Traffic,
    /// Atomic accesses to global memory, one a lane.
    pub global_atomics: u64,
    /// Warp accesses to shared memory.
    pub shared_accesses: u64,
    /// Passes over the banks beyond the first of each access (for 8 and 16 bytes a lane, of
    /// each half or quarter of the warp).
    pub bank_conflicts: u64,
    /// Executed warp instructions of each spelling, most frequent first.
    pub mix: Vec<(String, u64)>,
}

/// Traffic to global memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Sectors of 32 bytes that loads touch: each counted once a warp access.
    pub load_sectors: u64,
    /// The same for stores.
    pub store_sectors: u64,
    /// Bytes that lanes load.
    pub load_bytes: u64,
    /// Bytes that lanes store.
    pub store_bytes: u64,
}

impl Counters {
    /// Adds the counts of another launch.
    pub fn add(&mut self, other: &Self) {
        self.threads += other.threads;
        self.warp_instructions += other.warp_instructions;
        self.thread_instructions += other.thread_instructions;
        self.global.load_sectors += other.global.load_sectors;
        self.global.store_sectors += other.global.store_sectors;
        self.global.load_bytes += other.global.load_bytes;
        self.global.store_bytes += other.global.store_bytes;
        self.global_atomics += other.global_atomics;
        self.shared_accesses += other.shared_accesses;
        self.bank_conflicts += other.bank_conflicts;
        for (spelling, n) in &other.mix {
            match self.mix.iter_mut().find(|(known, _)| known == spelling) {
                Some((_, count)) => *count += n,
                None => self.mix.push((spelling.clone(), *n)),
            }
        }
        self.mix.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    }
}
