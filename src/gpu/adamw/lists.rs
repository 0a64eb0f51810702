//! What the kernels' blocks and warps take in turns, made once for a set of tensors.

use std::collections::BTreeMap;

use super::tensor::{AdamwTensorOn, Kind};
use crate::adamw::Settings;
use crate::ffi::{QUARTER_BLOCK, QUARTER_CHUNK_BLOCKS, QUARTER_RUN_PARTIALS, QuarterAdamwTensor};
use crate::ffi::{QuarterAdamwControl, QuarterAdamwGroup, QuarterAdamwSettings};
use crate::{Error, Result};

/// The lists of a set of tensors.
pub(super) struct Lists {
    /// The table, with partials as offsets from the first.
    pub(super) table: Vec<QuarterAdamwTensor>,
    /// Pairs of a tensor and a chunk of it, by kind.
    pub(super) chunks: BTreeMap<Kind, Vec<[u32; 2]>>,
    /// Pairs of a tensor and a run of its partials.
    pub(super) runs: Vec<[u32; 2]>,
    /// The first run of each tensor, and their end.
    pub(super) first_run: Vec<u32>,
    /// Blocks of all unsharded tensors.
    pub(super) blocks: u64,
}

/// Numbers that three levels above a warp add up.
const TREE: u64 = 1 << 20;

impl Lists {
    pub(super) fn of(tensors: &[AdamwTensorOn], settings: &Settings) -> Result<Self> {
        let mut lists = Self {
            table: Vec::with_capacity(tensors.len()),
            chunks: BTreeMap::new(),
            runs: Vec::new(),
            first_run: vec![0],
            blocks: 0,
        };
        let few = "at most 2^20 are allowed on a device";
        if tensors.len() as u64 > TREE {
            let got = tensors.len().to_string();
            return Err(Error::Parameter { what: "number of tensors", got, allowed: few });
        }
        let block = u64::from(QUARTER_BLOCK);
        for (index, tensor) in tensors.iter().enumerate() {
            settings.check_group(tensor.group)?;
            let mut entry = tensor.entry()?;
            entry.whole_partials = 4 * lists.blocks;
            entry.partials = entry.whole_partials + 4 * (tensor.first / block);
            lists.table.push(entry);
            let index = index as u32;
            let chunks = tensor.len.div_ceil(block * u64::from(QUARTER_CHUNK_BLOCKS));
            let of_kind = lists.chunks.entry(tensor.kind()).or_default();
            of_kind.extend((0..chunks as u32).map(|chunk| [index, chunk]));
            let blocks = tensor.whole_len.div_ceil(block);
            let runs = blocks.div_ceil(u64::from(QUARTER_RUN_PARTIALS));
            if runs > TREE {
                let got = tensor.whole_len.to_string();
                let allowed = "at most 2^37 elements are allowed on a device";
                return Err(Error::Parameter { what: "whole_len", got, allowed });
            }
            lists.runs.extend((0..runs as u32).map(|run| [index, run]));
            lists.first_run.push(lists.runs.len() as u32);
            lists.blocks += blocks;
        }
        let most = u32::MAX as usize / 2;
        let all = lists.chunks.values().map(Vec::len).max().unwrap_or(0).max(lists.runs.len());
        if all > most {
            let allowed = "fewer than 2^31 chunks of 32768 elements are allowed on a device";
            return Err(Error::Parameter { what: "chunks", got: all.to_string(), allowed });
        }
        Ok(lists)
    }
}

/// What [`AdamwOn`](super::AdamwOn) allocates for whole tensors of so many elements.
pub(crate) fn workspace_bytes(lens: &[u64], settings: &Settings) -> u128 {
    let sum = |unit: u64| lens.iter().map(|n| u128::from(n.div_ceil(unit))).sum::<u128>();
    let block = u64::from(QUARTER_BLOCK);
    let chunks = sum(block * u64::from(QUARTER_CHUNK_BLOCKS));
    let runs = sum(block * u64::from(QUARTER_RUN_PARTIALS));
    let each = size_of::<QuarterAdamwTensor>() + 4 + 8 + 8 + 40;
    let once = 4 + size_of::<QuarterAdamwControl>() + size_of::<QuarterAdamwSettings>();
    let lists =
        settings.groups.len() * size_of::<QuarterAdamwGroup>() + 8 * settings.schedule.len();
    8 * chunks + 16 * runs + 4 * sum(block) + (lens.len() * each + once + lists) as u128
}
