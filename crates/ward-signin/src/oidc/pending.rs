//! A sign-in on its way: what must be the same when the browser comes back. Pure.

use aws_lc_rs::digest;
use data_encoding::BASE64URL_NOPAD;
use ward_model::{Secret, UnixMillis};

use super::limits::RANDOM_BYTES;
use super::name::{Issuer, Subject};

/// What the sign-in is for.
#[derive(Clone)]
pub enum Purpose {
    /// Somebody signs in; a session he has at the provider is enough.
    SignIn,
    /// An operator who is signed in proves again that it is he, before a dangerous act.
    StepUp {
        /// Seconds since he last proved it, at most; the provider is told to ask him in any case.
        max_age_seconds: u32,
        /// Who he is: somebody else's proof is refused.
        subject: Subject,
    },
}

/// A sign-in on its way.
///
/// The caller keeps it, for at most five minutes, where only the browser that was sent away finds
/// it again (a cookie with a name of its own, `HttpOnly`, `SameSite=Lax`): that is what makes the
/// state a defence against forged answers. It is not `Clone` and [`super::Provider::finish`]
/// consumes it, so one sign-in is finished once.
///
/// ```compile_fail,E0382
/// # use ward_signin::oidc::{Callback, Fetch, Pending, Provider};
/// # use ward_model::UnixMillis;
/// async fn twice<F: Fetch>(it: Provider<F>, pending: Pending, back: Callback, now: UnixMillis) {
///     let _ = it.finish(pending, &back, now).await;
///     let _ = it.finish(pending, &back, now).await;
/// }
/// ```
pub struct Pending {
    pub(super) issuer: Issuer,
    pub(super) state: Secret<String>,
    pub(super) nonce: Secret<String>,
    pub(super) verifier: Secret<String>,
    /// The name of the one client assertion this sign-in may need.
    pub(super) assertion: Secret<String>,
    pub(super) created_at: UnixMillis,
    pub(super) purpose: Purpose,
    /// The provider said it names itself in its answer.
    pub(super) names_itself: bool,
}

impl Pending {
    pub(super) fn new(
        issuer: Issuer,
        purpose: Purpose,
        names_itself: bool,
        random: &[u8; RANDOM_BYTES],
        now: UnixMillis,
    ) -> Self {
        let mut parts = random.chunks(32).map(|part| Secret::new(BASE64URL_NOPAD.encode(part)));
        let mut part = || parts.next().unwrap_or_else(|| Secret::new(String::new()));
        Self {
            issuer,
            state: part(),
            nonce: part(),
            verifier: part(),
            assertion: part(),
            created_at: now,
            purpose,
            names_itself,
        }
    }

    /// When the browser was sent away; the caller drops what is older than five minutes.
    #[must_use]
    pub const fn created_at(&self) -> UnixMillis {
        self.created_at
    }

    /// What it is for.
    #[must_use]
    pub const fn purpose(&self) -> &Purpose {
        &self.purpose
    }

    /// The provider it was sent to.
    #[must_use]
    pub const fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// `S256(verifier)`: RFC 7636 §4.2.
    pub(super) fn challenge(&self) -> String {
        let verifier = self.verifier.expose().as_bytes();
        BASE64URL_NOPAD.encode(digest::digest(&digest::SHA256, verifier).as_ref())
    }
}
