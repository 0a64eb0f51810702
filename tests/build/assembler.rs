//! What is made of what ptxas says: of a real one where there is one, and of what one has said.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::ptxas::{self, Remarks, assemble, judge, read};
use crate::{template, text};

/// The ptxas that the build would use.
pub fn real() -> Option<PathBuf> {
    let found = ptxas::find(&ptxas::this_host());
    if found.is_none() {
        println!("SKIPPED: there is no ptxas; QUARTER_PTXAS names one");
    }
    found
}

const HEAD: &str = ".version 8.7\n.target sm_90a\n.address_size 64\n";

/// Holds 64 numbers in the registers of at most 24.
fn spilling() -> String {
    let (mut loads, mut stores) = (String::new(), String::new());
    for i in 0..64 {
        loads += &format!("ld.volatile.global.b32 %r{i}, [%at+{}];\n", 4 * i);
        stores += &format!("st.volatile.global.b32 [%at+{}], %r{};\n", 4 * i, 63 - i);
    }
    format!(
        "{HEAD}.visible .entry spills(.param .b64 p) .maxnreg 24\n{{\n.reg .b64 %at;\n\
         .reg .b32 %r<64>;\nld.param.b64 %at, [p];\n{loads}{stores}ret;\n}}\n"
    )
}

/// Reads an accumulator of a product that nobody has waited for.
fn impatient() -> String {
    format!(
        "{HEAD}.visible .entry waits(.param .b64 p) .maxntid 128\n{{
.reg .b64 %d, %at;
.reg .f32 %f<4>;
ld.param.b64 %at, [p];
ld.global.b64 %d, [%at];
ld.global.v4.f32 {{%f0, %f1, %f2, %f3}}, [%at];
wgmma.fence.sync.aligned;
wgmma.mma_async.sync.aligned.m64n8k32.f32.e4m3.e4m3 {{%f0, %f1, %f2, %f3}}, %d, %d, 1, 1, 1;
add.f32 %f0, %f0, %f1;
wgmma.commit_group.sync.aligned;
wgmma.wait_group.sync.aligned 0;
st.global.v4.f32 [%at], {{%f0, %f1, %f2, %f3}};
ret;
}}
"
    )
}

#[test]
fn spills_and_added_waits_are_complaints() {
    let Some(ptxas) = real() else { return };
    let out = tempfile::tempdir().unwrap();
    let complaints =
        |text: &str| assemble(&ptxas, text, out.path(), "planted").unwrap().remarks.complaints;
    let spills = complaints(&spilling());
    assert!(matches!(&spills[..], [one] if one.starts_with("planted: spills: ")), "{spills:?}");
    let waits = complaints(&impatient());
    assert!(!waits.is_empty());
    assert!(waits.iter().all(|c| c.contains("(C75") && c.contains("'waits'")), "{waits:?}");
}

const SAID: &str = "ptxas info    : (C7517) warpgroup.wait is injected in around line 15 by compiler to allow use of registers defined by GMMA in function 'two'
ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'one' for 'sm_90a'
ptxas info    : Function properties for one
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 30 registers, used 0 barriers
ptxas info    : Compiling entry function 'two' for 'sm_90a'
ptxas info    : Function properties for two
    16 bytes stack frame, 10 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 255 registers, used 1 barriers, 16 bytes cumulative stack size, 16384 bytes smem
ptxas info    : Compile time = 11.447 ms
";

#[test]
fn remarks_of_a_text_with_two_entries() {
    let wait = SAID.lines().next().unwrap();
    let expected = Remarks {
        resources: vec!["one\t30\t0".into(), "two\t255\t16384".into()],
        complaints: vec![
            format!("name: {wait}"),
            "name: two: 16 bytes stack frame, 10 bytes spill stores, 0 bytes spill loads".into(),
        ],
    };
    assert_eq!(read("name", SAID), expected);
}

