//! The terms of clients, in a snapshot.

use std::sync::{Arc, PoisonError};

use ward_model::Octets;

use super::code::{In, Out};
use super::parts::State;
use crate::client_terms::{ClientKey, ClientTerms, Rotated};
use crate::state::Shared;

pub(crate) fn put_client_terms(state: &State<'_>, out: &mut Out) {
    for (client_key, terms) in &state.shared.credentials().client_terms {
        let ClientTerms { audiences, exchanges, bound, keys, rotated } = &**terms;
        out.entry();
        out.put(client_key);
        for list in [audiences, exchanges] {
            out.bytes(list.join("\n").as_bytes());
        }
        out.put(bound);
        for at in 0..crate::limits::CLIENT_KEYS_MAX {
            out.option(keys.get(at), |out, key| {
                out.bytes(key.kid.as_bytes());
                out.put(&key.algorithm);
                out.bytes(&key.public_key);
            });
        }
        out.option(rotated.as_ref(), |out, rotated| {
            out.put(&rotated.now);
            out.put(&rotated.before);
            out.put(&rotated.before_until);
        });
    }
}

pub(crate) fn take_client_terms(input: &mut In<'_>, shared: &mut Shared) -> Option<()> {
    let credentials = shared.credentials.get_mut().unwrap_or_else(PoisonError::into_inner);
    input.entries(|input| {
        let client_key = input.take()?;
        let lines = |text: String| text.lines().map(str::to_owned).collect();
        let (audiences, exchanges) = (lines(input.text()?), lines(input.text()?));
        let bound = input.take()?;
        let mut keys = Vec::new();
        for _ in 0..crate::limits::CLIENT_KEYS_MAX {
            keys.extend(input.option(|input| {
                let (kid, algorithm) = (input.text()?, input.take()?);
                let public_key = Octets::new(input.bytes()?).ok()?.as_slice().to_vec();
                Some(ClientKey { kid, algorithm, public_key })
            })?);
        }
        let rotated = input.option(|input| {
            let (now, before, before_until) = (input.take()?, input.take()?, input.take()?);
            Some(Rotated { now, before, before_until })
        })?;
        let terms = ClientTerms { audiences, exchanges, bound, keys, rotated };
        credentials.client_terms.insert(client_key, Arc::new(terms));
        Some(())
    })
}
