//! `src/ffi.rs` is what bindgen makes of `cuda/quarter.h`, and the header is what it says it is.
//!
//! bindgen needs libclang, which users do not: the file is committed. After a change of the header,
//! `QUARTER_WRITE_FFI=1 cargo test --test ffi` writes it anew; `LIBCLANG_PATH` names the folder of
//! a libclang that the system does not know.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn root(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

/// bindgen's text; `None` if there is no libclang, for which bindgen panics.
fn generate() -> Option<String> {
    let build = || {
        bindgen::Builder::default()
            .header(root("cuda/quarter.h").to_str().unwrap())
            .allowlist_item("(?i)quarter.*")
            .derive_default(true)
            .clang_arg("-fparse-all-comments")
            .disable_header_comment()
            .raw_line(
                "// By bindgen from cuda/quarter.h: QUARTER_WRITE_FFI=1 cargo test --test ffi",
            )
            .formatter(bindgen::Formatter::Prettyplease)
            .generate()
            .unwrap()
            .to_string()
    };
    match std::panic::catch_unwind(build) {
        Ok(text) => Some(text),
        Err(panic) => {
            let message = panic.downcast_ref::<String>().map_or("", String::as_str);
            assert!(message.contains("libclang"), "{message}");
            None
        }
    }
}

#[test]
fn ffi_is_what_bindgen_makes_of_the_header() {
    let Some(text) = generate() else {
        println!("skipped: no libclang (LIBCLANG_PATH)");
        return;
    };
    let file = root("src/ffi.rs");
    if env::var_os("QUARTER_WRITE_FFI").is_some() {
        fs::write(file, text).unwrap();
        return;
    }
    let committed = fs::read_to_string(file).unwrap();
    assert!(committed == text, "QUARTER_WRITE_FFI=1 cargo test --test ffi writes it anew");
}

/// Structs of the generated file: their fields in order, with their bytes.
fn structs(ffi: &str) -> BTreeMap<&str, Vec<(&str, usize)>> {
    let mut structs = BTreeMap::new();
    for rest in ffi.split("pub struct ").skip(1) {
        let (name, rest) = rest.split_once(" {").unwrap();
        let body = rest.split_once("\n}").unwrap().0;
        let fields = body.lines().filter_map(|line| {
            let (name, kind) = line.trim().strip_prefix("pub ")?.split_once(": ")?;
            let bytes = match kind.trim_end_matches(',') {
                "u64" => 8,
                "u32" | "f32" => 4,
                other => panic!("{name} is {other}: not a plain number"),
            };
            Some((name, bytes))
        });
        structs.insert(name, fields.collect());
    }
    structs
}

/// Offsets in the header's defines are those of the structs, which have no padding: what
/// `gpu::launch` relies on. The generated file itself holds the offsets to those of the compiler.
#[test]
fn defines_are_the_offsets_of_the_fields() {
    let ffi = fs::read_to_string(root("src/ffi.rs")).unwrap();
    let header = fs::read_to_string(root("cuda/quarter.h")).unwrap();
    let mut defines = BTreeMap::new();
    for line in header.lines().filter_map(|line| line.strip_prefix("#define QUARTER_")) {
        if let Some((name, value)) = line.split_once(' ') {
            assert!(defines.insert(name, value).is_none(), "{name} is defined twice");
        }
    }
    let dense: String = ffi.split_whitespace().collect();
    let structs = structs(&ffi);
    assert_eq!(structs.len(), header.matches("\nstruct ").count());
    for (name, fields) in structs {
        let stem = name.strip_prefix("Quarter").unwrap().to_uppercase();
        let mut offset = 0;
        for (field, bytes) in fields {
            assert_eq!(offset % bytes, 0, "{name}.{field} has padding before it");
            let compiled = format!("offset_of!({name},{field})-{offset}usize");
            assert!(dense.contains(&compiled), "{compiled}");
            let define = format!("{stem}_{}", field.to_uppercase());
            // What fills the struct up has no name for the templates.
            if field != "reserved" {
                let value = defines.remove(define.as_str());
                assert_eq!(value, Some(offset.to_string().as_str()), "QUARTER_{define}");
            }
            offset += bytes;
        }
        let define = format!("{stem}_BYTES");
        assert_eq!(defines.remove(define.as_str()), Some(offset.to_string().as_str()), "{define}");
        assert_eq!(offset % 8, 0, "{name} has padding at its end");
        // No define that looks like a field but is none.
        let left: Vec<_> = defines.keys().filter(|d| d.starts_with(&format!("{stem}_"))).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
