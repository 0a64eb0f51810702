//! States saved in one cut and loaded in another.

use std::collections::{BTreeMap, HashMap};

use half::bf16;
use proptest::prelude::*;
use quarter::Error;
use quarter::adamw::checkpoint::{Checkpoint, Shard, save};
use quarter::adamw::{
    self, Clock, FullMoments, Gradient, Hyper, Moments, Options, Rounding, SecondForm,
    StepConstants, StoredMoments, Weights,
};
use quarter::random::{Source, Stream};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

fn uniform(seed: u64, i: u64) -> f32 {
    let word = Source { seed, tensor: 1, step: 0 }.words(Stream::Data, i)[0];
    (f64::from(word) / 2f64.powi(31) - 1.0) as f32
}

/// A tensor in shards that train side by side.
#[derive(Clone)]
struct Run {
    shards: Vec<StoredMoments>,
    weights: Vec<bf16>,
    clock: Clock,
}

impl Run {
    fn new(form: Option<SecondForm>, len: usize, cuts: &[usize]) -> Self {
        let ends = cuts.iter().copied().chain([len]);
        let mut first = 0;
        let shards = ends.map(|end| {
            let (from, n) = (std::mem::replace(&mut first, end) as u64, end);
            let n = n - from as usize;
            match form {
                None => FullMoments::from_parts(from, vec![0.0; n], vec![0.0; n]).unwrap().into(),
                Some(form) => Moments::new_shard(form, from, n).unwrap().into(),
            }
        });
        let shards = shards.collect();
        let weights = (0..len as u64).map(|i| bf16::from_f32(uniform(1, i))).collect();
        Self { shards, weights, clock: Clock::START }
    }

    fn step(&mut self) {
        let hyper = Hyper::default();
        self.clock.advance(&hyper);
        let k = StepConstants::new(&hyper, &self.clock, 1.0, 1.0).unwrap();
        let t = self.clock.t;
        let g = |i: u64| uniform(t, i).powi(5);
        for shard in &mut self.shards {
            let (first, len) = (shard.first() as usize, shard.len());
            let gradient: Vec<f32> = (first..first + len).map(|i| g(i as u64)).collect();
            let weights = &mut self.weights[first..first + len];
            let weights = Weights::Bf16 { weights, rounding: Rounding::Stochastic };
            let source = Source { seed: 3, tensor: 0, step: t as u32 };
            let gradient = Gradient::F32(&gradient);
            let _ = match shard {
                StoredMoments::Fp8(m) => {
                    adamw::step(weights, gradient, m, &k, &Options::new(&hyper), source)
                }
                StoredMoments::Full(m) => adamw::step_full(weights, gradient, m, &k, source),
            }
            .unwrap();
        }
    }

    fn len(&self) -> usize {
        self.weights.len()
    }

    /// A file for each shard.
    fn save(&self) -> Vec<Vec<u8>> {
        let file = |moments| {
            save(&self.clock, &[Shard { name: "w", whole_len: self.len() as u64, moments }])
                .unwrap()
        };
        self.shards.iter().map(file).collect()
    }

    /// The same run in other shards.
    fn recut(&self, cuts: &[usize]) -> Self {
        let files = self.save();
        let files: Vec<&[u8]> = files.iter().rev().map(|file| &file[..]).collect();
        let checkpoint = Checkpoint::open(&files).unwrap();
        assert_eq!(checkpoint.tensors().collect::<Vec<_>>(), [("w", self.len() as u64)]);
        let empty = Self::new(Some(SecondForm::Sqrt), self.len(), cuts);
        let load =
            |shard: &StoredMoments| checkpoint.moments("w", shard.first(), shard.len()).unwrap();
        Self {
            shards: empty.shards.iter().map(load).collect(),
            weights: self.weights.clone(),
            clock: checkpoint.clock(),
        }
    }
}

fn lens() -> impl Strategy<Value = usize> {
    prop_oneof![prop::sample::select(vec![0, 1, 127, 128, 129, 256, 509, 1021]), 0..1500usize]
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0..10usize, 0..4)
}

