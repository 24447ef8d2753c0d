//! `ward init` and `ward check`: the first configuration, and what is wrong with the one there is.

use std::path::Path;

use anyhow::{Context as _, Result};
use ward_keys::custody::{Share, lock_of};
use ward_model::word::ApiKeyKind;
use ward_model::{PrincipalKind, PrincipalName, Roles};
use ward_tokens::ApiKeyAsk;

use crate::cli::Init;
use crate::cli::keys::{CustodyWord, Rewrap};
use crate::config::custody::Source;
use crate::declarations::{self, Set};
use crate::exit::{Exit, fail};
use crate::open::Deal;
use crate::{assemble, clock, load, open, say, unlock};

/// Days the first operator's API key lives.
const FIRST_KEY_DAYS: i64 = 30;

/// A catalogue for a service nothing is known of yet.
const EMPTY: &str = "\
# Declare hosts and routes here; `ward check` explains every mistake.\n\
version = 1\n\n[hosts.service]\nupstream = \"{upstream}\"\nundeclared = \"observe\"\n\
max_body_bytes = 1048576\n";

/// `ward init`.
///
/// # Errors
/// A configuration is there already, or something cannot be written.
pub fn init(init: &Init) -> Result<()> {
    let file = init.dir.join("ward.toml");
    if file.exists() {
        return Err(Exit::new(73, format!("{}: is there already", file.display())).into());
    }
    std::fs::create_dir_all(init.dir.join("policies"))
        .map_err(|error| fail(73, &init.dir, &error))?;
    let (catalogue, notes) = match &init.openapi {
        Some(openapi) => {
            let text = std::fs::read_to_string(openapi)
                .with_context(|| format!("{}", openapi.display()))?;
            let begun = ward_catalogue::from_openapi(&text, "service", &init.upstream)
                .map_err(|error| fail(64, openapi, &error))?;
            say(&format!("{} routes with {} fields", begun.routes, begun.fields));
            (begun.toml, begun.notes)
        }
        None => (EMPTY.replace("{upstream}", &init.upstream), Vec::new()),
    };
    put(&init.dir.join("catalogue.toml"), &catalogue)?;
    for (name, text) in ward_policy::DEFAULTS {
        put(&init.dir.join("policies").join(name), text)?;
    }
    put(&file, &config(init)?)?;
    let set = load::set(&file).map_err(|all| Exit::new(64, all.join("\n")))?;
    let holders = init.share_holder.clone();
    let shares = open::create(&set.config, &Deal { holders, need: init.shares_needed })?;
    set.keep()?;
    say(&format!("configuration        {}", file.display()));
    give_out(&shares);
    if let Some(user_name) = &init.operator {
        let texts = shares.iter().filter_map(|(_, text)| Share::parse(text).ok()).collect();
        let token = first_operator(set, &file, user_name, texts)?;
        let token_file = init.dir.join("operator-api-key");
        secret(&token_file, &token)?;
        say(&format!("operator's API key   {} (30 days)", token_file.display()));
    }
    for note in notes {
        say(&format!("decide: {note}"));
    }
    say(&format!("next: ward check --config {0}; ward serve --config {0}", file.display()));
    say("ward serve prints a link with which the first operator registers a passkey, once");
    Ok(())
}

/// Opens the rooms once: a person, and an API key that is his. It does what he may do, which is
/// nothing before he is an operator.
fn first_operator(set: Set, file: &Path, user_name: &str, shares: Vec<Share>) -> Result<String> {
    let (rooms, set) = open::open(set, file, &shares, &|_| {})?;
    let app = assemble::app(set, file.to_owned(), rooms)?;
    let now = clock::now();
    let person = ward_people::person::id_from_random(clock::random());
    let row = ward_people::PersonRow::named(person, user_name.to_owned(), now);
    wait_for(app.people.join(row, true))?;
    let ask = ApiKeyAsk {
        kind: ApiKeyKind::Operator,
        owner: PrincipalName::new(PrincipalKind::Person, person.uuid())?,
        expires_at: now.plus_ms(FIRST_KEY_DAYS * ward_model::time::DAY_MS),
        roles: Roles::every_persons(),
    };
    let made = wait_for(app.issuance.issue_api_key(ask, None))?;
    app.journal.stop();
    Ok(made.text.expose().clone())
}

/// Waits for work from a thread of the runtime that may block.
fn wait_for<T, E>(work: impl Future<Output = Result<T, E>>) -> Result<T>
where
    E: std::error::Error + Send + Sync + 'static,
{
    Ok(tokio::runtime::Handle::current().block_on(work)?)
}

fn secret(file: &Path, text: &str) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    let mut out = options.write(true).create_new(true).mode(0o600).open(file)?;
    writeln!(out, "{text}")?;
    Ok(())
}

fn config(init: &Init) -> Result<String, Exit> {
    let name = &init.name;
    Ok(format!(
        "version = 1\nname = \"{name}\"            # the log's name; never change it\ndata = \"data\"\n\n\
         [listen]                              # loopback only: put a TLS proxy in front\n\
         control = \"127.0.0.1:7780\"\ngate = \"127.0.0.1:7781\"\n\n\
         [issuer]\nurl = \"https://ward.example\"          # iss\naudience = \"service\"                 # aud\n\
         life_seconds_max = 3600\nmode = \"enforcing\"\n\n\
         [custody]\n{}\
         root_on_hosts = []                    # SCIM user names of everyone who is root here\n",
        custody(init)?
    ))
}

