//! The context in which everything happens.

use std::ffi::{CStr, c_char};

use cudarc::driver::sys::{self, CUcontext, CUdevice, CUdevice_attribute as Attribute};

use super::call::check;
use super::probe;
use crate::gpu::DeviceError;
use crate::{Error, Result};

/// The compute capability of the machine code: sm_90a runs on nothing else.
const CAPABILITY: (i32, i32) = (9, 0);

/// A CUDA context of a Hopper GPU.
pub(super) struct Context {
    raw: CUcontext,
    device: CUdevice,
    /// Whether it is the primary one, retained here.
    retained: bool,
}

// SAFETY: a context may be made current on any thread, and the driver locks for itself.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

impl Context {
    /// The primary context of a device: what PyTorch, candle and cudarc use.
    pub(super) fn primary(ordinal: u32) -> Result<Self> {
        probe::driver().map_err(Error::Device)?;
        let (mut count, mut device) = (0, 0);
        // SAFETY: the driver is there; the variables outlive the calls.
        unsafe {
            check("cuDeviceGetCount", sys::cuDeviceGetCount(&mut count))?;
            if count == 0 {
                return Err(Error::Device(DeviceError::NoDevice));
            }
            let missing = DeviceError::NoSuchDevice { asked: ordinal, count: count as u32 };
            let ordinal = i32::try_from(ordinal).ok().filter(|o| *o < count);
            let ordinal = ordinal.ok_or(Error::Device(missing))?;
            check("cuDeviceGet", sys::cuDeviceGet(&mut device, ordinal))?;
        }
        hopper(device)?;
        let mut raw = std::ptr::null_mut();
        // SAFETY: as above.
        let result = unsafe { sys::cuDevicePrimaryCtxRetain(&mut raw, device) };
        check("cuDevicePrimaryCtxRetain", result)?;
        Ok(Self { raw, device, retained: true })
    }

    /// The context that is current on this thread.
    pub(super) fn current() -> Result<Self> {
        probe::driver().map_err(Error::Device)?;
        let (mut raw, mut device) = (std::ptr::null_mut(), 0);
        // SAFETY: the driver is there; the variables outlive the calls.
        unsafe {
            check("cuCtxGetCurrent", sys::cuCtxGetCurrent(&mut raw))?;
            if raw.is_null() {
                return Err(Error::Device(DeviceError::NoContext));
            }
            check("cuCtxGetDevice", sys::cuCtxGetDevice(&mut device))?;
        }
        hopper(device)?;
        Ok(Self { raw, device, retained: false })
    }

    /// Makes it current on this thread for as long as the guard lives.
    pub(super) fn enter(&self) -> Result<Entered> {
        // SAFETY: the context is alive.
        check("cuCtxPushCurrent", unsafe { sys::cuCtxPushCurrent_v2(self.raw) })?;
        Ok(Entered(()))
    }

    pub(super) fn attribute(&self, attribute: Attribute) -> Result<i32> {
        self::attribute(self.device, attribute)
    }

    /// The device's name.
    pub(super) fn name(&self) -> Result<String> {
        let mut name = [0 as c_char; 256];
        // SAFETY: the buffer is as long as the driver is told.
        let result = unsafe { sys::cuDeviceGetName(name.as_mut_ptr(), 256, self.device) };
        check("cuDeviceGetName", result)?;
        name[255] = 0;
        // SAFETY: it ends with 0.
        Ok(unsafe { CStr::from_ptr(name.as_ptr()) }.to_string_lossy().into_owned())
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        if self.retained {
            // SAFETY: retained once in `primary`. An error has nobody to hear it.
            unsafe { sys::cuDevicePrimaryCtxRelease_v2(self.device) };
        }
    }
}

/// The context is current while this lives.
pub(super) struct Entered(());

impl Drop for Entered {
    fn drop(&mut self) {
        let mut popped = std::ptr::null_mut();
        // SAFETY: what `enter` pushed is on top: guards are dropped in the order of a stack.
        unsafe { sys::cuCtxPopCurrent_v2(&mut popped) };
    }
}

fn attribute(device: CUdevice, attribute: Attribute) -> Result<i32> {
    let mut value = 0;
    // SAFETY: the driver is there, and the device one of its.
    let result = unsafe { sys::cuDeviceGetAttribute(&mut value, attribute, device) };
    check("cuDeviceGetAttribute", result)?;
    Ok(value)
}

fn hopper(device: CUdevice) -> Result<()> {
    let found = (
        attribute(device, Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
        attribute(device, Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
    );
    if found == CAPABILITY {
        return Ok(());
    }
    Err(Error::Device(DeviceError::Capability { found, needed: CAPABILITY }))
}
