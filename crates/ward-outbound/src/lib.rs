//! Calls out of Ward: HTTPS, signed webhooks, e-mail, and the notifier that uses them.
//!
//! What it is: a bounded client ([`client`]), webhooks signed as Standard Webhooks say
//! ([`webhook`]), one letter over SMTP ([`mail`]), and notices that are tried again until they
//! arrive or are given up in words ([`notice`], [`outbox`], [`notify`]).
//! What it must never do: speak unencrypted beyond this machine; follow a redirect; read an answer
//! without a bound; look at proxy variables; drop a notice without saying so; show a secret.
//! Where it sits: floor 1, beside the journal; it knows no records. The program turns records into
//! notices, and deliveries back into records.
//! Read first: [`notify`]. Best tests: `client/tests.rs`, `mail/tests.rs` and `interop/notify.py`,
//! which sends to servers that others wrote.

pub mod client;
pub mod limits;
pub mod mail;
pub mod notice;
pub mod notify;
pub mod outbox;
pub mod trust;
pub mod webhook;
mod words;

#[cfg(test)]
mod testing;
