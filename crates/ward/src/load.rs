//! Reading configuration, catalogue and policies from files in one go, and telling every mistake.
//!
//! WHY texts first: what was judged is what runs, whatever is written to the files meanwhile.

use std::path::Path;

use crate::config::Config;
use crate::declarations::{Set, Texts};

/// Reads the set of declarations that `file` (`ward.toml`) begins.
///
/// # Errors
/// Every mistake as `file:line: what; remedy`.
pub fn set(file: &Path) -> Result<Set, Vec<String>> {
    let text = read(file)?;
    let base = file.parent().unwrap_or_else(|| Path::new("."));
    let parsed = Config::parse(&file.display().to_string(), &text, base)
        .map_err(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    let (catalogue, policies) = (read(&parsed.catalogue), sources(&parsed.policies));
    match (catalogue, policies) {
        (Ok(catalogue), Ok(policies)) => Texts::new(text, catalogue, policies).read(file),
        (catalogue, policies) => {
            let mut mistakes = Vec::new();
            // A missing file does not hide what is wrong with the others.
            if let Ok(text) = &catalogue {
                let name = parsed.catalogue.display().to_string();
                let wrong = ward_catalogue::Catalogue::parse(&name, text).err();
                mistakes.extend(wrong.iter().flatten().map(ToString::to_string));
            }
            if let Ok(sources) = &policies {
                let named: Vec<(&str, &str)> =
                    sources.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
                let wrong = ward_policy::Policies::load(&named).err();
                mistakes.extend(wrong.iter().flatten().map(ToString::to_string));
            }
            mistakes.extend(catalogue.err().into_iter().flatten());
            mistakes.extend(policies.err().into_iter().flatten());
            Err(mistakes)
        }
    }
}

/// Reads `ward.toml` alone.
///
/// # Errors
/// Every mistake as `file:line: what; remedy`.
pub fn config(file: &Path) -> Result<Config, Vec<String>> {
    let base = file.parent().unwrap_or_else(|| Path::new("."));
    Config::parse(&file.display().to_string(), &read(file)?, base)
        .map_err(|all| all.iter().map(ToString::to_string).collect())
}

fn read(file: &Path) -> Result<String, Vec<String>> {
    std::fs::read_to_string(file).map_err(|error| {
        vec![format!("{}: {error}; make it readable, or name another", file.display())]
    })
}

/// `*.cedar` of a directory, names without the path, sorted.
fn sources(dir: &Path) -> Result<Vec<(String, String)>, Vec<String>> {
    let told =
        |error: std::io::Error| vec![format!("{}: {error}; make the directory", dir.display())];
    let mut sources = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(told)? {
        let path = entry.map_err(told)?.path();
        if path.extension().is_some_and(|kind| kind == "cedar") {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            sources.push((name.to_owned(), read(&path)?));
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
