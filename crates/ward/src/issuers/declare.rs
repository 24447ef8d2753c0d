//! What the configuration says of foreign issuers, as records: only what is not recorded yet. Pure.
//!
//! A name that is given another address is another issuer: the old one is withdrawn. Holders are
//! added, never taken away: who could read a key can still have it. The window of grandfathering is
//! fixed by the first start with the issuer.
//! Best test: at the end of this file.

use std::collections::BTreeMap;

use ward_ledger::Ledger;
use ward_ledger::foreign::Issuer;
use ward_model::record::{
    IssuerDeclared, IssuerGrandfatheringOpened, IssuerHolderDeclared, IssuerModeSet,
    IssuerWithdrawn,
};
use ward_model::time::DAY_MS;
use ward_model::word::{CustodyEvidence, IssuerMode, IssuerSecret};
use ward_model::{IssuerNumber, PersonId, PrincipalKey, PrincipalKind, Record, Text, UnixMillis};

use crate::config::issuers::ForeignIssuer;

/// Records to append before anything is served. `person` finds people by SCIM user name; one who is
/// not known yet becomes a holder at the first start after he is.
pub fn declare(
    wanted: &[ForeignIssuer],
    ledger: &Ledger,
    person: &dyn Fn(&str) -> Option<PersonId>,
    now: UnixMillis,
) -> Vec<Record> {
    let known = ledger.issuers();
    let mut records = Vec::new();
    for gone in known.iter().filter(|one| !one.withdrawn) {
        if !wanted.iter().any(|one| one.name == gone.name && one.url == gone.url) {
            records.push(IssuerWithdrawn { issuer: gone.number }.into());
        }
    }
    let mut last = known.iter().map(|one| one.number.0).max().unwrap_or(0);
    for one in wanted {
        let found = known.iter().find(|it| it.name == one.name && it.url == one.url);
        let number = found.map_or_else(
            || {
                last = last.saturating_add(1);
                IssuerNumber(last)
            },
            |it| it.number,
        );
        let declared = declaration(one, number);
        if found.is_none_or(|it| it.withdrawn || !is_same(it, one)) {
            records.push(declared.into());
        }
        if found.is_none() {
            let (issuer, mode) = (Text::cut(&one.url), IssuerMode::Learning);
            records.push(IssuerModeSet { issuer, mode }.into());
            if one.grandfather_days > 0 {
                records.push(window(one, number, now).into());
            }
        }
        let holders = Holders { found: found.map(|it| &**it), number, ledger, now };
        records.extend(holders.missing(IssuerSecret::SigningKey, &one.holders, person));
        records.extend(holders.missing(IssuerSecret::Reporter, &one.reporter_holders, person));
    }
    records
}

fn declaration(one: &ForeignIssuer, issuer: IssuerNumber) -> IssuerDeclared {
    let claims: Vec<&str> =
        one.claims.iter().map(|claim| claim.as_deref().unwrap_or_default()).collect();
    let kinds: Vec<&str> = one.kinds.iter().map(|kind| kind.as_str()).collect();
    IssuerDeclared {
        issuer,
        name: Text::cut(&one.name),
        url: Text::cut(&one.url),
        audiences: Text::cut(&one.audiences.join("\n")),
        life_ms_max: one.life_seconds_max.saturating_mul(1000),
        reports: one.reports,
        claims: Text::cut(&claims.join("\n")),
        kinds: Text::cut(&kinds.join("\n")),
    }
}

fn is_same(known: &Issuer, wanted: &ForeignIssuer) -> bool {
    let [principal, kind, tenant, client] = &wanted.claims;
    let map = &known.mapping;
    known.audiences == wanted.audiences
        && known.life_ms_max == wanted.life_seconds_max.saturating_mul(1000)
        && known.reports == wanted.reports
        && Some(&map.principal) == principal.as_ref()
        && [&map.kind, &map.tenant, &map.client] == [kind, tenant, client]
        && map.kinds == wanted.kinds
}

fn window(
    one: &ForeignIssuer,
    issuer: IssuerNumber,
    now: UnixMillis,
) -> IssuerGrandfatheringOpened {
    IssuerGrandfatheringOpened {
        issuer,
        cut_over: now,
        life_ms_max: one.life_seconds_max.saturating_mul(1000),
        closes_at: now.plus_ms(one.grandfather_days.saturating_mul(DAY_MS)),
    }
}

