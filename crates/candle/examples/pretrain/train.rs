//! All runs of a command, one after another.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{
    args::Args,
    checkpoint,
    line::Line,
    plot,
    report::{self, Outcome, Row},
    run::Run,
    table,
    text::Corpus,
};

/// Trains what the arguments ask for, prints the table, writes report and plots.
///
/// # Errors
/// An unreadable text, or a directory that cannot be written.
pub fn all(args: &Args) -> Result<()> {
    let corpus = Corpus::load(&args.text)?;
    println!("text: {} bytes, sha256 {}", corpus.size(), corpus.hash());
    let rows = rows(args, &corpus)?;
    println!("\n{}", table::render(&rows));
    let report = args.out.join("report.json");
    let json = serde_json::to_vec_pretty(&report::json(args, &corpus, &rows))?;
    checkpoint::replace(&report, &json).with_context(|| format!("writing {}", report.display()))?;
    plot::draw(&rows, &args.out)?;
    println!("{}: report.json, loss.png, loss.svg", args.out.display());
    Ok(())
}

/// Trains all lines with all seeds, as many runs at a time as `--jobs` says. A run
/// has the same bits whatever runs beside it.
///
/// # Errors
/// As [`all`].
pub fn rows(args: &Args, corpus: &Corpus) -> Result<Vec<Row>> {
    let lines = Line::all(args);
    let seeds = 1..=args.seeds;
    let runs: Vec<_> = seeds.flat_map(|seed| lines.iter().map(move |line| (line, seed))).collect();
    let bars = MultiProgress::new();
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        while let Some((line, seed)) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let outcome = one(args, line, *seed, corpus, &bars);
            let failed = outcome.is_err();
            done.push((line.label.clone(), *seed, outcome));
            if failed {
                next.store(runs.len(), Ordering::Relaxed);
            }
        }
        done
    };
    let mut done: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..args.jobs()).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|w| w.join().unwrap_or_default()).collect()
    });
    done.sort_by_key(|(_, seed, _)| *seed);
    let mut rows: Vec<_> = lines.into_iter().map(|line| Row { line, outcomes: vec![] }).collect();
    for (label, _, outcome) in done {
        let outcome = outcome?;
        if let Some(row) = rows.iter_mut().find(|row| row.line.label == label) {
            row.outcomes.push(outcome);
        }
    }
    ensure!(
        rows.iter().all(|row| row.outcomes.len() as u64 == args.seeds),
        "a run ended without a result"
    );
    Ok(rows)
}

/// One run from its start or its checkpoint to its end.
///
/// # Errors
/// A checkpoint that cannot be read or written, or is from another configuration.
pub fn one(
    args: &Args,
    line: &Line,
    seed: u64,
    corpus: &Corpus,
    bars: &MultiProgress,
) -> Result<Outcome> {
    let path = checkpoint::path(&args.out, &line.label, seed);
    let mut run = Run::new(line.clone(), seed, corpus)?;
    if args.resume {
        checkpoint::load(&mut run, &path)?;
    }
    let bar = bars.add(progress(args, line, seed));
    train(&mut run, args, &path, &bar)?;
    bar.abandon();
    Ok(Outcome {
        log: run.log().clone(),
        bytes: run.bytes(),
        parameters: run.parameter_count(),
        weights_hash: run.weights_hash()?,
    })
}

fn train(run: &mut Run<'_>, args: &Args, path: &Path, bar: &ProgressBar) -> Result<()> {
    bar.set_position(u64::from(run.step_count()));
    while !run.is_finished() {
        let loss = run.step()?;
        let step = run.step_count();
        let finished = run.is_finished();
        if finished || step.is_multiple_of(args.validate_every) {
            run.note_validation()?;
        }
        let due = step.is_multiple_of(args.checkpoint_every);
        if finished || due {
            checkpoint::save(run, path)?;
        }
        bar.set_position(u64::from(step));
        let shape = run.shape();
        let tokens = f64::from(step) * (shape.windows * shape.context) as f64;
        bar.set_message(format!("loss {loss:.3}  {:.0} tokens/s", tokens / run.log().seconds));
    }
    if let Some((_, loss)) = run.log().validation.last() {
        let shown = bar.message();
        bar.set_message(format!("{shown}  validation {loss:.4}"));
    }
    Ok(())
}

fn progress(args: &Args, line: &Line, seed: u64) -> ProgressBar {
    let bar = ProgressBar::new(u64::from(line.steps));
    if args.quiet {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    // The template is constant: a mistake in it would show in every run.
    if let Ok(style) = ProgressStyle::with_template(
        "{prefix:<24} {bar:30.cyan/blue} {pos:>5}/{len} {elapsed:>4} {msg}",
    ) {
        bar.set_style(style);
    }
    bar.set_prefix(format!("{} seed {seed}", line.label));
    bar
}
