//! The templates, and what a C preprocessor makes of them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

/// All templates below a root, as paths from there, in order; `.inc` files are for them to include.
pub fn all(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join("ptx"))? {
        let name = PathBuf::from(entry?.file_name());
        if name.extension().is_some_and(|e| e == "ptx") {
            found.push(Path::new("ptx").join(name));
        }
    }
    found.sort();
    Ok(found)
}

/// The preprocessor's output, markers included. It runs in the root, so all paths are relative.
pub fn expand(mut preprocessor: Command, root: &Path, template: &Path) -> Result<String, String> {
    // Not C: apostrophes in comments are no characters, and nothing is predefined.
    preprocessor.args(["-E", "-x", "assembler-with-cpp", "-undef", "-nostdinc", "-D__ASSEMBLER__"]);
    preprocessor.args(["-Iptx", "-Icuda"]).arg(template).current_dir(root);
    let output = preprocessor.output().map_err(|e| format!("{preprocessor:?}: {e}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    String::from_utf8(output.stdout).map_err(|e| format!("{}: {e}", template.display()))
}
