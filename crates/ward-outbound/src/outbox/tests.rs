//! Waits, lanes, room and repetitions.

use super::*;

const T0: UnixMillis = UnixMillis::new(1_000_000);
const PLAN: Plan = Plan { first_ms: 1_000, longest_ms: 10_000, attempts_max: 4 };

fn notice(id: &str) -> Notice {
    let id = NoticeId::parse(id).unwrap();
    Notice::new(id, T0, "approval.proposed", "title", &[], "/").unwrap()
}

fn outbox(targets: &[&str]) -> Outbox {
    Outbox::new(targets.iter().map(|name| Arc::from(*name)), PLAN)
}

fn failed() -> Attempt {
    Attempt::Failed("down".to_owned())
}

#[test]
fn waits_grow_are_capped_and_end() {
    let plan = Plan::default();
    // (failures, shortest wait, longest wait) in milliseconds
    for (attempts, from, to) in [
        (1, 3_750, 6_250),
        (2, 15_000, 25_000),
        (3, 60_000, 100_000),
        (6, 3_840_000, 6_400_000),
        (7, 10_800_000, 18_000_000),
        (12, 10_800_000, 18_000_000),
    ] {
        let wait = |jitter| plan.next_attempt(attempts, T0, jitter).unwrap().since(T0);
        for jitter in [0, 1, 2_500, u64::MAX, u64::MAX / 3] {
            assert!((from..=to).contains(&wait(jitter)), "{attempts}: {}", wait(jitter));
        }
        assert_eq!((wait(0), wait(u64::try_from(to - from).unwrap())), (from, to), "{attempts}");
    }
    assert_eq!(plan.next_attempt(13, T0, 0), None);
    assert_eq!(plan.next_attempt(u32::MAX, T0, 0), None);
    let odd = Plan { first_ms: i64::MAX, longest_ms: -1, attempts_max: u32::MAX };
    assert_eq!(odd.next_attempt(u32::MAX - 1, T0, 7), Some(T0));
}

#[test]
fn a_failure_is_repeated_until_it_is_given_up() {
    let mut outbox = outbox(&["hook"]);
    assert_eq!(outbox.offer(notice("a"), T0), []);
    let mut now = T0;
    for attempts in 1..=4 {
        let job = outbox.take(now).unwrap();
        assert_eq!((job.target, job.notice.id().as_str()), (0, "a"));
        assert!(outbox.take(now).is_none(), "one at a time");
        let report = outbox.settle(0, failed(), now, 0).unwrap();
        assert_eq!((report.attempts, &*report.target), (attempts, "hook"));
        match report.fate {
            Fate::WillRetry { next, .. } => {
                assert!(outbox.take(next.plus_ms(-1)).is_none(), "not early");
                assert_eq!(outbox.next_due(), Some(next));
                now = next;
            }
            fate => {
                assert_eq!(attempts, 4);
                assert_eq!(fate, Fate::GaveUp { why: "down (4 attempts)".to_owned() });
            }
        }
    }
    assert!(outbox.take(UnixMillis::new(i64::MAX)).is_none());
    assert_eq!(outbox.next_due(), None);
    assert_eq!(outbox.counts(), Counts { retried: 3, gave_up: 1, ..Counts::default() });
}

#[test]
fn a_refusal_is_final_and_a_delivery_is_over() {
    let mut outbox = outbox(&["hook", "mail"]);
    outbox.offer(notice("a"), T0);
    let jobs = [outbox.take(T0).unwrap(), outbox.take(T0).unwrap()];
    assert_eq!(jobs.map(|job| job.target), [0, 1], "each target gets it");
    let refused = Attempt::Refused("550".to_owned());
    let fate = outbox.settle(1, refused, T0, 0).unwrap().fate;
    assert_eq!(fate, Fate::GaveUp { why: "550".to_owned() });
    assert_eq!(outbox.settle(0, Attempt::Delivered, T0, 0).unwrap().fate, Fate::Delivered);
    assert_eq!(outbox.settle(0, Attempt::Delivered, T0, 0), None, "nothing was under way");
    assert_eq!(outbox.settle(9, Attempt::Delivered, T0, 0), None, "no such target");
    assert_eq!(outbox.counts(), Counts { delivered: 1, gave_up: 1, ..Counts::default() });
}

#[test]
fn what_is_on_its_way_is_not_taken_twice() {
    let mut outbox = outbox(&["hook", "mail"]);
    outbox.offer(notice("a"), T0);
    outbox.offer(notice("a"), T0);
    assert_eq!(outbox.counts().waiting, 2, "waiting");
    let _job = outbox.take(T0).unwrap();
    outbox.offer(notice("a"), T0);
    assert_eq!(outbox.counts().waiting, 2, "under way");
    outbox.settle(0, failed(), T0, 0);
    outbox.offer(notice("a"), T0);
    assert_eq!(outbox.counts().waiting, 2, "waiting again");
    outbox.offer_one(1, notice("b"), T0);
    outbox.offer_one(7, notice("b"), T0);
    assert_eq!(outbox.counts().waiting, 3, "one target only");
}

#[test]
fn a_dead_target_holds_up_nobody() {
    let mut outbox = outbox(&["dead", "live"]);
    outbox.offer(notice("a"), T0);
    outbox.offer(notice("b"), T0);
    assert_eq!(outbox.take(T0).unwrap().target, 0);
    for id in ["a", "b"] {
        let job = outbox.take(T0).unwrap();
        assert_eq!((job.target, job.notice.id().as_str()), (1, id));
        outbox.settle(1, Attempt::Delivered, T0, 0);
    }
    assert!(outbox.take(T0).is_none());
    assert_eq!(outbox.next_due(), None, "the dead one's lane is taken");
}

#[test]
fn the_oldest_gives_way_and_is_reported() {
    let mut outbox = outbox(&["hook"]);
    outbox.waiting_max = 2;
    for id in ["a", "b", "c"] {
        assert_eq!(outbox.offer(notice(id), T0), [], "{id}");
        if id == "a" {
            outbox.take(T0).unwrap();
        }
    }
    // "a" is under way and comes back: the oldest of all, it gives way first.
    outbox.settle(0, failed(), T0, 0);
    let dropped = |reports: Vec<Report>| -> Vec<(String, u32, Fate)> {
        let line = |it: Report| (it.notice.to_string(), it.attempts, it.fate);
        reports.into_iter().map(line).collect()
    };
    let reports = dropped(outbox.offer(notice("d"), T0));
    assert_eq!(reports, [("a".to_owned(), 1, Fate::Dropped), ("b".to_owned(), 0, Fate::Dropped)]);
    assert_eq!((outbox.counts().dropped, outbox.counts().waiting), (2, 2));
    assert_eq!(outbox.take(T0).unwrap().notice.id().as_str(), "c");
    // What gave way may be offered again.
    assert_eq!(outbox.offer(notice("a"), T0), []);
    assert_eq!(outbox.counts().waiting, 3);
}

#[test]
fn the_bound_holds_as_it_is_set() {
    let mut outbox = outbox(&["hook"]);
    let dropped: usize =
        (0..WAITING_MAX + 3).map(|nth| outbox.offer(notice(&format!("n{nth}")), T0).len()).sum();
    assert_eq!((dropped, outbox.counts().dropped), (3, 3));
    assert_eq!(usize::try_from(outbox.counts().waiting), Ok(WAITING_MAX));
}
