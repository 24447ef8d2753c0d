//! What runs when files on disk differ from the set in force.

use ward_model::ApprovalId;

use super::*;

const CONFIG: &str = "version = 1\nname = \"a/log\"\n[issuer]\nurl = \"https://a\"\naudience = \"a\"\n\
                      [custody]\nroot_on_hosts = [\"root@a\"]\n";
const CATALOGUE: &str = "version = 1\n[hosts.a]\nupstream = \"http://127.0.0.1:9000\"\n\
                         undeclared = \"refuse\"\nmax_body_bytes = 1048576\n";

fn set(config: &str, catalogue: &str, dir: &Path) -> Set {
    let policies =
        ward_policy::DEFAULTS.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let texts = Texts::new(config.to_owned(), catalogue.to_owned(), policies);
    texts.read(&dir.join("ward.toml")).map_err(|all| all.join("\n")).unwrap()
}

fn chosen(old: &Set, new: &Set, standing: Option<Standing>) -> &'static str {
    match choose(old, new, |_| standing.map(|it| (ApprovalId(1), it))) {
        Choice::Same => "same",
        Choice::New(_) => "new",
        Choice::Approved(_) => "approved",
        Choice::Held(_) => "held",
    }
}

#[test]
fn weaker_files_wait_and_others_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let old = set(CONFIG, CATALOGUE, dir.path());
    let observe = CATALOGUE.replace("\"refuse\"", "\"observe\"");
    let moved = CATALOGUE.replace("9000", "9001");
    let nobody = CONFIG.replace("\"root@a\"", "");
    let longer = format!("{CONFIG}[approvals]\nproposal_hours = 48\n");
    let more = format!("{CONFIG}[approvals]\nconsents = 2\n");
    let comment = format!("# nothing\n{CONFIG}");
    let waiting = Some(Standing::Waiting { missing: 1 });
    for (config, catalogue, standing, want) in [
        (CONFIG, CATALOGUE, None, "same"),
        (comment.as_str(), CATALOGUE, None, "new"),
        (CONFIG, moved.as_str(), None, "new"),
        (more.as_str(), CATALOGUE, None, "new"),
        (CONFIG, observe.as_str(), None, "held"),
        (CONFIG, observe.as_str(), waiting, "held"),
        (CONFIG, observe.as_str(), Some(Standing::Approved), "approved"),
        (nobody.as_str(), CATALOGUE, None, "held"),
        (longer.as_str(), CATALOGUE, None, "held"),
    ] {
        let new = set(config, catalogue, dir.path());
        assert_eq!(chosen(&old, &new, standing), want, "{config}{catalogue}");
    }
}

#[test]
fn a_set_is_believed_only_as_it_was_kept() {
    let dir = tempfile::tempdir().unwrap();
    let one = set(CONFIG, CATALOGUE, dir.path());
    one.keep().unwrap();
    let file = dir.path().join("ward.toml");
    let kept = kept(&one.config.data, &file);
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].name, one.name);
    let place = one.config.data.join(DIR).join(file_of(&one.name));
    let text = std::fs::read_to_string(&place).unwrap();
    let mut other = std::fs::File::create(&place).unwrap();
    std::io::Write::write_all(&mut other, text.replace("refuse", "observe").as_bytes()).unwrap();
    assert!(super::kept(&one.config.data, &file).is_empty(), "edited by hand");
    one.keep().unwrap();
    let two = set(CONFIG, &CATALOGUE.replace("9000", "9001"), dir.path());
    two.keep().unwrap();
    two.drop_others();
    let left = super::kept(&one.config.data, &file);
    assert_eq!(left.iter().map(|set| set.name).collect::<Vec<_>>(), [two.name]);
}
