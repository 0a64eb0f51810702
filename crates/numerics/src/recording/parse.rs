//! Bytes to a [`Recording`].

use super::{Contents, Path, Product, Record, Recording, RecordingError};
use crate::tensor_core::{Accumulator, Operand};

const HEADER: usize = 32;

pub(super) fn recording(bytes: &[u8]) -> Result<Recording, RecordingError> {
    let Some((header, body)) = bytes.split_at_checked(HEADER) else {
        return Err(RecordingError::Unknown);
    };
    let header = Header(header);
    match &header.0[..4] {
        b"W8GV" => dots(&header, body, true),
        b"W8HW" => dots(&header, body, false),
        b"W8GM" => product(&header, body),
        _ => Err(RecordingError::Unknown),
    }
}

struct Header<'a>(&'a [u8]);

fn refuse<T>(what: &'static str, got: impl Into<u64>, allowed: &'static str) -> Parsed<T> {
    Err(RecordingError::Header { what, got: got.into(), allowed })
}

type Parsed<T> = Result<T, RecordingError>;

impl Header<'_> {
    fn u8(&self, at: usize) -> u8 {
        self.0[at]
    }

    fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.0[at], self.0[at + 1]])
    }

    fn u32(&self, at: usize) -> u32 {
        word(&self.0[at..])
    }

    fn version(&self) -> Parsed<()> {
        match self.u16(4) {
            1 => Ok(()),
            version => refuse("version", version, "1 is known"),
        }
    }

    fn operands(&self) -> Parsed<(Operand, Operand)> {
        let format = |what, at| match Operand::ALL.get(usize::from(self.u8(at))) {
            Some(&operand) => Ok(operand),
            None => refuse(what, self.u8(at), "0 to 4 are formats"),
        };
        Ok((format("format of a", 6)?, format("format of b", 7)?))
    }

    fn accumulator(&self) -> Parsed<Accumulator> {
        match self.u8(8) {
            0 => Ok(Accumulator::F32),
            1 => Ok(Accumulator::F16),
            other => refuse("accumulator", other, "0 (f32) and 1 (f16) are known"),
        }
    }
}

/// The first four bytes, of at least as many.
fn word(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(word).collect()
}

fn codes(bytes: &[u8], operand: Operand) -> Vec<u32> {
    match operand.bytes() {
        1 => bytes.iter().map(|&code| code.into()).collect(),
        2 => bytes.chunks_exact(2).map(|c| u16::from_le_bytes([c[0], c[1]]).into()).collect(),
        _ => words(bytes),
    }
}

/// W8GV with `chains`, else W8HW.
fn dots(header: &Header, body: &[u8], chains: bool) -> Parsed<Recording> {
    header.version()?;
    let (a, b) = header.operands()?;
    if a.bytes() != b.bytes() {
        return refuse("format of b", header.u8(7), "its elements must be as large as those of a");
    }
    let accumulator = header.accumulator()?;
    let k = usize::from(header.u16(10));
    let (steps, path) = if chains {
        if k != 32 / a.bytes() {
            return refuse("k of a step", header.u16(10), "wgmma has 32 bytes of it");
        }
        (usize::from(header.u8(9)), Path::Wgmma)
    } else {
        (1, path(header, a)?)
    };
    if k == 0 || steps == 0 {
        return refuse("k of a record", (k * steps) as u64, "1 or more are allowed");
    }
    if path != Path::Wide && a.is_fp8() && k != 32 {
        return refuse("K", header.u16(10), "FP8 instructions have 32");
    }

    let lead = if chains { 4 } else { 0 };
    let operand = steps * k * a.bytes();
    let size = lead + 2 * operand + 4 + 4 * steps;
    if header.u32(16) as usize != size {
        return refuse("record size", header.u32(16), "it does not fit the other fields");
    }
    let expected = HEADER as u128 + u128::from(header.u32(12)) * size as u128;
    let got = HEADER + body.len();
    if expected != got as u128 {
        return Err(RecordingError::Length { expected, got });
    }
    // The upper half of an f16 is not looked at.
    let mask = if accumulator == Accumulator::F16 { 0xffff } else { u32::MAX };
    let record = |r: &[u8]| {
        let (lead, rest) = r.split_at(lead);
        let ((a_bytes, rest), [class, flags]) =
            (rest.split_at(operand), if chains { [lead[0], lead[1]] } else { [0, 0] });
        let (b_bytes, rest) = rest.split_at(operand);
        let d = rest[4..].chunks_exact(4).map(|d| word(d) & mask).collect();
        let c = word(rest) & mask;
        Record { class, flags, a: codes(a_bytes, a), b: codes(b_bytes, b), c, d }
    };
    let records = body.chunks_exact(size).map(record).collect();
    let contents = Contents::Dots { k, records };
    Ok(Recording { operands: (a, b), accumulator, path, contents })
}

fn path(header: &Header, a: Operand) -> Parsed<Path> {
    match (header.u8(9), a.is_fp8()) {
        (1, true) => Ok(Path::Wgmma),
        (2, true) => Ok(Path::AdaFp8),
        (3, true) => Ok(Path::EmulatedFp8),
        (4, false) => Ok(Path::Wide),
        (5, _) => Ok(Path::Tcgen05),
        (6, true) => Ok(Path::RtxFp8),
        (path, true) => refuse("path", path, "FP8 has 1, 2, 3, 5 and 6"),
        (path, false) => refuse("path", path, "f16, bf16 and tf32 have 4 and 5"),
    }
}

fn product(header: &Header, body: &[u8]) -> Parsed<Recording> {
    header.version()?;
    let (a, b) = header.operands()?;
    if !a.is_fp8() || !b.is_fp8() {
        let (a_byte, b_byte) = (header.u8(6), header.u8(7));
        return refuse("format", a_byte.max(b_byte), "a product is of FP8: 0 and 1");
    }
    let [m, n, k, promotion] = [8, 12, 16, 20].map(|at| header.u32(at));
    if promotion == 0 || promotion % 32 != 0 {
        return refuse("promotion interval", promotion, "positive multiples of 32 are allowed");
    }
    let [wide_m, wide_n, wide_k] = [m, n, k].map(u128::from);
    let outputs = wide_m * wide_n;
    // Below 2^99.
    let expected = HEADER as u128 + (wide_m + wide_n) * wide_k + 8 * outputs;
    let got = HEADER + body.len();
    if expected != got as u128 {
        return Err(RecordingError::Length { expected, got });
    }
    // What fits the file fits memory.
    let [m, n, k, promotion] = [m, n, k, promotion].map(|x| x as usize);
    let (a_codes, rest) = body.split_at(m * k);
    let (b_codes, rest) = rest.split_at(n * k);
    let (chain, promoted) = rest.split_at(4 * m * n);
    let contents = Contents::Product(Product {
        m,
        n,
        k,
        promotion,
        a: codes(a_codes, a),
        b: codes(b_codes, b),
        chain: words(chain),
        promoted: words(promoted),
    });
    let accumulator = Accumulator::F32;
    Ok(Recording { operands: (a, b), accumulator, path: Path::Wgmma, contents })
}