#[test]
fn complaints_are_warnings_or_errors() {
    let complaints = || vec!["a".to_string(), "b".to_string()];
    assert_eq!(judge(complaints(), false), Ok(complaints()));
    assert_eq!(judge(complaints(), true), Err("a\nb".into()));
    assert_eq!(judge(vec![], true), Ok(vec![]));
}

/// A program that says what ptxas may say.
#[cfg(unix)]
fn fake(folder: &Path, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let file = folder.join("ptxas");
    fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    file
}

#[cfg(unix)]
#[test]
fn what_a_program_says_is_read_from_both_streams() {
    let folder = tempfile::tempdir().unwrap();
    let ptxas = fake(folder.path(), &format!("cat <<'END'\n{SAID}END\necho '(C7510)' >&2"));
    let assembled = assemble(&ptxas, "", folder.path(), "name").unwrap();
    assert_eq!(assembled.cubin, folder.path().join("name.cubin"));
    assert_eq!(assembled.remarks.resources.len(), 2);
    assert_eq!(assembled.remarks.complaints.len(), 3);
}

#[cfg(unix)]
#[test]
fn errors_are_placed_as_editors_know_it_and_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let unknown = "ptxas ptx/x.inc, line 15; error   : Unknown symbol '%zz'";
    let said = format!("{unknown}\n{unknown}\nptxas fatal   : aborted");
    let ptxas = fake(folder.path(), &format!("cat <<'END'\n{said}\nEND\nexit 1"));
    let error = assemble(&ptxas, "", folder.path(), "name").unwrap_err();
    assert_eq!(error, "ptx/x.inc:15: error: Unknown symbol '%zz'\nptxas fatal   : aborted");
}

#[test]
fn a_ptxas_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let ptxas = folder.path().join("nowhere");
    let error = assemble(&ptxas, "", folder.path(), "name").unwrap_err();
    assert!(error.starts_with(ptxas.to_str().unwrap()), "{error}");
}

/// A copy of the templates, one of which gets an instruction that there is not; the number of its
/// line.
fn broken(copy: &Path, file: &str, behind: &str) -> u32 {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["ptx", "cuda"] {
        fs::create_dir(copy.join(folder)).unwrap();
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let from = entry.unwrap().path();
            if from.is_file() {
                fs::copy(&from, copy.join(folder).join(from.file_name().unwrap())).unwrap();
            }
        }
    }
    let source = fs::read_to_string(copy.join(file)).unwrap();
    let mut lines: Vec<_> = source.lines().collect();
    let at = 1 + lines.iter().position(|line| line.trim() == behind).unwrap();
    lines.insert(at, "    add.q32 %t, %t, %t;");
    fs::write(copy.join(file), lines.join("\n") + "\n").unwrap();
    at as u32 + 1
}

#[test]
fn an_error_names_the_templates_line() {
    let Some(ptxas) = real() else { return };
    for (template, file, behind) in [
        ("ptx/scaling.ptx", "ptx/scaling.ptx", "NEXT_TENSOR:"),
        ("ptx/dequantize.ptx", "ptx/dequantize.inc", "NEXT_SPAN:"),
    ] {
        let copy = tempfile::tempdir().unwrap();
        let line = broken(copy.path(), file, behind);
        let expanded = template::expand(Command::new("cc"), copy.path(), Path::new(template));
        let (text, origins) = text::finish(&expanded.unwrap());
        let marked = text::marked(&text, &origins);
        let error = assemble(&ptxas, &marked, copy.path(), "broken").unwrap_err();
        let place = format!("{file}:{line}: error: ");
        assert!(error.starts_with(&place), "{place} is not the beginning of {error}");
    }
}

#[test]
fn an_include_that_is_not_there_names_the_templates_line() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("ptx")).unwrap();
    fs::write(folder.path().join("ptx/x.ptx"), "\n#include \"nowhere.inc\"\n").unwrap();
    let template = Path::new("ptx/x.ptx");
    assert_eq!(template::all(folder.path()).unwrap(), [template]);
    let error = template::expand(Command::new("cc"), folder.path(), template).unwrap_err();
    assert!(error.contains("ptx/x.ptx:2"), "{error}");
}
