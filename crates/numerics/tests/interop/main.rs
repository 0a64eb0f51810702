//! The optional traits, on every type.

/// A test for each check, which runs for each type.
macro_rules! each {
    ($($test:ident: $check:ident for $($name:ident)*;)*) => {$(
        #[test]
        fn $test() {
            $($check!($name);)*
        }
    )*};
}

mod bytes;
mod num;
mod random;
