//! Opening custody: where passphrase, PIN and shares are read, and putting another lock on.
//!
//! Passphrases come from a file of mode 0600, a descriptor named in the environment
//! (`WARD_PASSPHRASE_FD`, `WARD_PIN_FD`), or the terminal; never from the command line, which every
//! process of the host can read. Best test: `interop/custody.py`.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use ward_keys::custody::{self, CustodyError, Hsm, Lock, NewLock, Opened, Share, Unlock};
use ward_keys::guarded;
use ward_model::Secret;
use ward_model::word::CustodyKind;
use zeroize::Zeroizing;

use crate::clock;
use crate::config::Config;
use crate::config::custody::Source;
use crate::exit::{Exit, fail};
use crate::open::Dealt;

/// Longest passphrase or PIN, bytes.
const SECRET_BYTES_MAX: u64 = 1024;

/// Custody, open, and who opened it.
pub struct Unlocked {
    /// What everything is sealed under.
    pub opened: Opened,
    /// The token, if one opened it.
    pub hsm: Option<Arc<Hsm>>,
    /// Shares that opened it: number and user name of the holder.
    pub unsealers: Vec<(u8, String)>,
    /// Its lock was changed just now, or a change that had been cut off was ended.
    pub rewrapped: bool,
    /// What `custody` of the configuration names opened it.
    pub as_configured: bool,
}

/// A secret that opens something, ready to be used.
pub enum Key {
    /// A key file.
    File(std::path::PathBuf),
    /// A passphrase.
    Passphrase(Secret<String>),
    /// Shares.
    Shares(Vec<Share>),
    /// A token.
    Token(Arc<Hsm>),
}

impl Key {
    fn unlock(&self) -> Unlock<'_> {
        match self {
            Self::File(path) => Unlock::File(path),
            Self::Passphrase(words) => Unlock::Passphrase(words),
            Self::Shares(shares) => Unlock::Shares(shares),
            Self::Token(hsm) => Unlock::Token(hsm),
        }
    }
}

/// Opens custody: as the configuration says, as it was before (`custody.previous`), or as a set that
/// may still be in force says. `shares` are those posted to a sealed Ward; without them they are
/// asked for.
///
/// # Errors
/// Exit code 73, 75 when it is in use, 78 when it is of a newer Ward.
pub fn unlock(config: &Config, others: &[&Source], shares: &[Share]) -> Result<Unlocked, Exit> {
    let dir = config.data.join("custody");
    let on = custody::lock_of(&dir).map_err(|error| said(config, &error))?;
    let here = on.as_ref().map_or(CustodyKind::File, Lock::kind);
    let own = [Some(&config.custody.source), config.custody.previous.as_ref()];
    let mut ways: Vec<&Source> = Vec::new();
    for way in own.into_iter().flatten().chain(others.iter().copied()) {
        if way.kind() == here && !ways.contains(&way) {
            ways.push(way);
        }
    }
    let given = config.custody.source.kind();
    let mut told = said(config, &CustodyError::AnotherKind { here, given });
    for (nth, way) in ways.into_iter().enumerate() {
        let tried = gather(way, on.as_ref(), shares, false).and_then(|key| {
            let opened = custody::open(&dir, key.unlock()).map_err(|error| said(config, &error))?;
            Ok((key, opened))
        });
        match tried {
            Ok((key, opened)) => {
                let mut unlocked = of(opened, key, on.as_ref());
                unlocked.as_configured = *way == config.custody.source;
                return Ok(unlocked);
            }
            // What the configuration names first is what its writer must hear of.
            Err(error) if nth == 0 => told = error,
            Err(_) => {}
        }
    }
    Err(told)
}

/// Opens a custody directory and changes nothing in it: a copy, or one another process serves.
///
/// `key_file` is where its key file is now, if it has one; what else opens it stands in `config`,
/// or is asked for.
///
/// # Errors
/// As [`unlock`].
pub fn look(
    dir: &Path,
    key_file: Option<&Path>,
    config: Option<&Config>,
) -> Result<Unlocked, Exit> {
    let told = |error: &CustodyError| fail(73, key_file.unwrap_or(dir), error);
    let lock = custody::lock_of(dir).map_err(|error| told(&error))?;
    let here = lock.as_ref().map_or(CustodyKind::File, Lock::kind);
    let configured = config.map(|it| it.custody.source.clone()).filter(|it| it.kind() == here);
    let source = match (here, key_file, configured) {
        (CustodyKind::File, Some(file), _) => Source::File(file.to_owned()),
        (_, _, Some(source)) => source,
        (CustodyKind::Passphrase, ..) => Source::Passphrase(None),
        (CustodyKind::Shares, ..) => Source::Shares,
        (CustodyKind::File | CustodyKind::Pkcs11, ..) => {
            let told = format!("{}: locked by {here}: name it", dir.display());
            return Err(Exit::new(73, told));
        }
    };
    let key = gather(&source, lock.as_ref(), &[], false)?;
    let opened = custody::open(dir, key.unlock()).map_err(|error| told(&error))?;
    Ok(of(opened, key, lock.as_ref()))
}

