//! The core builds for a browser: for `wasm32-unknown-unknown`, where there is no operating system
//! to ask for anything.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";

/// Says whether the compiler's standard library for the target is there, as rustup or Debian
/// installs it.
fn has_target() -> bool {
    let rustc = Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).output().unwrap();
    assert!(rustc.status.success(), "{}", String::from_utf8_lossy(&rustc.stderr));
    Path::new(String::from_utf8(rustc.stdout).unwrap().trim()).is_dir()
}

#[test]
fn the_core_builds_for_a_browser() {
    assert!(
        has_target(),
        "the standard library for {TARGET} is missing: run `rustup target add {TARGET}`, or with Debian's own rustc \
         install the package libstd-rust-dev-wasm32"
    );
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["check", "--locked", "--package", env!("CARGO_PKG_NAME"), "--lib", "--target", TARGET]);
    // In a folder of its own, so that it does not wait for who builds in the usual one.
    cargo.arg("--target-dir").arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("wasm32"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    // Random bytes come from the page. Flags of the caller's would replace this one.
    cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", "--cfg getrandom_backend=\"custom\"");
    for flags in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER"] {
        cargo.env_remove(flags);
    }
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// By hand: `cargo test -p ephemeral-e2e --test wasm -- --ignored --nocapture`.
///
/// What is measured is a program with everything that `examples/page.rs` uses: to invite, accept,
/// send, receive, read and write a state.
#[test]
#[ignore = "a measurement"]
#[allow(clippy::print_stdout, reason = "a measurement")]
fn how_large_the_core_is_in_a_browser() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wasm32-package");
    std::fs::create_dir_all(package.join("src")).unwrap();
    std::fs::copy(own.join("examples/page.rs"), package.join("src/main.rs")).unwrap();
    std::fs::copy(own.join("../../Cargo.lock"), package.join("Cargo.lock")).unwrap();
    for level in ["\"z\"", "3"] {
        let manifest = format!(
            "[package]\nname = \"size\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n\
             [dependencies]\nephemeral-e2e = {{ path = \"{}\" }}\n[profile.release]\nopt-level = {level}\n\
             lto = \"fat\"\ncodegen-units = 1\npanic = \"abort\"\nstrip = true\n",
            own.display()
        );
        std::fs::write(package.join("Cargo.toml"), manifest).unwrap();
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--offline", "--release", "--target", TARGET, "--target-dir"]);
        cargo.arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("wasm32-size")).current_dir(&package);
        let flags = "--cfg getrandom_backend=\"custom\" -C link-arg=--allow-undefined";
        cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", flags);
        for flags in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER"] {
            cargo.env_remove(flags);
        }
        let output = cargo.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wasm32-size").join(TARGET).join("release/size.wasm");
        let packed = Command::new("gzip").args(["-9", "-c"]).arg(&built).output().unwrap();
        let bytes = std::fs::metadata(&built).unwrap().len();
        println!("opt-level {level}: {} KiB, {} KiB with gzip", bytes >> 10, packed.stdout.len() >> 10);
    }
}
