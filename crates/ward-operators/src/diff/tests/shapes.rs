//! How a judgement reads, and that it is bounded.

use super::*;

#[test]
fn reasons_read_plainly() {
    let (old, mut new) = (house(), house());
    new.settings.issuer.life_seconds_max = 7200;
    new.settings.mutes.clear();
    let text = CATALOGUE.replacen("\"enforce\"", "\"observe\"", 1).replace("last4", "first1");
    new.catalogue = catalogue(&text.replace("subjects = 200", "subjects = 300"));
    new.policies = policies(&POLICIES.replace("\"rider\"", "\"seller\""));
    let judgement = diff(&old, &new);
    let told: Vec<String> = judgement.weaker().iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "settings: issuer.life_seconds_max: tokens live at most 7200 seconds, before 3600",
            "catalogue: budget staff-day: it lets a principal read 300 data subjects, before 200",
            "catalogue: route staff (GET /staff/{id}): it refuses, masks and holds back nothing \
             any more",
            "catalogue: route staff (GET /staff/{id}), field buyer.phone: more of it may be seen \
             by: rider, person",
            "policies: forbid guard: it may not forbid what it did",
        ]
    );
    let told: Vec<String> = judgement.stronger().iter().map(ToString::to_string).collect();
    assert_eq!(told, ["settings: mutes, clock_jumped: it is told again"]);
    assert!(judgement.is_weaker() && judgement.as_str() == "weaker");
}

#[test]
fn reasons_are_bounded() {
    let (old, mut new) = (house(), house());
    for n in 0..2_500 {
        new.settings.mutes.insert(format!("{n} {}", "가".repeat(500)));
    }
    let judgement = diff(&old, &new);
    assert_eq!(judgement.weaker().len(), limits::REASONS_MAX + 1);
    let last = judgement.weaker().last().unwrap();
    assert_eq!((last.kind, last.what.as_str()), (Kind::More, "1500 more"));
    let longest = judgement.weaker().iter().map(|why| why.place.len()).max().unwrap();
    assert!(longest <= limits::WORD_BYTES_MAX + 40, "{longest}");
}

#[test]
fn kinds_have_their_own_words() {
    let words: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(words.len(), Kind::ALL.len());
    let plain = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    assert!(words.iter().all(plain));
}

#[test]
fn the_digest_is_of_what_is_said() {
    let (one, mut other) = (house(), house());
    let reordered = CATALOGUE.replace("name = 1\nphone = 2", "phone = 2 # a comment\nname = 1\n");
    let names = "\"api.example\", \"shop.example\"";
    assert!(reordered != CATALOGUE && reordered.contains(names));
    let turned = "\"shop.example\", \"api.example\"";
    other.catalogue = catalogue(&reordered.replace(names, turned));
    other.policies = policies(&POLICIES.replace("when {", "\n// said\nwhen\n{"));
    assert_eq!(digest(&one), digest(&other));
    assert_eq!(diff(&one, &other), Judgement::Same);
    // What the diff calls the same is still another text to approve.
    other.settings.listen_control.set_port(1);
    assert_eq!(diff(&one, &other), Judgement::Same);
    assert_ne!(digest(&one), digest(&other));
}
