//! `cuda/quarter.h` and `src/ffi.rs` say the same.
//!
//! `QUARTER_WRITE_FFI=1 cargo test --test ffi` writes `src/ffi.rs` anew. That takes a libclang
//! (14 to 18 give the same text), found through `LIBCLANG_PATH` or where systems keep it. Without
//! one the committed file is still held to the header, define by define.

#[allow(dead_code, reason = "the launch code's; four constants are compared here")]
#[path = "../src/ffi.rs"]
mod ffi;

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::process::{Command, Stdio};
use std::{env, fs};

use quarter::quantize::Granularity;
use quarter::random::Stream;
use quarter::{E4m3, E5m2, Fp8};

const HEADER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cuda/quarter.h");
const GENERATED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/ffi.rs");

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Makes `src/ffi.rs` of the header.
fn generate() -> Result<String> {
    // What clang would find in a folder of its own, which a wheel of libclang does not have.
    let system = tempfile::tempdir()?;
    fs::write(
        system.path().join("stdint.h"),
        "typedef __UINT32_TYPE__ uint32_t;\ntypedef __UINT64_TYPE__ uint64_t;\n",
    )?;
    let offset = "#define offsetof(S, F) __builtin_offsetof(S, F)\n";
    fs::write(system.path().join("stddef.h"), offset)?;
    let folder = system.path().to_str().ok_or("a temporary folder in UTF-8 is needed")?;
    let header = fs::read_to_string(HEADER)?;
    let offsets = prefixes(&header).map(|prefix| prefix + ".*").collect::<Vec<_>>().join("|");
    let bindings = bindgen::Builder::default()
        .header(HEADER)
        // The same on every host.
        .clang_args(["--target=x86_64-unknown-linux-gnu", "-nostdinc", "-isystem", folder])
        .clang_arg("-fparse-all-comments")
        .allowlist_item("Quarter.*|QUARTER_.*")
        // Offsets and sizes are for the templates: Rust has the fields.
        .blocklist_item(offsets)
        .derive_default(true)
        .rust_target(bindgen::RustTarget::stable(89, 0).map_err(|e| e.to_string())?)
        .rust_edition(bindgen::RustEdition::Edition2024)
        .disable_header_comment()
        .raw_line("//! Made of `cuda/quarter.h` by bindgen: see `tests/ffi.rs`.")
        .raw_line("")
        .formatter(bindgen::Formatter::Prettyplease)
        .generate()?;
    rustfmt(&bindings.to_string())
}

