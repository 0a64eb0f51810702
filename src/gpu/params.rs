//! The kernels' parameters: the structs of `cuda/quarter.h`, field by field.

/// A struct that is an entry's parameter.
///
/// # Safety
/// `repr(C)`, without padding.
pub(super) unsafe trait Parameters: Copy {
    /// The bytes an entry is launched with.
    fn bytes(&self) -> &[u8] {
        let start = std::ptr::from_ref(self).cast();
        // SAFETY: plain numbers without padding, borrowed as long as the bytes are.
        unsafe { std::slice::from_raw_parts(start, size_of::<Self>()) }
    }
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct QuarterQuantize {
    pub(super) src: u64,
    pub(super) codes: u64,
    pub(super) codes_t: u64,
    pub(super) scale: u64,
    pub(super) scale_t: u64,
    pub(super) scale_inv: u64,
    pub(super) scale_inv_t: u64,
    pub(super) amax: u64,
    pub(super) counts: u64,
    pub(super) amax_t: u64,
    pub(super) counts_t: u64,
    pub(super) first: u64,
    pub(super) row_stride: u64,
    pub(super) src_pitch: u64,
    pub(super) pitch: u64,
    pub(super) pitch_t: u64,
    pub(super) rows: u32,
    pub(super) cols: u32,
    pub(super) row_shift: u32,
    pub(super) col_shift: u32,
    pub(super) scale_cols: u32,
    pub(super) row_shift_t: u32,
    pub(super) col_shift_t: u32,
    pub(super) scale_cols_t: u32,
    pub(super) seed_low: u32,
    pub(super) seed_high: u32,
    pub(super) tensor: u32,
    pub(super) step: u32,
    pub(super) max_margin: f32,
    pub(super) floor: f32,
    pub(super) flags: u32,
    pub(super) spans: u32,
}

// SAFETY: wide fields first, an even number of narrow ones behind them.
unsafe impl Parameters for QuarterQuantize {}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct QuarterDequantize {
    pub(super) codes: u64,
    pub(super) scale_inv: u64,
    pub(super) dst: u64,
    pub(super) pitch: u64,
    pub(super) dst_pitch: u64,
    pub(super) rows: u32,
    pub(super) cols: u32,
    pub(super) row_shift: u32,
    pub(super) col_shift: u32,
    pub(super) scale_cols: u32,
    pub(super) spans: u32,
}

// SAFETY: wide fields first, an even number of narrow ones behind them.
unsafe impl Parameters for QuarterDequantize {}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct QuarterTranspose {
    pub(super) codes: u64,
    pub(super) codes_t: u64,
    pub(super) scale_inv: u64,
    pub(super) scale_inv_t: u64,
    pub(super) pitch: u64,
    pub(super) pitch_t: u64,
    pub(super) rows: u32,
    pub(super) cols: u32,
    pub(super) tile_shift: u32,
    pub(super) reserved: u32,
}

// SAFETY: wide fields first, an even number of narrow ones behind them.
unsafe impl Parameters for QuarterTranspose {}

#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct QuarterScaling {
    pub(super) now: u64,
    pub(super) history: u64,
    pub(super) next: u64,
    pub(super) scale: u64,
    pub(super) max_margin: u64,
    pub(super) non_finite: u64,
    pub(super) tensors: u32,
    pub(super) window: u32,
    pub(super) most_recent: u32,
    pub(super) on_zero: u32,
    pub(super) on_non_finite: u32,
    pub(super) floor: f32,
    pub(super) pow2: u32,
    pub(super) reserved: u32,
}

// SAFETY: wide fields first, an even number of narrow ones behind them.
unsafe impl Parameters for QuarterScaling {}

pub(super) const FROM_AMAX: u32 = 1;
pub(super) const POW2: u32 = 2;
pub(super) const OWN_AMAX: u32 = 4;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// `#define QUARTER_NAME VALUE` of the header.
    fn constants() -> HashMap<&'static str, usize> {
        let lines = include_str!("../../cuda/quarter.h").lines();
        let defined =
            lines.filter_map(|line| line.strip_prefix("#define QUARTER_")?.split_once(' '));
        defined.filter_map(|(name, value)| Some((name, value.parse().ok()?))).collect()
    }

    macro_rules! same_layout {
        ($constants:ident, $struct:ty, $prefix:literal: $($field:ident)*) => {
            assert_eq!($constants[concat!($prefix, "_BYTES")], size_of::<$struct>());
            $(
                let name = format!("{}_{}", $prefix, stringify!($field).to_uppercase());
                assert_eq!($constants[name.as_str()], std::mem::offset_of!($struct, $field), "{name}");
            )*
        };
    }

    #[test]
    fn offsets_are_those_of_the_header() {
        let constants = constants();
        assert_eq!(constants["FROM_AMAX"], FROM_AMAX as usize);
        assert_eq!(constants["POW2"], POW2 as usize);
        assert_eq!(constants["OWN_AMAX"], OWN_AMAX as usize);
        same_layout!(constants, QuarterQuantize, "QUANTIZE": src codes codes_t scale scale_t scale_inv scale_inv_t amax counts amax_t counts_t first row_stride src_pitch pitch pitch_t rows cols row_shift col_shift scale_cols row_shift_t col_shift_t scale_cols_t seed_low seed_high tensor step max_margin floor flags spans);
        same_layout!(constants, QuarterDequantize, "DEQUANTIZE": codes scale_inv dst pitch dst_pitch rows cols row_shift col_shift scale_cols spans);
        same_layout!(constants, QuarterTranspose, "TRANSPOSE": codes codes_t scale_inv scale_inv_t pitch pitch_t rows cols tile_shift);
        same_layout!(constants, QuarterScaling, "SCALING": now history next scale max_margin non_finite tensors window most_recent on_zero on_non_finite floor pow2);
    }
}
