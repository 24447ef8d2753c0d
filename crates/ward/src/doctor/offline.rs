//! What can be seen of a Ward that does not run: its files, and whether they would open.

use std::path::Path;

use anyhow::Result;
use serde_json::Value;
use ward_model::UnixMillis;

use super::{Facts, as_json, judge};
use crate::cli::Doctor;
use crate::config::Config;
use crate::config::custody::Source;
use crate::exit::Exit;
use crate::{clock, load, restored};

/// Judges the files.
///
/// # Errors
/// 64: there is no configuration to tell where they are.
pub fn look(wanted: &Doctor) -> Result<Value> {
    let file = match &wanted.remote.demo {
        Some(dir) => dir.join("ward.toml"),
        None => wanted.config.clone(),
    };
    let config = load::config(&file).map_err(|mistakes| Exit::new(64, mistakes.join("\n")))?;
    Ok(as_json(&judge(&facts(&config), clock::now())))
}

fn facts(config: &Config) -> Facts {
    Facts {
        broken: broken(config),
        signed_at: signed_at(&config.data),
        free_bytes: free_bytes(&config.data),
        segment_bytes: config.segment_bytes,
        root_named: config.root_on_hosts.len(),
        ..Facts::default()
    }
}

/// Why Ward could not be started, in words.
fn broken(config: &Config) -> Option<String> {
    if let Err(error) = restored::pending(&config.data) {
        return Some(error.message);
    }
    if let Source::File(file) = &config.custody.source
        && let Err(error) = ward_keys::Kek::read(file)
    {
        return Some(error.to_string());
    }
    if !config.data.join("journal").join("format").is_file() {
        return Some(format!("{}: no journal here", config.data.display()));
    }
    None
}

/// When the newest checkpoint was signed: the time its file was last written.
pub fn signed_at(data: &Path) -> Option<UnixMillis> {
    let files = std::fs::read_dir(data.join("journal").join("checkpoints")).ok()?;
    let times = files.flatten().filter_map(|it| it.metadata().ok()?.modified().ok());
    let newest = times.max()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(newest.as_millis()).ok().map(UnixMillis::new)
}

/// Bytes free to this user where the state lies.
pub fn free_bytes(data: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(data).ok()?;
    found.f_bavail.checked_mul(found.f_frsize)
}
