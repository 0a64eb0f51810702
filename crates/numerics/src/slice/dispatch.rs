//! One loop body compiled for several instruction sets.

/// Defines a function that runs its body as AVX-512, AVX2 or baseline code.
///
/// The body holds no intrinsics: the same arithmetic, so the same bits, is
/// vectorised for each set. Detection needs `std`.
macro_rules! multiversion {
    (fn $name:ident<$($generic:ident: $bound:path),+>(
        $($arg:ident: $type:ty),+ $(,)?
    ) $(-> $result:ty)? $body:block) => {
        fn $name<$($generic: $bound),+>($($arg: $type),+) $(-> $result)? {
            #[inline(always)]
            fn body<$($generic: $bound),+>($($arg: $type),+) $(-> $result)? $body

            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
                fn avx512<$($generic: $bound),+>($($arg: $type),+) $(-> $result)? {
                    body($($arg),+)
                }
                #[target_feature(enable = "avx2")]
                fn avx2<$($generic: $bound),+>($($arg: $type),+) $(-> $result)? {
                    body($($arg),+)
                }
                if $crate::slice::dispatch::has_avx512() {
                    // SAFETY: every feature it enables was detected.
                    return unsafe { avx512($($arg),+) };
                }
                if std::arch::is_x86_feature_detected!("avx2") {
                    // SAFETY: the feature it enables was detected.
                    return unsafe { avx2($($arg),+) };
                }
            }
            body($($arg),+)
        }
    };
}

pub(super) use multiversion;

/// Whether the processor has the AVX-512 subsets of every server since 2017.
#[cfg(all(feature = "std", target_arch = "x86_64"))]
pub(super) fn has_avx512() -> bool {
    std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("avx512vl")
        && std::arch::is_x86_feature_detected!("avx512dq")
}
