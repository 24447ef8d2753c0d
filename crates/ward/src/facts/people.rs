//! People who work or worked here: named by their rows, everything else from records.

use std::collections::{BTreeSet, HashMap};

use ward_console::FactsError;
use ward_console::facts::{Custody, KeyRef, PeoplePage, PersonRow};
use ward_model::word::PersonState;
use ward_model::{PersonId, UnixMillis};
use ward_people::Holdings;
use ward_people::person::{id_text, parse_id};
use ward_store::Page;

use super::{count, of_store};
use crate::app::App;
use crate::clock;

/// Most rows of a page.
const ROWS_MAX: usize = 200;
/// Most people whose names are looked at for one page.
const NAMES_MAX: u32 = 200_000;

/// People by name, after the one whose id is `after`.
///
/// INVARIANT: everyone the records tell of is in the list, also when his row is missing; a lost row
/// hides nobody.
pub fn page(app: &App, after: Option<&str>, rows_max: usize) -> Result<PeoplePage, FactsError> {
    let rows_max = rows_max.clamp(1, ROWS_MAX);
    let mut names = names(app)?;
    let now = clock::now();
    // The lock is held to copy ids and to fill one page, not to sort.
    let known: Vec<PersonId> =
        app.holdings.read(|view| view.people_after(None).map(|(person, _)| person).collect());
    let folded = |person| names.get(&person).map(|name| name.to_lowercase()).unwrap_or_default();
    let mut all: Vec<_> = known.into_iter().map(|person| (folded(person), person)).collect();
    all.sort_unstable();
    let left = after_cursor(&all, after);
    let shown = left.get(..rows_max).unwrap_or(left);
    let rows: Vec<PersonRow> = app.holdings.read(|view| {
        let mut named = |person| names.remove(&person).unwrap_or_else(|| name(None));
        shown.iter().filter_map(|(_, person)| row(view, *person, named(*person), now)).collect()
    });
    let next = shown.last().filter(|_| left.len() > shown.len()).map(|(_, id)| id_text(*id));
    Ok(PeoplePage { rows, next })
}

/// What follows the cursor; everything when it names nobody.
pub fn after_cursor<'a, T>(all: &'a [(T, PersonId)], after: Option<&str>) -> &'a [(T, PersonId)] {
    let after = after.and_then(parse_id);
    let place = after.and_then(|after| all.iter().position(|(_, person)| *person == after));
    let start = place.map_or(0, |place| place.saturating_add(1));
    all.get(start..).unwrap_or_default()
}

/// The name of everyone who has a row.
fn names(app: &App) -> Result<HashMap<PersonId, String>, FactsError> {
    let mut names = HashMap::new();
    let mut start = 0;
    while start < NAMES_MAX {
        let asked = Page { start, ..Page::FIRST };
        let listing = app.store.persons(asked).map_err(|error| of_store(&error))?;
        let read = u32::try_from(listing.rows.len()).unwrap_or(u32::MAX);
        names.extend(listing.rows.iter().map(|row| (row.person, name(Some(row)))));
        if read < asked.count {
            break;
        }
        start = start.saturating_add(read);
    }
    Ok(names)
}

/// The name shown: the display name, else the parts of the name, else the user name.
pub fn name(row: Option<&ward_store::PersonRow>) -> String {
    let Some(row) = row else { return "name not known".to_owned() };
    let parts = format!("{} {}", row.given_name, row.family_name);
    let candidates = [row.display_name.trim(), parts.trim(), row.user_name.as_str()];
    candidates.into_iter().find(|text| !text.is_empty()).unwrap_or_default().to_owned()
}

fn row(view: &Holdings, person: PersonId, name: String, now: UnixMillis) -> Option<PersonRow> {
    let held = view.person(person)?;
    let key = held.principal_key;
    // While he is suspended no API key of his opens anything.
    let is_suspended = view.is_suspended_as_leaver(key) || view.is_suspended_otherwise(key);
    let live = view
        .api_keys_of(key)
        .filter(|(_, it)| !is_suspended && !it.revoked && it.expires_at > now)
        .count();
    let custody = view.keys_of(person).map(|(number, key, custody)| Custody {
        key: KeyRef {
            number,
            kid: key.kid.clone(),
            issuer: key.issuer.clone(),
            state: key.state,
            source: key.source,
        },
        since: custody.since,
        evidence: custody.evidence,
    });
    Some(PersonRow {
        id: person,
        name,
        state: held.state,
        leaves_at: (held.state == PersonState::Left).then_some(held.since),
        api_keys_live: count(live),
        custody: custody.collect(),
        steps_open: steps_open(view, person),
    })
}

/// Steps that were recorded open in any run and done in none.
fn steps_open(view: &Holdings, person: PersonId) -> u64 {
    let runs = || view.runs_of(person).map(|(_, run)| run);
    let done: BTreeSet<_> = runs()
        .flat_map(|run| &run.steps)
        .filter(|seen| seen.outcome == ward_model::word::StepOutcome::Done)
        .map(|seen| (seen.step, seen.target))
        .collect();
    let open: BTreeSet<_> = runs().flat_map(|run| run.open()).collect();
    count(open.difference(&done).count())
}
