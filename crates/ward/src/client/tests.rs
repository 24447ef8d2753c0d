//! Held acts: what is said, and what `--wait` does, against a server of a few lines.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use serde_json::json;

use super::held::{Next, next};
use super::*;
use crate::exit::Exit;

fn proposal(state: &str) -> Value {
    json!({
        "held": true, "approval": 12, "state": state, "act": "set_roles", "effect": "audit -> keys",
        "proposer": "p-1", "missing": 1, "from_roles": ["keys"], "expires_at": "tomorrow",
    })
}

/// A server whose proposal stands in each of `states` once, then in the last of them for ever.
struct Server {
    states: &'static [&'static str],
    looks: AtomicU32,
    sent: Mutex<Vec<(Method, String, String)>>,
}

async fn serve(states: &'static [&'static str]) -> (Client, Arc<Server>) {
    let server = Arc::new(Server { states, looks: AtomicU32::new(0), sent: Mutex::default() });
    let answer =
        async |State(server): State<Arc<Server>>, method: Method, uri: Uri, body: String| {
            if uri.path().starts_with("/api/approvals/") {
                let look = usize::try_from(server.looks.fetch_add(1, Ordering::SeqCst)).unwrap();
                let state = server.states.get(look).or(server.states.last()).unwrap();
                return (StatusCode::OK, proposal(state).to_string());
            }
            let mut sent = server.sent.lock().unwrap();
            sent.push((method, uri.to_string(), body));
            match sent.len() {
                1 => (StatusCode::ACCEPTED, proposal("waiting").to_string()),
                _ => (StatusCode::OK, json!({"done": true}).to_string()),
            }
        };
    let router = Router::new().fallback(answer).with_state(Arc::clone(&server));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (Client::new(format!("http://{address}")), server)
}

fn exit_of(error: &anyhow::Error) -> (u8, String) {
    let exit = error.downcast_ref::<Exit>().unwrap();
    (exit.code, exit.message.clone())
}

#[tokio::test]
async fn a_held_act_ends_the_command_and_says_what_waits() {
    let (client, server) = serve(&["waiting"]).await;
    let held = client.post("/api/x", &json!({"a": 1})).await.unwrap().ok().unwrap_err();
    let (code, told) = exit_of(&held);
    assert_eq!(code, 3);
    let want = "held: nothing was changed\nproposal 12: set_roles: audit -> keys\n1 more operator \
                other than p-1 must consent, one of whom may: keys, in the console, before \
                tomorrow\nthen ask for exactly the same again, or use --wait";
    assert_eq!(told, want);
    assert_eq!(server.sent.lock().unwrap().len(), 1, "nothing is sent again by itself");
    let plain = Answer { status: 202, headers: HeaderMap::new(), body: Bytes::from("{}") };
    assert!(plain.ok().is_ok(), "a 202 that holds nothing is an answer");
}

#[tokio::test]
async fn a_waiting_command_sends_exactly_the_same_once_it_is_approved() {
    let (client, server) = serve(&["waiting", "waiting", "approved"]).await;
    let client = client.waiting(Duration::from_millis(1));
    let answer = client.post("/api/x?y=1", &json!({"a": 1})).await.unwrap().ok().unwrap();
    assert_eq!(answer, json!({"done": true}));
    let sent = server.sent.lock().unwrap().clone();
    let one = (Method::POST, "/api/x?y=1".to_owned(), r#"{"a":1}"#.to_owned());
    assert_eq!(sent, [one.clone(), one]);
    assert_eq!(server.looks.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_waiting_command_ends_with_its_proposal() {
    let (client, server) = serve(&["waiting", "refused"]).await;
    let client = client.waiting(Duration::from_millis(1));
    let (code, told) = exit_of(&client.post("/api/x", &json!({})).await.unwrap_err());
    assert_eq!(code, 3);
    assert_eq!(told, "proposal 12 is over: refused; nothing was changed");
    assert_eq!(server.sent.lock().unwrap().len(), 1);
}

#[test]
fn every_state_of_a_proposal_has_one_next_step() {
    for (state, want) in [
        ("waiting", Next::Wait),
        ("approved", Next::Send),
        ("applied", Next::Over("applied".into())),
        ("lapsed", Next::Over("lapsed".into())),
    ] {
        assert_eq!(next(&proposal(state)), want);
    }
    assert_eq!(next(&json!({})), Next::Over("unknown".into()));
}
