//! Who calls Ward itself: put into a request's extensions by the one place that checks credentials.

use crate::column::Text;
use crate::id::{ApiKeyId, PersonId, SessionId};
use crate::record::OperatorDid;
use crate::role::Roles;
use crate::word::ApiKeyKind;

/// The credential behind a call to the control plane, already checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Which API key; none in a session.
    pub api_key: ApiKeyId,
    /// What it is for; `operator` in a session.
    pub kind: ApiKeyKind,
    /// Which session; none by an API key.
    pub session: SessionId,
    /// The person behind it; none for a machine's API key.
    pub person: PersonId,
    /// What may be done with it.
    pub roles: Roles,
}

impl Caller {
    /// Ward itself: nobody asked.
    pub const WARD: Self = Self {
        api_key: ApiKeyId::NONE,
        kind: ApiKeyKind::Operator,
        session: SessionId::NONE,
        person: PersonId([0; 16]),
        roles: Roles::NONE,
    };

    /// The caller behind an API key that belongs to no person and has no role.
    #[must_use]
    pub const fn machine(api_key: ApiKeyId, kind: ApiKeyKind) -> Self {
        Self { api_key, kind, ..Self::WARD }
    }

    /// The record of an act: `act` is a verb and a noun, `target` a number or 0, `digest` SHA-256
    /// of the exact request.
    #[must_use]
    pub fn did(&self, act: &str, target: i64, digest: [u8; 32]) -> OperatorDid {
        OperatorDid {
            person: self.person,
            api_key: self.api_key,
            session: self.session,
            act: Text::cut(act),
            target,
            digest,
        }
    }
}
