//! The texts that the crate embeds.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use quarter::gpu::Text;

use crate::assembler::real;
use crate::ptxas::assemble;
use crate::{template, text};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Where this build was made; none of it may be found in what is shipped.
fn machine() -> Vec<String> {
    let out = env!("OUT_DIR");
    let mut folders = vec![ROOT.to_string(), out.to_string()];
    folders.extend(std::env::var("HOME").ok().filter(|home| home.len() > 1));
    folders.extend(std::env::temp_dir().to_str().map(String::from));
    folders
}

#[test]
fn every_template_is_a_text_and_expanding_it_again_gives_the_same() {
    let root = Path::new(ROOT);
    let templates = template::all(root).unwrap();
    let names: Vec<_> =
        templates.iter().map(|t| t.file_stem().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, Vec::from_iter(Text::all().iter().map(|text| text.name)));
    for (template, shipped) in templates.iter().zip(Text::all()) {
        let expanded = template::expand(Command::new("cc"), root, template).unwrap();
        let (ptx, origins) = text::finish(&expanded);
        assert!(ptx == shipped.ptx, "{}", shipped.name);
        let shipped_origins = shipped.origins.iter().map(|o| (o.line, o.file, o.at));
        assert!(origins.iter().map(|o| (o.line, o.file.as_str(), o.at)).eq(shipped_origins));
        assert!(text::marked(&ptx, &origins) == shipped.marked(), "{}", shipped.name);
    }
}

/// A line of a text stands in its template as it is, or comes from a macro there.
#[test]
fn origins_point_at_what_became_the_line() {
    let mut files = HashMap::new();
    for text in Text::all() {
        let mut origins = text.origins.iter().peekable();
        let mut origin = text.origins[0];
        for (number, line) in (1..).zip(text.ptx.lines()) {
            if let Some(next) = origins.next_if(|next| next.line == number) {
                origin = *next;
            }
            let source = files
                .entry(origin.file)
                .or_insert_with(|| fs::read_to_string(Path::new(ROOT).join(origin.file)).unwrap());
            let place = format!("{} of {}: {}:{}", number, text.name, origin.file, origin.at);
            let source = source.lines().nth(origin.at as usize - 1).expect(&place);
            let macros = source.split(|c: char| !c.is_alphanumeric() && c != '_');
            let from_macro = macros
                .into_iter()
                .any(|word| word.len() > 1 && word.starts_with(char::is_uppercase));
            assert!(source.contains(line.trim()) || from_macro, "{place}: {line}: {source}");
        }
        assert!(origins.next().is_none(), "{}", text.name);
    }
}

#[test]
fn no_path_of_a_machine_in_texts_origins_and_resources() {
    for text in Text::all() {
        // Nor a marker or a comment, of which a path could be a part.
        for what in ["\\", "#"] {
            assert!(!text.ptx.contains(what), "{} has a {what}", text.name);
        }
        for (at, _) in text.ptx.match_indices('/') {
            // What a path and a comment never have: a digit on both sides, as in 2048/8.
            let around = &text.ptx.as_bytes()[at.saturating_sub(1)..][..3];
            let divides = around[0].is_ascii_digit() && around[2].is_ascii_digit();
            assert!(divides, "{} has a / that is no division", text.name);
        }
        for origin in text.origins {
            let name = origin.file.strip_prefix("ptx/").expect(origin.file);
            assert!(!name.contains(['/', '\\']), "{}", origin.file);
        }
    }
    for folder in machine() {
        assert!(!Text::resources().unwrap_or_default().contains(&folder));
    }
}

fn assert_without_paths(name: &str, bytes: &[u8], folders: &[String]) {
    for folder in folders {
        let found = bytes.windows(folder.len()).any(|window| window == folder.as_bytes());
        assert!(!found, "{name}.cubin holds {folder}");
    }
}

/// Those that feature `cubin` embeds.
#[test]
fn no_path_of_a_machine_in_cubins() {
    if Text::all().iter().all(|text| text.cubin.is_none()) {
        println!("SKIPPED: the crate embeds no cubins: feature `cubin`, and a ptxas");
    }
    for text in Text::all() {
        if let Some(cubin) = text.cubin {
            assert_without_paths(text.name, cubin, &machine());
        }
    }
}

/// The smallest text, as every build assembles all of them, in two folders.
#[test]
fn cubins_do_not_depend_on_the_folder() {
    let Some(ptxas) = real() else { return };
    let text = Text::find("scaling").unwrap();
    let cubin = || {
        let out = tempfile::tempdir().unwrap();
        let assembled = assemble(&ptxas, &text.marked(), out.path(), text.name).unwrap();
        let bytes = fs::read(assembled.cubin).unwrap();
        assert!(!bytes.is_empty());
        assert_without_paths(text.name, &bytes, &[out.path().to_str().unwrap().into()]);
        bytes
    };
    assert!(cubin() == cubin());
}
