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
}
