//! The `pretrain` example from inside: determinism, checkpoints, reports.

#[allow(dead_code)]
#[path = "../examples/pretrain/main.rs"]
mod pretrain;

use std::{path::Path, process::Command, time::Duration};

use candle_core::{DType, Tensor};
use clap::Parser;
use indicatif::MultiProgress;
use pretrain::{
    args::{Args, Recipe, Scaling},
    checkpoint,
    line::Line,
    model::Shape,
    report,
    run::Run,
    text::Corpus,
    train,
};

const SMALL: Shape = Shape { width: 64, layers: 1, heads: 2, context: 16, windows: 4 };
const ALL: [Recipe; 4] = [Recipe::Fp32, Recipe::Bf16, Recipe::Fp8, Recipe::Fp8Naive];

fn corpus() -> Corpus {
    let sentence = "Pack my box with five dozen liquor jugs; the quick brown fox jumps! ";
    let bytes = (0..30_000).map(|i| sentence.as_bytes()[(i + i / 97) % sentence.len()]);
    Corpus::from_bytes(bytes.collect()).unwrap()
}

fn args(more: &[&str]) -> Args {
    Args::parse_from([&["pretrain", "--quiet", "--steps", "20"], more].concat())
}

fn line(recipe: Recipe) -> Line {
    let lines = Line::all(&args(&[]));
    let line = lines.into_iter().find(|line| line.recipe == recipe).unwrap();
    Line { shape: SMALL, ..line }
}

fn steps(run: &mut Run<'_>, count: u32) {
    for _ in 0..count {
        run.step().unwrap();
    }
}

/// The bits of a run: its state and its losses.
fn bits(run: &Run<'_>) -> Vec<(String, Vec<u64>)> {
    let mut bits: Vec<_> =
        run.state().unwrap().into_iter().map(|(name, x)| (name, tensor_bits(&x))).collect();
    let losses = run.log().losses.iter().map(|x| u64::from(x.to_bits())).collect();
    bits.push(("losses".into(), losses));
    bits
}

fn tensor_bits(x: &Tensor) -> Vec<u64> {
    let x = x.flatten_all().unwrap();
    match x.dtype() {
        DType::F64 => x.to_vec1::<f64>().unwrap().iter().map(|x| x.to_bits()).collect(),
        DType::I64 => x.to_vec1::<i64>().unwrap().iter().map(|&x| x as u64).collect(),
        DType::U8 => x.to_vec1::<u8>().unwrap().iter().map(|&x| x.into()).collect(),
        DType::U32 => x.to_vec1::<u32>().unwrap().iter().map(|&x| x.into()).collect(),
        // bf16 to f32 loses nothing.
        _ => {
            let x = x.to_dtype(DType::F32).unwrap().to_vec1::<f32>().unwrap();
            x.iter().map(|x| x.to_bits().into()).collect()
        }
    }
}

fn assert_same(a: &Run<'_>, b: &Run<'_>) {
    for ((name, a), (other, b)) in bits(a).iter().zip(&bits(b)) {
        assert_eq!(name, other);
        assert_eq!(a, b, "{name}");
    }
}

#[test]
fn the_built_in_text_is_pinned() {
    let corpus = Corpus::load(&[]).unwrap();
    assert_eq!(corpus.size(), 700_580);
    assert_eq!(corpus.hash(), "02c6425f40a16aa6875d83fe8ae4406f1ccbb50edd359e67c665c62818bac7cd");
}

#[test]
fn batches_stay_out_of_the_validation_part() {
    // The byte at each place tells the part: 0 to train on, 1 to validate with.
    let bytes = [vec![0; 27_000], vec![1; 3_000]].concat();
    let corpus = Corpus::from_bytes(bytes).unwrap();
    let mut seen = std::collections::HashSet::new();
    for step in 1..50 {
        let batch = corpus.batch(1, step, 16, 64);
        assert_eq!((batch.inputs.len(), batch.targets.len()), (1024, 1024));
        assert!(batch.inputs.iter().chain(&batch.targets).all(|&b| b == 0));
    }
    let all = corpus.validation(64);
    assert_eq!(all.inputs.len(), 64 * 64);
    assert!(all.inputs.iter().chain(&all.targets).all(|&b| b == 1));

    let corpus = Corpus::load(&[]).unwrap();
    for (seed, step) in [(1, 1), (1, 2), (2, 1)] {
        let batch = corpus.batch(seed, step, 4, 16);
        assert_eq!(batch.inputs[1..16], batch.targets[..15]);
        assert!(seen.insert(batch.inputs), "seed {seed} step {step} repeats another");
    }
}

