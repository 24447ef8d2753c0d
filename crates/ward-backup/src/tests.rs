//! Backups of a small house: whole, and in every way spoilt.

#![expect(clippy::string_slice, reason = "the texts cut here are ASCII")]

use std::io::{self, Read as _, Write as _};

use data_encoding::BASE64;
use proptest::prelude::*;
use tempfile::TempDir;
use ward_model::Secret;

use crate::limits::CHUNK_BYTES;
use crate::manifest::{MANIFEST, is_inside};
use crate::tar::{BLOCK, header, read_header};
use crate::*;

/// An identity that the reference implementation (`pyrage`) made, its recipient, and two files that
/// it sealed: empty, and five bytes. Both carry a stanza of no kind, which is to be passed over.
const IDENTITY: &str = "AGE-SECRET-KEY-17SZ7PQY55X5U9AY45DH7MCAAMJF5FUMP7ZPUA7LP3FHRLNKQ55TQS7ZJ50";
const RECIPIENT: &str = "age136r4566nnyxn3vw4krrwg85dlpdsppkxexvk59q5j4fm43vkza6qd0vrrk";
const EMPTY: &str = "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSA5KzBYYzdRNGFwOWk1WEdxSXFoQ3drL1g2eVRLa3RSeG9pdTZjdDBiZGd3CnhER1QxNnZqQmZOZis5SEV2czJ5WEgrNTB3MFdrVitmYW9jVmRNeUhJd1EKLT4gKXprQC1ncmVhc2UgMlFaaz1rOSBtW21BR2t3IHRcam47LkluIEgtJG5dZ1cKckpuYmdRU3VvYXJCTDkzVmppZWREOVp2bXVQSFlUY2J3WnNyc0dFZjJ6ZjlkNnBpVXJWeEE2blh3OUU3Z2lIZworYytpazRWazUvUm9LS3QrVXEyQlNGa1djNEFIYktGLy9PVWI1bUpoTkx1SFZoanEyUGRxNFRXU1IvS0t4ZVEKLS0tIGk4bHpoRnpkckJPU1Bac1pTS3BiTjhnVWErYjZ1Q2ZMNXRzWkN6MmVKcW8K7c5uVE3ylS01xGp48tHzg2GzYrhkbQxJL4K3OlB/pic=";
const FIVE: &str = "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBRbFVIZFJuTlVFUDBDcW55YzRta1NlMEEyemFwZWtQVS9MbHdLd0M0MlJFCndRcHYvbWR4Z0dLMHdqUzY0aTdoSlhrM09SdEdmbisvaVV2cVhJSzNvd0EKLT4geDEwM0VaLWdyZWFzZSBdIlcvRwo2QTluN0VJNGF1RjdDNlM4OUxSQ2FURnNJRVJCblJUcm1UVW9UL0RJZi8yUAotLS0gRFM1cXBZdG1GaXUybXRlNGUyWnJFOG1tTWFrWlgwRCs3ZlVBZzZIZWRycwrhu1wHhl5oGWj9uJH/k8Rxsh8vxquJu2adzDKlBkFp6bwjGt2t";

/// A random source that counts.
fn counting(from: u8) -> impl FnMut(&mut [u8]) -> io::Result<()> {
    let mut at = from;
    move |bytes: &mut [u8]| {
        for byte in bytes {
            *byte = at.wrapping_mul(31).wrapping_add(7);
            at = at.wrapping_add(1);
        }
        Ok(())
    }
}

fn identity(seed: u8) -> Identity {
    Identity::new(Secret::new([seed; 32]))
}

fn seal(plain: &[u8], to: &[Recipient]) -> Vec<u8> {
    let mut sealer = Sealer::new(Vec::new(), to, &mut counting(1)).unwrap();
    sealer.write_all(plain).unwrap();
    sealer.finish().unwrap()
}

fn open(sealed: &[u8], identities: &[Identity]) -> Result<Vec<u8>, String> {
    let mut opener = Opener::new(sealed, identities).map_err(|error| error.to_string())?;
    let mut plain = Vec::new();
    opener.read_to_end(&mut plain).map_err(|error| error.to_string())?;
    Ok(plain)
}

