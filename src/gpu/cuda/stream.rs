//! Streams, graphs and times, for those who bring none of their own.

use std::ffi::c_int;
use std::sync::Arc;
use std::time::Duration;

use cudarc::driver::sys::{self, CUevent, CUgraphExec, CUstream, CUstreamCaptureMode};

use super::call::check;
use super::context::Context;
use super::{Cuda, probe};
use crate::gpu::{DeviceError, Stream};
use crate::{Error, Result};

/// A stream, destroyed when dropped. It does not wait for the default stream.
pub struct OwnedStream {
    context: Arc<Context>,
    stream: Stream,
}

/// Launches that were captured, to be launched together again and again.
pub struct Graph {
    context: Arc<Context>,
    raw: CUgraphExec,
}

// SAFETY: a handle of the driver's; launching takes `&self`, and the driver locks for itself.
unsafe impl Send for Graph {}
// SAFETY: as above.
unsafe impl Sync for Graph {}

pub(super) fn raw(stream: Stream) -> CUstream {
    stream.0 as CUstream
}

impl Cuda {
    /// A new stream.
    ///
    /// # Errors
    /// As the driver has it.
    pub fn new_stream(&self) -> Result<OwnedStream> {
        let _entered = self.context.enter()?;
        let mut raw = std::ptr::null_mut();
        let flags = sys::CUstream_flags::CU_STREAM_NON_BLOCKING as u32;
        // SAFETY: the context is current.
        check("cuStreamCreate", unsafe { sys::cuStreamCreate(&mut raw, flags) })?;
        Ok(OwnedStream { context: Arc::clone(&self.context), stream: Stream(raw as usize) })
    }

    /// Captures what `work` enqueues on the stream, instead of running it. Kernels have to be
    /// loaded before: [`preload`](Self::preload).
    ///
    /// # Errors
    /// Those of `work`, and the driver's where something cannot be captured.
    pub fn capture(
        &self,
        stream: &OwnedStream,
        work: impl FnOnce(Stream) -> Result<()>,
    ) -> Result<Graph> {
        let _entered = self.context.enter()?;
        let mode = CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        let captured = raw(stream.stream);
        let (mut graph, mut exec) = (std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: a live stream; the graph is destroyed once it is instantiated.
        unsafe {
            check("cuStreamBeginCapture", sys::cuStreamBeginCapture_v2(captured, mode))?;
            let worked = work(stream.stream);
            // Ended in any case, or the stream would be captured for ever.
            let ended = check("cuStreamEndCapture", sys::cuStreamEndCapture(captured, &mut graph));
            let instantiated = worked.and(ended).and_then(|()| {
                let result = sys::cuGraphInstantiateWithFlags(&mut exec, graph, 0);
                check("cuGraphInstantiateWithFlags", result)
            });
            if !graph.is_null() {
                sys::cuGraphDestroy(graph);
            }
            instantiated?;
        }
        Ok(Graph { context: Arc::clone(&self.context), raw: exec })
    }

    /// The time between two events around what `work` enqueues.
    pub(super) fn between_events(
        &self,
        stream: Stream,
        work: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Duration> {
        let _entered = self.context.enter()?;
        let (before, after) = (Event::new()?, Event::new()?);
        before.record(stream)?;
        work()?;
        after.record(stream)?;
        // SAFETY: recorded on a live stream.
        check("cuEventSynchronize", unsafe { sys::cuEventSynchronize(after.0) })?;
        after.since(&before)
    }
}

impl OwnedStream {
    /// Its handle.
    pub fn stream(&self) -> Stream {
        self.stream
    }
}

impl Drop for OwnedStream {
    fn drop(&mut self) {
        if let Ok(_entered) = self.context.enter() {
            // SAFETY: created once; the driver destroys it when its work is done.
            unsafe { sys::cuStreamDestroy_v2(raw(self.stream)) };
        }
    }
}

impl Graph {
    /// Enqueues the captured launches.
    ///
    /// # Errors
    /// As the driver has it.
    ///
    /// # Safety
    /// Every address that was captured is still valid, as for the launches themselves.
    pub unsafe fn launch(&self, stream: Stream) -> Result<()> {
        let _entered = self.context.enter()?;
        // SAFETY: as the caller promises.
        check("cuGraphLaunch", unsafe { sys::cuGraphLaunch(self.raw, raw(stream)) })
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        if let Ok(_entered) = self.context.enter() {
            // SAFETY: instantiated once. An error has no listener.
            unsafe { sys::cuGraphExecDestroy(self.raw) };
        }
    }
}

/// A point in a stream; the context is current while it lives.
struct Event(CUevent);

impl Event {
    fn new() -> Result<Self> {
        let mut raw = std::ptr::null_mut();
        // The default flags keep the time.
        // SAFETY: the context is current.
        check("cuEventCreate", unsafe { sys::cuEventCreate(&mut raw, 0) })?;
        Ok(Self(raw))
    }

    fn record(&self, stream: Stream) -> Result<()> {
        // SAFETY: both are alive.
        check("cuEventRecord", unsafe { sys::cuEventRecord(self.0, raw(stream)) })
    }

    /// The function has another name since 12.8, and cudarc calls the one of the version it was
    /// built for: here, the one that is there.
    fn since(&self, earlier: &Self) -> Result<Duration> {
        type Elapsed = unsafe extern "C" fn(*mut f32, CUevent, CUevent) -> c_int;
        let library = &probe::driver().map_err(Error::Device)?.library;
        let mut milliseconds = 0f32;
        // SAFETY: the signature of both names; both events have been recorded and have happened.
        let code = unsafe {
            let newest = library.get::<Elapsed>(b"cuEventElapsedTime_v2");
            match newest.or_else(|_| library.get::<Elapsed>(b"cuEventElapsedTime")) {
                Ok(elapsed) => elapsed(&mut milliseconds, earlier.0, self.0),
                Err(error) => {
                    let reason = error.to_string();
                    return Err(Error::Device(DeviceError::NoDriver { reason }));
                }
            }
        };
        match code {
            0 => Ok(Duration::from_secs_f64(f64::from(milliseconds.max(0.0)) / 1e3)),
            code => {
                let call = "cuEventElapsedTime";
                Err(Error::Device(DeviceError::Cuda { call, code, name: String::new() }))
            }
        }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: created once; the driver destroys it when it has happened.
        unsafe { sys::cuEventDestroy_v2(self.0) };
    }
}
