//! Is there a driver that can do what is asked of it? Nothing of cudarc is called before this
//! has said so, since cudarc panics where a library or a symbol is missing.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::ffi::{c_int, c_uint};
use std::sync::OnceLock;

use libloading::Library;

use crate::gpu::DeviceError;

/// Every function that this folder calls.
pub(super) const SYMBOLS: [&str; 38] = [
    "cuInit",
    "cuDriverGetVersion",
    "cuGetErrorName",
    "cuDeviceGet",
    "cuDeviceGetCount",
    "cuDeviceGetAttribute",
    "cuDeviceGetName",
    "cuDevicePrimaryCtxRetain",
    "cuDevicePrimaryCtxRelease_v2",
    "cuCtxGetCurrent",
    "cuCtxGetDevice",
    "cuCtxPushCurrent_v2",
    "cuCtxPopCurrent_v2",
    "cuMemAlloc_v2",
    "cuMemFree_v2",
    "cuMemcpyHtoDAsync_v2",
    "cuMemcpyDtoHAsync_v2",
    "cuMemcpyDtoDAsync_v2",
    "cuMemsetD8Async",
    "cuModuleLoadDataEx",
    "cuModuleGetFunction",
    "cuModuleUnload",
    "cuFuncSetAttribute",
    "cuLaunchKernel",
    "cuTensorMapEncodeTiled",
    "cuStreamCreate",
    "cuStreamDestroy_v2",
    "cuStreamSynchronize",
    "cuStreamBeginCapture_v2",
    "cuStreamEndCapture",
    "cuGraphInstantiateWithFlags",
    "cuGraphLaunch",
    "cuGraphExecDestroy",
    "cuGraphDestroy",
    "cuEventCreate",
    "cuEventRecord",
    "cuEventSynchronize",
    "cuEventDestroy_v2",
];

/// The oldest driver, as `cuDriverGetVersion` has it: 12.0, the first whose JIT takes PTX 8.0.
const OLDEST: i32 = 12_000;

/// A driver that is there and has been initialised.
pub(super) struct Found {
    pub(super) library: Library,
    /// 1000 x major + 10 x minor.
    pub(super) version: i32,
}

/// Looks once; what it finds, or why it finds nothing, is kept.
pub(super) fn driver() -> Result<&'static Found, DeviceError> {
    static FOUND: OnceLock<Result<Found, DeviceError>> = OnceLock::new();
    FOUND.get_or_init(look).as_ref().map_err(Clone::clone)
}

fn look() -> Result<Found, DeviceError> {
    let library = open()?;
    let missing = SYMBOLS.iter().filter(|name| {
        // SAFETY: the symbol is looked up, not called.
        unsafe { library.get::<unsafe extern "C" fn()>(name.as_bytes()).is_err() }
    });
    let missing: Vec<&'static str> = missing.copied().collect();
    // The version first, if it can be asked: it explains what is missing.
    let version = version(&library)?;
    if version < OLDEST {
        return Err(DeviceError::DriverTooOld { found: version, needed: OLDEST });
    }
    if !missing.is_empty() {
        return Err(DeviceError::MissingSymbols { names: missing, version });
    }
    // SAFETY: the signature of cuInit, which takes no flags.
    let code = unsafe {
        match library.get::<unsafe extern "C" fn(c_uint) -> c_int>(b"cuInit") {
            Ok(init) => init(0),
            Err(error) => return Err(DeviceError::NoDriver { reason: error.to_string() }),
        }
    };
    match code {
        0 => Ok(Found { library, version }),
        NO_DEVICE => Err(DeviceError::NoDevice),
        code => Err(DeviceError::Cuda { call: "cuInit", code, name: String::new() }),
    }
}

/// `CUDA_ERROR_NO_DEVICE`.
const NO_DEVICE: c_int = 100;

/// The names that cudarc tries, which opens the library a second time.
fn open() -> Result<Library, DeviceError> {
    let names = [
        format!("{DLL_PREFIX}cuda{DLL_SUFFIX}"),
        format!("{DLL_PREFIX}cuda{DLL_SUFFIX}.1"),
        format!("{DLL_PREFIX}nvcuda{DLL_SUFFIX}"),
    ];
    let mut reason = String::new();
    for name in &names {
        // SAFETY: loading NVIDIA's driver library runs its initialisers, which expect nothing.
        match unsafe { Library::new(name) } {
            Ok(library) => return Ok(library),
            Err(error) if reason.is_empty() => reason = in_full(&error),
            Err(_) => {}
        }
    }
    Err(DeviceError::NoDriver { reason })
}

/// The loader's message: libloading's own says only that there was one.
fn in_full(error: &libloading::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => source.to_string(),
        None => error.to_string(),
    }
}

fn version(library: &Library) -> Result<i32, DeviceError> {
    let mut version = 0;
    // SAFETY: the signature of cuDriverGetVersion, which may be called before cuInit.
    let code = unsafe {
        let get = library.get::<unsafe extern "C" fn(*mut c_int) -> c_int>(b"cuDriverGetVersion");
        match get {
            Ok(get) => get(&mut version),
            Err(error) => return Err(DeviceError::NoDriver { reason: error.to_string() }),
        }
    };
    match code {
        0 => Ok(version),
        code => Err(DeviceError::Cuda { call: "cuDriverGetVersion", code, name: String::new() }),
    }
}