#[test]
fn files_of_the_reference_implementation_open() {
    let own = Identity::parse(IDENTITY).unwrap();
    assert_eq!(own.recipient().unwrap().to_string(), RECIPIENT);
    assert_eq!(own.text().as_str(), IDENTITY);
    for (sealed, plain) in [(EMPTY, &[][..]), (FIVE, &[0, 7, 14, 21, 28][..])] {
        let sealed = BASE64.decode(sealed.as_bytes()).unwrap();
        assert_eq!(
            open(&sealed, &[identity(3), Identity::parse(IDENTITY).unwrap()]).unwrap(),
            plain
        );
        let refused = open(&sealed, &[identity(3)]).unwrap_err();
        assert_eq!(refused, "none of the identities opens it: it was sealed to others");
    }
}

#[test]
fn chunks_end_where_they_must() {
    let (own, other) = (identity(1), identity(2));
    let to = [other.recipient().unwrap(), own.recipient().unwrap()];
    for length in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES] {
        let plain: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let sealed = seal(&plain, &to);
        assert!(open(&sealed, &[identity(1)]).unwrap() == plain, "{length}");
        // Cut at a chunk's end, the last chunk is missing; doubled, something follows it.
        let chunk = CHUNK_BYTES + 16;
        if length > CHUNK_BYTES {
            let rest = sealed.len() - (length % CHUNK_BYTES + 16) % chunk;
            let cut = if length % CHUNK_BYTES == 0 { sealed.len() - chunk } else { rest };
            assert!(open(&sealed[..cut], &[identity(1)]).is_err(), "{length}");
        }
        assert!(open(&[&sealed[..], &[0]].concat(), &[identity(1)]).is_err());
    }
    assert!(Sealer::new(Vec::new(), &[], &mut counting(0)).is_err(), "sealed to nobody");
}

#[test]
fn keys_are_read_strictly() {
    for wrong in ["", "age1", "AGE1QQ", &RECIPIENT.to_uppercase(), &RECIPIENT[..61], IDENTITY] {
        assert_eq!(Recipient::parse(wrong), Err(KeyTextError::Recipient), "{wrong}");
    }
    for wrong in ["", "AGE-SECRET-KEY-1", RECIPIENT, &IDENTITY[..73]] {
        assert_eq!(Identity::parse(wrong).err(), Some(KeyTextError::Identity), "{wrong}");
    }
    let file = format!("# created: today\n\n{RECIPIENT}\r\n  # spare\n");
    assert_eq!(Recipient::parse_file(&file).unwrap().len(), 1);
    assert_eq!(Recipient::parse_file("# none\n"), Err(KeyTextError::Count));
    assert_eq!(Identity::parse_file("").err(), Some(KeyTextError::Count));
}

/// A house with a few files, and what packs it.
struct House {
    dir: TempDir,
    sources: Vec<Source>,
}

fn house(files: &[(&str, &[u8], u64)]) -> House {
    let dir = tempfile::tempdir().unwrap();
    let mut sources = Vec::new();
    for (nth, (name, content, length)) in files.iter().enumerate() {
        let place = dir.path().join(nth.to_string());
        let mut file = std::fs::File::create(&place).unwrap();
        // What is appended meanwhile is not kept.
        file.write_all(&[content, &b"and what came later"[..]].concat()).unwrap();
        let bytes = content.len() as u64;
        sources.push(Source { name: (*name).to_owned(), place, bytes, length: *length });
    }
    House { dir, sources }
}

const FORMAT_FILE: &str = "data/journal/format";
const SEGMENT: &str = "data/journal/segments/00000000000000000000.seg";

fn small() -> House {
    house(&[
        ("ward.toml", b"version = 1\n", 12),
        (SEGMENT, &[5; 700], 4096),
        (FORMAT_FILE, b"ward-journal", 12),
        ("data/custody/key-000001.sealed", b"sealed", 6),
        ("policies/base.cedar", b"", 0),
        ("data/register.db", &[9; 1024], 1024),
    ])
}

