//! The CUDA driver behind a libcuda that is not there, is broken, old, incomplete, or of another
//! GPU, and behind one that writes down what it is asked. Each is loaded by a process of its own.

mod children;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use tempfile::TempDir;

/// A folder with a libcuda made of `fake.c`.
fn fake(flags: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("libcuda.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cuda/fake.c");
    let compiler = env::var_os("CC").unwrap_or_else(|| "cc".into());
    let mut command = Command::new(compiler);
    command.args(["-shared", "-fPIC", "-O1", "-std=gnu11", "-w", "-o"]).arg(&library);
    let output = command.args(flags).arg(source).output().expect("a C compiler");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder
}

/// What a child said, which found `libraries` first; and the fake's log.
fn child(which: &str, libraries: &Path, mode: &str) -> (String, String) {
    let log: PathBuf = libraries.join(format!("{which}.log"));
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "children::child", "--ignored", "--nocapture", "--test-threads=1"])
        .env("LD_LIBRARY_PATH", libraries)
        .env("FAKE_CUDA", mode)
        .env("FAKE_CUDA_LOG", &log)
        .env("QUARTER_TEST_CHILD", which)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let panicked = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{which}, {mode}:\n{said}\n{panicked}");
    let said: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("> ")).collect();
    assert!(!said.is_empty(), "{which}, {mode}: the child did not run");
    (said.join("\n"), fs::read_to_string(log).unwrap_or_default())
}

#[test]
#[cfg(target_os = "linux")]
fn every_way_of_having_no_gpu_is_an_error_of_its_own() {
    let (works, lacks) = (fake(&[]), fake(&["-DLACKS"]));
    let broken = tempfile::tempdir().unwrap();
    for name in ["libcuda.so", "libcuda.so.1", "libnvcuda.so"] {
        fs::write(broken.path().join(name), "no library").unwrap();
    }
    for (libraries, mode, expected) in [
        (&broken, "", "NoDriver: no CUDA driver: "),
        (&works, "none", "NoDevice: the CUDA driver sees no GPU"),
        (&works, "old", "DriverTooOld: the CUDA driver is 11.8; 12.0 or newer is needed"),
        (&lacks, "", "MissingSymbols: the CUDA driver 13.0 lacks cuGraphLaunch"),
        (
            &works,
            "ada",
            "Capability: the GPU has compute capability 8.9; the kernels are for 9.0 (H100, H200)",
        ),
        (
            &works,
            "",
            "open: Fake 40, 132 SM, CUDA driver 13.0; Fake 41, 132 SM, CUDA driver 13.0; \
                      GPU 2 does not exist: there are 2, from 0; no CUDA context is current on this thread",
        ),
        (
            &works,
            "jit",
            "Jit: loading kernel adamw: cuModuleLoadDataEx: CUDA error 218 \
                         CUDA_ERROR_INVALID_PTX | ptxas fake.ptx, line 7; error : no such thing",
        ),
    ] {
        let (said, _) = child("open", libraries.path(), mode);
        assert!(said.starts_with(expected), "{mode}: {said}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_launch_reaches_the_driver_as_it_was_asked() {
    let folder = fake(&[]);
    let (said, log) = child("launch", folder.path(), "");
    let params: String = (0..said.parse::<usize>().unwrap()).map(|i| format!("{i:02x}")).collect();
    let lines: Vec<&str> = log.lines().collect();
    let launch = format!("launch scaling 3,2,1 x 64,1,1 shared 61440 on 0x1234: {params}");
    assert_eq!(
        lines,
        [
            "retain 40",
            "load",
            "attribute 8 of scaling is 61440",
            &launch,
            // The second time nothing is loaded, and nothing set.
            &launch,
            "unload",
            "release 40",
        ]
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_tensor_map_reaches_the_driver_as_it_was_asked() {
    let folder = fake(&[]);
    let (said, log) = child("encode", folder.path(), "");
    assert_eq!(said, "[70, 71, 72]");
    // bf16 is 9; no interleaving, swizzled by 128 bytes, promoted to 256, filled with zeros.
    let encoded = "encode 9 of 2 at 0x4560: 70 x 30 by 144, box 32 x 64, every 1, 1, ways 0 3 3 0";
    assert_eq!(log.lines().collect::<Vec<_>>(), ["retain 40", encoded, "release 40"]);
}

#[test]
#[cfg(target_os = "linux")]
fn the_safe_layer_copies_launches_and_frees() {
    let folder = fake(&[]);
    let (_, log) = child("safe", folder.path(), "");
    let count = |what: &str| log.lines().filter(|line| line.starts_with(what)).count();
    assert_eq!((count("retain"), count("release"), count("load"), count("unload")), (1, 1, 1, 1));
    assert!(count("alloc") > 3);
    assert_eq!(count("alloc"), count("free"), "{log}");
    assert_eq!(count("launch quantize_tensor_bf16_e4m3_rn"), 1, "{log}");
    // The source goes there before the launch, the codes come back behind it.
    let at = |what: &str| log.lines().position(|line| line.starts_with(what)).unwrap();
    assert!(at("to device 256 ") < at("launch") && at("launch") < at("from device 128 "), "{log}");
}

#[test]
#[cfg(target_os = "linux")]
fn streams_times_and_graphs() {
    let folder = fake(&[]);
    let (said, log) = child("stream", folder.path(), "");
    assert_eq!(said, "1.5ms");
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(
        lines,
        [
            "retain 40",
            "alloc 512",
            "stream of flags 1",
            "record on 0x5000",
            "fill 512 with 7 on 0x5000",
            "record on 0x5000",
            "destroy event",
            "destroy event",
            "begin capture 0x5000 in mode 1",
            "fill 512 with 8 on 0x5000",
            "end capture 0x5000",
            "instantiate 0x6000",
            "destroy graph 0x6000",
            "graph 0x7000 on 0x5000",
            // A capture that fails is ended, and its graph given back.
            "begin capture 0x5000 in mode 1",
            "end capture 0x5000",
            "destroy graph 0x6000",
            "destroy exec 0x7000",
            "destroy stream 0x5000",
            "free",
            "release 40",
        ]
    );
}

/// What the probe does not look for, cudarc would panic about.
#[test]
fn the_probe_looks_for_every_function_that_is_called() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/gpu/cuda");
    let probe = fs::read_to_string(folder.join("probe.rs")).unwrap();
    let mut called = 0;
    for file in fs::read_dir(&folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        for rest in text.split("sys::cu").skip(1) {
            let name: String =
                rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            assert!(probe.contains(&format!("\"cu{name}\"")), "cu{name} is not looked for");
            called += 1;
        }
    }
    assert!(called > 30, "{called}");
}
