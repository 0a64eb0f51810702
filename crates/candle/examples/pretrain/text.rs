//! The text and the windows drawn from it.

use std::{collections::HashSet, path::PathBuf};

use anyhow::{Context, Result, ensure};
use quarter::random::{Source, Stream};
use sha2::{Digest, Sha256};

/// The built-in text stops after the paragraph that passes this many bytes.
const BUILT_IN_BYTES: usize = 700_000;
/// Windows of the fixed validation set.
const VALIDATION_WINDOWS: usize = 64;
/// The tensor number under which batches are drawn; no parameter has it.
const BATCHES: u32 = u32::MAX;

/// Bytes, the last tenth of them kept for validation.
pub struct Corpus {
    bytes: Vec<u8>,
    train: usize,
}

/// Token windows, one after another, each followed by what comes next.
pub struct Batch {
    /// `windows * context` inputs.
    pub inputs: Vec<u32>,
    /// The byte after each input.
    pub targets: Vec<u32>,
}

impl Corpus {
    /// The files joined in the order given, or the built-in text if there are none.
    ///
    /// # Errors
    /// An unreadable file, or a text too short to draw windows from.
    pub fn load(paths: &[PathBuf]) -> Result<Self> {
        let mut bytes = Vec::new();
        for path in paths {
            let file =
                std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
            bytes.extend(file);
        }
        Self::from_bytes(if paths.is_empty() { built_in() } else { bytes })
    }

    /// A corpus of these bytes.
    ///
    /// # Errors
    /// Fewer than 20,000 bytes.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self> {
        ensure!(
            bytes.len() >= 20_000,
            "the text has {} bytes; at least 20000 are needed",
            bytes.len()
        );
        let train = bytes.len() - bytes.len() / 10;
        Ok(Self { bytes, train })
    }

    /// Bytes in all.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// SHA-256 of all bytes, in hex.
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(&self.bytes))
    }

    /// The batch of one step: windows at random places of the training part.
    pub fn batch(&self, seed: u64, step: u32, windows: usize, context: usize) -> Batch {
        let source = Source { seed, tensor: BATCHES, step };
        let places = (self.train - context) as u64;
        self.windows((0..windows).map(|i| below(&source, i as u64, places)), context)
    }

    /// The validation set: windows at even distances, the same for all runs.
    pub fn validation(&self, context: usize) -> Batch {
        let places = self.bytes.len() - self.train - context - 1;
        let starts = (0..VALIDATION_WINDOWS).map(|i| self.train + i * places / VALIDATION_WINDOWS);
        self.windows(starts, context)
    }

    fn windows(&self, starts: impl Iterator<Item = usize>, context: usize) -> Batch {
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        for start in starts {
            let window = &self.bytes[start..=start + context];
            inputs.extend(window[..context].iter().map(|&b| u32::from(b)));
            targets.extend(window[1..].iter().map(|&b| u32::from(b)));
        }
        Batch { inputs, targets }
    }
}

/// Draw number `draw` of a source, below `n`.
fn below(source: &Source, draw: u64, n: u64) -> usize {
    let word = source.words(Stream::Data, draw / 4)[(draw % 4) as usize];
    ((u64::from(word) * n) >> 32) as usize
}

/// English licence texts, each paragraph once: many licences are others with a word changed.
fn built_in() -> Vec<u8> {
    let mut text = String::with_capacity(BUILT_IN_BYTES + 10_000);
    let mut seen = HashSet::new();
    let english = spdx::text::LICENSE_TEXTS.iter().filter(|(_, text)| is_english(text));
    let paragraphs = english.flat_map(|(_, text)| text.split("\n\n"));
    for paragraph in paragraphs {
        let key: String =
            paragraph.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect();
        if key.is_empty() || !seen.insert(key) {
            continue;
        }
        text.push_str(paragraph.trim_matches('\n'));
        text.push_str("\n\n");
        if text.len() >= BUILT_IN_BYTES {
            break;
        }
    }
    text.into_bytes()
}

/// Other languages of the collection have more than one letter in 200 beyond ASCII.
fn is_english(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic());
    let (count, foreign) =
        letters.fold((0_usize, 0), |(n, f), c| (n + 1, f + usize::from(!c.is_ascii())));
    foreign * 200 <= count
}

/// Bytes as lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