fn about(files: Vec<FileEntry>) -> Manifest {
    Manifest {
        checkpoint: "ward.example/log\n7\nroot\n\nsignature\n".to_owned(),
        created_at: 1_795_000_000_000,
        files,
        format: 1,
        layout: Layout {
            catalogue: "catalogue.toml".to_owned(),
            data: "data".to_owned(),
            policies: "policies".to_owned(),
        },
        log: "ward.example/log".to_owned(),
        program: "0.1.0".to_owned(),
        size: 7,
    }
}

fn mac_key() -> aws_lc_rs::hmac::Key {
    Manifest::mac_key(&Secret::new([8; 32]))
}

fn packed(house: &mut House) -> Vec<u8> {
    let manifest = about(measure(&mut house.sources, &mut |_| ()).unwrap());
    let mac = Manifest::mac(&mac_key(), &manifest.encode().unwrap());
    let to = [identity(1).recipient().unwrap()];
    let mut read = 0;
    let mut done = |bytes| read += bytes;
    let sealed =
        pack(Vec::new(), &manifest, &mac, &house.sources, &to, &mut counting(9), &mut done)
            .unwrap();
    assert_eq!(read, manifest.bytes());
    sealed
}

/// Keeps what is handed on, and whether each file was said to be whole.
#[derive(Default)]
struct Kept(Vec<(String, Vec<u8>, bool)>);

impl Sink for Kept {
    fn manifest(&mut self, _manifest: &Manifest) -> io::Result<()> {
        Ok(())
    }
    fn begin(&mut self, file: &FileEntry) -> io::Result<()> {
        self.0.push((file.name.clone(), Vec::new(), false));
        Ok(())
    }
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.last_mut().unwrap().1.extend_from_slice(bytes);
        Ok(())
    }
    fn end(&mut self, _file: &FileEntry) -> io::Result<()> {
        self.0.last_mut().unwrap().2 = true;
        Ok(())
    }
}

#[test]
fn what_goes_in_comes_out() {
    let mut house = small();
    let sealed = packed(&mut house);
    let mut kept = Kept::default();
    let read = unpack(&sealed[..], &[identity(1)], &mut kept, &mut |_| ()).unwrap();
    assert!(Manifest::is_authentic(&mac_key(), &read.encoded, &read.mac));
    let stranger = Manifest::mac_key(&Secret::new([9; 32]));
    assert!(!Manifest::is_authentic(&stranger, &read.encoded, &read.mac), "another key file");
    assert!(read.manifest.files.iter().any(|it| it.name == SEGMENT && it.length == 4096));
    for source in &house.sources {
        let was = std::fs::read(&source.place).unwrap();
        let bytes = usize::try_from(source.bytes).unwrap();
        assert!(kept.0.contains(&(source.name.clone(), was[..bytes].to_vec(), true)));
    }
    assert_eq!(kept.0.len(), house.sources.len());
    assert!(unpack(&sealed[..], &[identity(2)], &mut Discard, &mut |_| ()).is_err());
}

#[test]
fn every_changed_bit_and_every_cut_is_found() {
    let sealed = packed(&mut small());
    let own = [identity(1)];
    for at in 0..sealed.len() {
        // Every bit of the header and of the ends, one of each byte between.
        let edge = at < 400 || at + 40 > sealed.len();
        for bit in if edge { 0..8 } else { at % 8..at % 8 + 1 } {
            let mut spoilt = sealed.clone();
            spoilt[at] ^= 1 << bit;
            assert!(unpack(&spoilt[..], &own, &mut Discard, &mut |_| ()).is_err(), "{at}.{bit}");
        }
        if edge || at % 61 == 0 {
            assert!(unpack(&sealed[..at], &own, &mut Discard, &mut |_| ()).is_err(), "cut {at}");
        }
    }
    let more = [&sealed[..], b"x"].concat();
    assert!(unpack(&more[..], &own, &mut Discard, &mut |_| ()).is_err());
}

