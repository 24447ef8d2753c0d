//! The operators' record for its page, with the names of people who work here.

use std::collections::HashMap;

use ward_console::FactsError;
use ward_console::facts::{RecordAsk, RecordPage, RecordRow};
use ward_model::PersonId;
use ward_operators::history::{Entry, EntryKind, Wanted, search};

use super::{of_journal, people};
use crate::app::App;

/// Most rows of a page.
const ROWS_MAX: usize = 200;

/// A page of the record; an unknown kind matches nothing.
pub fn page(app: &App, ask: &RecordAsk) -> Result<RecordPage, FactsError> {
    let kinds = EntryKind::ALL.iter().map(|kind| kind.as_str()).collect();
    let nothing = RecordPage { kinds, ..RecordPage::default() };
    let kind = ask.kind.as_deref().map(EntryKind::from_name);
    if kind == Some(None) {
        return Ok(nothing);
    }
    let wanted = Wanted {
        person: ask.person,
        kind: kind.flatten(),
        words: Wanted::words(&ask.words),
        from: ask.from,
        to: ask.to,
        before: ask.before,
        limit: ask.rows_max.clamp(1, ROWS_MAX),
    };
    let found = search::page(&app.journal, &app.history, &wanted);
    let found = found.map_err(|error| of_journal(&error))?;
    let mut names = HashMap::new();
    let rows = found.entries.into_iter().map(|entry| row(app, entry, &mut names)).collect();
    Ok(RecordPage { rows, next: found.next, searched_to: found.searched_to, ..nothing })
}

fn row(app: &App, entry: Entry, names: &mut HashMap<PersonId, String>) -> RecordRow {
    let name = entry.person.map(|person| {
        // A row that cannot be read hides no entry: its person has no name then.
        let found = || people::name(app.store.person(person).ok().flatten().as_ref());
        names.entry(person).or_insert_with(found).clone()
    });
    RecordRow {
        leaf: entry.index,
        at: entry.time,
        person: entry.person,
        name: name.unwrap_or_default(),
        api_key: entry.api_key,
        session: entry.session,
        kind: entry.kind.as_str(),
        text: entry.text,
    }
}
