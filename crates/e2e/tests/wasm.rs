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
