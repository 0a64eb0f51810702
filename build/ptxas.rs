//! ptxas, where there is one: every text is assembled for sm_90a.
//!
//! It is the first that exists of
//! 1. `QUARTER_PTXAS`: a file, which then has to be there, or `none` for none at all
//! 2. `CUDA_HOME/bin/ptxas`
//! 3. `CUDA_PATH/bin/ptxas`
//! 4. `ptxas` in a folder of `PATH`
//! 5. `/usr/local/cuda/bin/ptxas`
//! 6. `/opt/cuda/bin/ptxas`
//! 7. `nvidia/cu13/bin/ptxas` among the packages of `python3`, where pip puts NVIDIA's wheels
//! 8. `nvidia/cuda_nvcc/bin/ptxas` there, of older wheels
//!
//! `QUARTER_DENY_PTXAS` makes errors of what are warnings without it: spills, remarks of the
//! C75xx family (waits that ptxas had to add), and that there is no ptxas.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// Environment variables that decide which ptxas runs and how strict it is.
pub const VARIABLES: [&str; 5] =
    ["QUARTER_PTXAS", "QUARTER_DENY_PTXAS", "CUDA_HOME", "CUDA_PATH", "PATH"];

/// Where the search looks.
pub struct Host<'a> {
    /// The environment.
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// Where usr/ and opt/ are.
    pub root: &'a Path,
    /// The folder of python3's packages, asked for if it comes to that.
    pub packages: &'a dyn Fn() -> Option<PathBuf>,
}

/// The host of the build.
pub fn this_host() -> Host<'static> {
    Host {
        variable: &|name: &str| env::var_os(name),
        root: Path::new("/"),
        packages: &packages_of_python,
    }
}

fn packages_of_python() -> Option<PathBuf> {
    let ask = "import sysconfig; print(sysconfig.get_path('purelib'))";
    let output = Command::new("python3").args(["-c", ask]).output().ok()?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}

/// The ptxas to use, in the order above.
pub fn find(host: &Host) -> Option<PathBuf> {
    find_tool(host, "QUARTER_PTXAS", "ptxas")
}

/// Another program of the toolkit, in the same order behind a variable of its own.
pub fn find_tool(host: &Host, named_by: &str, tool: &str) -> Option<PathBuf> {
    let variable = |name| (host.variable)(name).filter(|value| !value.is_empty());
    if let Some(named) = variable(named_by) {
        return (named != "none").then(|| named.into());
    }
    let homes = ["CUDA_HOME", "CUDA_PATH"].into_iter().filter_map(variable);
    let homes = homes.map(|home| PathBuf::from(home).join("bin"));
    let path = variable("PATH").unwrap_or_default();
    let fixed = ["usr/local/cuda/bin", "opt/cuda/bin"].map(|folder| host.root.join(folder));
    let mut folders = homes.chain(env::split_paths(&path)).chain(fixed);
    let there = |folder: PathBuf| Some(folder.join(tool)).filter(|file| file.is_file());
    folders.find_map(there).or_else(|| {
        let packages = (host.packages)()?;
        ["nvidia/cu13/bin", "nvidia/cuda_nvcc/bin"]
            .iter()
            .find_map(|folder| there(packages.join(folder)))
    })
}

/// What is to be said where no ptxas was found: nothing, a warning, or an error.
pub fn missing(embed: bool, strict: bool) -> Result<Option<&'static str>, &'static str> {
    let missing = "no ptxas was found, so no kernel is assembled and no cubin embedded: name one in \
                   QUARTER_PTXAS, or `pip install nvidia-cuda-nvcc`";
    if strict { Err(missing) } else { Ok(embed.then_some(missing)) }
}

/// What ptxas made of a text.
#[derive(Debug)]
pub struct Assembled {
    pub cubin: PathBuf,
    pub remarks: Remarks,
}

/// What ptxas said of a text.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    /// One line an entry: name, registers, bytes of shared memory.
    pub resources: Vec<String>,
    /// Spills, and remarks of the C75xx family.
    pub complaints: Vec<String>,
}

/// Assembles a text with markers, so that an error names the template's line.
pub fn assemble(ptxas: &Path, marked: &str, out: &Path, name: &str) -> Result<Assembled, String> {
    let (source, cubin) =
        (out.join(format!("{name}.marked.ptx")), out.join(format!("{name}.cubin")));
    fs::write(&source, marked).map_err(|e| format!("{}: {e}", source.display()))?;
    let mut command = Command::new(ptxas);
    command.args(["-arch=sm_90a", "-v", "-o"]).arg(&cubin).arg(&source);
    let output = command.output().map_err(|e| format!("{}: {e}", ptxas.display()))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let mut errors: Vec<_> = said.lines().map(placed).collect();
        // One for each entry that a line of a template is expanded in.
        let mut told = HashSet::new();
        errors.retain(|error| told.insert(error.clone()));
        return Err(errors.join("\n"));
    }
    Ok(Assembled { cubin, remarks: read(name, &said) })
}

/// `ptxas FILE, line 12; error   : what` as `FILE:12: error: what`, which editors know.
fn placed(said: &str) -> String {
    let place = || {
        let (place, what) = said.strip_prefix("ptxas ")?.split_once("; ")?;
        let (file, line) = place.split_once(", line ")?;
        let (kind, what) = what.split_once(':')?;
        Some(format!("{file}:{line}: {}: {}", kind.trim(), what.trim()))
    };
    place().unwrap_or_else(|| said.to_string())
}

/// What is worth knowing of what ptxas -v said.
pub fn read(name: &str, said: &str) -> Remarks {
    let mut remarks = Remarks::default();
    let mut entry = String::new();
    for line in said.lines() {
        if let Some(rest) = line.split("Compiling entry function '").nth(1) {
            entry = rest.split('\'').next().unwrap_or("").to_string();
        }
        let said = line.trim();
        if said.contains(" bytes spill ")
            && !said.contains(" 0 bytes spill stores, 0 bytes spill loads")
        {
            remarks.complaints.push(format!("{name}: {entry}: {said}"));
        }
        // These come before the line that names the entry, and name it themselves.
        if said.contains("(C75") {
            remarks.complaints.push(format!("{name}: {said}"));
        }
        if let Some(used) = line.split("Used ").nth(1) {
            let number = |what: &str| {
                let before = used.split(what).next().filter(|b| b.len() < used.len())?;
                before.rsplit([' ', ',']).find(|w| !w.is_empty())?.parse::<u32>().ok()
            };
            let registers = number(" registers").unwrap_or(0);
            let shared = number(" bytes smem").unwrap_or(0);
            remarks.resources.push(format!("{entry}\t{registers}\t{shared}"));
        }
    }
    remarks
}

/// Complaints as warnings, or as an error.
pub fn judge(complaints: Vec<String>, strict: bool) -> Result<Vec<String>, String> {
    if strict && !complaints.is_empty() {
        return Err(complaints.join("\n"));
    }
    Ok(complaints)
}
