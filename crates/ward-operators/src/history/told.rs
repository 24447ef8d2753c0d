//! Records about operators in plain words. Pure.
//!
//! What it must never do: put a name, id or value of a data subject into a text; keys, routes and
//! issuers are named, people who work here stand as their SCIM ids.
//! Best test: `tests.rs` beside this file.

use std::net::Ipv6Addr;

use ward_model::record::{
    AlertRaised, ApiKeyIssued, ApprovalProposed, BypassOpened, ConfigLoaded, CustodyOpened,
    EmergencyReviewed, EnrolmentOffered, KeyAdded, OperatorRead, OperatorSet, SessionOpened,
    SignInsRefused,
};
use ward_model::word::{AlertKind, ApiKeyKind};
use ward_model::{ApiKeyId, PersonId, Record, Roles, SessionId, UnixMillis};

use super::EntryKind;

/// What a record tells, without its place.
pub(super) struct Told {
    pub person: PersonId,
    pub api_key: ApiKeyId,
    pub session: SessionId,
    pub kind: EntryKind,
    pub text: String,
}

/// Whether a record can belong to the operators' record: a cheap look at its kind.
pub(super) const fn may_tell(record: &Record) -> bool {
    !matches!(
        record,
        Record::AccessRow(_)
            | Record::AccessIntended(_)
            | Record::IntentClosed(_)
            | Record::RefusalsCounted(_)
            | Record::TokenIssued(_)
            | Record::TokenPinned(_)
            | Record::TokenEntered(_)
            | Record::EnteredRevoked(_)
            | Record::TokenRevoked(_)
            | Record::IssuanceReported(_)
            | Record::IssuanceVoided(_)
            | Record::IssuerComplete(_)
            | Record::UnreportedSeen(_)
            | Record::ExistenceFed(_)
            | Record::PersonPut(_)
    )
}

/// In plain words; `None` when the record does not belong here.
pub(super) fn told(record: &Record, is_operators: impl Fn(ApiKeyId) -> bool) -> Option<Told> {
    let nobody = (PersonId::default(), ApiKeyId::NONE, SessionId::NONE);
    let by = |person: PersonId| (person, ApiKeyId::NONE, SessionId::NONE);
    let ((person, api_key, session), kind, text) = match record {
        Record::ApiKeyRevoked(it) if is_operators(it.api_key) => {
            let text = format!("operator's API key {} is revoked ({})", it.api_key, it.cause);
            (nobody, EntryKind::ApiKey, text)
        }
        Record::OperatorActed(it) => {
            let who = (PersonId::default(), it.api_key, SessionId::NONE);
            (who, EntryKind::Act, on(it.act.as_str(), it.target))
        }
        Record::OperatorDid(it) => {
            let who = (it.person, it.api_key, it.session);
            (who, EntryKind::Act, on(it.act.as_str(), it.target))
        }
        Record::OperatorRead(it) => {
            ((it.person, it.api_key, it.session), EntryKind::Read, read(it))
        }
        Record::ApprovalProposed(it) => {
            ((it.proposer, it.api_key, it.session), EntryKind::Proposal, proposed(it))
        }
        Record::ApprovalConsented(it) => {
            let who = (it.person, ApiKeyId::NONE, it.session);
            let text = format!("consents to proposal {} by {}", it.approval, it.proof);
            (who, EntryKind::Consent, text)
        }
        Record::ApprovalEnded(it) => {
            let who = (it.person, it.api_key, it.session);
            (who, EntryKind::ProposalEnd, format!("proposal {}: {}", it.approval, it.how))
        }
        Record::OperatorSet(it) => (by(it.person), EntryKind::Roles, set(it)),
        Record::EnrolmentOffered(it) => (by(it.person), EntryKind::Enrolment, offered(it)),
        Record::PasskeyRegistered(it) => {
            let text = format!("passkey {} is registered: {}", it.passkey, it.name);
            (by(it.person), EntryKind::Passkey, text)
        }
        Record::PasskeyRevoked(it) => {
            (by(it.person), EntryKind::Passkey, format!("passkey {} is revoked", it.passkey))
        }
        Record::SessionOpened(it) => {
            ((it.person, ApiKeyId::NONE, it.session), EntryKind::SignIn, signed_in(it))
        }
        Record::SessionEnded(it) => {
            let who = (it.person, ApiKeyId::NONE, it.session);
            (who, EntryKind::SessionEnd, format!("session {} ends: {}", it.session, it.how))
        }
        Record::SignInsRefused(it) => (by(it.person), EntryKind::SignInRefused, refused(it)),
        Record::BypassOpened(it) => {
            ((it.person, it.api_key, it.session), EntryKind::Bypass, opened(it))
        }
        Record::BypassEnded(it) => {
            (by(it.person), EntryKind::Bypass, format!("bypass {} is ended", it.bypass))
        }
        Record::EmergencyReviewed(it) => (by(it.person), EntryKind::Review, reviewed(it)),
        other => {
            let (person, kind, text) = defence(other)?;
            (by(person), kind, text)
        }
    };
    Some(Told { person, api_key, session, kind, text })
}

