//! Forgeries of every kind against tokens that are really issued, and the corpus of the fuzzer.

use super::*;

struct Forge {
    world: World,
    signer: Signer,
    token: String,
}

impl Forge {
    fn new(algorithm: Algorithm) -> Self {
        let mut world = World::new(4);
        let signer = Signer::new(algorithm);
        world.key(1, &signer, KeySource::Generated);
        let token = world.issue(1, &signer, 0, &body("100001", 600, START));
        assert_eq!(world.reason(&token), None);
        Self { world, signer, token }
    }

    fn parts(&self) -> (String, String, [u8; 64]) {
        let parts = token::split(self.token.as_bytes()).unwrap();
        let text = |bytes: &[u8]| core::str::from_utf8(bytes).unwrap().to_owned();
        let signature = crate::base64::decode_array::<64>(parts.signature).unwrap();
        (text(parts.header), text(parts.claims), signature)
    }

    fn claims(&self) -> String {
        let (_, claims, _) = self.parts();
        let bytes = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(claims.as_bytes()).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    /// Good signature over other claims under Ward's own header.
    fn resigned(&self, claims: &str) -> String {
        let input = format!("{}{}", self.parts().0, part(claims));
        layout::compact(&input, &self.signer.sign(&input))
    }

    fn with_signature(&self, signature: &[u8; 64]) -> String {
        let (header, claims, _) = self.parts();
        layout::compact(&format!("{header}{claims}"), signature)
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table, a row per forgery")]
fn every_forgery_gets_its_reason() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        let forge = Forge::new(algorithm);
        let (header, claims, signature) = forge.parts();
        let text = forge.claims();
        let never = Some(Reason::NeverIssued);
        let bad = Some(Reason::BadSignature);
        let malformed = Some(Reason::Malformed);
        let flipped = {
            let mut signature = signature;
            signature[40] ^= 1;
            signature
        };
        let other_header = |json: &str| {
            let input = format!("{}.{claims}", part(json));
            layout::compact(&input, &forge.signer.sign(&input))
        };
        let alg = algorithm.as_str();
        let cases = [
            (
                "copied jti, other customer",
                forge.resigned(&text.replace("100001", "100002")),
                never,
            ),
            (
                "copied jti, longer life",
                forge.resigned(&text.replace("1800000600", "1800009999")),
                never,
            ),
            (
                "copied jti, expired",
                forge.resigned(&text.replace("1800000600", "1700000000")),
                never,
            ),
            ("same claims, another space", forge.resigned(&text.replacen(':', ": ", 1)), never),
            (
                "made-up jti",
                forge.resigned(&text.replacen(&text[8..48], &"A".repeat(40), 1)),
                never,
            ),
            ("no jti", forge.resigned(r#"{"sub":"1","aud":"shop","exp":1800000600}"#), never),
            ("no claims", forge.resigned("{}"), never),
            ("claims no object", forge.resigned("[]"), malformed),
            ("duplicate sub", forge.resigned(r#"{"sub":"1","sub":"2"}"#), malformed),
            (
                "other header layout",
                other_header(&format!(r#"{{"kid":"{}","alg":"{alg}"}}"#, kid(1))),
                never,
            ),
            (
                "other kid",
                other_header(&format!(r#"{{"kid":"nobody","alg":"{alg}"}}"#)),
                Some(Reason::UnknownKey),
            ),
            (
                "alg none",
                other_header(&format!(r#"{{"kid":"{}","alg":"none"}}"#, kid(1))),
                malformed,
            ),
            (
                "alg HS256",
                other_header(&format!(r#"{{"kid":"{}","alg":"HS256"}}"#, kid(1))),
                malformed,
            ),
            (
                "the other algorithm",
                other_header(&format!(
                    r#"{{"kid":"{}","alg":"{}"}}"#,
                    kid(1),
                    if alg == "ES256" { "EdDSA" } else { "ES256" }
                )),
                bad,
            ),
            ("junk signature", forge.with_signature(&[0x01; 64]), bad),
            ("flipped bit", forge.with_signature(&flipped), bad),
            ("zero signature", forge.with_signature(&[0; 64]), bad),
            ("signature out of range", forge.with_signature(&[0xff; 64]), bad),
            ("truncated signature", forge.token[..forge.token.len() - 2].to_owned(), malformed),
            ("no signature", format!("{header}{claims}."), malformed),
            ("two parts", format!("{header}{claims}"), malformed),
            ("four parts", format!("{}.x", forge.token), malformed),
            ("padding", format!("{}=", forge.token), malformed),
            ("white space", format!("{} ", forge.token), malformed),
            ("empty", String::new(), malformed),
            ("too long", format!("{}{}", "a".repeat(5000), forge.token), malformed),
        ];
        for (name, raw, want) in cases {
            assert_eq!(forge.world.reason(&raw), want, "{algorithm}: {name}");
        }
        let stranger = Signer::new(algorithm);
        let input = format!("{header}{claims}");
        let raw = layout::compact(&input, &stranger.sign(&input));
        assert_eq!(forge.world.reason(&raw), bad, "signed by a stranger");
        assert_eq!(
            reason_at(&forge.world.ledger, &forge.token, "other", START),
            Some(Reason::WrongAudience)
        );
    }
}

#[test]
fn the_twin_signature_is_the_same_token() {
    let mut forge = Forge::new(Algorithm::Es256);
    let (_, _, signature) = forge.parts();
    let twin = forge.with_signature(&crate::canonical::twin(&signature));
    assert_ne!(twin, forge.token);
    assert_eq!(forge.world.reason(&twin), None);
    let place = Locator { origin: Origin(1), sequence: Sequence(0) };
    for raw in [&forge.token, &twin] {
        assert_eq!(forge.world.ledger.locate(raw), Some(Entered::Slot(place)));
    }
    assert_eq!(forge.world.ledger.locate(&forge.with_signature(&[1; 64])), None);
    forge.world.record(TokenRevoked {
        origin: Origin(1),
        sequence: Sequence(0),
        cause: Cause::Operator,
    });
    assert_eq!(forge.world.reason(&forge.token), Some(Reason::Revoked));
    assert_eq!(forge.world.reason(&twin), Some(Reason::Revoked), "back through its twin");
    // Signing the same claims again is another token: nobody issued it.
    let again = forge.resigned(&forge.claims());
    assert_eq!(forge.world.reason(&again), Some(Reason::NeverIssued));
}

#[test]
fn a_token_ends_exactly_at_its_exp() {
    let mut forge = Forge::new(Algorithm::EdDsa);
    let end = START.plus_ms(600_000);
    for (now, want) in [
        (START, None),
        (end.plus_ms(-1), None),
        (end, Some(Reason::Expired)),
        (end.plus_ms(1), Some(Reason::Expired)),
        (end.plus_ms(86_400_000), Some(Reason::Expired)),
        (START.plus_ms(-86_400_000), None),
    ] {
        let said = reason_at(&forge.world.ledger, &forge.token, AUDIENCE, now);
        assert_eq!(said, want, "{now:?}");
        forge.world.restart();
    }
    forge.world.record(TokenRevoked {
        origin: Origin(1),
        sequence: Sequence(0),
        cause: Cause::Operator,
    });
    for (now, want) in [(end.plus_ms(-1), Reason::Revoked), (end, Reason::Expired)] {
        let said = reason_at(&forge.world.ledger, &forge.token, AUDIENCE, now);
        assert_eq!(said, Some(want), "{now:?}");
    }
}

#[test]
fn a_forgery_is_never_confused_with_a_view_that_is_behind() {
    let mut forge = Forge::new(Algorithm::EdDsa);
    let (ahead, issued) = forge.world.sign(1, &forge.signer, 5, &body("b", 600, START));
    assert_eq!(forge.world.reason(&ahead), Some(Reason::LedgerBehind), "not applied yet");
    let mut unknown = forge
        .world
        .ledger
        .secret()
        .seal_locator(Locator { origin: Origin(9), sequence: Sequence(0) }, [0; 14]);
    let text = forge.claims();
    unknown = text.replacen(&text[8..48], &unknown, 1);
    let unknown = forge.resigned(&unknown);
    assert_eq!(forge.world.reason(&unknown), Some(Reason::LedgerBehind), "unknown origin");
    forge.world.record(OriginFenced { origin: Origin(1), end: Sequence(5) });
    assert_eq!(forge.world.reason(&ahead), Some(Reason::NeverIssued), "fenced below it");
    assert_eq!(forge.world.reason(&forge.token), None);
    // Recorded in spite of the fence: a fault of the journal's writer, and counted.
    forge.world.record(issued);
    assert_eq!(forge.world.ledger.open_origins(), []);
    assert_eq!(forge.world.ledger.next_origin(), Origin(2));
}

#[test]
fn a_dropped_segment_is_joined_with_the_archive() {
    let mut forge = Forge::new(Algorithm::EdDsa);
    let fingerprint = forge
        .world
        .ledger
        .fingerprint_at(Locator { origin: Origin(1), sequence: Sequence(0) })
        .unwrap()
        .cast_signed();
    for sequence in 1..16 {
        forge.world.issue(1, &forge.signer, sequence, &body("b", 600, START));
    }
    let forged = forge.resigned(&forge.claims().replace("100001", "100002"));
    let end = START.plus_ms(600_000);
    // Time goes on in small steps past the end of the first segment and its grace.
    let mut sequence = 16;
    while forge.world.now < end.plus_ms(200_000) {
        forge.world.now = forge.world.now.plus_ms(30_000);
        let long = body("c", 9_999, forge.world.now);
        forge.world.issue(1, &forge.signer, sequence, &long);
        sequence += 1;
    }
    let place = Locator { origin: Origin(1), sequence: Sequence(0) };
    assert_eq!(forge.world.ledger.fingerprint_at(place), None, "dropped");
    let world = &forge.world;
    let classify = |raw: &str, now, archived| {
        let Checked::Refuse(refused) = world.ledger.check(raw, AUDIENCE, now) else {
            panic!("passed")
        };
        let miss = refused.miss.unwrap();
        let said = world.ledger.classify_with(&miss, now, |_, _| archived).reason;
        (refused.reason, said)
    };
    let issued = Archived::Issued(fingerprint);
    let past = (Reason::Expired, Reason::Expired);
    assert_eq!(classify(&forge.token, world.now, issued), past);
    assert_eq!(classify(&forge.token, world.now, Archived::Unavailable), past);
    // The clock went back before its end: this view cannot say, so it says that.
    let back = (Reason::LedgerBehind, Reason::LedgerBehind);
    assert_eq!(classify(&forge.token, START, issued), back);
    let forgery = (Reason::Expired, Reason::NeverIssued);
    assert_eq!(classify(&forged, world.now, issued), forgery);
    assert_eq!(classify(&forged, world.now, Archived::Nothing), forgery);
    let junk = forge.with_signature(&[0x01; 64]);
    assert_eq!(classify(&junk, world.now, issued), (Reason::Expired, Reason::BadSignature));
    assert_eq!(world.ledger.faults(), 0);
}

#[test]
fn a_jump_of_time_drops_nothing_until_time_goes_on() {
    let mut forge = Forge::new(Algorithm::EdDsa);
    for sequence in 1..17 {
        forge.world.issue(1, &forge.signer, sequence, &body("b", 600, START));
    }
    forge.world.now = START.plus_ms(86_400_000);
    forge.world.issue(1, &forge.signer, 17, &body("b", 600, START));
    // The clock is set right again; journal time stands still at its head.
    forge.world.now = START.plus_ms(1000);
    for sequence in 18..40 {
        forge.world.issue(1, &forge.signer, sequence, &body("b", 600, START));
    }
    assert_eq!(forge.world.reason(&forge.token), None);
    forge.world.restart();
    assert_eq!(forge.world.reason(&forge.token), None);
}

#[test]
fn no_bytes_make_the_parser_panic() {
    let forge = Forge::new(Algorithm::EdDsa);
    let raw = forge.token.as_bytes();
    for at in 0..raw.len() {
        for byte in [0, b'.', b'A', b'=', 0xff] {
            let mut bytes = raw.to_vec();
            bytes[at] = byte;
            crate::testing::fuzz_token(&bytes);
        }
        crate::testing::fuzz_token(&raw[..at]);
    }
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/token");
    let mut files = 0;
    for file in std::fs::read_dir(corpus).expect("the corpus is in the tree") {
        crate::testing::fuzz_token(&std::fs::read(file.unwrap().path()).unwrap());
        files += 1;
    }
    assert!(files >= 10, "{files} files");
}
