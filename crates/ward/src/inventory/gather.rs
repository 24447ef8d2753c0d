//! The inventory out of the open rooms: the ledger, custody, operators, what is configured, and who
//! used what. Off the serving threads; nothing of it is kept.

use std::collections::HashMap;

use ward_ledger::{ApiKey, Client, Key};
use ward_model::word::{KeyState, PersonState};
use ward_model::{ApiKeyId, PersonId, PrincipalKey, PrincipalKind, UnixMillis};
use ward_people::person::id_text;

use super::{Answers, Consumer, Credential, Holder, Kind, Owner, State};
use crate::app::App;
use crate::clock;
use crate::facts::people::name;
use crate::view::uses::{Count, Used};

/// Every credential with its warnings: signing keys, API keys, clients, passkeys, sessions, the
/// identity provider's secret; within a kind the newest first.
pub fn all(app: &App) -> Vec<Credential> {
    let keys = app.ledger.api_keys();
    let secret = app.ledger.secret();
    let clients = app.ledger.clients();
    let of_clients = clients.iter().map(|it| (it.client_key, it.client_id.clone()));
    // Whoever had tokens issued by an API key is a client of that name.
    let of_keys = keys.iter().map(|it| format!("api-key-{}", it.id));
    let of_keys = of_keys.map(|name| (secret.client_key(&name), name));
    let client_names = of_clients.chain(of_keys).collect();
    Gather { app, now: clock::now(), names: HashMap::new(), client_names }.all()
}

/// One credential by its id.
pub fn one(app: &App, id: &str) -> Option<Credential> {
    all(app).into_iter().find(|it| it.id == id)
}

struct Gather<'a> {
    app: &'a App,
    now: UnixMillis,
    names: HashMap<PersonId, String>,
    client_names: HashMap<PrincipalKey, String>,
}