/// Records that change what Ward defends with, whoever made them.
fn defence(record: &Record) -> Option<(PersonId, EntryKind, String)> {
    let nobody = PersonId::default();
    Some(match record {
        Record::ApiKeyIssued(it) if it.kind == ApiKeyKind::Operator => {
            (nobody, EntryKind::ApiKey, issued(it))
        }
        Record::ApiKeyScoped(it) => {
            let text = format!("operator's API key {} may: {}", it.api_key, may(it.roles));
            (nobody, EntryKind::ApiKey, text)
        }
        Record::ConfigLoaded(it) => (nobody, EntryKind::Declarations, loaded(it)),
        Record::IssuerModeSet(it) => {
            (nobody, EntryKind::Issuer, format!("issuer {} is {}", it.issuer, it.mode))
        }
        Record::KeyAdded(it) => (nobody, EntryKind::Key, added(it)),
        Record::KeyHolderDeclared(it) => {
            let text = format!("could read key {} ({})", it.key, it.evidence);
            (it.person, EntryKind::Key, text)
        }
        Record::KeyHoldersUnknown(it) => {
            let text = format!("nobody can say who read key {}: every leaver rotates it", it.key);
            (nobody, EntryKind::Key, text)
        }
        Record::CustodyOpened(it) => (nobody, EntryKind::Key, custody(it)),
        Record::CustodyUnsealed(it) => {
            (it.person, EntryKind::Key, format!("share {} opens custody", it.share))
        }
        Record::KeyStateChanged(it) => {
            (nobody, EntryKind::Key, format!("key {} is {} ({})", it.key, it.state, it.cause))
        }
        Record::GrandfatheringOpened(it) => {
            let until = moment(it.closes_at);
            let text = format!("unknown old tokens of key {} may pass once until {until}", it.key);
            (nobody, EntryKind::Key, text)
        }
        Record::GrandfatheringClosed(it) => {
            let text = format!("unknown tokens of key {} pass no more ({})", it.key, it.cause);
            (nobody, EntryKind::Key, text)
        }
        Record::JournalOpened(it) => {
            (nobody, EntryKind::Start, format!("the journal {} was made", it.name))
        }
        Record::NodeStarted(it) => {
            (nobody, EntryKind::Start, format!("Ward {} starts", it.version))
        }
        Record::Restored(it) => {
            let text = format!(
                "restored from a backup of {} leaves; {} leaves stand",
                it.backup_size, it.size
            );
            (nobody, EntryKind::Start, text)
        }
        Record::AlertRaised(it) => (nobody, EntryKind::Alert, alert(it)?),
        other => return issuer(other),
    })
}

/// Records about foreign issuers.
fn issuer(record: &Record) -> Option<(PersonId, EntryKind, String)> {
    let nobody = PersonId::default();
    Some(match record {
        Record::IssuerDeclared(it) => {
            let text = format!("foreign issuer {} ({}) is declared", it.url, it.name);
            (nobody, EntryKind::Issuer, text)
        }
        Record::IssuerWithdrawn(it) => {
            (nobody, EntryKind::Issuer, format!("foreign issuer {} is withdrawn", it.issuer))
        }
        Record::IssuerKeySeen(it) => {
            let text =
                format!("foreign issuer {} publishes key {} ({})", it.issuer, it.key, it.kid);
            (nobody, EntryKind::Issuer, text)
        }
        Record::IssuerKeyGone(it) => {
            let text = format!("foreign issuer {} publishes key {} no more", it.issuer, it.key);
            (nobody, EntryKind::Issuer, text)
        }
        Record::IssuerTroubled(it) => {
            (nobody, EntryKind::Issuer, format!("foreign issuer {}: {}", it.issuer, it.kind))
        }
        Record::IssuerHolderDeclared(it) => {
            let text = format!("could read the {} of issuer {}", it.secret, it.issuer);
            (it.person, EntryKind::Issuer, text)
        }
        Record::IssuerGrandfatheringOpened(it) => {
            let until = moment(it.closes_at);
            let text = format!("old tokens of issuer {} may pass once until {until}", it.issuer);
            (nobody, EntryKind::Issuer, text)
        }
        Record::IssuerGrandfatheringClosed(it) => {
            let text = format!("old tokens of issuer {} pass no more ({})", it.issuer, it.cause);
            (nobody, EntryKind::Issuer, text)
        }
        _ => return None,
    })
}

