//! What can be wrong with a call, told before anything is written.

/// A refused call. Every message says what was wrong and what is allowed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A slice is too short or too long.
    #[error("{what} has {got} elements; {allowed}")]
    Length {
        /// The argument.
        what: &'static str,
        /// Its length.
        got: usize,
        /// The lengths that are allowed.
        allowed: String,
    },
    /// Shapes, pitches or layouts do not fit together.
    #[error("{what} is {rows} x {cols}; {allowed}")]
    Shape {
        /// The argument.
        what: &'static str,
        /// Its rows.
        rows: usize,
        /// Its columns.
        cols: usize,
        /// What is allowed.
        allowed: String,
    },
    /// A parameter is out of its range.
    #[error("{what} is {got}; {allowed}")]
    Parameter {
        /// The parameter.
        what: &'static str,
        /// Its value.
        got: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// There is no device, or it refused or failed.
    #[error(transparent)]
    Device(crate::gpu::DeviceError),
}

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = core::result::Result<T, E>;
