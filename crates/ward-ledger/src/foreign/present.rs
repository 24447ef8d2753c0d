//! The check of a foreign issuer's token, and what one without a report is.
//!
//! Order: form, issuer by `iss`, key by `kid` of that issuer, the key's own algorithm, the form of
//! the signature, claims; then the entry. An entry passes once the signature of this exact token was
//! verified; that and everything else that costs is [`classify`]'s, off the hot path. Reasons of
//! known tokens come in the order expired, wrong audience, revoked, suspended, not yet valid.
//! Nothing in a token is believed before its signature. Best test: `foreign/tests.rs`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ward_model::record::UnreportedSeen;
use ward_model::word::{IssuerAlgorithm, IssuerMode, KeyState};
use ward_model::{
    ApiKeyId, Confirmation, IssuerNumber, KeyNumber, Origin, PrincipalKey, PrincipalKind,
    PrincipalName, PrincipalNumber, Reason, Sequence, ShortText, UnixMillis,
};

use super::key::{FOREIGN_SIGNATURE_BYTES_MAX, canonical};
use super::{ForeignKey, IAT_AHEAD_SECONDS_MAX, Issuer};
use crate::base64::{Room, encode};
use crate::by_digest::{Digest, Entry, Found};
use crate::check::{Bearer, Checked, Issued, Refused};
use crate::classify::{Claimed, Classified, Miss, Missed};
use crate::grandfather::{Old, Pin};
use crate::json::{Json, object};
use crate::limits::TOKEN_BYTES_MAX;
use crate::state::{Shared, Snapshot};
use crate::token::{audiences, confirmation, get, numeric_date, text};

/// Names a header must not carry: they choose keys, or change what is signed (RFC 8725 §3.10).
const FORBIDDEN: [&str; 7] = ["crit", "b64", "jku", "jwk", "x5u", "x5c", "zip"];
/// Types an access token may have (RFC 9068 §2.1, RFC 7519 §5.1).
const TYPES: [&str; 3] = ["at+jwt", "application/at+jwt", "JWT"];

/// A token of a declared issuer, taken apart; nothing in it is believed.
struct Token {
    issuer: Arc<Issuer>,
    key: Arc<ForeignKey>,
    name: PrincipalName,
    principal_key: PrincipalKey,
    client_key: PrincipalKey,
    tenant: Option<String>,
    scope: Option<String>,
    confirmation: Option<Confirmation>,
    audiences: Vec<String>,
    issued_at: UnixMillis,
    not_before: Option<UnixMillis>,
    expires_at: UnixMillis,
    /// Where the signature begins, past its dot.
    signed: usize,
    signature: Vec<u8>,
    /// Keyed hash of the exact canonical token.
    exact: u64,
    /// What reports could know it by: its digest, that of its twin, its `jti`.
    names: [Option<Digest>; 3],
}

/// A foreign token to be classified. Nothing in it is believed yet.
pub struct ForeignMiss {
    raw: Box<str>,
    token: Token,
}

impl ForeignMiss {
    /// The key its header names.
    pub(crate) fn key(&self) -> KeyNumber {
        self.token.key.number
    }
}

/// A token with a good signature that nobody reported, seen for the first time: record it before
/// anything is answered, then check again.
#[derive(Debug)]
pub struct Sighted {
    issuer: IssuerNumber,
    key: KeyNumber,
    names: [Digest; 3],
    principal_key: PrincipalKey,
    issued_at: UnixMillis,
    expires_at: UnixMillis,
}

impl Sighted {
    /// The record of it.
    #[must_use]
    pub fn record(self, principal: PrincipalNumber) -> UnreportedSeen {
        let [token, twin, named] = self.names;
        UnreportedSeen {
            issuer: self.issuer,
            key: self.key,
            token,
            twin,
            named,
            principal,
            principal_key: self.principal_key,
            issued_at: self.issued_at,
            expires_at: self.expires_at,
        }
    }
}