#[test]
fn every_recipe_learns_and_counts_its_bytes() {
    let corpus = corpus();
    for (recipe, bytes) in ALL.into_iter().zip([16.0, 12.0, 6.0625, 6.0]) {
        let mut run = Run::new(line(recipe), 1, &corpus).unwrap();
        let first = run.step().unwrap();
        steps(&mut run, 19);
        assert!((first - 256_f32.ln()).abs() < 0.3, "{recipe:?}: {first}");
        let before = bits(&run);
        assert!(run.validate().unwrap() < first - 0.5, "{recipe:?}");
        assert_eq!(bits(&run), before, "{recipe:?}: validation left a trace");
        // The rest is scales and histories of FP8 layers, 4 a layer, in a small model.
        let layers = if recipe.fp8_layers() { 12.0 * 4.0 * 19.0 } else { 0.0 };
        let count = run.parameter_count() as f64;
        let got = run.bytes().total() as f64;
        assert!((got - bytes * count - layers).abs() < 0.005 * count, "{recipe:?}: {got} {count}");
    }
}

/// Hashes of two steps of the full model, printed for the test below.
#[test]
#[ignore = "run by the_number_of_threads_changes_nothing"]
fn child_prints_hashes() {
    let corpus = Corpus::load(&[]).unwrap();
    for line in Line::all(&args(&[])) {
        let mut run = Run::new(line, 1, &corpus).unwrap();
        steps(&mut run, 2);
        println!("hash {}", run.weights_hash().unwrap());
    }
}

/// This test program, running one of its ignored tests.
fn child(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture", "--test-threads", "1"]);
    command
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let hashes = |threads: &str| -> Vec<String> {
        let mut command = child("child_prints_hashes");
        let out = command.env("RAYON_NUM_THREADS", threads).output().unwrap();
        assert!(out.status.success());
        let text = String::from_utf8(out.stdout).unwrap();
        let hashes = text.split_whitespace().filter(|word| word.len() == 64);
        hashes.map(String::from).collect()
    };
    let one = hashes("1");
    assert_eq!(one.len(), 4);
    assert!(one[0] != one[1] && one[1] != one[2] && one[2] != one[3]);
    for threads in ["2", "3"] {
        assert_eq!(one, hashes(threads), "{threads} threads");
    }
}

#[test]
fn a_resumed_run_has_the_same_bits() {
    let corpus = corpus();
    let directory = tempfile::tempdir().unwrap();
    let mut lines: Vec<_> = ALL.map(line).into();
    for scaling in [Scaling::Current, Scaling::Block] {
        lines.push(Line { scaling, label: scaling.name().into(), ..line(Recipe::Fp8) });
    }
    lines.push(Line { outlier: true, label: "outlier".into(), ..line(Recipe::Fp8) });
    lines.push(Line { spike: Some(8), label: "spike".into(), ..line(Recipe::Fp8) });
    for line in lines {
        let mut straight = Run::new(line.clone(), 3, &corpus).unwrap();
        steps(&mut straight, 20);

        let path = checkpoint::path(directory.path(), &line.label, 3);
        let mut first = Run::new(line.clone(), 3, &corpus).unwrap();
        steps(&mut first, 10);
        checkpoint::save(&first, &path).unwrap();
        let mut second = Run::new(line, 3, &corpus).unwrap();
        assert!(checkpoint::load(&mut second, &path).unwrap());
        assert_same(&first, &second);
        assert_eq!(first.log(), second.log());
        steps(&mut second, 10);
        assert_same(&straight, &second);
    }
}