/// Multiples of 128 within a length, in order.
fn within(cuts: &[usize], len: usize) -> Vec<usize> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| (128 * cut).min(len / 128 * 128)).collect();
    cuts.sort_unstable();
    cuts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn other_shards_train_on_with_the_same_bits(
        form in prop::sample::select(vec![None, Some(SecondForm::Sqrt), Some(SecondForm::Linear)]),
        len in lens(),
        (before, after) in (cuts(), cuts()),
    ) {
        let mut whole = Run::new(form, len, &[]);
        let mut cut = Run::new(form, len, &within(&before, len));
        for _ in 0..3 {
            whole.step();
            cut.step();
        }
        let mut recut = cut.recut(&within(&after, len));
        for _ in 0..3 {
            whole.step();
            recut.step();
        }
        prop_assert_eq!(&recut.weights, &whole.weights);
        prop_assert_eq!(&recut.recut(&[]).shards, &whole.shards);
        prop_assert_eq!(recut.clock, whole.clock);
    }
}

/// The `len` elements from `first`, cut out without a file.
fn part(moments: &StoredMoments, first: usize, len: usize) -> StoredMoments {
    let at = first - moments.first() as usize;
    match moments {
        StoredMoments::Full(full) => {
            let (m, v) = (full.m()[at..at + len].to_vec(), full.v()[at..at + len].to_vec());
            FullMoments::from_parts(first as u64, m, v).unwrap().into()
        }
        StoredMoments::Fp8(fp8) => {
            let cut = |(codes, scales): (&[u8], &[f32])| {
                let blocks = len.div_ceil(128);
                (codes[at..at + len].to_vec(), scales[at / 128..at / 128 + blocks].to_vec())
            };
            let (m, v) = (cut(fp8.m()), cut(fp8.v()));
            Moments::from_parts(fp8.form(), first as u64, m, v).unwrap().into()
        }
    }
}

/// Moments of which no block is like another.
fn random(form: Option<SecondForm>, len: usize, seed: u64) -> StoredMoments {
    let values = |seed| (0..len as u64).map(move |i| uniform(seed, i).powi(7));
    let (m, v) = (values(2 * seed).collect(), values(2 * seed + 1).map(f32::abs).collect());
    let full = FullMoments::from_parts(0, m, v).unwrap();
    match form {
        None => full.into(),
        Some(form) => Moments::from_full(form, &full).into(),
    }
}

/// Names that begin or end as others do, and as entries do.
const NAMES: [&str; 6] = ["w", "w.m", "w.m_scales", "", "quarter.shard.w", "a b \" \u{fc}"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// Tensors of several forms in several files, of which some hold the same blocks.
    #[test]
    fn any_range_of_any_tensor(
        tensors in prop::collection::vec((0..3usize, lens(), cuts(), cuts()), 1..NAMES.len()),
        ranges in prop::collection::vec((0..12usize, 0..12usize), 8),
        files in 1..4usize,
    ) {
        let forms = [None, Some(SecondForm::Sqrt), Some(SecondForm::Linear)];
        let wholes: Vec<_> = tensors.iter().zip(0..).map(|((form, len, ..), seed)| {
            random(forms[*form], *len, seed)
        }).collect();
        // Cut twice; each file has at most one shard of a tensor.
        let mut held: Vec<BTreeMap<usize, StoredMoments>> = vec![BTreeMap::new(); files];
        for (i, (_, len, before, after)) in tensors.iter().enumerate() {
            for cuts in [before, after] {
                let mut from = 0;
                for to in within(cuts, *len).into_iter().chain([*len]) {
                    let shard = part(&wholes[i], from, to - from);
                    match held.iter_mut().find(|file| !file.contains_key(&i)) {
                        Some(file) => file.insert(i, shard),
                        None => {
                            held.push(BTreeMap::from([(i, shard)]));
                            None
                        }
                    };
                    from = to;
                }
            }
        }
        let clock = Clock { t: 7, beta1_pow: 0.9f64.powi(7), beta2_pow: f64::MIN_POSITIVE / 3.0 };
        let written: Vec<_> = held.iter().map(|file| {
            let shards: Vec<_> = file.iter().map(|(i, moments)| {
                Shard { name: NAMES[*i], whole_len: wholes[*i].len() as u64, moments }
            }).collect();
            save(&clock, &shards).unwrap()
        }).collect();
        let checkpoint = Checkpoint::open(&written.iter().map(|f| &f[..]).collect::<Vec<_>>());
        let checkpoint = checkpoint.unwrap();
        let read = checkpoint.clock();
        prop_assert_eq!(read.t, clock.t);
        prop_assert_eq!(read.beta1_pow.to_bits(), clock.beta1_pow.to_bits());
        prop_assert_eq!(read.beta2_pow.to_bits(), clock.beta2_pow.to_bits());
        let known: BTreeMap<_, _> = checkpoint.tensors().collect();
        let lens = wholes.iter().map(|whole| whole.len() as u64);
        prop_assert_eq!(known, NAMES.into_iter().zip(lens).collect::<BTreeMap<_, _>>());
        for (i, whole) in wholes.iter().enumerate() {
            let all = checkpoint.moments(NAMES[i], 0, whole.len()).unwrap();
            prop_assert_eq!(&all, whole);
            for (from, blocks) in &ranges {
                let from = (128 * from).min(whole.len() / 128 * 128);
                let to = (from + 128 * blocks).min(whole.len());
                let some = checkpoint.moments(NAMES[i], from as u64, to - from).unwrap();
                prop_assert_eq!(some, part(whole, from, to - from));
            }
        }
    }
}

