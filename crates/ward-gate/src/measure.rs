//! What an answer really holds: whose data, which fields, which tenant.
//!
//! The bytes that leave are the bytes the scanner wrote: masked, without what nobody declared. An
//! answer that cannot be looked into does not leave. Nothing is trusted about it: not its length,
//! its type, its encoding, nor its shape.
//! Best tests: `measure/tests.rs`, and `ward-scan` for the scanner itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderValue, Method, StatusCode, header};
use ward_catalogue::{Body as Declared, Route, RouteSubject};
use ward_model::record::{Access, Touch};
use ward_model::word::{Provenance, RouteMode};
use ward_model::{DataSubjectNumber, NamespaceNumber, Reason, Verdict};
use ward_register::namespace_of;
use ward_scan::{Framing, Limits, Measured as Scanned, Mode, Scanner};

use crate::Gate;
use crate::ask::Ask;
use crate::headers;
use crate::identify::Who;
use crate::refuse::Refusal;
use crate::release::{self, Measured};
use crate::upstream::{Answer, Opened};

/// A body looked into: what may leave, and what was in it.
struct Looked {
    body: Bytes,
    found: Scanned,
}

impl Gate {
    /// Step five: looks into the answer, checks its tenants, numbers and charges its people.
    pub(crate) async fn measure(&self, answer: Answer, ask: &Ask) -> Result<Measured, Refusal> {
        let Some(route) = ask.route() else { return Err(Reason::UnknownRoute.into()) };
        let Opened { permit, mut head, body } = answer.open(ask.target.held_bytes_max).await?;
        let who = permit.into_who();
        let status = i32::from(head.status.as_u16());
        let refuse = |reason, who| Refusal { status, ..Refusal::of(reason, Some(who)) };
        let looked = match look(route, &who, ask, &mut head, &body) {
            Ok(looked) => looked,
            Err(why) => {
                tracing::warn!(access = %ask.access, route = %route.number, why, "uninspectable");
                return Err(refuse(Reason::UpstreamUninspectable, who));
            }
        };
        let Looked { body, found } = looked;
        if !same_tenant(route, &who, &found) {
            return Err(refuse(Reason::WrongTenant, who));
        }
        self.parts.counters.undeclared(route.number, found.undeclared + found.embedded);
        let Some(touches) = self.touches(ask, &who, &found).await else {
            return Err(refuse(Reason::JournalUnavailable, who));
        };
        let people = touches.iter().map(|touch| touch.data_subject).collect();
        let charge = self.parts.exposures.charge(who.name.kind, who.number, people, self.now());
        let charge = match charge {
            Ok(charge) => charge,
            Err(spent) => {
                tracing::info!(access = %ask.access, budget = %spent.budget, "budget spent");
                return Err(refuse(Reason::BudgetSpent, who));
            }
        };
        let provenance = if touches.is_empty() { Provenance::None } else { Provenance::Measured };
        let shared = release::row(
            ask,
            Some(&who),
            Verdict::Permit,
            true,
            RouteMode::Enforce,
            provenance,
            status,
        );
        head.headers = headers::let_out(&head.headers);
        head.version = http::Version::HTTP_11;
        // The upstream's reason phrase is in there: free text, like a header that nobody listed.
        head.extensions.clear();
        Ok(Measured { access: Access { shared, touches }, head, body, _charge: charge })
    }

    /// Dense numbers of everyone in the answer, with their fields; `None` when the register cannot
    /// make a new number durable.
    pub(crate) async fn touches(
        &self,
        ask: &Ask,
        who: &Who,
        found: &Scanned,
    ) -> Option<Vec<Touch>> {
        let mut wanted: Vec<(NamespaceNumber, String, u64)> = found
            .subjects
            .iter()
            .map(|one| (NamespaceNumber(i32::from(one.namespace)), one.id.clone(), one.fields))
            .collect();
        match route_subject(ask, who) {
            Some((namespace, id)) if found.unattributed != 0 => {
                wanted.push((namespace, id, found.unattributed));
            }
            Some(_) => {}
            // Nobody else to put them on: everyone in the answer.
            None => wanted.iter_mut().for_each(|one| one.2 |= found.unattributed),
        }
        let numbers = self.numbers(&wanted).await?;
        let mut touches: BTreeMap<DataSubjectNumber, u64> = BTreeMap::new();
        for (number, (_, _, fields)) in numbers.into_iter().zip(&wanted) {
            *touches.entry(number).or_default() |= fields;
        }
        Some(
            touches
                .into_iter()
                .map(|(data_subject, fields)| Touch {
                    data_subject,
                    fields: i64::try_from(fields & FIELDS_MASK).unwrap_or(i64::MAX),
                })
                .collect(),
        )
    }

