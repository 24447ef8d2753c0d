//! Lists of accesses, and one access in full.

use std::net::Ipv6Addr;

use ward_catalogue::Catalogue;
use ward_console::FactsError;
use ward_console::facts::{AccessDetail, AccessPage, AccessRow, AccessesAsk};
use ward_model::{AccessId, IncidentId, LeafIndex};

use super::{key_ref, of_journal, route_name, search};
use crate::app::App;
use crate::view::recent::{Line, Seen, Wanted};

/// Most rows of a page.
const ROWS_MAX: usize = 500;
/// Most data subjects handed over with one access.
const SUBJECTS_MAX: usize = 1_000;

/// A page of accesses: from memory as far as it reaches, then from the journal.
pub fn page(app: &App, ask: &AccessesAsk) -> Result<AccessPage, FactsError> {
    let rows_max = ask.rows_max.clamp(1, ROWS_MAX);
    // One more than the page holds says whether there is another page.
    let wanted = wanted(ask, rows_max.saturating_add(1));
    let kept = app.recent.lines(&wanted);
    let mut lines = kept.rows;
    let mut stopped = None;
    let missing = wanted.limit.saturating_sub(lines.len());
    if missing > 0 && kept.floor > LeafIndex(0) {
        let below = ask.before.map_or(kept.floor, |before| before.min(kept.floor));
        let older = search::older(&app.journal, below, missing, |at, row| wanted.takes(at, row));
        let older = older.map_err(|error| of_journal(&error))?;
        lines.extend(older.rows);
        if lines.len() < wanted.limit {
            stopped = older.stopped;
        }
    }
    let has_more = lines.len() > rows_max;
    lines.truncate(rows_max);
    let next = match has_more {
        true => lines.last().map(|line| line.at.index),
        false => stopped.map(|at| at.index),
    };
    let searched_to = stopped.filter(|_| lines.len() < rows_max).map(|at| at.time);
    let catalogue = app.catalogue.load();
    let rows = lines.iter().map(|line| access_row(&catalogue, line)).collect();
    Ok(AccessPage { rows, next, searched_to })
}

fn wanted(ask: &AccessesAsk, limit: usize) -> Wanted {
    let verdict = ask.permitted.map(|permitted| if permitted { "permit" } else { "refuse" });
    Wanted {
        verdict: verdict.map(str::to_owned),
        reason: ask.reason.map(|reason| reason.as_str().to_owned()),
        principal: ask.principal.map(|principal| principal.0),
        route: ask.route.map(|route| route.0),
        before: ask.before.map(|before| before.0),
        limit,
    }
}

/// An access as a line of a list.
pub fn access_row(catalogue: &Catalogue, line: &Line) -> AccessRow {
    let row = &line.row;
    AccessRow {
        id: row.access,
        leaf: line.at.index,
        at: line.at.time,
        verdict: row.verdict,
        released: row.released,
        mode: row.mode,
        principal_kind: row.principal_kind,
        principal: row.principal,
        route: row.route,
        route_name: catalogue.route(row.route).map(route_name).unwrap_or_default(),
        data_subjects: line.data_subjects(),
        provenance: row.provenance,
    }
}

/// One access: from memory, or from the journal by the time in its id.
pub fn one(app: &App, id: AccessId) -> Result<Option<AccessDetail>, FactsError> {
    let seen = match app.recent.one(id) {
        Some(seen) => Some(seen),
        None => search::by_id(&app.journal, id).map_err(|error| of_journal(&error))?,
    };
    Ok(seen.map(|seen| detail(app, seen)))
}

fn detail(app: &App, seen: Seen) -> AccessDetail {
    let catalogue = app.catalogue.load();
    let slots = seen.touches.iter().fold(seen.row.fields, |all, touch| all | touch.fields);
    let incident = incident_of(app, &seen);
    let line = Line { at: seen.at, row: seen.row };
    let row = &line.row;
    // Rows of one access stand next to each other.
    let last = line.at.index.0.saturating_add(i64::from(row.rows.max(1)) - 1);
    AccessDetail {
        last_leaf: LeafIndex(last),
        task: row.task,
        key: key_ref(app, row.key),
        api_key: row.api_key,
        source: Ipv6Addr::from(row.source).to_canonical().to_string(),
        tenant: row.tenant,
        purpose_stated: row.purpose != 0,
        status: row.status,
        fields: catalogue.route(row.route).map(|route| fields(route, slots)).unwrap_or_default(),
        data_subjects: seen.touches.iter().take(SUBJECTS_MAX).map(|it| it.data_subject).collect(),
        incident,
        row: access_row(&catalogue, &line),
    }
}

/// The names of the slots of a route whose bits are set.
fn fields(route: &ward_catalogue::Route, slots: i64) -> Vec<String> {
    let set = (0..64u8).filter(|slot| (slots >> slot) & 1 == 1);
    set.filter_map(|slot| route.field(slot)).map(|field| field.path.clone()).collect()
}

/// The newest incident that has this access on its timeline.
fn incident_of(app: &App, seen: &Seen) -> IncidentId {
    let (key, principal) = (seen.row.key, seen.row.principal);
    app.incidents.read(|view| {
        let concerned = view.newest(None).filter(|(_, it)| {
            let matter = it.matter;
            (!key.is_none() && matter.key == key)
                || (!principal.is_none() && matter.principal == principal)
                || (matter.key.is_none() && matter.principal.is_none())
        });
        let mut holding = concerned
            .filter(|(_, it)| it.entries.iter().any(|noted| noted.note.access == seen.row.access));
        holding.next().map_or(IncidentId::NONE, |(id, _)| id)
    })
}
