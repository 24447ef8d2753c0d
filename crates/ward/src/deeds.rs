//! What the console acts through: the operators' room with this program's persons, its address, and
//! the company's identity provider.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use ward_console::Deeds;
use ward_model::word::{PersonState, Role};
use ward_model::{PersonId, PrincipalKey, PrincipalKind, Secret};
use ward_operators::signin::{Company, Parts, PersonBy, Persons, SignIn};
use ward_operators::{SessionRules, Sessions, Unavailable};
use ward_outbound::client::{Client, SendError, Times};
use ward_outbound::trust::Trust;
use ward_people::PersonRow;
use ward_people::person::{id_from_random, id_text};
use ward_signin::oidc::{
    ClientAuthentication, Fetch, FetchError, FetchRequest, Issuer, Provider, Settings,
};
use ward_signin::passkey::RelyingParty;

use crate::app::App;
use crate::clock;
use crate::config::operators;
use crate::exit::Exit;
use crate::facts::people::name;
use crate::outside::Approving;

/// The operators' room of this program.
pub type Room = SignIn<Approving, Known, Outward>;

/// Opens it; `control` is where the control plane listens.
///
/// # Errors
/// Exit code 64: passkeys cannot work at the console's address, or the identity provider's settings
/// cannot; 66: a file they name cannot be read.
pub fn open(app: &Arc<App>, control: SocketAddr) -> Result<Room, Exit> {
    let config = &app.config.operators;
    let base = config.console.clone().unwrap_or_else(|| format!("http://{control}"));
    let party = RelyingParty::of_site(&base, "Ward").map_err(|error| {
        let remedy = "set operators.console to the https address people open";
        Exit::new(64, format!("operators.console: {error}; {remedy}"))
    })?;
    let (idle_ms, life_ms, step_up_ms) = (config.idle_ms, config.life_ms, config.step_up_ms);
    let rules = SessionRules { idle_ms, life_ms, step_up_ms };
    let random: ward_operators::api::Random = Arc::new(clock::random);
    let company = match &config.provider {
        Some(provider) => Some(company(provider, party.origin())?),
        None => None,
    };
    let desk = app.operators.clone();
    let sessions = Sessions::new(desk.clone(), rules, Arc::clone(&random));
    // A second room of one program shows in nobody's inventory.
    let _first = app.sessions.set(sessions.clone());
    let persons = Known(Arc::clone(app));
    Ok(SignIn::new(Parts { desk, sessions, persons, party, company, random }))
}

/// As the console's router wants it.
#[must_use]
pub fn of(room: &Room) -> Arc<dyn Deeds> {
    Arc::new(room.clone())
}

fn company(provider: &operators::Provider, origin: &str) -> Result<Company<Outward>, Exit> {
    let wrong = |key: &str, why: String| Exit::new(64, format!("operators.oidc.{key}: {why}"));
    let read = |key: &str, file: &Path| {
        let text = std::fs::read_to_string(file);
        text.map_err(|error| Exit::new(66, format!("operators.oidc.{key}: {error}")))
    };
    let Some(file) = &provider.client_secret_file else {
        return Err(wrong("client_secret_file", "is missing".to_owned()));
    };
    let secret = Secret::new(read("client_secret_file", file)?.trim().to_owned());
    let issuer = Issuer::parse(&provider.issuer).map_err(|why| wrong("issuer", why.to_string()))?;
    let settings = Settings {
        issuer,
        client_id: provider.client_id.clone(),
        authentication: ClientAuthentication::SecretBasic(secret),
        redirect_uri: format!("{origin}/console/oidc/callback"),
        scopes: vec!["email".to_owned(), "profile".to_owned()],
        groups_claim: provider.groups_claim.clone(),
    };
    let pem = provider.ca_file.as_deref().map(|file| read("ca_file", file)).transpose()?;
    let trust = Trust::system(pem.as_deref().map(str::as_bytes));
    let trust = trust.map_err(|why| wrong("ca_file", why.to_string()))?;
    let client = Client::new(&trust, Times::default());
    let client = client.map_err(|why| wrong("issuer", why.to_string()))?;
    let made = Provider::new(settings, Outward(client));
    let provider_of = made.map_err(|why| wrong("client_id", why.to_string()))?;
    let held = provider.roles.iter().map(|(group, roles)| (group.clone(), roles.iter().collect()));
    let groups: BTreeMap<String, Vec<Role>> = held.collect();
    Ok(Company { provider: provider_of, groups, person_by: PersonBy::Email })
}

/// How the identity provider is asked.
pub struct Outward(Client);

impl Fetch for Outward {
    async fn fetch(&self, ask: FetchRequest) -> Result<hyper::Response<Vec<u8>>, FetchError> {
        let within = std::time::Duration::from_millis(ask.ms_max);
        let sent = self.0.send(ask.request.map(Bytes::from), ask.answer_bytes_max);
        let answer = tokio::time::timeout(within, sent).await.map_err(|_| FetchError::TooLate)?;
        match answer {
            Ok(answer) => Ok(answer.map(|body| body.to_vec())),
            Err(SendError::Slow { .. }) => Err(FetchError::TooLate),
            Err(SendError::TooLong { .. }) => Err(FetchError::TooLong),
            Err(error) => Err(FetchError::Unreachable(Box::new(error))),
        }
    }
}

/// Persons as rows name them.
pub struct Known(Arc<App>);

impl Known {
    async fn row(
        &self,
        look: impl FnOnce(&ward_store::Store) -> RowFound + Send + 'static,
    ) -> Result<Option<ward_store::PersonRow>, Unavailable> {
        let store = self.0.store.clone();
        let found = tokio::task::spawn_blocking(move || look(&store)).await;
        found.map_err(|_| Unavailable)?.map_err(|_| Unavailable)
    }

    fn principal_key(&self, person: PersonId) -> PrincipalKey {
        self.0.ledger.principal_key(PrincipalKind::Person, &id_text(person))
    }
}

type RowFound = Result<Option<ward_store::PersonRow>, ward_store::StoreError>;

impl Persons for Known {
    async fn by_user_name(&self, user_name: &str) -> Result<Option<PersonId>, Unavailable> {
        let user_name = user_name.to_owned();
        let row = self.row(move |store| store.person_by_user_name(&user_name)).await?;
        Ok(row.map(|row| row.person))
    }

    async fn name(&self, person: PersonId) -> Option<String> {
        let row = self.row(move |store| store.person(person)).await.ok()?;
        row.map(|row| name(Some(&row)))
    }

    async fn bring_in(
        &self,
        user_name: &str,
        display_name: &str,
    ) -> Result<(PersonId, PrincipalKey), Unavailable> {
        if let Some(person) = self.by_user_name(user_name).await? {
            return Ok((person, self.principal_key(person)));
        }
        let (id, now) = (id_from_random(clock::random()), clock::now());
        let row = PersonRow {
            id,
            user_name: user_name.to_owned(),
            external_id: None,
            display_name: Some(display_name.to_owned()),
            formatted: None,
            family_name: None,
            given_name: None,
            emails: Vec::new(),
            created: now,
            modified: now,
            deleted: false,
            state: PersonState::Active,
        };
        self.0.people.join(row, true).await.map_err(|_| Unavailable)?;
        Ok((id, self.principal_key(id)))
    }
}
