//! What silicon says of the questions that no document answers, and whether the emulator agrees.
//!
//! Each question is small kernels whose outputs are hashed. `record` asks a GPU and writes one
//! table, `answers.tsv`, with the emulator's disagreements, bit for bit, in `differences.tsv`:
//!
//! ```sh
//! QUARTER_RECORD=DIR cargo test --release --test record -- --ignored
//! ```
//!
//! A table that a GPU wrote is committed in `tests/record/silicon/`, and [`replay`] asks the
//! emulator the same questions from then on. What each settles stands in [`QUESTIONS`]; the numbers
//! D1 to D19 are those of the list of risks that the emulator was designed by. D6, D7, D15 and
//! D19 are no questions to small kernels; D9 neither, since no kernel uses an approximate function.

mod answer;
mod arithmetic;
mod assembled;
mod block;
mod casts;
mod clusters;
mod copies;
mod descriptors;
#[allow(dead_code, reason = "shared with another test")]
#[path = "../gpu/devices.rs"]
mod devices;
mod gemm;
mod kernels;
mod maps;
mod memory;
mod one;
mod ops;
mod phases;
mod products;
mod tiles;
#[allow(dead_code, reason = "shared with another test")]
#[path = "../gpu/values.rs"]
mod values;
mod warp;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs};

use quarter::gpu::emulate::{Completion, Options, Schedule};
use quarter::gpu::{Driver, Emulator};

use answer::{Answer, Scope, read_table, table};

/// Something to ask a machine.
struct Question {
    /// The first column of its answers.
    name: &'static str,
    /// What its answer decides.
    settles: &'static str,
    ask: fn(&Arc<dyn Driver>, Scope) -> quarter::Result<Vec<Answer>>,
}

const QUESTIONS: [Question; 14] = [
    Question {
        name: "ops",
        settles: "D8, D10, D11: what every register instruction gives on special values; \
                  that .rn keeps products and sums apart",
        ask: ops::ask,
    },
    Question {
        name: "casts",
        settles: "D11: casts of all 2^32 f32 to E4M3, E5M2, bf16 and f16",
        ask: casts::ask,
    },
    Question {
        name: "warp",
        settles: "D12: lanes of shuffles, votes, reductions, the elected lane",
        ask: warp::ask,
    },
    Question {
        name: "atomics",
        settles: "D13: atomics that commute give one result",
        ask: memory::atomics,
    },
    Question {
        name: "litmus",
        settles: "D16: what is written before a fence and a flag is seen by who sees the flag",
        ask: memory::litmus,
    },
    Question {
        name: "kernels",
        settles: "D18: the shipped kernels as a whole, over types, formats, scales and shapes",
        ask: kernels::ask,
    },
    Question {
        name: "gemm",
        settles: "D18: the shipped products, over formats, plans, shapes and layouts",
        ask: gemm::ask,
    },
    Question {
        name: "arithmetic",
        settles: "D1: sums of the tensor core, all pairs of formats, f32 and f16 accumulators",
        ask: arithmetic::ask,
    },
    Question {
        name: "maps",
        settles: "D4: which tensor maps the driver's encoder takes",
        ask: maps::ask,
    },
    Question {
        name: "tiles",
        settles: "D14: lanes and rows of stmatrix and ldmatrix",
        ask: tiles::ask,
    },
    Question {
        name: "phases",
        settles: "D5: parities, counts and waits of mbarriers",
        ask: phases::ask,
    },
    Question {
        name: "clusters",
        settles: "D17: memory and mbarriers of other blocks, masks of copies to several",
        ask: clusters::ask,
    },
    Question {
        name: "copies",
        settles: "D3, D5: boxes of bulk copies, what mbarriers hear of them, sums of subnormals",
        ask: copies::ask,
    },
    // Last, what a GPU might refuse.
    Question {
        name: "descriptors",
        settles: "D2: where wgmma finds its operands, swizzles, widths, A in registers",
        ask: descriptors::ask,
    },
];