fn of(opened: Opened, key: Key, lock: Option<&Lock>) -> Unlocked {
    let mut unsealers = Vec::new();
    if let (Key::Shares(shares), Some(lock @ Lock::Shares { holders, .. })) = (&key, lock) {
        for share in shares.iter().filter(|share| custody::fits(lock, share)) {
            let at = usize::from(share.number()).saturating_sub(1);
            unsealers.extend(holders.get(at).map(|name| (share.number(), name.clone())));
        }
    }
    let hsm = match key {
        Key::Token(hsm) => Some(hsm),
        _ => None,
    };
    let rewrapped = opened.finished;
    Unlocked { opened, hsm, unsealers, rewrapped, as_configured: true }
}

/// Puts the lock of the configuration on custody that something else opened; `None` where that takes
/// a person: shares are dealt by hand.
///
/// # Errors
/// As [`unlock`].
pub fn as_configured(config: &Config, old: &Opened) -> Result<Option<Unlocked>, Exit> {
    let to = &config.custody.source;
    if *to == Source::Shares {
        tracing::warn!("custody is not locked by shares yet: `ward keys rewrap` deals them");
        return Ok(None);
    }
    let (key, locked, _) = relocked(config, old, to, &[], 0)?;
    let opened = Opened { kek: locked.kek, kind: to.kind(), finished: false };
    let mut unlocked = of(opened, key, None);
    unlocked.rewrapped = true;
    Ok(Some(unlocked))
}

/// Puts another lock on. Shares are returned to be given out, each to its holder.
///
/// # Errors
/// As [`unlock`].
pub fn relocked(
    config: &Config,
    old: &Opened,
    to: &Source,
    holders: &[String],
    need: u8,
) -> Result<(Key, custody::Locked, Dealt), Exit> {
    let dir = config.data.join("custody");
    let (key, locked) = put(to, holders, need, &|new| {
        custody::relock(&dir, old, new, &mut |bytes: &mut [u8]| clock::fill(bytes))
            .map_err(|error| said(config, &error))
    })?;
    let shares = dealt(&locked, holders);
    Ok((key, locked, shares))
}

/// Puts a first lock on.
///
/// # Errors
/// As [`unlock`].
pub fn created(config: &Config, holders: &[String], need: u8) -> Result<Dealt, Exit> {
    let dir = config.data.join("custody");
    let (_, locked) = put(&config.custody.source, holders, need, &|new| {
        custody::create(&dir, new, &mut |bytes: &mut [u8]| clock::fill(bytes))
            .map_err(|error| said(config, &error))
    })?;
    Ok(dealt(&locked, holders))
}

fn dealt(locked: &custody::Locked, holders: &[String]) -> Dealt {
    let texts = locked.shares.iter().map(Share::text);
    holders.iter().cloned().zip(texts).collect()
}

