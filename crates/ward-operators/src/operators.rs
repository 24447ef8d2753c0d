//! Who is an operator, what each may do and by what he proves it: built from records alone.
//!
//! What it must never do: learn from a database who is an operator; let a link open twice.
//! Where it sits: asked for every call to the control plane. Cost: a few look-ups, no allocation.
//! Best test: `operators/tests.rs`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ward_model::record::{
    ApiKeyIssued, ApiKeyScoped, EnrolmentOffered, OperatorSet, PasskeyRegistered, PersonPut,
};
use ward_model::word::{ApiKeyKind, PersonState};
use ward_model::{
    ApiKeyId, Caller, EnrolmentId, LeafIndex, PasskeyId, PersonId, Position, PrincipalKey,
    PrincipalKind, Record, Roles, UnixMillis,
};

/// What a person may do, and since when without a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Office {
    /// What he may do; never empty.
    pub roles: Roles,
    /// The record he became an operator by, or came back by: consents before it lapse.
    pub since: LeafIndex,
}

/// A registered passkey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passkey {
    /// Whose.
    pub person: PersonId,
    /// The credential id.
    pub credential: Vec<u8>,
    /// COSE_Key.
    pub public_key: Vec<u8>,
    /// What its owner calls it.
    pub name: String,
    /// When it was registered.
    pub at: UnixMillis,
}

/// A one-time link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// For whom; `None` for the very first operator.
    pub person: Option<PersonId>,
    /// What he may do, once enrolled.
    pub roles: Roles,
    /// SHA-256 of its secret.
    pub hash: [u8; 32],
    /// Its end.
    pub expires_at: UnixMillis,
    /// It was offered before there were two operators, without a second person.
    founding: bool,
}

/// An API key of the kind `operator`.
#[derive(Clone, Copy, Debug)]
struct Seat {
    owner_kind: PrincipalKind,
    owner: PrincipalKey,
    expires_at: UnixMillis,
    roles: Roles,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    key: PrincipalKey,
    is_here: bool,
    since: LeafIndex,
}

/// The view.
#[derive(Debug, Default)]
pub struct Operators {
    people: HashMap<PersonId, Seen>,
    by_key: HashMap<PrincipalKey, PersonId>,
    set: BTreeMap<PersonId, (Roles, LeafIndex)>,
    /// Everyone who ever was one.
    ever: BTreeSet<PersonId>,
    passkeys: BTreeMap<PasskeyId, Passkey>,
    /// The highest signature counter of each passkey that counts.
    counts: BTreeMap<PasskeyId, u32>,
    enrolments: BTreeMap<EnrolmentId, Enrolment>,
    seats: BTreeMap<ApiKeyId, Seat>,
}

impl Operators {
    /// What a person may do now; `None` when he is no operator or does not work here.
    #[must_use]
    pub fn office(&self, person: PersonId) -> Option<Office> {
        let (roles, set_at) = *self.set.get(&person)?;
        let seen = self.people.get(&person).filter(|seen| seen.is_here)?;
        Some(Office { roles, since: LeafIndex(set_at.0.max(seen.since.0)) })
    }

    /// What a person may do now.
    #[must_use]
    pub fn roles(&self, person: PersonId) -> Roles {
        self.office(person).map_or(Roles::NONE, |it| it.roles)
    }

