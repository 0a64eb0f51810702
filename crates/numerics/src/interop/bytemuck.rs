//! Bytes as values and back, without a copy. All zeros are 0, and 2^-127 in E8M0.

use ::bytemuck::{Pod, TransparentWrapper, Zeroable};

use super::for_all;
use crate::{E4m3, E4m3Fnuz, E5m2, E5m2Fnuz, E8m0};

macro_rules! bytemuck {
    ($name:ident) => {
        // SAFETY: `repr(transparent)` over u8, of which every bit pattern is a value.
        unsafe impl Zeroable for $name {}
        // SAFETY: `repr(transparent)` over u8: no padding, every bit pattern a value, no pointer.
        unsafe impl Pod for $name {}
        // SAFETY: `repr(transparent)` over u8, without an invariant.
        unsafe impl TransparentWrapper<u8> for $name {}
    };
}

for_all!(bytemuck);
