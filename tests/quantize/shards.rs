//! A part of a tensor that says where it lies is cast as that part of the whole.

use proptest::prelude::*;
use quarter::Format;
use quarter::quantize::{Granularity, Matrix, Quantizer, Rounding, Scale, Words};
use quarter::random::Source;
use quarter::scaling::{Policy, TinyAmax};

proptest! {
    #[test]
    fn shards_are_parts_of_the_whole(
        (rows, cols) in (1usize..40, 1usize..70),
        (top, left) in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        (high, wide) in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        seed in any::<u64>(),
        // Where the whole begins in its own tensor; beyond 2^36 a group has a high half.
        base in prop::sample::select(vec![0u64, 5, (1 << 36) - 100, u64::MAX - 300]),
        per_row in any::<bool>(),
        e5m2 in any::<bool>(),
    ) {
        let x: Vec<f32> = (0..rows * cols).map(|i| 1.0 + (i * 37 % 101) as f32 / 50.0).collect();
        let (top, left) = (top.index(rows), left.index(cols));
        let (high, wide) = (1 + high.index(rows - top), 1 + wide.index(cols - left));
        let source = Source { seed, tensor: 3, step: 4 };
        // The same scale for every tile, so that a part has the scales of the whole: of a
        // row or column, 448 / 100.
        let policy = Policy { tiny: TinyAmax::Floor(100.0), ..Policy::default() };
        let q = |words| Quantizer {
            format: if e5m2 { Format::E5m2 } else { Format::E4m3 },
            granularity: if per_row { Granularity::Row } else { Granularity::Tensor },
            scale: Scale::Current(policy),
            rounding: Rounding::Stochastic(words),
            pitch: None,
        };
        let whole = Words { source, first: base, row_stride: None };
        let (all, turned) = q(whole).quantize_both(Matrix::new(&x, rows, cols).unwrap()).unwrap();
        let (all, turned) = (all.data.to_unpadded(), turned.data.to_unpadded());
        let first = top * cols + left;
        let part = Matrix::with_pitch(&x[first..], high, wide, cols).unwrap();
        let words = Words::of_shard(source, base.wrapping_add(first as u64), cols as u64);
        let (shard, shard_turned) = q(words).quantize_both(part).unwrap();
        let (shard, shard_turned) = (shard.data.to_unpadded(), shard_turned.data.to_unpadded());
        for r in 0..high {
            for c in 0..wide {
                let (i, j) = (top + r, left + c);
                prop_assert_eq!(shard[r * wide + c], all[i * cols + j], "({}, {})", i, j);
                prop_assert_eq!(shard_turned[c * high + r], turned[j * rows + i], "({}, {})", i, j);
            }
        }
        // The transpose of either kind spends the word of each element once: with one scale
        // both have the same codes.
        for r in 0..rows {
            for c in 0..cols {
                prop_assert_eq!(all[r * cols + c], turned[c * rows + r]);
            }
        }
    }
}

/// The words do decide: elsewhere in the tensor, or in another tensor, are others.
#[test]
fn another_place_is_another_cast() {
    let x = [1.03f32; 256];
    let source = Source { seed: 1, tensor: 2, step: 3 };
    let cast = |words: Words| {
        let rounding = Rounding::Stochastic(words);
        let q = Quantizer { scale: Scale::Given(&[1.0]), rounding, ..Quantizer::default() };
        q.quantize(Matrix::new(&x, 4, 64).unwrap()).unwrap().data.to_unpadded()
    };
    let whole = cast(source.into());
    assert_ne!(whole, cast(Words::of_shard(source, 256, 64)));
    assert_ne!(whole[64..], cast(Words::of_shard(source, 0, 100))[64..]);
    assert_ne!(whole, cast(Words::of(Source { tensor: 3, ..source })));
    assert_eq!(whole, cast(Words::of_shard(source, 0, 64)));
    // Indices have 52 bits.
    assert_eq!(whole, cast(Words::of_shard(source, 1 << 52, 64)));
}
