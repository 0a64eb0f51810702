//! What a call of the driver returned.

use std::ffi::CStr;

use cudarc::driver::sys::{self, CUresult};

use crate::gpu::DeviceError;
use crate::{Error, Result};

/// An error if the call gave one. Only behind [`probe::driver`](super::probe::driver).
pub(super) fn check(call: &'static str, result: CUresult) -> Result<()> {
    match result {
        CUresult::CUDA_SUCCESS => Ok(()),
        result => Err(Error::Device(error(call, result))),
    }
}

pub(super) fn error(call: &'static str, result: CUresult) -> DeviceError {
    DeviceError::Cuda { call, code: result as i32, name: name(result) }
}

fn name(result: CUresult) -> String {
    let mut name = std::ptr::null();
    // SAFETY: the name is a constant of the driver's, and null for codes without one.
    unsafe {
        match sys::cuGetErrorName(result, &mut name) {
            CUresult::CUDA_SUCCESS if !name.is_null() => {
                CStr::from_ptr(name).to_string_lossy().into_owned()
            }
            _ => String::new(),
        }
    }
}