/// In order all is done at once, otherwise at any time.
fn emulator(schedule: Schedule) -> Arc<dyn Driver> {
    let completion = match schedule {
        Schedule::InOrder => Completion::Early,
        Schedule::Random(_) => Completion::Random,
    };
    Arc::new(Emulator::new(Options { schedule, completion, ..Options::default() }))
}

/// Asks the emulator what a GPU has been asked, as far as the scope goes.
#[test]
fn replay() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/record/silicon/answers.tsv");
    let recorded = fs::read_to_string(file).map(|text| read_table(&text)).unwrap_or_default();
    for Question { name, settles, ask } in &QUESTIONS {
        if !recorded.keys().any(|(question, _)| question == name) {
            println!("no GPU has answered {name} yet ({settles})");
            continue;
        }
        let answers = ask(&emulator(Schedule::InOrder), Scope::Sample).unwrap();
        assert!(!answers.is_empty());
        for answer in answers {
            let silicon = recorded.get(&(name.to_string(), answer.key.clone()));
            assert_eq!(silicon, Some(&answer.hash()), "{name}: {}", answer.key);
        }
    }
}

/// The questions have one answer: it does not depend on what the hardware leaves open.
#[test]
fn order_changes_no_answer() {
    for question in &QUESTIONS {
        let ask = |schedule| (question.ask)(&emulator(schedule), Scope::Sample).unwrap();
        let (ordered, random) = (ask(Schedule::InOrder), ask(Schedule::Random(7)));
        assert!(ordered.len() > 1, "{}", question.name);
        assert_eq!(ordered.len(), random.len(), "{}", question.name);
        for (a, b) in ordered.iter().zip(&random) {
            assert!(a == b, "{}: {}", question.name, a.key);
        }
    }
}

/// A GPU's answers, and the emulator's where they are others. `QUARTER_RECORD` names the folder.
#[test]
#[ignore = "needs a GPU, and QUARTER_RECORD"]
fn record() {
    let folder =
        PathBuf::from(env::var_os("QUARTER_RECORD").expect("QUARTER_RECORD names a folder"));
    fs::create_dir_all(&folder).unwrap();
    let gpu: Arc<dyn Driver> = devices::gpu().expect("recordings are of a GPU");
    let emulator = emulator(Schedule::InOrder);
    fs::write(folder.join("machine.txt"), gpu.describe() + "\n").unwrap();
    let mut answers = String::new();
    let mut differences = String::from("question\tkey\trow\tsilicon\temulator\n");
    let mut failed = Vec::new();
    for question in &QUESTIONS {
        let silicon = match (question.ask)(&gpu, Scope::All) {
            Ok(silicon) => silicon,
            Err(error) => {
                println!("{}: {error}", question.name);
                failed.push(question.name);
                continue;
            }
        };
        answers += &table(question.name, &silicon);
        let emulated = (question.ask)(&emulator, Scope::Sample).unwrap();
        let mut differ = 0;
        for answer in &emulated {
            let same_key = silicon.iter().find(|s| s.key == answer.key).unwrap();
            let rows = same_key.differences(answer);
            differ += usize::from(!rows.is_empty());
            for (row, ours, theirs) in rows.iter().take(20) {
                differences +=
                    &format!("{}\t{}\t{row}\t{ours:#x}\t{theirs:#x}\n", question.name, answer.key);
            }
        }
        println!(
            "{}: {} answers, the emulator differs in {differ} of {}",
            question.name,
            silicon.len(),
            emulated.len()
        );
        // At once: a fault of a later question takes the GPU away.
        fs::write(folder.join("answers.tsv"), &answers).unwrap();
        fs::write(folder.join("differences.tsv"), &differences).unwrap();
    }
    assert!(failed.is_empty(), "no answers to {failed:?}");
}
