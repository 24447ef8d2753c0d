//! The inventory for its pages.

use ward_console::facts::{Credential, CredentialPage, CredentialsAsk};

use super::count;
use crate::app::App;
use crate::clock;
use crate::inventory::{self, Answers, Kind, Wanted, Warning};

/// Most rows of a page.
const ROWS_MAX: usize = 200;

/// A page of the inventory; a word that is none matches nothing.
pub fn page(app: &App, ask: &CredentialsAsk) -> CredentialPage {
    let all = inventory::all(app);
    let counted = inventory::tally(&all).into_iter();
    let empty = CredentialPage {
        at: clock::now(),
        kinds: Kind::ALL.iter().map(|it| it.as_str()).collect(),
        warnings: counted.map(|(it, number)| (it.as_str(), count(number))).collect(),
        ..CredentialPage::default()
    };
    let kind = ask.kind.as_deref().map(Kind::from_name);
    let warning = ask.warning.as_deref().map(Warning::from_name);
    if kind == Some(None) || warning == Some(None) {
        return empty;
    }
    let wanted = Wanted {
        kind: kind.flatten(),
        warning: warning.flatten(),
        over: ask.over,
        after: ask.after.clone(),
        limit: ask.rows_max.clamp(1, ROWS_MAX),
        ..Wanted::default()
    };
    let (rows, total, next) = wanted.page(all);
    let rows = rows.into_iter().map(shown).collect();
    CredentialPage { rows, total: count(total), next, ..empty }
}

/// One credential.
pub fn one(app: &App, id: &str) -> Option<Credential> {
    inventory::one(app, id).map(shown)
}

fn shown(it: inventory::Credential) -> Credential {
    let holders = it.holders.into_iter().map(|it| (it.name, it.evidence, it.since, it.gone));
    let consumers = it.consumers.into_iter().map(|it| (it.kind, it.name, it.count, it.last));
    let owner = it.owner;
    Credential {
        id: it.id,
        kind: it.kind.as_str(),
        name: it.name,
        sort: it.sort,
        state: it.state.as_str(),
        owner: (owner.kind, owner.name, owner.id),
        answerable: owner.answerable.map(|(id, name)| (name, id)),
        answers: owner.answers == Answers::Yes,
        holders: holders.collect(),
        created_at: it.created_at,
        last_used: it.last_used,
        use_known: it.use_known,
        uses: (it.uses, it.refused),
        expires_at: it.expires_at,
        consumers: consumers.collect(),
        details: it.details,
        warnings: it.warnings.iter().map(|it| it.as_str()).collect(),
    }
}
