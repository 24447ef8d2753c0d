//! `[custody]` and `[rotation]`: where the key-encryption key comes from, and how often keys change.
//!
//! No secret stands in a configuration: files, descriptors and tokens are named. A passphrase is
//! never taken from the command line.

use std::path::{Path, PathBuf};

use ward_keys::custody::Place;
use ward_keys::rotation::Schedule;
use ward_model::word::CustodyKind;

use super::walk::Walk;

/// Where a key-encryption key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file of mode 0600.
    File(PathBuf),
    /// A passphrase: from a file of mode 0600, or asked for.
    Passphrase(Option<PathBuf>),
    /// Shares, posted to a sealed Ward.
    Shares,
    /// A PKCS#11 token, opened with the PIN in a file of mode 0600, or asked for.
    Token {
        /// Where it is.
        place: Place,
        /// The PIN.
        pin_file: Option<PathBuf>,
    },
}

impl Source {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> CustodyKind {
        match self {
            Self::File(_) => CustodyKind::File,
            Self::Passphrase(_) => CustodyKind::Passphrase,
            Self::Shares => CustodyKind::Shares,
            Self::Token { .. } => CustodyKind::Pkcs11,
        }
    }
}

/// `[custody]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Custody {
    /// Where the key-encryption key comes from.
    pub source: Source,
    /// Where it came from before: custody that opens with this alone is locked anew at start.
    pub previous: Option<Source>,
    /// Keys that sign tokens are made and used inside the token.
    pub sign_inside: bool,
    /// Refuse to start where memory cannot be kept out of swap.
    pub lock_memory: bool,
    /// As it is written: for comparing sets of declarations.
    pub written: String,
}

/// Reads `[custody]` and `[custody.previous]`.
pub fn custody(walk: &mut Walk<'_>, base: &Path, key_file: &Path) -> Custody {
    let source = source(walk, base, "custody", Some(key_file));
    let previous = match walk.keys("custody.previous").is_empty() {
        true => None,
        false => self::source(walk, base, "custody.previous", None),
    };
    let source = source.unwrap_or_else(|| Source::File(key_file.to_owned()));
    let sign_inside = walk.boolean("custody.sign_inside", source.kind() == CustodyKind::Pkcs11);
    if sign_inside && source.kind() != CustodyKind::Pkcs11 {
        let remedy = "set custody.kind = \"pkcs11\", or leave it out";
        walk.mistake("custody.sign_inside", "needs a PKCS#11 token", remedy);
    }
    let written = written(walk, &source);
    let lock_memory = walk.boolean("custody.lock_memory", false);
    Custody { source, previous, sign_inside, lock_memory, written }
}

fn source(walk: &mut Walk<'_>, base: &Path, at: &str, key_file: Option<&Path>) -> Option<Source> {
    let key = |name: &str| format!("{at}.{name}");
    let path =
        |walk: &mut Walk<'_>, name: &str| walk.text_or_none(&key(name)).map(|text| base.join(text));
    let file = match key_file {
        Some(file) => Some(file.to_owned()),
        None => path(walk, "key_file"),
    };
    let passphrase = path(walk, "passphrase_file");
    let pin_file = path(walk, "pin_file");
    let module = path(walk, "module");
    let token = walk.text_or_none(&key("token"));
    let label = walk.text(&key("token_key"), Some("ward")).unwrap_or_default();
    let kind = walk.text(&key("kind"), Some("file")).unwrap_or_default();
    match CustodyKind::from_name(&kind) {
        Some(CustodyKind::File) => match file {
            Some(file) => Some(Source::File(file)),
            None => {
                walk.mistake(&key("key_file"), "is missing", "name the key file there was");
                None
            }
        },
        Some(CustodyKind::Passphrase) => Some(Source::Passphrase(passphrase)),
        Some(CustodyKind::Shares) => Some(Source::Shares),
        Some(CustodyKind::Pkcs11) => {
            let (Some(module), Some(token)) = (module, token) else {
                let remedy = "name the module's path and the token's label";
                walk.mistake(&key("kind"), "needs `module` and `token`", remedy);
                return None;
            };
            Some(Source::Token { place: Place { module, token, key: label }, pin_file })
        }
        None => {
            let remedy = "write \"file\", \"passphrase\", \"shares\" or \"pkcs11\"";
            walk.mistake(&key("kind"), "is no custody", remedy);
            None
        }
    }
}

/// What would be somewhere else if it were written otherwise.
fn written(walk: &mut Walk<'_>, source: &Source) -> String {
    let mut text = |name: &str| walk.text_or_none(&format!("custody.{name}")).unwrap_or_default();
    match source {
        Source::File(_) => text("key_file"),
        Source::Passphrase(_) => text("passphrase_file"),
        Source::Shares => String::new(),
        Source::Token { place, .. } => {
            format!("{} {} {}", text("module"), place.token, place.key)
        }
    }
}

/// Shortest and longest turns of `[rotation]`, milliseconds.
const TURN_MS_MIN: i64 = 1000;
const TURN_MS_MAX: i64 = 3 * 366 * ward_model::time::DAY_MS;

/// Reads `[rotation]`.
pub fn rotation(walk: &mut Walk<'_>) -> Schedule {
    let every_ms = walk.duration("rotation.every", "90d", TURN_MS_MIN..=TURN_MS_MAX);
    let overlap_ms = walk.duration("rotation.overlap", "24h", TURN_MS_MIN..=TURN_MS_MAX);
    if overlap_ms > every_ms / 2 {
        let remedy = "make it at most half of rotation.every";
        walk.mistake("rotation.overlap", "leaves no time in which one key signs alone", remedy);
    }
    Schedule { every_ms, overlap_ms }
}
