//! What may leave: a measured answer, once it is recorded.
//!
//! [`Measured`] has no way to become a response but through `Recorded<Measured>`, which only the
//! journal makes. The body inside is the one that was measured, after masks and drops.

use bytes::Bytes;
use http::Response;
use ward_journal::Recorded;
use ward_model::record::{Access, AccessRow};
use ward_model::word::{Provenance, RouteMode};
use ward_model::{
    ApiKeyId, DataSubjectNumber, Entry, KeyNumber, Lane, Origin, PrincipalKey, PrincipalKind,
    PrincipalNumber, Rows, Sequence, TenantNumber, Verdict,
};

use crate::Body;
use crate::ask::Ask;
use crate::exposure::Charge;
use crate::identify::Who;
use crate::noise::source_bytes;
use crate::refuse::with_id;

/// An answer that was looked into: whose data it holds is known, charged, and ready to be recorded.
pub struct Measured {
    pub(crate) access: Access,
    pub(crate) head: http::response::Parts,
    pub(crate) body: Bytes,
    /// Held until the record is applied; dropping it gives the budget back.
    pub(crate) _charge: Charge,
}

impl Entry for Measured {
    fn lane(&self) -> Lane {
        Lane::Access
    }
    fn rows(&self, rows: &mut Rows) {
        self.access.rows(rows);
    }
}

/// The only way out for a held answer.
pub(crate) fn respond(recorded: Recorded<Measured>) -> Response<Body> {
    let Measured { access, head, body, _charge } = recorded.into_inner();
    let mut response = Response::from_parts(head, Body::whole(body));
    with_id(&mut response, access.shared.access);
    response
}

/// The row of an access, without its data subjects.
pub(crate) fn row(
    ask: &Ask,
    who: Option<&Who>,
    verdict: Verdict,
    released: bool,
    mode: RouteMode,
    provenance: Provenance,
    status: i32,
) -> AccessRow {
    AccessRow {
        access: ask.access,
        row: 0,
        rows: 1,
        principal_kind: who.map_or(PrincipalKind::Unknown, |who| who.name.kind),
        principal: who.map_or(PrincipalNumber::NONE, |who| who.number),
        principal_key: who.map_or(PrincipalKey::default(), |who| who.key),
        api_key: who.map_or(ApiKeyId::NONE, |who| who.api_key),
        origin: who.map_or(Origin::NONE, |who| who.origin),
        sequence: who.map_or(Sequence::NONE, |who| who.sequence),
        key: who.map_or(KeyNumber::NONE, |who| who.signing_key),
        route: ask.target.route,
        task: ask.task(),
        source: source_bytes(ask.source),
        tenant: who.map_or(TenantNumber::NONE, |who| who.tenant_number),
        purpose: who.map_or(0, |who| who.purpose),
        verdict,
        released,
        mode,
        provenance,
        data_subject: DataSubjectNumber::NONE,
        fields: 0,
        status,
    }
}
