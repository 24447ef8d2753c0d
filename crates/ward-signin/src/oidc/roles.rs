//! From the provider's groups to roles. Pure.

use std::collections::BTreeMap;

/// The roles of somebody in these groups, each once, in order. Groups are compared byte for byte; a
/// group the mapping does not name gives nothing.
#[must_use]
pub fn roles_of<R: Clone + Ord>(groups: &[String], mapping: &BTreeMap<String, Vec<R>>) -> Vec<R> {
    let mut roles: Vec<R> =
        groups.iter().filter_map(|group| mapping.get(group)).flatten().cloned().collect();
    roles.sort();
    roles.dedup();
    roles
}

#[cfg(test)]
mod tests {
    //! Only groups that are named, only as they are spelt.

    use super::*;

    #[test]
    fn groups_give_the_roles_they_are_mapped_to_and_no_others() {
        let mapping = BTreeMap::from([
            ("ward-keys".to_owned(), vec!["keys"]),
            ("ward-leads".to_owned(), vec!["policy", "keys", "audit"]),
            ("ward-nothing".to_owned(), vec![]),
        ]);
        let cases: [(&[&str], &[&str]); 8] = [
            (&[], &[]),
            (&["ward-keys"], &["keys"]),
            (&["ward-leads", "ward-keys"], &["audit", "keys", "policy"]),
            (&["ward-keys", "ward-keys"], &["keys"]),
            (&["Ward-Keys", "ward-keys ", "ward"], &[]),
            (&["ward-nothing"], &[]),
            (&["keys", "*", ""], &[]),
            (&["ward-keys,ward-leads"], &[]),
        ];
        for (groups, want) in cases {
            let groups: Vec<String> = groups.iter().map(|it| (*it).to_owned()).collect();
            assert_eq!(roles_of(&groups, &mapping), want, "{groups:?}");
        }
    }
}
