//! How this relying party is known to one provider. Pure.

use data_encoding::BASE64;
use ward_model::Secret;

use super::address::{Address, AddressFault};
use super::assertion::AssertionKey;
use super::id_token::OWN_CLAIMS;
use super::limits::NAME_BYTES_MAX;
use super::name::{Issuer, is_name};
use super::provider::encoded;

/// How we are registered with the provider.
pub struct Settings {
    /// The provider.
    pub issuer: Issuer,
    /// Our name there: 1 to 256 bytes.
    pub client_id: String,
    /// How we prove that it is us.
    pub authentication: ClientAuthentication,
    /// Where the browser comes back: registered there to the letter (RFC 9700 §2.1).
    pub redirect_uri: String,
    /// Scopes asked for beside `openid`, e.g. `groups`: each 1 to 256 bytes, no spaces.
    pub scopes: Vec<String>,
    /// The claim of the `id_token` that holds the groups, e.g. `groups`.
    pub groups_claim: String,
}

/// How we prove to the provider that it is us (Core §9).
pub enum ClientAuthentication {
    /// `client_secret_basic`: a secret it gave us.
    SecretBasic(Secret<String>),
    /// `private_key_jwt`: a key only we have.
    PrivateKeyJwt(AssertionKey),
}

/// Settings that cannot work; the operator of Ward corrects the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The client's name or its secret is empty or too long.
    #[error("the client's id or secret is empty, too long or has control characters")]
    Client,
    /// The address to come back to.
    #[error("the redirect address cannot be used")]
    RedirectUri(#[source] AddressFault),
    /// A scope.
    #[error("a scope is empty, too long or has spaces")]
    Scope,
    /// The groups' claim is empty, or one that means something else.
    #[error("the groups cannot be in that claim")]
    GroupsClaim,
}

impl Settings {
    /// Checks what does not need the provider.
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let has_secret = match &self.authentication {
            ClientAuthentication::SecretBasic(secret) => !secret.expose().is_empty(),
            ClientAuthentication::PrivateKeyJwt(_) => true,
        };
        if !is_name(&self.client_id, NAME_BYTES_MAX) || !has_secret {
            return Err(SettingsError::Client);
        }
        Address::parse(&self.redirect_uri).map_err(SettingsError::RedirectUri)?;
        if !self.scopes.iter().all(|it| is_name(it, NAME_BYTES_MAX) && !it.contains(' ')) {
            return Err(SettingsError::Scope);
        }
        let claim = self.groups_claim.as_str();
        if !is_name(claim, NAME_BYTES_MAX) || OWN_CLAIMS.contains(&claim) {
            return Err(SettingsError::GroupsClaim);
        }
        Ok(())
    }
}

impl ClientAuthentication {
    /// Its name in the provider's metadata.
    pub(super) const fn method(&self) -> &'static str {
        match self {
            Self::SecretBasic(_) => "client_secret_basic",
            Self::PrivateKeyJwt(_) => "private_key_jwt",
        }
    }
}

/// The value of `Authorization` for a client with a secret: RFC 6749 §2.3.1.
pub(super) fn basic(client_id: &str, secret: &Secret<String>) -> Secret<String> {
    let both = Secret::new(format!("{}:{}", encoded(client_id), encoded(secret.expose())));
    Secret::new(format!("Basic {}", BASE64.encode(both.expose().as_bytes())))
}
