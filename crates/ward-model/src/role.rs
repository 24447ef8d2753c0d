//! Sets of roles: what an operator, or an operator's API key, may do to Ward.
//!
//! FORMAT: bit `n` of the column stands for the role with byte `n`.

use crate::column::{Column, DecodeError};
use crate::word::Role;

/// A set of [`Role`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Roles(i32);

impl Roles {
    /// No role.
    pub const NONE: Self = Self(0);

    /// The set of `roles`.
    #[must_use]
    pub fn of(roles: &[Role]) -> Self {
        Self(roles.iter().fold(0, |set, role| set | bit(*role)))
    }

    /// Every role a person can hold.
    #[must_use]
    pub fn every_persons() -> Self {
        Self(ALL & !Self::machines().0)
    }

    /// The roles that only an API key can hold.
    #[must_use]
    pub fn machines() -> Self {
        Self::of(&[Role::Login, Role::Feed])
    }

    /// Whether the set holds `role`.
    #[must_use]
    pub fn contains(self, role: Role) -> bool {
        self.0 & bit(role) != 0
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Roles of both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Roles of this set that `other` lacks.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The roles, in the order of their bytes.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.iter().copied().filter(move |role| self.contains(*role))
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        Self(roles.into_iter().fold(0, |set, role| set | bit(role)))
    }
}

impl core::fmt::Display for Roles {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let names: Vec<&str> = self.iter().map(Role::as_str).collect();
        f.write_str(&names.join(" "))
    }
}

impl serde::Serialize for Roles {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(self.iter())
    }
}

impl Column for Roles {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
    fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
        let bits = i32::take(input)?;
        if bits & !ALL != 0 {
            return Err(DecodeError::Bounds { what: "roles" });
        }
        Ok(Self(bits))
    }
}

/// Every bit that stands for a role.
const ALL: i32 = {
    let (mut all, mut left) = (0, Role::ALL);
    while let Some((first, rest)) = left.split_first() {
        all |= bit(*first);
        left = rest;
    }
    all
};

const fn bit(role: Role) -> i32 {
    1 << role.byte()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_survives_its_column_and_unknown_roles_do_not() {
        let set = Roles::of(&[Role::Keys, Role::Audit]);
        let mut bytes = Vec::new();
        set.put(&mut bytes);
        assert_eq!(Roles::take(&mut bytes.as_slice()), Ok(set));
        assert_eq!(set.to_string(), "keys audit");
        assert!(Roles::take(&mut (1_i32 << 30).to_le_bytes().as_slice()).is_err());
        assert!(Roles::take(&mut 1_i32.to_le_bytes().as_slice()).is_err(), "no role has byte 0");
        assert!(!Roles::every_persons().contains(Role::Login));
    }
}
