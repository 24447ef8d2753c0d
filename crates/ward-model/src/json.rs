//! Strict JSON for bytes nobody vouches for: headers and claims that Ward did not lay out.
//!
//! Duplicate names are refused at every depth, also when one is written with escapes; depth and
//! number of values are bounded; nothing may follow. Source: RFC 7515 §4, RFC 8725 §2.
//! Best test: `ward-ledger`, `token/tests.rs`.

use core::cell::Cell;
use core::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::limits::{JSON_DEPTH_MAX, JSON_NAMES_MAX, JSON_VALUES_MAX};

/// A JSON value. Numbers that are no 64-bit integers are only known to be there.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A 64-bit integer.
    Integer(i64),
    /// Another number.
    Number,
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Self>),
    /// An object: its names are all different.
    Object(Vec<(String, Self)>),
}

/// Reads one object and nothing else; `None` for anything not strictly JSON within bounds.
#[must_use]
pub fn object(bytes: &[u8]) -> Option<Vec<(String, Json)>> {
    let values = Cell::new(0);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let json = Strict { depth: 0, values: &values }.deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    match json {
        Json::Object(members) => Some(members),
        _ => None,
    }
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    depth: usize,
    values: &'a Cell<usize>,
}

impl Strict<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth >= JSON_DEPTH_MAX {
            return Err(E::custom("too deep"));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        self.values.set(self.values.get() + 1);
        if self.values.get() > JSON_VALUES_MAX {
            return Err(D::Error::custom("too many values"));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Bool)
    }
    fn visit_i64<E: Error>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Integer(number))
    }
    fn visit_u64<E: Error>(self, number: u64) -> Result<Json, E> {
        Ok(i64::try_from(number).map_or(Json::Number, Json::Integer))
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Number)
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let inner = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Json::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let inner = self.deeper()?;
        let mut members: Vec<(String, Json)> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if members.len() >= JSON_NAMES_MAX || members.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom("duplicate or too many names"));
            }
            members.push((name, map.next_value_seed(inner)?));
        }
        Ok(Json::Object(members))
    }
}
