//! Answers, and their tables.

use std::collections::HashMap;

/// How much to ask.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scope {
    /// Everything: a GPU's recording.
    All,
    /// What an emulator replays in some seconds.
    Sample,
}

/// What a machine said: a key, and the rows behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub key: String,
    pub values: Vec<u64>,
}

/// SplitMix64's output function: a bijection.
pub fn mix(z: u64) -> u64 {
    let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

impl Answer {
    pub fn new(key: impl Into<String>, values: Vec<u64>) -> Self {
        Self { key: key.into(), values }
    }

    pub fn hash(&self) -> u64 {
        self.values.iter().fold(self.values.len() as u64, |hash, value| {
            mix(hash.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(*value))
        })
    }

    /// Rows in which another answer differs: number, this, the other.
    pub fn differences(&self, other: &Self) -> Vec<(usize, u64, u64)> {
        let rows = self.values.iter().zip(&other.values).enumerate();
        rows.filter(|(_, (a, b))| a != b).map(|(i, (a, b))| (i, *a, *b)).collect()
    }
}

/// One line an answer: question, key, number of rows, hash.
pub fn table(question: &str, answers: &[Answer]) -> String {
    let line =
        |a: &Answer| format!("{question}\t{}\t{}\t{:016x}\n", a.key, a.values.len(), a.hash());
    answers.iter().map(line).collect()
}

/// Hashes by question and key.
pub fn read_table(text: &str) -> HashMap<(String, String), u64> {
    let line = |line: &str| {
        let [question, key, _, hash] = *line.split('\t').collect::<Vec<_>>() else { return None };
        let hash = u64::from_str_radix(hash, 16).ok()?;
        Some(((question.to_string(), key.to_string()), hash))
    };
    text.lines().map(|l| line(l).unwrap_or_else(|| panic!("{l:?} is no line of a table"))).collect()
}

#[test]
fn a_flipped_bit_changes_a_table() {
    let answer = Answer::new("a b", vec![1, 2, 3]);
    let flipped = Answer::new("a b", vec![1, 2, 7]);
    let read = read_table(&table("q", std::slice::from_ref(&answer)));
    assert_eq!(read[&("q".to_string(), "a b".to_string())], answer.hash());
    assert_ne!(answer.hash(), flipped.hash());
    assert_eq!(answer.differences(&flipped), [(2, 3, 7)]);
}
