//! The driver over a fake program whose store and journal fail on demand.

use ward_model::record::ApiKeyIssued;
use ward_model::word::ApiKeyKind;
use ward_model::{ApiKeyId, PrincipalKind};

use super::*;
use crate::testing::{Fake, principal_of, row};

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn api_key(id: i64, person: PersonId) -> Record {
    let (owner, owner_key) = principal_of(person);
    ApiKeyIssued {
        api_key: ApiKeyId(id),
        kind: ApiKeyKind::Person,
        hash: [0; 32],
        owner_kind: PrincipalKind::Person,
        owner,
        owner_key,
        expires_at: UnixMillis::new(i64::MAX),
    }
    .into()
}

#[test]
fn with_the_store_dead_a_leaver_is_cut() {
    block_on(async {
        let (fake, people) = Fake::people();
        let row = row(1, "kim");
        people.join(row.clone(), true).await.unwrap();
        fake.world.lock().unwrap().store_fails = true;
        let before = fake.world.lock().unwrap().records.len();
        people.leave(row.id, UnixMillis::new(9), Vec::new()).await.unwrap();
        assert!(people.read(|it| it.is_out(row.id)));
        let world = fake.world.lock().unwrap();
        assert!(matches!(world.records[before], Record::PrincipalSuspended(_)));
    });
}

#[test]
fn wherever_the_journal_stops_a_restart_finishes_once() {
    block_on(async {
        let mut lengths = Vec::new();
        for stop in 0..8 {
            let (fake, people) = Fake::people();
            let row = row(1, "kim");
            people.join(row.clone(), true).await.unwrap();
            let more = vec![api_key(11, row.id), api_key(12, row.id)];
            fake.world.lock().unwrap().records.extend(more);
            let people = fake.clone().start();
            fake.world.lock().unwrap().appends_left = Some(stop);
            let first = people.leave(row.id, UnixMillis::new(9), Vec::new()).await;
            assert_eq!(first.is_err(), stop < 4, "stop {stop}");
            fake.world.lock().unwrap().appends_left = None;
            let people = fake.clone().start();
            people.tend().await.unwrap();
            if stop == 0 {
                assert!(!people.read(|it| it.is_out(row.id)), "no signal was recorded");
                people.leave(row.id, UnixMillis::new(9), Vec::new()).await.unwrap();
            }
            people.leave(row.id, UnixMillis::new(9), Vec::new()).await.unwrap();
            assert_eq!(people.tend().await, Ok(0));
            lengths.push(fake.world.lock().unwrap().records.len());
        }
        assert!(lengths.iter().all(|it| *it == lengths[0]), "{lengths:?}");
    });
}

#[test]
fn many_signals_at_once_make_one_leave() {
    block_on(async {
        let (fake, people) = Fake::people();
        let rows = [row(1, "kim"), row(2, "lee")];
        for row in &rows {
            people.join(row.clone(), true).await.unwrap();
        }
        let tasks: Vec<_> = (0..10)
            .map(|at| {
                let (people, id) = (people.clone(), rows[at % 2].id);
                tokio::spawn(async move { people.leave(id, UnixMillis::new(9), Vec::new()).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        let world = fake.world.lock().unwrap();
        let count = |name| world.records.iter().filter(|it| it.kind_name() == name).count();
        for name in ["PrincipalSuspended", "CascadeStarted", "CascadeFinished"] {
            assert_eq!(count(name), 2, "{name}");
        }
    });
}

#[test]
fn a_change_of_name_after_leaving_keeps_him_out() {
    block_on(async {
        let (_, people) = Fake::people();
        let row = row(1, "kim");
        people.join(row.clone(), true).await.unwrap();
        people.leave(row.id, UnixMillis::new(9), Vec::new()).await.unwrap();
        people.change(PersonRow { user_name: "kim2".into(), ..row.clone() }).await.unwrap();
        assert!(people.read(|it| it.is_out(row.id)));
        people.come_back(row.id).await.unwrap();
        people.come_back(row.id).await.unwrap();
        assert!(!people.read(|it| it.is_out(row.id)));
        assert_eq!(people.tend().await, Ok(0));
    });
}

#[tokio::test]
async fn a_leaver_comes_back_with_another_persons_consent_only() {
    let (fake, people) = Fake::people();
    let row = row(1, "one@a");
    people.join(row.clone(), true).await.unwrap();
    people.come_back(row.id).await.unwrap();
    assert!(fake.world.lock().unwrap().returns_asked.is_empty(), "he is here");
    people.leave(row.id, UnixMillis::new(1), Vec::new()).await.unwrap();
    fake.world.lock().unwrap().returns_held = true;
    let held = people.come_back(row.id).await;
    assert!(matches!(held, Err(LifeError::Held(_))), "{held:?}");
    let is_left = |people: &People<Fake>| {
        people.read(|it| it.person(row.id).unwrap().state == PersonState::Left)
    };
    assert!(is_left(&people));
    fake.world.lock().unwrap().returns_held = false;
    people.come_back(row.id).await.unwrap();
    assert!(!is_left(&people));
    let asked = fake.world.lock().unwrap().returns_asked.clone();
    people.leave(row.id, UnixMillis::new(2), Vec::new()).await.unwrap();
    people.come_back(row.id).await.unwrap();
    let again = fake.world.lock().unwrap().returns_asked.clone();
    assert_ne!(asked.last(), again.last(), "each return is asked about for itself");
}
