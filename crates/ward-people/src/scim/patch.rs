//! PATCH (RFC 7644 §3.5.2) as Okta and Entra send it.
//!
//! Pure. What matters here is `active`: every spelling in use must be understood, and one that is
//! not understood must be refused loudly, for a leave that was silently ignored is a leaver inside.
//! Best test: the table below.

use serde_json::Value;

use crate::limits::PATCH_OPERATIONS_MAX;
use crate::person::Email;
use crate::scim::error::ScimError;
use crate::scim::wire::{Attribute, Draft, emails, members, truth};

const SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Op {
    Add,
    Replace,
    Remove,
}

/// Carries a PATCH out on a draft, all operations or none.
pub fn apply(mut draft: Draft, body: &Value) -> Result<Draft, ScimError> {
    let wrong = || ScimError::syntax("send a PatchOp message with Operations");
    let message = members(body.as_object().ok_or_else(wrong)?)?;
    if let Some(schemas) = message.get("schemas") {
        let ours = |it: &Value| it.as_str().is_some_and(|it| it.eq_ignore_ascii_case(SCHEMA));
        if !schemas.as_array().is_some_and(|list| list.iter().any(ours)) {
            return Err(wrong());
        }
    }
    let operations = message.get("operations").and_then(|it| it.as_array()).ok_or_else(wrong)?;
    if operations.is_empty() || operations.len() > PATCH_OPERATIONS_MAX {
        return Err(ScimError::syntax("between 1 and 100 operations"));
    }
    for operation in operations {
        let operation = members(operation.as_object().ok_or_else(wrong)?)?;
        let op = operation.get("op").and_then(|it| it.as_str()).unwrap_or_default();
        let op = match op.to_ascii_lowercase().as_str() {
            "add" => Op::Add,
            "replace" => Op::Replace,
            "remove" => Op::Remove,
            _ => return Err(ScimError::syntax("op is add, replace or remove")),
        };
        let value = operation.get("value").copied();
        match operation.get("path").filter(|path| !path.is_null()) {
            Some(path) => {
                let path = path.as_str().ok_or_else(|| ScimError::path("path is a string"))?;
                at_path(&mut draft, op, path, value)?;
            }
            None => without_path(&mut draft, op, value)?,
        }
    }
    draft.checked()
}

fn without_path(draft: &mut Draft, op: Op, value: Option<&Value>) -> Result<(), ScimError> {
    if op == Op::Remove {
        return Err(ScimError::no_target("remove needs a path"));
    }
    let object = value
        .and_then(|it| it.as_object())
        .ok_or_else(|| ScimError::value("without a path the value is an object"))?;
    for (name, value) in members(object)? {
        match Attribute::of(&name) {
            // WHY ignored: identity providers send the whole resource back, read-only parts too.
            Attribute::ReadOnly => {}
            _ => at_path(draft, op, &name, Some(value))?,
        }
    }
    Ok(())
}

fn at_path(draft: &mut Draft, op: Op, path: &str, value: Option<&Value>) -> Result<(), ScimError> {
    if let Some(selected) = EmailPath::parse(path)? {
        return selected.apply(draft, op, value);
    }
    let plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | ':' | '_' | '-' | '$');
    if path.is_empty() || !path.chars().all(plain) {
        return Err(ScimError::path("the path is not understood"));
    }
    let attribute = Attribute::of(path);
    match (op, attribute) {
        (Op::Remove, Attribute::UserName | Attribute::Active) => {
            Err(ScimError::value("userName and active cannot be removed"))
        }
        (Op::Remove, _) => draft.set(attribute, &Value::Null),
        (Op::Add, Attribute::Emails) => add_emails(draft, needed(value)?),
        (Op::Add | Op::Replace, _) => draft.set(attribute, needed(value)?),
    }
}

fn needed(value: Option<&Value>) -> Result<&Value, ScimError> {
    value.ok_or_else(|| ScimError::value("the operation needs a value"))
}

fn add_emails(draft: &mut Draft, value: &Value) -> Result<(), ScimError> {
    for email in emails(value)? {
        draft.row.emails.retain(|it| it.value != email.value);
        draft.row.emails.push(email);
    }
    Ok(())
}