/// From f32 moments into FP8 ones, and back.
#[test]
fn a_run_may_move() {
    let mut run = Run::new(None, 1000, &[512]);
    (0..5).for_each(|_| run.step());
    let full = run.recut(&[]);
    let [StoredMoments::Full(moments)] = &full.shards[..] else { panic!("f32 moments") };
    let fp8 = Moments::from_full(SecondForm::Sqrt, moments);
    let mut moved = Run { shards: vec![fp8.clone().into()], ..full.clone() };
    (0..5).for_each(|_| moved.step());
    let back = moved.recut(&[128]);
    let there = |shard: &StoredMoments| match shard {
        StoredMoments::Fp8(moments) => StoredMoments::Full(moments.to_full()),
        StoredMoments::Full(_) => panic!("FP8 moments"),
    };
    let mut back = Run { shards: back.shards.iter().map(there).collect(), ..back };
    (0..5).for_each(|_| back.step());
    assert_eq!(back.clock.t, 15);
    assert!(back.weights.iter().all(|w| w.is_finite()));
    assert_ne!(back.weights, full.weights);
    // The same without files and shards.
    let mut whole = Run::new(None, 1000, &[]);
    (0..5).for_each(|_| whole.step());
    assert_eq!(whole.shards, full.shards);
    whole.shards = vec![fp8.into()];
    (0..5).for_each(|_| whole.step());
    whole.shards = whole.shards.iter().map(there).collect();
    (0..5).for_each(|_| whole.step());
    assert_eq!(back.weights, whole.weights);
    assert_eq!(back.recut(&[]).shards, whole.shards);
}

fn refused<T>(result: Result<T, Error>) -> String {
    match result {
        Err(error) => error.to_string(),
        Ok(_) => panic!("not refused"),
    }
}

#[test]
fn what_is_not_there_or_does_not_fit_is_refused() {
    let mut run = Run::new(Some(SecondForm::Sqrt), 1000, &[256, 512]);
    run.step();
    let files = run.save();
    let of = |files: &[Vec<u8>], name: &str, first, len| {
        let files: Vec<&[u8]> = files.iter().map(|file| &file[..]).collect();
        Checkpoint::open(&files).and_then(|checkpoint| checkpoint.moments(name, first, len))
    };
    assert!(of(&files, "w", 128, 640).is_ok());
    for (message, expected) in [
        (
            refused(of(&files[..2], "w", 0, 1000)),
            "range is w from 0, 1000 elements of 1000: nothing of block 4",
        ),
        (
            refused(of(&[files[0].clone(), files[2].clone()], "w", 128, 872)),
            "range is w from 128, 872 elements of 1000: nothing of block 2",
        ),
        (
            refused(of(&files[1..], "w", 0, 512)),
            "range is w from 0, 512 elements of 1000: nothing of block 0",
        ),
        (refused(of(&files, "b", 0, 1000)), "tensor is b; it is one of"),
        (refused(of(&files, "w", 64, 64)), "range is w from 64, 64 elements of 1000; it begins"),
        (refused(of(&files, "w", 0, 100)), "range is w from 0, 100 elements of 1000; it ends"),
        (refused(of(&files, "w", 0, 1128)), "range is w from 0, 1128 elements of 1000; it ends"),
        (refused(of(&[], "w", 0, 1000)), "checkpoint is no file; one at least"),
    ] {
        assert!(message.starts_with(expected), "{message}");
    }
    // Another step; the same place with other bits; another form.
    let mut later = run.clone();
    later.step();
    let mixed = [files[0].clone(), later.save()[1].clone(), files[2].clone()];
    assert!(refused(of(&mixed, "w", 0, 1000)).starts_with("clock is Clock { t: 2"));
    later.clock = run.clock;
    let twice = [files.clone(), later.save()].concat();
    assert!(
        refused(of(&twice, "w", 0, 1000)).starts_with("shards is w, block 0; where they overlap")
    );
    assert!(of(&[files.clone(), files.clone()].concat(), "w", 0, 1000).is_ok());
    let mut linear = Run::new(Some(SecondForm::Linear), 1000, &[]);
    linear.step();
    let forms = [files.clone(), linear.save()].concat();
    assert!(refused(of(&forms, "w", 0, 1000)).starts_with("shard is w: "));
    let shard = |whole_len| {
        let moments = &run.shards[0];
        save(&run.clock, &[Shard { name: "w", whole_len, moments }; 1])
    };
    assert!(refused(shard(200)).starts_with("shard is w from 0 to 256 of 200; it ends"));
    let one = Shard { name: "w", whole_len: 1000, moments: &run.shards[0] };
    assert_eq!(
        refused(save(&run.clock, &[one, one])),
        "shard is w; each tensor comes once in a file"
    );
}

