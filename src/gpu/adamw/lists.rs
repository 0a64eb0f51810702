//! What the kernels' blocks and warps take in turns, made once for a set of tensors.

use std::collections::BTreeMap;

use super::arrays::check_overlaps;
use super::tensor::{AdamwTensorOn, Kind};
use crate::adamw::Settings;
use crate::ffi::{QUARTER_BLOCK, QUARTER_CHUNK_BLOCKS, QUARTER_RUN_PARTIALS, QuarterAdamwTensor};
use crate::ffi::{QuarterAdamwControl, QuarterAdamwGroup, QuarterAdamwSettings};
use crate::{Error, Result};

/// The table of a set of tensors, with partials as offsets from the first, and the blocks of all
/// unsharded tensors. Everything is checked, and no list is longer than its index says.
pub(super) fn checked(
    tensors: &[AdamwTensorOn],
    settings: &Settings,
) -> Result<(Vec<QuarterAdamwTensor>, u64)> {
    if tensors.len() > MOST_TENSORS {
        let got = tensors.len().to_string();
        let allowed = "at most 2^20 are allowed on a device";
        return Err(Error::Parameter { what: "number of tensors", got, allowed });
    }
    let (mut table, mut blocks, mut runs) = (Vec::with_capacity(tensors.len()), 0, 0);
    let mut chunks = BTreeMap::<Kind, u64>::new();
    for tensor in tensors {
        settings.check_group(tensor.group)?;
        let mut entry = tensor.entry()?;
        entry.whole_partials = 4 * blocks;
        entry.partials = entry.whole_partials + 4 * (tensor.first / BLOCK);
        table.push(entry);
        // 2^20 tensors of 2^37 elements: no sum overflows.
        *chunks.entry(tensor.kind()).or_default() += tensor.len.div_ceil(CHUNK);
        runs += tensor.whole_len.div_ceil(RUN);
        blocks += tensor.whole_len.div_ceil(BLOCK);
    }
    let all = chunks.into_values().max().unwrap_or(0).max(runs);
    if all >= 1 << 31 {
        let allowed = "fewer than 2^31 chunks of 32768 elements are allowed on a device";
        return Err(Error::Parameter { what: "chunks", got: all.to_string(), allowed });
    }
    check_overlaps(tensors)?;
    Ok((table, blocks))
}

/// The lists of a set of tensors.
pub(super) struct Lists {
    /// Pairs of a tensor and a chunk of it, by kind.
    pub(super) chunks: BTreeMap<Kind, Vec<[u32; 2]>>,
    /// Pairs of a tensor and a run of its partials.
    pub(super) runs: Vec<[u32; 2]>,
    /// The first run of each tensor, and their end.
    pub(super) first_run: Vec<u32>,
}

/// Numbers that three levels above a warp add up.
const MOST_TENSORS: usize = 1 << 20;
const BLOCK: u64 = QUARTER_BLOCK as u64;
/// Elements of a chunk.
const CHUNK: u64 = BLOCK * QUARTER_CHUNK_BLOCKS as u64;
/// Elements of a run of partials.
const RUN: u64 = BLOCK * QUARTER_RUN_PARTIALS as u64;

impl Lists {
    /// Of tensors that are [`checked`].
    pub(super) fn of(tensors: &[AdamwTensorOn]) -> Self {
        let mut lists = Self { chunks: BTreeMap::new(), runs: Vec::new(), first_run: vec![0] };
        for (index, tensor) in (0..).zip(tensors) {
            let of_kind = lists.chunks.entry(tensor.kind()).or_default();
            of_kind.extend((0..tensor.len.div_ceil(CHUNK) as u32).map(|chunk| [index, chunk]));
            let runs = 0..tensor.whole_len.div_ceil(RUN) as u32;
            lists.runs.extend(runs.map(|run| [index, run]));
            lists.first_run.push(lists.runs.len() as u32);
        }
        lists
    }
}

/// What [`AdamwOn`](super::AdamwOn) allocates for whole tensors of so many elements.
pub(crate) fn workspace_bytes(lens: &[u64], settings: &Settings) -> u128 {
    let sum = |unit: u64| lens.iter().map(|n| u128::from(n.div_ceil(unit))).sum::<u128>();
    let (chunks, runs) = (sum(CHUNK), sum(RUN));
    let each = size_of::<QuarterAdamwTensor>() + 4 + 8 + 8 + 40;
    let once = 4 + size_of::<QuarterAdamwControl>() + size_of::<QuarterAdamwSettings>();
    let lists =
        settings.groups.len() * size_of::<QuarterAdamwGroup>() + 8 * settings.schedule.len();
    8 * chunks + 16 * runs + 4 * sum(BLOCK) + (lens.len() * each + once + lists) as u128
}
