//! Rows of an operand that are alike, and how often each code occurs in them.

use super::codes::{self, Code, Number};
use crate::Quantized;

/// At most about so many groups for an operand.
const GROUPS: f64 = 6.0;
/// Rows whose norms differ by less are alike.
const ALIKE: f64 = 1.25;

/// Rows of about the same norm, in units of the codes.
pub(super) struct Group {
    /// How many.
    pub(super) rows: f64,
    /// The magnitudes that occur.
    pub(super) magnitudes: Vec<Magnitude>,
    /// Mean and mean square of the scales of these rows.
    pub(super) scale: f64,
    pub(super) scale2: f64,
}

/// A magnitude and the share of elements that have it with either sign.
pub(super) struct Magnitude {
    pub(super) number: Number,
    pub(super) plus: f64,
    pub(super) minus: f64,
}

/// The rows of x in groups; `None` if a NaN or an infinity is among the codes.
pub(super) fn groups(x: &Quantized) -> Option<Vec<Group>> {
    let table = codes::table(x.format);
    let mut rows = Vec::with_capacity(x.rows);
    for r in 0..x.rows {
        let mut norm = 0.0;
        for &code in x.row(r) {
            match table[usize::from(code)] {
                Code::NonFinite => return None,
                Code::Finite(number) => norm += number.value() * number.value(),
                Code::Zero => {}
            }
        }
        rows.push((norm.sqrt(), r));
    }
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Rows of zeros are their own group, and have no say in the width of the others.
    let norms = rows.partition_point(|row| row.0 == 0.0);
    let spread = match &rows[norms..] {
        [first, .., last] => last.0 / first.0,
        _ => 1.0,
    };
    let width = spread.powf(1.0 / GROUPS).max(ALIKE);
    let (mut groups, mut rest) = (vec![], rows.as_slice());
    while let Some(first) = rest.first() {
        let (group, others) = rest.split_at(rest.partition_point(|row| row.0 <= first.0 * width));
        groups.push(Group::new(x, group, &table));
        rest = others;
    }
    Some(groups)
}

impl Group {
    fn new(x: &Quantized, rows: &[(f64, usize)], table: &[Code; 256]) -> Self {
        let mut counts = [0u64; 256];
        let (mut scale, mut scale2, mut blocks) = (0.0, 0.0, 0.0);
        for &(_, r) in rows {
            x.row(r).iter().for_each(|&code| counts[usize::from(code)] += 1);
            for k in (0..x.cols).step_by(128) {
                let s = f64::from(x.scale_inv_at(r, k));
                (scale, scale2, blocks) = (scale + s, scale2 + s * s, blocks + 1.0);
            }
        }
        let share = |code: usize| counts[code] as f64 / (rows.len() * x.cols) as f64;
        let magnitude = |code: usize| match table[code] {
            Code::Finite(number) if counts[code] + counts[code | 128] > 0 => {
                Some(Magnitude { number, plus: share(code), minus: share(code | 128) })
            }
            _ => None,
        };
        Self {
            rows: rows.len() as f64,
            magnitudes: (0..128).filter_map(magnitude).collect(),
            scale: scale / blocks,
            scale2: scale2 / blocks,
        }
    }
}
