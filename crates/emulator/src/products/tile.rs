//! Accumulators as a matrix, and what a product makes of them.

use quarter_numerics::Format;
use quarter_numerics::tensor_core::{Accumulator, Gpu, LANES, STEP, TensorCore, known};

use super::descriptor::read;
use super::{Product, ROWS};
use crate::fault::FaultKind;
use crate::memory::Shared;
use crate::program::ProductOperands;
use crate::warp::Warp;

/// Accumulators of a warpgroup that are in flight, as a matrix.
#[derive(Debug)]
pub(super) struct Tile {
    pub(super) accumulators: Vec<u16>,
    pub(super) n: usize,
    pub(super) half: bool,
    /// 64 rows, of `n` columns and what rounds them up to 32.
    pub(super) data: Vec<f32>,
    /// Warps whose registers are here, and the product after the last that each has issued on it.
    pub(super) held: [Option<u64>; 4],
}

impl Tile {
    pub(super) fn stride(&self) -> usize {
        self.n.next_multiple_of(LANES)
    }

    /// Row and first column of the two neighbours that register `i` of a lane holds first: of
    /// f32 registers `2 i` and `2 i + 1`, of f16 register `i`.
    fn place(warp: usize, lane: usize, pair: usize) -> (usize, usize) {
        (16 * warp + lane / 4 + 8 * (pair & 1), 8 * (pair >> 1) + 2 * (lane % 4))
    }

    pub(super) fn gather(&mut self, warp: usize, from: &Warp) {
        let stride = self.stride();
        for pair in 0..self.n / 4 {
            for lane in 0..32 {
                let (row, column) = Self::place(warp, lane, pair);
                let to = &mut self.data[row * stride + column..][..2];
                if self.half {
                    let word = from.w[usize::from(self.accumulators[pair])][lane];
                    to[0] = f32::from_bits(word & 0xffff);
                    to[1] = f32::from_bits(word >> 16);
                } else {
                    let slots = &self.accumulators[2 * pair..][..2];
                    for (to, slot) in to.iter_mut().zip(slots) {
                        *to = f32::from_bits(from.w[usize::from(*slot)][lane]);
                    }
                }
            }
        }
    }

    pub(super) fn scatter(&self, warp: usize, to: &mut Warp) {
        let stride = self.stride();
        for pair in 0..self.n / 4 {
            for lane in 0..32 {
                let (row, column) = Self::place(warp, lane, pair);
                let from = &self.data[row * stride + column..][..2];
                if self.half {
                    let word = from[0].to_bits() & 0xffff | from[1].to_bits() << 16;
                    to.w[usize::from(self.accumulators[pair])][lane] = word;
                } else {
                    let slots = &self.accumulators[2 * pair..][..2];
                    for (from, slot) in from.iter().zip(slots) {
                        to.w[usize::from(*slot)][lane] = from.to_bits();
                    }
                }
            }
        }
    }
}

/// A in registers: lane `l` of warp `w` has, in register `i`, row 16 w + l / 4 + 8 (i % 2), and of
/// it the four bytes from 4 (l % 4) + 16 (i / 2) on.
fn fragments(product: &Product, negative: bool) -> Vec<[u8; STEP]> {
    let mut codes = vec![[0; STEP]; ROWS];
    for (warp, registers) in product.fragments.iter().enumerate() {
        for (i, words) in registers.iter().flatten().enumerate() {
            for (lane, word) in words.iter().enumerate() {
                let row = &mut codes[16 * warp + lane / 4 + 8 * (i % 2)];
                row[4 * (lane % 4) + 16 * (i / 2)..][..4].copy_from_slice(&word.to_le_bytes());
            }
        }
    }
    if negative {
        codes.iter_mut().flatten().for_each(|code| *code ^= 0x80);
    }
    codes
}

/// Does a product, of an accumulator that is nobody else's.
pub(super) fn run(
    product: &Product,
    operands: &ProductOperands,
    tile: &mut Tile,
    shared: &Shared,
) -> Result<(), FaultKind> {
    let [negative_a, negative_b] = operands.negative;
    let a = match product.call.a {
        Some(descriptor) => read(descriptor, ROWS, negative_a, shared)?,
        None => fragments(product, negative_a),
    };
    let b = read(product.call.b, operands.n, negative_b, shared)?;
    if !product.call.accumulate {
        tile.data.fill(0.0);
    }
    let [a_format, b_format] = operands.formats;
    match tile.half {
        true => in_half((a_format, b_format), &a, &b, tile),
        false => in_single((a_format, b_format), &a, &b, tile),
    }
    Ok(())
}

fn in_single(formats: (Format, Format), a: &[[u8; STEP]], b: &[[u8; STEP]], tile: &mut Tile) {
    let core = TensorCore::new(formats.0, formats.1);
    let mut rows = vec![core.row_step(); ROWS];
    a.iter().zip(&mut rows).for_each(|(codes, row)| core.decode_row(codes, row));
    let (stride, n) = (tile.stride(), tile.n);
    let mut strip = core.strip_step();
    for first in (0..n).step_by(LANES) {
        core.decode_strip(|n, k| b.get(first + n).map_or(0, |column| column[k]), &mut strip);
        for (row, decoded) in rows.iter().enumerate() {
            let acc = &mut tile.data[row * stride + first..][..LANES];
            if let Ok(acc) = acc.try_into() {
                core.chain(std::slice::from_ref(decoded), std::slice::from_ref(&strip), acc);
            }
        }
    }
}

/// Halves are kept as their bits.
fn in_half(formats: (Format, Format), a: &[[u8; STEP]], b: &[[u8; STEP]], tile: &mut Tile) {
    let known = known::find(
        Gpu::Hopper,
        known::Instruction::Wgmma,
        (formats.0.into(), formats.1.into()),
        Accumulator::F16,
    );
    let Some(known) = known else { return };
    let (model, stride) = (known.model(), tile.stride());
    for (row, a) in a.iter().enumerate() {
        for (column, b) in b.iter().enumerate() {
            let d = &mut tile.data[row * stride + column];
            *d = f32::from_bits(model.dot(a, b, d.to_bits()));
        }
    }
}