/// `emails[type eq "work"]` and `emails[type eq "work"].value`.
struct EmailPath {
    key: EmailPart,
    wanted: String,
    part: Option<EmailPart>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum EmailPart {
    Value,
    Kind,
    Primary,
}

impl EmailPart {
    fn of(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "value" => Some(Self::Value),
            "type" => Some(Self::Kind),
            "primary" => Some(Self::Primary),
            _ => None,
        }
    }
}

impl EmailPath {
    fn parse(path: &str) -> Result<Option<Self>, ScimError> {
        let Some((attribute, rest)) = path.split_once('[') else { return Ok(None) };
        let wrong =
            || ScimError::path("supported: emails[type eq \"work\"] with .value or .primary");
        match Attribute::of(attribute) {
            Attribute::Emails => {}
            // WHY refused: a selected attribute that is kept and cannot be selected matters.
            Attribute::Active | Attribute::UserName => return Err(wrong()),
            _ => return Ok(None),
        }
        let (filter, rest) = rest.rsplit_once(']').ok_or_else(wrong)?;
        let mut words = filter.trim().splitn(3, ' ');
        let key = words.next().and_then(EmailPart::of).ok_or_else(wrong)?;
        if !words.next().is_some_and(|it| it.eq_ignore_ascii_case("eq")) {
            return Err(wrong());
        }
        let wanted = words.next().unwrap_or_default().trim();
        let wanted = match serde_json::from_str(wanted).map_err(|_| wrong())? {
            Value::String(text) if key != EmailPart::Primary => text,
            Value::Bool(truth) if key == EmailPart::Primary => truth.to_string(),
            _ => return Err(wrong()),
        };
        let part = match rest.strip_prefix('.') {
            Some(name) => Some(EmailPart::of(name).ok_or_else(wrong)?),
            None if rest.is_empty() => None,
            None => return Err(wrong()),
        };
        Ok(Some(Self { key, wanted, part }))
    }

    fn selects(&self, email: &Email) -> bool {
        match self.key {
            EmailPart::Value => email.value.eq_ignore_ascii_case(&self.wanted),
            EmailPart::Kind => {
                email.kind.as_deref().is_some_and(|it| it.eq_ignore_ascii_case(&self.wanted))
            }
            EmailPart::Primary => email.primary.to_string() == self.wanted,
        }
    }

    fn apply(&self, draft: &mut Draft, op: Op, value: Option<&Value>) -> Result<(), ScimError> {
        let list = &mut draft.row.emails;
        let found = list.iter().any(|it| self.selects(it));
        match (op, self.part) {
            (Op::Remove, Some(EmailPart::Value) | None) => {
                list.retain(|it| !self.selects(it));
                Ok(())
            }
            (Op::Remove, Some(part)) => {
                for email in list.iter_mut().filter(|it| self.selects(it)) {
                    match part {
                        EmailPart::Kind => email.kind = None,
                        _ => email.primary = false,
                    }
                }
                Ok(())
            }
            (_, None) => {
                let new = emails(needed(value)?)?;
                list.retain(|it| !self.selects(it));
                list.extend(new);
                Ok(())
            }
            // WHY made when it is missing: Entra adds an address by naming its type.
            (_, Some(EmailPart::Value)) if !found && self.key == EmailPart::Kind => {
                let kind = Some(self.wanted.clone());
                list.push(Email { kind, ..Email::default() });
                self.write(draft, EmailPart::Value, needed(value)?)
            }
            (_, Some(_)) if !found => Err(ScimError::no_target("no such address")),
            (_, Some(part)) => self.write(draft, part, needed(value)?),
        }
    }

    fn write(&self, draft: &mut Draft, part: EmailPart, value: &Value) -> Result<(), ScimError> {
        let wrong = || ScimError::value("the address part is a string");
        let selected = draft.row.emails.iter_mut().filter(|it| self.selects(it));
        for email in selected {
            match part {
                EmailPart::Value => email.value = value.as_str().ok_or_else(wrong)?.to_owned(),
                EmailPart::Kind => {
                    email.kind = Some(value.as_str().ok_or_else(wrong)?.to_owned());
                }
                EmailPart::Primary => email.primary = truth(value)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
