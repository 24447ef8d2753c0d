//! Who presents what: from a credential to somebody the ledger knows.
//!
//! The ledger decides; here its answer is joined with the register (dense numbers) and with the
//! issuer's mode. A token nobody issued is refused on first use by an enforcing issuer and
//! classified for the record; a learning issuer's is let through as what it claims, and said so.

use std::sync::Arc;

use tokio::sync::Semaphore;
use ward_ledger::{Checked, Claimed, Issued as LedgerIssued, Miss};
use ward_model::word::IssuerMode;
use ward_model::{
    ApiKeyId, KeyNumber, NamespaceNumber, Origin, PrincipalKey, PrincipalKind, PrincipalName,
    PrincipalNumber, Reason, Sequence, TenantNumber,
};
use ward_register::Existence;

use crate::Gate;
use crate::ask::Ask;
use crate::limits::{CLASSIFY_MAX, CLASSIFY_QUEUE_MAX};
use crate::present::Presented;
use crate::refuse::Refusal;

/// Somebody known, as far as records speak of him.
#[derive(Clone)]
pub(crate) struct Who {
    pub(crate) name: PrincipalName,
    pub(crate) number: PrincipalNumber,
    pub(crate) key: PrincipalKey,
    pub(crate) tenant: Option<String>,
    pub(crate) tenant_number: TenantNumber,
    pub(crate) scope: String,
    pub(crate) api_key: ApiKeyId,
    pub(crate) origin: Origin,
    pub(crate) sequence: Sequence,
    pub(crate) signing_key: KeyNumber,
    pub(crate) purpose: i64,
}

/// Proof that the credential was checked and its holder is known. Made here only.
pub struct Issued {
    pub(crate) who: Box<Who>,
    /// What a learning issuer let pass.
    pub(crate) doubt: Option<Reason>,
}

/// Keeps a flood of forged tokens from turning into a flood of signature verifications.
pub(crate) struct Classifier {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Classifier {
    pub(crate) fn new() -> Self {
        Self {
            running: Arc::new(Semaphore::new(CLASSIFY_MAX)),
            waiting: Arc::new(Semaphore::new(CLASSIFY_QUEUE_MAX)),
        }
    }
}

impl Gate {
    /// Step one: the credential is one that Ward issued, live, and held by somebody known.
    pub(crate) async fn check(&self, presented: Presented, ask: &Ask) -> Result<Issued, Refusal> {
        let checked = match &presented {
            Presented::Token(raw) => {
                self.parts.ledger.check(raw, &self.parts.audience, ask.now)
            }
            Presented::ApiKey(raw) => self.parts.ledger.check_api_key(raw, ask.now),
        };
        let issued = match checked {
            Checked::Pass(issued) => Issued { who: self.holder(&issued, ask).await?, doubt: None },
            Checked::Refuse(refused) => match refused.miss {
                Some(miss) => self.classify(miss, refused.reason, ask).await?,
                None => {
                    return Err(Refusal {
                        reason: refused.reason,
                        who: self.known(refused.holder.as_ref(), ask),
                        status: 0,
                    });
                }
            },
        };
        self.exists(&issued)?;
        Ok(issued)
    }

    /// A principal who does not exist cannot read: the cheapest sign of a forgery.
    fn exists(&self, issued: &Issued) -> Result<(), Refusal> {
        let name = &issued.who.name;
        let namespace = NamespaceNumber(i32::from(name.kind.byte()));
        match self.parts.register.existence(namespace, name.id()) {
            Existence::Phantom | Existence::Deleted => Err(Refusal {
                reason: Reason::UnknownDataSubject,
                who: Some(issued.who.clone()),
                status: 0,
            }),
            Existence::Exists | Existence::Unconfirmed | Existence::NotFed => Ok(()),
        }
    }
}
