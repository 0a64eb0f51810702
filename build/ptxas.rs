//! ptxas, where there is one: every text is assembled for sm_90a.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// Environment variables that decide which ptxas runs and how strict it is.
pub const VARIABLES: [&str; 5] =
    ["QUARTER_PTXAS", "QUARTER_DENY_PTXAS", "CUDA_HOME", "CUDA_PATH", "PATH"];

/// What ptxas made of a text.
pub struct Assembled {
    pub cubin: PathBuf,
    /// One line an entry: name, registers, bytes of shared memory.
    pub resources: Vec<String>,
    /// Spills, and remarks of the C75xx family.
    pub complaints: Vec<String>,
}

/// The first that exists: `QUARTER_PTXAS` (a file, or `none` for none), `CUDA_HOME/bin`,
/// `CUDA_PATH/bin`, `PATH`, /usr/local/cuda/bin, /opt/cuda/bin, the pip wheels of `python3`
/// (nvidia/cu13/bin, nvidia/cuda_nvcc/bin).
pub fn find() -> Option<PathBuf> {
    if let Some(named) = env::var_os("QUARTER_PTXAS") {
        return (named != "none").then(|| named.into());
    }
    let homes = ["CUDA_HOME", "CUDA_PATH"].into_iter().filter_map(env::var_os);
    let homes = homes.map(|home| PathBuf::from(home).join("bin"));
    let path = env::var_os("PATH").unwrap_or_default();
    let fixed = ["/usr/local/cuda/bin", "/opt/cuda/bin"].map(PathBuf::from);
    let folders = homes.chain(env::split_paths(&path)).chain(fixed);
    let found = folders.map(|folder| folder.join("ptxas")).find(|file| file.is_file());
    found.or_else(of_wheels)
}

fn of_wheels() -> Option<PathBuf> {
    let ask = "import sysconfig; print(sysconfig.get_path('purelib'))";
    let output = Command::new("python3").args(["-c", ask]).output().ok()?;
    let site = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    let folders = ["nvidia/cu13/bin", "nvidia/cuda_nvcc/bin"];
    folders.iter().map(|f| site.join(f).join("ptxas")).find(|file| file.is_file())
}

/// Assembles a text with markers, so that an error names the template's line.
pub fn assemble(ptxas: &Path, marked: &str, out: &Path, name: &str) -> Result<Assembled, String> {
    let (source, cubin) =
        (out.join(format!("{name}.marked.ptx")), out.join(format!("{name}.cubin")));
    fs::write(&source, marked).map_err(|e| e.to_string())?;
    let mut command = Command::new(ptxas);
    command.args(["-arch=sm_90a", "-v", "-o"]).arg(&cubin).arg(&source);
    let output = command.output().map_err(|e| format!("{}: {e}", ptxas.display()))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(said);
    }
    let (mut resources, mut complaints) = (Vec::new(), Vec::new());
    let mut entry = String::new();
    for line in said.lines() {
        if let Some(rest) = line.split("Compiling entry function '").nth(1) {
            entry = rest.split('\'').next().unwrap_or("").to_string();
        }
        let spills =
            line.contains("spill") && !line.contains("0 bytes spill stores, 0 bytes spill loads");
        if spills || line.contains("(C75") {
            complaints.push(format!("{name}: {entry}: {}", line.trim()));
        }
        if let Some(used) = line.split("Used ").nth(1) {
            let number = |what: &str| {
                let before = used.split(what).next().filter(|b| b.len() < used.len())?;
                before.rsplit([' ', ',']).find(|w| !w.is_empty())?.parse::<u32>().ok()
            };
            let registers = number(" registers").unwrap_or(0);
            let shared = number(" bytes smem").unwrap_or(0);
            resources.push(format!("{entry}\t{registers}\t{shared}"));
        }
    }
    Ok(Assembled { cubin, resources, complaints })
}
