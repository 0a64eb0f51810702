//! Where a product finds its operands, and what is in which register: sums of small integers, which
//! any arithmetic gives the same.

use std::sync::Arc;

use quarter::Format;
use quarter::gpu::Driver;

use crate::answer::{Answer, Scope, mix};
use crate::products::{Chain, Layout, Tile};

/// K of the matrices: four steps.
const K: usize = 128;

pub fn ask(driver: &Arc<dyn Driver>, scope: Scope) -> quarter::Result<Vec<Answer>> {
    let mut answers = Vec::new();
    let all: Vec<usize> = (8..=256).step_by(8).collect();
    let widths = if scope == Scope::All { all } else { vec![8, 24, 64, 128, 256] };
    for n in widths {
        for fragments in [false, true] {
            let chain = Chain {
                formats: (Format::E4m3, Format::E4m3),
                n,
                steps: 1,
                half: false,
                fragments,
                accumulate: true,
                negative: [false; 2],
                image: K * (64 + n),
            };
            let text = chain.text();
            let mut put = |name: &str, span: usize, apart: bool, leading: u64| {
                let of = |rows| Layout { span, rows, apart, leading };
                let values = chain.run(driver, text, &tiles(&chain, of(64), of(n)))?;
                let from = if fragments { "registers" } else { "shared memory" };
                answers.push(Answer::new(format!("n{n} A in {from}, {name}"), values));
                quarter::Result::Ok(())
            };
            put("no swizzle", 16, false, 0)?;
            put("no swizzle, pieces apart", 16, true, 0)?;
            for span in [32, 64, 128] {
                for leading in [0, 1, 8, 32] {
                    put(&format!("swizzle {span}, leading {leading}"), span, false, leading)?;
                }
            }
        }
    }
    Ok(answers)
}

/// A tile for each step, which the descriptors alone choose.
fn tiles(chain: &Chain, of_a: Layout, of_b: Layout) -> Vec<Tile> {
    // -3 to 3.
    let code = |z: u64| [0x00, 0x38, 0x40, 0x44, 0xb8, 0xc0, 0xc4, 0x00][mix(z) as usize % 8];
    let a = |row: usize, k: usize| code((1 + row * K + k) as u64);
    let b = |row: usize, k: usize| code((1_000_003 + row * K + k) as u64);
    let mut image = vec![0; chain.image];
    for k in 0..K {
        (0..64).for_each(|row| image[of_a.place(row, k)] = a(row, k));
        (0..chain.n).for_each(|row| image[64 * K + of_b.place(row, k)] = b(row, k));
    }
    let c = (0..128 * chain.registers()).map(|i| (i as f32).to_bits()).collect::<Vec<_>>();
    let tile = |step: usize| {
        let mut fragments = Vec::new();
        for i in (0..4).filter(|_| chain.fragments) {
            for thread in 0..128 {
                let row = thread / 32 * 16 + thread % 32 / 4 + 8 * (i % 2);
                let k = 32 * step + 4 * (thread % 4) + 16 * (i / 2);
                fragments.push(u32::from_le_bytes([0, 1, 2, 3].map(|j| a(row, k + j))));
            }
        }
        let descriptors = vec![[of_a.descriptor(0, step), of_b.descriptor(64 * K, step)]];
        Tile { descriptors, image: image.clone(), c: c.clone(), fragments }
    };
    (0..K / 32).map(tile).collect()
}