/// What a token is before its entry is looked for.
enum Read {
    /// No declared issuer's.
    Others,
    /// Refused for what it is.
    Refused(Reason, IssuerMode),
    Token(Box<Token>),
}

/// The check; `None`: the token is of no declared foreign issuer.
pub(crate) fn check(
    shared: &Shared,
    snapshot: &Snapshot,
    raw: &str,
    now: UnixMillis,
) -> Option<Checked> {
    let token = match read(shared, snapshot, raw) {
        Read::Others => return None,
        Read::Refused(reason, mode) => {
            return Some(Checked::Refuse(Refused { reason, miss: None, holder: None, mode }));
        }
        Read::Token(token) => token,
    };
    let mode = mode(snapshot, &token.issuer);
    if let Some(pin) = shared.pinned(token.exact) {
        let lost = pin.revoked || token.lost_all(shared);
        return Some(token.known(shared, lost, false, mode, now));
    }
    let found = token.entry(shared);
    if let Found::Entry(entry) = &found
        && shared.foreign.verified.contains(token.exact)
    {
        let lost = entry.revoked || token.lost_since(shared, entry);
        return Some(token.known(shared, lost, entry.login_proven, mode, now));
    }
    let reason = match found {
        Found::Dropped if now >= token.expires_at => Reason::Expired,
        _ => Reason::LedgerBehind,
    };
    let miss = ForeignMiss { raw: raw.into(), token: *token };
    let miss = Some(Miss(Missed::Foreign(Box::new(miss))));
    Some(Checked::Refuse(Refused { reason, miss, holder: None, mode }))
}

/// By which digest exactly this token is entered, and when that ends.
pub(crate) fn locate(shared: &Shared, raw: &str) -> Option<(Digest, UnixMillis)> {
    let Read::Token(token) = read(shared, &shared.snapshot.load(), raw) else { return None };
    let is_entered =
        |name: &&Digest| matches!(shared.digests.find(**name, token.expires_at), Found::Entry(_));
    let name = token.names.iter().flatten().find(is_entered)?;
    token.verifies(raw).then_some((*name, token.expires_at))
}

/// What a foreign token that did not pass is: verifies its signature, once per exact token.
pub(crate) fn classify(shared: &Shared, miss: &ForeignMiss, now: UnixMillis) -> Classified {
    let token = &miss.token;
    let (issuer, known) = (&token.issuer, shared.foreign.verified.contains(token.exact));
    let mut out = Classified {
        reason: Reason::BadSignature,
        key: token.key.number,
        claims: Some(token.claimed()),
        signature_good: known || token.verifies(&miss.raw),
        pin: None,
        known_now: false,
        foreign: true,
        sighted: None,
    };
    if !out.signature_good {
        return out;
    }
    shared.foreign.verified.remember(token.exact);
    let found = token.entry(shared);
    if shared.pinned(token.exact).is_some() || matches!(found, Found::Entry(_)) {
        if !known {
            issuer.shared.presented_reported.fetch_add(1, Ordering::Relaxed);
        }
        (out.known_now, out.reason) = (true, Reason::LedgerBehind);
        return out;
    }
    if found == Found::Dropped && now >= token.expires_at {
        out.reason = Reason::Expired;
        return out;
    }
    let second = token.issued_at.seconds();
    let (complete, seen, before) = issuer.with_book(|book| {
        let seen = token.names.iter().flatten().any(|name| book.was_seen(name));
        let before = book.reporting_since.is_some_and(|since| second < since);
        (book.is_complete(second, issuer.reports), seen, before)
    });
    let lost = shared.digests.may_be_lost(token.issued_at);
    let ahead = second > now.seconds().saturating_add(IAT_AHEAD_SECONDS_MAX);
    out.reason = match token.old(shared, now) {
        Old::Expired => Reason::Expired,
        Old::Pass if !seen => match token.refusal(shared, token.lost_all(shared), now) {
            Some(reason) => reason,
            None => {
                out.pin = Some(token.pin());
                Reason::NeverIssued
            }
        },
        // Its report may stand in the part of the journal that a restore lost.
        _ if lost && now >= token.expires_at => Reason::Expired,
        _ if lost => Reason::LedgerBehind,
        // What was issued before reports began and has ended tells nothing of anybody.
        _ if before && now >= token.expires_at => Reason::Expired,
        _ if complete || ahead => Reason::NeverIssued,
        _ => Reason::LedgerBehind,
    };
    let unreported = matches!(out.reason, Reason::NeverIssued | Reason::LedgerBehind);
    if unreported && out.pin.is_none() && !seen && !lost {
        issuer.shared.presented_unreported.fetch_add(1, Ordering::Relaxed);
        out.sighted = Some(token.sighted());
    }
    out
}

