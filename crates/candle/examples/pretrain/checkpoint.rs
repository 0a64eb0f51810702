//! A run in one safetensors file, replaced in one piece.
//!
//! | tensor | content |
//! |---|---|
//! | name of a weight | the weight, f32 or bf16 |
//! | `clock.*`, `NAME.m`, `NAME.v`, `NAME.m_scales`, `NAME.v_scales` | see `AdamW::state` |
//! | `fp8.*` | amax histories and scales |
//! | `log.*` | losses and counts so far; its length is the step |
//!
//! Random words come from (seed, step), so the step is also the position of
//! every generator. The metadata hold the fingerprint of the configuration.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use candle_core::{Device, Tensor};
use safetensors::SafeTensors;

use super::{
    log::{Casts, Log, Spike},
    run::Run,
};

const FINGERPRINT: &str = "fingerprint";

/// Where the checkpoint of a run lies.
pub fn path(directory: &Path, label: &str, seed: u64) -> PathBuf {
    let name: String = label.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    directory.join("checkpoints").join(format!("{name}-seed{seed}.safetensors"))
}

/// Writes a checkpoint. A crash at any moment leaves the old one or the new one.
///
/// # Errors
/// The file system's.
pub fn save(run: &Run<'_>, path: &Path) -> Result<()> {
    let mut tensors = run.state()?;
    tensors.extend(log_tensors(run.log())?);
    let metadata = HashMap::from([(FINGERPRINT.to_string(), run.fingerprint())]);
    let bytes = safetensors::serialize(tensors, Some(metadata))?;
    replace(path, &bytes).with_context(|| format!("writing {}", path.display()))
}

/// Writes a file in one piece: beside it, to the disk, then in its place.
///
/// # Errors
/// The file system's.
pub fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let mut file = File::create(&partial)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&partial, path)?;
    // The rename itself lasts once the directory is on the disk.
    File::open(directory)?.sync_all()
}

/// Takes a run to where its checkpoint stands; false if there is none.
///
/// # Errors
/// A file that cannot be read, is damaged, or is from another configuration.
pub fn load(run: &mut Run<'_>, path: &Path) -> Result<bool> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error).context(format!("reading {}", path.display())),
    };
    restore(run, &bytes).with_context(|| format!("resuming from {}", path.display()))?;
    Ok(true)
}

fn restore(run: &mut Run<'_>, bytes: &[u8]) -> Result<()> {
    let (_, header) = SafeTensors::read_metadata(bytes)?;
    let saved = header.metadata().as_ref().and_then(|m| m.get(FINGERPRINT));
    if saved != Some(&run.fingerprint()) {
        bail!("it is from another configuration; choose another --out, or leave --resume out");
    }
    let state = candle_core::safetensors::load_buffer(bytes, &Device::Cpu)?;
    run.restore(&state)?;
    *run.log_mut() = log(&state)?;
    Ok(())
}

fn log_tensors(log: &Log) -> Result<Vec<(String, Tensor)>> {
    let (steps, losses): (Vec<u32>, Vec<f32>) = log.validation.iter().copied().unzip();
    let Casts { elements, saturated, flushed } = log.casts;
    let outlier = log.outlier;
    let counts = [
        u64::from(log.skipped),
        u64::from(log.skipped_in_a_row),
        log.gradient_bytes,
        elements,
        saturated,
        flushed,
        outlier.elements,
        outlier.saturated,
        outlier.flushed,
    ]
    .map(|x| x as i64);
    let device = &Device::Cpu;
    Ok(vec![
        ("log.losses".into(), Tensor::new(&log.losses[..], device)?),
        ("log.validation_steps".into(), Tensor::new(&steps[..], device)?),
        ("log.validation_losses".into(), Tensor::new(&losses[..], device)?),
        ("log.counts".into(), Tensor::new(&counts, device)?),
        ("log.spike".into(), Tensor::new(&spike_numbers(log.spike)[..], device)?),
        ("log.seconds".into(), Tensor::new(&[log.seconds], device)?),
    ])
}

/// Nothing, or the loss, the good steps and the recovery with -1 for none: all exact in f64.
fn spike_numbers(spike: Option<Spike>) -> Vec<f64> {
    spike.map_or(Vec::new(), |Spike { before, good, recovered }| {
        vec![before.into(), good.into(), recovered.map_or(-1.0, f64::from)]
    })
}

fn log(state: &HashMap<String, Tensor>) -> Result<Log> {
    let get = |name: &str| state.get(name).with_context(|| format!("the checkpoint has no {name}"));
    let steps = get("log.validation_steps")?.to_vec1::<u32>()?;
    let losses = get("log.validation_losses")?.to_vec1::<f32>()?;
    let counts = get("log.counts")?.to_vec1::<i64>()?;
    let seconds = get("log.seconds")?.to_vec1::<f64>()?;
    let spike = match get("log.spike")?.to_vec1::<f64>()?[..] {
        [before, good, recovered] => Some(Spike {
            before: before as f32,
            good: good as u32,
            recovered: (recovered >= 0.0).then_some(recovered as u32),
        }),
        _ => None,
    };
    ensure!(counts.len() == 9 && seconds.len() == 1, "the log has another form");
    let casts = |at: usize| Casts {
        elements: counts[at] as u64,
        saturated: counts[at + 1] as u64,
        flushed: counts[at + 2] as u64,
    };
    Ok(Log {
        losses: get("log.losses")?.to_vec1()?,
        validation: steps.into_iter().zip(losses).collect(),
        skipped: counts[0] as u32,
        skipped_in_a_row: counts[1] as u32,
        seconds: seconds[0],
        gradient_bytes: counts[2] as u64,
        casts: casts(3),
        outlier: casts(6),
        spike,
    })
}