#[test]
fn a_checkpoint_of_another_configuration_is_refused() {
    let corpus = corpus();
    let directory = tempfile::tempdir().unwrap();
    let path = checkpoint::path(directory.path(), "x", 1);
    let mut run = Run::new(line(Recipe::Fp8), 1, &corpus).unwrap();
    assert!(!checkpoint::load(&mut run, &path).unwrap(), "there is none yet");
    checkpoint::save(&run, &path).unwrap();
    assert!(checkpoint::load(&mut run, &path).unwrap());

    let mut others = vec![Run::new(line(Recipe::Fp8), 2, &corpus).unwrap()];
    let faster = Line { lr: 1e-2, ..line(Recipe::Fp8) };
    others.push(Run::new(faster, 1, &corpus).unwrap());
    for mut other in others {
        let error = checkpoint::load(&mut other, &path).unwrap_err();
        assert!(format!("{error:#}").contains("another configuration"), "{error:#}");
    }
    let whole = std::fs::read(&path).unwrap();
    for length in [0, 7, 100, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(checkpoint::load(&mut run, &path).is_err(), "{length} bytes");
    }
}

#[test]
fn what_a_crash_leaves_beside_a_checkpoint_is_ignored() {
    let corpus = corpus();
    let directory = tempfile::tempdir().unwrap();
    let path = checkpoint::path(directory.path(), "fp8", 1);
    let partial = path.with_extension("safetensors.partial");
    std::fs::create_dir_all(partial.parent().unwrap()).unwrap();
    std::fs::write(&partial, b"half a checkp").unwrap();
    let mut run = Run::new(line(Recipe::Fp8), 1, &corpus).unwrap();
    assert!(!checkpoint::load(&mut run, &path).unwrap());
    steps(&mut run, 3);
    checkpoint::save(&run, &path).unwrap();
    assert!(!partial.exists());
    std::fs::write(&partial, b"half a checkp").unwrap();
    let mut resumed = Run::new(line(Recipe::Fp8), 1, &corpus).unwrap();
    assert!(checkpoint::load(&mut resumed, &path).unwrap());
    assert_same(&run, &resumed);
}

const DIRECTORY: &str = "PRETRAIN_TEST_DIRECTORY";
const LONG: u32 = 300;

fn killed_line() -> Line {
    Line { steps: LONG, ..line(Recipe::Fp8) }
}

/// Trains with a checkpoint after every step, from the last one there is.
#[test]
#[ignore = "run, and killed, by a_killed_run_goes_on"]
fn child_trains() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let out = Path::new(&directory).to_str().unwrap();
    let args = args(&["--out", out, "--resume", "--checkpoint-every", "1"]);
    train::one(&args, &killed_line(), 1, &corpus(), &MultiProgress::new()).unwrap();
}

