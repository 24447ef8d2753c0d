//! What this server says about itself (RFC 7643 §5-§7, RFC 7644 §4): true to what it does.

use serde_json::{Value, json};

use crate::limits::PAGE_MAX;
use crate::scim::wire::USER_SCHEMA;

/// `/ServiceProviderConfig`.
pub fn service_provider_config(base: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": true},
        "bulk": {"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": true, "maxResults": PAGE_MAX},
        "changePassword": {"supported": false},
        "sort": {"supported": false},
        "etag": {"supported": true},
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "API key",
            "description": "An API key of kind scim in the Authorization header",
            "primary": true,
        }],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{base}/ServiceProviderConfig"),
        },
    })
}

/// The one resource type.
pub fn resource_type(base: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": "User",
        "name": "User",
        "endpoint": "/Users",
        "description": "A person who works here",
        "schema": USER_SCHEMA,
        "schemaExtensions": [],
        "meta": {
            "resourceType": "ResourceType",
            "location": format!("{base}/ResourceTypes/User"),
        },
    })
}

/// The one schema.
pub fn schema(base: &str) -> Value {
    let name = json!({
        "name": "name", "type": "complex", "multiValued": false, "required": false,
        "caseExact": false, "mutability": "readWrite", "returned": "default",
        "uniqueness": "none", "description": "The parts of the name",
        "subAttributes": [
            text("formatted", "The whole name"),
            text("familyName", "Family name"),
            text("givenName", "Given name"),
        ],
    });
    let emails = json!({
        "name": "emails", "type": "complex", "multiValued": true, "required": false,
        "caseExact": false, "mutability": "readWrite", "returned": "default",
        "uniqueness": "none", "description": "E-mail addresses",
        "subAttributes": [
            text("value", "The address"),
            text("type", "What it is for"),
            truth("primary", "Whether it is the preferred one"),
        ],
    });
    let mut user_name = text("userName", "Name at the identity provider, compared without case");
    if let Some(object) = user_name.as_object_mut() {
        object.insert("required".into(), true.into());
        object.insert("uniqueness".into(), "server".into());
    }
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": USER_SCHEMA,
        "name": "User",
        "description": "A person who works here",
        "attributes": [
            user_name, name, text("displayName", "Name to show"), emails,
            truth("active", "False when the person has left"),
        ],
        "meta": {
            "resourceType": "Schema",
            "location": format!("{base}/Schemas/{USER_SCHEMA}"),
        },
    })
}

/// A list message (RFC 7644 §3.4.2) over `total` resources, this page beginning at `start` from 1.
pub fn list(total: usize, start: usize, resources: &[Value]) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    })
}

fn text(name: &str, description: &str) -> Value {
    json!({
        "name": name, "type": "string", "multiValued": false, "required": false,
        "caseExact": false, "mutability": "readWrite", "returned": "default",
        "uniqueness": "none", "description": description,
    })
}

fn truth(name: &str, description: &str) -> Value {
    json!({
        "name": name, "type": "boolean", "multiValued": false, "required": false,
        "mutability": "readWrite", "returned": "default", "description": description,
    })
}
