//! The optimizer of a model on a device, from the caller's addresses.

use std::sync::Arc;

use super::lists::{Lists, checked};
use super::tensor::{AdamwTensorOn, Kind};
use crate::adamw::{Clock, DecayRate, Rounding, Settings, Telemetry};
use crate::ffi::{
    self, QuarterAdamw, QuarterAdamwControl, QuarterAdamwGroup, QuarterAdamwSettings, QuarterNorm,
};
use crate::gpu::launch::{Shape, enqueue, striding};
use crate::gpu::params::{Parameters, bytes_of_all};
use crate::gpu::wide::floats;
use crate::gpu::{Buffer, Driver, Stream};
use crate::{Error, Result};

/// Where the optimizer is, read back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamwControl {
    /// Steps that happened.
    pub clock: Clock,
    /// Steps that did not, since the norm was not finite.
    pub skipped: u64,
    /// Norm of the last gradients, over the loss scale.
    pub norm: f64,
    /// The factor that they were clipped by in the last step that happened.
    pub clip: f64,
    /// Whether the last step was skipped, or there was none since the clock was set.
    pub skip: bool,
}

/// [`Optimizer`](crate::adamw::Optimizer) on a device: the tensors are handed over once, then each
/// step is a few launches, whatever the number of tensors.
///
/// The clock, norm, clip factor, learning rates and the decision to skip live on the device and
/// move there, so that nobody waits and a step can be captured in a graph. The bits are those of
/// [`Optimizer`](crate::adamw::Optimizer), for any grid and any cut into shards.
///
/// Of a sharded model each rank holds the partial sums of all tensors, 4 bytes a block of 128.
/// [`enqueue_norm_partials`](Self::enqueue_norm_partials) writes those of its shards; gather the
/// others' into their places of [`partials`](Self::partials), then
/// [`enqueue_decision`](Self::enqueue_decision). With
/// [`update_limit`](Settings::update_limit) the same between
/// [`enqueue_update_partials`](Self::enqueue_update_partials) and
/// [`enqueue_update_rates`](Self::enqueue_update_rates). [`enqueue_weights`](Self::enqueue_weights)
/// ends the step. Where nothing is sharded, [`enqueue`](Self::enqueue) does all of it.
pub struct AdamwOn {
    driver: Arc<dyn Driver>,
    settings: Settings,
    kinds: Vec<(Kind, Buffer, u32)>,
    tensors: u32,
    runs: u32,
    /// The first tensor that is a shard.
    shard: Option<usize>,
    /// First block of each tensor among all, and their end.
    first_block: Vec<u64>,
    table: Buffer,
    run_list: Buffer,
    first_run: Buffer,
    sums: Buffer,
    tensor_sums: Buffer,
    partials: Buffer,
    control: Buffer,
    shared: Buffer,
    groups: Buffer,
    schedule: Buffer,
    rates: Buffer,
    telemetry: Buffer,
}

