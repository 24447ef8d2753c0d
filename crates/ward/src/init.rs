//! `ward init` and `ward check`: the first configuration, and what is wrong with the one there is.

use std::path::Path;

use anyhow::{Context as _, Result};
use ward_model::word::ApiKeyKind;
use ward_model::{PrincipalKind, PrincipalName};
use ward_tokens::ApiKeyAsk;

use crate::cli::Init;
use crate::config::Config;
use crate::exit::{Exit, fail};
use crate::{assemble, clock, load, open, say};

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
    put(&file, &config(&init.name))?;
    let config = read(&file)?;
    let declared = load::declarations(&config).map_err(|all| Exit::new(64, all.join("\n")))?;
    open::create(&config)?;
    let token = first_operator(config, declared)?;
    let token_file = init.dir.join("operator-api-key");
    secret(&token_file, &token)?;
    say(&format!("configuration        {}", file.display()));
    say(&format!("operator's API key   {} (30 days; keep it, or revoke it)", token_file.display()));
    for note in notes {
        say(&format!("decide: {note}"));
    }
    say(&format!("next: ward check --config {0}; ward serve --config {0}", file.display()));
    Ok(())
}

/// Opens the rooms once to record the first operator's API key.
fn first_operator(config: Config, declared: load::Declared) -> Result<String> {
    let rooms = open::open(&config, &declared, &|_| {})?;
    let app = assemble::app(config, declared, rooms);
    let ask = ApiKeyAsk {
        kind: ApiKeyKind::Operator,
        owner: PrincipalName::new(PrincipalKind::Service, "first-operator")?,
        expires_at: clock::now().plus_ms(FIRST_KEY_DAYS * ward_model::time::DAY_MS),
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

fn config(name: &str) -> String {
    format!(
        "version = 1\nname = \"{name}\"            # the log's name; never change it\ndata = \"data\"\n\n\
         [listen]                              # loopback only: put a TLS proxy in front\n\
         control = \"127.0.0.1:7780\"\ngate = \"127.0.0.1:7781\"\n\n\
         [issuer]\nurl = \"https://ward.example\"          # iss\naudience = \"service\"                 # aud\n\
         life_seconds_max = 3600\nmode = \"enforcing\"\n\n\
         [custody]\nkey_file = \"key-encryption-key\"\n\
         root_on_hosts = []                    # SCIM user names of everyone who is root here\n"
    )
}

fn put(file: &Path, text: &str) -> Result<(), Exit> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a first configuration; nothing is there to lose"
    )]
    std::fs::write(file, text).map_err(|error| fail(73, file, &error))
}

fn secret(file: &Path, text: &str) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    let mut out = options.write(true).create_new(true).mode(0o600).open(file)?;
    writeln!(out, "{text}")?;
    Ok(())
}

fn read(file: &Path) -> Result<Config, Exit> {
    load::config(file).map_err(|mistakes| Exit::new(64, mistakes.join("\n")))
}

/// `ward check`: every mistake in all files at once; binds nothing, writes nothing.
///
/// # Errors
/// Exit code 64 with every mistake.
pub fn check(file: &Path) -> Result<()> {
    let (config, mut mistakes) = match load::config(file) {
        Ok(config) => (Some(config), Vec::new()),
        Err(mistakes) => (None, mistakes),
    };
    // A broken configuration does not hide what is wrong with the files beside it.
    let declared = config.as_ref().map(load::declarations);
    if let Some(Err(more)) = &declared {
        mistakes.extend(more.iter().cloned());
    }
    if let Some(config) = &config
        && config.key_file.exists()
        && let Err(error) = ward_keys::Kek::read(&config.key_file)
    {
        mistakes.push(format!("{}: {error}", config.key_file.display()));
    }
    if !mistakes.is_empty() {
        return Err(Exit::new(64, mistakes.join("\n")).into());
    }
    if let Some(Ok(declared)) = declared {
        let catalogue = &declared.catalogue;
        say(&format!(
            "{} hosts, {} routes, {} budgets, {} policies: nothing is wrong",
            catalogue.hosts().len(),
            catalogue.routes().len(),
            catalogue.budgets().len(),
            declared.sources.len(),
        ));
    }
    say(&format!("custody grade: {}", ward_keys::CUSTODY_GRADE));
    Ok(())
}
