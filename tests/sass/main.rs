//! What a parameter costs in the machine's own instructions, where the assembler and the
//! disassembler of CUDA are found: `tests/sass.md`, which `QUARTER_WRITE_SASS=1 cargo test --test
//! sass` writes anew.
//!
//! A kernel's inner loop is walked along the way that an ordinary pair of blocks takes: the shortest
//! on which everything happens that has to, without calls (the rare ends of divisions and roots)
//! and without the byte and half-word accesses of ragged ends.

mod products;
#[allow(dead_code, reason = "of the build's search, the order alone is wanted")]
#[path = "../../build/ptxas.rs"]
mod ptxas;

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use quarter::gpu::Text;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sass.md");

/// The most instructions a parameter of the default step: an H200 issues about 70 in the time of its
/// bytes.
const MOST: f64 = 90.0;

/// A kernel, and what has to happen for a pair of blocks: instructions that begin so, and how many.
struct Entry {
    text: &'static str,
    name: &'static str,
    must: &'static [(&'static str, usize)],
}

/// Rounds of Philox, of weights and second moment: two wide products each.
const WORDS_OF_TWO: (&str, usize) = ("IMAD.WIDE.U32", 40);
const WORDS_OF_ONE: (&str, usize) = ("IMAD.WIDE.U32", 20);
/// Sums cut at 2^23, one for each code of a root.
const SQUARES: (&str, usize) = ("FADD.RZ", 8);
/// First moments to codes, two at a time.
const CODES: (&str, usize) = ("F2FP.SATFINITE.E4M3", 4);
/// Scales, and the loads and stores of whole quads.
const PAIR: (&str, usize) = ("REDUX", 4);

const ENTRIES: [Entry; 6] = [
    Entry {
        text: "adamw",
        name: "adamw_bf16_bf16_sqrt",
        must: &[WORDS_OF_TWO, SQUARES, CODES, PAIR, ("STG", 7)],
    },
    Entry {
        text: "adamw",
        name: "adamw_bf16_bf16_linear",
        must: &[WORDS_OF_TWO, CODES, PAIR, ("STG", 7)],
    },
    Entry {
        text: "adamw",
        name: "adamw_split_bf16_sqrt",
        must: &[WORDS_OF_ONE, SQUARES, CODES, PAIR, ("STG", 9)],
    },
    Entry {
        text: "adamw",
        name: "adamw_f32_bf16_sqrt",
        must: &[WORDS_OF_ONE, SQUARES, CODES, PAIR, ("STG", 7)],
    },
    Entry { text: "norm", name: "norm_partials_bf16", must: &[("LDG", 2), ("STG", 1)] },
    Entry { text: "norm", name: "update_partials_bf16_sqrt", must: &[("LDG", 5), ("STG", 1)] },
];

/// Elements of a lane in a pair of blocks, and pairs of a warp in a chunk.
const OF_A_PAIR: f64 = 8.0;
const PAIRS: f64 = 16.0;

/// The instructions of a function, labels as places.
struct Code {
    lines: Vec<String>,
    labels: HashMap<String, usize>,
}

impl Code {
    fn of(sass: &str, name: &str) -> Result<Self> {
        let (mut lines, mut labels, mut inside) = (Vec::new(), HashMap::new(), false);
        for line in sass.lines() {
            if let Some(section) = line.strip_prefix(".text.") {
                inside = section.trim_end_matches(':') == name;
            }
            let line = line.trim();
            if !inside {
                continue;
            }
            if let Some(label) = line.strip_suffix(':') {
                labels.insert(label.to_string(), lines.len());
            } else if let Some((_, rest)) = line.split_once("*/")
                && line.starts_with("/*")
                && let Some((code, _)) = rest.split_once(" ;")
            {
                lines.push(code.trim().to_string());
            }
        }
        if lines.is_empty() { Err(format!("no {name}").into()) } else { Ok(Self { lines, labels }) }
    }

    /// Opcode without predicate and modifiers, or with them.
    fn opcode(line: &str) -> &str {
        let line =
            if line.starts_with('@') { line.split_once(' ').map_or("", |l| l.1) } else { line };
        line.split_whitespace().next().unwrap_or("")
    }

    /// Where a branch goes, and whether it always does; a branch of diverged lanes never does.
    fn branch(&self, place: usize) -> Option<(usize, bool)> {
        let line = &self.lines[place];
        let opcode = Self::opcode(line);
        if !opcode.starts_with("BRA") || opcode.contains(".DIV") {
            return None;
        }
        let (_, rest) = line.split_once("`(")?;
        let to = *self.labels.get(rest.split_once(')')?.0)?;
        let operands = line.split_once("BRA").map_or("", |l| l.1);
        let always = !line.starts_with('@') && !operands.contains("P");
        Some((to, always))
    }

    /// What an ordinary pair never executes.
    fn rare(line: &str) -> bool {
        let opcode = Self::opcode(line);
        let narrow = [".U8", ".U16", ".16", ".8"].iter().any(|width| {
            (opcode.starts_with("LDG") || opcode.starts_with("STG")) && opcode.contains(width)
        });
        narrow || ["CALL", "RET", "EXIT", "BPT"].iter().any(|rare| opcode.starts_with(rare))
    }