impl AdamwOn {
    /// Makes its tables, before the first step. They are written on the default stream: synchronise
    /// it before another takes the first step.
    ///
    /// # Errors
    /// As [`Settings::validate`]; [`Error::Parameter`] for addresses, shards, groups and numbers
    /// that are not allowed, and for arrays that share what a step writes; [`Error::Device`].
    pub fn new(
        driver: &Arc<dyn Driver>,
        tensors: &[AdamwTensorOn],
        settings: Settings,
    ) -> Result<Self> {
        settings.validate()?;
        let (mut table, blocks) = checked(tensors, &settings)?;
        // First what is larger than all lists: a device that is too small refuses it here.
        let partials = Buffer::zeroed(driver, 4 * blocks as usize)?;
        for entry in &mut table {
            entry.partials += partials.address();
            entry.whole_partials += partials.address();
        }
        let Lists { chunks, runs, first_run } = Lists::of(tensors);
        let words = |pairs: &[[u32; 2]]| -> Vec<u8> {
            pairs.iter().flatten().flat_map(|word| word.to_le_bytes()).collect()
        };
        let mut kinds = Vec::with_capacity(chunks.len());
        for (kind, list) in chunks {
            let buffer = Buffer::from_bytes(driver, &words(&list))?;
            kinds.push((kind, buffer, list.len() as u32));
        }
        let first_run: Vec<u8> = first_run.iter().flat_map(|run| run.to_le_bytes()).collect();
        let block = u64::from(ffi::QUARTER_BLOCK);
        let mut first_block = vec![0];
        for tensor in tensors {
            let before = first_block.last().copied().unwrap_or(0);
            first_block.push(before + tensor.whole_len.div_ceil(block));
        }
        let n = tensors.len();
        let schedule: Vec<u8> = settings.schedule.iter().flat_map(|x| x.to_le_bytes()).collect();
        let on = Self {
            driver: Arc::clone(driver),
            kinds,
            tensors: n as u32,
            runs: runs.len() as u32,
            shard: tensors.iter().position(|tensor| tensor.len != tensor.whole_len),
            first_block,
            table: Buffer::from_bytes(driver, &bytes_of_all(&table))?,
            run_list: Buffer::from_bytes(driver, &words(&runs))?,
            first_run: Buffer::from_bytes(driver, &first_run)?,
            sums: Buffer::new(driver, 8 * runs.len())?,
            tensor_sums: Buffer::new(driver, 8 * n)?,
            partials,
            control: Buffer::zeroed(driver, size_of::<QuarterAdamwControl>())?,
            shared: Buffer::new(driver, size_of::<QuarterAdamwSettings>())?,
            groups: Buffer::new(driver, settings.groups.len() * size_of::<QuarterAdamwGroup>())?,
            schedule: Buffer::from_bytes(driver, &schedule)?,
            rates: Buffer::zeroed(driver, 8 * n)?,
            telemetry: Buffer::zeroed(driver, 40 * n)?,
            settings,
        };
        on.write_settings(Stream::default(), &on.settings)?;
        on.set_clock(Stream::default(), Clock::START)?;
        Ok(on)
    }

    /// Bytes on the device beside the tensors' own.
    pub fn workspace_bytes(&self) -> usize {
        let lists: usize = self.kinds.iter().map(|(_, chunks, _)| chunks.len()).sum();
        let others = [
            &self.table,
            &self.run_list,
            &self.first_run,
            &self.sums,
            &self.tensor_sums,
            &self.partials,
            &self.control,
            &self.shared,
            &self.groups,
            &self.schedule,
            &self.rates,
            &self.telemetry,
        ];
        lists + others.map(Buffer::len).iter().sum::<usize>()
    }

    /// How it steps.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Changes how it steps, from what is enqueued behind this on; a captured step sees the change
    /// too, but for rounding and update clipping, which are captured.
    ///
    /// # Errors
    /// As [`Settings::validate`]; [`Error::Parameter`] for another seed, number of groups or length
    /// of the schedule, and nothing has changed then; [`Error::Device`], and the device may have any
    /// part of them until they are set again.
    pub fn set(&mut self, stream: Stream, settings: Settings) -> Result<()> {
        settings.validate()?;
        let now = &self.settings;
        let same = |what, got: u64, expected: u64, allowed| match got == expected {
            true => Ok(()),
            false => Err(Error::Parameter { what, got: got.to_string(), allowed }),
        };
        same("seed", settings.seed, now.seed, "it stays that of the run")?;
        let (groups, schedule) = (settings.groups.len(), settings.schedule.len());
        same("groups", groups as u64, now.groups.len() as u64, "as many as before are allowed")?;
        let allowed = "a schedule as long as before is allowed";
        same("schedule", schedule as u64, now.schedule.len() as u64, allowed)?;
        let schedule: Vec<u8> = settings.schedule.iter().flat_map(|x| x.to_le_bytes()).collect();
        // SAFETY: the range is the allocation.
        unsafe { self.driver.write(stream, self.schedule.address(), &schedule)? };
        self.write_settings(stream, &settings)?;
        self.settings = settings;
        Ok(())
    }

