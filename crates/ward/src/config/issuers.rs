//! The part of `ward.toml` about foreign issuers: login services the company already has. Pure.
//!
//! Best test: `issuers/tests.rs`.

use std::path::{Path, PathBuf};

use ward_ledger::foreign::ISSUERS_MAX;
use ward_model::PrincipalKind;
use ward_model::word::ReportMode;

use super::Walk;

/// Longest life of a foreign token, seconds: 30 days.
const LIFE_SECONDS_MAX: i64 = 30 * 86_400;
/// Longest lists of audiences and kinds together with their separators, bytes: one column.
const LIST_BYTES_MAX: usize = 512;
/// Longest window of grandfathering, days.
const GRANDFATHER_DAYS_MAX: i64 = 30;

/// Where an issuer's keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeysFrom {
    /// Its metadata (OpenID Connect Discovery 1.0 §4).
    Discovery,
    /// This address and no other.
    Url(String),
    /// This file, read again as often.
    File(PathBuf),
}

/// A foreign issuer as it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignIssuer {
    /// Its name here: in paths, metrics and the command line.
    pub name: String,
    /// `iss` of its tokens.
    pub url: String,
    /// Where its keys come from.
    pub keys: KeysFrom,
    /// Certificates of an own authority, PEM.
    pub ca_file: Option<PathBuf>,
    /// Keys are fetched again so long after the last time, seconds.
    pub refresh_seconds: i64,
    /// Keys that cannot be fetched, or a place that stays empty, is alarmed after this, seconds.
    pub alert_after_seconds: i64,
    /// An issuer that has reported and says nothing is alarmed after this, seconds; 0: never.
    pub silent_after_seconds: i64,
    /// Audiences that are taken; one at least.
    pub audiences: Vec<String>,
    /// Longest life of its tokens, seconds.
    pub life_seconds_max: i64,
    /// When it says what it issued.
    pub reports: ReportMode,
    /// Claims: principal, kind, tenant, client.
    pub claims: [Option<String>; 4],
    /// Kinds its tokens may name; the first is the default.
    pub kinds: Vec<PrincipalKind>,
    /// SCIM user names of everyone who can read its signing key.
    pub holders: Vec<String>,
    /// SCIM user names of everyone who can read the credential it reports with.
    pub reporter_holders: Vec<String>,
    /// How long old tokens pass once each, from the first start with this issuer, days; 0: never.
    pub grandfather_days: i64,
}

impl ForeignIssuer {
    /// What is compared of it, by key: any change of one is weaker until another person consents.
    pub fn settings(&self) -> Vec<(String, String)> {
        let Self {
            name,
            url,
            keys,
            ca_file,
            refresh_seconds,
            alert_after_seconds,
            silent_after_seconds,
            audiences,
            life_seconds_max,
            reports,
            claims: [principal, kind, tenant, client],
            kinds,
            holders,
            reporter_holders,
            grandfather_days,
        } = self;
        let kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
        let claim = |claim: &Option<String>| claim.clone().unwrap_or_default();
        let keys = match keys {
            KeysFrom::Discovery => "discovery".to_owned(),
            KeysFrom::Url(url) => url.clone(),
            KeysFrom::File(file) => file.display().to_string(),
        };
        let all = [
            ("url", url.clone()),
            ("keys", keys),
            ("ca_file", ca_file.as_ref().map_or_else(String::new, |it| it.display().to_string())),
            ("refresh_seconds", refresh_seconds.to_string()),
            ("alert_after_seconds", alert_after_seconds.to_string()),
            ("silent_after_seconds", silent_after_seconds.to_string()),
            ("audiences", audiences.join("\n")),
            ("life_seconds_max", life_seconds_max.to_string()),
            ("reports", reports.to_string()),
            ("principal_claim", claim(principal)),
            ("kind_claim", claim(kind)),
            ("tenant_claim", claim(tenant)),
            ("client_claim", claim(client)),
            ("kinds", kinds.join(" ")),
            ("holders", holders.join("\n")),
            ("reporter_holders", reporter_holders.join("\n")),
            ("grandfather_days", grandfather_days.to_string()),
        ];
        all.into_iter().map(|(key, value)| (format!("issuers.{name}.{key}"), value)).collect()
    }
}

/// Reads `[issuers.NAME]`; `own` is the `iss` of Ward's own tokens.
pub fn read(walk: &mut Walk<'_>, base: &Path, own: &str) -> Vec<ForeignIssuer> {
    let names = walk.keys("issuers");
    if names.len() > ISSUERS_MAX / 2 {
        let remedy = format!("declare at most {}", ISSUERS_MAX / 2);
        walk.mistake("issuers", "are too many", &remedy);
    }
    let mut issuers: Vec<ForeignIssuer> = Vec::new();
    for name in names {
        let Some(issuer) = one(walk, base, &name) else { continue };
        let key = format!("issuers.{name}.url");
        if issuer.url == own {
            walk.mistake(&key, "is Ward's own issuer", "Ward enters its own tokens itself");
        }
        if issuers.iter().any(|other| other.url == issuer.url) {
            walk.mistake(&key, "is declared twice", "declare an issuer once");
        }
        issuers.push(issuer);
    }
    issuers
}