impl Gather<'_> {
    fn all(mut self) -> Vec<Credential> {
        let mut all: Vec<Credential> = Vec::new();
        let keys = self.app.ledger.keys();
        all.extend(keys.iter().map(|key| self.signing_key(key)));
        let keys = self.app.ledger.api_keys();
        all.extend(keys.iter().map(|key| self.api_key(key)));
        let clients = self.app.ledger.clients();
        all.extend(clients.iter().map(|client| self.client(client)));
        all.extend(self.passkeys());
        all.extend(self.sessions());
        all.extend(self.provider());
        // Newest first within a kind; ids make the order whole.
        all.sort_by(|a, b| {
            let newest = |it: &Credential| core::cmp::Reverse(it.created_at);
            (a.kind, newest(a), &a.id).cmp(&(b.kind, newest(b), &b.id))
        });
        let (policy, now) = (self.app.set.load().config.inventory, self.now);
        all.into_iter().map(|it| it.judge(&policy, now)).collect()
    }

    fn name(&mut self, person: PersonId) -> String {
        let store = &self.app.store;
        // A row that cannot be read hides no credential: its person has no name then.
        let found = || name(store.person(person).ok().flatten().as_ref());
        self.names.entry(person).or_insert_with(found).clone()
    }

    fn works_here(&self, person: PersonId) -> bool {
        self.app.holdings.read(|view| {
            view.person(person).is_some_and(|held| {
                let key = held.principal_key;
                held.state != PersonState::Left
                    && !view.is_suspended_as_leaver(key)
                    && !view.is_suspended_otherwise(key)
            })
        })
    }

    fn person(&mut self, person: PersonId) -> Owner {
        let answers = if self.works_here(person) { Answers::Yes } else { Answers::NoMore };
        let (id, name) = (id_text(person), self.name(person));
        Owner { kind: "person", id, name, answerable: None, answers }
    }

    fn ward() -> Owner {
        let (id, name) = (String::new(), "Ward itself".to_owned());
        Owner { kind: "ward", id, name, answerable: None, answers: Answers::Yes }
    }

    fn signing_key(&mut self, key: &Key) -> Credential {
        let used = self.app.uses.of_signing_key(key.number);
        let holders = key.holders.iter().map(|it| Holder {
            person: id_text(it.person),
            name: self.name(it.person),
            evidence: it.evidence.as_str(),
            since: it.since,
            gone: !self.works_here(it.person),
        });
        let holders = holders.collect();
        let state = match key.state {
            KeyState::Next | KeyState::Active => State::Live,
            KeyState::Retired => State::Retired,
            KeyState::Compromised => State::Revoked,
        };
        let mut details = vec![
            ("state", key.state.as_str().to_owned()),
            ("purpose", key.purpose.as_str().to_owned()),
            ("algorithm", key.algorithm.as_str().to_owned()),
            ("source", key.source.as_str().to_owned()),
            ("issuer", key.issuer.clone()),
            ("live tokens", self.app.ledger.live_tokens(key.number).to_string()),
        ];
        if let Some(since) = key.holders_unknown_since {
            details.push(("holders unknown since", crate::api::text_of(since)));
        }
        Credential {
            id: format!("signing-key-{}", key.number),
            kind: Kind::SigningKey,
            name: key.kid.clone(),
            sort: key.purpose.as_str().to_owned(),
            state,
            owner: Self::ward(),
            holders,
            created_at: self.app.uses.key_born(key.number),
            last_used: used.all.last(),
            use_known: true,
            uses: used.all.count,
            refused: used.refused.count,
            expires_at: None,
            replaced: false,
            consumers: self.consumers(&used),
            details,
            warnings: Vec::new(),
        }
    }

    fn api_key(&mut self, key: &ApiKey) -> Credential {
        let used = self.app.uses.of_api_key(key.id);
        let terms = self.app.ledger.terms(key.id).unwrap_or_default();
        let replaced = !terms.replaced_by.is_none();
        let state = if key.revoked {
            State::Revoked
        } else if self.now >= key.expires_at {
            State::Expired
        } else if replaced {
            State::Ending
        } else {
            State::Live
        };
        let optional = |label, text: String| (!text.is_empty()).then_some((label, text));
        let number = |label, id: ApiKeyId| (!id.is_none()).then(|| (label, id.to_string()));
        let networks: Vec<String> = terms.networks.iter().map(|it| it.to_string()).collect();
        let roles = (!terms.roles.is_empty()).then(|| ("may", terms.roles.to_string()));
        let details = [
            Some(("number", key.id.to_string())),
            Some(("for", key.kind.as_str().to_owned())),
            optional("description", terms.description.clone()),
            roles,
            optional("routes", terms.scope.replace(' ', ", ")),
            optional("networks", networks.join(", ")),
            number("replaces", terms.replaces),
            number("replaced by", terms.replaced_by),
        ];
        let issued_at = terms.issued_at;
        Credential {
            id: format!("api-key-{}", key.id),
            kind: Kind::ApiKey,
            name: terms.name.clone(),
            sort: key.kind.as_str().to_owned(),
            state,
            owner: self.owner_of(key, terms.answerable.map(|(person, _)| person)),
            holders: Vec::new(),
            created_at: (issued_at.ms() > 0).then_some(issued_at),
            last_used: used.all.last(),
            use_known: true,
            uses: used.all.count,
            refused: used.refused.count,
            expires_at: Some(key.expires_at),
            replaced,
            consumers: self.consumers(&used),
            details: details.into_iter().flatten().collect(),
            warnings: Vec::new(),
        }
    }

    /// Whose an API key is. WHY a service needs a person answerable: services do not leave.
    fn owner_of(&mut self, key: &ApiKey, answerable: Option<PersonId>) -> Owner {
        let answers_for = answerable.map(|person| (self.works_here(person), person));
        let named = answers_for.map(|(_, person)| (id_text(person), self.name(person)));
        let kind = key.owner_kind.as_str();
        if key.owner_kind == PrincipalKind::Person {
            let row = self.app.store.person_by_principal(key.owner).ok().flatten();
            let mut owner = match row {
                Some(row) => self.person(row.person),
                None => Owner {
                    kind,
                    id: String::new(),
                    name: "nobody SCIM knows".to_owned(),
                    answerable: None,
                    answers: Answers::NoMore,
                },
            };
            owner.answerable = named;
            return owner;
        }
        let suspended = self.app.ledger.is_suspended(key.owner_key);
        let answers = match (key.owner_kind, answers_for) {
            _ if suspended => Answers::NoMore,
            (_, Some((true, _))) => Answers::Yes,
            (_, Some((false, _))) => Answers::NoMore,
            (PrincipalKind::Service, None) => Answers::Nobody,
            // A seller or rider answers for his own key.
            (_, None) => Answers::Yes,
        };
        let id = match key.owner_kind {
            PrincipalKind::Service => {
                let found = self.app.register.name(key.owner.into()).ok().flatten();
                found.map(|(_, id)| id).unwrap_or_default()
            }
            // A data subject is not named.
            _ => String::new(),
        };
        let name = if id.is_empty() { format!("a {kind}") } else { id.clone() };
        Owner { kind, id, name, answerable: named, answers }
    }

    fn client(&mut self, client: &Client) -> Credential {
        let used: Count = self.app.uses.of_client(client.client_key);
        let state = if client.revoked {
            State::Revoked
        } else if self.now >= client.expires_at {
            State::Expired
        } else {
            State::Live
        };
        let mut details = vec![
            ("audience", client.audience.clone()),
            ("life of its tokens, s", (client.life_ms_max / 1000).to_string()),
        ];
        if !client.scope.is_empty() {
            details.push(("scope", client.scope.clone()));
        }
        Credential {
            id: format!("client-{}", client.client_id),
            kind: Kind::Client,
            name: client.client_id.clone(),
            sort: "oauth".to_owned(),
            state,
            owner: self.person(client.owner),
            holders: Vec::new(),
            created_at: self.app.uses.client_born(client.client_key),
            last_used: used.last(),
            use_known: true,
            uses: used.count,
            refused: 0,
            expires_at: Some(client.expires_at),
            replaced: false,
            consumers: Vec::new(),
            details,
            warnings: Vec::new(),
        }
    }

    fn passkeys(&mut self) -> Vec<Credential> {
        let found: Vec<_> = self.app.operators.read(|it| {
            let operators = it.operators();
            let all = operators.now().flat_map(|(person, _)| operators.passkeys_of(person));
            all.map(|(id, passkey)| (id, passkey.person, passkey.name.clone(), passkey.at))
                .collect()
        });
        let one =
            |(id, person, name, at): (ward_model::PasskeyId, PersonId, String, UnixMillis)| {
                self.plain(format!("passkey-{id}"), Kind::Passkey, name, person, at)
            };
        found.into_iter().map(one).collect()
    }

    fn sessions(&mut self) -> Vec<Credential> {
        let open = self.app.sessions.get().map(|it| it.list()).unwrap_or_default();
        let one = |it: ward_operators::Session| {
            let id = format!("session-{}", it.id);
            let made = self.plain(id, Kind::Session, String::new(), it.person, it.opened_at);
            Credential {
                sort: it.how.as_str().to_owned(),
                last_used: Some(it.seen_at),
                use_known: true,
                expires_at: Some(it.ends_at),
                ..made
            }
        };
        open.into_iter().map(one).collect()
    }

    fn plain(
        &mut self,
        id: String,
        kind: Kind,
        name: String,
        person: PersonId,
        at: UnixMillis,
    ) -> Credential {
        Credential {
            id,
            kind,
            name,
            sort: "operator".to_owned(),
            state: State::Live,
            owner: self.person(person),
            holders: Vec::new(),
            created_at: Some(at),
            last_used: None,
            use_known: false,
            uses: 0,
            refused: 0,
            expires_at: None,
            replaced: false,
            consumers: Vec::new(),
            details: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Ward's own secret at the identity provider: as old as its file.
    fn provider(&self) -> Option<Credential> {
        let config = &self.app.config.operators;
        let provider = config.provider.as_ref()?;
        let file = provider.client_secret_file.as_ref()?;
        let changed = std::fs::metadata(file).ok().and_then(|it| it.modified().ok());
        let since = changed.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        let created_at = since.and_then(|it| i64::try_from(it.as_millis()).ok());
        Some(Credential {
            id: "provider-secret".to_owned(),
            kind: Kind::ProviderSecret,
            name: provider.client_id.clone(),
            sort: "oidc".to_owned(),
            state: State::Live,
            owner: Self::ward(),
            holders: Vec::new(),
            created_at: created_at.map(UnixMillis::new),
            last_used: None,
            use_known: false,
            uses: 0,
            refused: 0,
            expires_at: None,
            replaced: false,
            consumers: Vec::new(),
            details: vec![("issuer", provider.issuer.clone())],
            warnings: Vec::new(),
        })
    }

    fn consumers(&self, used: &Used) -> Vec<Consumer> {
        let catalogue = self.app.catalogue.load();
        let told = |kind, name: String, it: &Count| Consumer {
            kind,
            name,
            count: it.count,
            last: it.last,
        };
        let mut all: Vec<Consumer> = Vec::new();
        for (number, count) in &used.routes {
            let route = catalogue.route(*number);
            let name = route.map_or_else(|| format!("route {number}"), |it| it.name.clone());
            all.push(told("route", name, count));
        }
        if used.other.count > 0 {
            all.push(told("route", "others".to_owned(), &used.other));
        }
        for (key, count) in &used.clients {
            let name = self.client_names.get(key).map_or("not known", String::as_str);
            all.push(told("client", name.to_owned(), count));
        }
        if used.control.count > 0 {
            all.push(told("control_plane", "control plane".to_owned(), &used.control));
        }
        all.sort_by_key(|it| core::cmp::Reverse(it.last));
        all
    }
}
