//! A SCIM User (RFC 7643 §4.1) and a person's row: the one place where one becomes the other.
//!
//! Pure. Attribute names are compared without case (RFC 7643 §2.1). Attributes this server does
//! not keep are ignored (RFC 7644 §3.3); a value it does keep is refused when it is not right.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use ward_model::word::PersonState;

use crate::limits::EMAILS_MAX;
use crate::person::{Email, PersonRow, id_text, moment_text};
use crate::scim::error::ScimError;

/// The schema of a User.
pub const USER_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// What a request makes of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// His attributes.
    pub row: PersonRow,
    /// Whether he is to be active; `None` when the request does not say.
    pub active: Option<bool>,
}

/// An attribute this server keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// `userName`.
    UserName,
    /// `externalId`.
    ExternalId,
    /// `displayName`.
    DisplayName,
    /// `name`, whole.
    Name,
    /// `name.formatted`.
    Formatted,
    /// `name.familyName`.
    FamilyName,
    /// `name.givenName`.
    GivenName,
    /// `emails`, whole.
    Emails,
    /// `active`.
    Active,
    /// `id`, `meta`, `groups`, `schemas`: the server's own.
    ReadOnly,
    /// Anything else.
    Unknown,
}

impl Attribute {
    /// The attribute of a name, as `displayName`, `name.givenName` or with the schema before it.
    pub fn of(name: &str) -> Self {
        match bare_name(name).to_ascii_lowercase().as_str() {
            "username" => Self::UserName,
            "externalid" => Self::ExternalId,
            "displayname" => Self::DisplayName,
            "name" => Self::Name,
            "name.formatted" => Self::Formatted,
            "name.familyname" => Self::FamilyName,
            "name.givenname" => Self::GivenName,
            "emails" => Self::Emails,
            "active" => Self::Active,
            "id" | "meta" | "groups" | "schemas" => Self::ReadOnly,
            _ => Self::Unknown,
        }
    }
}

/// A name without the User schema's URN before it.
pub fn bare_name(name: &str) -> &str {
    match name.split_at_checked(USER_SCHEMA.len()) {
        Some((head, tail)) if head.eq_ignore_ascii_case(USER_SCHEMA) => {
            tail.strip_prefix(':').unwrap_or(name)
        }
        _ => name,
    }
}

/// An object's members by lower-case name; one name twice is refused.
pub fn members(object: &Map<String, Value>) -> Result<BTreeMap<String, &Value>, ScimError> {
    let mut out = BTreeMap::new();
    for (name, value) in object {
        if out.insert(name.to_ascii_lowercase(), value).is_some() {
            return Err(ScimError::syntax("an attribute stands twice in one object"));
        }
    }
    Ok(out)
}

impl Draft {
    /// Takes in a whole User (POST, PUT): attributes that are missing become empty, but for
    /// `active`, which then stays as it is.
    pub fn replace(blank: PersonRow, body: &Value) -> Result<Self, ScimError> {
        let object = body.as_object().ok_or_else(|| ScimError::syntax("send a JSON object"))?;
        let members = members(object)?;
        if let Some(schemas) = members.get("schemas") {
            let ours = |it: &Value| it.as_str().is_some_and(|it| it == USER_SCHEMA);
            if !schemas.as_array().is_some_and(|list| list.iter().any(ours)) {
                return Err(ScimError::value("schemas must hold the User schema"));
            }
        }
        let row = PersonRow {
            user_name: String::new(),
            external_id: None,
            display_name: None,
            formatted: None,
            family_name: None,
            given_name: None,
            emails: Vec::new(),
            ..blank
        };
        let mut draft = Self { row, active: None };
        for (name, value) in members {
            match Attribute::of(&name) {
                Attribute::ReadOnly | Attribute::Unknown => {}
                known => draft.set(known, value)?,
            }
        }
        draft.checked()
    }

    /// Sets one attribute to a value; `null` empties it (RFC 7643 §2.5).
    pub fn set(&mut self, attribute: Attribute, value: &Value) -> Result<(), ScimError> {
        let row = &mut self.row;
        match attribute {
            Attribute::UserName => {
                row.user_name = text("userName", value)?.unwrap_or_default();
            }
            Attribute::ExternalId => row.external_id = text("externalId", value)?,
            Attribute::DisplayName => row.display_name = text("displayName", value)?,
            Attribute::Formatted => row.formatted = text("name.formatted", value)?,
            Attribute::FamilyName => row.family_name = text("name.familyName", value)?,
            Attribute::GivenName => row.given_name = text("name.givenName", value)?,
            Attribute::Emails => row.emails = emails(value)?,
            Attribute::Active => self.active = Some(truth(value)?),
            Attribute::Name => return self.set_name(value),
            Attribute::ReadOnly => {
                return Err(ScimError::mutability("id, meta, groups and schemas are read-only"));
            }
            Attribute::Unknown => {}
        }
        Ok(())
    }

