//! Every record the journal keeps, with its kind number and its columns in order.
//!
//! FORMAT: kinds and column orders are final. A record that needs another column gets a new kind.
//! A payload is `kind u16 LE | columns`; [`Record::decode`] accepts exactly what [`Row::put`]
//! writes. No raw path, query text or field value of a data subject stands in any column.
//! Best test: `record/tests.rs`.

mod access;
mod accesses;
mod credentials;
mod declare;
mod issuers;
mod journal;
mod keys;
mod operators;
mod people;
mod tokens;

pub use access::{Access, Touch};
pub use accesses::*;
pub use credentials::*;
pub use issuers::*;
pub use journal::*;
pub use keys::*;
pub use operators::*;
pub use people::*;
pub use tokens::*;

use crate::column::{Column as _, DecodeError, Octets, Text};
use crate::entry::{Entry, Lane, Rows};
use crate::id::*;
use crate::network::Networks;
use crate::principal::{PrincipalKey, PrincipalKind};
use crate::reason::{Reason, Verdict};
use crate::role::Roles;
use crate::time::UnixMillis;
use crate::word::*;
use declare::{records, rows};

/// One row: a kind and its columns.
pub trait Row {
    /// The kind number of this row.
    const KIND: u16;
    /// Appends the columns.
    fn put(&self, out: &mut Vec<u8>);
}

// In the order of their kind numbers, which stand beside their columns.
records! {
    JournalOpened, NodeStarted, OriginOpened, OriginFenced, TokenIssued, ApiKeyIssued,
    ClientRegistered, TokenRevoked, PrincipalRevoked, ApiKeyRevoked, ClientRevoked,
    PrincipalSuspended, PrincipalRestored, KeyTokensRevoked, KeyStateChanged,
    GrandfatheringOpened, GrandfatheringClosed, TokenPinned, PinRevoked, KeyAdded,
    KeyHolderDeclared, PersonPut, CascadeStarted, CascadeStep, CascadeFinished, AccessRow,
    AccessIntended, IntentClosed, RefusalsCounted, ExistenceFed, AlertRaised, IncidentOpened,
    IncidentNoted, IncidentClosed, OperatorActed, ConfigLoaded, IssuerModeSet, ApprovalProposed,
    ApprovalConsented, ApprovalEnded, OperatorDid, OperatorSet, EnrolmentOffered,
    PasskeyRegistered, PasskeyRevoked, SessionOpened, SessionEnded, SignInsRefused, OperatorRead,
    BypassOpened, BypassEnded, EmergencyReviewed, ApiKeyScoped, OriginLost, Restored,
    KeyTokensCut, ClientTermed, ClientSecretSet, ClientKeyAdded, AssertionUsed, ForgeryPresented,
    RevocationAsked, TokenEntered, EnteredRevoked, IssuerDeclared, IssuerWithdrawn, IssuerKeySeen,
    IssuerKeyGone, IssuerTroubled, IssuanceReported, IssuanceVoided, IssuerComplete,
    UnreportedSeen, IssuerHolderDeclared, IssuerGrandfatheringOpened, IssuerGrandfatheringClosed,
    CustodyOpened, CustodyUnsealed, KeyHoldersUnknown, ApiKeyNamed, ApiKeyReads, ApiKeyConfined,
    ApiKeyReplaced, ApiKeyUsed, LeaksReported, PasskeyCounted, ClientUsed, ApiKeyAnswered,
}

#[cfg(test)]
mod tests;
