//! Reading configuration, catalogue and policies from files, and telling every mistake at once.

use std::path::Path;

use sha2::Digest as _;
use ward_catalogue::Catalogue;
use ward_policy::Policies;

use crate::config::Config;

/// What the declarations say.
pub struct Declared {
    /// Routes, fields, budgets.
    pub catalogue: Catalogue,
    /// Decisions.
    pub policies: Policies,
    /// The policies' texts by file name.
    pub sources: Vec<(String, String)>,
    /// SHA-256 of the configuration's debug form.
    pub config_digest: [u8; 32],
}

/// Reads `ward.toml`.
///
/// # Errors
/// Every mistake as `file:line: what; remedy`.
pub fn config(file: &Path) -> Result<Config, Vec<String>> {
    let text = read(file)?;
    let base = file.parent().unwrap_or_else(|| Path::new("."));
    Config::parse(&file.display().to_string(), &text, base)
        .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
}

/// Reads the catalogue and the policies a configuration names.
///
/// # Errors
/// Every mistake in all of the files.
pub fn declarations(config: &Config) -> Result<Declared, Vec<String>> {
    let mut mistakes = Vec::new();
    let catalogue = read(&config.catalogue).and_then(|text| {
        Catalogue::parse(&config.catalogue.display().to_string(), &text)
            .map_err(|all| all.iter().map(ToString::to_string).collect())
    });
    let sources = sources(&config.policies);
    let policies = sources.as_ref().map_err(Clone::clone).and_then(|sources| {
        let named: Vec<(&str, &str)> =
            sources.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        Policies::load(&named).map_err(|all| all.iter().map(ToString::to_string).collect())
    });
    match (catalogue, policies, sources) {
        (Ok(catalogue), Ok(policies), Ok(sources)) => {
            let config_digest = sha2::Sha256::digest(format!("{config:?}")).into();
            Ok(Declared { catalogue, policies, sources, config_digest })
        }
        (catalogue, policies, _) => {
            mistakes.extend(catalogue.err().into_iter().flatten());
            mistakes.extend(policies.err().into_iter().flatten());
            Err(mistakes)
        }
    }
}

fn read(file: &Path) -> Result<String, Vec<String>> {
    std::fs::read_to_string(file).map_err(|error| {
        vec![format!("{}: {error}; make it readable, or name another", file.display())]
    })
}

/// `*.cedar` of a directory, sorted by name.
fn sources(dir: &Path) -> Result<Vec<(String, String)>, Vec<String>> {
    let told =
        |error: std::io::Error| vec![format!("{}: {error}; make the directory", dir.display())];
    let mut sources = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(told)? {
        let path = entry.map_err(told)?.path();
        if path.extension().is_some_and(|kind| kind == "cedar") {
            let name = path.display().to_string();
            sources.push((name, read(&path)?));
        }
    }
    sources.sort();
    if sources.is_empty() {
        return Err(vec![format!(
            "{}: holds no *.cedar file; `ward init` writes five",
            dir.display()
        )]);
    }
    Ok(sources)
}