fn mode(snapshot: &Snapshot, issuer: &Issuer) -> IssuerMode {
    // WHY enforcing when nothing was said: a forgotten record must not open a door.
    snapshot.modes.get(&issuer.url).copied().unwrap_or(IssuerMode::Enforcing)
}

fn read(shared: &Shared, snapshot: &Snapshot, raw: &str) -> Read {
    if shared.foreign.is_empty() || raw.len() > TOKEN_BYTES_MAX {
        return Read::Others;
    }
    let Some((header, claims, signature, signed)) = cut(raw) else { return Read::Others };
    let mut room = Room::new();
    let Some(members) = room.decode(claims.as_bytes()).and_then(object) else {
        return Read::Others;
    };
    let issuer = text(&members, "iss").flatten().and_then(|url| shared.foreign.by_url(url));
    let Some(issuer) = issuer else { return Read::Others };
    let mode = mode(snapshot, &issuer);
    let refused = |reason| Read::Refused(reason, mode);
    let Some((algorithm, kid)) = read_header(header) else { return refused(Reason::Malformed) };
    let Some(key) = issuer.key(&kid).cloned() else {
        // WHY: the same issuer's key may be in custody here: then it is no foreign token.
        if snapshot.keys.by_kid(&kid).is_some() {
            return Read::Others;
        }
        issuer.shared.wants_keys.store(true, Ordering::Relaxed);
        return refused(Reason::UnknownKey);
    };
    let mut bytes = [0; FOREIGN_SIGNATURE_BYTES_MAX];
    let Some(decoded) = decode_into(signature, &mut bytes) else {
        return refused(Reason::Malformed);
    };
    // INVARIANT: the key says how it signs, the token only repeats it.
    let fits = algorithm == key.algorithm;
    let Some(canonical) = canonical(key.algorithm, decoded.to_vec()).filter(|_| fits) else {
        return refused(Reason::BadSignature);
    };
    let input = raw.get(..signed.saturating_sub(1)).unwrap_or_default();
    match assemble(shared, &issuer, &key, &members, input, canonical) {
        Some(token) => Read::Token(Box::new(Token { signed, ..token })),
        None => refused(Reason::Malformed),
    }
}

/// Header, claims, signature, and where the signature begins.
fn cut(raw: &str) -> Option<(&str, &str, &str, usize)> {
    let (input, signature) = raw.rsplit_once('.')?;
    let (header, claims) = input.split_once('.')?;
    Some((header, claims, signature, input.len() + 1))
}

fn read_header(part: &str) -> Option<(IssuerAlgorithm, String)> {
    let mut room = Room::new();
    let members = object(room.decode(part.as_bytes())?)?;
    if FORBIDDEN.iter().any(|&name| get(&members, name).is_some()) {
        return None;
    }
    if let Some(kind) = get(&members, "typ")
        && !matches!(kind, Json::Text(kind) if TYPES.contains(&kind.as_str()))
    {
        return None;
    }
    let algorithm = IssuerAlgorithm::from_name(text(&members, "alg")??)?;
    Some((algorithm, text(&members, "kid")??.to_owned()))
}

