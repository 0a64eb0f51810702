//! ptxas takes every text that is made here, so that no question is lost on a GPU.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use quarter::Result;
use quarter::gpu::{Driver, Launch, Stream, TensorMap};

use crate::QUESTIONS;
use crate::answer::Scope;

/// A driver that keeps the texts it is given, and runs none.
#[derive(Default)]
struct Keeper {
    next: AtomicU64,
    texts: Mutex<BTreeMap<usize, &'static str>>,
}

impl Driver for Keeper {
    fn allocate(&self, bytes: usize) -> Result<u64> {
        Ok(256 + self.next.fetch_add(bytes as u64, Ordering::Relaxed))
    }

    unsafe fn free(&self, _: u64) {}

    unsafe fn write(&self, _: Stream, _: u64, _: &[u8]) -> Result<()> {
        Ok(())
    }

    unsafe fn read(&self, _: Stream, _: u64, bytes: &mut [u8]) -> Result<()> {
        bytes.fill(0);
        Ok(())
    }

    unsafe fn fill(&self, _: Stream, _: u64, _: u8, _: usize) -> Result<()> {
        Ok(())
    }

    unsafe fn copy(&self, _: Stream, _: u64, _: u64, _: usize) -> Result<()> {
        Ok(())
    }

    fn encode(&self, _: &TensorMap) -> Result<[u64; 16]> {
        Ok([0; 16])
    }

    unsafe fn launch(&self, _: Stream, launch: &Launch) -> Result<()> {
        let mut texts = self.texts.lock().unwrap();
        texts.insert(launch.text.ptx.as_ptr() as usize, launch.text.ptx);
        Ok(())
    }

    fn synchronize(&self, _: Stream) -> Result<()> {
        Ok(())
    }

    fn time(&self, _: Stream, work: &mut dyn FnMut() -> Result<()>) -> Result<Duration> {
        work().map(|()| Duration::ZERO)
    }

    fn describe(&self) -> String {
        "a keeper of texts".into()
    }

    fn cache_bytes(&self) -> usize {
        0
    }

    fn processors(&self) -> u32 {
        1
    }
}

#[test]
fn ptxas_takes_every_text() {
    let Some(ptxas) = std::env::var_os("QUARTER_PTXAS").filter(|p| p != "none") else {
        println!("skipped: QUARTER_PTXAS names no ptxas");
        return;
    };
    let keeper = Arc::new(Keeper::default());
    let driver: Arc<dyn Driver> = keeper.clone();
    // The shipped kernels are assembled by the build.
    for question in QUESTIONS.iter().filter(|q| !["kernels", "gemm"].contains(&q.name)) {
        (question.ask)(&driver, Scope::Sample).unwrap();
    }
    let texts = keeper.texts.lock().unwrap();
    assert!(texts.len() > 700, "{}", texts.len());
    // One file: the head of the first, and every entry under a name of its own.
    let mut all = String::from(".version 8.0\n.target sm_90a\n.address_size 64\n");
    for (i, text) in texts.values().enumerate() {
        let entry = text.split_once(".visible").unwrap().1;
        all += &format!(".visible{}", entry.replacen("one(", &format!("one_{i}("), 1));
    }
    let folder = tempfile::tempdir().unwrap();
    let (file, cubin) = (folder.path().join("all.ptx"), folder.path().join("all.cubin"));
    std::fs::write(&file, &all).unwrap();
    let mut command = Command::new(ptxas);
    let output =
        command.args(["-arch=sm_90a", "-O1", "-o"]).arg(&cubin).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