/// Every byte of a file changed or cut off: refused, or another state; never a panic.
#[test]
fn damage_is_no_panic() {
    let mut run = Run::new(Some(SecondForm::Sqrt), 300, &[]);
    run.step();
    let file = &run.save()[0];
    let whole = &run.shards[0];
    let load = |file: &[u8]| Checkpoint::open(&[file]).and_then(|c| c.moments("w", 0, 300));
    assert_eq!(load(file).unwrap(), *whole);
    let mut refusals = 0;
    for at in 0..file.len() {
        assert!(load(&file[..at]).is_err());
        for change in [0x01, 0x80, 0xff] {
            let mut file = file.clone();
            file[at] ^= change;
            refusals += usize::from(load(&file).is_err());
        }
    }
    assert!(refusals > 200, "{refusals}");
    // Codes and scales that no step leaves.
    let text = |from: &str, to: &str| {
        let at = file.windows(from.len()).position(|w| w == from.as_bytes()).unwrap();
        let mut file = file.clone();
        file[at..at + from.len()].copy_from_slice(to.as_bytes());
        refused(load(&file))
    };
    assert!(
        text("quarter.version\":\"1", "quarter.version\":\"2")
            .starts_with("version is 2; version 1")
    );
    assert!(
        text("sqrt 0 300", "sqrt 8 300").starts_with("shard is w: sqrt 8 300 with 300 elements")
    );
    assert!(text("sqrt 0 300", "cbrt 0 300").starts_with("shard is w: cbrt 0 300; sqrt, linear"));
    assert!(text("F8_E4M3", "F8_E5M2").starts_with("entry is w."));
    assert!(
        text("clock\":\"1 3f", "clock\":\"0 3f").starts_with("clock.beta1_pow is 0.9; it is 1")
    );
}

type Entries = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

/// A file as the documentation has it, written without `save`: one block and a bit of `w`.
fn by_hand() -> (Entries, HashMap<String, String>) {
    let scales: Vec<u8> = [0.5_f32, 2.0].iter().flat_map(|s| s.to_le_bytes()).collect();
    let mut entries = Entries::new();
    for (what, code) in [("m", 0xb8), ("v", 0x38)] {
        entries.insert(format!("w.{what}"), (Dtype::F8_E4M3, vec![130], vec![code; 130]));
        entries.insert(format!("w.{what}_scales"), (Dtype::F32, vec![2], scales.clone()));
    }
    let metadata = [
        ("quarter.version", "1"),
        ("quarter.clock", "1 3feccccccccccccd 3feff7ced916872b"),
        ("quarter.shard.w", "sqrt 256 386"),
    ];
    (entries, metadata.map(|(key, value)| (key.into(), value.into())).into())
}

