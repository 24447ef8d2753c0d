//! Browser and authenticator that say whatever a case wants; nothing of the code under test.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::json;

use super::ORIGIN;

pub const UP: u8 = 1;
pub const UV: u8 = 1 << 2;
pub const BE: u8 = 1 << 3;
pub const BS: u8 = 1 << 4;
pub const AT: u8 = 1 << 6;
pub const ED: u8 = 1 << 7;

enum Key {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
}

/// A credential on a device.
pub struct Device {
    key: Key,
    pub id: Vec<u8>,
    pub cose: Vec<u8>,
}

impl Device {
    pub fn es256() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let point = pair.public_key().as_ref();
        let cose = es256_cose(&point[1..33], &point[33..]);
        Self { key: Key::Es256(pair), id: vec![0xc1; 20], cose }
    }

    pub fn eddsa() -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let mut cose = vec![0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 32];
        cose.extend_from_slice(pair.public_key().as_ref());
        Self { key: Key::EdDsa(pair), id: vec![0xc2; 20], cose }
    }

    pub fn rs256() -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        // RSAPublicKey (RFC 8017 A.1.1): a head of 9 bytes, the modulus, the exponent.
        let n = pair.public_key().as_ref()[9..9 + 256].to_vec();
        Self { cose: rs256_cose(&n, &[1, 0, 1]), key: Key::Rs256(pair), id: vec![0xc3; 20] }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.key {
            Key::Es256(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Key::EdDsa(pair) => pair.sign(message).as_ref().to_vec(),
            Key::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }
}

pub fn es256_cose(x: &[u8], y: &[u8]) -> Vec<u8> {
    let mut cose = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21];
    cose.extend(bytes(x));
    cose.push(0x22);
    cose.extend(bytes(y));
    cose
}

pub fn rs256_cose(n: &[u8], e: &[u8]) -> Vec<u8> {
    let mut cose = vec![0xa4, 0x01, 0x03, 0x03, 0x39, 0x01, 0x00, 0x20];
    cose.extend(bytes(n));
    cose.push(0x21);
    cose.extend(bytes(e));
    cose
}

/// A CBOR byte string with the shortest head.
pub fn bytes(of: &[u8]) -> Vec<u8> {
    let mut out = match of.len() {
        n @ 0..24 => vec![0x40 | u8::try_from(n).unwrap()],
        n @ 24..256 => vec![0x58, u8::try_from(n).unwrap()],
        n => [&[0x59][..], &u16::try_from(n).unwrap().to_be_bytes()].concat(),
    };
    out.extend_from_slice(of);
    out
}

/// An answer before it is signed and spelt.
pub struct Answer {
    pub kind: String,
    pub challenge: Vec<u8>,
    pub origin: String,
    /// Members of the client data beside type, challenge and origin, as JSON starting with a comma.
    pub more: String,
    pub rp_id: String,
    pub flags: u8,
    pub count: u32,
    /// The id outside the signed part.
    pub id: Vec<u8>,
    pub attested_id: Vec<u8>,
    pub cose: Vec<u8>,
    pub extensions: Vec<u8>,
    pub format: String,
    /// CBOR.
    pub statement: Vec<u8>,
    pub user_handle: Option<Vec<u8>>,
    /// After the attestation object.
    pub trailing: Vec<u8>,
    /// Takes the place of what was signed.
    pub signature: Option<Vec<u8>>,
}

impl Answer {
    pub fn to_create(device: &Device, challenge: &[u8]) -> Self {
        Self {
            kind: "webauthn.create".into(),
            challenge: challenge.to_vec(),
            origin: ORIGIN.into(),
            more: r#","crossOrigin":false"#.into(),
            rp_id: "ward.example".into(),
            flags: UP | UV | AT,
            count: 5,
            id: device.id.clone(),
            attested_id: device.id.clone(),
            cose: device.cose.clone(),
            extensions: Vec::new(),
            format: "none".into(),
            statement: vec![0xa0],
            user_handle: None,
            trailing: Vec::new(),
            signature: None,
        }
    }

    pub fn to_get(device: &Device, challenge: &[u8], user_handle: &[u8]) -> Self {
        Self {
            kind: "webauthn.get".into(),
            flags: UP | UV,
            user_handle: Some(user_handle.to_vec()),
            ..Self::to_create(device, challenge)
        }
    }

    pub fn client_data(&self) -> Vec<u8> {
        let challenge = BASE64URL_NOPAD.encode(&self.challenge);
        let (kind, origin, more) = (&self.kind, &self.origin, &self.more);
        format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}"{more}}}"#).into()
    }

    pub fn data(&self) -> Vec<u8> {
        let mut data = digest(&SHA256, self.rp_id.as_bytes()).as_ref().to_vec();
        data.push(self.flags);
        data.extend_from_slice(&self.count.to_be_bytes());
        if self.flags & AT != 0 {
            data.extend_from_slice(&[0xaa; 16]);
            data.extend_from_slice(&u16::try_from(self.attested_id.len()).unwrap().to_be_bytes());
            data.extend_from_slice(&self.attested_id);
            data.extend_from_slice(&self.cose);
        }
        data.extend_from_slice(&self.extensions);
        data
    }

    pub fn object(&self) -> Vec<u8> {
        let mut object = vec![0xa3, 0x63];
        object.extend_from_slice(b"fmt");
        object.push(0x60 | u8::try_from(self.format.len()).unwrap());
        object.extend_from_slice(self.format.as_bytes());
        object.push(0x67);
        object.extend_from_slice(b"attStmt");
        object.extend_from_slice(&self.statement);
        object.push(0x68);
        object.extend_from_slice(b"authData");
        object.extend(bytes(&self.data()));
        object.extend_from_slice(&self.trailing);
        object
    }

    /// The whole answer to a registration.
    pub fn created(&self) -> Vec<u8> {
        created(&self.id, &self.client_data(), &self.object())
    }

    /// The signature over this answer.
    pub fn signature(&self, device: &Device) -> Vec<u8> {
        let hash = digest(&SHA256, &self.client_data());
        let signed = [self.data().as_slice(), hash.as_ref()].concat();
        self.signature.clone().unwrap_or_else(|| device.sign(&signed))
    }

    /// The whole answer to a sign-in or a consent.
    pub fn got(&self, device: &Device) -> Vec<u8> {
        let signature = self.signature(device);
        let handle = self.user_handle.as_deref();
        got(&self.id, &self.client_data(), &self.data(), &signature, handle)
    }
}

pub fn created(id: &[u8], client_data: &[u8], object: &[u8]) -> Vec<u8> {
    let response = json!({
        "clientDataJSON": BASE64URL_NOPAD.encode(client_data),
        "attestationObject": BASE64URL_NOPAD.encode(object),
        "transports": ["usb"],
    });
    credential(id, &response)
}

pub fn got(
    id: &[u8],
    client_data: &[u8],
    data: &[u8],
    signature: &[u8],
    handle: Option<&[u8]>,
) -> Vec<u8> {
    let response = json!({
        "clientDataJSON": BASE64URL_NOPAD.encode(client_data),
        "authenticatorData": BASE64URL_NOPAD.encode(data),
        "signature": BASE64URL_NOPAD.encode(signature),
        "userHandle": handle.map(|it| BASE64URL_NOPAD.encode(it)),
    });
    credential(id, &response)
}

fn credential(id: &[u8], response: &serde_json::Value) -> Vec<u8> {
    let id = BASE64URL_NOPAD.encode(id);
    let answer = json!({
        "id": id,
        "rawId": id,
        "type": "public-key",
        "clientExtensionResults": {},
        "response": response,
    });
    answer.to_string().into()
}
