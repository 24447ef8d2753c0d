//! Ten seconds of fuzzing per target, where a nightly toolchain and cargo-fuzz are at hand.
//!
//! The corpus is replayed by ordinary tests whatever is installed; leaving this out is said in
//! the table of phases.

use anyhow::Result;

use crate::house::House;
use crate::run;

/// Runs each target; or says why nothing was run.
pub fn run(house: &House) -> Result<Option<String>> {
    if !house.root.join("fuzz/Cargo.toml").is_file() {
        return Ok(Some("left out: no fuzz targets in the tree".into()));
    }
    let nightly = |words: &[&str]| {
        let mut command = house.command("rustup", &["run", "nightly", "cargo", "fuzz"]);
        // WHY: cargo's own variables name the stable toolchain's programs.
        command.args(words).env_remove("CARGO").env_remove("RUSTC").env_remove("RUSTDOC");
        command.env("CARGO_TARGET_DIR", house.target.join("fuzz"));
        command
    };
    if !run::works(nightly(&["--version"])) {
        return Ok(Some("left out: needs a nightly toolchain and cargo-fuzz".into()));
    }
    let targets = run::answer(nightly(&["list"]))?;
    for target in targets.split_whitespace() {
        println!("fuzz: {target}");
        run::must(nightly(&["run", target, "--", "-max_total_time=10", "-verbosity=0"]))?;
    }
    Ok(None)
}
