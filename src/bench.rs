//! Timing kernels as `benches/` does it (feature `bench`).
//!
//! The device's own clock is read around many launches, so that neither the host nor the gap
//! between two launches is measured. Each launch works on another set of arrays than the ones
//! before it, and the sets together are larger than the cache: data comes from memory, as in
//! training. A figure is the median of samples; what it is compared with is sampled in turns with
//! it, since clocks and temperature move.
//!
//! ```
//! # #[cfg(feature = "emulator")] {
//! use std::sync::Arc;
//! use quarter::bench::Bench;
//! use quarter::gpu::{Buffer, Driver, Emulator, emulate::Options};
//!
//! // On a Hopper GPU: `Cuda::open(0)`. The emulator's times are those of this CPU.
//! let driver: Arc<dyn Driver> = Arc::new(Emulator::new(Options::default()));
//! let bench = Bench { samples: 3, sample_seconds: 1e-4, ..Bench::new(&driver) };
//! let sets = bench.sets(2 << 20);
//! let arrays = (0..sets).map(|_| Buffer::zeroed(&driver, 2 << 20)).collect::<Result<Vec<_>, _>>()?;
//! let mut fill = |i: usize| {
//!     // SAFETY: the range is the array.
//!     unsafe { driver.fill(bench.stream, arrays[i % sets].address(), 1, 2 << 20) }
//! };
//! let [times] = bench.in_turns([&mut fill])?;
//! println!("{:.1} GB/s", (2 << 20) as f64 / times.median());
//! # }
//! # Ok::<(), quarter::Error>(())
//! ```
//!
//! With criterion, whose statistics then rest on the device's clock:
//! `b.iter_custom(|n| bench.elapsed(n, &mut fill).unwrap())`.

use std::sync::Arc;
use std::time::Duration;

use crate::Result;
use crate::gpu::{Driver, Stream};

/// How to measure.
#[derive(Clone)]
pub struct Bench {
    /// The machine.
    pub driver: Arc<dyn Driver>,
    /// Where the work is enqueued.
    pub stream: Stream,
    /// Samples of each work; a median of fewer than 20 is none.
    pub samples: usize,
    /// A sample is as many launches as fill this time, at least one.
    pub sample_seconds: f64,
    /// Time to run before the first sample, until clocks have settled.
    pub warm_up_seconds: f64,
}

/// Enqueues launch number `i`, on set `i % sets`.
pub type Work<'a> = dyn FnMut(usize) -> Result<()> + 'a;

/// Nanoseconds of one launch, a number for each sample, ascending.
#[derive(Clone, Debug, PartialEq)]
pub struct Times(Vec<f64>);

impl Bench {
    /// 30 samples of 2 ms after 50 ms, on the default stream.
    pub fn new(driver: &Arc<dyn Driver>) -> Self {
        Self {
            driver: Arc::clone(driver),
            stream: Stream::default(),
            samples: 30,
            sample_seconds: 2e-3,
            warm_up_seconds: 50e-3,
        }
    }

    /// How many sets of arrays of so many bytes to rotate over: more than two, and together three
    /// times the cache, so that a set has left it when its turn comes again.
    pub fn sets(&self, bytes: usize) -> usize {
        (3 * self.driver.cache_bytes()).div_ceil(bytes.max(1)).clamp(3, 4096)
    }

    /// Time of `launches`, together. The work is told their numbers.
    ///
    /// # Errors
    /// Those of the work and of [`Driver::time`].
    pub fn elapsed(&self, launches: u64, work: &mut Work) -> Result<Duration> {
        self.driver.time(self.stream, &mut || (0..launches as usize).try_for_each(&mut *work))
    }

    /// Samples all works in turns: one of each, again and again.
    ///
    /// # Errors
    /// As [`elapsed`](Self::elapsed).
    pub fn in_turns<const N: usize>(&self, mut works: [&mut Work; N]) -> Result<[Times; N]> {
        let mut launches = [1; N];
        for (work, launches) in works.iter_mut().zip(&mut launches) {
            *launches = self.launches(work)?;
        }
        let mut times: [Vec<f64>; N] = std::array::from_fn(|_| Vec::with_capacity(self.samples));
        for _ in 0..self.samples.max(1) {
            for ((work, times), launches) in works.iter_mut().zip(&mut times).zip(launches) {
                let elapsed = self.elapsed(launches, work)?;
                times.push(elapsed.as_secs_f64() * 1e9 / launches as f64);
            }
        }
        Ok(times.map(|mut times| {
            times.sort_by(f64::total_cmp);
            Times(times)
        }))
    }

