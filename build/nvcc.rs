//! nvcc, where there is one: the CUDA C++ twins of the kernels, as PTX (feature `twins`).
//!
//! `QUARTER_NVCC` names it, or is `none`; else it is looked for where ptxas is.

use std::path::Path;

/// The environment variable that names it.
pub const VARIABLE: &str = "QUARTER_NVCC";

/// The twins: `cuda/NAME.cu`.
pub const TWINS: [&str; 6] = ["adamw", "dequantize", "norm", "quantize", "scaling", "transpose"];

/// PTX of a twin. Products and sums are not contracted, and the text is for the drivers that the
/// kernels are for.
pub fn compile(nvcc: &Path, name: &str, out: &Path) -> Result<String, Box<dyn std::error::Error>> {
    let mut build = cc::Build::new();
    build.cuda(true).cudart("none").compiler(nvcc).warnings(false);
    build.no_default_flags(true).cargo_metadata(false);
    let mut command = build.try_get_compiler()?.to_command();
    let ptx = out.join(format!("{name}.twin.ptx"));
    command.args(["-ptx", "-arch=sm_90a", "-O3", "-std=c++17", "-fmad=false", "-o"]).arg(&ptx);
    let output = command.arg(format!("cuda/{name}.cu")).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let text = std::fs::read_to_string(&ptx)?;
    let version =
        |line: &str| if line.starts_with(".version") { ".version 8.0" } else { line }.to_string();
    Ok(text.lines().map(version).collect::<Vec<_>>().join("\n"))
}
