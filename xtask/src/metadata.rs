//! What `cargo metadata` says, as far as the checks need it.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::house::House;
use crate::run;

/// The workspace and, if asked for, all that it builds with.
#[derive(Deserialize)]
pub struct Metadata {
    pub packages: Vec<Package>,
    workspace_members: BTreeSet<String>,
}

/// One package in one version.
#[derive(Deserialize)]
pub struct Package {
    id: String,
    pub name: String,
    pub version: String,
    /// Where it comes from; none for our own.
    pub source: Option<String>,
    /// Its licence expression.
    pub license: Option<String>,
    pub dependencies: Vec<Dependency>,
}

/// One line of a manifest.
#[derive(Deserialize)]
pub struct Dependency {
    pub name: String,
    /// `dev`, `build`, or none for an ordinary one.
    kind: Option<String>,
}

impl Dependency {
    /// Whether only tests and benches lean on it.
    pub fn is_dev(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

impl Metadata {
    /// Asks cargo; the lock file must be up to date.
    pub fn ask(house: &House, args: &[&str]) -> Result<Self> {
        let mut command =
            house.command("cargo", &["metadata", "--locked", "--format-version", "1"]);
        command.args(args);
        Self::parse(&run::answer(command)?)
    }

    /// Reads cargo's JSON.
    pub fn parse(json: &str) -> Result<Self> {
        serde_json::from_str(json).context("reading `cargo metadata`")
    }

    /// The workspace's own packages.
    pub fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }
}