fn on(act: &str, target: i64) -> String {
    if target == 0 { act.to_owned() } else { format!("{act}, number {target}") }
}

fn read(it: &OperatorRead) -> String {
    let purpose = if it.purpose == 0 { "no purpose stated" } else { "a purpose stated" };
    format!("reads {}: {} data subjects named, {purpose}", it.what, it.data_subjects)
}

fn proposed(it: &ApprovalProposed) -> String {
    let target = if it.target.as_str().is_empty() { "" } else { " of " };
    format!("proposes {}: {}{target}{}: {}", it.approval, it.act, it.target, it.effect)
}

fn set(it: &OperatorSet) -> String {
    if it.roles.is_empty() {
        return format!("{} is no operator any more", it.person.uuid());
    }
    format!("{} is an operator who may: {}", it.person.uuid(), it.roles)
}

fn offered(it: &EnrolmentOffered) -> String {
    let first = it.person == PersonId::default();
    let whom = if first { "the first operator".to_owned() } else { it.person.uuid() };
    format!("a one-time link for {whom}, who may: {}", it.roles)
}

fn signed_in(it: &SessionOpened) -> String {
    format!("signs in by {} from {}", it.how, address(it.source))
}

fn refused(it: &SignInsRefused) -> String {
    format!("{} sign-ins by {} refused, from near {}", it.count, it.how, address(it.prefix))
}

fn opened(it: &BypassOpened) -> String {
    let until = moment(it.until);
    format!("opens route {} until {until} (bypass {}): {}", it.route, it.bypass, it.note)
}

fn reviewed(it: &EmergencyReviewed) -> String {
    if it.bypass.is_none() {
        return format!("looked at break-glass session {}: {}", it.session, it.note);
    }
    format!("looked at bypass {}: {}", it.bypass, it.note)
}

fn issued(it: &ApiKeyIssued) -> String {
    let until = moment(it.expires_at);
    format!("operator's API key {} is issued to a {} until {until}", it.api_key, it.owner_kind)
}

fn may(roles: Roles) -> String {
    if roles.is_empty() { "nothing".to_owned() } else { roles.to_string() }
}

fn loaded(it: &ConfigLoaded) -> String {
    let [config, catalogue, policies] = [it.config, it.catalogue, it.policies].map(short);
    format!("in force: configuration {config}, catalogue {catalogue}, policies {policies}")
}

fn added(it: &KeyAdded) -> String {
    format!("key {} ({}) comes into custody: {}, {}", it.key, it.kid, it.source, it.state)
}

fn custody(it: &CustodyOpened) -> String {
    let anew = if it.rewrapped { ", wrapped anew" } else { "" };
    format!("custody is opened: its key comes from {}{anew}", it.kind)
}

fn alert(it: &AlertRaised) -> Option<String> {
    let about_operators = matches!(
        it.kind,
        AlertKind::UnapprovedChange
            | AlertKind::EmergencyUsed
            | AlertKind::OperatorCredential
            | AlertKind::StoreTampered
            | AlertKind::CredentialLeaked
    );
    about_operators.then(|| format!("alert {}: {}", it.alert, it.kind))
}

/// The first digits of a digest: enough to hold two side by side.
fn short(digest: [u8; 32]) -> String {
    data_encoding::HEXLOWER.encode(digest.first_chunk::<6>().unwrap_or(&[0; 6]))
}

fn address(bytes: [u8; 16]) -> String {
    Ipv6Addr::from(bytes).to_canonical().to_string()
}

fn moment(at: UnixMillis) -> String {
    jiff::Timestamp::from_millisecond(at.ms()).map(|it| it.to_string()).unwrap_or_default()
}