fn one(walk: &mut Walk<'_>, base: &Path, name: &str) -> Option<ForeignIssuer> {
    let key = |of: &str| format!("issuers.{name}.{of}");
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 32 || !name.chars().all(plain) {
        let remedy = "use 1 to 32 of a-z, 0-9 and -";
        walk.mistake(&format!("issuers.{name}"), "is no name", remedy);
    }
    let url = walk.text(&key("url"), None);
    let url = url.filter(|url| is_url(walk, &key("url"), url));
    let keys = keys_from(walk, base, &key);
    let seconds = |walk: &mut Walk<'_>, of: &str, range, default: i64| {
        walk.integer(&key(of), range, Some(default)).unwrap_or(default)
    };
    let claims = ["principal_claim", "kind_claim", "tenant_claim", "client_claim"];
    let claims =
        claims.map(|of| walk.text_or_none(&key(of)).filter(|it| claim(walk, &key(of), it)));
    let [principal, kind, tenant, client] = claims;
    let issuer = ForeignIssuer {
        name: name.to_owned(),
        url: url.unwrap_or_default(),
        keys,
        ca_file: walk.text_or_none(&key("ca_file")).map(|file| base.join(file)),
        refresh_seconds: seconds(walk, "refresh_seconds", 1..=86_400, 300),
        alert_after_seconds: seconds(walk, "alert_after_seconds", 1..=86_400, 900),
        silent_after_seconds: seconds(walk, "silent_after_seconds", 0..=604_800, 0),
        audiences: walk.texts(&key("audiences")),
        life_seconds_max: seconds(walk, "life_seconds_max", 1..=LIFE_SECONDS_MAX, 3600),
        reports: reports(walk, &key("reports")),
        claims: [
            Some(principal.unwrap_or_else(|| "sub".to_owned())),
            kind,
            tenant,
            Some(client.unwrap_or_else(|| "azp".to_owned())),
        ],
        kinds: kinds(walk, &key("kinds")),
        holders: walk.texts_or(&key("holders"), &[]),
        reporter_holders: walk.texts_or(&key("reporter_holders"), &[]),
        grandfather_days: seconds(walk, "grandfather_days", 0..=GRANDFATHER_DAYS_MAX, 0),
    };
    if issuer.audiences.is_empty() {
        let remedy = "name the audience its tokens have for this company";
        walk.mistake(&key("audiences"), "is empty", remedy);
    }
    let listed: usize = issuer.audiences.iter().map(|one| one.len() + 1).sum();
    if listed > LIST_BYTES_MAX || issuer.audiences.iter().any(|one| one.contains('\n')) {
        walk.mistake(&key("audiences"), "are too long", "512 bytes in all, one line each");
    }
    if issuer.grandfather_days > 0 && issuer.holders.is_empty() {
        let remedy = "name everyone who can read the signing key in `holders`";
        walk.mistake(&key("grandfather_days"), "has no holders", remedy);
    }
    Some(issuer)
}

fn is_url(walk: &mut Walk<'_>, key: &str, url: &str) -> bool {
    let good = ward_outbound::client::parse_url(url).is_ok() && url.len() <= 256;
    if !good {
        let remedy = "write https://host/path, at most 256 bytes; http only on this machine";
        walk.mistake(key, "is no address Ward goes to", remedy);
    }
    good
}

fn keys_from(walk: &mut Walk<'_>, base: &Path, key: &dyn Fn(&str) -> String) -> KeysFrom {
    let url = walk.text_or_none(&key("jwks_url"));
    let file = walk.text_or_none(&key("jwks_file"));
    match (url, file) {
        (Some(_), Some(_)) => {
            walk.mistake(&key("jwks_url"), "stands beside jwks_file", "keep one of them");
            KeysFrom::Discovery
        }
        (Some(url), None) => {
            let _told = is_url(walk, &key("jwks_url"), &url);
            KeysFrom::Url(url)
        }
        (None, Some(file)) => KeysFrom::File(base.join(file)),
        (None, None) => KeysFrom::Discovery,
    }
}

fn reports(walk: &mut Walk<'_>, key: &str) -> ReportMode {
    let Some(text) = walk.text(key, None) else { return ReportMode::Batch };
    ReportMode::from_name(&text).unwrap_or_else(|| {
        walk.mistake(key, "is no way to report", "write \"synchronous\" or \"batch\"");
        ReportMode::Batch
    })
}

fn claim(walk: &mut Walk<'_>, key: &str, name: &str) -> bool {
    let good = name.len() <= 100 && !name.contains(['\n', '\r']);
    if !good {
        walk.mistake(key, "is no claim", "at most 100 bytes, one line");
    }
    good
}

fn kinds(walk: &mut Walk<'_>, key: &str) -> Vec<PrincipalKind> {
    let mut kinds = Vec::new();
    for name in walk.texts_or(key, &["customer"]) {
        match PrincipalKind::from_name(&name) {
            Some(kind) if kind != PrincipalKind::Unknown && !kinds.contains(&kind) => {
                kinds.push(kind);
            }
            _ => walk.mistake(key, "names no kind", "use customer, seller, rider, person, service"),
        }
    }
    if kinds.is_empty() {
        walk.mistake(key, "is empty", "leave it out for [\"customer\"]");
    }
    kinds
}

#[cfg(test)]
mod tests;