    /// Launches that fill a sample, after the warm-up.
    fn launches(&self, work: &mut Work) -> Result<u64> {
        let (mut spent, mut launches) = (0.0, 1u64);
        loop {
            let seconds = self.elapsed(launches, work)?.as_secs_f64();
            spent += seconds;
            let fill = (launches as f64 * self.sample_seconds / seconds.max(1e-9)).ceil();
            launches = (fill as u64).clamp(1, 1 << 16);
            if spent >= self.warm_up_seconds || self.warm_up_seconds <= 0.0 {
                return Ok(launches);
            }
        }
    }
}

impl Times {
    /// The middle sample.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The sample below which this part of them lies.
    pub fn quantile(&self, part: f64) -> f64 {
        let last = self.0.len().saturating_sub(1) as f64;
        let at = (part.clamp(0.0, 1.0) * last).round() as usize;
        self.0.get(at).copied().unwrap_or(f64::NAN)
    }

    /// All of them, ascending.
    pub fn all(&self) -> &[f64] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::{DeviceError, Launch, TensorMap};
    use std::sync::Mutex;

    /// A machine on which everything enqueued takes 1000 ns, and each look at the clock 500.
    #[derive(Default)]
    struct Steady(Mutex<u32>);

    impl Driver for Steady {
        fn allocate(&self, _: usize) -> Result<u64> {
            Ok(0)
        }
        unsafe fn free(&self, _: u64) {}
        unsafe fn write(&self, _: Stream, _: u64, _: &[u8]) -> Result<()> {
            Ok(())
        }
        unsafe fn read(&self, _: Stream, _: u64, _: &mut [u8]) -> Result<()> {
            Ok(())
        }
        unsafe fn fill(&self, _: Stream, _: u64, _: u8, _: usize) -> Result<()> {
            *self.0.lock().unwrap() += 1000;
            Ok(())
        }
        unsafe fn copy(&self, _: Stream, _: u64, _: u64, _: usize) -> Result<()> {
            Ok(())
        }
        fn encode(&self, _: &TensorMap) -> Result<[u64; 16]> {
            Ok([0; 16])
        }
        unsafe fn launch(&self, _: Stream, _: &Launch) -> Result<()> {
            Ok(())
        }
        fn synchronize(&self, _: Stream) -> Result<()> {
            Ok(())
        }
        fn time(&self, _: Stream, work: &mut dyn FnMut() -> Result<()>) -> Result<Duration> {
            *self.0.lock().unwrap() = 500;
            work()?;
            Ok(Duration::from_nanos(u64::from(*self.0.lock().unwrap())))
        }
        fn describe(&self) -> String {
            "steady".into()
        }
        fn cache_bytes(&self) -> usize {
            50 << 20
        }
        fn processors(&self) -> u32 {
            132
        }
    }

    fn steady() -> (Arc<dyn Driver>, Bench) {
        let driver: Arc<dyn Driver> = Arc::new(Steady::default());
        let bench = Bench { sample_seconds: 1e-3, warm_up_seconds: 1e-4, ..Bench::new(&driver) };
        (driver, bench)
    }

    #[test]
    fn a_launch_is_timed_without_the_look_at_the_clock() {
        let (driver, bench) = steady();
        // SAFETY: nothing is written.
        let mut once = |_| unsafe { driver.fill(Stream::default(), 0, 0, 0) };
        // SAFETY: as above.
        let mut twice = |_| unsafe {
            driver.fill(Stream::default(), 0, 0, 0)?;
            driver.fill(Stream::default(), 0, 0, 0)
        };
        let [once, twice] = bench.in_turns([&mut once, &mut twice]).unwrap();
        assert_eq!((once.all().len(), twice.all().len()), (30, 30));
        assert!((once.median() - 1000.0).abs() < 2.0, "{once:?}");
        assert!((twice.median() - 2000.0).abs() < 2.0, "{twice:?}");
    }

    #[test]
    fn sets_do_not_fit_the_cache() {
        let (_, bench) = steady();
        assert_eq!((bench.sets(1 << 20), bench.sets(1 << 30), bench.sets(0)), (150, 3, 4096));
    }

    #[test]
    fn quantiles() {
        let times = Times(vec![1.0, 2.0, 3.0, 4.0, 9.0]);
        assert_eq!((times.median(), times.quantile(0.0), times.quantile(1.0)), (3.0, 1.0, 9.0));
        assert!(Times(vec![]).median().is_nan());
    }

    #[test]
    fn errors_of_the_work_are_told() {
        let (_, bench) = steady();
        let error = crate::Error::Device(DeviceError::Emulator("stop".into()));
        let mut work = |_| Err(error.clone());
        assert_eq!(bench.in_turns([&mut work]).unwrap_err(), error);
    }
}