fn written((entries, metadata): &(Entries, HashMap<String, String>)) -> Vec<u8> {
    let views = entries.iter().map(|(name, (dtype, shape, bytes))| {
        (name, TensorView::new(*dtype, shape.clone(), bytes).unwrap())
    });
    safetensors::serialize(views, Some(metadata.clone())).unwrap()
}

#[test]
fn the_format_is_the_documented_one() {
    let by_hand = by_hand();
    let file = written(&by_hand);
    let checkpoint = Checkpoint::open(&[&file]).unwrap();
    let clock = Clock { t: 1, beta1_pow: 0.9, beta2_pow: 0.999 };
    assert_eq!(checkpoint.clock(), clock);
    let moments = checkpoint.moments("w", 256, 130).unwrap();
    let StoredMoments::Fp8(fp8) = &moments else { panic!("FP8 moments") };
    assert_eq!((fp8.form(), fp8.first(), fp8.len()), (SecondForm::Sqrt, 256, 130));
    let full = fp8.to_full();
    assert_eq!((full.m()[127], full.m()[128]), (-0.5, -2.0));
    assert_eq!((full.v()[127], full.v()[128]), (0.25, 4.0));
    // And the other way round.
    let shards = [Shard { name: "w", whole_len: 386, moments: &moments }];
    let file = save(&clock, &shards).unwrap();
    let tensors = SafeTensors::deserialize(&file).unwrap();
    assert_eq!(tensors.len(), by_hand.0.len());
    for (name, (dtype, shape, bytes)) in &by_hand.0 {
        let view = tensors.tensor(name).unwrap();
        assert_eq!((view.dtype(), view.shape(), view.data()), (*dtype, &shape[..], &bytes[..]));
    }
    let (_, header) = SafeTensors::read_metadata(&file).unwrap();
    assert_eq!(header.metadata(), &Some(by_hand.1));
}

