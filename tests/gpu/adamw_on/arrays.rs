//! Arrays that cannot be, or that share what a step writes.

use std::sync::Arc;

use quarter::adamw::{Rounding, SecondForm, Settings};
use quarter::gpu::emulate::Options;
use quarter::gpu::{AdamwOn, AdamwTensorOn, Driver, GradientOn, MomentsOn, WeightsOn};

use super::watched::Watched;
use super::{Kind, emulator, kinds};
use crate::adamw::Store;

const LEN: u64 = 300;
/// Of weights, their other part, gradient, m, v, scales of m and of v.
type Addresses = [u64; 7];
/// Far from one another.
const APART: Addresses = [1 << 20, 2 << 20, 3 << 20, 4 << 20, 5 << 20, 6 << 20, 7 << 20];
const GRADIENT: usize = 2;

fn tensor(kind: Kind, at: Addresses) -> AdamwTensorOn {
    let [weights, other, gradient, m, v, m_scales, v_scales] = at;
    AdamwTensorOn {
        weights: match kind.store {
            Store::F32 => WeightsOn::F32(weights),
            Store::Nearest => WeightsOn::Bf16 { weights, rounding: Rounding::Nearest },
            Store::Stochastic => WeightsOn::Bf16 { weights, rounding: Rounding::Stochastic },
            Store::Split => WeightsOn::Split { weights, rest: other },
            Store::Master => WeightsOn::Master { master: weights, weights: other },
        },
        gradient: match kind.narrow_gradient {
            true => GradientOn::Bf16(gradient),
            false => GradientOn::F32(gradient),
        },
        moments: match kind.form {
            Some(form) => MomentsOn::Fp8 { form, m, v, m_scales, v_scales },
            None => MomentsOn::Full { m, v },
        },
        len: LEN,
        first: 0,
        whole_len: LEN,
        group: 0,
        tensor: 0,
    }
}

/// The arrays that a tensor has: their places in [`Addresses`], names, and bytes of an element and
/// of all.
fn arrays(kind: Kind) -> Vec<(usize, &'static str, u64, u64)> {
    let narrow = |yes| if yes { 2 } else { 4 };
    let bf16 = narrow(!matches!(kind.store, Store::F32 | Store::Master));
    let other = match kind.store {
        Store::Split => Some((1, "rest of the weights", 2, 2 * LEN)),
        Store::Master => Some((1, "bf16 copy", 2, 2 * LEN)),
        _ => None,
    };
    let weights = if other.is_some() && bf16 == 4 { "master weights" } else { "weights" };
    let gradient = narrow(kind.narrow_gradient);
    let mut all = vec![(0, weights, bf16, bf16 * LEN), (2, "gradient", gradient, gradient * LEN)];
    all.extend(other);
    match kind.form {
        None => all.extend([(3, "m", 4, 4 * LEN), (4, "v", 4, 4 * LEN)]),
        Some(_) => all.extend([
            (3, "codes of m", 1, LEN),
            (4, "codes of v", 1, LEN),
            (5, "scales of m", 4, 12),
            (6, "scales of v", 4, 12),
        ]),
    }
    all
}

/// What is told of these tensors, after nothing has been allocated; nothing if they are taken.
fn told(tensors: &[AdamwTensorOn]) -> String {
    let watched = Watched::new(emulator(Options::default()).1);
    let driver: Arc<dyn Driver> = watched.clone();
    let told = AdamwOn::new(&driver, tensors, Settings::default()).map(drop);
    assert_eq!(watched.take() == 0, told.is_err());
    told.err().map_or(String::new(), |error| error.to_string())
}

#[test]
fn addresses_that_cannot_be_are_refused() {
    for kind in kinds() {
        for (i, what, size, bytes) in arrays(kind) {
            let with = |at: u64| {
                let mut all = APART;
                all[i] = at;
                told(&[tensor(kind, all)])
            };
            assert!(with(0).starts_with(&format!("{what} is 0x0; an address")), "{}", with(0));
            if size > 1 {
                let at = size / 2;
                let expected = format!("{what} is {at:#x}; multiples of {size}");
                assert!(with(at).starts_with(&expected), "{}", with(at));
            }
            // The last byte has the last address but one.
            let last = 0_u64.wrapping_sub(bytes.next_multiple_of(size)) - size;
            assert_eq!(with(last), "");
            let over = last + 2 * size;
            let expected = format!("{what} is {over:#x}, with {} elements; all of", bytes / size);
            assert!(with(over).starts_with(&expected), "{}", with(over));
        }
    }
}

#[test]
fn arrays_of_a_tensor_do_not_overlap() {
    for kind in kinds() {
        for (i, one, _, bytes) in arrays(kind) {
            for (j, other, size, _) in arrays(kind) {
                if i == j {
                    continue;
                }
                let with = |distance: u64| {
                    let mut all = APART;
                    all[j] = all[i] + distance;
                    told(&[tensor(kind, all)])
                };
                let end = bytes.next_multiple_of(4);
                for distance in [0, (bytes - 1) / size * size] {
                    let told = with(distance);
                    let names = [one, other].map(|name| format!("{name} of tensor 0"));
                    let both = names.iter().all(|name| told.contains(name));
                    let allowed = told.ends_with("what a step writes overlaps no other array");
                    assert!(both && allowed, "{kind:?}, {told}");
                }
                assert_eq!(with(end), "", "{kind:?}, {one}, {other}");
            }
        }
    }
}

/// Two tensors may have the same gradient, and nothing else.
#[test]
fn tensors_do_not_overlap() {
    let kind = Kind { store: Store::Master, form: Some(SecondForm::Sqrt), narrow_gradient: false };
    let elsewhere = APART.map(|at| at + (16 << 20));
    for (i, one, _, bytes) in arrays(kind) {
        for (j, other, size, _) in arrays(kind) {
            for distance in [0, (bytes - 1) / size * size] {
                let mut all = elsewhere;
                all[j] = APART[i] + distance;
                let told = told(&[tensor(kind, APART), tensor(kind, all)]);
                if i == GRADIENT && j == GRADIENT {
                    assert_eq!(told, "");
                    continue;
                }
                assert!(told.contains(&format!("{one} of tensor 0")), "{told}");
                assert!(told.contains(&format!("{other} of tensor 1")), "{told}");
            }
        }
    }
    // Behind one that is shorter, in one that began before it; and in a gradient.
    let long =
        |at: Addresses| AdamwTensorOn { len: 1 << 18, whole_len: 1 << 18, ..tensor(kind, at) };
    let apart = APART.map(|at| 16 * at);
    for i in [0, GRADIENT] {
        let mut all = elsewhere;
        (all[3], all[4]) = (apart[i] + 512, apart[i] + 8192);
        let told = told(&[long(apart), tensor(kind, all)]);
        assert!(told.starts_with("array is codes of m of tensor 1 at "), "{told}");
        let mut both = elsewhere;
        (both[GRADIENT], both[4]) = (apart[GRADIENT] + 512, apart[GRADIENT] + 8192);
        let told = self::told(&[long(apart), tensor(kind, both)]);
        assert!(told.starts_with("array is codes of v of tensor 1 at "), "{told}");
    }
    // Of no element, anywhere.
    let none = AdamwTensorOn { len: 0, ..tensor(kind, APART) };
    assert_eq!(told(&[tensor(kind, APART), none]), "");
}
