//! Which code computes the chains, chosen once at run time.

/// A way to compute the chains. All give the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Path {
    /// f32 arithmetic the compiler vectorises for the target it builds for.
    Portable,
    /// The same code compiled for AVX2.
    Avx2,
    /// 16-bit integer lanes with AVX-512 (F and BW).
    Avx512,
}

impl Path {
    /// Every path, slowest first.
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    /// Whether this machine has what the path needs.
    ///
    /// Without the feature `std` this is known at compile time only: the vector paths then need
    /// a build with the target features enabled.
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Self::Avx2 => std::arch::is_x86_feature_detected!("avx2"),
            #[cfg(all(target_arch = "x86_64", feature = "std"))]
            Self::Avx512 => {
                std::arch::is_x86_feature_detected!("avx512f")
                    && std::arch::is_x86_feature_detected!("avx512bw")
            }
            #[cfg(not(all(target_arch = "x86_64", feature = "std")))]
            Self::Avx2 => cfg!(all(target_arch = "x86_64", target_feature = "avx2")),
            #[cfg(not(all(target_arch = "x86_64", feature = "std")))]
            Self::Avx512 => cfg!(all(
                target_arch = "x86_64",
                target_feature = "avx512f",
                target_feature = "avx512bw"
            )),
        }
    }

    /// The fastest path of this machine.
    pub fn best() -> Self {
        if Self::Avx512.is_available() {
            Self::Avx512
        } else if Self::Avx2.is_available() {
            Self::Avx2
        } else {
            Self::Portable
        }
    }

    /// How the operands lie in memory for this path.
    pub(super) fn layout(self) -> Layout {
        match self {
            Self::Portable | Self::Avx2 => Layout::Float,
            Self::Avx512 => Layout::PairedInteger,
        }
    }
}

/// What the planes of a decoded step hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// f32 values (planes 0 to 31, one for each `k`), then `2^exponent` as f32, 0 for zeros.
    Float,
    /// Two neighbours in `k` share a u32, the even one low. Planes 0 to 15: magnitudes; 16 to 31:
    /// exponents, [`ZERO_EXPONENT`] for zeros; 32 to 47: signs, 0 or 0xffff.
    PairedInteger,
}

/// The exponent of a zero: below that of any accumulator, also after adding a partner's.
pub(super) const ZERO_EXPONENT: i32 = -200;
