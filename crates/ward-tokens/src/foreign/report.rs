//! What a foreign issuer reports: read strictly, before anything is looked up. Pure.
//!
//! A report names one token by SHA-256 of the token as it was issued (`digest`, base64url), or by its
//! `jti` with whom it names and its times; and its place in the issuer's sequence. A place can be
//! used for no token (`void`), so that one that was lost does not stay empty.
//! Best test: at the end of this file; fuzzed as `issuances`.

use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use ward_ledger::foreign::{IAT_AHEAD_SECONDS_MAX, Issuer};
use ward_model::{PrincipalKind, PrincipalName, UnixMillis};

/// Longest request, bytes.
pub const REQUEST_BYTES_MAX: usize = 512 * 1024;
/// Most reports in one request.
pub const REPORTS_MAX: usize = 1000;
/// Longest `jti`, client or login, bytes.
pub const NAME_BYTES_MAX: usize = 256;
/// Latest moment, seconds: the end of the year 9999.
const SECONDS_MAX: i64 = 253_402_300_799;

/// What a token is reported by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// SHA-256 of the token as it was issued.
    Digest([u8; 32]),
    /// Its `jti`.
    Jti(String),
}

/// A reported token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// What it is known by.
    pub by: By,
    /// Whom it names.
    pub principal: PrincipalName,
    /// The client it was issued to; may be empty.
    pub client: String,
    /// `iat`.
    pub issued_at: UnixMillis,
    /// `exp`.
    pub expires_at: UnixMillis,
    /// The login behind it; empty: none is named.
    pub login: String,
}

/// One place in the sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The place, from 1.
    pub sequence: i64,
    /// The token; none: the place is used for no token.
    pub token: Option<Reported>,
}

/// A request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// At most [`REPORTS_MAX`]; may be empty when completeness is stated.
    pub reports: Vec<Report>,
    /// Everything issued before this was reported, these reports counted.
    pub complete_before: Option<UnixMillis>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    #[serde(default)]
    reports: Vec<One>,
    complete_before: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    sequence: i64,
    #[serde(default)]
    void: bool,
    jti: Option<String>,
    digest: Option<String>,
    principal: Option<Named>,
    client: Option<String>,
    iat: Option<i64>,
    exp: Option<i64>,
    login: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    kind: String,
    id: String,
}

/// Reads a request of `issuer` at `now`.
///
/// # Errors
/// What is wrong, with the place of the report in the request; it quotes nothing of it.
pub fn read(body: &[u8], issuer: &Issuer, now: UnixMillis) -> Result<Batch, String> {
    let known = |kind: &str| {
        PrincipalKind::from_name(kind).filter(|kind| issuer.mapping.kinds.contains(kind))
    };
    read_with(body, issuer.life_ms_max, now, known)
}

fn read_with(
    body: &[u8],
    life_ms_max: i64,
    now: UnixMillis,
    known: impl Fn(&str) -> Option<PrincipalKind>,
) -> Result<Batch, String> {
    if body.len() > REQUEST_BYTES_MAX {
        return Err(format!("a request is at most {REQUEST_BYTES_MAX} bytes"));
    }
    let body: Body = serde_json::from_slice(body)
        .map_err(|_| "the body must be {reports: [...], complete_before?}".to_owned())?;
    if body.reports.len() > REPORTS_MAX {
        return Err(format!("a request holds at most {REPORTS_MAX} reports"));
    }
    if body.reports.is_empty() && body.complete_before.is_none() {
        return Err("it reports nothing".to_owned());
    }
    let complete_before = body.complete_before.map(|second| match second {
        0..=SECONDS_MAX if second <= now.seconds() => Ok(UnixMillis::from_seconds(second)),
        _ => Err("complete_before is a moment that has passed, in Unix seconds".to_owned()),
    });
    let mut reports = Vec::with_capacity(body.reports.len());
    for (at, one) in body.reports.into_iter().enumerate() {
        let report = one.read(life_ms_max, now, &known);
        reports.push(report.map_err(|what| format!("report {at}: {what}"))?);
    }
    Ok(Batch { reports, complete_before: complete_before.transpose()? })
}

