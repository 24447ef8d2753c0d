//! Records of reads, of who exists, and of what the detectors made of them.

use super::*;

rows! {
    /// One decided read, and one data subject in it (0: none). See [`Access`].
    60 AccessRow Access {
        /// The request.
        access: AccessId,
        /// This row's place, from 0.
        row: i32,
        /// How many rows the access has.
        rows: i32,
        /// Who read.
        principal_kind: PrincipalKind,
        /// Who read.
        principal: PrincipalNumber,
        /// Who read, as views key it; all zero when unknown.
        principal_key: PrincipalKey,
        /// By which API key.
        api_key: ApiKeyId,
        /// By a token of which origin.
        origin: Origin,
        /// By which token.
        sequence: Sequence,
        /// Signed by which key.
        key: KeyNumber,
        /// On which route.
        route: RouteNumber,
        /// The task.
        task: Task,
        /// From where: an IPv6 or v4-mapped address.
        source: [u8; 16],
        /// For whom the caller acts.
        tenant: TenantNumber,
        /// A stated purpose's keyed hash, 0 when none.
        purpose: i64,
        /// Permit, or refuse with its reason; on an observed route what would have been said.
        verdict: Verdict,
        /// Whether the answer left.
        released: bool,
        /// Whether the route decided or only watched.
        mode: RouteMode,
        /// Where the count comes from.
        provenance: Provenance,
        /// Whose record.
        data_subject: DataSubjectNumber,
        /// Which fields of it: a bit per slot of the route.
        fields: i64,
        /// Status the upstream gave, 0 when not asked.
        status: i32,
    }
    /// An unsafe or streaming request is about to go upstream.
    61 AccessIntended Access {
        /// The request.
        access: AccessId,
        /// Who.
        principal: PrincipalNumber,
        /// Who, as views key it.
        principal_key: PrincipalKey,
        /// By which API key.
        api_key: ApiKeyId,
        /// By a token of which origin.
        origin: Origin,
        /// By which token.
        sequence: Sequence,
        /// Signed by which key.
        key: KeyNumber,
        /// On which route.
        route: RouteNumber,
        /// The task.
        task: Task,
        /// From where: an IPv6 or v4-mapped address.
        source: [u8; 16],
    }
    /// What became of an intent that has no access row.
    62 IntentClosed Access {
        /// The request.
        access: AccessId,
        /// What became of it.
        outcome: Outcome,
    }
    /// Noise, counted: refusals of one kind from one prefix in one minute.
    63 RefusalsCounted Refusal {
        /// The source's /48 (IPv6) or v4-mapped /24.
        prefix: [u8; 16],
        /// Why they were refused.
        reason: Reason,
        /// The minute, floor of journal time.
        minute: UnixMillis,
        /// How many.
        count: i64,
    }
    /// Who exists in a namespace was fed.
    70 ExistenceFed Access {
        /// The namespace.
        namespace: NamespaceNumber,
        /// How many data subjects exist now.
        existing: i64,
        /// How many were deleted.
        tombstones: i64,
        /// Numeric ids above this are unconfirmed, not phantoms; -1 when ids are not numbers.
        watermark: i64,
    }
    /// A detector raised an alert.
    80 AlertRaised Priority {
        /// The alert.
        alert: AlertId,
        /// What was seen.
        kind: AlertKind,
        /// By whom.
        principal: PrincipalNumber,
        /// About whom.
        data_subject: DataSubjectNumber,
        /// Under which key.
        key: KeyNumber,
        /// By which API key.
        api_key: ApiKeyId,
        /// In which request.
        access: AccessId,
        /// On which route.
        route: RouteNumber,
        /// Data subjects whose records had left by then in this matter.
        leaked: i64,
    }
    /// An incident was opened.
    81 IncidentOpened Priority {
        /// The incident.
        incident: IncidentId,
        /// What it is about.
        kind: AlertKind,
        /// The key concerned.
        key: KeyNumber,
        /// The principal concerned.
        principal: PrincipalNumber,
    }
    /// Something was put on an incident's timeline.
    82 IncidentNoted Priority {
        /// The incident.
        incident: IncidentId,
        /// What.
        kind: IncidentEntryKind,
        /// The alert.
        alert: AlertId,
        /// The request.
        access: AccessId,
        /// The person (a holder).
        person: PersonId,
        /// A note by Ward or an operator; no personal data.
        note: Text,
    }
    /// An incident was closed.
    83 IncidentClosed Priority {
        /// The incident.
        incident: IncidentId,
        /// Why.
        note: Text,
    }
}
