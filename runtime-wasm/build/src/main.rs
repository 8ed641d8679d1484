//! Builds `kanvas-wasm` for JavaScript: `cargo run -p kanvas-wasm-build -- FOLDER [FEATURE...]` leaves the module, its
//! glue and its types in FOLDER, ready for browsers, Node.js and Cloudflare's workers alike.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use wasm_bindgen_cli_support::Bindgen;

/// Cargo's profile for it: see the workspace's Cargo.toml.
const PROFILE: &str = "wasm";
const TARGET: &str = "wasm32-unknown-unknown";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let Some(folder) = args.next().map(PathBuf::from) else {
        complain("Tell the folder to build into: cargo run -p kanvas-wasm-build -- FOLDER [FEATURE...]");
        return ExitCode::from(2);
    };
    match build(&folder, &args.collect::<Vec<_>>().join(",")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            complain(&why);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "a program for the terminal")]
fn complain(why: &str) {
    eprintln!("{why}");
}

fn build(folder: &PathBuf, features: &str) -> Result<(), String> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut compile = Command::new(cargo);
    compile.current_dir(&root).args(["build", "--locked", "-p", "kanvas-wasm", "--lib"]);
    compile.args(["--target", TARGET, "--profile", PROFILE, "--features", features]);
    let done = compile.status().map_err(|error| format!("cargo cannot be started: {error}"))?;
    if !done.success() {
        return Err(format!("kanvas-wasm does not build; is the target there? (rustup target add {TARGET})"));
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let module = target.join(TARGET).join(PROFILE).join("kanvas_wasm.wasm");
    let mut glue = Bindgen::new();
    glue.input_path(module).typescript(true).web(true).map_err(|error| error.to_string())?;
    glue.generate(folder).map_err(|error| format!("the glue cannot be written: {error}"))
}
