//! Ten seconds of fuzzing per target, where a nightly toolchain is at hand.
//!
//! The corpus is replayed by ordinary tests whatever is installed; leaving this out is said in
//! the table of phases. What a run finds stays in `fuzz/artifacts`, named by the failure.

use std::process::Command;

use anyhow::Result;

use crate::house::House;
use crate::run;

/// Whether there are targets, and a toolchain that can build them.
pub fn has_nightly(house: &House) -> bool {
    house.root.join("fuzz/Cargo.toml").is_file() && run::works(nightly(house, &["--version"]))
}

/// Runs each target; or says why nothing was run.
pub fn run(house: &House) -> Result<Option<String>> {
    if !house.root.join("fuzz/Cargo.toml").is_file() {
        return Ok(Some("left out: no fuzz targets in the tree".into()));
    }
    if !has_nightly(house) {
        return Ok(Some("left out: no nightly toolchain here".into()));
    }
    let targets = run::answer(nightly(house, &["fuzz", "list"]))?;
    for target in targets.split_whitespace() {
        println!("fuzz: {target}");
        // WHY: what the run discovers goes to a folder of its own, the tree keeps its corpus.
        let found = house.target.join("fuzz/found").join(target);
        std::fs::create_dir_all(&found)?;
        let mut command = nightly(house, &["fuzz", "run", target]);
        command.arg(&found);
        let kept = house.root.join("fuzz/corpus").join(target);
        command.args(kept.is_dir().then_some(kept));
        command.args(["--", "-max_total_time=10", "-verbosity=0"]);
        run::must(command)?;
    }
    Ok(None)
}

/// Nightly's cargo.
fn nightly(house: &House, words: &[&str]) -> Command {
    let mut command = house.command("rustup", &["run", "nightly", "cargo"]);
    // WHY: these name the stable toolchain's programs to whatever cargo starts.
    for name in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(name);
    }
    command.env("CARGO_TARGET_DIR", house.target.join("fuzz")).args(words);
    command
}