    /// Everyone who is an operator now, in the order of ids.
    pub fn now(&self) -> impl Iterator<Item = (PersonId, Office)> + '_ {
        self.set.keys().filter_map(|person| Some((*person, self.office(*person)?)))
    }

    /// Whether there never were two: then the first may enrol the second without anybody else.
    #[must_use]
    pub fn never_two(&self) -> bool {
        self.ever.len() < 2
    }

    /// Whether there never was one: then a link printed at start makes the first.
    #[must_use]
    pub fn never_one(&self) -> bool {
        self.ever.is_empty()
    }

    /// The caller behind an API key that the ledger has found to be good. A person's API key does
    /// what it was given and he himself may do; a machine's, what it was given.
    #[must_use]
    pub fn caller(&self, api_key: ApiKeyId, kind: ApiKeyKind, now: UnixMillis) -> Caller {
        let machine = Caller::machine(api_key, kind);
        let seat = self.seats.get(&api_key).filter(|seat| seat.expires_at > now);
        let Some(seat) = seat else { return machine };
        if seat.owner_kind != PrincipalKind::Person {
            return Caller { roles: seat.roles, ..machine };
        }
        let Some(person) = self.by_key.get(&seat.owner).copied() else { return machine };
        let Some(own) = self.office(person) else { return machine };
        // WHY machines' roles pass: no person holds them, and they were given with a second one's
        // consent.
        let roles = seat.roles.without(seat.roles.without(own.roles).without(Roles::machines()));
        Caller { person, roles, ..machine }
    }

    /// A person known by records, here or not.
    #[must_use]
    pub fn is_known(&self, person: PersonId) -> bool {
        self.people.contains_key(&person)
    }

    /// A person known by records who works here now.
    #[must_use]
    pub fn is_here(&self, person: PersonId) -> bool {
        self.people.get(&person).is_some_and(|seen| seen.is_here)
    }

    /// The principal of a person.
    #[must_use]
    pub fn principal_key(&self, person: PersonId) -> Option<PrincipalKey> {
        self.people.get(&person).map(|seen| seen.key)
    }

    /// A passkey that opens something, by its number.
    #[must_use]
    pub fn passkey(&self, passkey: PasskeyId) -> Option<&Passkey> {
        self.passkeys.get(&passkey)
    }

    /// How often a passkey has signed, by its own last word; 0 when it does not count.
    #[must_use]
    pub fn sign_count(&self, passkey: PasskeyId) -> u32 {
        self.counts.get(&passkey).copied().unwrap_or_default()
    }

    /// A passkey by its credential id.
    #[must_use]
    pub fn passkey_of(&self, credential: &[u8]) -> Option<(PasskeyId, &Passkey)> {
        // Few enough to look at each: operators, not customers.
        self.passkeys.iter().find(|(_, it)| it.credential == credential).map(|(id, it)| (*id, it))
    }

    /// A person's passkeys, oldest number first.
    pub fn passkeys_of(&self, person: PersonId) -> impl Iterator<Item = (PasskeyId, &Passkey)> {
        self.passkeys.iter().filter(move |(_, it)| it.person == person).map(|(id, it)| (*id, it))
    }

    /// The one-time link whose secret hashes to `hash`, if it still works: it was not used, is not
    /// over, and was not overtaken by there being two operators.
    #[must_use]
    pub fn enrolment(&self, hash: &[u8; 32], now: UnixMillis) -> Option<(EnrolmentId, &Enrolment)> {
        use subtle::ConstantTimeEq as _;
        let mut found = None;
        for (id, it) in &self.enrolments {
            if bool::from(it.hash.ct_eq(hash)) {
                found = Some((*id, it));
            }
        }
        found.filter(|(_, it)| self.still_works(it, now))
    }

    /// Links that still work.
    pub fn enrolments(&self, now: UnixMillis) -> impl Iterator<Item = (EnrolmentId, &Enrolment)> {
        let works = move |(_, it): &(&EnrolmentId, &Enrolment)| self.still_works(it, now);
        self.enrolments.iter().filter(works).map(|(id, it)| (*id, it))
    }

    fn still_works(&self, it: &Enrolment, now: UnixMillis) -> bool {
        let timely = it.expires_at > now;
        match it.person {
            None => timely && self.never_one(),
            Some(person) => {
                let here = self.people.get(&person).is_some_and(|seen| seen.is_here);
                timely && here && (!it.founding || self.never_two())
            }
        }
    }

    /// Takes in one record.
    pub fn take_in(&mut self, at: Position, record: &Record) {
        match record {
            Record::PersonPut(it) => self.put_person(at, it),
            Record::PrincipalSuspended(it) => self.put_here(at, it.principal_key, false),
            Record::PrincipalRestored(it) => self.put_here(at, it.principal_key, true),
            Record::OperatorSet(it) => self.put_operator(at, it),
            Record::EnrolmentOffered(it) => self.put_enrolment(it),
            Record::PasskeyRegistered(it) => self.put_passkey(at, it),
            Record::PasskeyCounted(it) => {
                let count = u32::try_from(it.count).unwrap_or(u32::MAX);
                let known = self.counts.entry(it.passkey).or_default();
                *known = count.max(*known);
            }
            Record::PasskeyRevoked(it) => {
                self.counts.remove(&it.passkey);
                self.passkeys.remove(&it.passkey);
            }
            Record::ApiKeyIssued(it) if it.kind == ApiKeyKind::Operator => self.put_seat(it),
            Record::ApiKeyScoped(it) => self.put_scope(it),
            Record::ApiKeyRevoked(it) => drop(self.seats.remove(&it.api_key)),
            _ => {}
        }
    }

    fn put_person(&mut self, at: Position, it: &PersonPut) {
        let is_here = it.state != PersonState::Left;
        self.by_key.insert(it.principal_key, it.person);
        let new = Seen { key: it.principal_key, is_here, since: at.index };
        let seen = self.people.entry(it.person).or_insert(new);
        if seen.is_here != is_here || seen.key != it.principal_key {
            *seen = new;
        }
    }

    fn put_here(&mut self, at: Position, key: PrincipalKey, is_here: bool) {
        let person = self.by_key.get(&key).and_then(|person| self.people.get_mut(person));
        if let Some(seen) = person.filter(|seen| seen.key == key && seen.is_here != is_here) {
            seen.is_here = is_here;
            seen.since = at.index;
        }
    }

    fn put_operator(&mut self, at: Position, it: &OperatorSet) {
        if it.roles.is_empty() {
            self.set.remove(&it.person);
            return;
        }
        self.ever.insert(it.person);
        let since = self.set.get(&it.person).map_or(at.index, |(_, since)| *since);
        self.set.insert(it.person, (it.roles, since));
    }

    fn put_enrolment(&mut self, it: &EnrolmentOffered) {
        let founding = self.never_two();
        if founding {
            // INVARIANT: before there are two operators, only the newest link works.
            self.enrolments.clear();
        }
        let person = Some(it.person).filter(|person| *person != PersonId::default());
        let (roles, hash, expires_at) = (it.roles, it.hash, it.expires_at);
        let offered = Enrolment { person, roles, hash, expires_at, founding };
        self.enrolments.insert(it.enrolment, offered);
    }

    fn put_passkey(&mut self, at: Position, it: &PasskeyRegistered) {
        self.enrolments.remove(&it.enrolment);
        let passkey = Passkey {
            person: it.person,
            credential: it.credential.as_slice().to_vec(),
            public_key: it.public_key.as_slice().to_vec(),
            name: it.name.as_str().to_owned(),
            at: at.time,
        };
        self.passkeys.insert(it.passkey, passkey);
    }

    fn put_seat(&mut self, it: &ApiKeyIssued) {
        let (owner_kind, owner, expires_at) = (it.owner_kind, it.owner_key, it.expires_at);
        let seat = Seat { owner_kind, owner, expires_at, roles: Roles::NONE };
        self.seats.insert(it.api_key, seat);
    }

    fn put_scope(&mut self, it: &ApiKeyScoped) {
        if let Some(seat) = self.seats.get_mut(&it.api_key) {
            seat.roles = it.roles;
        }
    }
}

#[cfg(test)]
mod tests;
