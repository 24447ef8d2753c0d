//! What a name says: data classes and data subjects guessed from the words of a key.

/// A data class that can be guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class {
    pub(super) number: u8,
    pub(super) name: &'static str,
    /// The mask proposed.
    pub(super) mask: Option<&'static str>,
    words: &'static [&'static str],
}

const fn class(
    number: u8,
    name: &'static str,
    mask: Option<&'static str>,
    words: &'static [&'static str],
) -> Class {
    Class { number, name, mask, words }
}

/// In the order they are tried: `email_address` is an e-mail, `card_holder_name` a card's.
/// A word list entry of several words joined by `-` must come in a row.
const CLASSES: &[Class] = &[
    class(
        10,
        "credential",
        Some("null"),
        &["password", "passcode", "secret", "token", "pin", "door-code", "access-code", "api-key"],
    ),
    class(3, "email", Some("email"), &["email", "e-mail", "mail"]),
    class(2, "phone", Some("last4"), &["phone", "mobile", "tel", "telephone", "fax", "cell"]),
    class(
        7,
        "national-id",
        Some("last4"),
        &[
            "ssn",
            "rrn",
            "passport",
            "national-id",
            "tax-id",
            "resident-number",
            "license-number",
            "licence-number",
            "insurance-number",
            "identity-number",
        ],
    ),
    class(
        6,
        "payment",
        Some("last4"),
        &["card", "iban", "bic", "account-number", "bank", "cvc", "cvv"],
    ),
    class(5, "birth", Some("null"), &["birth", "birthday", "birthdate", "dob", "age"]),
    class(
        8,
        "health",
        None,
        &[
            "diagnosis",
            "diagnoses",
            "medication",
            "medications",
            "allergy",
            "allergies",
            "symptom",
            "symptoms",
            "prescription",
            "treatment",
            "blood",
            "vaccination",
            "disease",
            "dosage",
            "condition",
            "conditions",
        ],
    ),
    class(
        4,
        "address",
        Some("all"),
        &[
            "address",
            "street",
            "postcode",
            "postal",
            "zip",
            "city",
            "line1",
            "line2",
            "line-1",
            "line-2",
            "house-number",
            "apartment",
        ],
    ),
    class(
        9,
        "location",
        Some("null"),
        &["latitude", "longitude", "lat", "lng", "lon", "geo", "ip", "ip-address"],
    ),
    class(
        1,
        "name",
        Some("first1"),
        &[
            "name",
            "fullname",
            "firstname",
            "lastname",
            "surname",
            "given-name",
            "family-name",
            "nickname",
            "recipient",
            "guardian",
        ],
    ),
    class(11, "personal", None, &["gender", "sex", "nationality", "marital", "photo", "avatar"]),
];

/// Words before `name` that say it is no person's.
const NOT_A_PERSON: &[&str] = &[
    "file",
    "product",
    "item",
    "company",
    "department",
    "branch",
    "event",
    "service",
    "drug",
    "title",
    "book",
    "category",
    "tag",
    "role",
    "host",
    "display",
    "clinic",
    "shop",
    "store",
    "room",
    "brand",
    "status",
    "type",
    "country",
    "publisher",
    "series",
    "shelf",
];

/// Words for people who may be a namespace of data subjects.
const PEOPLE: &[&str] = &[
    "customer",
    "seller",
    "rider",
    "person",
    "patient",
    "user",
    "member",
    "employee",
    "staff",
    "borrower",
    "reader",
    "student",
    "driver",
    "doctor",
    "nurse",
    "client",
    "guest",
    "tenant",
    "applicant",
    "donor",
    "guardian",
    "practitioner",
    "physician",
    "subscriber",
    "teacher",
    "parent",
    "child",
    "resident",
    "beneficiary",
    "policyholder",
    "account-holder",
];

const GIVEN: &[&str] = &["customer", "seller", "rider", "person", "service", "phone", "email"];

pub(super) fn is_given(namespace: &str) -> bool {
    GIVEN.contains(&namespace)
}

/// The lower-case words of a key: `cardHolderName`, `card_holder-name`.
pub(super) fn words(key: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut fresh = true;
    let mut lower = false;
    for c in key.chars() {
        if !c.is_ascii_alphanumeric() {
            fresh = true;
            continue;
        }
        if fresh || (c.is_ascii_uppercase() && lower) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(c.to_ascii_lowercase());
        }
        fresh = false;
        lower = !c.is_ascii_uppercase();
    }
    words
}

/// The data class of a leaf: `key` is its own, `parent` that of the object around it.
pub(super) fn class_of(key: &str, parent: &str) -> Option<Class> {
    let own = words(key);
    let last = own.last().map_or("", String::as_str);
    if matches!(last, "id" | "ids" | "count" | "at" | "type" | "status" | "url" | "verified") {
        return None;
    }
    let says = |class: &&Class| {
        class.words.iter().any(|entry| {
            let entry: Vec<&str> = entry.split('-').collect();
            own.windows(entry.len()).any(|window| window.iter().zip(&entry).all(|(a, b)| a == b))
        })
    };
    let found = CLASSES.iter().find(says).copied()?;
    if found.name == "name" {
        let before = own.iter().rev().nth(1).map_or(parent, String::as_str);
        let around = words(before).pop().map(|word| singular(&word)).unwrap_or_default();
        if NOT_A_PERSON.contains(&around.as_str()) {
            return None;
        }
    }
    Some(found)
}

/// The namespace that an id key names: `patient_id`, `patientId`; `id` in an object of patients.
pub(super) fn subject_of(key: &str, parent: &str) -> Option<String> {
    let mut own = words(key);
    match own.pop()?.as_str() {
        "id" | "ids" | "number" | "no" => {}
        _ => return None,
    }
    let owner = match own.pop() {
        Some(word) => singular(&word),
        None if words(key).last().is_some_and(|word| word == "id") => {
            singular(&words(parent).pop()?)
        }
        None => return None,
    };
    PEOPLE.contains(&owner.as_str()).then_some(owner)
}

/// Whose data a path is about: `/patients/{id}/...` the last such; `/me` the caller.
pub(super) fn route_subject(path: &str) -> Option<String> {
    let segments: Vec<&str> = path.split('/').collect();
    if segments.iter().any(|segment| matches!(*segment, "me" | "self" | "profile")) {
        return Some("principal".to_owned());
    }
    let subject = |pair: &[&str]| {
        let [before, parameter] = pair else { return None };
        let name = parameter.strip_prefix('{')?.strip_suffix('}')?;
        let owner = singular(&words(before).pop()?);
        let owner = if PEOPLE.contains(&owner.as_str()) { owner } else { subject_of(name, "")? };
        Some(format!("{owner}:{parameter}"))
    };
    segments.windows(2).rev().find_map(subject)
}

pub(super) fn singular(word: &str) -> String {
    match (word.strip_suffix("ies"), word.strip_suffix('s')) {
        (Some(stem), _) => format!("{stem}y"),
        (None, Some(stem)) if !word.ends_with("ss") && !word.ends_with("us") => stem.to_owned(),
        _ => word.to_owned(),
    }
}
