//! The C interface, and a safe one around it.

use std::ffi::{c_char, c_int};

use half::{bf16, f16};
use quarter_numerics::Format;

unsafe extern "C" {
    #[link_name = "version"]
    safe fn c_version() -> c_int;

    #[link_name = "narrow"]
    fn c_narrow(
        values: *const u64,
        codes: *mut u8,
        count: u64,
        wide: c_char,
        format: c_char,
        saturate: c_int,
        rounding: c_char,
    );

    #[link_name = "widen"]
    safe fn c_widen(code: u8, wide: c_char, format: c_char) -> u64;
}

/// What becomes of numbers beyond the largest finite one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saturation {
    /// `__NV_SATFINITE`: the largest finite number.
    Finite,
    /// `__NV_NOSAT`: infinity, or NaN in E4M3.
    None,
}

/// A type that the header converts: f32, f64, f16, bf16.
pub trait Wide: Copy {
    /// Its name in the C interface.
    #[doc(hidden)]
    const LETTER: u8;

    /// Its bits, the lowest of the word.
    fn bits(self) -> u64;

    /// The number with these bits; those that the type does not have are ignored.
    fn of_bits(bits: u64) -> Self;
}

macro_rules! wide {
    ($($wide:ty, $bits:ty, $letter:literal;)*) => {$(
        impl Wide for $wide {
            const LETTER: u8 = $letter;

            fn bits(self) -> u64 {
                self.to_bits().into()
            }

            fn of_bits(bits: u64) -> Self {
                Self::from_bits(bits as $bits)
            }
        }
    )*};
}

wide! {
    f32, u32, b'f';
    f64, u64, b'd';
    f16, u16, b'h';
    bf16, u16, b'b';
}

fn letter(format: Format) -> c_char {
    match format {
        Format::E4m3 => b'4' as c_char,
        Format::E5m2 => b'5' as c_char,
    }
}

/// `CUDART_VERSION` of the headers: 13000 is CUDA 13.0.
pub fn version() -> u32 {
    c_version() as u32
}

/// Converts the numbers with these bits ([`Wide::bits`]) to codes, one for each.
pub fn narrow<W: Wide>(format: Format, saturation: Saturation, bits: &[u64]) -> Vec<u8> {
    let mut codes = vec![0; bits.len()];
    let saturate = c_int::from(saturation == Saturation::Finite);
    let (from, to, count) = (bits.as_ptr(), codes.as_mut_ptr(), bits.len() as u64);
    // SAFETY: both arrays have `count` elements, and the letters are those of the source. The
    // last one is a rounding, which these formats do not have.
    unsafe { c_narrow(from, to, count, W::LETTER as c_char, letter(format), saturate, 0) };
    codes
}

/// Converts a code with the conversion operators of the header's classes.
pub fn widen<W: Wide>(format: Format, code: u8) -> W {
    W::of_bits(c_widen(code, W::LETTER as c_char, letter(format)))
}
