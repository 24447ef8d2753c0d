//! The owner of a leaked API key is written to, at the address SCIM gives for him, by the first
//! mail server of `[notify]`.
//!
//! Nothing waits for it, and a restart forgets it: the incident tells everyone else.

use std::sync::Arc;
use std::time::Duration;

use ward_model::record::AlertRaised;
use ward_model::word::AlertKind;
use ward_model::{PersonId, Position, PrincipalKind};
use ward_outbound::client::Client;
use ward_outbound::mail::{MailAddress, Mailer};
use ward_outbound::notice::Notice;
use ward_outbound::notify::{Courier, Target, Way};
use ward_outbound::outbox::{Attempt, Job};

use crate::app::App;
use crate::clock;

/// Pauses before each attempt.
const PAUSES: [Duration; 3] = [Duration::ZERO, Duration::from_secs(60), Duration::from_secs(600)];

/// How owners are written to.
#[derive(Clone)]
pub struct ToOwners {
    /// Server and sender; none: nobody is.
    pub way: Option<(Mailer, MailAddress)>,
    /// For the courier, who may also call webhooks.
    pub client: Client,
    /// The console's address.
    pub console: String,
}

/// Writes to whoever answers for a leaked API key, if an alert is about one. Reads the store.
pub fn tell(app: &App, to: &ToOwners, at: Position, alert: &AlertRaised) {
    let Some((mailer, from)) = to.way.clone().filter(|_| concerns(alert)) else { return };
    let Some(person) = answers_for(app, alert) else { return };
    let Some(address) = address(app, person) else {
        tracing::warn!(api_key = alert.api_key.0, "whoever answers for it has no address");
        return;
    };
    let Some(notice) = notice(at, alert).map(Arc::new) else { return };
    let way = Way::Mail { mailer, from, to: address };
    let target = Target { name: "owner".into(), way };
    let courier = Courier::new(to.client.clone(), vec![target], &to.console);
    tokio::spawn(async move {
        for pause in PAUSES {
            tokio::time::sleep(pause).await;
            let job = Job { target: 0, notice: Arc::clone(&notice) };
            // WHY not the reason of a failure: a mail server's words may quote the address.
            match courier.attempt(&job, clock::now()).await {
                Attempt::Delivered => return tracing::info!("the owner of a leaked key was told"),
                Attempt::Failed(_) => tracing::info!("the owner of a leaked key is not told yet"),
                Attempt::Refused(_) => break,
            }
        }
        tracing::error!("the owner of a leaked key could not be told");
    });
}

fn concerns(alert: &AlertRaised) -> bool {
    alert.kind == AlertKind::CredentialLeaked && !alert.api_key.is_none()
}

fn answers_for(app: &App, alert: &AlertRaised) -> Option<PersonId> {
    let terms = app.ledger.terms(alert.api_key)?;
    if let Some((person, _)) = terms.answerable {
        return Some(person);
    }
    let key = app.ledger.api_key(alert.api_key)?;
    let is_person = key.owner_kind == PrincipalKind::Person;
    let row = app.store.person_by_principal(key.owner).ok()?.filter(|_| is_person)?;
    Some(row.person)
}

fn address(app: &App, person: PersonId) -> Option<MailAddress> {
    let row = app.store.person(person).ok()??;
    let mut emails = row.emails;
    emails.sort_by_key(|it| !it.primary);
    MailAddress::parse(&emails.first()?.value).ok()
}

fn notice(at: Position, alert: &AlertRaised) -> Option<Notice> {
    let lines = [
        format!("API key: {}", alert.api_key),
        "It was found in the open and opens nothing any more.".to_owned(),
        "Issue another under the same terms, and find where it lay.".to_owned(),
    ];
    let id = format!("owner-{}", alert.alert);
    let link = format!("/console/credentials/api-key-{}", alert.api_key);
    let title = "Ward: an API key you answer for was revoked";
    super::told_as(&id, at.time, "credential.leaked", title, &lines, &link)
}