/// The lines that say where the key-encryption key comes from.
fn custody(init: &Init) -> Result<String, Exit> {
    let text = |path: &Path| toml_edit::Value::from(path.display().to_string()).to_string();
    let absolute = |path: &Path| std::path::absolute(path).map_or(text(path), |path| text(&path));
    let secret = |key: &str| {
        init.secret_file
            .as_ref()
            .map_or(String::new(), |file| format!("{key} = {}\n", absolute(file)))
    };
    Ok(match init.custody {
        CustodyWord::File => "key_file = \"key-encryption-key\"\n".to_owned(),
        CustodyWord::Passphrase => {
            format!("kind = \"passphrase\"\n{}", secret("passphrase_file"))
        }
        CustodyWord::Shares => "kind = \"shares\"\n".to_owned(),
        CustodyWord::Pkcs11 => {
            let (Some(module), Some(token)) = (&init.module, &init.token) else {
                let told = "--custody pkcs11 needs --module and --token";
                return Err(Exit::new(64, told.to_owned()));
            };
            let (module, token) = (absolute(module), toml_edit::Value::from(token.as_str()));
            format!("kind = \"pkcs11\"\nmodule = {module}\ntoken = {token}\n{}", secret("pin_file"))
        }
    })
}

/// Shows each share once; nothing keeps it.
fn give_out(shares: &open::Dealt) {
    for (holder, text) in shares {
        say(&format!("share of {holder}: {}", text.as_str()));
    }
    if !shares.is_empty() {
        say("give each to its holder now: they are kept nowhere");
    }
}

/// `ward keys rewrap`.
///
/// # Errors
/// With the documented exit code; until custody is locked anew the old lock opens it.
pub fn rewrap(wanted: &Rewrap) -> Result<()> {
    let config = load::config(&wanted.config).map_err(|all| Exit::new(64, all.join("\n")))?;
    let dir = config.data.join("custody");
    let told = |error: &ward_keys::custody::CustodyError| fail(73, &dir, error);
    let lock = lock_of(&dir).map_err(|error| told(&error))?;
    let old = config.custody.previous.as_ref().unwrap_or(&config.custody.source);
    let key = unlock::gather(old, lock.as_ref(), &[], false)?;
    let opened = unlock::opened(&dir, &key)?;
    let (_, _, shares) = unlock::relocked(
        &config,
        &opened,
        &config.custody.source,
        &wanted.share_holder,
        wanted.shares_needed,
    )?;
    say(&format!("{}: locked anew by {}", dir.display(), config.custody.source.kind()));
    give_out(&shares);
    if config.custody.previous.is_some() {
        say("take [custody.previous] out of the configuration, and destroy what it names");
    }
    Ok(())
}

fn put(file: &Path, text: &str) -> Result<(), Exit> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a first configuration; nothing is there to lose"
    )]
    std::fs::write(file, text).map_err(|error| fail(73, file, &error))
}

/// `ward check`: every mistake in all files at once; binds nothing, writes nothing.
///
/// # Errors
/// Exit code 64 with every mistake.
pub fn check(file: &Path, against: Option<&Path>) -> Result<bool> {
    let read = load::set(file);
    let mut mistakes = read.as_ref().err().cloned().unwrap_or_default();
    if let Ok(set) = &read
        && let Source::File(file) = &set.config.custody.source
        && file.exists()
        && let Err(error) = ward_keys::Kek::read(file)
    {
        mistakes.push(format!("{}: {error}", file.display()));
    }
    let set = match read {
        Ok(set) if mistakes.is_empty() => set,
        _ => return Err(Exit::new(64, mistakes.join("\n")).into()),
    };
    say(&format!(
        "{} hosts, {} routes, {} budgets, {} policies: nothing is wrong",
        set.catalogue.hosts().len(),
        set.catalogue.routes().len(),
        set.catalogue.budgets().len(),
        set.texts.policies.len(),
    ));
    let custody = &set.config.custody;
    let grade = ward_keys::custody::grade(custody.source.kind(), custody.sign_inside);
    say(&format!("custody grade: {grade}"));
    let roots = &set.config.root_on_hosts;
    say(&format!("root on the signing hosts, holders of every key: {}", listed(roots)));
    for line in crate::config::signing::barred(&set.catalogue, &set.config.signing) {
        say(&line);
    }
    match against {
        None => Ok(true),
        Some(other) => judged(&set, file, other),
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "nobody is declared".to_owned() } else { names.join(", ") }
}

/// Says whether the files are weaker than the set in force, or than another `ward.toml`.
fn judged(set: &Set, file: &Path, other: &Path) -> Result<bool> {
    let old = if other.as_os_str() == IN_FORCE {
        let mut kept = declarations::kept(&set.config.data, file);
        let told = format!("{}: holds no set in force", set.config.data.display());
        kept.pop().ok_or(Exit::new(73, told))?
    } else {
        load::set(other).map_err(|mistakes| Exit::new(64, mistakes.join("\n")))?
    };
    let judgement = ward_operators::diff::diff(&old.declarations, &set.declarations);
    say(&format!("against {}: {}", other.display(), judgement.as_str()));
    for why in judgement.weaker() {
        say(&format!("weaker    {why}"));
    }
    for why in judgement.stronger() {
        say(&format!("stronger  {why}"));
    }
    if judgement.is_weaker() {
        say("weaker: it waits for another operator's consent at reload and at start");
    }
    Ok(!judgement.is_weaker())
}

/// `--against` without a value.
pub const IN_FORCE: &str = "the set in force";