/// Files that are safetensors and no state.
#[test]
fn a_file_that_is_wrong_is_refused() {
    type Change = fn(&mut Entries, &mut HashMap<String, String>);
    let set = |metadata: &mut HashMap<String, String>, key: &str, value: &str| {
        metadata.insert(format!("quarter.{key}"), value.into());
    };
    let cases: &[(&str, Change)] = &[
        ("checkpoint is ", |e, _| drop(e.remove("w.v"))),
        ("checkpoint is ", |e, _| drop(e.remove("w.m_scales"))),
        ("entry is w.m of F8_E5M2 [130]", |e, _| e.get_mut("w.m").unwrap().0 = Dtype::F8_E5M2),
        ("entry is w.v of U8 [130]", |e, _| e.get_mut("w.v").unwrap().0 = Dtype::U8),
        ("entry is w.v of F8_E4M3 [13, 10]", |e, _| e.get_mut("w.v").unwrap().1 = vec![13, 10]),
        ("entry is w.v_scales of I32 [2]", |e, _| e.get_mut("w.v_scales").unwrap().0 = Dtype::I32),
        ("shard is w: sqrt 256 386 with 130 elements; its entries fit", |e, _| {
            *e.get_mut("w.v").unwrap() = (Dtype::F8_E4M3, vec![129], vec![0; 129]);
        }),
        ("shard is w: sqrt 256 386 with 129 elements; its entries fit", |e, _| {
            *e.get_mut("w.m").unwrap() = (Dtype::F8_E4M3, vec![129], vec![0; 129]);
        }),
        ("shard is w: sqrt 256 386 with 130 elements; its entries fit", |e, _| {
            *e.get_mut("w.m_scales").unwrap() = (Dtype::F32, vec![1], vec![0, 0, 0, 1]);
        }),
        ("shard is w: sqrt 256 386 with 130 elements; its entries fit", |e, _| {
            *e.get_mut("w.v_scales").unwrap() = (Dtype::F32, vec![3], vec![1; 12]);
        }),
        ("code of m is 0xff; it is not a NaN", |e, _| e.get_mut("w.m").unwrap().2[129] = 0xff),
        ("code of v is 0x80; it is at most", |e, _| e.get_mut("w.v").unwrap().2[0] = 0x80),
        ("scale of m is -0.5; it is positive", |e, _| e.get_mut("w.m_scales").unwrap().2[3] = 0xbf),
        ("scale of v is NaN; it is positive", |e, _| {
            e.get_mut("w.v_scales").unwrap().2[4..].copy_from_slice(&f32::NAN.to_le_bytes());
        }),
        ("version is none; version 1", |_, m| drop(m.remove("quarter.version"))),
        ("version is none; version 1", |_, m| m.clear()),
        ("clock is none; t and", |_, m| drop(m.remove("quarter.clock"))),
        ("tensor is w; it is one of", |_, m| drop(m.remove("quarter.shard.w"))),
    ];
    for (expected, change) in cases {
        let (mut entries, mut metadata) = by_hand();
        change(&mut entries, &mut metadata);
        let file = written(&(entries, metadata));
        let message = refused(Checkpoint::open(&[&file]).and_then(|c| c.moments("w", 256, 130)));
        assert!(message.starts_with(expected), "{message}, not {expected}");
    }
    let texts = [
        ("clock", "1 3feccccccccccccd", "clock is 1 3fec"),
        ("clock", "-1 3feccccccccccccd 3feff7ced916872b", "clock is -1 3fec"),
        ("clock", "1 3feccccccccccccd 3feff7ced916872b 0", "clock is 1 3fec"),
        ("clock", "1 3feccccccccccccd zfeff7ced916872b", "clock is 1 3fec"),
        ("clock", "1 3feccccccccccccd 3ff0000000000000", "clock.beta2_pow is 1; it lies in"),
        ("clock", "1 7ff8000000000000 3feff7ced916872b", "clock.beta1_pow is NaN; it lies in"),
        ("clock", "0 3ff0000000000000 3feff7ced916872b", "clock.beta2_pow is 0.999; it is 1"),
        ("clock", "4294967296 3feccccccccccccd 3feff7ced916872b", "clock.t is 4294967296; it has"),
        ("shard.w", "sqrt 256", "shard is w: sqrt 256; sqrt, linear or full"),
        ("shard.w", "sqrt 256 386 1", "shard is w: sqrt 256 386 1; sqrt, linear or full"),
        ("shard.w", "Sqrt 256 386", "shard is w: Sqrt 256 386; sqrt, linear or full"),
        ("shard.w", "sqrt -128 386", "shard is w: sqrt -128 386; sqrt, linear or full"),
        ("shard.w", "sqrt 192 322", "shard is w: sqrt 192 322 with 130 elements; its"),
        ("shard.w", "sqrt 256 385", "shard is w: sqrt 256 385 with 130 elements; its"),
        ("shard.w", "sqrt 256 387", "shard is w: sqrt 256 387 with 130 elements; its"),
        ("shard.w", "sqrt 18446744073709551488 386", "shard is w: sqrt 184467"),
        ("shard.w", "full 256 386", "entry is w.m of F8_E4M3 [130]"),
        // An end above 2^51.
        ("shard.w", "sqrt 2251799813685248 2251799813685378", "first is 2251799813685248, with"),
    ];
    for (key, value, expected) in texts {
        let (entries, mut metadata) = by_hand();
        set(&mut metadata, key, value);
        let file = written(&(entries, metadata));
        let load = |c: Checkpoint| {
            let first = c.tensors().map(|(_, len)| len - 130).next().unwrap();
            c.moments("w", first, 130)
        };
        let message = refused(Checkpoint::open(&[&file]).and_then(load));
        assert!(message.starts_with(expected), "{message}, not {expected}");
    }
    let refused_clock = Clock { t: 0, beta1_pow: 0.5, beta2_pow: 1.0 };
    assert!(refused(save(&refused_clock, &[])).starts_with("clock.beta1_pow is 0.5; it is 1"));
}

/// The length of the whole tensor is a file's claim, and no memory is asked for by it.
#[test]
fn a_length_that_no_file_holds_is_refused() {
    for form in [None, Some(SecondForm::Sqrt)] {
        let moments = random(form, 128, 0);
        for whole_len in [1 << 40, 1 << 60, u64::MAX] {
            let shard = Shard { name: "w", whole_len, moments: &moments };
            let file = save(&Clock::START, &[shard]).unwrap();
            let checkpoint = Checkpoint::open(&[&file]).unwrap();
            assert_eq!(checkpoint.tensors().collect::<Vec<_>>(), [("w", whole_len)]);
            let message = refused(checkpoint.moments("w", 0, whole_len as usize));
            assert!(message.contains("nothing of block 1; shards cover"), "{message}");
            assert_eq!(checkpoint.moments("w", 0, 128).unwrap(), moments);
        }
    }
}
