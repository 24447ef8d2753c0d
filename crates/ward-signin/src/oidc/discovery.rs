//! What a provider publishes about itself. Pure. Discovery 1.0 §3 and §4.3, RFC 8414 §3.3.
//!
//! INVARIANT: metadata is used only if it names the very issuer it was asked for, and only if the
//! provider can do what this relying party insists on.

use serde::Deserialize;

use super::address::Address;
use super::jws::Algorithm;
use super::limits::ANSWER_BYTES_MAX;
use super::name::Issuer;

/// What is wrong with what the provider publishes, or with how we are known to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataFault {
    /// The metadata is not what Discovery 1.0 §3 describes.
    #[error("the metadata cannot be read")]
    Unreadable,
    /// Longer than 256 KiB.
    #[error("an answer of more than 256 KiB")]
    TooLong,
    /// It names another issuer.
    #[error("the metadata names another issuer")]
    IssuerDiffers,
    /// An endpoint is neither HTTPS nor on this machine.
    #[error("an endpoint is not https")]
    Endpoint,
    /// No authorization code flow.
    #[error("no authorization code flow")]
    NoCode,
    /// PKCE, but not with S256.
    #[error("no PKCE with S256")]
    NoPkce,
    /// None of our algorithms signs its tokens.
    #[error("no signature algorithm in common")]
    NoAlgorithm,
    /// It takes another client authentication than the one configured.
    #[error("the configured client authentication is not supported")]
    NoAuthentication,
    /// It does not accept our client authentication (`invalid_client`).
    #[error("the client was refused")]
    ClientRefused,
    /// It accepts us, but not what we ask (`unauthorized_client`, `invalid_request`, ...).
    #[error("the token request was refused")]
    RequestRefused,
    /// The key set is not what RFC 7517 §5 describes.
    #[error("the keys cannot be read")]
    KeysUnreadable,
    /// More than 64 keys.
    #[error("more than 64 keys")]
    TooManyKeys,
    /// No key that signatures are verified with.
    #[error("no usable key")]
    NoKeys,
    /// The token endpoint's answer is not what Core §3.1.3.3 describes.
    #[error("the token answer cannot be read")]
    TokenUnreadable,
    /// Our own key for client assertions does not sign.
    #[error("the client assertion cannot be signed")]
    Assertion,
}

/// What is used of a provider's metadata.
pub(super) struct Metadata {
    pub(super) authorization: Address,
    pub(super) token: Address,
    pub(super) keys: Address,
    /// The accepted algorithms the provider announces; at least one.
    pub(super) algorithms: Vec<Algorithm>,
    /// The provider's answers name it (RFC 9207 §3).
    pub(super) names_itself: bool,
    /// Single claims can be asked for (Core §5.5).
    pub(super) takes_claims: bool,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    response_types_supported: Vec<String>,
    id_token_signing_alg_values_supported: Vec<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    #[serde(default)]
    claims_parameter_supported: bool,
}

impl Metadata {
    /// Reads the metadata of `issuer`, which is to take client authentication of this `method`.
    pub(super) fn parse(body: &[u8], issuer: &Issuer, method: &str) -> Result<Self, MetadataFault> {
        if body.len() > ANSWER_BYTES_MAX {
            return Err(MetadataFault::TooLong);
        }
        let it: Document = serde_json::from_slice(body).map_err(|_| MetadataFault::Unreadable)?;
        if it.issuer != issuer.as_str() {
            return Err(MetadataFault::IssuerDiffers);
        }
        let address = |text: &str| Address::parse(text).map_err(|_| MetadataFault::Endpoint);
        if !it.response_types_supported.iter().any(|kind| kind == "code") {
            return Err(MetadataFault::NoCode);
        }
        // WHY: a provider may do PKCE and not say so; one that says so must do S256.
        if it.code_challenge_methods_supported.is_some_and(|all| !has(&all, "S256")) {
            return Err(MetadataFault::NoPkce);
        }
        let methods = it.token_endpoint_auth_methods_supported;
        if !methods.map_or(method == "client_secret_basic", |all| has(&all, method)) {
            return Err(MetadataFault::NoAuthentication);
        }
        let theirs = it.id_token_signing_alg_values_supported;
        let algorithms: Vec<Algorithm> =
            Algorithm::ALL.into_iter().filter(|our| has(&theirs, our.name())).collect();
        if algorithms.is_empty() {
            return Err(MetadataFault::NoAlgorithm);
        }
        Ok(Self {
            authorization: address(&it.authorization_endpoint)?,
            token: address(&it.token_endpoint)?,
            keys: address(&it.jwks_uri)?,
            algorithms,
            names_itself: it.authorization_response_iss_parameter_supported,
            takes_claims: it.claims_parameter_supported,
        })
    }
}

/// Where an issuer's metadata is: Discovery 1.0 §4.
pub(super) fn place(issuer: &Issuer) -> String {
    format!("{}/.well-known/openid-configuration", issuer.as_str().trim_end_matches('/'))
}

fn has(all: &[String], one: &str) -> bool {
    all.iter().any(|it| it == one)
}