/// A sealed archive of these entries: what somebody makes who has the recipient and a tar.
fn made(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut plain = Vec::new();
    for (name, content) in entries {
        plain.extend_from_slice(&header(name, content.len() as u64).unwrap());
        plain.extend_from_slice(content);
        plain.resize(plain.len().next_multiple_of(BLOCK), 0);
    }
    plain.resize(plain.len() + 2 * BLOCK, 0);
    seal(&plain, &[identity(1).recipient().unwrap()])
}

fn entry(name: &str, content: &[u8]) -> FileEntry {
    let bytes = content.len() as u64;
    let sha256 = data_encoding::HEXLOWER.encode(&Manifest::digest(content));
    FileEntry { bytes, length: bytes, name: name.to_owned(), sha256 }
}

/// The canonical bytes of a manifest that `encode` would refuse.
fn forced(files: Vec<FileEntry>) -> Vec<u8> {
    serde_json::to_vec(&about(files)).unwrap()
}

#[test]
fn no_name_leads_out_of_the_directory() {
    for name in [
        "../ward.toml",
        "/etc/passwd",
        "data/../../x",
        "data/custody/../../x.sealed",
        "data/custody/.sealed",
        "data/custody/a/b.sealed",
        "policies/../x.cedar",
        "policies/.cedar",
        "policies/a/b.cedar",
        "policies/.hidden.cedar",
        "policies/a\0.cedar",
        "policies/a.cedar/",
        "data/journal/LOCK",
        "data/journal/segments/1.seg",
        "data/journal/tree",
        "data/restored.json",
        "data/journal/segments/0000000000000000000a.seg",
        "data/key-encryption-key",
        "",
        ".",
        "..",
        "ward.toml/",
        "./ward.toml",
        "data//register.db",
        "data\\register.db",
        "DATA/register.db",
        "data/register.db-wal",
        "policies/ж.cedar",
        &format!("policies/{}.cedar", "a".repeat(100)),
    ] {
        assert_eq!(names::kind(name), None, "{name}");
        let manifest = forced(vec![entry(name, b"x")]);
        let refused = Manifest::read(&manifest).unwrap_err();
        assert!(matches!(refused, ManifestError::Refused { .. }), "{name}: {refused}");
        assert!(about(vec![entry(name, b"x")]).encode().is_err(), "{name}");
    }
    for path in ["", "/", "..", "a/..", "a//b", "/a", "a/", "./a", "a/b/c/d/e", ".ssh", "a/.b"] {
        assert!(!is_inside(path), "{path}");
        let mut manifest = about(Vec::new());
        manifest.layout.data = path.to_owned();
        assert!(manifest.encode().is_err(), "{path}");
    }
    assert!([".", "data", "a/b/c"].iter().all(|path| is_inside(path)));
}

#[test]
fn an_archive_is_exactly_what_its_manifest_says() {
    let config = entry("ward.toml", b"abc");
    let manifest = about(vec![config.clone()]).encode().unwrap();
    let mac = [0; 32];
    let head = [(MANIFEST, &manifest[..]), ("manifest.mac", &mac[..])];
    let with = |rest: &[(&'static str, &'static [u8])]| made(&[&head[..], rest].concat());
    let reads = |sealed: &[u8]| unpack(sealed, &[identity(1)], &mut Discard, &mut |_| ());
    assert!(reads(&with(&[("ward.toml", b"abc")])).is_ok());
    for (what, sealed) in [
        ("missing", with(&[])),
        ("other content", with(&[("ward.toml", b"abd")])),
        ("longer", with(&[("ward.toml", b"abcd")])),
        ("another name", with(&[("catalogue.toml", b"abc")])),
        ("one more", with(&[("ward.toml", b"abc"), ("catalogue.toml", b"")])),
        ("twice", with(&[("ward.toml", b"abc"), ("ward.toml", b"abc")])),
        ("no MAC", made(&[head[0], ("ward.toml", b"abc")])),
        ("no manifest", made(&[("ward.toml", b"abc")])),
        ("MAC first", made(&[head[1], head[0], ("ward.toml", b"abc")])),
    ] {
        assert!(reads(&sealed).is_err(), "{what}");
    }
    let mut twice = about(vec![config.clone(), config.clone()]);
    assert!(twice.encode().is_err(), "a name twice");
    twice.files = vec![entry("ward.toml", b""), entry("catalogue.toml", b"")];
    assert!(twice.encode().is_err(), "out of order");
    let stretched = FileEntry { length: 9, ..config.clone() };
    assert!(about(vec![stretched]).encode().is_err(), "only a segment ends in zeros");
    let huge = FileEntry { bytes: 1 << 30, length: 1 << 30, ..config };
    assert!(about(vec![huge]).encode().is_err(), "a bound");
    let vast = FileEntry { length: 1 << 40, ..entry(SEGMENT, b"") };
    assert!(about(vec![vast]).encode().is_err(), "a segment's bound");
}