    fn write_settings(&self, stream: Stream, settings: &Settings) -> Result<()> {
        let Settings { beta1, beta2, eps, inverse_loss_scale, .. } = *settings;
        let shared = QuarterAdamwSettings {
            beta1,
            beta2,
            eps,
            max_norm: settings.max_norm.unwrap_or(f64::INFINITY),
            limit: settings.update_limit.unwrap_or(f64::INFINITY),
            inverse_loss_scale,
            schedule: match settings.schedule.is_empty() {
                true => 0,
                false => self.schedule.address(),
            },
            schedule_len: settings.schedule.len() as u64,
            decay_plain: u64::from(settings.decay_rate == DecayRate::Plain),
        };
        let groups = settings.groups.iter();
        let groups: Vec<QuarterAdamwGroup> = groups
            .map(|group| QuarterAdamwGroup { lr: group.lr, weight_decay: group.weight_decay })
            .collect();
        // SAFETY: the ranges are the allocations.
        unsafe {
            self.driver.write(stream, self.shared.address(), shared.bytes())?;
            self.driver.write(stream, self.groups.address(), &bytes_of_all(&groups))
        }
    }

    /// Goes on from a saved clock, from what is enqueued behind this on; what is skipped is counted
    /// from 0 again, and no weight changes until a decision on the next step. A step after 2^32 - 1 steps
    /// is refused on the CPU; a device, which can tell nobody, begins its random words anew.
    ///
    /// # Errors
    /// As [`Clock::validate`]; [`Error::Parameter`] for one of 2^32 - 1 steps; [`Error::Device`].
    pub fn set_clock(&self, stream: Stream, clock: Clock) -> Result<()> {
        clock.validate_next()?;
        let Clock { t, beta1_pow, beta2_pow } = clock;
        // There are no constants before a decision.
        let control =
            QuarterAdamwControl { beta1_pow, beta2_pow, t, skip: 1, ..Default::default() };
        // SAFETY: the range is the allocation.
        unsafe { self.driver.write(stream, self.control.address(), control.bytes()) }
    }