impl One {
    fn read(
        self,
        life_ms_max: i64,
        now: UnixMillis,
        known: &impl Fn(&str) -> Option<PrincipalKind>,
    ) -> Result<Report, &'static str> {
        if self.sequence < 1 {
            return Err("sequence counts from 1");
        }
        if self.void {
            let empty = self.jti.is_none()
                && self.digest.is_none()
                && self.principal.is_none()
                && self.iat.is_none()
                && self.exp.is_none();
            let token = None;
            return match empty {
                true => Ok(Report { sequence: self.sequence, token }),
                false => Err("a void place has no token"),
            };
        }
        let by = match (self.jti, self.digest) {
            (Some(jti), None) => By::Jti(named(jti)?),
            (None, Some(text)) => {
                let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok();
                let digest = bytes.and_then(|bytes| bytes.try_into().ok());
                By::Digest(digest.ok_or("digest is SHA-256 in base64url without padding")?)
            }
            _ => return Err("name the token by exactly one of jti and digest"),
        };
        let named_principal = self.principal.ok_or("principal is missing")?;
        let kind = known(&named_principal.kind).ok_or("the issuer may not name this kind")?;
        let principal = PrincipalName::new(kind, named_principal.id)
            .map_err(|_| "an id is 1 to 256 bytes without control characters")?;
        let (Some(iat), Some(exp)) = (self.iat, self.exp) else {
            return Err("iat and exp are missing");
        };
        let latest = now.seconds().saturating_add(IAT_AHEAD_SECONDS_MAX);
        if !(0..=latest).contains(&iat) {
            return Err("iat is a moment that has passed, in Unix seconds");
        }
        if exp <= iat || exp > SECONDS_MAX || (exp - iat).saturating_mul(1000) > life_ms_max {
            return Err("exp lies after iat, and not further than the issuer's tokens may live");
        }
        let token = Reported {
            by,
            principal,
            client: short(self.client)?,
            issued_at: UnixMillis::from_seconds(iat),
            expires_at: UnixMillis::from_seconds(exp),
            login: short(self.login)?,
        };
        Ok(Report { sequence: self.sequence, token: Some(token) })
    }
}

fn named(text: String) -> Result<String, &'static str> {
    let good = !text.is_empty() && text.len() <= NAME_BYTES_MAX;
    good.then_some(text).ok_or("jti is 1 to 256 bytes")
}

fn short(text: Option<String>) -> Result<String, &'static str> {
    let text = text.unwrap_or_default();
    let good = text.len() <= NAME_BYTES_MAX;
    good.then_some(text).ok_or("client and login are at most 256 bytes")
}

