//! Reading golden files: those committed beside the tests, and the full set where there is one.
//!
//! All integers are little-endian; every file starts with a header of 32 bytes.
//! - `W8GV`: 4 formats of a, 5 of b (0 E4M3, 1 E5M2), 7 steps S, 12 records (u32), 16 record size
//!   (u32). A record: `u8 class, u8 flags, u16 0, a[32 S], b[32 S], u32 c, u32 d[S]`, `d[s]` the
//!   result after step `s`.
//! - `W8HW`, outputs of a GPU: 6 format of a, 7 of b, 12 records, 16 record size. A record:
//!   `a[32], b[32], u32 c, u32 d`.
//! - `W8GM`: 6, 7 formats, 8 M, 12 N, 16 K, 20 promotion (u32 each). `A u8[M][K]`, `B u8[N][K]`,
//!   `u32 chain[M][N]`, `u32 promoted[M][N]`.

use std::path::{Path, PathBuf};

use quarter_numerics::Format;

/// One dot product with the result of every step.
pub struct Record {
    pub class: u8,
    pub a: Vec<u8>,
    pub b: Vec<u8>,
    pub c: u32,
    pub d: Vec<u32>,
}

pub struct Records {
    pub formats: (Format, Format),
    pub records: Vec<Record>,
}

pub struct Gemm {
    pub formats: (Format, Format),
    /// M, N, K, promotion interval.
    pub shape: [usize; 4],
    pub a: Vec<u8>,
    pub b: Vec<u8>,
    pub chain: Vec<u32>,
    pub promoted: Vec<u32>,
}

/// A file of the subset in the repository.
pub fn committed(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A file of the full set: below `QUARTER_GOLDEN`, or beside the checkout. `None`, with a line
/// that says so, where there is no set; a set that lacks the file is an error.
pub fn full(name: &str) -> Option<Vec<u8>> {
    let folder = match std::env::var_os("QUARTER_GOLDEN") {
        Some(folder) => PathBuf::from(folder),
        None => {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden");
            if !folder.is_dir() {
                eprintln!("skipped: {name} (QUARTER_GOLDEN names no folder of golden files)");
                return None;
            }
            folder
        }
    };
    let path = folder.join(name);
    Some(std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

impl Records {
    pub fn parse(bytes: &[u8]) -> Self {
        let recorded = match &bytes[..4] {
            b"W8GV" => false,
            b"W8HW" => true,
            magic => panic!("magic {magic:?}"),
        };
        let (count, size) = (word(bytes, 12) as usize, word(bytes, 16) as usize);
        let steps = if recorded { 1 } else { usize::from(bytes[9]) };
        let (start, k) = (if recorded { 0 } else { 4 }, 32 * steps);
        assert_eq!(bytes[8], 0, "an f32 accumulator");
        assert_eq!(size, start + 2 * k + 4 + 4 * steps);
        assert_eq!(bytes.len(), 32 + count * size);
        let record = |r: &[u8]| {
            let c = start + 2 * k;
            Record {
                class: if recorded { 0 } else { r[0] },
                a: r[start..start + k].to_vec(),
                b: r[start + k..c].to_vec(),
                c: word(r, c),
                d: (1..=steps).map(|s| word(r, c + 4 * s)).collect(),
            }
        };
        let records = bytes[32..].chunks_exact(size).map(record).collect();
        Self { formats: formats(bytes), records }
    }

    /// The named probes: `name fa fb acc a b c d note`, separated by tabs, a line each.
    pub fn probes(text: &str) -> Vec<Self> {
        let named = |name: &str| match name {
            "e4m3" => Format::E4m3,
            "e5m2" => Format::E5m2,
            _ => panic!("format {name}"),
        };
        let bytes = |hex: &str| -> Vec<u8> {
            (0..64).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
        };
        let lines = text.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
        lines
            .filter(|fields| fields[3] == "f32")
            .map(|fields| Self {
                formats: (named(fields[1]), named(fields[2])),
                records: vec![Record {
                    class: 0,
                    a: bytes(fields[4]),
                    b: bytes(fields[5]),
                    c: u32::from_str_radix(fields[6], 16).unwrap(),
                    d: vec![u32::from_str_radix(fields[7], 16).unwrap()],
                }],
            })
            .collect()
    }
}

impl Gemm {
    pub fn parse(bytes: &[u8]) -> Self {
        assert_eq!(&bytes[..4], b"W8GM");
        let shape @ [m, n, k, _] = [8, 12, 16, 20].map(|at| word(bytes, at) as usize);
        let (a, rest) = bytes[32..].split_at(m * k);
        let (b, rest) = rest.split_at(n * k);
        assert_eq!(rest.len(), 8 * m * n);
        let words: Vec<u32> = rest.chunks_exact(4).map(|w| word(w, 0)).collect();
        let (chain, promoted) = words.split_at(m * n);
        Self {
            formats: formats(bytes),
            shape,
            a: a.to_vec(),
            b: b.to_vec(),
            chain: chain.to_vec(),
            promoted: promoted.to_vec(),
        }
    }
}

fn formats(header: &[u8]) -> (Format, Format) {
    let format = |byte| match byte {
        0 => Format::E4m3,
        1 => Format::E5m2,
        _ => panic!("format {byte}"),
    };
    (format(header[6]), format(header[7]))
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}
