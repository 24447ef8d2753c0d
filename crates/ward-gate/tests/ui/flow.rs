// The whole flow: what the other cases leave out, swap or do twice.
use ward_gate::steps::*;
use ward_gate::{Body, Gate};

pub async fn life(
    gate: &Gate,
    ask: &Ask,
    request: http::Request<hyper::body::Incoming>,
) -> Result<http::Response<Body>, Refusal> {
    let presented = present(request.headers()).map_err(Refusal::from)?;
    let issued = check(gate, presented, ask).await?;
    let permit = decide(gate, issued, ask).await?;
    let intended = intend(gate, permit, ask).await?;
    let answer = send(gate, intended, ask, request).await?;
    let measured = measure(gate, answer, ask).await?;
    let recorded = append(gate, measured).await?;
    Ok(respond(recorded))
}

fn main() {}
