//! Kernels, loaded once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::{CString, c_int, c_void};
use std::sync::{Mutex, PoisonError};

use cudarc::driver::sys::{self, CUfunction, CUjit_option as Jit, CUmodule, CUresult};

use super::call::{self, check};
use super::probe;
use crate::gpu::{DeviceError, Text};
use crate::{Error, Result};

/// Dynamic shared memory that every kernel may have; more is asked for once.
const PLAIN_SHARED: u32 = 48 << 10;

/// The modules of a context, by the address of their text, which lives for ever.
#[derive(Default)]
pub(super) struct Modules(Mutex<HashMap<usize, Module>>);

struct Module {
    raw: CUmodule,
    functions: HashMap<String, Function>,
}

/// A kernel that can be launched.
#[derive(Clone, Copy)]
pub(super) struct Function {
    pub(super) raw: CUfunction,
    /// Bytes of its parameter; `None` where the driver cannot be asked (before 12.4).
    pub(super) parameter: Option<usize>,
    /// Dynamic shared memory that has been asked for.
    shared: u32,
}

// SAFETY: handles of the driver's, which any thread may use in their context.
unsafe impl Send for Module {}

impl Modules {
    /// The kernel. Its context is current.
    pub(super) fn function(
        &self,
        text: &'static Text,
        entry: &str,
        shared: u32,
    ) -> Result<Function> {
        let mut modules = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let module = match modules.entry(std::ptr::from_ref(text) as usize) {
            Entry::Occupied(loaded) => loaded.into_mut(),
            Entry::Vacant(place) => {
                place.insert(Module { raw: load(text)?, functions: HashMap::new() })
            }
        };
        let missing = || DeviceError::NoEntry { kernel: text.name, entry: entry.to_string() };
        if !module.functions.contains_key(entry) {
            let found = find(module.raw, entry)?.ok_or_else(|| Error::Device(missing()))?;
            module.functions.insert(entry.to_string(), found);
        }
        let Some(function) = module.functions.get_mut(entry) else {
            return Err(Error::Device(missing()));
        };
        if shared > PLAIN_SHARED.max(function.shared) {
            let most = sys::CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
            // SAFETY: a function of a live module.
            let result = unsafe { sys::cuFuncSetAttribute(function.raw, most, shared as c_int) };
            check("cuFuncSetAttribute", result)?;
            function.shared = shared;
        }
        Ok(*function)
    }

    /// Unloads everything. The context is current.
    pub(super) fn clear(&self) {
        let mut modules = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, module) in modules.drain() {
            // SAFETY: loaded once, and nothing is launched any more. An error has no listener.
            unsafe { sys::cuModuleUnload(module.raw) };
        }
    }
}

/// The embedded machine code, or what the driver's JIT makes of the text.
fn load(text: &'static Text) -> Result<CUmodule> {
    let mut module = std::ptr::null_mut();
    if let Some(cubin) = text.cubin {
        let image = cubin.as_ptr().cast();
        let none = std::ptr::null_mut();
        // SAFETY: an image of sm_90a, which tells its own length.
        let result = unsafe { sys::cuModuleLoadDataEx(&mut module, image, 0, none, none.cast()) };
        if result == CUresult::CUDA_SUCCESS {
            return Ok(module);
        }
    }
    let source = CString::new(text.ptx).map_err(|_| {
        let log = "the text holds a zero byte".to_string();
        Error::Device(DeviceError::Jit { kernel: text.name, log })
    })?;
    let mut log = vec![0u8; 1 << 14];
    let mut options = [Jit::CU_JIT_ERROR_LOG_BUFFER, Jit::CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES];
    // A number is passed as a pointer of that value.
    let mut values = [log.as_mut_ptr().cast::<c_void>(), log.len() as *mut c_void];
    // SAFETY: the text ends with 0; the log is as long as the driver is told.
    let result = unsafe {
        sys::cuModuleLoadDataEx(
            &mut module,
            source.as_ptr().cast(),
            options.len() as u32,
            options.as_mut_ptr(),
            values.as_mut_ptr(),
        )
    };
    match result {
        CUresult::CUDA_SUCCESS => Ok(module),
        result => {
            let said = log.split(|byte| *byte == 0).next().unwrap_or_default();
            let log = format!(
                "{}\n{}",
                call::error("cuModuleLoadDataEx", result),
                String::from_utf8_lossy(said).trim()
            );
            Err(Error::Device(DeviceError::Jit { kernel: text.name, log }))
        }
    }
}

fn find(module: CUmodule, entry: &str) -> Result<Option<Function>> {
    let Ok(name) = CString::new(entry) else { return Ok(None) };
    let mut raw = std::ptr::null_mut();
    // SAFETY: a live module; the name ends with 0.
    let result = unsafe { sys::cuModuleGetFunction(&mut raw, module, name.as_ptr()) };
    if result == CUresult::CUDA_ERROR_NOT_FOUND {
        return Ok(None);
    }
    check("cuModuleGetFunction", result)?;
    Ok(Some(Function { raw, parameter: parameter(raw), shared: 0 }))
}

/// Bytes of a kernel's first parameter, where the driver can tell.
fn parameter(function: CUfunction) -> Option<usize> {
    type Info = unsafe extern "C" fn(CUfunction, usize, *mut usize, *mut usize) -> c_int;
    let library = &probe::driver().ok()?.library;
    let (mut offset, mut size) = (0, 0);
    // SAFETY: the signature of cuFuncGetParamInfo, of CUDA 12.4 and newer.
    unsafe {
        let info = library.get::<Info>(b"cuFuncGetParamInfo").ok()?;
        (info(function, 0, &mut offset, &mut size) == 0).then_some(size)
    }
}