    /// Known numbers from memory; new ones made durable off the async threads.
    async fn numbers(
        &self,
        wanted: &[(NamespaceNumber, String, u64)],
    ) -> Option<Vec<DataSubjectNumber>> {
        let register = &self.parts.register;
        let known: Option<Vec<_>> =
            wanted.iter().map(|(namespace, id, _)| register.number(*namespace, id)).collect();
        if known.is_some() {
            return known;
        }
        let register = register.clone();
        let owned: Vec<(NamespaceNumber, String)> =
            wanted.iter().map(|(namespace, id, _)| (*namespace, id.clone())).collect();
        let work = tokio::task::spawn_blocking(move || {
            let ids: Vec<_> = owned.iter().map(|(ns, id)| (*ns, id.as_str())).collect();
            register.numbers(&ids)
        });
        match work.await {
            Ok(Ok(numbers)) => Some(numbers),
            Ok(Err(error)) => {
                tracing::error!(%error, "a new data subject could not be numbered");
                None
            }
            Err(_) => None,
        }
    }
}

/// Slots are 0 to 62: the sign bit of a record's column stays clear.
const FIELDS_MASK: u64 = u64::MAX >> 1;

/// Looks into a held body. `Err` says why it cannot be.
fn look(
    route: &Route,
    who: &Who,
    ask: &Ask,
    head: &mut Parts,
    body: &Bytes,
) -> Result<Looked, &'static str> {
    let none = |body| Ok(Looked { body, found: Scanned::default() });
    if ask.method == Method::HEAD || body.is_empty() {
        return none(Bytes::new());
    }
    if head.status.is_informational() || head.status == StatusCode::PARTIAL_CONTENT {
        return Err("a partial answer");
    }
    let framing = match route.body {
        Declared::Uninspectable => return Err("the route is declared uninspectable"),
        Declared::None => return Err("a body on a route declared without one"),
        Declared::Json if headers::is_json(&head.headers) => Framing::Single,
        Declared::Ndjson if headers::is_json_lines(&head.headers) => Framing::Lines,
        _ if !head.status.is_success() => return none(withheld(head)),
        _ => return Err("not the declared type"),
    };
    let plan = route.plan(who.name.kind).ok_or("no plan for this kind of principal")?;
    let mut scanner = Scanner::new(
        Arc::clone(plan),
        Mode::Enforce,
        framing,
        Limits { total_bytes: u64::try_from(body.len()).unwrap_or(u64::MAX), ..Limits::DEFAULT },
    );
    let mut out = Vec::with_capacity(body.len());
    scanner.push(body, &mut out).map_err(ward_scan::ScanError::kind)?;
    let found = scanner.finish(&mut out).map_err(ward_scan::ScanError::kind)?;
    Ok(Looked { body: Bytes::from(out), found })
}

/// An error page that is no JSON does not leave; its status does.
fn withheld(head: &mut Parts) -> Bytes {
    head.headers
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(ward_model::Problem::MEDIA_TYPE));
    let status = head.status.as_u16();
    Bytes::from(format!(
        r#"{{"type":"/docs/problems#withheld","title":"The upstream's error page was withheld","status":{status}}}"#
    ))
}

/// Every record's tenant is the caller's, and every record says its tenant.
pub(crate) fn same_tenant(route: &Route, who: &Who, found: &Scanned) -> bool {
    if !route.tenant {
        return true;
    }
    let own = who.tenant.as_deref();
    found.tenant_missing == 0 && found.tenants.iter().all(|one| Some(one.id.as_str()) == own)
}

/// The route's own subject: the caller, or who a path parameter names.
pub(crate) fn route_subject(ask: &Ask, who: &Who) -> Option<(NamespaceNumber, String)> {
    match ask.route()?.subject? {
        RouteSubject::Principal => Some((namespace_of(who.name.kind), who.name.id().to_owned())),
        RouteSubject::Parameter { namespace, index } => {
            Some((namespace, ask.target.params.get(index)?.clone()))
        }
    }
}
