//! Compiles the C++ around NVIDIA's headers, where `QUARTER_CUDA_INCLUDE` names their folder.
//!
//! Nothing is needed where it does not, and the crate is empty then.

use std::env;
use std::error::Error;
use std::path::PathBuf;

/// The one C interface to the headers; the recorder of casts uses it as well.
const SOURCE: &str = "../numerics/tests/policies/cuda.cpp";
const VARIABLE: &str = "QUARTER_CUDA_INCLUDE";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rustc-check-cfg=cfg(cuda_headers)");
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    println!("cargo::rerun-if-changed={SOURCE}");
    let Some(include) = env::var_os(VARIABLE).filter(|value| !value.is_empty()) else {
        return Ok(());
    };
    let include = PathBuf::from(include);
    if !include.join("cuda_fp8.h").is_file() {
        return Err(format!("{VARIABLE}: there is no cuda_fp8.h in {}", include.display()).into());
    }
    println!("cargo::rustc-cfg=cuda_headers");
    let mut build = cc::Build::new();
    // The wheels keep parts of the C++ library apart.
    build.cpp(true).file(SOURCE).include(&include).include(include.join("cccl"));
    build.warnings(false).try_compile("quarter_oracle")?;
    Ok(())
}
