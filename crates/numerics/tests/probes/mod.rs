//! Named probes: one output each, which one rule decides.
//!
//! Two files: `probes.tsv`, FP8 `wgmma`, computed by another model, and `rules.tsv`, whose notes
//! derive the result by hand from the rule.

use std::path::Path;

use quarter_numerics::tensor_core::{Arithmetic, known};

pub struct Probe {
    pub name: String,
    pub arithmetic: Arithmetic,
    pub a: Vec<u32>,
    pub b: Vec<u32>,
    pub c: u32,
    pub d: u32,
}

pub fn all() -> Vec<Probe> {
    let wgmma = read("probes.tsv").into_iter().map(|fields| {
        let [name, a, b, accumulator, row, column, c, d, _] = fields.try_into().unwrap();
        let codes =
            |text: String| -> Vec<u32> { (0..32).map(|k| hex(&text[2 * k..2 * k + 2])).collect() };
        Probe {
            name,
            arithmetic: arithmetic(&format!("hopper wgmma {a} {b} {accumulator}")),
            a: codes(row),
            b: codes(column),
            c: hex(&c),
            d: hex(&d),
        }
    });
    let rules = read("rules.tsv").into_iter().map(|fields| {
        let [name, instruction, products, c, d, _] = fields.try_into().unwrap();
        let arithmetic = arithmetic(&instruction);
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for product in products.split_whitespace() {
            let (slot, codes) = product.split_once(':').unwrap();
            let (x, y) = codes.split_once('*').unwrap();
            let slot: usize = slot.parse().unwrap();
            let len = a.len().max(slot + 1).next_multiple_of(arithmetic.k);
            a.resize(len, 0);
            b.resize(len, 0);
            (a[slot], b[slot]) = (hex(x), hex(y));
        }
        Probe { name, arithmetic, a, b, c: hex(&c), d: hex(&d) }
    });
    wgmma.chain(rules).collect()
}

fn read(name: &str) -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    text.lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// By the name that `Known` displays.
fn arithmetic(name: &str) -> Arithmetic {
    let known = known::all().find(|known| known.to_string() == name);
    known.unwrap_or_else(|| panic!("no {name}")).arithmetic
}

fn hex(text: &str) -> u32 {
    u32::from_str_radix(text, 16).unwrap()
}