type Put<'a> = &'a dyn Fn(&NewLock<'_>) -> Result<custody::Locked, Exit>;

fn put(
    to: &Source,
    holders: &[String],
    need: u8,
    put: Put<'_>,
) -> Result<(Key, custody::Locked), Exit> {
    if *to == Source::Shares {
        if holders.is_empty() {
            let told = "shares are dealt by hand: `ward keys rewrap --share-holder NAME ...`";
            return Err(Exit::new(64, told.to_owned()));
        }
        let locked = put(&NewLock::Shares { need, holders })?;
        let shares = locked.shares.clone();
        return Ok((Key::Shares(shares), locked));
    }
    let key = gather(to, None, &[], true)?;
    let locked = match &key {
        Key::File(path) => put(&NewLock::File(path))?,
        Key::Passphrase(words) => put(&NewLock::Passphrase(words))?,
        Key::Token(hsm) => put(&NewLock::Token(hsm))?,
        Key::Shares(_) => return Err(Exit::new(70, "shares are dealt, not gathered".to_owned())),
    };
    Ok((key, locked))
}

/// Opens a custody directory with a key that was gathered.
///
/// # Errors
/// Exit code 73.
pub fn opened(dir: &Path, key: &Key) -> Result<Opened, Exit> {
    custody::open(dir, key.unlock()).map_err(|error| fail(73, dir, &error))
}

/// Reads what a source names. A new passphrase from the terminal is asked for twice.
///
/// # Errors
/// Exit code 73.
pub fn gather(
    source: &Source,
    lock: Option<&Lock>,
    shares: &[Share],
    new: bool,
) -> Result<Key, Exit> {
    match source {
        Source::File(path) => Ok(Key::File(path.clone())),
        Source::Passphrase(file) => {
            let fd = if new { "WARD_NEW_PASSPHRASE_FD" } else { "WARD_PASSPHRASE_FD" };
            let words = words(file.as_deref(), fd, "passphrase of custody")?;
            let from_terminal = file.is_none() && std::env::var_os(fd).is_none();
            if new && from_terminal {
                let again = ask("the same once more")?;
                if !Secret::new(words.expose().clone()).matches(again.expose().as_bytes()) {
                    return Err(Exit::new(73, "the two passphrases differ".to_owned()));
                }
            }
            Ok(Key::Passphrase(words))
        }
        Source::Token { place, pin_file } => {
            let pin = words(pin_file.as_deref(), "WARD_PIN_FD", "PIN of the PKCS#11 token")?;
            let hsm =
                Hsm::open(place.clone(), &pin).map_err(|error| Exit::new(73, error.to_string()))?;
            Ok(Key::Token(Arc::new(hsm)))
        }
        Source::Shares => {
            let mut all = shares.to_vec();
            let need = match lock {
                Some(Lock::Shares { need, .. }) => usize::from(*need),
                _ => 0,
            };
            while all.len() < need {
                let text =
                    words(None, "WARD_SHARE_FD", &format!("share {} of {need}", all.len() + 1))?;
                let lines = text.expose().lines().map(Share::parse);
                let read: Result<Vec<Share>, _> = lines.collect();
                all.extend(read.map_err(|error| Exit::new(73, error.to_string()))?);
            }
            Ok(Key::Shares(all))
        }
    }
}

/// Words from a file of mode 0600, a descriptor named in the environment, or the terminal.
///
/// # Errors
/// Exit code 73.
pub fn words(file: Option<&Path>, fd: &str, prompt: &str) -> Result<Secret<String>, Exit> {
    let told =
        |error: &(dyn std::error::Error + 'static)| Exit::new(73, format!("{prompt}: {error}"));
    let bytes = match (file, std::env::var(fd)) {
        (Some(file), _) => guarded(file, SECRET_BYTES_MAX).map_err(|error| told(&error))?,
        (None, Ok(number)) => {
            let number: u32 = number
                .parse()
                .map_err(|_| Exit::new(64, format!("{fd} is the number of a descriptor")))?;
            let mut bytes = Zeroizing::new(Vec::new());
            let opened = File::open(format!("/dev/fd/{number}")).map_err(|error| told(&error))?;
            opened.take(SECRET_BYTES_MAX).read_to_end(&mut bytes).map_err(|error| told(&error))?;
            bytes
        }
        (None, Err(_)) => return ask(prompt),
    };
    let text = core::str::from_utf8(&bytes).map_err(|error| told(&error))?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// Asks at the terminal; what is typed does not show.
fn ask(prompt: &str) -> Result<Secret<String>, Exit> {
    let none = |_| {
        let how = "no terminal to ask at: name a file in ward.toml, or a descriptor in the \
                   environment (docs/operate/custody.md)";
        Exit::new(73, format!("{prompt}: {how}"))
    };
    let terminal = File::options().read(true).write(true).open("/dev/tty").map_err(none)?;
    let before = tcgetattr(&terminal).ok();
    if let Some(mut silent) = before.clone() {
        silent.local_modes.remove(LocalModes::ECHO);
        let _as_it_was = tcsetattr(&terminal, OptionalActions::Flush, &silent);
    }
    let mut line = Zeroizing::new(String::new());
    let asked = write!(&terminal, "{prompt}: ");
    let reader = BufReader::new(&terminal);
    let read = asked.and_then(|()| reader.take(SECRET_BYTES_MAX).read_line(&mut line));
    if let Some(before) = before {
        let _restored = tcsetattr(&terminal, OptionalActions::Flush, &before);
        let _newline = writeln!(&terminal);
    }
    read.map_err(none)?;
    Ok(Secret::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}

fn said(config: &Config, error: &CustodyError) -> Exit {
    let code = match error {
        CustodyError::Newer(_) => 78,
        CustodyError::Busy => 75,
        CustodyError::Input(_) => 64,
        CustodyError::Disk { .. } => 74,
        _ => 73,
    };
    let place = match &config.custody.source {
        Source::File(path) => path.clone(),
        _ => config.data.join("custody"),
    };
    fail(code, &place, error)
}