    /// Where it is, after what the default stream holds. Waits.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub fn control(&self) -> Result<AdamwControl> {
        // SAFETY: written when it was made.
        let bytes = unsafe { self.control.to_bytes()? };
        let word = |at: usize| {
            let eight = bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).unwrap_or_default();
            u64::from_le_bytes(eight)
        };
        let double = |at| f64::from_bits(word(at));
        Ok(AdamwControl {
            clock: Clock {
                t: word(std::mem::offset_of!(QuarterAdamwControl, t)),
                beta1_pow: double(std::mem::offset_of!(QuarterAdamwControl, beta1_pow)),
                beta2_pow: double(std::mem::offset_of!(QuarterAdamwControl, beta2_pow)),
            },
            skipped: word(std::mem::offset_of!(QuarterAdamwControl, skipped)),
            norm: double(std::mem::offset_of!(QuarterAdamwControl, norm)),
            clip: double(std::mem::offset_of!(QuarterAdamwControl, clip)),
            skip: word(std::mem::offset_of!(QuarterAdamwControl, skip)) as u32 != 0,
        })
    }

    /// Counts of each tensor since the last [`clear_telemetry`](Self::clear_telemetry), after what
    /// the default stream holds. Waits. `saturated` counts moments of a block whose largest is too
    /// large.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub fn telemetry(&self) -> Result<Vec<Telemetry>> {
        // SAFETY: zeroed when it was made.
        let bytes = unsafe { self.telemetry.to_bytes()? };
        let words: Vec<u64> = bytes
            .chunks_exact(8)
            .map(|b| u64::from_le_bytes(b.try_into().unwrap_or_default()))
            .collect();
        let counts = |c: &[u64]| match *c {
            [elements, floored, flushed, saturated, non_finite] => {
                Telemetry { elements, floored, flushed, saturated, non_finite }
            }
            _ => Telemetry::default(),
        };
        Ok(words.chunks_exact(5).map(counts).collect())
    }

    /// What each tensor's weights were multiplied with in the last step that happened: `alpha` and
    /// `decay` of [`StepConstants`](crate::adamw::StepConstants), after what the default stream
    /// holds. Waits.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub fn rates(&self) -> Result<Vec<(f32, f32)>> {
        // SAFETY: zeroed when it was made.
        let bytes = unsafe { self.rates.to_bytes()? };
        let rates = floats(&bytes);
        Ok(rates.chunks_exact(2).map(|rates| (rates[0], rates[1])).collect())
    }

    /// Enqueues zeroing the counts.
    ///
    /// # Errors
    /// [`Error::Device`].
    ///
    /// # Safety
    /// As [`enqueue`](Self::enqueue).
    pub unsafe fn clear_telemetry(&self, stream: Stream) -> Result<()> {
        // SAFETY: the range is the allocation, which lives as long as the caller promises.
        unsafe { self.driver.fill(stream, self.telemetry.address(), 0, self.telemetry.len()) }
    }

    /// Where the partial sums of a tensor lie, f32, one a block of the unsharded tensor, and how
    /// many; `None` if there is no such tensor. Those of all tensors lie side by side.
    pub fn partials(&self, tensor: usize) -> Option<(u64, u64)> {
        let (first, end) = (*self.first_block.get(tensor)?, *self.first_block.get(tensor + 1)?);
        Some((self.partials.address() + 4 * first, end - first))
    }

    /// Enqueues a whole step. Nothing is sharded.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a shard; [`Error::Device`].
    ///
    /// # Safety
    /// Until the stream has run the step, and every graph that it is captured in is gone, this object
    /// lives, and the addresses of all tensors are of this device and valid for their lengths. Nothing
    /// else uses them while it runs.
    pub unsafe fn enqueue(&self, stream: Stream) -> Result<()> {
        if let Some(shard) = self.shard {
            let allowed =
                "whole tensors are allowed: between the parts of a step, shards' sums are gathered";
            return Err(Error::Parameter {
                what: "shard",
                got: format!("tensor {shard}"),
                allowed,
            });
        }
        // SAFETY: as the caller promises.
        unsafe {
            self.enqueue_norm_partials(stream)?;
            self.enqueue_decision(stream)?;
            if self.settings.update_limit.is_some() {
                self.enqueue_update_partials(stream)?;
                self.enqueue_update_rates(stream)?;
            }
            self.enqueue_weights(stream)
        }
    }

    /// Enqueues the sums of squares of each block of the gradients.
    ///
    /// # Errors
    /// [`Error::Device`].
    ///
    /// # Safety
    /// As [`enqueue`](Self::enqueue).
    pub unsafe fn enqueue_norm_partials(&self, stream: Stream) -> Result<()> {
        let name = |kind: &Kind| format!("norm_partials_{}", kind.gradient);
        // SAFETY: as the caller promises.
        unsafe { self.chunks(stream, "norm", name, ffi::QUARTER_RESIDENT_NORM) }
    }

    /// Enqueues the norm and what follows from it: whether the step happens, its clock, clip factor
    /// and rates.
    ///
    /// # Errors
    /// [`Error::Device`].
    ///
    /// # Safety
    /// As [`enqueue`](Self::enqueue).
    pub unsafe fn enqueue_decision(&self, stream: Stream) -> Result<()> {
        // SAFETY: the arrays are this object's, which lives as long as the caller promises.
        unsafe { self.tree(stream, "norm_finish") }
    }

    /// Enqueues the sums of squared updates of each block, for update clipping.
    ///
    /// # Errors
    /// [`Error::Device`].
    ///
    /// # Safety
    /// As [`enqueue`](Self::enqueue).
    pub unsafe fn enqueue_update_partials(&self, stream: Stream) -> Result<()> {
        let name = |kind: &Kind| format!("update_partials_{}_{}", kind.gradient, kind.moments);
        // SAFETY: as the caller promises.
        unsafe { self.chunks(stream, "norm", name, ffi::QUARTER_RESIDENT_UPDATES) }
    }

    /// Enqueues the rates of each tensor from its update RMS.
    ///
    /// # Errors
    /// [`Error::Device`].
    ///
    /// # Safety
    /// As [`enqueue`](Self::enqueue).
    pub unsafe fn enqueue_update_rates(&self, stream: Stream) -> Result<()> {
        // SAFETY: the arrays are this object's, which lives as long as the caller promises.
        unsafe { self.tree(stream, "update_finish") }
    }

    /// Enqueues the update of weights and moments, if the step happens.
    ///
    /// # Errors
    /// [`Error::Device`].
    ///
    /// # Safety
    /// As [`enqueue`](Self::enqueue).
    pub unsafe fn enqueue_weights(&self, stream: Stream) -> Result<()> {
        let name =
            |kind: &Kind| format!("adamw_{}_{}_{}", kind.weights, kind.gradient, kind.moments);
        // SAFETY: as the caller promises.
        unsafe { self.chunks(stream, "adamw", name, ffi::QUARTER_RESIDENT_ADAMW) }
    }

    /// One launch for each kind of tensors. Safe as [`enqueue`](Self::enqueue).
    unsafe fn chunks(
        &self,
        stream: Stream,
        text: &'static str,
        name: impl Fn(&Kind) -> String,
        resident: u32,
    ) -> Result<()> {
        let options = self.settings.rounding();
        let bit = |bit: u32, stochastic: bool| if stochastic { bit } else { 0 };
        for (kind, chunks, count) in &self.kinds {
            if *count == 0 {
                continue;
            }
            let params = QuarterAdamw {
                tensors: self.table.address(),
                chunks: chunks.address(),
                control: self.control.address(),
                settings: self.shared.address(),
                rates: self.rates.address(),
                telemetry: self.telemetry.address(),
                chunk_count: *count,
                flags: bit(ffi::QUARTER_WEIGHTS_STOCHASTIC, kind.stochastic)
                    | bit(ffi::QUARTER_FIRST_STOCHASTIC, options.first == Rounding::Stochastic)
                    | bit(ffi::QUARTER_SECOND_STOCHASTIC, options.second == Rounding::Stochastic),
                seed_low: self.settings.seed as u32,
                seed_high: (self.settings.seed >> 32) as u32,
            };
            let most = self.driver.processors().saturating_mul(resident).max(1);
            let shape = Shape::of_blocks((*count).clamp(1, most));
            // SAFETY: as the caller promises.
            unsafe { enqueue(&*self.driver, stream, text, &name(kind), shape, &params)? };
        }
        Ok(())
    }

    /// The sums of runs, then one block of threads for what follows. Safe as
    /// [`enqueue`](Self::enqueue).
    unsafe fn tree(&self, stream: Stream, finish: &str) -> Result<()> {
        let params = QuarterNorm {
            tensors: self.table.address(),
            runs: self.run_list.address(),
            first_run: self.first_run.address(),
            sums: self.sums.address(),
            tensor_sums: self.tensor_sums.address(),
            control: self.control.address(),
            settings: self.shared.address(),
            groups: self.groups.address(),
            rates: self.rates.address(),
            run_count: self.runs,
            tensor_count: self.tensors,
        };
        let driver = &*self.driver;
        // SAFETY: as the caller promises.
        unsafe {
            if self.runs > 0 {
                let shape = striding(driver, self.runs, 4);
                enqueue(driver, stream, "norm", "norm_sums", shape, &params)?;
            }
            let shape = Shape::of(1, ffi::QUARTER_FINISH_THREADS);
            enqueue(driver, stream, "norm", finish, shape, &params)
        }
    }
}
