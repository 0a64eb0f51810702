//! Which ptxas is found.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::ptxas::{Host, VARIABLES, find, missing};

/// The numbered list at the top of `build/ptxas.rs`: of each item what it says, up to the first
/// place of a file.
fn documented() -> Vec<&'static str> {
    let lines = include_str!("../../build/ptxas.rs").lines();
    let items = lines.filter_map(|line| line.strip_prefix("//! ")?.split_once(". "));
    let items = items.filter(|(number, _)| number.parse::<u32>().is_ok());
    items.map(|(_, item)| item).collect()
}

/// A machine in a folder, with an environment of its own.
struct Machine {
    folder: tempfile::TempDir,
    environment: Vec<(&'static str, OsString)>,
    /// The variables that were looked at.
    asked: RefCell<BTreeSet<String>>,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let asked = RefCell::default();
        Self { folder, environment: Vec::new(), asked }
    }

    /// Puts a ptxas where an item of the documentation says.
    fn put(&mut self, item: &str) -> PathBuf {
        let root = self.folder.path().to_path_buf();
        let place = item.split('`').nth(1).unwrap();
        let (file, variable) = match place {
            "QUARTER_PTXAS" => (root.join("named"), Some(("QUARTER_PTXAS", root.join("named")))),
            "CUDA_HOME/bin/ptxas" => {
                (root.join("home/bin/ptxas"), Some(("CUDA_HOME", root.join("home"))))
            }
            "CUDA_PATH/bin/ptxas" => {
                (root.join("path/bin/ptxas"), Some(("CUDA_PATH", root.join("path"))))
            }
            "ptxas" => {
                let folders = [root.join("empty"), root.join("of path")];
                let path = std::env::join_paths(&folders).unwrap();
                (folders[1].join("ptxas"), Some(("PATH", path.into())))
            }
            absolute if absolute.starts_with('/') => (root.join(&absolute[1..]), None),
            package => (root.join("packages").join(package), None),
        };
        self.environment.extend(variable.map(|(name, value)| (name, value.into())));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "").unwrap();
        file
    }

    fn find(&self) -> Option<PathBuf> {
        let packages = || Some(self.folder.path().join("packages"));
        let variable = |name: &str| {
            self.asked.borrow_mut().insert(name.into());
            self.environment.iter().find(|(n, _)| *n == name).map(|(_, value)| value.clone())
        };
        let root = self.folder.path();
        find(&Host { variable: &variable, root, packages: &packages })
    }
}

/// With a ptxas in one place and all places behind it, it is the one that is found.
#[test]
fn in_the_documented_order() {
    let places = documented();
    assert_eq!(places.len(), 8);
    for first in 0..places.len() {
        let mut machine = Machine::new();
        let files: Vec<_> = places[first..].iter().map(|place| machine.put(place)).collect();
        assert_eq!(machine.find().as_ref(), Some(&files[0]), "{}", places[first]);
    }
}

/// Cargo runs the build again when one of them changes.
#[test]
fn no_other_variable_is_looked_at() {
    let machine = Machine::new();
    assert_eq!(machine.find(), None);
    for name in machine.asked.into_inner() {
        assert!(VARIABLES.contains(&name.as_str()), "{name}");
    }
}

#[test]
fn none_is_none() {
    let mut machine = Machine::new();
    for place in &documented()[1..] {
        machine.put(place);
    }
    machine.environment.push(("QUARTER_PTXAS", "none".into()));
    assert_eq!(machine.find(), None);
}

/// Nor is it replaced by another: that it is not there is an error when it is started.
#[test]
fn a_named_one_need_not_exist() {
    let mut machine = Machine::new();
    machine.put(documented()[1]);
    machine.environment.push(("QUARTER_PTXAS", "/not/here".into()));
    assert_eq!(machine.find().as_deref(), Some(Path::new("/not/here")));
}

#[test]
fn empty_variables_and_folders_are_passed_over() {
    let mut machine = Machine::new();
    for name in VARIABLES {
        machine.environment.push((name, OsString::new()));
    }
    let last = machine.put(documented()[7]);
    fs::create_dir_all(machine.folder.path().join("opt/cuda/bin/ptxas")).unwrap();
    assert_eq!(machine.find(), Some(last));
}

#[test]
fn a_missing_one_is_a_warning_or_an_error_where_it_is_wanted() {
    assert_eq!(missing(false, false), Ok(None));
    assert!(missing(true, false).unwrap().unwrap().contains("QUARTER_PTXAS"));
    assert!(missing(false, true).unwrap_err().contains("no ptxas was found"));
    assert!(missing(true, true).is_err());
}