struct Holders<'a> {
    found: Option<&'a Issuer>,
    number: IssuerNumber,
    ledger: &'a Ledger,
    now: UnixMillis,
}

impl Holders<'_> {
    fn missing(
        &self,
        secret: IssuerSecret,
        names: &[String],
        person: &dyn Fn(&str) -> Option<PersonId>,
    ) -> Vec<Record> {
        let mut new: BTreeMap<PersonId, PrincipalKey> = BTreeMap::new();
        for name in names {
            let Some(person) = person(name) else {
                tracing::warn!("a declared holder of an issuer is not known by SCIM yet");
                continue;
            };
            let mut known = self.found.into_iter().flat_map(|it| &it.holders);
            if !known.any(|(of, holder)| *of == secret && holder.person == person) {
                let id = ward_people::person::id_text(person);
                new.insert(person, self.ledger.principal_key(PrincipalKind::Person, &id));
            }
        }
        let record = |(person, person_key)| {
            IssuerHolderDeclared {
                issuer: self.number,
                secret,
                person,
                person_key,
                since: self.now,
                evidence: CustodyEvidence::Declared,
            }
            .into()
        };
        new.into_iter().map(record).collect()
    }
}

#[cfg(test)]
mod tests {
    use ward_ledger::LedgerSecret;
    use ward_model::word::ReportMode;
    use ward_model::{LeafIndex, Position, Secret, View as _};

    use super::*;
    use crate::config::issuers::KeysFrom;

    fn wanted() -> ForeignIssuer {
        ForeignIssuer {
            name: "login".into(),
            url: "https://login.example".into(),
            keys: KeysFrom::Discovery,
            ca_file: None,
            refresh_seconds: 300,
            alert_after_seconds: 900,
            silent_after_seconds: 0,
            audiences: vec!["shop".into()],
            life_seconds_max: 3600,
            reports: ReportMode::Synchronous,
            claims: [Some("sub".into()), None, None, Some("azp".into())],
            kinds: vec![PrincipalKind::Customer],
            holders: vec!["ada".into(), "nobody".into()],
            reporter_holders: vec!["ada".into()],
            grandfather_days: 3,
        }
    }

    fn person(name: &str) -> Option<PersonId> {
        (name != "nobody").then(|| PersonId([u8::try_from(name.len()).unwrap_or(0); 16]))
    }

    fn names(ledger: &Ledger, wanted: &[ForeignIssuer]) -> Vec<&'static str> {
        let now = UnixMillis::from_seconds(1000);
        let records = declare(wanted, ledger, &person, now);
        for record in &records {
            let at = Position { index: LeafIndex(0), time: now };
            ledger.view().apply(at, record);
        }
        assert_eq!(ledger.faults(), 0);
        records.iter().map(Record::kind_name).collect()
    }

    #[test]
    fn only_what_is_new_is_recorded() {
        let ledger = Ledger::new(LedgerSecret::new(Secret::new([1; 32])));
        let holder = "IssuerHolderDeclared";
        let first = names(&ledger, &[wanted()]);
        let want =
            ["IssuerDeclared", "IssuerModeSet", "IssuerGrandfatheringOpened", holder, holder];
        assert_eq!(first, want);
        let issuer = ledger.issuer("login").unwrap();
        assert_eq!(ledger.foreign_mode(&issuer), IssuerMode::Learning);
        assert_eq!(names(&ledger, &[wanted()]), Vec::<&str>::new());
        let longer = ForeignIssuer { life_seconds_max: 7200, grandfather_days: 30, ..wanted() };
        assert_eq!(
            names(&ledger, core::slice::from_ref(&longer)),
            ["IssuerDeclared"],
            "the window is fixed"
        );
        let more = ForeignIssuer { holders: vec!["grace".into()], ..longer.clone() };
        assert_eq!(names(&ledger, &[more]), [holder], "nobody is taken away");
        assert_eq!(names(&ledger, &[]), ["IssuerWithdrawn"]);
        assert!(ledger.issuer("login").is_none());
        assert_eq!(
            names(&ledger, core::slice::from_ref(&longer)),
            ["IssuerDeclared"],
            "it is back"
        );
        let moved = ForeignIssuer { url: "https://new.example".into(), ..longer };
        let told = names(&ledger, &[moved]);
        assert_eq!(told[..3], ["IssuerWithdrawn", "IssuerDeclared", "IssuerModeSet"]);
        assert_eq!(ledger.issuer("login").unwrap().number, IssuerNumber(2));
    }
}
