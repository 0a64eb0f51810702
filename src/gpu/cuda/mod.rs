//! CUDA as a [`Driver`], with libcuda loaded at run time.
//!
//! A binary built anywhere runs anywhere: where there is no driver, no Hopper GPU, or an old
//! driver, [`Cuda::open`] says so. cudarc is used for its declarations and stays inside this
//! folder; handles cross its border as numbers, so that any other binding, and any other version
//! of it, can be used beside.

mod call;
mod context;
mod module;
mod probe;
mod stream;

use std::ffi::c_void;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cudarc::driver::sys::{self, CUdevice_attribute as Attribute, CUtensorMapDataType};

use super::{Device, Driver, Launch, MapElement, Stream, TensorMap, Text};
use crate::{Error, Result};
use call::check;
use context::Context;
use module::Modules;
use stream::raw;
pub use stream::{Graph, OwnedStream};

/// A Hopper GPU.
///
/// Kernels are loaded at their first launch, from machine code where feature `cubin` embeds it,
/// else by the driver's JIT, which takes seconds for the larger families and is cached by the
/// driver between runs; [`preload`](Self::preload) does all of that beforehand. A launch allocates
/// nothing on the device and waits for nothing, so it can be captured in a graph.
///
/// Each call makes the context current on its thread and then puts back the one that was.
pub struct Cuda {
    context: Arc<Context>,
    modules: Modules,
    processors: u32,
    cache_bytes: usize,
    /// What `free` was refused.
    lost: Mutex<Option<Error>>,
}

/// Bytes of parameters that a kernel may have.
const MOST_PARAMETERS: usize = 4096;

impl Cuda {
    /// GPU number `ordinal`, in its primary context.
    ///
    /// # Errors
    /// [`Error::Device`]: no driver, no device, no such device, an old driver, another GPU than a
    /// Hopper.
    pub fn open(ordinal: u32) -> Result<Self> {
        Self::within(Context::primary(ordinal)?)
    }

    /// The GPU whose context is current on this thread, for those who made one themselves.
    ///
    /// # Errors
    /// As [`open`](Self::open), and if no context is current.
    ///
    /// # Safety
    /// The context outlives this and everything made from it.
    pub unsafe fn current() -> Result<Self> {
        Self::within(Context::current()?)
    }

    fn within(context: Context) -> Result<Self> {
        let number = |attribute| context.attribute(attribute).map(|n| n.max(0) as usize);
        let processors = number(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)? as u32;
        let cache_bytes = number(Attribute::CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE)?;
        Ok(Self {
            context: Arc::new(context),
            modules: Modules::default(),
            processors,
            cache_bytes,
            lost: Mutex::new(None),
        })
    }

    /// Loads every kernel.
    ///
    /// # Errors
    /// [`DeviceError::Jit`](super::DeviceError::Jit) with the log of the driver's assembler.
    pub fn preload(&self) -> Result<()> {
        Text::all().iter().try_for_each(|text| self.load(text))
    }

    /// Loads the kernels of one text.
    ///
    /// # Errors
    /// As [`preload`](Self::preload).
    pub fn load(&self, text: &'static Text) -> Result<()> {
        let _entered = self.context.enter()?;
        let mut entries = text.entries();
        entries.try_for_each(|entry| self.modules.function(text, entry, 0).map(|_| ()))
    }
}

impl Drop for Cuda {
    fn drop(&mut self) {
        if let Ok(_entered) = self.context.enter() {
            self.modules.clear();
        }
    }
}

impl Device {
    /// GPU number `ordinal`.
    ///
    /// # Errors
    /// As [`Cuda::open`].
    pub fn cuda(ordinal: u32) -> Result<Self> {
        Ok(Self::new(Arc::new(Cuda::open(ordinal)?)))
    }
}

impl Driver for Cuda {
    fn allocate(&self, bytes: usize) -> Result<u64> {
        let _entered = self.context.enter()?;
        let mut address = 0;
        // SAFETY: the context is current. Nothing is an allocation of nothing to CUDA.
        check("cuMemAlloc", unsafe { sys::cuMemAlloc_v2(&mut address, bytes.max(1)) })?;
        Ok(address)
    }

