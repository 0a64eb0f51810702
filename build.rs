//! Expands the kernels' templates, and assembles them where ptxas is found.
//!
//! `ptx/NAME.ptx` goes through the host's C preprocessor, with `ptx/` and `cuda/` searched for
//! includes, and becomes the text `NAME` that the crate embeds: without markers, comments and
//! paths. No CUDA is needed for that.
//!
//! Where there is a ptxas ([`ptxas::find`] has the order), each text is assembled for sm_90a as
//! well. An error fails the build with the template's line; spills are warnings, and errors where
//! `QUARTER_DENY_PTXAS` is set. Feature `cubin` embeds the result: the driver's JIT is another
//! ptxas. Without one the feature embeds nothing and says so, so that `--all-features` builds
//! everywhere; a release sets `QUARTER_DENY_PTXAS`, which makes that an error too.

#[path = "build/ptxas.rs"]
mod ptxas;
#[path = "build/text.rs"]
mod text;

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    for watched in ["ptx", "cuda", "build", "build.rs"] {
        println!("cargo::rerun-if-changed={watched}");
    }
    for variable in ptxas::VARIABLES {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let strict = env::var_os("QUARTER_DENY_PTXAS").is_some();
    let embed = env::var_os("CARGO_FEATURE_CUBIN").is_some();
    let assembler = ptxas::find();
    if assembler.is_none() && (embed || strict) {
        let missing = "no ptxas was found: no kernel is assembled, and no cubin embedded";
        if strict {
            return Err(missing.into());
        }
        println!("cargo::warning={missing}");
    }
    let mut resources = String::from("entry\tregisters\tshared bytes\n");
    let mut table = String::from("pub(super) static ALL: &[Text] = &[\n");
    for template in templates()? {
        let name = stem(&template)?;
        let expanded = expand(&template)?;
        let (text, origins) = text::finish(&expanded);
        if !text.contains(".version") {
            return Err(format!("{}: the preprocessor left no .version", template.display()).into());
        }
        let file = out.join(format!("{name}.ptx"));
        let mut cubin = String::from("None");
        if let Some(assembler) = &assembler {
            let marked = text::marked(&text, &origins);
            let assembled = ptxas::assemble(assembler, &marked, &out, &name)?;
            for complaint in &assembled.complaints {
                println!("cargo::warning={complaint}");
            }
            if strict && !assembled.complaints.is_empty() {
                return Err(assembled.complaints.join("\n").into());
            }
            for line in assembled.resources {
                writeln!(resources, "{line}")?;
            }
            if embed {
                cubin = format!("Some(include_bytes!({:?}))", assembled.cubin);
            }
        }
        fs::write(&file, text)?;
        writeln!(table, "Text {{ name: {name:?}, ptx: include_str!({file:?}), origins: &[")?;
        for o in origins {
            writeln!(table, "Origin {{ line: {}, file: {:?}, at: {} }},", o.line, o.file, o.at)?;
        }
        writeln!(table, "], cubin: {cubin} }},")?;
    }
    table.push_str("];\n");
    let assembled = if assembler.is_some() { resources } else { String::new() };
    fs::write(out.join("resources.tsv"), assembled)?;
    fs::write(out.join("texts.rs"), table)?;
    Ok(())
}

/// All templates, in order; `.inc` files are for them to include.
fn templates() -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("ptx")? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "ptx") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn stem(path: &Path) -> Result<String> {
    let stem = path.file_stem().and_then(|s| s.to_str());
    Ok(stem.ok_or("a template without a name")?.to_string())
}

/// The preprocessor's output, markers included. The template's path is relative, so they are.
fn expand(template: &Path) -> Result<String> {
    let mut build = cc::Build::new();
    build.cargo_metadata(false).include("ptx").include("cuda").file(template);
    // Not C: apostrophes in comments are no characters, and nothing is predefined.
    for flag in ["-x", "assembler-with-cpp", "-undef", "-nostdinc"] {
        build.flag(flag);
    }
    build.define("__ASSEMBLER__", None);
    Ok(String::from_utf8(build.try_expand()?)?)
}
