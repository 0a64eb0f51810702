//! Shards on ranks of their own.

use half::bf16;
use quarter::adamw::{
    self, Gradient, Member, Moments, Optimizer, Rounding, SecondForm, Settings, Weights,
};
use quarter::gpu::emulate::Options;
use quarter::gpu::{AdamwOn, Stream};

use super::{Kind, Memory, USUAL, emulator, random, slope, words};

/// The tensors of the test of shards: their lengths, and where each is cut.
const SHARDED: [(usize, &[usize]); 4] =
    [(1, &[]), (1000, &[128, 896]), (150_000, &[128, 131_072, 131_200]), (257, &[256])];

/// Shards on ranks of their own, whose sums are gathered: the same bits as the whole.
#[test]
pub fn shards_change_no_bit() {
    for form in [SecondForm::Sqrt, SecondForm::Linear] {
        let settings =
            Settings { update_limit: Some(0.5), max_norm: Some(1e-2), ..Settings::default() };
        let (_, driver) = emulator(Options::default());
        let whole: Vec<Vec<bf16>> = (0..).zip(SHARDED).map(|(i, (n, _))| random(i, n)).collect();
        // Rank r has shard r of each tensor, if there is one.
        let ranks = SHARDED.iter().map(|(_, cuts)| cuts.len() + 1).max().unwrap();
        let place = |rank: usize, i: usize| {
            let (len, cuts) = SHARDED[i];
            let ends: Vec<usize> =
                [0].into_iter().chain(cuts.iter().copied()).chain([len]).collect();
            match ends.get(rank + 1) {
                Some(end) => ends[rank]..*end,
                None => len.next_multiple_of(128).min(len)..len,
            }
        };
        let memory: Vec<Vec<Memory>> = (0..ranks)
            .map(|rank| {
                let kind = Kind { form: Some(form), ..USUAL };
                let of = |(i, w): (usize, &Vec<bf16>)| {
                    Memory::of(&driver, kind, &w[place(rank, i)], [0; 5])
                };
                whole.iter().enumerate().map(of).collect()
            })
            .collect();
        let ranked: Vec<AdamwOn> = (0..ranks)
            .map(|rank| {
                let on = |(i, memory): (usize, &Memory)| {
                    let first = if memory.len == 0 { 0 } else { place(rank, i).start as u64 };
                    memory.on(first, SHARDED[i].0 as u64, i as u32)
                };
                let tensors: Vec<_> = memory[rank].iter().enumerate().map(on).collect();
                AdamwOn::new(&driver, &tensors, settings.clone()).unwrap()
            })
            .collect();
        let gather = || {
            for (i, (len, _)) in SHARDED.into_iter().enumerate() {
                for (owner, from) in ranked.iter().enumerate() {
                    let (start, blocks) = from.partials(i).unwrap();
                    assert_eq!(blocks as usize, len.div_ceil(128));
                    let own = place(owner, i);
                    let (at, end) = (own.start as u64 / 128 * 4, own.end.div_ceil(128) as u64 * 4);
                    let mut sums = vec![0; (end.saturating_sub(at)) as usize];
                    if own.is_empty() {
                        continue;
                    }
                    // SAFETY: within the partials of the tensor, which are zeroed or written.
                    unsafe { driver.read(Stream::default(), start + at, &mut sums).unwrap() };
                    for to in &ranked {
                        let (start, _) = to.partials(i).unwrap();
                        // SAFETY: as above.
                        unsafe { driver.write(Stream::default(), start + at, &sums).unwrap() };
                    }
                }
            }
        };
        let mut optimizer = Optimizer::new(settings.clone()).unwrap();
        for (i, (len, _)) in SHARDED.into_iter().enumerate() {
            let state = Moments::new(form, len).unwrap().into();
            optimizer.add(Member { state, group: 0, tensor: i as u32 }).unwrap();
        }
        let mut expected = whole.clone();
        for step in 0..4 {
            let slopes: Vec<Vec<bf16>> =
                (0..).zip(SHARDED).map(|(i, (n, _))| slope(100 * step + i, n)).collect();
            for (rank, memory) in memory.iter().enumerate() {
                for (i, memory) in memory.iter().enumerate() {
                    memory.set_gradient(&driver, &slopes[i][place(rank, i)]);
                }
            }
            let stream = Stream::default();
            // SAFETY: the memory of each rank is as large as it says, and alive.
            unsafe {
                ranked.iter().for_each(|on| on.enqueue_norm_partials(stream).unwrap());
                gather();
                ranked.iter().for_each(|on| on.enqueue_decision(stream).unwrap());
                ranked.iter().for_each(|on| on.enqueue_update_partials(stream).unwrap());
                gather();
                ranked.iter().for_each(|on| on.enqueue_update_rates(stream).unwrap());
                ranked.iter().for_each(|on| on.enqueue_weights(stream).unwrap());
            }
            let views = expected.iter_mut().zip(&slopes).map(|(weights, slope)| {
                let rounding = Rounding::Stochastic;
                (Weights::Bf16 { weights, rounding }, Gradient::Bf16(slope))
            });
            let told = optimizer.step(&mut views.collect::<Vec<_>>()).unwrap();
            for on in &ranked {
                let control = on.control().unwrap();
                assert_eq!(control.norm.to_bits(), told.norm.to_bits());
                assert_eq!(control.clock, optimizer.clock());
            }
        }
        for (i, weights) in expected.iter().enumerate() {
            let joined = memory.iter().flat_map(|rank| rank[i].weights());
            assert_eq!(joined.collect::<Vec<_>>(), *weights, "{form:?}, tensor {i}");
            let adamw::StoredMoments::Fp8(moments) = &optimizer.members()[i].state else {
                panic!("FP8 moments were asked for")
            };
            let codes = |k: usize| memory.iter().flat_map(move |rank| rank[i].codes()[k].clone());
            assert_eq!(codes(0).collect::<Vec<_>>(), moments.m().0);
            assert_eq!(codes(1).collect::<Vec<_>>(), moments.v().0);
            let scales = |k: usize| memory.iter().flat_map(move |rank| rank[i].scales()[k].clone());
            assert_eq!(scales(0).collect::<Vec<_>>(), words(moments.m().1));
            assert_eq!(scales(1).collect::<Vec<_>>(), words(moments.v().1));
        }
    }
}
