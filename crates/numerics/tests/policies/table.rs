//! Reads the tables that `record.py` writes; the format is described there.

use std::collections::HashMap;

/// The wide types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wide {
    F16,
    Bf16,
    F32,
    F64,
}

pub const WIDE: [Wide; 4] = [Wide::F16, Wide::Bf16, Wide::F32, Wide::F64];

impl Wide {
    fn name(self) -> &'static str {
        match self {
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }

    pub fn width(self) -> u32 {
        match self {
            Self::F16 | Self::Bf16 => 16,
            Self::F32 => 32,
            Self::F64 => 64,
        }
    }

    pub fn fraction_bits(self) -> u32 {
        match self {
            Self::F16 => 10,
            Self::Bf16 => 7,
            Self::F32 => 23,
            Self::F64 => 52,
        }
    }

    pub fn sign(self) -> u64 {
        1 << (self.width() - 1)
    }

    pub fn infinity(self) -> u64 {
        self.sign() - (1 << self.fraction_bits())
    }
}

/// The codes of all inputs of one sign, NaN included: where each step begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Steps {
    begins: Vec<u64>,
    codes: Vec<u8>,
}

impl Steps {
    fn parse(text: &str) -> Self {
        let (mut begins, mut codes) = (Vec::new(), Vec::new());
        for word in text.split(' ') {
            let (code, bits) = match word.split_once(':') {
                Some((code, bits)) => (u8::from_str_radix(code, 16).unwrap(), bits),
                None => (codes.last().unwrap() + 1, word),
            };
            begins.push(u64::from_str_radix(bits, 16).unwrap());
            codes.push(code);
        }
        assert!(begins.is_sorted_by(|a, b| a < b), "unsorted: {text}");
        Self { begins, codes }
    }

    fn chain(mut self, other: Self) -> Self {
        self.begins.extend(other.begins);
        self.codes.extend(other.codes);
        self
    }

    pub fn code(&self, magnitude: u64) -> u8 {
        self.codes[self.begins.partition_point(|&begin| begin <= magnitude) - 1]
    }

    pub fn begins(&self) -> &[u64] {
        &self.begins
    }
}

type Key = (String, String, Wide);

/// One table; rows are taken out, so that those left over can be found.
pub struct Table {
    pub system: String,
    casts: HashMap<Key, [Steps; 2]>,
    widened: HashMap<(String, Wide), Vec<(u8, u64)>>,
}

impl Table {
    pub fn parse(text: &str) -> Self {
        let mut lines = text.lines();
        let head = lines.next().unwrap().strip_prefix("# ").unwrap();
        let mut table = Self {
            system: head.split(',').next().unwrap().to_owned(),
            casts: HashMap::new(),
            widened: HashMap::new(),
        };
        let mut rows = HashMap::new();
        for line in lines {
            let columns: [&str; 6] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
            let [kind, format, mode, wide, sign, words] = columns;
            if kind == "wide" {
                let wide = WIDE.into_iter().find(|w| w.name() == wide).unwrap();
                let pair = |word: &str| {
                    let (code, bits) = word.split_once(':').unwrap();
                    (u8::from_str_radix(code, 16).unwrap(), u64::from_str_radix(bits, 16).unwrap())
                };
                let before = table
                    .widened
                    .insert((format.to_owned(), wide), words.split(' ').map(pair).collect());
                assert!(before.is_none(), "twice: {line}");
            } else {
                let before = rows.insert((kind, format, mode, wide, sign), words);
                assert!(before.is_none(), "twice: {line}");
            }
        }
        for (&(kind, format, mode, name, sign), text) in &rows {
            if (kind, sign) != ("step", "+") {
                continue;
            }
            let row = |kind, sign| rows[&(kind, format, mode, name, sign)];
            let positive = Steps::parse(text);
            let negative = match row("step", "-") {
                "same" => positive.clone(),
                "mirror" => mirror(&positive, format),
                words => Steps::parse(words),
            };
            let wide = WIDE.into_iter().find(|w| w.name() == name).unwrap();
            let steps = [
                positive.chain(Steps::parse(row("nan", "+"))),
                negative.chain(Steps::parse(row("nan", "-"))),
            ];
            for steps in &steps {
                assert!(steps.begins.is_sorted_by(|a, b| a < b));
                assert_eq!(steps.begins[0], 0);
                assert!(steps.begins.contains(&(wide.infinity() + 1)), "NaN follow infinity");
            }
            table.casts.insert((format.to_owned(), mode.to_owned(), wide), steps);
        }
        assert_eq!(table.casts.len() * 4, rows.len(), "rows of casts come in fours");
        table
    }

    /// The steps of positive and negative inputs.
    pub fn take_cast(&mut self, format: &str, mode: &str, wide: Wide) -> [Steps; 2] {
        let key = (format.to_owned(), mode.to_owned(), wide);
        self.casts.remove(&key).unwrap_or_else(|| panic!("{} has no {key:?}", self.system))
    }

    /// The codes whose widening is not the exact value, with what they become.
    pub fn widened(&self, format: &str, wide: Wide) -> &[(u8, u64)] {
        &self.widened[&(format.to_owned(), wide)]
    }

    /// The casts that nothing took.
    pub fn left(&self) -> Vec<&Key> {
        self.casts.keys().collect()
    }
}

/// The codes with their signs flipped, where they have one.
fn mirror(steps: &Steps, format: &str) -> Steps {
    let unsigned = format.ends_with("fnuz");
    let flip = |&code: &u8| if unsigned && code & 0x7f == 0 { code } else { code ^ 0x80 };
    Steps { begins: steps.begins.clone(), codes: steps.codes.iter().map(flip).collect() }
}
