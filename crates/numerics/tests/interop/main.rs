//! The optional traits, on every type. Each feature is tested alone too.
#![cfg(any(feature = "bytemuck", feature = "num-traits", feature = "rand", feature = "serde"))]

/// A test for each check, which runs for each type.
macro_rules! each {
    ($($test:ident: $check:ident for $($name:ident)*;)*) => {$(
        #[test]
        fn $test() {
            $($check!($name);)*
        }
    )*};
}

#[cfg(feature = "bytemuck")]
mod bytes;
#[cfg(feature = "serde")]
mod codes;
#[cfg(feature = "num-traits")]
mod num;
#[cfg(feature = "rand")]
mod random;
