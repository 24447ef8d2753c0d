//! What this authorization server is and can do, for clients that ask before they come.
//!
//! INVARIANT: it names what is mounted and nothing else; `interop/oauth.py` asks every endpoint it
//! names. Source: RFC 8414 §2, RFC 8705 §3.3, RFC 9449 §5.1.

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use serde_json::json;
use ward_proof::dpop;

use super::public;
use crate::issuance::Issuance;

/// How a client authenticates, at every endpoint that asks for one.
const METHODS: [&str; 3] = ["client_secret_basic", "client_secret_post", "private_key_jwt"];
/// What a client's assertion may be signed with.
const ALGORITHMS: [&str; 5] = dpop::ALGORITHMS;

/// `GET /.well-known/oauth-authorization-server` (RFC 8414 §3).
pub(crate) async fn metadata(State(issuance): State<Issuance>) -> Response<Body> {
    let base = issuance.0.base_url.trim_end_matches('/');
    let doors = !issuance.0.doors.is_empty();
    public(&json!({
        "issuer": issuance.policy().issuer,
        "token_endpoint": issuance.token_endpoint(),
        "jwks_uri": format!("{base}/oauth/jwks"),
        "introspection_endpoint": format!("{base}/oauth/introspect"),
        "revocation_endpoint": format!("{base}/oauth/revoke"),
        "response_types_supported": [],
        "grant_types_supported": [
            super::grant::CLIENT_CREDENTIALS,
            super::exchange::TOKEN_EXCHANGE,
        ],
        "token_endpoint_auth_methods_supported": METHODS,
        "token_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "introspection_endpoint_auth_methods_supported": METHODS,
        "introspection_signing_alg_values_supported": ["ES256", "EdDSA"],
        "introspection_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "revocation_endpoint_auth_methods_supported": METHODS,
        "revocation_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "dpop_signing_alg_values_supported": dpop::ALGORITHMS,
        "tls_client_certificate_bound_access_tokens": doors,
    }))
}
