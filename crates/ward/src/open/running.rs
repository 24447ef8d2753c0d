//! Which set of declarations runs: the files', or the one in force while they wait for consent.

use ward_model::{Caller, Record};
use ward_operators::approval::decide::{self, Answer};
use ward_operators::{Act, SharedApprovals};

use crate::clock;
use crate::declarations::{self, Choice, Set};
use crate::exit::Exit;

/// The set that runs, and what is recorded with it.
pub(super) struct Running<'s> {
    /// The set.
    pub set: &'s Set,
    /// Recorded in one group with its coming into force.
    pub records: Vec<Record>,
}

/// Chooses the set that runs, and keeps it if it is new.
pub(super) fn choose<'s>(
    new: &'s Set,
    kept: &'s [Set],
    approvals: &SharedApprovals,
) -> Result<Running<'s>, Exit> {
    let in_force = approvals.read(|it| it.in_force().map(|loaded| loaded.config));
    let Some(name) = in_force else {
        // The first start: `ward init` has just made the journal.
        new.keep()?;
        return Ok(Running { set: new, records: Vec::new() });
    };
    let Some(old) = kept.iter().find(|set| set.name == name) else {
        if new.name == name {
            new.keep()?;
            return Ok(Running { set: new, records: Vec::new() });
        }
        let told = format!(
            "{}: the set of declarations in force is not there, or was changed, so nobody can \
             tell whether these files are weaker; put {} back from a backup, or put the files \
             back as they were",
            new.config.data.display(),
            data_encoding::HEXLOWER.encode(&name),
        );
        return Err(Exit::new(64, told));
    };
    let now = clock::now();
    let choice = approvals.read(|it| {
        declarations::choose(old, new, |digest| {
            let id = it.open(digest)?;
            Some((id, it.standing(it.proposal(id)?, now)))
        })
    });
    match choice {
        Choice::Same => Ok(Running { set: old, records: Vec::new() }),
        Choice::New(_) => {
            new.keep()?;
            Ok(Running { set: new, records: Vec::new() })
        }
        Choice::Approved(used) => {
            new.keep()?;
            Ok(Running { set: new, records: vec![used] })
        }
        Choice::Held(act) => held(old, new, &act, approvals),
    }
}

/// The files are weaker than what is in force: that goes on, and the change is proposed.
fn held<'s>(
    old: &'s Set,
    new: &'s Set,
    act: &Act,
    approvals: &SharedApprovals,
) -> Result<Running<'s>, Exit> {
    let rules = &old.config.approvals;
    let asked = approvals.read(|it| decide::ask(it, rules, act, &Caller::WARD, clock::now()));
    match asked {
        Ok(Answer::Founding(alert)) => {
            new.keep()?;
            Ok(Running { set: new, records: alert.into_iter().map(Record::from).collect() })
        }
        Ok(Answer::Propose(_, records)) => {
            tracing::error!(effect = act.effect, "weaker files are held: the old set runs");
            Ok(Running { set: old, records })
        }
        Ok(Answer::Waits(_) | Answer::Approved(_)) | Err(_) => {
            tracing::error!(effect = act.effect, "weaker files still wait: the old set runs");
            Ok(Running { set: old, records: Vec::new() })
        }
    }
}
