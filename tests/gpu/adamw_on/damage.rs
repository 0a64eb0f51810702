//! Blocks that are not finite, and numbers that reach their limit.

use std::sync::Arc;

use half::bf16;
use quarter::adamw::{SecondForm, Settings};
use quarter::gpu::emulate::Options;
use quarter::gpu::{AdamwOn, Driver, Emulator, Launch, Stream, Substitute, Text};

use super::{Kind, Memory, emulator, kinds, random, slope};
use crate::adamw::{Slope, gradient, normal};
use crate::values::Draws;

/// Blocks whose moments are damaged keep every bit, and are counted; the others do not notice.
pub fn damaged_blocks_keep_every_bit(kind: Kind) {
    let len = 128 * 9 + 77;
    let mut damaged = vec![0, 3, 4, 5, 9];
    damaged.extend((kind.form == Some(SecondForm::Linear)).then_some(6));
    // A code of FP8 moments, and what stands for it in f32.
    let step = |damage: &[(usize, bool, u8, f32)], scales: &[(usize, bool, f32)]| {
        let (_, driver) = emulator(Options::default());
        let memory = Memory::of(&driver, kind, &random(3, len), [0; 5]);
        let on =
            AdamwOn::new(&driver, &[memory.on(0, len as u64, 7)], Settings::default()).unwrap();
        let go = |i: u64| {
            // Nothing is lost but where there will be damage.
            let mut draws = Draws(i);
            let gradient = slope(i, len).into_iter().enumerate().map(|(at, tail)| {
                let tame = bf16::from_f64(0.01 + 0.001 * normal(&mut draws));
                if damaged.contains(&(at / 128)) { tail } else { tame }
            });
            memory.set_gradient(&driver, &gradient.collect::<Vec<_>>());
            // SAFETY: the memory is as large as this, and alive.
            unsafe { on.enqueue(Stream::default()).unwrap() };
        };
        go(1);
        let put = |at: u64, bytes: &[u8]| {
            // SAFETY: within the codes and scales.
            unsafe { driver.write(Stream::default(), at, bytes).unwrap() };
        };
        for (element, of_v, code, number) in damage {
            let (to, element) =
                (if *of_v { &memory.v } else { &memory.m }.address(), *element as u64);
            match kind.form {
                Some(_) => put(to + element, &[*code]),
                None => put(to + 4 * element, &number.to_le_bytes()),
            }
        }
        for (block, of_v, scale) in scales {
            let (scales, moments) = match of_v {
                true => (&memory.v_scales, &memory.v),
                false => (&memory.m_scales, &memory.m),
            };
            match kind.form {
                Some(_) => put(scales.address() + 4 * *block as u64, &scale.to_le_bytes()),
                None => put(moments.address() + 4 * 128 * *block as u64, &scale.to_le_bytes()),
            }
        }
        let before = memory.state();
        // SAFETY: it lives until the end.
        unsafe { on.clear_telemetry(Stream::default()).unwrap() };
        go(2);
        (before, memory.state(), on.telemetry().unwrap()[0])
    };
    let (_, expected, whole) = step(&[], &[]);
    assert_eq!((whole.elements, whole.non_finite), (len as u64, 0));
    // In the first and the second block of a pair, in full pairs and in the last, short one.
    let mut codes = vec![
        (0, false, 0x7f, f32::NAN),
        (128 * 3 + 127, true, 0x7f, f32::NAN),
        (128 * 9 + 76, false, 0xff, f32::NEG_INFINITY),
    ];
    if kind.form == Some(SecondForm::Linear) {
        codes.push((128 * 6 + 5, true, 0xfe, -1.0));
    }
    let (before, after, told) = step(&codes, &[(4, false, f32::INFINITY), (5, true, f32::NAN)]);
    for (i, ((before, after), expected)) in before.iter().zip(&after).zip(&expected).enumerate() {
        let unit = if i < 4 { expected.len() / len } else { 0 };
        for block in 0..10 {
            let range = match i {
                0..4 => 128 * block * unit..(128 * (block + 1)).min(len) * unit,
                _ => 4 * block..4 * block + 4,
            };
            let from = if damaged.contains(&block) { before } else { expected };
            assert_eq!(after[range.clone()], from[range], "{kind:?}, array {i}, block {block}");
        }
    }
    let lost: u64 = damaged.iter().map(|block| if *block == 9 { 77 } else { 128 }).sum();
    assert_eq!((told.elements, told.non_finite), (len as u64 - lost, damaged.len() as u64));
    assert!(kind.form.is_none() || whole.flushed > 0 && whole.floored > 0);
    assert_eq!((told.flushed, told.floored), (0, 0), "{kind:?}");
}

