//! Traits of other crates, a feature each.

#[cfg(feature = "bytemuck")]
mod bytemuck;
#[cfg(feature = "num-traits")]
mod num_traits;
#[cfg(feature = "rand")]
mod rand;
#[cfg(feature = "serde")]
mod serde;

/// Calls a macro with each of the four floating-point types.
#[cfg(any(feature = "num-traits", feature = "rand"))]
macro_rules! for_floats {
    ($macro:ident) => {
        $macro!(E4m3);
        $macro!(E5m2);
        $macro!(E4m3Fnuz);
        $macro!(E5m2Fnuz);
    };
}

/// Calls a macro with every type.
#[cfg(any(feature = "bytemuck", feature = "num-traits", feature = "serde"))]
macro_rules! for_all {
    ($macro:ident) => {
        $macro!(E4m3);
        $macro!(E5m2);
        $macro!(E4m3Fnuz);
        $macro!(E5m2Fnuz);
        $macro!(E8m0);
    };
}

#[cfg(any(feature = "bytemuck", feature = "num-traits", feature = "serde"))]
use for_all;
#[cfg(any(feature = "num-traits", feature = "rand"))]
use for_floats;
