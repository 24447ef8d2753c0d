//! The matrix of who may do what to Ward.

use std::fmt::Write as _;

use ward_model::word::Role;

use super::*;

/// The snapshot is the table to read in review.
#[test]
fn the_matrix_is_the_one_that_was_reviewed() {
    let policies = OperatorPolicies::load().unwrap();
    let mut matrix = String::from("# Who may do what to Ward itself: acts by role.\n\n");
    write!(matrix, "{:<18}", "").unwrap();
    for role in Role::ALL {
        write!(matrix, "{:<10}", role.as_str()).unwrap();
    }
    matrix = matrix.trim_end().to_owned();
    matrix.push('\n');
    for act in policies.acts() {
        let mut line = format!("{act:<18}");
        for role in Role::ALL {
            let permits = policies.permits(Roles::of(&[*role]), act);
            write!(line, "{:<10}", if permits { "permit" } else { "-" }).unwrap();
        }
        writeln!(matrix, "{}", line.trim_end()).unwrap();
    }
    insta::assert_snapshot!("operators", matrix);
}

#[test]
fn nothing_is_permitted_by_default() {
    let policies = OperatorPolicies::load().unwrap();
    for act in policies.acts() {
        assert!(!policies.permits(Roles::NONE, act), "{act}");
    }
    assert!(!policies.permits(Roles::every_persons(), "read"), "a group of acts is none");
    assert!(!policies.permits(Roles::every_persons(), "rule"));
    assert!(!policies.permits(Roles::every_persons(), "issue_token"), "never a person's");
    assert!(!policies.permits(Roles::of(&[Role::Audit]), "reload"));
}
