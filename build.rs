//! Expands the kernels' templates, and assembles them where ptxas is found.
//!
//! `ptx/NAME.ptx` goes through the host's C preprocessor, with `ptx/` and `cuda/` searched for
//! includes, and becomes the text `NAME` that the crate embeds: without markers, comments and
//! paths. No CUDA is needed for that.
//!
//! Where there is a ptxas (`build/ptxas.rs` has the order), each text is assembled for sm_90a as
//! well. An error fails the build with the template's line; spills are warnings, and errors where
//! `QUARTER_DENY_PTXAS` is set. Feature `cubin` embeds the result: the driver's JIT is another
//! ptxas. Without one the feature embeds nothing and says so, so that `--all-features` builds
//! everywhere; a release sets `QUARTER_DENY_PTXAS`, which makes that an error too.
//!
//! With feature `twins` and an nvcc (`build/nvcc.rs`), the CUDA C++ twins are embedded as well.

#[path = "build/nvcc.rs"]
mod nvcc;
#[path = "build/ptxas.rs"]
mod ptxas;
#[path = "build/template.rs"]
mod template;
#[path = "build/text.rs"]
mod text;

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match embed() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Line by line, as cargo shows them.
            for line in error.to_string().lines() {
                println!("cargo::error={line}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Writes the table of texts that `src/gpu/text.rs` includes.
fn embed() -> Result<()> {
    for watched in ["ptx", "cuda", "build", "build.rs"] {
        println!("cargo::rerun-if-changed={watched}");
    }
    println!("cargo::rerun-if-env-changed={}", nvcc::VARIABLE);
    for variable in ptxas::VARIABLES {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let strict = env::var_os("QUARTER_DENY_PTXAS").is_some();
    let embed = env::var_os("CARGO_FEATURE_CUBIN").is_some();
    let assembler = ptxas::find(&ptxas::this_host());
    if assembler.is_none()
        && let Some(warning) = ptxas::missing(embed, strict)?
    {
        println!("cargo::warning={warning}");
    }
    let root = Path::new(".");
    let mut resources = String::from("entry\tregisters\tshared bytes\n");
    let mut table = String::from("pub(super) static ALL: &[Text] = &[\n");
    for template in template::all(root)? {
        let stem = template.file_stem().and_then(|stem| stem.to_str());
        let name = stem.ok_or("a template without a name")?;
        let expanded = template::expand(preprocessor()?, root, &template)?;
        let (text, origins) = text::finish(&expanded);
        if !text.contains(".version") {
            return Err(format!("{}: the preprocessor left no .version", template.display()).into());
        }
        let file = out.join(format!("{name}.ptx"));
        let mut cubin = String::from("None");
        if let Some(assembler) = &assembler {
            let marked = text::marked(&text, &origins);
            let assembled = ptxas::assemble(assembler, &marked, &out, name)?;
            for warning in ptxas::judge(assembled.remarks.complaints, strict)? {
                println!("cargo::warning={warning}");
            }
            for line in assembled.remarks.resources {
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
    table.push_str("];\npub(super) static TWINS: &[Text] = &[\n");
    let compiler = match env::var_os("CARGO_FEATURE_TWINS") {
        Some(_) => ptxas::find_tool(&ptxas::this_host(), nvcc::VARIABLE, "nvcc"),
        None => None,
    };
    let twins = compiler.iter().flat_map(|compiler| nvcc::TWINS.map(|name| (compiler, name)));
    for (compiler, name) in twins {
        let compiled = nvcc::compile(compiler, name, &out)?;
        let (text, _) = text::finish(&compiled);
        let file = out.join(format!("{name}.twin.ptx"));
        fs::write(&file, &text)?;
        let mut cubin = String::from("None");
        if let (Some(assembler), true) = (&assembler, embed) {
            let assembled = ptxas::assemble(assembler, &text, &out, &format!("{name}.twin"))?;
            cubin = format!("Some(include_bytes!({:?}))", assembled.cubin);
        }
        let ptx = format!("include_str!({file:?})");
        writeln!(table, "Text {{ name: {name:?}, ptx: {ptx}, origins: &[], cubin: {cubin} }},")?;
    }
    table.push_str("];\n");
    let assembled = if assembler.is_some() { resources } else { String::new() };
    fs::write(out.join("resources.tsv"), assembled)?;
    fs::write(out.join("texts.rs"), table)?;
    Ok(())
}

/// The host's, also where the crate is built for another.
fn preprocessor() -> Result<Command> {
    let host = env::var("HOST")?;
    let mut build = cc::Build::new();
    build.cargo_metadata(false).no_default_flags(true).host(&host).target(&host);
    Ok(build.try_get_compiler()?.to_command())
}
