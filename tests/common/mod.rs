//! Comparing bits, and running on so many threads.

use quarter::Element;

/// Equal bits; any NaN equals any other. -0 differs from +0.
pub fn same_bits<T: Element>(a: T, b: T) -> bool {
    let (a, b) = (a.to_f32(), b.to_f32());
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

/// Runs `work` in a pool of so many threads.
pub fn pool<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}