/// Strict base64url of at most the room's bytes.
fn decode_into<'r>(
    text: &str,
    room: &'r mut [u8; FOREIGN_SIGNATURE_BYTES_MAX],
) -> Option<&'r [u8]> {
    use base64_simd::{AsOut as _, URL_SAFE_NO_PAD};
    let fits = URL_SAFE_NO_PAD.decoded_length(text.as_bytes()).is_ok_and(|len| len <= room.len());
    if !fits {
        return None;
    }
    URL_SAFE_NO_PAD.decode(text.as_bytes(), room.as_mut_slice().as_out()).ok().map(|bytes| &*bytes)
}

fn assemble(
    shared: &Shared,
    issuer: &Arc<Issuer>,
    key: &Arc<ForeignKey>,
    members: &[(String, Json)],
    input: &str,
    canonical: super::key::Canonical,
) -> Option<Token> {
    let map = &issuer.mapping;
    let claim = |name: &Option<String>| match name {
        Some(name) => text(members, name).map(|it| it.map(str::to_owned)),
        None => Some(None),
    };
    let kind = match claim(&map.kind)? {
        Some(name) => PrincipalKind::from_name(&name).filter(|kind| map.kinds.contains(kind))?,
        None => *map.kinds.first()?,
    };
    let name = PrincipalName::new(kind, text(members, &map.principal)??).ok()?;
    let seconds = |name: &str| numeric_date(members, name);
    let (issued_at, expires_at) = (seconds("iat")??, seconds("exp")??);
    let (issued_at, expires_at) =
        (UnixMillis::from_seconds(issued_at), UnixMillis::from_seconds(expires_at));
    let secret = &shared.secret;
    let principal_key = secret.principal_key(name.kind, name.id());
    let client = claim(&map.client)?.unwrap_or_default();
    let digest = |signature: &[u8]| {
        let mut whole = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        whole.update(input.as_bytes());
        whole.update(b".");
        whole.update(encode(signature).as_bytes());
        let sha256 = whole.finish().as_ref().first_chunk().copied().unwrap_or_default();
        secret.reported_digest(issuer.number, &sha256)
    };
    let jti = text(members, "jti")?;
    let named = jti
        .map(|jti| secret.reported_jti(issuer.number, jti, principal_key, issued_at, expires_at));
    let twin = canonical.twin.as_ref().map(|twin| digest(twin));
    Some(Token {
        names: [Some(digest(&canonical.signature)), twin, named],
        exact: secret.exact(input.as_bytes(), &canonical.signature),
        client_key: secret.client_key(&client),
        tenant: claim(&map.tenant)?,
        scope: text(members, "scope")?.map(str::to_owned),
        confirmation: confirmation(members)?,
        audiences: audiences(members)?,
        not_before: seconds("nbf")?.map(UnixMillis::from_seconds),
        issuer: Arc::clone(issuer),
        key: Arc::clone(key),
        name,
        principal_key,
        issued_at,
        expires_at,
        signed: 0,
        signature: canonical.signature,
    })
}

impl Token {
    /// Its entry, by whichever of its names it was reported.
    fn entry(&self, shared: &Shared) -> Found {
        let mut told = Found::Never;
        for name in self.names.iter().flatten() {
            match shared.digests.find(*name, self.expires_at) {
                Found::Entry(entry) if entry.key == self.issuer.entry_key() => {
                    return Found::Entry(entry);
                }
                Found::Dropped => told = Found::Dropped,
                Found::Entry(_) | Found::Never => {}
            }
        }
        told
    }

    fn verifies(&self, raw: &str) -> bool {
        let input = raw.get(..self.signed.saturating_sub(1)).unwrap_or_default();
        self.key.verifies(input.as_bytes(), &self.signature)
    }

    /// Whether everything of its principal or client was revoked after it was entered.
    fn lost_since(&self, shared: &Shared, entry: &Entry) -> bool {
        let cuts = [
            shared.principal(self.principal_key).revoked,
            shared.client(self.client_key).revoked,
            shared.client(entry.client).revoked,
        ];
        cuts.into_iter().any(|cut| cut > entry.seen)
    }

