//! `wgmma` of FP8: the text of one chain, and how its matrices lie in shared memory.

use std::sync::Arc;

use quarter::Format;
use quarter::gpu::{Driver, Text};

use crate::block;

/// Steps of 32 of K on one accumulator, 64 x `n`.
#[derive(Clone, Copy, Debug)]
pub struct Chain {
    pub formats: (Format, Format),
    pub n: usize,
    pub steps: usize,
    /// Accumulators of f16.
    pub half: bool,
    /// A from registers.
    pub fragments: bool,
    /// Whether the first step adds to what the accumulators hold.
    pub accumulate: bool,
    pub negative: [bool; 2],
    /// Bytes of both matrices in shared memory.
    pub image: usize,
}

/// What one block multiplies.
#[derive(Clone, Debug, Default)]
pub struct Tile {
    /// Descriptors of A and B for each step, without the place of the image.
    pub descriptors: Vec<[u64; 2]>,
    pub image: Vec<u8>,
    /// Registers of accumulators, each of 128 threads; the same of A for each step, four.
    pub c: Vec<u32>,
    pub fragments: Vec<u32>,
}

pub fn name(format: Format) -> &'static str {
    match format {
        Format::E4m3 => "e4m3",
        Format::E5m2 => "e5m2",
    }
}

impl Chain {
    pub fn registers(&self) -> usize {
        if self.half { self.n / 4 } else { self.n / 2 }
    }

    fn instruction(&self, step: usize) -> String {
        let prefix = if self.half { "half" } else { "acc" };
        let list: Vec<_> = (0..self.registers()).map(|i| format!("%{prefix}{i}")).collect();
        let (a, b) = (name(self.formats.0), name(self.formats.1));
        let [sign_a, sign_b] = self.negative.map(|negative| if negative { -1 } else { 1 });
        format!(
            "wgmma.mma_async.sync.aligned.m64n{}k32.{}.{a}.{b} {{{}}}, {}, %l3, {}, {sign_a}, {sign_b};\n",
            self.n,
            if self.half { "f16" } else { "f32" },
            list.join(", "),
            if self.fragments { "{%a0, %a1, %a2, %a3}" } else { "%l2" },
            u8::from(self.accumulate || step > 0),
        )
    }

    /// Where the accumulators of a tile begin, those of A, and its end.
    fn places(&self) -> [usize; 3] {
        let c = (16 * self.steps).next_multiple_of(16) + self.image;
        let a = c + 512 * self.registers();
        [c, a, a + if self.fragments { 2048 * self.steps } else { 0 }]
    }

    pub fn text(&self) -> &'static Text {
        let [c, a, end] = self.places();
        let prefix = if self.half { "half" } else { "acc" };
        let mut body = format!(
            "mul.wide.u32 %l0, %cta, {end};\nadd.u64 %in, %in, %l0;\nshl.b32 %w0, %tix, 4;\n\
             IMAGE:\nsetp.ge.u32 %p0, %w0, {image};\n@%p0 bra COPIED;\ncvt.u64.u32 %l0, %w0;\n\
             add.u64 %l0, %in, %l0;\nld.global.v4.b32 {{%w4, %w5, %w6, %w7}}, [%l0+{at}];\n\
             add.u32 %w1, %base, %w0;\nst.shared.v4.b32 [%w1], {{%w4, %w5, %w6, %w7}};\n\
             add.u32 %w0, %w0, 2048;\nbra IMAGE;\nCOPIED:\nfence.proxy.async.shared::cta;\n\
             bar.sync 0;\nmad.wide.u32 %l1, %tix, 4, %in;\nshr.u32 %w0, %base, 4;\n\
             cvt.u64.u32 %l4, %w0;\n",
            image = self.image,
            at = 16 * self.steps,
        );
        for i in 0..self.registers() {
            body += &format!("ld.global.b32 %{prefix}{i}, [%l1+{}];\n", c + 512 * i);
        }
        for step in 0..self.steps {
            body += &format!(
                "ld.global.b64 %l2, [%in+{}];\nld.global.b64 %l3, [%in+{}];\n\
                 add.u64 %l2, %l2, %l4;\nadd.u64 %l3, %l3, %l4;\n",
                16 * step,
                16 * step + 8
            );
            if self.fragments {
                for i in 0..4 {
                    let at = a + 512 * (4 * step + i);
                    body += &format!("ld.global.b32 %a{i}, [%l1+{at}];\n");
                }
            }
            body += "wgmma.fence.sync.aligned;\n";
            body += &self.instruction(step);
            body += "wgmma.commit_group.sync.aligned;\nwgmma.wait_group.sync.aligned 0;\n";
        }
        body += &format!(
            "mul.lo.u32 %w0, %cta, {};\nadd.u32 %w0, %w0, %tix;\nmad.wide.u32 %l1, %w0, 4, %out;\n",
            128 * self.registers()
        );
        for i in 0..self.registers() {
            body += &format!("st.global.b32 [%l1+{}], %{prefix}{i};\n", 512 * i);
        }
        block::text(&body, self.image, 1)
    }

    /// D of each tile, two words of 32 bits in one.
    pub fn run(
        &self,
        driver: &Arc<dyn Driver>,
        text: &'static Text,
        tiles: &[Tile],
    ) -> quarter::Result<Vec<u64>> {
        let mut input = Vec::with_capacity(tiles.len() * self.places()[2]);
        for tile in tiles {
            input.extend(tile.descriptors.iter().flatten().flat_map(|d| d.to_le_bytes()));
            input.extend(&tile.image);
            input.extend(tile.c.iter().chain(&tile.fragments).flat_map(|w| w.to_le_bytes()));
        }
        let outputs = tiles.len() * 64 * self.registers();
        block::run(driver, text, None, &input, outputs, tiles.len() as u32)
    }
}

/// How the rows of a matrix lie: by the bytes that a swizzle permutes, 32, 64 or 128; by 16, eight
/// rows of 16 bytes are together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layout {
    pub span: usize,
    pub rows: usize,
    /// Without a swizzle, whether the next 16 bytes of K lie behind all rows, not behind eight.
    pub apart: bool,
    /// Of a swizzle, the field of the descriptor that is said not to count.
    pub leading: u64,
}

impl Layout {
    /// Where byte `k` of a row lies.
    pub fn place(&self, row: usize, k: usize) -> usize {
        let Self { span, rows, apart, .. } = *self;
        let (piece, within) = (k / 16, k % 16);
        match span {
            16 if apart => piece * rows * 16 + row * 16 + within,
            16 => {
                let step = piece / 2 * rows * 32;
                step + row / 8 * 256 + piece % 2 * 128 + row % 8 * 16 + within
            }
            _ => {
                let part = k / span * rows * span;
                let at = part + row * span + k % span;
                at ^ (at >> 7 & (span / 16 - 1)) << 4
            }
        }
    }

    /// The descriptor of a step, of a matrix that begins at a byte of the image.
    pub fn descriptor(&self, begin: usize, step: usize) -> u64 {
        let Self { span, rows, apart, leading } = *self;
        let field = |bytes: usize| bytes as u64 >> 4;
        let (start, kind, leading, stride) = match span {
            16 if apart => (step * 32 * rows, 0, field(16 * rows), field(128)),
            16 => (step * 32 * rows, 0, field(128), field(256)),
            _ => {
                let start = 32 * step / span * rows * span + 32 * step % span;
                let kind = [3, 2, 1][span.ilog2() as usize - 5];
                (start, kind, leading, field(8 * span))
            }
        };
        kind << 62 | stride << 32 | leading << 16 | field(begin + start)
    }
}
