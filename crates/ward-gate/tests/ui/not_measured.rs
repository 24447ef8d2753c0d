use ward_gate::Gate;
use ward_gate::steps::*;

pub async fn life(gate: &Gate, answer: Answer, other: Answer) {
    let _ = append(gate, answer).await;
    let _body = other.response;
}

fn main() {}
