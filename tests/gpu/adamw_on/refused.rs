//! What is refused before anything is allocated.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use quarter::Error;
use quarter::adamw::Settings;
use quarter::gpu::emulate::Options;
use quarter::gpu::{AdamwOn, AdamwTensorOn, Driver, GradientOn, MomentsOn, Stream, WeightsOn};

use super::watched::Watched;
use super::{Memory, emulator, random};

#[test]
fn refused_before_anything_is_allocated() {
    let watched = Watched::new(emulator(Options::default()).1);
    let driver: Arc<dyn Driver> = watched.clone();
    let memory = Memory::new(&driver, &random(8, 300));
    watched.take();
    let plain = memory.on(0, 300, 0);
    let refused = |change: fn(&mut AdamwTensorOn, &mut Settings)| {
        let (mut tensor, mut settings) = (plain, Settings::default());
        change(&mut tensor, &mut settings);
        match AdamwOn::new(&driver, &[tensor], settings) {
            Err(Error::Parameter { what, got, allowed }) => format!("{what} is {got}; {allowed}"),
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("not refused"),
        }
    };
    let messages = [
        refused(|t, _| t.first = 64),
        refused(|t, _| t.whole_len = 299),
        refused(|t, _| t.whole_len = 1000),
        refused(|t, _| (t.len, t.whole_len) = (256, (1 << 37) + 1)),
        refused(|t, _| t.group = 1),
        refused(|t, _| t.gradient = GradientOn::Bf16(0)),
        refused(|t, _| t.gradient = GradientOn::F32(2)),
        refused(|t, _| t.weights = WeightsOn::F32(0)),
        refused(|_, s| s.groups.clear()),
        refused(|_, s| s.beta1 = 1.0),
        refused(|_, s| s.schedule = vec![1.0, -1.0]),
        refused(|_, s| s.groups[0].lr = 1e38),
        refused(|_, s| s.eps = 1e-45),
        refused(|_, s| s.max_norm = Some(0.0)),
        refused(|_, s| s.update_limit = Some(f64::NAN)),
        refused(|_, s| s.inverse_loss_scale = 1e-60),
    ];
    let expected = [
        "first is 64; it is a multiple of 128",
        "len is 300; the shard ends with the tensor or before it",
        "len is 300; a shard ends at a multiple of 128, or with the tensor",
        "whole_len is 137438953473; at most 2^37 elements",
        "group is 1; it is below the number of groups",
        "gradient is 0x0; an address on the device is needed",
        "gradient is 0x2; multiples of 4 are allowed",
        "weights is 0x0; an address",
        "groups is 0; there is one at least",
        "beta1 is 1; it lies in",
        "schedule is -1; its entries are finite and not negative",
        "lr / (1 - beta1) is 1",
        "eps sqrt(1 - beta2) is ",
        "max_norm is 0; it is positive",
        "update_limit is NaN; it is positive",
        "inverse_loss_scale is 0.0",
    ];
    assert_eq!(messages.len(), expected.len());
    for (message, expected) in messages.iter().zip(expected) {
        assert!(message.starts_with(expected), "{message}");
    }
    assert_eq!(watched.take(), 0);
    assert!(AdamwOn::new(&driver, &[plain], Settings::default()).is_ok());
    assert!(watched.take() > 0);
}

/// A shard's norm is a part of a norm: nothing is launched for it.
#[test]
fn a_whole_step_of_a_shard_is_refused() {
    let (_, driver) = emulator(Options::default());
    let watched = Watched::new(driver);
    let driver: Arc<dyn Driver> = watched.clone();
    let [whole, shard, none] = [300, 256, 0].map(|len| Memory::new(&driver, &random(8, len)));
    for tensor in [shard.on(0, 300, 1), shard.on(128, 1000, 1), none.on(0, 128, 1)] {
        let tensors = [whole.on(0, 300, 0), tensor];
        let on = AdamwOn::new(&driver, &tensors, Settings::default()).unwrap();
        // SAFETY: the memory is as large as it says, and alive.
        let told = unsafe { on.enqueue(Stream::default()) }.unwrap_err().to_string();
        assert!(told.starts_with("shard is tensor 1; whole tensors are allowed"), "{told}");
    }
    assert_eq!(watched.launches.load(Ordering::Relaxed), 0);
}

/// More than indices count: told before any list is made, which would have 16 GiB.
#[test]
fn too_many_chunks_are_refused() {
    let (_, driver) = emulator(Options::default());
    let watched = Watched::new(driver);
    let driver: Arc<dyn Driver> = watched.clone();
    let of = |count: u64, len: u64| {
        let tensor = |i: u64| AdamwTensorOn {
            weights: WeightsOn::F32((5 * i + 1) << 40),
            gradient: GradientOn::F32((5 * i + 2) << 40),
            moments: MomentsOn::Full { m: (5 * i + 3) << 40, v: (5 * i + 4) << 40 },
            len,
            first: 0,
            whole_len: 1 << 37,
            group: 0,
            tensor: 0,
        };
        let tensors: Vec<AdamwTensorOn> = (0..count).map(tensor).collect();
        AdamwOn::new(&driver, &tensors, Settings::default()).map(drop).unwrap_err().to_string()
    };
    let chunks = of(512, 1 << 37);
    assert!(chunks.starts_with("chunks is 2147483648; fewer than 2^31"), "{chunks}");
    let runs = of(2048, 0);
    assert!(runs.starts_with("chunks is 2147483648; fewer than 2^31"), "{runs}");
    let tensors = of((1 << 20) + 1, 0);
    assert!(tensors.starts_with("number of tensors is 1048577; at most 2^20"), "{tensors}");
    assert_eq!(watched.take(), 0);
}
