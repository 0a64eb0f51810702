//! The transpose, with scales along its own rows.

use quarter_numerics::slice::CastStats;

use super::cast::Run;
use super::quantized::transposed;
use super::{Cast, Matrix, Quantized, Quantizer, Scale, default_pitch};
use crate::Element;
use crate::scaling::amax_bits;

impl Quantizer<'_> {
    /// The cast of the transpose for tiles that are parts of one row. It goes along the
    /// rows of the source, where neighbours share random words, and turns the codes.
    pub(super) fn run_transposed<T: Element>(&self, src: Matrix<T>) -> Cast {
        let (rows, cols) = (src.rows(), src.cols());
        let tile_cols = self.granularity.tile().1;
        let (_, grid_cols) = self.granularity.grid(cols, rows);
        // Tile of element (c, r) of the transpose.
        let tile = |r: usize, c: usize| c * grid_cols + r / tile_cols;

        let mut amaxes = vec![0u32; self.granularity.scales(cols, rows)];
        for r in 0..rows {
            for (c, x) in src.row(r).iter().enumerate() {
                let amax = &mut amaxes[tile(r, c)];
                *amax = (*amax).max(amax_bits(x.to_f32()));
            }
        }
        let scales: Vec<f32> = match self.scale {
            // The caller refuses these: they are scales of the source.
            Scale::Given(scales) => scales.to_vec(),
            Scale::Current(policy) => {
                amaxes.iter().map(|amax| policy.scale(self.format, *amax, None)).collect()
            }
        };

        let mut stats = CastStats::default();
        let mut codes = vec![0u8; rows * cols];
        let mut y = vec![0f32; cols];
        for r in 0..rows {
            let x = src.row(r);
            for (c, (y, x)) in y.iter_mut().zip(x).enumerate() {
                *y = x.to_f32() * scales[tile(r, c)];
            }
            let dst = &mut codes[r * cols..][..cols];
            // Multiplying by 1 changes no bit of y.
            let run =
                Run { format: self.format, scale: 1.0, rounding: self.rounding.at(r, 0, cols) };
            let mut seen = run.cast(&y, dst);
            // A policy leaves no finite x an infinite y, but x can vanish in y.
            let vanished = |(x, y): &(&T, &f32)| **y == 0.0 && x.to_f32() != 0.0;
            seen.flushed += x.iter().zip(&y).filter(vanished).count() as u64;
            stats.merge(seen);
        }
        // Seen above was y; the amax is that of x.
        stats.amax = amaxes.iter().copied().max().unwrap_or(0);

        let data = Quantized {
            format: self.format,
            rows: cols,
            cols: rows,
            pitch: default_pitch(rows),
            codes: transposed(&codes, (rows, cols), cols),
            granularity: self.granularity,
            scale_inv: scales.iter().map(|s| 1.0 / s).collect(),
        };
        Cast { data, stats }
    }
}