    unsafe fn free(&self, address: u64) {
        let freed = self.context.enter().and_then(|_entered| {
            // SAFETY: as the caller promises.
            check("cuMemFree", unsafe { sys::cuMemFree_v2(address) })
        });
        if let Err(error) = freed {
            *self.lost.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    }

    unsafe fn write(&self, stream: Stream, to: u64, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let _entered = self.context.enter()?;
        let from = bytes.as_ptr().cast();
        // SAFETY: as the caller promises; the bytes live until the stream has been waited for.
        unsafe {
            let result = sys::cuMemcpyHtoDAsync_v2(to, from, bytes.len(), raw(stream));
            check("cuMemcpyHtoDAsync", result)?;
            check("cuStreamSynchronize", sys::cuStreamSynchronize(raw(stream)))
        }
    }

    unsafe fn read(&self, stream: Stream, from: u64, bytes: &mut [u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let _entered = self.context.enter()?;
        let to = bytes.as_mut_ptr().cast();
        // SAFETY: as in `write`.
        unsafe {
            let result = sys::cuMemcpyDtoHAsync_v2(to, from, bytes.len(), raw(stream));
            check("cuMemcpyDtoHAsync", result)?;
            check("cuStreamSynchronize", sys::cuStreamSynchronize(raw(stream)))
        }
    }

    unsafe fn fill(&self, stream: Stream, to: u64, byte: u8, bytes: usize) -> Result<()> {
        if bytes == 0 {
            return Ok(());
        }
        let _entered = self.context.enter()?;
        // SAFETY: as the caller promises.
        let result = unsafe { sys::cuMemsetD8Async(to, byte, bytes, raw(stream)) };
        check("cuMemsetD8Async", result)
    }

    unsafe fn copy(&self, stream: Stream, from: u64, to: u64, bytes: usize) -> Result<()> {
        if bytes == 0 {
            return Ok(());
        }
        let _entered = self.context.enter()?;
        // SAFETY: as the caller promises.
        let result = unsafe { sys::cuMemcpyDtoDAsync_v2(to, from, bytes, raw(stream)) };
        check("cuMemcpyDtoDAsync", result)
    }

    fn encode(&self, map: &TensorMap) -> Result<[u64; 16]> {
        let kind = match map.element {
            MapElement::U8 => CUtensorMapDataType::CU_TENSOR_MAP_DATA_TYPE_UINT8,
            MapElement::F16 => CUtensorMapDataType::CU_TENSOR_MAP_DATA_TYPE_FLOAT16,
            MapElement::Bf16 => CUtensorMapDataType::CU_TENSOR_MAP_DATA_TYPE_BFLOAT16,
            MapElement::F32 => CUtensorMapDataType::CU_TENSOR_MAP_DATA_TYPE_FLOAT32,
        };
        let _entered = self.context.enter()?;
        let (dims, strides) = ([map.cols, map.rows], [map.pitch]);
        let (boxes, every) = ([map.box_cols, map.box_rows], [1, 1]);
        let mut made = sys::CUtensorMap { opaque: [0; 16] };
        // SAFETY: the context is current; arrays of the rank's length, which outlive the call;
        // nothing is read at the address.
        let result = unsafe {
            sys::cuTensorMapEncodeTiled(
                &mut made,
                kind,
                2,
                map.address as *mut c_void,
                dims.as_ptr(),
                strides.as_ptr(),
                boxes.as_ptr(),
                every.as_ptr(),
                sys::CUtensorMapInterleave::CU_TENSOR_MAP_INTERLEAVE_NONE,
                sys::CUtensorMapSwizzle::CU_TENSOR_MAP_SWIZZLE_128B,
                sys::CUtensorMapL2promotion::CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                sys::CUtensorMapFloatOOBfill::CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE,
            )
        };
        check("cuTensorMapEncodeTiled", result)?;
        Ok(made.opaque)
    }

    unsafe fn launch(&self, stream: Stream, launch: &Launch) -> Result<()> {
        let _entered = self.context.enter()?;
        let function = self.modules.function(launch.text, launch.entry, launch.shared_bytes)?;
        let given = launch.params.len();
        if given > MOST_PARAMETERS || function.parameter.is_some_and(|declared| declared != given) {
            return Err(Error::Parameter {
                what: "kernel parameter",
                got: format!("{given} bytes for {}", launch.entry),
                allowed: "as many bytes as the entry declares are allowed, at most 4096",
            });
        }
        // The driver reads as many bytes as the entry declares, aligned as it declares.
        let mut params = Params([0; MOST_PARAMETERS]);
        params.0[..given].copy_from_slice(launch.params);
        let mut pointers = [(&raw mut params).cast::<c_void>()];
        let ([gx, gy, gz], [bx, by, bz]) = (launch.grid, launch.block);
        // SAFETY: one parameter, which outlives the call: the driver copies it. The rest as the
        // caller promises.
        let result = unsafe {
            sys::cuLaunchKernel(
                function.raw,
                gx,
                gy,
                gz,
                bx,
                by,
                bz,
                launch.shared_bytes,
                raw(stream),
                pointers.as_mut_ptr(),
                std::ptr::null_mut(),
            )
        };
        check("cuLaunchKernel", result)
    }

    fn synchronize(&self, stream: Stream) -> Result<()> {
        let _entered = self.context.enter()?;
        // SAFETY: the stream is the caller's.
        check("cuStreamSynchronize", unsafe { sys::cuStreamSynchronize(raw(stream)) })?;
        match self.lost.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn time(&self, stream: Stream, work: &mut dyn FnMut() -> Result<()>) -> Result<Duration> {
        self.between_events(stream, work)
    }

    fn describe(&self) -> String {
        let name = self.context.name().unwrap_or_default();
        let version = probe::driver().map_or(0, |found| found.version);
        let (major, minor) = (version / 1000, version % 1000 / 10);
        format!("{name}, {} SM, CUDA driver {major}.{minor}", self.processors)
    }

    fn cache_bytes(&self) -> usize {
        self.cache_bytes
    }

    fn processors(&self) -> u32 {
        self.processors
    }
}

/// As aligned as a tensor map has to be, the most that a parameter asks for.
#[repr(C, align(128))]
struct Params([u8; MOST_PARAMETERS]);
