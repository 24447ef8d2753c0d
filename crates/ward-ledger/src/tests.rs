//! A small world for the tests of this room: keys that sign, a journal that is a list.

#![expect(clippy::string_slice, reason = "the texts cut here are ASCII")]

mod api_keys;
mod by_digest;
mod clients;
mod forged;
mod grandfather;
mod interleave;
mod keys;
mod life;
mod lost;
mod moments;
mod reasons;
mod snapshot;
mod terms;
mod threads;
mod wycheproof;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use ward_model::column::Octets;
use ward_model::record::*;
use ward_model::word::*;
use ward_model::*;

use crate::*;

/// A private key of the tests.
pub(crate) enum Signer {
    Es256(Box<EcdsaKeyPair>),
    EdDsa(Box<Ed25519KeyPair>),
}

impl Signer {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Es256 => Self::Es256(Box::new(
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            )),
            Algorithm::EdDsa => Self::EdDsa(Box::new(Ed25519KeyPair::generate().unwrap())),
        }
    }

    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Es256(_) => Algorithm::Es256,
            Self::EdDsa(_) => Algorithm::EdDsa,
        }
    }

    fn public_key(&self) -> Vec<u8> {
        match self {
            Self::Es256(pair) => pair.public_key().as_ref().to_vec(),
            Self::EdDsa(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    pub(crate) fn sign(&self, signing_input: &str) -> [u8; 64] {
        let message = signing_input.as_bytes();
        let signature = match self {
            Self::Es256(pair) => pair.sign(&SystemRandom::new(), message).unwrap(),
            Self::EdDsa(pair) => pair.sign(message),
        };
        signature.as_ref().try_into().unwrap()
    }
}

pub(crate) fn part(json: &str) -> String {
    base64::encode(json.as_bytes())
}

/// A ledger with its list of records.
pub(crate) struct World {
    pub(crate) ledger: Ledger,
    pub(crate) records: Vec<(UnixMillis, Record)>,
    pub(crate) now: UnixMillis,
    pub(crate) origin: Origin,
    bits: u32,
    random: u64,
}

pub(crate) const AUDIENCE: &str = "shop";
pub(crate) const START: UnixMillis = UnixMillis::from_seconds(1_800_000_000);

impl World {
    pub(crate) fn new(bits: u32) -> Self {
        let ledger = fresh(bits);
        let mut world =
            Self { ledger, records: Vec::new(), now: START, origin: Origin(1), bits, random: 0 };
        world.record(OriginOpened { origin: Origin(1) });
        world
    }

    /// Journal time: never before the head.
    pub(crate) fn record(&mut self, record: impl Into<Record>) {
        let record = record.into();
        let time = self.records.last().map_or(self.now, |(head, _)| self.now.max(*head));
        let index = LeafIndex(i64::try_from(self.records.len()).unwrap());
        self.ledger.view().apply(Position { index, time }, &record);
        self.records.push((time, record));
    }

    /// Rebuilds the ledger from the list of records.
    pub(crate) fn restart(&mut self) {
        self.ledger = fresh(self.bits);
        let mut view = self.ledger.view();
        for (index, (time, record)) in self.records.iter().enumerate() {
            let index = LeafIndex(i64::try_from(index).unwrap());
            view.apply(Position { index, time: *time }, record);
        }
    }

    /// Loads a snapshot and replays the list of records over it.
    pub(crate) fn reload(&mut self, kept: &[u8]) {
        let (ledger, _) = Ledger::from_snapshot(secret(), &mut &*kept).unwrap();
        self.ledger = ledger;
        let mut view = self.ledger.view();
        for (index, (time, record)) in self.records.iter().enumerate() {
            let index = LeafIndex(i64::try_from(index).unwrap());
            view.apply(Position { index, time: *time }, record);
        }
    }

    pub(crate) fn key(&mut self, number: i32, signer: &Signer, source: KeySource) {
        self.record(KeyAdded {
            key: KeyNumber(number),
            kid: Text::cut(&kid(number)),
            algorithm: signer.algorithm(),
            purpose: KeyPurpose::Token,
            source,
            issuer: Text::cut("ward"),
            public_key: Octets::new(signer.public_key()).unwrap(),
            state: KeyState::Active,
        });
    }

    pub(crate) fn signing_input(&mut self, key: i32, place: Locator, body: &TokenBody) -> String {
        self.random += 1;
        let mut random = [0; 14];
        random[..8].copy_from_slice(&self.random.to_le_bytes());
        let jti = self.ledger.secret().seal_locator(place, random);
        let key = self.ledger.key(KeyNumber(key)).unwrap();
        layout::signing_input(key.header(), &jti, "ward", body, self.now)
    }

    /// Signs a token without recording it.
    pub(crate) fn sign(
        &mut self,
        key: i32,
        signer: &Signer,
        sequence: i64,
        body: &TokenBody,
    ) -> (String, TokenIssued) {
        let place = Locator { origin: self.origin, sequence: Sequence(sequence) };
        let seen = self.ledger.revocations();
        let input = self.signing_input(key, place, body);
        let mut signature = signer.sign(&input);
        assert!(canonicalise(signer.algorithm(), &mut signature));
        let secret = self.ledger.secret();
        let principal = &body.principal;
        let issued = TokenIssued {
            origin: place.origin,
            sequence: place.sequence,
            low_water: place.sequence,
            fingerprint: secret.fingerprint(input.as_bytes(), &signature).cast_signed(),
            key: KeyNumber(key),
            principal: PrincipalNumber(1),
            principal_key: secret.principal_key(principal.kind, principal.id()),
            client_key: secret.client_key(&body.client_id),
            issued_at: self.now,
            expires_at: body.expires_at,
            revocations_seen: i64::try_from(seen).unwrap(),
            login_proven: false,
        };
        (layout::compact(&input, &signature), issued)
    }

    /// Signs and records.
    pub(crate) fn issue(
        &mut self,
        key: i32,
        signer: &Signer,
        sequence: i64,
        body: &TokenBody,
    ) -> String {
        let (token, issued) = self.sign(key, signer, sequence, body);
        self.record(issued);
        token
    }

    pub(crate) fn check(&self, raw: &str) -> Checked {
        self.ledger.check(raw, AUDIENCE, self.now)
    }

    /// The reason after classification; `None` for a pass.
    pub(crate) fn reason(&self, raw: &str) -> Option<Reason> {
        reason_at(&self.ledger, raw, AUDIENCE, self.now)
    }

    pub(crate) fn principal_key(&self, id: &str) -> PrincipalKey {
        self.ledger.principal_key(PrincipalKind::Customer, id)
    }
}

pub(crate) fn reason_at(
    ledger: &Ledger,
    raw: &str,
    audience: &str,
    now: UnixMillis,
) -> Option<Reason> {
    match ledger.check(raw, audience, now) {
        Checked::Pass(_) => None,
        Checked::Refuse(Refused { miss: Some(miss), .. }) => {
            Some(ledger.classify(&miss, now).reason)
        }
        Checked::Refuse(refused) => Some(refused.reason),
    }
}

fn fresh(bits: u32) -> Ledger {
    Ledger::with_segment_bits(secret(), bits)
}

pub(crate) fn secret() -> LedgerSecret {
    LedgerSecret::new(Secret::new([42; 32]))
}

pub(crate) fn kid(number: i32) -> String {
    format!("a-key-with-a-long-name-of-its-own-number-{number:04}")
}

pub(crate) fn body(id: &str, life_seconds: i64, now: UnixMillis) -> TokenBody {
    TokenBody {
        principal: PrincipalName::new(PrincipalKind::Customer, id).unwrap(),
        audience: AUDIENCE.into(),
        client_id: "web".into(),
        tenant: None,
        scope: Some("me".into()),
        login: None,
        confirmation: None,
        actors: Vec::new(),
        expires_at: UnixMillis::from_seconds(now.seconds() + life_seconds),
    }
}