/// The body of the fuzz target `issuances`: no bytes may panic, and what is read keeps its bounds.
///
/// # Panics
/// If a bound is not kept.
pub fn fuzz(body: &[u8]) {
    let now = UnixMillis::from_seconds(1_800_000_000);
    if let Ok(batch) = read_with(body, 3_600_000, now, PrincipalKind::from_name) {
        assert!(batch.reports.len() <= REPORTS_MAX, "more reports than the bound");
        for token in batch.reports.iter().filter_map(|report| report.token.as_ref()) {
            let life = token.expires_at.ms() - token.issued_at.ms();
            assert!((1..=3_600_000).contains(&life), "a life past its bound");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: UnixMillis = UnixMillis::from_seconds(1_800_000_000);

    fn known(kind: &str) -> Option<PrincipalKind> {
        PrincipalKind::from_name(kind).filter(|kind| *kind == PrincipalKind::Customer)
    }

    fn told(body: &Value) -> Result<Batch, String> {
        read_with(body.to_string().as_bytes(), 3_600_000, NOW, known)
    }

    fn one() -> Value {
        json!({"sequence": 3, "jti": "j", "principal": {"kind": "customer", "id": "1"},
               "client": "web", "iat": 1_799_999_990, "exp": 1_800_000_500, "login": "L"})
    }

    #[test]
    fn a_report_is_read() {
        let digest = BASE64URL_NOPAD.encode(&[9; 32]);
        let mut other = one();
        other["digest"] = json!(digest);
        other.as_object_mut().unwrap().remove("jti");
        other.as_object_mut().unwrap().remove("login");
        let void = json!({"sequence": 5, "void": true});
        let body = json!({"reports": [one(), other, void], "complete_before": 1_800_000_000});
        let batch = told(&body).unwrap();
        let tokens: Vec<_> = batch.reports.iter().map(|report| report.token.as_ref()).collect();
        assert_eq!(tokens[0].unwrap().by, By::Jti("j".into()));
        assert_eq!(tokens[0].unwrap().login, "L");
        assert_eq!(tokens[1].unwrap().by, By::Digest([9; 32]));
        assert_eq!(tokens[1].unwrap().login, "");
        assert_eq!((batch.reports[2].sequence, tokens[2]), (5, None));
        assert_eq!(batch.complete_before, Some(NOW));
    }

    #[test]
    fn every_bound_is_kept() {
        let with = |name: &str, value: Value| {
            let mut report = one();
            report[name] = value;
            json!({"reports": [report]})
        };
        let without = |name: &str| {
            let mut report = one();
            report.as_object_mut().unwrap().remove(name);
            json!({"reports": [report]})
        };
        let cases: [(&str, Value, &str); 24] = [
            ("nothing", json!({}), "nothing"),
            ("a list", json!([]), "body"),
            ("an unknown name", json!({"reports": [], "more": 1}), "body"),
            ("an unknown name inside", with("more", json!(1)), "body"),
            ("place 0", with("sequence", json!(0)), "sequence"),
            ("no place", without("sequence"), "body"),
            ("a place that is no number", with("sequence", json!("1")), "body"),
            ("a place past the numbers", with("sequence", json!(1e30)), "body"),
            ("no name", without("jti"), "exactly one"),
            ("two names", with("digest", json!("x")), "exactly one"),
            ("an empty jti", with("jti", json!("")), "jti is"),
            ("a long jti", with("jti", json!("j".repeat(257))), "jti is"),
            (
                "a kind that is not its own",
                with("principal", json!({"kind": "person", "id": "1"})),
                "kind",
            ),
            ("no kind", with("principal", json!({"kind": "king", "id": "1"})), "kind"),
            ("no id", with("principal", json!({"kind": "customer", "id": ""})), "id is"),
            ("nobody", without("principal"), "principal"),
            ("no iat", without("iat"), "iat and exp"),
            ("iat of the future", with("iat", json!(1_800_000_061)), "iat is"),
            ("iat before all", with("iat", json!(-1)), "iat is"),
            ("exp before iat", with("exp", json!(1_799_999_990)), "exp lies"),
            ("a long life", with("exp", json!(1_800_003_591)), "exp lies"),
            ("a long client", with("client", json!("c".repeat(257))), "client and"),
            ("void with a token", with("void", json!(true)), "void"),
            (
                "completeness of the future",
                json!({"complete_before": 1_800_000_001}),
                "complete_before",
            ),
        ];
        for (name, body, want) in cases {
            let what = told(&body).unwrap_err();
            assert!(what.contains(want), "{name}: {what}");
        }
        let many: Vec<Value> = (0..=REPORTS_MAX).map(|_| one()).collect();
        assert!(told(&json!({"reports": many})).unwrap_err().contains("at most"));
        assert!(read_with(&vec![b' '; REQUEST_BYTES_MAX + 1], 1, NOW, known).is_err());
    }

    #[test]
    fn the_corpus_is_replayed() {
        let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/issuances");
        let mut replayed = 0;
        for entry in std::fs::read_dir(corpus).unwrap() {
            fuzz(&std::fs::read(entry.unwrap().path()).unwrap());
            replayed += 1;
        }
        assert!(replayed > 0);
    }
}
