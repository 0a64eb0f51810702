//! What a machine can refuse.

/// Why there is no device, or why it did not do its work.
///
/// Made of plain numbers and text: printing one never calls into a driver.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The emulator stopped: bad text, or a fault with the line of the template.
    #[error("emulator: {0}")]
    Emulator(String),
    /// The embedded text has no such entry.
    #[error("kernel {kernel} has no entry {entry}")]
    NoEntry {
        /// The text's name.
        kernel: &'static str,
        /// The missing entry.
        entry: String,
    },
    /// libcuda is not there, or cannot be loaded.
    #[error("no CUDA driver: {reason}")]
    NoDriver {
        /// What the loader said.
        reason: String,
    },
    /// The driver sees no GPU.
    #[error("the CUDA driver sees no GPU")]
    NoDevice,
    /// There are fewer GPUs.
    #[error("GPU {asked} does not exist: there are {count}, from 0")]
    NoSuchDevice {
        /// Its number.
        asked: u32,
        /// How many there are.
        count: u32,
    },
    /// No context is current on this thread.
    #[error("no CUDA context is current on this thread")]
    NoContext,
    /// The driver is older than the kernels' PTX.
    #[error(
        "the CUDA driver is {}.{}; {}.{} or newer is needed",
        found / 1000, found % 1000 / 10, needed / 1000, needed % 1000 / 10
    )]
    DriverTooOld {
        /// 1000 x major + 10 x minor.
        found: i32,
        /// The oldest allowed.
        needed: i32,
    },
    /// The driver lacks functions that its version should have.
    #[error("the CUDA driver {}.{} lacks {}", version / 1000, version % 1000 / 10, names.join(", "))]
    MissingSymbols {
        /// The functions.
        names: Vec<&'static str>,
        /// Its version.
        version: i32,
    },
    /// Another GPU than a Hopper.
    #[error(
        "the GPU has compute capability {}.{}; the kernels are for {}.{} (H100, H200)",
        found.0, found.1, needed.0, needed.1
    )]
    Capability {
        /// Major and minor.
        found: (i32, i32),
        /// What the kernels are built for.
        needed: (i32, i32),
    },
    /// A function of the driver failed.
    #[error("{call}: CUDA error {code} {name}")]
    Cuda {
        /// The function.
        call: &'static str,
        /// `CUresult`.
        code: i32,
        /// Its name, where the driver could tell.
        name: String,
    },
    /// The driver's assembler refused a kernel.
    #[error("loading kernel {kernel}: {log}")]
    Jit {
        /// The text's name.
        kernel: &'static str,
        /// The error and the assembler's log.
        log: String,
    },
}