/// Formats as `cargo fmt` does.
fn rustfmt(text: &str) -> Result<String> {
    let mut command = Command::new("rustfmt");
    command.args(["--edition", "2024", "--config-path", env!("CARGO_MANIFEST_DIR")]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    // Dropped behind the statement, so that rustfmt sees the end.
    child.stdin.take().ok_or("no pipe")?.write_all(text.as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err("rustfmt refused what bindgen wrote".into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

#[test]
fn generated_from_the_header() -> Result<()> {
    let write = env::var_os("QUARTER_WRITE_FFI").is_some();
    if let Err(reason) = clang_sys::load() {
        let wanted = write || env::var_os("LIBCLANG_PATH").is_some();
        assert!(!wanted, "libclang was asked for: {reason}");
        println!("SKIPPED: src/ffi.rs is not made anew, for there is no libclang: {reason}");
        return Ok(());
    }
    let made = generate()?;
    if write {
        fs::write(GENERATED, made)?;
        return Ok(());
    }
    let committed = fs::read_to_string(GENERATED)?;
    let differs = made.lines().zip(committed.lines()).position(|(a, b)| a != b);
    assert!(
        made == committed,
        "src/ffi.rs is not what bindgen makes of cuda/quarter.h (line {:?} is the first to \
         differ): QUARTER_WRITE_FFI=1 cargo test --test ffi writes it",
        differs.map(|line| line + 1)
    );
    Ok(())
}

/// `QUARTER_S_` of each struct `QuarterS` of the header.
fn prefixes(header: &str) -> impl Iterator<Item = String> {
    let names = header.lines().filter_map(|line| line.strip_prefix("struct ")?.strip_suffix(" {"));
    names.map(|name| constant(name) + "_")
}

/// `QUARTER_ROW_SCALE` of `QuarterRowScale`.
fn constant(name: &str) -> String {
    let mut constant = String::new();
    for (i, letter) in name.char_indices() {
        if letter.is_uppercase() && i > 0 {
            constant.push('_');
        }
        constant.extend(letter.to_uppercase());
    }
    constant
}

/// The header's numbers: those of structs (offsets and sizes), and all others.
fn defines(header: &str) -> Result<[BTreeMap<String, u64>; 2]> {
    let prefixes: Vec<_> = prefixes(header).collect();
    let (mut of_structs, mut others) = (BTreeMap::new(), BTreeMap::new());
    for line in header.lines() {
        let define = line.strip_prefix("#define ").and_then(|rest| rest.split_once(' '));
        let Some((name, value)) = define.filter(|(name, _)| name.starts_with("QUARTER_")) else {
            continue;
        };
        // A macro with arguments is not a number.
        if name.contains('(') {
            continue;
        }
        let number = match value.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => value.parse(),
        };
        let number = number.map_err(|e| format!("{name} {value}: {e}"))?;
        let of_struct = prefixes.iter().any(|prefix| name.starts_with(prefix));
        let numbers = if of_struct { &mut of_structs } else { &mut others };
        if numbers.insert(name.to_string(), number).is_some() {
            return Err(format!("{name} is defined twice").into());
        }
    }
    Ok([of_structs, others])
}

/// Offsets and sizes under the names of the header, from the assertions of `src/ffi.rs`. This
/// test was compiled with them, so the numbers are right.
fn asserted(generated: &str) -> BTreeMap<String, u64> {
    let mut numbers = BTreeMap::new();
    let flat = generated.split_whitespace().collect::<Vec<_>>().join(" ");
    let number = |text: &str| text.split_once("usize").and_then(|(n, _)| n.parse().ok()).unwrap();
    for fact in flat.split("offset_of!(").skip(1) {
        let (place, rest) = fact.split_once(") - ").unwrap();
        let (name, field) = place.split_once(", ").unwrap();
        let name = format!("{}_{}", constant(name), field.to_uppercase());
        numbers.insert(name, number(rest));
    }
    for fact in flat.split("size_of::<").skip(1) {
        let (name, rest) = fact.split_once(">() - ").unwrap();
        numbers.insert(constant(name) + "_BYTES", number(rest));
    }
    numbers
}

/// Compares by name, and says which differ.
fn same(defined: &BTreeMap<String, u64>, generated: &BTreeMap<String, u64>) {
    assert!(!defined.is_empty());
    let mut differing = Vec::new();
    for name in defined.keys().chain(generated.keys().filter(|name| !defined.contains_key(*name))) {
        let (header, rust) = (defined.get(name), generated.get(name));
        if header != rust {
            differing.push(format!("{name}: {header:?} in the header, {rust:?} in src/ffi.rs"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn every_offset_and_size_is_the_headers() -> Result<()> {
    let [defined, _] = defines(&fs::read_to_string(HEADER)?)?;
    let mut asserted = asserted(&fs::read_to_string(GENERATED)?);
    asserted.retain(|name, _| !name.ends_with("_RESERVED"));
    same(&defined, &asserted);
    Ok(())
}

#[test]
fn every_constant_is_the_headers() -> Result<()> {
    let [_, defined] = defines(&fs::read_to_string(HEADER)?)?;
    let generated = fs::read_to_string(GENERATED)?;
    let constants = generated.lines().filter_map(|line| {
        let (name, value) = line.strip_prefix("pub const ")?.split_once(": u32 = ")?;
        Some((name.to_string(), value.strip_suffix(';')?.parse().ok()?))
    });
    same(&defined, &constants.collect());
    Ok(())
}

/// The kernels are launched with a struct's bytes, so none may be undefined.
#[test]
fn structs_have_no_padding() -> Result<()> {
    let generated = fs::read_to_string(GENERATED)?;
    let asserted = asserted(&generated);
    let mut structs = 0;
    for text in generated.split("pub struct ").skip(1) {
        let (name, rest) = text.split_once(" {").ok_or("a struct without a body")?;
        let (body, _) = rest.split_once("\n}").ok_or("a struct without an end")?;
        let mut bytes = 0;
        for line in body.lines().filter_map(|line| line.trim().strip_prefix("pub ")) {
            bytes += match line.split_once(": ").ok_or("a field without a type")?.1 {
                "u64," | "f64," => 8,
                "[u64; 16usize]," => 128,
                "u32," | "f32," => 4,
                other => return Err(format!("{name} has a field of type {other}").into()),
            };
        }
        assert_eq!(asserted[&(constant(name) + "_BYTES")], bytes, "{name}");
        structs += 1;
    }
    assert_eq!(structs, prefixes(&fs::read_to_string(HEADER)?).count());
    Ok(())
}

#[test]
fn constants_are_the_librarys() {
    fn check<F: Fp8>(max: u32, limit: u32) {
        assert_eq!(F::FORMAT.max_finite().to_bits(), max);
        let beyond = |bits| F::from_f32_nonsat(f32::from_bits(bits)).to_f32();
        assert_eq!(beyond(limit - 1).to_bits(), max);
        assert!(!beyond(limit).is_finite());
    }
    check::<E4m3>(ffi::QUARTER_E4M3_MAX, ffi::QUARTER_E4M3_LIMIT);
    check::<E5m2>(ffi::QUARTER_E5M2_MAX, ffi::QUARTER_E5M2_LIMIT);
    assert_eq!(Granularity::Block1x128.tile().1, ffi::QUARTER_BLOCK as usize);
    assert_eq!((Stream::Cast as u32) << 16, ffi::QUARTER_STREAM_CAST);
}