#[test]
fn newer_formats_and_other_spellings_are_refused() {
    let good = String::from_utf8(about(Vec::new()).encode().unwrap()).unwrap();
    assert!(Manifest::read(good.as_bytes()).is_ok());
    let newer = good.replace("\"format\":1", "\"format\":2").replace("\"size\"", "\"extent\"");
    assert_eq!(Manifest::read(newer.as_bytes()), Err(ManifestError::Newer { found: 2 }));
    for wrong in [
        good.replace("\"format\":1", "\"format\":0"),
        good.replace("{", "{ "),
        good.replace("\"size\":7", "\"size\":7,\"more\":1"),
        good.replace("\"size\":7", "\"size\":7.0"),
        good.replace("\"log\"", "\"Log\""),
        good[..good.len() - 1].to_owned(),
        format!("{good} "),
        "{}".to_owned(),
        "[]".to_owned(),
    ] {
        let refused = Manifest::read(wrong.as_bytes()).unwrap_err();
        assert!(matches!(refused, ManifestError::Malformed(_)), "{wrong}");
    }
    let own = [identity(1)];
    for (first, want) in [
        ("age-encryption.org/v2\n", "an age file of a version this program does not know"),
        ("hello\n", "not an age file"),
        ("", "not an age file"),
    ] {
        let refused = Opener::new(first.as_bytes(), &own).err().unwrap();
        assert_eq!(refused.to_string(), want);
    }
    // A header without end is not read without end.
    let long = [b"age-encryption.org/v1\n-> x\n".to_vec(), vec![b'A'; 1 << 20]].concat();
    assert!(matches!(Opener::new(&long[..], &own), Err(OpenError::Damaged(_))));
}

#[test]
fn a_file_that_changes_meanwhile_stops_the_backup() {
    let mut house = small();
    let manifest = about(measure(&mut house.sources, &mut |_| ()).unwrap());
    let place = house.sources.iter().find(|it| it.name == "ward.toml").unwrap().place.clone();
    let to = [identity(1).recipient().unwrap()];
    for content in [&b"version = 2\n"[..], b"short"] {
        std::fs::File::create(&place).unwrap().write_all(content).unwrap();
        let sources = &house.sources;
        let packed =
            pack(io::sink(), &manifest, &[0; 32], sources, &to, &mut counting(1), &mut |_| ());
        assert!(matches!(packed, Err(PackError::Changed { name }) if name == "ward.toml"));
    }
    std::fs::remove_file(&place).unwrap();
    let read = measure(&mut house.sources, &mut |_| ());
    assert!(matches!(read, Err(PackError::Read { .. })));
    assert!(house.dir.path().exists());
}

proptest! {
    #[test]
    fn headers_are_read_as_they_are_written(
        name in "[a-z/.0-9-]{1,100}", bytes in prop_oneof![0..1u64 << 20, any::<u64>()],
        at in 0..BLOCK, bit in 0..8u32,
    ) {
        let block = header(&name, bytes).unwrap();
        prop_assert_eq!(read_header(&block), Some((name, bytes)));
        let mut spoilt = block;
        spoilt[at] ^= 1 << bit;
        prop_assert_eq!(read_header(&spoilt), None);
    }

    #[test]
    fn no_bytes_break_the_readers(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(unpack(&bytes[..], &[identity(1)], &mut Discard, &mut |_| ()).is_err());
        prop_assert!(Manifest::read(&bytes).is_err());
        let _none = bytes.first_chunk().and_then(read_header);
    }
}