    /// The shortest way from `from` to an instruction for which `end` holds, along which `must` happens.
    fn way(
        &self,
        from: usize,
        must: &[(&str, usize)],
        end: &impl Fn(usize) -> bool,
    ) -> Option<Vec<usize>> {
        let mut best: Option<Vec<usize>> = None;
        let mut open = vec![vec![from]];
        while let Some(mut way) = open.pop() {
            loop {
                let place = *way.last()?;
                if best.as_ref().is_some_and(|best| best.len() <= way.len()) {
                    break;
                }
                let line = self.lines.get(place)?;
                if end(place) && way.len() > 1 {
                    let count = |prefix: &str| {
                        way.iter()
                            .filter(|i| Self::opcode(&self.lines[**i]).starts_with(prefix))
                            .count()
                    };
                    if must.iter().all(|(prefix, n)| count(prefix) >= *n) {
                        best = Some(way);
                    }
                    break;
                }
                // A guarded EXIT is passed.
                if Self::rare(line) && !line.starts_with("@") {
                    break;
                }
                let next = match self.branch(place) {
                    Some((to, true)) => to,
                    Some((to, false)) => {
                        if to > place && !way.contains(&to) {
                            let mut other = way.clone();
                            other.push(to);
                            open.push(other);
                        }
                        place + 1
                    }
                    None => place + 1,
                };
                if way.contains(&next) || next >= self.lines.len() {
                    break;
                }
                way.push(next);
            }
        }
        best
    }

    /// The loop over pairs: instructions of a pair, and those of a chunk around its pairs.
    fn loops(&self, must: &[(&str, usize)]) -> Result<(Vec<usize>, usize)> {
        let back = (0..self.lines.len()).filter_map(|i| Some((i, self.branch(i)?.0)));
        let back: Vec<_> = back.filter(|(i, to)| to <= i).collect();
        let mut found: Vec<(Vec<usize>, usize)> = Vec::new();
        for (end, head) in &back {
            if let Some(way) = self.way(*head, must, &|place| place == *end) {
                found.push((way, *head));
            }
        }
        found.sort_by_key(|(way, _)| way.len());
        let (pair, head) = found.first().ok_or("no loop in which everything happens")?.clone();
        // The loop around it, less one pair.
        let around =
            back.iter().filter(|(end, to)| *to < head && *end > *pair.last().unwrap_or(&0));
        let chunk = around.filter_map(|(end, to)| self.way(*to, must, &|place| place == *end));
        let chunk = chunk.map(|way| way.len()).min().ok_or("no loop over chunks")?;
        Ok((pair.clone(), chunk.saturating_sub(pair.len())))
    }
}

/// The assembler and the disassembler, which may lie beside it.
fn tools() -> Option<(PathBuf, PathBuf)> {
    let host = ptxas::this_host();
    let assembler = ptxas::find(&host)?;
    let beside = assembler.with_file_name("nvdisasm");
    let disassembler = ptxas::find_tool(&host, "QUARTER_NVDISASM", "nvdisasm");
    Some((assembler, disassembler.or(beside.is_file().then_some(beside))?))
}

/// The machine code of a text, in words.
fn disassemble(text: &str, assembler: &Path, disassembler: &Path) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let (file, cubin) = (folder.path().join("text.ptx"), folder.path().join("text.cubin"));
    fs::write(&file, Text::find(text).ok_or("no text")?.ptx)?;
    let run =
        Command::new(assembler).arg("-arch=sm_90a").arg(&file).arg("-o").arg(&cubin).output()?;
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let sass = Command::new(disassembler).arg(&cubin).output()?;
    assert!(sass.status.success(), "{}", String::from_utf8_lossy(&sass.stderr));
    Ok(String::from_utf8(sass.stdout)?)
}

#[test]
fn the_table_is_what_the_machine_executes() -> Result<()> {
    let write = env::var_os("QUARTER_WRITE_SASS").is_some();
    let Some((assembler, disassembler)) = tools() else {
        assert!(!write, "ptxas and nvdisasm are needed");
        println!("SKIPPED: no instructions are counted, for there is no ptxas or no nvdisasm");
        return Ok(());
    };
    let mut disassembled = HashMap::new();
    for text in ["adamw", "norm"] {
        disassembled.insert(text, disassemble(text, &assembler, &disassembler)?);
    }
    let mut table = String::from(
        "| entry | a parameter | of which for its chunk | most frequent, a parameter |\n|---|---|---|---|\n",
    );
    let mut default_step = f64::INFINITY;
    for Entry { text, name, must } in ENTRIES {
        let code = Code::of(&disassembled[text], name)?;
        let (pair, chunk) = code.loops(must).map_err(|e| format!("{name}: {e}"))?;
        let around = chunk as f64 / PAIRS / OF_A_PAIR;
        let all = pair.len() as f64 / OF_A_PAIR + around;
        if env::var_os("QUARTER_SHOW_SASS").is_some() {
            pair.iter().for_each(|place| println!("{name} {place} {}", code.lines[*place]));
        }
        let mut mix: BTreeMap<&str, usize> = BTreeMap::new();
        for place in &pair {
            let opcode = Code::opcode(&code.lines[*place]);
            *mix.entry(opcode.split('.').next().unwrap_or(opcode)).or_default() += 1;
        }
        let mut mix: Vec<_> = mix.into_iter().collect();
        mix.sort_by_key(|(opcode, n)| (std::cmp::Reverse(*n), *opcode));
        let mix =
            mix.iter().take(12).map(|(opcode, n)| format!("{opcode} {:.1}", *n as f64 / OF_A_PAIR));
        writeln!(
            table,
            "| `{name}` | {all:.1} | {around:.1} | {} |",
            mix.collect::<Vec<_>>().join(", ")
        )?;
        if name == "adamw_bf16_bf16_sqrt" {
            default_step = all;
        }
    }
    assert!(default_step <= MOST, "{default_step} a parameter, at most {MOST} are wanted\n{table}");
    if write {
        fs::write(TABLE, &table)?;
        return Ok(());
    }
    let committed = fs::read_to_string(TABLE)?;
    assert!(
        table == committed,
        "tests/sass.md is not what this ptxas makes of the kernels: QUARTER_WRITE_SASS=1 cargo test --test sass writes it\n{table}"
    );
    Ok(())
}
