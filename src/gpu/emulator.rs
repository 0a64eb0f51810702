//! The emulator as a [`Driver`]: the kernels' text on a CPU.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use quarter_emulator::{Counters, ElementType, Grid, Machine, Module, Options, Swizzle, Touches};

use super::{Device, DeviceError, Driver, Launch, MapElement, Stream, TensorMap, Text};
use crate::{Error, Result};

/// A machine that runs PTX on this CPU. Each launch ends before it returns.
///
/// It tells more than a GPU: [`counters`](Self::counters) of all launches so far, and, where
/// [`Options::count_touches`] asks for it, how often each byte was read and written.
#[derive(Debug)]
pub struct Emulator {
    state: Mutex<State>,
    /// What has been read of texts that are not shipped.
    modules: Arc<Mutex<Modules>>,
}

/// Modules by the address of their text, which lives for ever.
type Modules = BTreeMap<usize, Arc<Module>>;

#[derive(Debug)]
struct State {
    machine: Machine,
    counters: Counters,
    /// What `free` was refused.
    lost: Option<String>,
}

fn refused(error: impl ToString) -> Error {
    Error::Device(DeviceError::Emulator(error.to_string()))
}

/// The module of a shipped text, which all emulators of a process share.
fn shipped(text: &'static Text) -> Option<Result<Arc<Module>>> {
    static MODULES: Mutex<Modules> = Mutex::new(BTreeMap::new());
    let shipped = Text::all().iter().any(|shipped| std::ptr::eq(shipped, text));
    shipped.then(|| read(&MODULES, text))
}

/// The module of a text, read once.
fn read(modules: &Mutex<Modules>, text: &'static Text) -> Result<Arc<Module>> {
    let mut modules = modules.lock().unwrap_or_else(PoisonError::into_inner);
    let key = std::ptr::from_ref(text) as usize;
    if let Some(module) = modules.get(&key) {
        return Ok(Arc::clone(module));
    }
    let module = Arc::new(Module::parse(&text.marked()).map_err(refused)?);
    modules.insert(key, Arc::clone(&module));
    Ok(module)
}

impl Emulator {
    /// A machine with empty memory.
    pub fn new(options: Options) -> Self {
        let machine = Machine::new(options);
        let state = State { machine, counters: Counters::default(), lost: None };
        Self { state: Mutex::new(state), modules: Arc::default() }
    }

    /// Another machine, for texts of the caller's: neither reads what the other has read.
    pub fn sharing_texts(&self, options: Options) -> Self {
        Self { modules: Arc::clone(&self.modules), ..Self::new(options) }
    }

    /// The sum over all launches since the last call.
    pub fn counters(&self) -> Counters {
        std::mem::take(&mut self.state().counters)
    }

    /// Loads and stores of each byte of an allocation; `None` if they are not counted.
    pub fn touches(&self, address: u64) -> Option<Touches> {
        self.state().machine.touches(address).cloned()
    }

    /// A thread that panicked here left nothing half-done that matters: faults are values.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Device {
    /// The emulator.
    pub fn emulator(options: Options) -> Self {
        Self::new(Arc::new(Emulator::new(options)))
    }
}

impl Driver for Emulator {
    fn allocate(&self, bytes: usize) -> Result<u64> {
        self.state().machine.allocate(bytes).map_err(refused)
    }

    unsafe fn free(&self, address: u64) {
        let mut state = self.state();
        if let Err(error) = state.machine.free(address) {
            state.lost = Some(error.to_string());
        }
    }

    unsafe fn write(&self, _: Stream, to: u64, bytes: &[u8]) -> Result<()> {
        self.state().machine.write(to, bytes).map_err(refused)
    }

    unsafe fn read(&self, _: Stream, from: u64, bytes: &mut [u8]) -> Result<()> {
        self.state().machine.read(from, bytes).map_err(refused)
    }

    unsafe fn fill(&self, _: Stream, to: u64, byte: u8, bytes: usize) -> Result<()> {
        self.state().machine.write(to, &vec![byte; bytes]).map_err(refused)
    }

    unsafe fn copy(&self, _: Stream, from: u64, to: u64, bytes: usize) -> Result<()> {
        let mut state = self.state();
        let mut copied = vec![0; bytes];
        state.machine.read(from, &mut copied).map_err(refused)?;
        state.machine.write(to, &copied).map_err(refused)
    }

    fn encode(&self, map: &TensorMap) -> Result<[u64; 16]> {
        let TensorMap { element, address, rows, cols, pitch, box_rows, box_cols } = *map;
        let map = quarter_emulator::TensorMap {
            element: match element {
                MapElement::U8 => ElementType::U8,
                MapElement::F16 => ElementType::F16,
                MapElement::Bf16 => ElementType::Bf16,
                MapElement::F32 => ElementType::F32,
            },
            rank: 2,
            address,
            dims: [cols, rows, 1],
            strides: [pitch, 0],
            box_dims: [box_cols, box_rows, 1],
            swizzle: Swizzle::B128,
        };
        let bytes = map.encode().map_err(refused)?;
        let mut words = [0; 16];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *word = u64::from_ne_bytes(*bytes);
        }
        Ok(words)
    }

    unsafe fn launch(&self, _: Stream, launch: &Launch) -> Result<()> {
        let mut state = self.state();
        let module = match shipped(launch.text) {
            Some(module) => module?,
            None => read(&self.modules, launch.text)?,
        };
        let grid =
            Grid { grid: launch.grid, block: launch.block, shared_bytes: launch.shared_bytes };
        let counters = state.machine.launch(&module, launch.entry, &grid, launch.params);
        state.counters.add(&counters.map_err(refused)?);
        Ok(())
    }

    fn synchronize(&self, _: Stream) -> Result<()> {
        match self.state().lost.take() {
            None => Ok(()),
            Some(lost) => Err(Error::Device(DeviceError::Emulator(lost))),
        }
    }

    fn time(&self, _: Stream, work: &mut dyn FnMut() -> Result<()>) -> Result<Duration> {
        let began = Instant::now();
        work()?;
        Ok(began.elapsed())
    }

    fn describe(&self) -> String {
        format!("emulator {}", env!("CARGO_PKG_VERSION"))
    }

    fn cache_bytes(&self) -> usize {
        0
    }

    fn processors(&self) -> u32 {
        self.state().machine.options().processors
    }
}