    /// Whether anything of its principal or client was ever revoked: an old token has no order.
    fn lost_all(&self, shared: &Shared) -> bool {
        shared.principal(self.principal_key).revoked != 0
            || shared.client(self.client_key).revoked != 0
    }

    /// Why a token that is known may not act; `None`: it may.
    fn refusal(&self, shared: &Shared, lost: bool, now: UnixMillis) -> Option<Reason> {
        let taken = |audience: &String| self.issuer.audiences.contains(audience);
        if now >= self.expires_at {
            Some(Reason::Expired)
        } else if !self.audiences.iter().any(taken) {
            Some(Reason::WrongAudience)
        } else if lost {
            Some(Reason::Revoked)
        } else if shared.principal(self.principal_key).is_suspended {
            Some(Reason::PrincipalSuspended)
        } else if self.not_before.is_some_and(|from| now < from) {
            Some(Reason::NotYetValid)
        } else {
            None
        }
    }

    fn known(
        &self,
        shared: &Shared,
        lost: bool,
        login_proven: bool,
        mode: IssuerMode,
        now: UnixMillis,
    ) -> Checked {
        let bearer = self.bearer();
        if let Some(reason) = self.refusal(shared, lost, now) {
            let holder = Some(bearer);
            return Checked::Refuse(Refused { reason, miss: None, holder, mode });
        }
        Checked::Pass(Issued {
            bearer,
            tenant: self.tenant.as_deref().map(ShortText::from),
            scope: self.scope.as_deref().map(ShortText::from),
            confirmation: self.confirmation,
            expires_at: self.expires_at,
            mode,
            login_proven,
        })
    }

    fn bearer(&self) -> Bearer {
        Bearer {
            kind: self.name.kind,
            name: Some(self.name.clone()),
            number: PrincipalNumber::NONE,
            key: self.principal_key,
            signing_key: self.key.number,
            // WHY not none: it was handed out in order, by the issuer, and is no unledgered token.
            origin: Origin(-self.issuer.number.0),
            sequence: Sequence::NONE,
            api_key: ApiKeyId::NONE,
        }
    }

    fn claimed(&self) -> Claimed {
        Claimed {
            name: self.name.clone(),
            principal_key: self.principal_key,
            tenant: self.tenant.clone(),
            scope: self.scope.clone(),
            confirmation: self.confirmation,
            issuer: Some(self.issuer.url.clone()),
            audience_matches: self.audiences.iter().any(|it| self.issuer.audiences.contains(it)),
            issued_at: Some(self.issued_at),
            expires_at: Some(self.expires_at),
        }
    }

    /// Grandfathering: DESIGN.md section 7, every condition necessary.
    fn old(&self, shared: &Shared, now: UnixMillis) -> Old {
        let Some(window) = self.issuer.grandfathering else { return Old::No };
        let mut holders = self.issuer.signing_holders().peekable();
        let held =
            holders.peek().is_some() && holders.all(|holder| shared.works_here(holder.person_key));
        let old = self.issued_at < window.cut_over
            && self.expires_at <= window.cut_over.plus_ms(window.life_ms_max);
        let open = !window.closed && now < window.closes_at;
        if self.key.state == KeyState::Compromised || !held || !old || !open {
            return Old::No;
        }
        if now >= self.expires_at { Old::Expired } else { Old::Pass }
    }

    fn pin(&self) -> Pin {
        Pin {
            key: self.key.number,
            fingerprint: self.exact,
            principal_key: self.principal_key,
            expires_at: self.expires_at,
        }
    }

    fn sighted(&self) -> Sighted {
        Sighted {
            issuer: self.issuer.number,
            key: self.key.number,
            names: self.names.map(Option::unwrap_or_default),
            principal_key: self.principal_key,
            issued_at: self.issued_at,
            expires_at: self.expires_at,
        }
    }
}
