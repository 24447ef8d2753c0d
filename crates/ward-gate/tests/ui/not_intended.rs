use ward_gate::Gate;
use ward_gate::steps::*;

pub async fn life(gate: &Gate, ask: &Ask, permit: Permit, request: http::Request<hyper::body::Incoming>) {
    let _ = send(gate, permit, ask, request).await;
}

fn main() {}