/// One number of a block, wherever it is and whichever moment it is of, keeps all its bits as they are.
pub fn one_number_is_enough(kind: Kind) {
    const LEN: usize = 16 * 128;
    for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let (_, driver) = emulator(Options::default());
        let memory = Memory::of(&driver, kind, &random(3, LEN), [0; 5]);
        let on = AdamwOn::new(&driver, &[memory.on(0, LEN as u64, 7)], Settings::default());
        let on = on.unwrap();
        // Moments of sixteen binades, in each place of a lane: some would be counted as flushed.
        let binades = |i: usize| bf16::from_f64(2f64.powf(-16.0 * (i as f64 * 0.618).fract()));
        let gradient = match number > 0.0 {
            true => (0..LEN).map(binades).collect(),
            false => slope(1, LEN),
        };
        memory.set_gradient(&driver, &gradient);
        for block in 0..16 {
            // Both blocks of a pair, each place of a lane, m and then v.
            let element = 128 * block + 4 * (5 + block) + block / 2 % 4;
            let to = if block < 8 { &memory.m } else { &memory.v }.address();
            let (at, bytes) = match kind.form {
                Some(_) => (element, vec![if number > 0.0 { 0x7f } else { 0xff }]),
                None => (4 * element, number.to_le_bytes().to_vec()),
            };
            // SAFETY: within the moments.
            unsafe { driver.write(Stream::default(), to + at as u64, &bytes).unwrap() };
        }
        let before = memory.state();
        // SAFETY: the memory is as large as this, and alive.
        unsafe { on.enqueue(Stream::default()).unwrap() };
        let told = on.telemetry().unwrap()[0];
        assert_eq!((told.non_finite, told.elements), (16, 0), "{kind:?}, {number}");
        assert_eq!((told.flushed, told.floored, told.saturated), (0, 0, 0), "{kind:?}");
        assert_eq!(memory.state(), before, "{kind:?}, {number}");
    }
}

/// Nothing reaches 464 scales; so the count is seen with a limit that each block's largest reaches.
#[test]
fn what_is_saturated_is_counted() {
    let shipped = Text::find("adamw").unwrap();
    let lower = shipped.ptx.replace("0f43E80000", "0f43D00000");
    let lower: &'static str = Box::leak(lower.into_boxed_str());
    let lower = &*Box::leak(Box::new(Text { ptx: lower, ..*shipped }));
    let emulator: Arc<dyn Driver> = Arc::new(Emulator::new(Options::default()));
    let choose = move |launch: &Launch| match launch.entry.starts_with("adamw") {
        true => lower,
        false => launch.text,
    };
    // SAFETY: the same entry but for a number that is compared.
    let driver: Arc<dyn Driver> = Arc::new(unsafe { Substitute::new(emulator, choose) });
    let len = 128 * 600 + 1;
    let memory = Memory::new(&driver, &random(8, len));
    memory.set_gradient(
        &driver,
        &gradient(Slope::Normal, 3, len).into_iter().map(bf16::from_f32).collect::<Vec<_>>(),
    );
    let on = AdamwOn::new(&driver, &[memory.on(0, len as u64, 0)], Settings::default()).unwrap();
    // SAFETY: the memory is as large as this, and alive.
    unsafe { on.enqueue(Stream::default()).unwrap() };
    let told = on.telemetry().unwrap()[0];
    assert_eq!((told.saturated, told.elements), (2 * 601, len as u64));
}

#[test]
fn damage_stays_in_its_block() {
    kinds().for_each(damaged_blocks_keep_every_bit);
    kinds().for_each(one_number_is_enough);
}
