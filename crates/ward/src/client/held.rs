//! An act that waits for another operator: what is said of it, and what its proposal has come to.
//!
//! Pure. Best test: `client/tests.rs`.

use serde_json::Value;

use crate::exit::Exit;

/// The exit code of a command whose act waits.
pub const HELD: u8 = 3;

/// An answer with status 202 and `"held": true`: nothing was changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// The proposal's number.
    pub approval: i64,
    proposal: Value,
}

/// What to do after a look at the proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Look again later.
    Wait,
    /// Send the same request once more.
    Send,
    /// It is over, in this word.
    Over(String),
}

impl Held {
    /// The held act in an answer; `None` when the answer is of anything else.
    #[must_use]
    pub fn of(status: u16, body: &[u8]) -> Option<Self> {
        if status != 202 {
            return None;
        }
        let proposal: Value = serde_json::from_slice(body).ok()?;
        let held = proposal.get("held").and_then(Value::as_bool).unwrap_or(false);
        let approval = proposal.get("approval").and_then(Value::as_i64).filter(|_| held)?;
        Some(Self { approval, proposal })
    }

    /// The end of a command that does not wait for consent.
    #[must_use]
    pub fn exit(&self) -> Exit {
        let then = "then ask for exactly the same again, or use --wait";
        Exit::new(HELD, format!("{}\n{then}", self.told()))
    }

    /// What waits, its number, and who must consent.
    #[must_use]
    pub fn told(&self) -> String {
        let word = |key: &str| self.proposal.get(key).and_then(Value::as_str).unwrap_or_default();
        let missing = self.proposal.get("missing").and_then(Value::as_i64).unwrap_or(1);
        let others = if missing == 1 { "operator" } else { "operators" };
        let proposer = match word("proposer") {
            "" => String::new(),
            person => format!(" other than {person}"),
        };
        let roles: Vec<&str> = self.proposal.get("from_roles").map_or_else(Vec::new, |roles| {
            roles.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
        });
        let group = if roles.is_empty() {
            String::new()
        } else {
            format!(", one of whom may: {}", roles.join(" or "))
        };
        format!(
            "held: nothing was changed\nproposal {}: {}: {}\n{missing} more {others}{proposer} must \
             consent{group}, in the console, before {}",
            self.approval,
            word("act"),
            word("effect"),
            word("expires_at"),
        )
    }
}

/// What a proposal has come to, as `GET /api/approvals/{n}` shows it.
#[must_use]
pub fn next(proposal: &Value) -> Next {
    match proposal.get("state").and_then(Value::as_str) {
        Some("waiting") => Next::Wait,
        Some("approved") => Next::Send,
        Some(over) => Next::Over(over.to_owned()),
        None => Next::Over("unknown".to_owned()),
    }
}
