//! Generations of GPUs by their names.

use core::fmt;
use core::str::FromStr;

/// A generation of GPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Gpu {
    /// V100: sm_70.
    Volta,
    /// T4: sm_75.
    Turing,
    /// A100: sm_80.
    Ampere,
    /// L4, L40S: sm_89.
    Ada,
    /// H100, H200: sm_90.
    Hopper,
    /// B200: sm_100.
    Blackwell,
    /// Blackwell for workstations: sm_120.
    BlackwellRtx,
}

impl Gpu {
    /// Every generation, oldest first.
    pub const ALL: [Self; 7] = [
        Self::Volta,
        Self::Turing,
        Self::Ampere,
        Self::Ada,
        Self::Hopper,
        Self::Blackwell,
        Self::BlackwellRtx,
    ];

    /// The name of the generation, in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Volta => "volta",
            Self::Turing => "turing",
            Self::Ampere => "ampere",
            Self::Ada => "ada",
            Self::Hopper => "hopper",
            Self::Blackwell => "blackwell",
            Self::BlackwellRtx => "blackwell-rtx",
        }
    }

    /// Other names of the generation: its target, and GPUs of it.
    #[must_use]
    pub const fn aliases(self) -> &'static [&'static str] {
        match self {
            Self::Volta => &["sm_70", "v100"],
            Self::Turing => &["sm_75", "t4"],
            Self::Ampere => &["sm_80", "a100"],
            Self::Ada => &["sm_89", "l4", "l40", "l40s", "rtx4060", "rtx4090"],
            Self::Hopper => &["sm_90", "sm_90a", "h100", "h200", "h20", "gh200"],
            Self::Blackwell => &["sm_100", "sm_100a", "b100", "b200", "gb200"],
            Self::BlackwellRtx => &["sm_120", "sm_120a", "rtx5090"],
        }
    }

    /// The GPU that a file's name begins with: the longest name of one that no letter or digit
    /// follows. `H100_x.bin`, `sm_90-x.bin`.
    ///
    /// ```
    /// use quarter_numerics::tensor_core::Gpu;
    /// assert_eq!(Gpu::of_file("L40S_E4M3.bin"), Some(Gpu::Ada));
    /// assert_eq!(Gpu::of_file("blackwell-rtx_f16.bin"), Some(Gpu::BlackwellRtx));
    /// assert_eq!(Gpu::of_file("H1000.bin"), None);
    /// ```
    #[must_use]
    pub fn of_file(name: &str) -> Option<Self> {
        let begins = |known: &str| {
            let next = name.as_bytes().get(known.len());
            let ends = next.is_none_or(|next| !next.is_ascii_alphanumeric());
            ends && name.get(..known.len()).is_some_and(|start| start.eq_ignore_ascii_case(known))
        };
        let names = |gpu: Self| [gpu.name()].into_iter().chain(gpu.aliases().iter().copied());
        let longest = |gpu| names(gpu).filter(|known| begins(known)).map(str::len).max();
        let found = Self::ALL.into_iter().filter_map(|gpu| Some((longest(gpu)?, gpu)));
        found.max_by_key(|(len, _)| *len).map(|(_, gpu)| gpu)
    }
}

impl fmt::Display for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is no known GPU's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownGpu;

impl fmt::Display for UnknownGpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no known GPU; generations are")?;
        Gpu::ALL.iter().try_for_each(|gpu| write!(f, " {gpu} ({})", gpu.aliases()[0]))
    }
}

impl core::error::Error for UnknownGpu {}

impl FromStr for Gpu {
    type Err = UnknownGpu;

    /// By generation, target, or model: `hopper`, `sm_90`, `H100`, in any case.
    fn from_str(name: &str) -> Result<Self, UnknownGpu> {
        let is = |known: &str| known.eq_ignore_ascii_case(name);
        let named = |gpu: &Self| is(gpu.name()) || gpu.aliases().iter().any(|alias| is(alias));
        Self::ALL.into_iter().find(named).ok_or(UnknownGpu)
    }
}
