//! Two services begun from their descriptions: what comes out must read back without a mistake.

use super::{OpenapiError, from_openapi, guess};
use crate::catalogue::{Body, Catalogue, Mode, RouteSubject};

const CLINIC: &str = include_str!("../../../../examples/openapi/clinic.yaml");
const LIBRARY: &str = r##"{"openapi":"3.1.0","paths":{
 "/loans":{"get":{"responses":{"200":{"content":{"application/x-ndjson":{"schema":{"type":"object","properties":{
   "loan_id":{"type":"integer"},"borrower_id":{"type":["integer","null"]},"due.date":{"type":"string"},
   "book":{"type":"object","properties":{"title":{"type":"string"},"name":{"type":"string"}}}}}}}}}}},
 "/borrowers/{borrower-id}":{"parameters":[],"get":{"responses":{"default":{"content":{"application/problem+json":{
   "schema":{"type":"object","properties":{"detail":{"type":"string"}}}}}},"200":{"content":{"application/json":{"schema":
   {"allOf":[{"$ref":"#/components/schemas/Person"},{"properties":{"card_number":{"type":"string"},"tags":{"type":"object",
   "additionalProperties":{"type":"string"}},"extra":{"type":"object"},"a":{"$ref":"#/nowhere"}}}]}}}}}}},
 "/borrowers/{id}":{"get":{"responses":{}}},
 "/books/{isbn}.json":{"get":{"responses":{}}},
 "/books":{"head":{"responses":{}},"get":{"responses":{"200":{"content":{"application/json":{}}}}}}},
 "components":{"schemas":{"Person":{"type":"object","properties":{"name":{"type":"string"},"email":{"type":"string"},
   "friends":{"type":"array","items":{"$ref":"#/components/schemas/Person"}}}}}}}"##;

#[test]
fn the_clinic_reads_back_without_a_mistake() {
    let begun = from_openapi(CLINIC, "clinic", "http://127.0.0.1:9100").unwrap();
    let catalogue = Catalogue::parse("catalogue.toml", &begun.toml).unwrap();
    assert_eq!(catalogue.routes().len(), begun.routes);
    assert_eq!(begun.routes, 16);
    assert!(catalogue.routes().iter().all(|route| route.mode == Mode::Observe));
    let page = catalogue.routes().iter().find(|route| route.name == "list-patients").unwrap();
    assert_eq!((page.path.as_str(), page.subjects_max), ("/v1/patients", 50));
    let id = page.fields.iter().find(|field| field.path == "patients[].id").unwrap();
    assert_eq!(catalogue.namespace_name(id.subject.unwrap()), Some("patient"));
    let one = catalogue.routes().iter().find(|route| route.name == "get-patient").unwrap();
    assert!(matches!(one.subject, Some(RouteSubject::Parameter { index: 0, .. })));
    assert!(!one.fields.iter().any(|field| field.path == "portalPassword"));
    let csv = catalogue.routes().iter().find(|route| route.name == "export-patients").unwrap();
    assert_eq!(csv.body, Body::Uninspectable);
    insta::assert_snapshot!("clinic", format!("{}\n---\n{}\n", begun.toml, begun.notes.join("\n")));
}

#[test]
fn the_library_reads_back_and_says_what_it_left_out() {
    let begun = from_openapi(LIBRARY, "library", "http://127.0.0.1:9200").unwrap();
    let catalogue = Catalogue::parse("catalogue.toml", &begun.toml).unwrap();
    assert_eq!(catalogue.routes().len(), 3);
    insta::assert_snapshot!(
        "library",
        format!("{}\n---\n{}\n", begun.toml, begun.notes.join("\n"))
    );
}

#[test]
fn other_files_are_refused() {
    let begin = |text: &str| from_openapi(text, "h", "http://127.0.0.1:1").unwrap_err();
    assert_eq!(begin("swagger: '2.0'"), OpenapiError::Version);
    assert_eq!(begin("{\"openapi\":\"3.1.0\",\"paths\":{}}"), OpenapiError::NoPaths);
    assert!(matches!(begin("a: [1"), OpenapiError::Unreadable(_)));
    assert!(matches!(begin("{"), OpenapiError::Unreadable(_)));
    assert_eq!(begin(&" ".repeat(17 << 20)), OpenapiError::TooLarge);
    // A document that unfolds without end is cut off by the reader.
    let bomb: String =
        (1..40).map(|n| format!("a{n}: &a{n} [*a{m},*a{m},*a{m},*a{m}]\n", m = n - 1)).collect();
    assert!(matches!(begin(&format!("a0: &a0 x\n{bomb}")), OpenapiError::Unreadable(_)));
}

#[test]
fn names_speak() {
    let classes = [
        ("phoneNumber", "", Some("phone")),
        ("mobile", "", Some("phone")),
        ("email_address", "", Some("email")),
        ("cardHolderName", "", Some("payment")),
        ("name", "Patient", Some("name")),
        ("name", "Product", None),
        ("fileName", "", None),
        ("productName", "", None),
        ("line2", "", Some("address")),
        ("dob", "", Some("birth")),
        ("status", "", None),
        ("phone_verified", "", None),
        ("title", "", None),
        ("door_code", "", Some("credential")),
        ("page", "", None),
    ];
    for (key, parent, want) in classes {
        assert_eq!(guess::class_of(key, parent).map(|class| class.name), want, "{key} {parent}");
    }
    let subjects = [
        ("patientId", "", Some("patient")),
        ("customer_id", "", Some("customer")),
        ("id", "Patient", Some("patient")),
        ("id", "patients", Some("patient")),
        ("id", "Order", None),
        ("recordId", "", None),
        ("number", "Patient", None),
        ("recipient_customer_id", "", Some("customer")),
    ];
    for (key, parent, want) in subjects {
        assert_eq!(guess::subject_of(key, parent).as_deref(), want, "{key} {parent}");
    }
    let paths = [
        ("/v1/patients/{id}", Some("patient:{id}")),
        ("/orders/{id}", None),
        ("/x/{customerId}/y", Some("customer:{customerId}")),
        ("/me/orders", Some("principal")),
    ];
    for (path, want) in paths {
        assert_eq!(guess::route_subject(path).as_deref(), want, "{path}");
    }
}
