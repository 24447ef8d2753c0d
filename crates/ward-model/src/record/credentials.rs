//! Records of API keys and OAuth clients: given, changed, used, taken back.

use super::*;

rows! {
    /// An API key was issued.
    13 ApiKeyIssued Issuance {
        /// The API key.
        api_key: ApiKeyId,
        /// What it is for.
        kind: ApiKeyKind,
        /// Keyed hash of the whole API key.
        hash: [u8; 32],
        /// Whom it acts for.
        owner_kind: PrincipalKind,
        /// Whom it acts for.
        owner: PrincipalNumber,
        /// Whom it acts for, as views key it.
        owner_key: PrincipalKey,
        /// When it ends.
        expires_at: UnixMillis,
    }
    /// An OAuth client was registered (RFC 6749 §2).
    14 ClientRegistered Issuance {
        /// `client_id`.
        client_id: Text,
        /// The client as views key it.
        client_key: PrincipalKey,
        /// Keyed hash of the secret.
        secret_hash: [u8; 32],
        /// The person answerable.
        owner: PersonId,
        /// The person answerable, as views key it.
        owner_key: PrincipalKey,
        /// The audience it may ask for.
        audience: Text,
        /// Space-separated scopes it may ask for.
        scope: Text,
        /// Longest life of its tokens, milliseconds.
        life_ms_max: i64,
        /// When the registration ends.
        expires_at: UnixMillis,
    }
    /// An API key was revoked.
    22 ApiKeyRevoked Priority {
        /// Which.
        api_key: ApiKeyId,
        /// Why.
        cause: Cause,
    }
    /// A client and every token issued to it so far was revoked.
    23 ClientRevoked Priority {
        /// The client as views key it.
        client_key: PrincipalKey,
        /// Why.
        cause: Cause,
    }
    /// What an API key of the kind `operator` may do; stands in one group with its issuance.
    108 ApiKeyScoped Issuance {
        /// The API key.
        api_key: ApiKeyId,
        /// What it may do.
        roles: Roles,
    }
    /// What a client may have beyond its registration; stands in one group with it.
    125 ClientTermed Issuance {
        /// The client as views key it.
        client_key: PrincipalKey,
        /// More audiences it may ask for, one a line.
        audiences: Text,
        /// Audiences it may exchange others' tokens for, one a line; empty: it may not.
        exchanges: Text,
        /// Whether its tokens are always bound to a key or certificate.
        bound: bool,
    }
    /// A client's secret was rotated.
    126 ClientSecretSet Issuance {
        /// The client as views key it.
        client_key: PrincipalKey,
        /// Keyed hash of the new secret.
        secret_hash: [u8; 32],
        /// Until when the secret before is taken, too.
        before_until: UnixMillis,
    }
    /// A key a client signs its assertions with; stands in one group with its registration.
    127 ClientKeyAdded Issuance {
        /// The client as views key it.
        client_key: PrincipalKey,
        /// `kid`.
        kid: Text,
        /// The one way it signs.
        algorithm: IssuerAlgorithm,
        /// Public key: uncompressed P-256 point, Ed25519 key, or RSAPublicKey (RFC 8017 A.1.1).
        public_key: Octets,
    }
    /// A client's assertion was used: it is refused from now on.
    128 AssertionUsed Issuance {
        /// The client as views key it.
        client_key: PrincipalKey,
        /// Keyed hash of its `jti`.
        assertion: [u8; 16],
        /// When it expires.
        expires_at: UnixMillis,
    }
    /// A token nobody issued, with a good signature, was presented by somebody who verifies tokens.
    135 ForgeryPresented Access {
        /// The key that verifies it.
        key: KeyNumber,
        /// Whom it names; unknown when it names nobody.
        principal_kind: PrincipalKind,
        /// Whom it names.
        principal: PrincipalNumber,
        /// Whom it names, as views key it.
        principal_key: PrincipalKey,
        /// Where it was presented.
        asked_at: AskedAt,
        /// The client that presented it, as views key it; all zero when none.
        client_key: PrincipalKey,
        /// The API key that presented it, 0 when none.
        api_key: ApiKeyId,
        /// Whether it was answered as live, because its issuer is learning.
        believed: bool,
    }
    /// A client asked to take a token back (RFC 7009); stands in one group with its revocation.
    136 RevocationAsked Priority {
        /// The client, as views key it.
        client_key: PrincipalKey,
        /// Whether the token was issued to another client.
        of_another: bool,
    }
    /// What people call an API key; stands in one group with its issuance.
    180 ApiKeyNamed Issuance {
        /// The API key.
        api_key: ApiKeyId,
        /// Its name; no personal data.
        name: Text,
        /// What it is used for; no personal data.
        description: Text,
    }
    /// What an API key may read; stands in one group with its issuance.
    181 ApiKeyReads Issuance {
        /// The API key.
        api_key: ApiKeyId,
        /// Space-separated scopes: names of routes.
        scope: Text,
    }
    /// Where an API key may be used from; stands in one group with its issuance.
    182 ApiKeyConfined Issuance {
        /// The API key.
        api_key: ApiKeyId,
        /// The networks.
        networks: Networks,
    }
    /// An API key was replaced; stands in one group with its successor's issuance.
    183 ApiKeyReplaced Issuance {
        /// The API key that ends.
        api_key: ApiKeyId,
        /// Its successor.
        successor: ApiKeyId,
        /// When it ends, unless it ends before.
        ends_at: UnixMillis,
    }
    /// An API key was used at the control plane; at most one such record an hour and API key.
    184 ApiKeyUsed Access {
        /// The API key.
        api_key: ApiKeyId,
        /// When it was used last.
        last: UnixMillis,
        /// How often since the record before.
        count: i64,
    }
    /// Texts found where they do not belong were reported.
    185 LeaksReported Refusal {
        /// The reporter's /48 (IPv6) or v4-mapped /24.
        prefix: [u8; 16],
        /// How many texts.
        texts: i64,
        /// How many of them were live credentials, which are revoked in the same group.
        live: i64,
    }
    /// A client had tokens issued under a key; at most one such record an hour, client and key.
    187 ClientUsed Access {
        /// The client, as views key it.
        client_key: PrincipalKey,
        /// The key that signed.
        key: KeyNumber,
        /// When it had one issued last.
        last: UnixMillis,
        /// How many since the record before.
        count: i64,
    }
    /// The person answerable for an API key of a service; stands in one group with its issuance.
    188 ApiKeyAnswered Issuance {
        /// The API key.
        api_key: ApiKeyId,
        /// Who.
        person: PersonId,
        /// Who, as views key it.
        person_key: PrincipalKey,
    }
}
