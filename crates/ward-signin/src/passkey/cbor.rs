//! CBOR as CTAP2 writes it: what else is CBOR is refused.
//!
//! `ciborium` decodes; this file narrows. A map without duplicate keys, keys that are numbers or
//! texts, definite lengths, every number at its shortest: one spelling, so what was read and
//! written again is the very bytes. No tags, no floats, bounded depth and pairs. Pure.
//! Source: CTAP 2.1 §8 "Message Encoding", RFC 8949 §4.2.1. Best tests: `tests/forged.rs`.

use ciborium::Value;

use super::limits::{CBOR_DEPTH_MAX, CBOR_PAIRS_MAX};

/// A map that holds each key once.
pub(super) struct Map(Vec<(Value, Value)>);

impl Map {
    /// Takes one map off the front of `input`.
    pub fn take(input: &mut &[u8]) -> Option<Self> {
        let mut rest = *input;
        let value: Value =
            ciborium::de::from_reader_with_recursion_limit(&mut rest, CBOR_DEPTH_MAX).ok()?;
        let used = input.get(..input.len().checked_sub(rest.len())?)?;
        let mut again = Vec::with_capacity(used.len());
        ciborium::into_writer(&value, &mut again).ok()?;
        if again != used || !is_plain(&value) {
            return None;
        }
        *input = rest;
        value.into_map().ok().map(Self)
    }

    /// Reads `input` as one map and nothing after it.
    pub fn whole(mut input: &[u8]) -> Option<Self> {
        Self::take(&mut input).filter(|_| input.is_empty())
    }

    /// How many pairs.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The value under a number.
    pub fn at(&self, label: i64) -> Option<&Value> {
        self.find(&Value::from(label))
    }

    /// The value under a text.
    pub fn named(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(key, _)| key.as_text() == Some(name)).map(|(_, value)| value)
    }

    /// The number under a number.
    pub fn number_at(&self, label: i64) -> Option<i64> {
        self.at(label)?.as_integer()?.try_into().ok()
    }

    /// The bytes under a number.
    pub fn bytes_at(&self, label: i64) -> Option<&[u8]> {
        self.at(label)?.as_bytes().map(Vec::as_slice)
    }

    fn find(&self, label: &Value) -> Option<&Value> {
        self.0.iter().find(|(key, _)| key == label).map(|(_, value)| value)
    }
}

/// Whether a value holds only what CTAP2 writes.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::Integer(_) | Value::Bytes(_) | Value::Text(_) | Value::Bool(_) | Value::Null => true,
        Value::Array(items) => items.iter().all(is_plain),
        Value::Map(pairs) => {
            pairs.len() <= CBOR_PAIRS_MAX
                && pairs.iter().enumerate().all(|(at, (key, value))| {
                    let is_key = key.is_integer() || key.is_text();
                    let is_new = pairs.iter().take(at).all(|(earlier, _)| earlier != key);
                    is_key && is_new && is_plain(value)
                })
        }
        // Tags, floats and whatever a later version of the decoder may know.
        _ => false,
    }
}