#[test]
fn a_killed_run_goes_on() {
    let corpus = corpus();
    let mut straight = Run::new(killed_line(), 1, &corpus).unwrap();
    steps(&mut straight, LONG);

    let directory = tempfile::tempdir().unwrap();
    let path = checkpoint::path(directory.path(), "fp8", 1);
    let (mut kills, mut halfway) = (0, 0);
    loop {
        let mut command = child("child_trains");
        let mut child = command.env(DIRECTORY, directory.path()).spawn().unwrap();
        // Another moment each time, long enough for a step in the end.
        std::thread::sleep(Duration::from_millis(40 + 37 * kills));
        if child.try_wait().unwrap().is_some_and(|status| status.success()) {
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        // Whatever the moment, what is there is whole.
        let mut run = Run::new(killed_line(), 1, &corpus).unwrap();
        checkpoint::load(&mut run, &path).unwrap();
        halfway += u32::from((1..LONG).contains(&run.step_count()));
    }
    let mut finished = Run::new(killed_line(), 1, &corpus).unwrap();
    assert!(checkpoint::load(&mut finished, &path).unwrap());
    assert!(halfway > 0, "{kills} kills, none of them between steps");
    assert_same(&straight, &finished);
}

#[test]
fn a_finished_run_is_not_repeated() {
    let corpus = corpus();
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().to_str().unwrap();
    for recipe in ALL {
        let first =
            train::one(&args(&["--out", out]), &line(recipe), 1, &corpus, &MultiProgress::new())
                .unwrap();
        let again = train::one(
            &args(&["--out", out, "--resume"]),
            &line(recipe),
            1,
            &corpus,
            &MultiProgress::new(),
        )
        .unwrap();
        // The time would differ if anything had been computed again.
        assert_eq!(first.log, again.log);
        assert_eq!(first.weights_hash, again.weights_hash);
        assert_eq!(first.bytes, again.bytes);
    }
}

#[test]
fn a_gradient_that_is_not_finite_changes_no_bit() {
    let corpus = corpus();
    for recipe in ALL {
        for bad in [f32::INFINITY, f32::NAN] {
            let mut run = Run::new(line(recipe), 1, &corpus).unwrap();
            steps(&mut run, 3);
            let before = bits(&run);
            let mut gradients = run.gradients(4).unwrap().1;
            run.spoil(&mut gradients, bad).unwrap();
            run.apply(&gradients, 4).unwrap();
            assert_eq!(before, bits(&run), "{recipe:?} {bad}");
            assert_eq!((run.log().skipped, run.log().skipped_in_a_row), (1, 1));
            // And the next one is as if nothing had been.
            let mut other = Run::new(line(recipe), 1, &corpus).unwrap();
            steps(&mut other, 4);
            steps(&mut run, 1);
            assert_eq!(bits(&run), bits(&other), "{recipe:?} {bad}");
        }
    }
}

#[test]
fn growth_of_the_outlier_does_not_change_the_function() {
    let corpus = corpus();
    let line = Line { outlier: true, ..line(Recipe::Fp32) };
    assert_eq!((line.outlier(0), line.outlier(1), line.outlier(20)), (1.0, 2.0, 1_048_576.0));
    // The learning rate is 0: what changes is the channel alone.
    let run_to = |line: &Line, count| {
        let mut run = Run::new(Line { lr: 0.0, ..line.clone() }, 1, &corpus).unwrap();
        steps(&mut run, count);
        run.validate().unwrap()
    };
    let still = run_to(&Line { outlier: false, ..line.clone() }, 5);
    assert_eq!(run_to(&line, 1).to_bits(), still.to_bits());
    assert_eq!(run_to(&line, 5).to_bits(), still.to_bits());
}

#[test]
fn the_outlier_saturates_delayed_scaling_and_block_scaling_contains_it() {
    let corpus = corpus();
    let casts = |scaling| {
        let outlier = Line { outlier: true, scaling, ..line(Recipe::Fp8) };
        let mut run = Run::new(outlier, 1, &corpus).unwrap();
        steps(&mut run, 20);
        run.log().outlier
    };
    let [delayed, current, block] = [Scaling::Delayed, Scaling::Current, Scaling::Block].map(casts);
    assert!(delayed.saturated > 0, "{delayed:?}");
    assert_eq!((current.saturated, block.saturated), (0, 0));
    assert!(block.flushed < current.flushed, "{block:?} {current:?}");
}

#[test]
fn experiments_are_lines_of_their_own() {
    let labels = |more: &[&str]| -> Vec<String> {
        let args = Args::parse_from([&["pretrain"], more].concat());
        Line::all(&args).into_iter().map(|line| line.label).collect()
    };
    assert_eq!(labels(&[]), ["fp32", "bf16", "fp8", "fp8-naive"]);
    assert_eq!(labels(&["--recipes", "fp8,fp32"]), ["fp8", "fp32"]);
    assert_eq!(
        labels(&["--recipes", "bf16,fp8", "--spike", "50"]),
        ["bf16, clip", "bf16, no clip", "fp8, clip", "fp8, no clip"]
    );
    assert_eq!(
        labels(&["--recipes", "fp32,fp8", "--outlier"]),
        ["fp32", "fp8, delayed", "fp8, current", "fp8, block"]
    );
    let args = Args::parse_from(["pretrain", "--recipes", "fp8", "--spike", "50"]);
    let clips: Vec<bool> = Line::all(&args).iter().map(|line| line.update_clip).collect();
    assert_eq!(clips, [true, false]);
}

#[test]
fn nearest_weights_and_linear_moments_are_other_runs() {
    let corpus = corpus();
    let hash = |more: &[&str], recipe: &str| {
        let args = args(&[&["--recipes", recipe], more].concat());
        let line = Line { shape: SMALL, ..Line::all(&args)[0].clone() };
        let mut run = Run::new(line, 1, &corpus).unwrap();
        steps(&mut run, 5);
        run.weights_hash().unwrap()
    };
    assert_eq!(hash(&[], "bf16"), hash(&[], "bf16"));
    assert_ne!(hash(&[], "bf16"), hash(&["--bf16-rounding", "nearest"], "bf16"));
    assert_ne!(hash(&[], "fp8"), hash(&["--v", "linear"], "fp8"));
    assert_ne!(hash(&[], "fp8"), hash(&["--scaling", "current"], "fp8"));
    assert_ne!(hash(&[], "fp8"), hash(&["--scaling", "block"], "fp8"));
    // Early second moments are far below what gradients say.
    assert_ne!(hash(&["--spike", "3"], "fp8"), hash(&[], "fp8"));
}

#[test]
fn the_report_has_its_shape() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().to_str().unwrap();
    let text = directory.path().join("text");
    std::fs::write(&text, vec![b'a'; 25_000]).unwrap();
    let text = text.to_str().unwrap();
    let more = ["--out", out, "--text", text, "--recipes", "fp32,fp8", "--seeds", "2"];
    train::all(&args(&[&more[..], &["--steps", "2"]].concat())).unwrap();
    let json = std::fs::read(directory.path().join("report.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    for (recipe, bytes) in [("fp32", 16.0), ("fp8", 6.066)] {
        let entry = &json["recipes"][recipe];
        assert_eq!(entry["val_loss"].as_array().unwrap().len(), 2);
        assert!(entry["val_loss"][1].as_f64().unwrap() < 6.0);
        assert!((entry["bytes_per_param"].as_f64().unwrap() - bytes).abs() < 1e-3, "{entry}");
        assert_eq!(entry["diverged"], 0);
        assert_eq!(entry["weights_hash"][0].as_str().unwrap().len(), 64);
        assert_ne!(entry["weights_hash"][0], entry["weights_hash"][1]);
    }
    assert!(json["paired_difference_to_fp32"]["fp8"]["standard_error"].is_f64());
    let png = std::fs::read(directory.path().join("loss.png")).unwrap();
    assert_eq!(&png[1..4], b"PNG");
    let svg = std::fs::read_to_string(directory.path().join("loss.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
}

#[test]
fn losses_that_are_not_numbers_are_null_and_count_as_diverged() {
    let corpus = corpus();
    let directory = tempfile::tempdir().unwrap();
    let args = args(&["--out", directory.path().to_str().unwrap()]);
    let good = train::one(&args, &line(Recipe::Fp32), 1, &corpus, &MultiProgress::new()).unwrap();
    let mut nan = good.clone();
    nan.log.validation = vec![(20, f32::NAN)];
    let mut worse = good.clone();
    worse.log.validation = vec![(20, 7.0)];
    let row = report::Row { line: line(Recipe::Fp32), outcomes: vec![good, nan, worse] };
    assert_eq!(row.diverged(), 2);
    let json = report::json(&args, &corpus, &[row]).to_string();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let losses = &json["recipes"]["fp32"]["val_loss"];
    assert!(losses[0].is_f64() && losses[1].is_null() && losses[2] == 7.0);
}

#[test]
fn the_recovery_of_a_spike_is_counted() {
    let corpus = corpus();
    let spiked = Line { spike: Some(12), steps: 90, lr: 5e-2, ..line(Recipe::Fp32) };
    let mut run = Run::new(spiked, 1, &corpus).unwrap();
    steps(&mut run, 11);
    assert_eq!(run.log().spike, None);
    let before = run.validate().unwrap();
    // The probe is the first quarter of the validation set, which repeats one sentence.
    let mut good = Vec::new();
    while run.step_count() < 90 {
        steps(&mut run, 1);
        let spike = run.log().spike.unwrap();
        assert!((spike.before / before - 1.0).abs() < 0.05, "{} {before}", spike.before);
        good.push(spike.good);
        if let Some(recovered) = spike.recovered {
            let first = good.len() - 10;
            assert_eq!(good[first..], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
            assert_eq!(recovered as usize, first, "steps after the spike's own");
            assert!(first > 0, "this spike has to do harm");
            return;
        }
    }
    panic!("not recovered: {good:?}");
}
