//! The device of the property tests, with a bug in it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use quarter::gpu::emulate::{Completion, Options, Schedule};
use quarter::gpu::{Device, Driver, Emulator, Launch, Stream, TensorMap, Text};
use quarter::{Error, Result};

thread_local! {
    /// The entry that is another one on this thread, and its text.
    static PLANTED: Cell<Option<(&'static str, &'static Text)>> = const { Cell::new(None) };
    /// A machine that has read the text.
    static READ: RefCell<Option<Emulator>> = const { RefCell::new(None) };
    /// Entries launched.
    static LAUNCHED: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
    /// Whether launches are listed and not run.
    static LISTING: Cell<bool> = const { Cell::new(false) };
    /// Whether the text was not taken.
    static REFUSED: Cell<bool> = const { Cell::new(false) };
}

/// A bug on this thread, for as long as this lives.
pub struct Plant(*mut Text);

pub fn plant(entry: &'static str, ptx: String) -> Plant {
    // A driver's texts live for ever; this one until it is dug out.
    let ptx: &'static str = Box::leak(ptx.into_boxed_str());
    let text = Box::into_raw(Box::new(Text { name: "mutant", ptx, origins: &[], cubin: None }));
    // SAFETY: alive until `Plant` is dropped, after every device of its case.
    PLANTED.set(Some((entry, unsafe { &*text })));
    READ.set(Some(Emulator::new(Options::default())));
    REFUSED.set(false);
    Plant(text)
}

impl Plant {
    pub fn was_refused(&self) -> bool {
        REFUSED.get()
    }
}

impl Drop for Plant {
    fn drop(&mut self) {
        PLANTED.set(None);
        READ.set(None);
        // SAFETY: both were leaked in `plant`, and no device is left that knows them.
        unsafe {
            let text = Box::from_raw(self.0);
            drop(Box::from_raw(std::ptr::from_ref(text.ptx).cast_mut()));
        }
    }
}

/// The entries that a case launches. What it says of the bits means nothing: nothing is run.
pub fn launched(case: impl FnOnce()) -> BTreeSet<String> {
    LISTING.set(true);
    let _ = panic::catch_unwind(AssertUnwindSafe(case));
    LISTING.set(false);
    LAUNCHED.take()
}

/// One device, in place of all.
pub fn devices(seed: u64) -> Vec<Device> {
    let schedule = if seed == 0 { Schedule::InOrder } else { Schedule::Random(seed) };
    let completion = [Completion::Early, Completion::Late, Completion::Random][seed as usize % 3];
    // More than any case needs: a loop that does not end is a fault soon.
    let options = Options { schedule, completion, limit: 1 << 24, ..Options::default() };
    let emulator = READ.with_borrow(|read| match read {
        Some(read) => read.sharing_texts(options),
        None => Emulator::new(options),
    });
    vec![Device::new(driver(&Arc::new(emulator)))]
}

/// How the emulator is called.
pub fn driver(emulator: &Arc<Emulator>) -> Arc<dyn Driver> {
    Arc::new(Planted(Arc::clone(emulator)))
}

struct Planted(Arc<Emulator>);

impl Driver for Planted {
    fn allocate(&self, bytes: usize) -> Result<u64> {
        self.0.allocate(bytes)
    }

    unsafe fn free(&self, address: u64) {
        // SAFETY: as the caller promises, as in all below.
        unsafe { self.0.free(address) }
    }

    unsafe fn write(&self, stream: Stream, to: u64, bytes: &[u8]) -> Result<()> {
        // SAFETY: as above.
        unsafe { self.0.write(stream, to, bytes) }
    }

    unsafe fn read(&self, stream: Stream, from: u64, bytes: &mut [u8]) -> Result<()> {
        // SAFETY: as above.
        unsafe { self.0.read(stream, from, bytes) }
    }

    unsafe fn fill(&self, stream: Stream, to: u64, byte: u8, bytes: usize) -> Result<()> {
        // SAFETY: as above.
        unsafe { self.0.fill(stream, to, byte, bytes) }
    }

    unsafe fn copy(&self, stream: Stream, from: u64, to: u64, bytes: usize) -> Result<()> {
        // SAFETY: as above.
        unsafe { self.0.copy(stream, from, to, bytes) }
    }

    fn encode(&self, map: &TensorMap) -> Result<[u64; 16]> {
        self.0.encode(map)
    }

    unsafe fn launch(&self, stream: Stream, launch: &Launch) -> Result<()> {
        if LISTING.get() {
            LAUNCHED.with_borrow_mut(|launched| launched.insert(launch.entry.to_string()));
            return Ok(());
        }
        let text = match PLANTED.get() {
            Some((entry, text)) if entry == launch.entry => text,
            _ => launch.text,
        };
        // SAFETY: as above; a mutant does nothing to this process.
        let launched = unsafe { self.0.launch(stream, &Launch { text, ..*launch }) };
        if let Err(Error::Device(error)) = &launched {
            // A text that is not taken is named without a block.
            REFUSED.set(!error.to_string().contains("(block"));
        }
        launched
    }

    fn synchronize(&self, stream: Stream) -> Result<()> {
        self.0.synchronize(stream)
    }

    fn time(&self, stream: Stream, work: &mut dyn FnMut() -> Result<()>) -> Result<Duration> {
        self.0.time(stream, work)
    }

    fn describe(&self) -> String {
        self.0.describe()
    }

    fn cache_bytes(&self) -> usize {
        self.0.cache_bytes()
    }

    fn processors(&self) -> u32 {
        self.0.processors()
    }
}
