//! Asking: listings with pages, and single rows. Works while the disk is full.

use rusqlite::{OptionalExtension as _, Params, params};
use ward_model::{ApiKeyId, CascadeId, IncidentId, PersonId, PrincipalNumber};

use crate::person::user_key;
use crate::row::{
    AlertRow, ApiKeyRow, CascadeRow, CascadeStepRow, ClientRow, ExistenceRow, IncidentEntry,
    IncidentRow, Listing, Page, PersonRow, Read,
};
use crate::{Store, StoreError};

const PERSON: &str = "SELECT person, principal, principal_key, user_name, external_id,
  display_name, given_name, family_name, emails, active, state, created, modified, version
  FROM persons";
const API_KEY: &str = "SELECT api_keys.api_key, kind, owner_kind, owner, created, expires,
  revoked, cause, label FROM api_keys LEFT JOIN labels ON labels.api_key = api_keys.api_key";
const CLIENT: &str = "SELECT client_key, client_id, owner, audience, scope, created, expires,
  revoked, cause FROM clients";
const CASCADE: &str =
    "SELECT cascade, person, cause, signalled, started, finished, open FROM cascades";
const INCIDENT: &str = "SELECT incident, kind, key, principal, opened, closed, note FROM incidents";
const ALERT: &str = "SELECT alert, time, kind, principal, data_subject, key, api_key, access,
  route, leaked FROM alerts";

impl Store {
    fn rows<T: Read>(&self, sql: &str, values: impl Params) -> Result<Vec<T>, StoreError> {
        let projection = self.lock();
        let mut statement = projection.connection.prepare_cached(sql)?;
        let rows = statement.query_map(values, T::read)?.collect::<Result<_, _>>()?;
        Ok(rows)
    }

    fn one<T: Read>(&self, sql: &str, values: impl Params) -> Result<Option<T>, StoreError> {
        let projection = self.lock();
        let mut statement = projection.connection.prepare_cached(sql)?;
        Ok(statement.query_row(values, T::read).optional()?)
    }

    fn page<T: Read>(
        &self,
        table: &str,
        select: &str,
        order: &str,
        page: Page,
    ) -> Result<Listing<T>, StoreError> {
        let (count, start) = page.limits();
        let sql = format!("{select} ORDER BY {order} LIMIT ?1 OFFSET ?2");
        let rows = self.rows(&sql, params![count, start])?;
        let projection = self.lock();
        let count = format!("SELECT count(*) FROM {table}");
        let total = projection.connection.query_row(&count, [], |row| row.get(0))?;
        Ok(Listing { total, rows })
    }

    /// A person by SCIM id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn person(&self, person: PersonId) -> Result<Option<PersonRow>, StoreError> {
        self.one(&format!("{PERSON} WHERE person = ?1"), [&person.0[..]])
    }

    /// A person by user name, without regard to case.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn person_by_user_name(&self, user_name: &str) -> Result<Option<PersonRow>, StoreError> {
        self.one(&format!("{PERSON} WHERE user_key = ?1"), [user_key(user_name)])
    }

    /// Persons by the identity provider's own id; nothing makes it unique.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn persons_by_external_id(&self, id: &str) -> Result<Vec<PersonRow>, StoreError> {
        self.rows(&format!("{PERSON} WHERE external_id = ?1 ORDER BY user_key LIMIT 1000"), [id])
    }

    /// A person by his number as a principal.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn person_by_principal(
        &self,
        principal: PrincipalNumber,
    ) -> Result<Option<PersonRow>, StoreError> {
        self.one(&format!("{PERSON} WHERE principal = ?1"), [principal.0])
    }

    /// Persons by user name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn persons(&self, page: Page) -> Result<Listing<PersonRow>, StoreError> {
        self.page("persons", PERSON, "user_key", page)
    }

    /// API keys, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn api_keys(&self, page: Page) -> Result<Listing<ApiKeyRow>, StoreError> {
        self.page("api_keys", API_KEY, "created DESC, api_keys.api_key", page)
    }

    /// The API keys of one owner.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn api_keys_of(&self, owner: PrincipalNumber) -> Result<Vec<ApiKeyRow>, StoreError> {
        self.rows(&format!("{API_KEY} WHERE owner = ?1 ORDER BY created"), [owner.0])
    }

    /// Names an API key for people. No record holds the name; nothing is decided by it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn label_api_key(&self, api_key: ApiKeyId, label: &str) -> Result<(), StoreError> {
        let label: String = label.chars().filter(|it| !it.is_control()).take(128).collect();
        self.lock().connection.execute(
            "INSERT INTO labels (api_key, label) VALUES (?1, ?2)
             ON CONFLICT (api_key) DO UPDATE SET label = ?2",
            params![api_key.0, label],
        )?;
        Ok(())
    }

    /// OAuth clients by id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn clients(&self, page: Page) -> Result<Listing<ClientRow>, StoreError> {
        self.page("clients", CLIENT, "client_id", page)
    }

    /// Cascades, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn cascades(&self, page: Page) -> Result<Listing<CascadeRow>, StoreError> {
        self.page("cascades", CASCADE, "started DESC, cascade DESC", page)
    }

    /// The cascades of one person, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn cascades_of(&self, person: PersonId) -> Result<Vec<CascadeRow>, StoreError> {
        self.rows(&format!("{CASCADE} WHERE person = ?1 ORDER BY started DESC"), [&person.0[..]])
    }

    /// The steps of a cascade in the order they were last recorded.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn cascade_steps(&self, cascade: CascadeId) -> Result<Vec<CascadeStepRow>, StoreError> {
        self.rows(
            "SELECT step, target, outcome, time FROM cascade_steps WHERE cascade = ?1
             ORDER BY leaf",
            [cascade.0],
        )
    }

    /// Incidents, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn incidents(&self, page: Page) -> Result<Listing<IncidentRow>, StoreError> {
        self.page("incidents", INCIDENT, "opened DESC, incident DESC", page)
    }

    /// One incident.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn incident(&self, incident: IncidentId) -> Result<Option<IncidentRow>, StoreError> {
        self.one(&format!("{INCIDENT} WHERE incident = ?1"), [incident.0])
    }

    /// The timeline of an incident from its start; at most 1000 entries a page.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn incident_entries(
        &self,
        incident: IncidentId,
        page: Page,
    ) -> Result<Vec<IncidentEntry>, StoreError> {
        let (count, start) = page.limits();
        self.rows(
            "SELECT time, kind, alert, access, person, note FROM incident_entries
             WHERE incident = ?1 ORDER BY leaf LIMIT ?2 OFFSET ?3",
            params![incident.0, count, start],
        )
    }

    /// Alerts, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn alerts(&self, page: Page) -> Result<Listing<AlertRow>, StoreError> {
        self.page("alerts", ALERT, "leaf DESC", page)
    }

    /// How the feed of each namespace stands.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn existence(&self) -> Result<Vec<ExistenceRow>, StoreError> {
        self.rows(
            "SELECT namespace, existing, tombstones, watermark, time FROM existence
             ORDER BY namespace",
            [],
        )
    }
}
