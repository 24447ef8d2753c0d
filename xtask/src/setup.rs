//! Installs what the phases need and the machine lacks; quick when nothing is missing.
//!
//! Distribution packages come from `xtask/packages.txt`, Python's from
//! `interop/py/requirements.txt`, npm's from `interop/npm`. The last two live in the cache
//! outside the tree, remade when their list changes. It must never leave a half-made
//! installation that looks whole: the list is copied beside it last.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::house::{House, lines};
use crate::{fuzz, run};

/// Version of the test runner that is installed if there is none.
const NEXTEST: &str = "cargo-nextest@0.9.143";
/// Version of the fuzzer's driver that is installed where a nightly toolchain is.
const FUZZ: &str = "cargo-fuzz@0.13.2";
/// aics-tlog, one of the journal's judges, asks for this Python.
const PYTHON: (u32, u32) = (3, 12);

/// Brings everything that is missing.
pub fn run(house: &House) -> Result<()> {
    for part in ["fmt", "clippy"] {
        if !run::works(house.command("cargo", &[part, "--version"])) {
            bail!("`cargo {part}` is missing: rustup component add rustfmt clippy");
        }
    }
    packages(house)?;
    tool(house, "nextest", NEXTEST)?;
    if fuzz::has_nightly(house) {
        tool(house, "fuzz", FUZZ)?;
    }
    once(house, "py", "interop/py/requirements.txt", python)?;
    once(house, "npm", "interop/npm/package-lock.json", npm)
}

/// Builds one of cargo's subcommands, if it is missing.
fn tool(house: &House, name: &str, package: &str) -> Result<()> {
    if run::works(house.command("cargo", &[name, "--version"])) {
        return Ok(());
    }
    println!("setup: installing {package}");
    let mut install = house.command("cargo", &["install", "--quiet", "--locked", package]);
    install.env_remove("CARGO_TARGET_DIR");
    run::must(install)
}

/// Gives a suite's command the installed programs and packages.
pub fn equip(house: &House, command: &mut Command) -> Result<()> {
    let mut path = vec![house.cache.join("py/bin")];
    path.extend(search_path());
    command.env("PATH", std::env::join_paths(path)?);
    command.env("NODE_PATH", house.cache.join("npm/node_modules"));
    command.env("VIRTUAL_ENV", house.cache.join("py"));
    Ok(())
}

/// Folders programs are looked for in; servers sit in `sbin`.
fn search_path() -> Vec<PathBuf> {
    let own = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&own).chain(["/usr/sbin".into(), "/sbin".into()]).collect()
}

fn is_installed(program: &str) -> bool {
    search_path().iter().any(|folder| folder.join(program).is_file())
}

/// Installs the distribution's packages whose program is missing.
fn packages(house: &House) -> Result<()> {
    let table = house.read("xtask/packages.txt")?;
    let mut missing = Vec::new();
    for line in lines(&table) {
        let [program, package] = line.words.as_slice() else {
            bail!("packages.txt:{}: PROGRAM PACKAGE", line.number);
        };
        if !is_installed(program) {
            missing.push(*package);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let wanted = missing.join(" ");
    if !is_installed("apt-get") {
        bail!("missing: {wanted}; there is no apt-get here, install them your way");
    }
    let root = run::answer(house.command("id", &["-u"]))?.trim() == "0";
    if !root && !is_installed("sudo") {
        bail!("missing: {wanted}; neither root nor sudo: run `apt-get install {wanted}` as root");
    }
    println!("setup: installing {wanted}");
    // WHY: run level 1 keeps a package's script from starting its server.
    let environment = ["env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get", "-qq"];
    let apt = |words: &[&str]| {
        let (first, rest) =
            if root { ("env", &environment[1..]) } else { ("sudo", &environment[..]) };
        let mut command = house.command(first, rest);
        command.args(["-o", "DPkg::Lock::Timeout=300"]).args(words);
        command
    };
    run::must(apt(&["update"]))?;
    let install = ["install", "--yes", "--no-install-recommends"];
    run::must(apt(&[&install[..], &missing[..]].concat()))
}

/// Makes a folder of the cache from a list, unless it was made from this very list.
fn once(
    house: &House,
    name: &str,
    list: &str,
    make: fn(&House, &Path) -> Result<()>,
) -> Result<()> {
    let folder = house.cache.join(name);
    let stamp = folder.join("made-from");
    let wanted = house.read(list)?;
    if std::fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
        return Ok(());
    }
    println!("setup: making {name} from {list}");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    make(house, &folder).with_context(|| format!("installing {list}"))?;
    std::fs::File::create(&stamp)?.write_all(wanted.as_bytes())?;
    Ok(())
}

/// A virtual environment with the pinned packages.
fn python(house: &House, folder: &Path) -> Result<()> {
    let mut venv = Command::new(find_python()?);
    venv.args(["-m", "venv"]).arg(folder);
    run::must(venv)?;
    let mut pip = Command::new(folder.join("bin/python3"));
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--requirement"]);
    run::must({
        pip.arg(house.root.join("interop/py/requirements.txt"));
        pip
    })
}

/// The first Python that is new enough: WARD_PYTHON, the search path, pyenv's.
fn find_python() -> Result<OsString> {
    let (major, minor) = PYTHON;
    let mut tried: Vec<OsString> = std::env::var_os("WARD_PYTHON").into_iter().collect();
    tried.extend(["python3", "python3.14", "python3.13", "python3.12"].map(OsString::from));
    let kept = std::env::home_dir().unwrap_or_default().join(".pyenv/versions");
    let mut versions: Vec<_> = std::fs::read_dir(kept).into_iter().flatten().flatten().collect();
    versions.sort_by_key(std::fs::DirEntry::file_name);
    tried.extend(versions.iter().map(|it| it.path().join("bin/python3").into_os_string()));
    let test = format!("import sys, venv, ensurepip; sys.exit(sys.version_info < {PYTHON:?})");
    let new_enough = |python: &OsString| {
        let mut command = Command::new(python);
        command.args(["-c", &test]);
        run::works(command)
    };
    tried.into_iter().find(new_enough).with_context(|| {
        format!("no Python {major}.{minor} or newer with venv; set WARD_PYTHON to one")
    })
}

/// npm's packages exactly as locked.
fn npm(house: &House, folder: &Path) -> Result<()> {
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(house.root.join("interop/npm").join(file), folder.join(file))?;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    npm.current_dir(folder);
    run::must(npm)
}
