//! Policy files into rules: every mistake at once, by file and line, with its remedy.
//!
//! Strict: what the schema does not know, what can never apply, an unknown `@reason`, templates
//! and two policies of one id are mistakes.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use cedar_policy::{PolicyId, PolicySet, Schema, ValidationMode, Validator};
use miette::Diagnostic;
use sha2::{Digest as _, Sha256};

use crate::cache::Cache;
use crate::limits::{SOURCE_BYTES_MAX, SOURCES_MAX};
use crate::{Rules, SCHEMA};

/// A mistake in a policy file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{file}:{line}: {message}; {remedy}")]
pub struct PolicyMistake {
    /// The file's name as given.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

/// Collects mistakes and policies of all files.
#[derive(Default)]
struct Loading<'s> {
    mistakes: Vec<PolicyMistake>,
    set: PolicySet,
    no_purpose: Vec<String>,
    /// Policy id to file name and text.
    files: BTreeMap<String, (&'s str, &'s str)>,
}

pub(crate) fn load(sources: &[(&str, &str)]) -> Result<Rules, Vec<PolicyMistake>> {
    let mut loading = Loading::default();
    let mut digest = Sha256::new();
    let mut sorted = sources.to_vec();
    sorted.sort_unstable();
    for part in sorted.iter().flat_map(|(name, text)| [*name, *text]).chain([SCHEMA]) {
        digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        digest.update(part.as_bytes());
    }
    if sources.len() > SOURCES_MAX {
        let remedy = format!("keep at most {SOURCES_MAX}");
        return Err(vec![mistake("policies", 1, "too many policy files", &remedy)]);
    }
    let schema = match Schema::from_cedarschema_str(SCHEMA) {
        Ok((schema, _)) => schema,
        Err(error) => return Err(vec![of("ward.cedarschema", SCHEMA, &error, "mend the schema")]),
    };
    for (name, text) in sorted {
        loading.file(name, text);
    }
    loading.validate(&schema);
    if loading.mistakes.is_empty() && loading.set.is_empty() {
        let remedy = "add policies, or everything is refused";
        loading.mistakes.push(mistake("policies", 1, "no policy at all", remedy));
    }
    if !loading.mistakes.is_empty() {
        loading.mistakes.sort();
        loading.mistakes.dedup();
        return Err(loading.mistakes);
    }
    let Loading { set, no_purpose, .. } = loading;
    Ok(Rules { set, schema, no_purpose, digest: digest.finalize().into(), cache: Cache::new() })
}

impl<'s> Loading<'s> {
    fn file(&mut self, name: &'s str, text: &'s str) {
        if text.len() > SOURCE_BYTES_MAX {
            let remedy = format!("split it; at most {SOURCE_BYTES_MAX} bytes");
            self.mistakes.push(mistake(name, 1, "the file is too long", &remedy));
            return;
        }
        let parsed = match PolicySet::from_str(text) {
            Ok(parsed) => parsed,
            Err(error) => {
                let remedy = "mend the syntax (see the Cedar policy language)";
                self.mistakes.push(of(name, text, &error, remedy));
                return;
            }
        };
        if parsed.templates().next().is_some() {
            let remedy = "write it without `?principal` and `?resource`";
            self.mistakes.push(mistake(name, 1, "templates are never linked", remedy));
        }
        for policy in parsed.policies() {
            let id = policy.annotation("id").unwrap_or_default().to_owned();
            let named = policy.to_cedar().and_then(|it| it.lines().next().map(str::to_owned));
            let line = named.map_or(1, |first| line_of_text(text, &first));
            if id.is_empty() {
                let remedy = "write @id(\"...\") before it";
                self.mistakes.push(mistake(name, line, "a policy has no id", remedy));
                continue;
            }
            match policy.annotation("reason") {
                None | Some("policy") => {}
                Some("no_purpose") => self.no_purpose.push(id.clone()),
                Some(_) => {
                    let remedy = "use \"policy\" or \"no_purpose\"";
                    self.mistakes.push(mistake(name, line, "unknown @reason", remedy));
                }
            }
            if self.set.add(policy.new_id(PolicyId::new(&id))).is_err() {
                let message = format!("two policies have the id {id}");
                let spelled = format!("@id(\"{id}\")");
                let line = text.lines().collect::<Vec<_>>();
                let line = line.iter().rposition(|it| it.contains(&spelled)).map_or(1, |at| at + 1);
                self.mistakes.push(mistake(name, line, &message, "give one of them another id"));
            }
            self.files.entry(id).or_insert((name, text));
        }
    }

    fn validate(&mut self, schema: &Schema) {
        let result = Validator::new(schema.clone()).validate(&self.set, ValidationMode::Strict);
        let place = |id: &PolicyId| {
            let found = self.files.get(&id.to_string()).copied();
            found.unwrap_or(("policies", ""))
        };
        let remedy = "use what policies/ward.cedarschema names";
        for error in result.validation_errors() {
            let (name, text) = place(error.policy_id());
            self.mistakes.push(of(name, text, error, remedy));
        }
        // WHY: a warning says that a policy never applies or reads other than it looks: in a
        // policy that is a mistake.
        for warning in result.validation_warnings() {
            let (name, text) = place(warning.policy_id());
            self.mistakes.push(of(name, text, warning, "mend it or take it out"));
        }
    }
}

fn mistake(file: &str, line: usize, message: &str, remedy: &str) -> PolicyMistake {
    PolicyMistake {
        file: file.to_owned(),
        line,
        message: message.to_owned(),
        remedy: remedy.to_owned(),
    }
}

fn of(file: &str, text: &str, found: &dyn Diagnostic, remedy: &str) -> PolicyMistake {
    let offset = found.labels().and_then(|mut labels| labels.next()).map(|label| label.offset());
    let line = text
        .get(..offset.unwrap_or(0).min(text.len()))
        .map_or(1, |before| before.matches('\n').count() + 1);
    let help = found.help().map(|help| help.to_string());
    mistake(file, line, &found.to_string(), help.as_deref().unwrap_or(remedy))
}

fn line_of_text(text: &str, first: &str) -> usize {
    text.lines().position(|line| line.trim() == first.trim()).map_or(1, |at| at + 1)
}
