//! What came out, and `report.json`.

use serde_json::{Map, Value, json};

use super::{
    args::Args,
    line::Line,
    log::{Bytes, Casts, Log},
    model::Shape,
    text::Corpus,
};

/// A finished run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What the run has seen.
    pub log: Log,
    /// Bytes counted from its buffers.
    pub bytes: Bytes,
    /// Number of weights.
    pub parameters: u64,
    /// Hash of the weights' bits.
    pub weights_hash: String,
}

impl Outcome {
    /// Last validation loss; NaN if the run has diverged.
    pub fn val_loss(&self) -> f32 {
        self.log.validation.last().map_or(f32::NAN, |&(_, loss)| loss)
    }

    /// Whether it ends worse than it began, or without a number.
    pub fn diverged(&self) -> bool {
        let first = self.log.losses.first().copied().unwrap_or(f32::INFINITY);
        self.val_loss().is_nan() || self.val_loss() > first
    }

    /// Bytes a parameter.
    pub fn bytes_per_param(&self) -> f64 {
        self.bytes.total() as f64 / self.parameters as f64
    }

    /// Tokens a second of training, validation not counted.
    pub fn tokens_per_second(&self, shape: &Shape) -> f64 {
        let tokens = self.log.losses.len() * shape.windows * shape.context;
        tokens as f64 / self.log.seconds
    }

    /// Steps from a spike until the loss on a fixed batch is, and stays, within 1 % of what
    /// it was.
    pub fn recovery(&self) -> Option<u32> {
        self.log.spike.and_then(|spike| spike.recovered)
    }
}

/// A line of the table and its runs, one a seed.
pub struct Row {
    /// What was run.
    pub line: Line,
    /// What came out.
    pub outcomes: Vec<Outcome>,
}

impl Row {
    /// Runs without a useful end.
    pub fn diverged(&self) -> usize {
        self.outcomes.iter().filter(|o| o.diverged()).count()
    }

    /// Mean validation loss over the seeds.
    pub fn val_loss(&self) -> f64 {
        let sum: f64 = self.outcomes.iter().map(|o| f64::from(o.val_loss())).sum();
        sum / self.outcomes.len() as f64
    }

    /// Counts of casts over the seeds.
    pub fn casts(&self, of: impl Fn(&Log) -> Casts) -> Casts {
        self.outcomes.iter().map(|o| of(&o.log)).fold(Casts::default(), |a, b| Casts {
            elements: a.elements + b.elements,
            saturated: a.saturated + b.saturated,
            flushed: a.flushed + b.flushed,
        })
    }
}

/// Mean difference to a baseline over the seeds in per cent, with its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Mean of `100 (x - baseline) / baseline`.
    pub mean: f64,
    /// Standard error of that mean.
    pub error: f64,
}

/// Pairs the seeds of two rows. `None` below two seeds.
pub fn paired(row: &Row, baseline: &Row) -> Option<Difference> {
    let pairs = row.outcomes.iter().zip(&baseline.outcomes);
    let x: Vec<f64> = pairs
        .map(|(a, b)| 100.0 * (f64::from(a.val_loss()) / f64::from(b.val_loss()) - 1.0))
        .collect();
    let n = x.len() as f64;
    if x.len() < 2 {
        return None;
    }
    let mean = x.iter().sum::<f64>() / n;
    let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    Some(Difference { mean, error: (variance / n).sqrt() })
}

/// The contents of `report.json`. What is not a number is `null`.
pub fn json(args: &Args, corpus: &Corpus, rows: &[Row]) -> Value {
    let mut recipes = Map::new();
    for row in rows {
        recipes.insert(row.line.label.clone(), row_json(row));
    }
    let differences = differences(rows)
        .into_iter()
        .map(|(label, d)| (label, json!({ "mean_percent": d.mean, "standard_error": d.error })));
    json!({
        "recipes": recipes,
        "paired_difference_to_fp32": differences.collect::<Map<_, _>>(),
        "text": { "bytes": corpus.size(), "sha256": corpus.hash() },
        "steps": args.steps,
        "seeds": args.seeds,
        "shape": Shape::default(),
    })
}

/// Paired differences of all other rows to fp32, if it was run.
pub fn differences(rows: &[Row]) -> Vec<(String, Difference)> {
    let Some(baseline) = rows.iter().find(|row| row.line.label == "fp32") else {
        return Vec::new();
    };
    let others = rows.iter().filter(|row| row.line.label != "fp32");
    others.filter_map(|row| Some((row.line.label.clone(), paired(row, baseline)?))).collect()
}

fn row_json(row: &Row) -> Value {
    let each =
        |f: &dyn Fn(&Outcome) -> Value| -> Vec<Value> { row.outcomes.iter().map(f).collect() };
    let first = row.outcomes.first();
    let casts = row.casts(|log| log.casts);
    let mut value = json!({
        "val_loss": each(&|o| json!(o.val_loss())),
        "bytes_per_param": first.map(Outcome::bytes_per_param),
        "diverged": row.diverged(),
        "weights_hash": each(&|o| json!(o.weights_hash)),
        "bytes": first.map(|o| o.bytes),
        "parameters": first.map(|o| o.parameters),
        "tokens_per_second": each(&|o| json!(o.tokens_per_second(&row.line.shape))),
        "skipped_steps": each(&|o| json!(o.log.skipped)),
        "casts": casts.elements,
        "saturated": casts.saturated,
        "flushed": casts.flushed,
        "train_loss": each(&|o| json!(o.log.losses)),
        "validation": each(&|o| json!(o.log.validation)),
        "config": format!("{:?}", row.line),
    });
    if row.line.spike.is_some() {
        value["recovered_after_steps"] = json!(each(&|o| json!(o.recovery())));
    }
    if row.line.outlier {
        let Casts { elements, saturated, flushed } = row.casts(|log| log.outlier);
        value["outlier_layer"] =
            json!({ "casts": elements, "saturated": saturated, "flushed": flushed });
    }
    value
}
