//! What each route of the control plane does, in the words of the operators' policies.
//!
//! A route that stands in no row is refused, whoever asks; `interop/endpoints.py` holds this table
//! against the sources and against every role.

use axum::http::Method;

/// (method, path as mounted, act).
pub const ACTS: &[(&str, &str, &str)] = &[
    ("GET", "/api/accesses", "read_accesses"),
    ("GET", "/api/accesses/{id}", "read_accesses"),
    ("GET", "/api/alerts", "read_alerts"),
    ("GET", "/api/api-keys", "read_keys"),
    ("POST", "/api/api-keys", "issue_api_key"),
    ("DELETE", "/api/api-keys/{id}", "revoke_credential"),
    ("POST", "/api/api-keys/{id}/rotate", "issue_api_key"),
    ("GET", "/api/approvals", "read_approvals"),
    ("GET", "/api/approvals/{id}", "read_approvals"),
    ("POST", "/api/approvals/{id}/refuse", "refuse_proposal"),
    ("POST", "/api/approvals/{id}/withdraw", "refuse_proposal"),
    ("POST", "/api/backup", "back_up"),
    ("GET", "/api/catalogue", "read_catalogue"),
    ("GET", "/api/clients", "read_keys"),
    ("POST", "/api/clients", "issue_api_key"),
    ("DELETE", "/api/clients/{id}", "revoke_credential"),
    ("POST", "/api/clients/{id}/secret", "issue_api_key"),
    ("GET", "/api/credentials", "read_keys"),
    ("GET", "/api/credentials/{id}", "read_keys"),
    ("GET", "/api/doctor", "read_doctor"),
    ("POST", "/api/existence/{namespace}/events", "feed_existence"),
    ("POST", "/api/existence/{namespace}/import", "feed_existence"),
    ("POST", "/api/gate/bypass", "bypass_route"),
    ("DELETE", "/api/gate/bypass/{id}", "bypass_route"),
    ("POST", "/api/gate/bypass/{id}/review", "review_emergency"),
    ("POST", "/api/gate/break-glass/{session}/review", "review_emergency"),
    ("GET", "/api/gate/bypasses", "read_emergencies"),
    ("GET", "/api/incidents", "read_incidents"),
    ("GET", "/api/incidents/{id}", "read_incidents"),
    ("POST", "/api/incidents/{id}/close", "close_incident"),
    ("POST", "/api/incidents/{id}/notes", "note_incident"),
    ("GET", "/api/issuers", "read_keys"),
    ("POST", "/api/issuers/mode", "set_issuer"),
    ("POST", "/api/issuers/{issuer}/enforce", "set_issuer"),
    ("GET", "/api/issuers/{issuer}/preview", "read_keys"),
    ("GET", "/api/journal/health", "read_journal"),
    ("GET", "/api/journal/proof", "read_journal"),
    ("GET", "/api/keys", "read_keys"),
    ("POST", "/api/keys/import", "bring_in_key"),
    ("GET", "/api/keys/{kid}", "read_keys"),
    ("POST", "/api/keys/{kid}/compromised", "rotate_key"),
    ("GET", "/api/keys/{kid}/preview", "read_keys"),
    ("POST", "/api/keys/{kid}/promote", "rotate_key"),
    ("POST", "/api/keys/{kid}/retire", "rotate_key"),
    ("POST", "/api/keys/{kid}/rotate", "rotate_key"),
    ("GET", "/api/operators", "read_operators"),
    ("POST", "/api/operators", "enrol_operator"),
    ("DELETE", "/api/operators/passkeys/{id}", "revoke_passkey"),
    ("GET", "/api/operators/record", "read_record"),
    ("GET", "/api/operators/record/export", "export_record"),
    ("POST", "/api/operators/{person}/roles", "set_roles"),
    ("GET", "/api/people", "read_people"),
    ("GET", "/api/people/{id}", "read_people"),
    ("POST", "/api/people/{id}/leave", "leave_person"),
    ("GET", "/api/people/{id}/leave-preview", "read_people"),
    ("POST", "/api/reload", "reload"),
    ("GET", "/api/scope", "read_scope"),
    ("POST", "/api/store/verify", "verify_store"),
    ("POST", "/api/tokens", "issue_token"),
    ("POST", "/api/tokens/batch", "issue_token"),
    ("POST", "/api/tokens/revoke", "revoke_credential"),
    ("GET", "/api/who-read", "read_scope"),
    ("ANY", "/v1/transit/keys", "issue_token"),
    ("ANY", "/v1/transit/keys/{name}", "issue_token"),
    ("ANY", "/v1/transit/keys/{name}/config", "issue_token"),
    ("ANY", "/v1/transit/keys/{name}/rotate", "issue_token"),
    ("ANY", "/v1/transit/sign/{name}", "issue_token"),
    ("ANY", "/v1/transit/sign/{name}/{hash}", "issue_token"),
    ("ANY", "/v1/transit/verify/{name}", "issue_token"),
    ("ANY", "/v1/transit/verify/{name}/{hash}", "issue_token"),
];

/// What is not there: the same for everyone who may come in at all.
const NOTHING: &[&str] = &["/api", "/api/", "/api/{*rest}", "/v1/transit", "/v1/transit/{*rest}"];

/// What a route does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// This act.
    Act(&'static str),
    /// It says that nothing is there.
    Nothing,
    /// Nobody has said what it does.
    Unknown,
}

/// What `method` on the route mounted as `path` does. HEAD does what GET does.
#[must_use]
pub fn of(method: &Method, path: &str) -> Does {
    if NOTHING.contains(&path) {
        return Does::Nothing;
    }
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    let found =
        ACTS.iter().find(|(verb, route, _)| (*verb == method || *verb == "ANY") && *route == path);
    match found {
        Some((_, _, act)) => Does::Act(act),
        // WHY: another method of a route that is known is answered 405 by the router.
        None if ACTS.iter().any(|(_, route, _)| *route == path) => Does::Nothing,
        None => Does::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_act_is_one_of_the_policies_and_every_one_of_those_is_done() {
        let policies = ward_policy::OperatorPolicies::load().unwrap();
        let mut named: Vec<&str> = policies.acts().collect();
        for (_, route, act) in ACTS {
            assert!(policies.acts().any(|it| it == *act), "{route}: {act}");
            named.retain(|it| it != act);
        }
        assert_eq!(named, ["end_session"], "done in the console alone");
    }

    #[test]
    fn routes_without_a_row_are_unknown() {
        assert_eq!(of(&Method::GET, "/api/keys"), Does::Act("read_keys"));
        assert_eq!(of(&Method::HEAD, "/api/keys"), Does::Act("read_keys"));
        assert_eq!(of(&Method::PUT, "/api/keys"), Does::Nothing);
        assert_eq!(of(&Method::GET, "/api/{*rest}"), Does::Nothing);
        assert_eq!(of(&Method::GET, "/api/secrets"), Does::Unknown);
    }
}