    fn set_name(&mut self, value: &Value) -> Result<(), ScimError> {
        if value.is_null() {
            self.row.formatted = None;
            self.row.family_name = None;
            self.row.given_name = None;
            return Ok(());
        }
        let object = value.as_object().ok_or_else(|| ScimError::value("name is an object"))?;
        for (name, value) in members(object)? {
            self.set(Attribute::of(&format!("name.{name}")), value)?;
        }
        Ok(())
    }

    /// The draft, if every attribute is within its bounds.
    pub fn checked(self) -> Result<Self, ScimError> {
        match self.row.out_of_bounds() {
            None => Ok(self),
            Some("userName") if self.row.user_name.is_empty() => {
                Err(ScimError::value("userName is required"))
            }
            Some(name) => Err(ScimError::value(format!("{name} is empty, too long or too many"))),
        }
    }
}

fn text(name: &str, value: &Value) -> Result<Option<String>, ScimError> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        _ => Err(ScimError::value(format!("{name} is a string"))),
    }
}

/// A truth value as identity providers spell it: `false`, `"False"`, or `[{"value": "False"}]`.
pub fn truth(value: &Value) -> Result<bool, ScimError> {
    match value {
        Value::Bool(truth) => Ok(*truth),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        Value::Array(list) => match (list.first().and_then(|it| it.get("value")), list.len()) {
            (Some(inner), 1) if !inner.is_array() => truth(inner),
            _ => Err(ScimError::value("active is true or false")),
        },
        _ => Err(ScimError::value("active is true or false")),
    }
}

/// A list of e-mail addresses, or a single one.
pub fn emails(value: &Value) -> Result<Vec<Email>, ScimError> {
    let wrong = || ScimError::value("emails is a list of objects with a value");
    let list = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(list) => list.as_slice(),
        one => core::slice::from_ref(one),
    };
    if list.len() > EMAILS_MAX {
        return Err(ScimError::value("too many emails"));
    }
    let mut out = Vec::with_capacity(list.len());
    for item in list {
        let item = members(item.as_object().ok_or_else(wrong)?)?;
        let value = item.get("value").and_then(|it| it.as_str()).ok_or_else(wrong)?.to_owned();
        let kind = item.get("type").map(|it| text("emails.type", it)).transpose()?.flatten();
        let primary = item.get("primary").map(|it| truth(it)).transpose()?.unwrap_or(false);
        out.push(Email { value, kind, primary });
    }
    Ok(out)
}

/// The User for a row whose state the records give.
pub fn user(row: &PersonRow, state: PersonState, base: &str, version: &str) -> Value {
    let mut out = Map::new();
    out.insert("schemas".into(), json!([USER_SCHEMA]));
    out.insert("id".into(), id_text(row.id).into());
    let mut put = |name: &str, value: &Option<String>| {
        if let Some(value) = value {
            out.insert(name.into(), value.as_str().into());
        }
    };
    put("externalId", &row.external_id);
    put("displayName", &row.display_name);
    let parts = [
        ("formatted", &row.formatted),
        ("familyName", &row.family_name),
        ("givenName", &row.given_name),
    ];
    let name: Map<String, Value> = parts
        .iter()
        .filter_map(|(name, value)| Some(((*name).to_owned(), value.as_deref()?.into())))
        .collect();
    if !name.is_empty() {
        out.insert("name".into(), name.into());
    }
    if !row.emails.is_empty() {
        out.insert("emails".into(), row.emails.iter().map(email).collect());
    }
    out.insert("userName".into(), row.user_name.as_str().into());
    out.insert("active".into(), (state != PersonState::Left).into());
    out.insert(
        "meta".into(),
        json!({
            "resourceType": "User",
            "created": moment_text(row.created),
            "lastModified": moment_text(row.modified),
            "location": format!("{base}/Users/{}", id_text(row.id)),
            "version": version,
        }),
    );
    Value::Object(out)
}

fn email(email: &Email) -> Value {
    let mut out = Map::new();
    out.insert("value".into(), email.value.as_str().into());
    if let Some(kind) = &email.kind {
        out.insert("type".into(), kind.as_str().into());
    }
    if email.primary {
        out.insert("primary".into(), true.into());
    }
    Value::Object(out)
}

/// Keeps the attributes a query asks for (RFC 7644 §3.9), by their top-level names. `schemas` and
/// `id` are always returned.
pub fn select(user: &mut Value, wanted: Option<&str>, unwanted: Option<&str>) {
    let Some(object) = user.as_object_mut() else { return };
    let named = |list: &str, name: &str| {
        list.split(',').any(|it| {
            let top = bare_name(it.trim()).split('.').next().unwrap_or_default();
            top.eq_ignore_ascii_case(name)
        })
    };
    object.retain(|name, _| {
        let always = matches!(name.as_str(), "schemas" | "id");
        let kept = wanted.is_none_or(|list| named(list, name));
        always || (kept && !unwanted.is_some_and(|list| named(list, name)))
    });
}
