//! CPU time of the gate for one request of a 20 kB page with everything on, beside nginx that only
//! proxies the same page from the same origin.
//!
//! The gate runs in a process of its own (`child.rs`), so that its CPU time is one number with all
//! its threads: check, policy, transaction token, scan, masks, tenant, budget, register, 51 rows
//! made durable, tree, views, the store's follower. Gate and nginx take turns under the same load.

mod child;
mod shop;

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use tokio::runtime::Runtime;
use ward_scan::testing::order_page;

pub use child::child;

use crate::journal;
use crate::load::{self, Call};
use crate::nginx::{self, Nginx};
use crate::paired::{median, quantile};
use crate::table::Row;
use crate::{Effort, machine};

/// Orders on the page: about 20 kB.
const ORDERS: usize = 51;
/// Connections that are kept busy.
const CONNECTIONS: usize = 32;
/// Most of nginx's CPU time: where a plain Envoy stood beside it.
const GOAL: f64 = 2.6;
/// A row's name.
const WHAT: &str = "gate, CPU of a request of a 20 kB page, everything on";

/// What the gate says when it is ready.
#[derive(serde::Serialize, serde::Deserialize)]
struct Ready {
    at: SocketAddr,
    tokens: Vec<String>,
}

/// Measures.
///
/// # Errors
/// One of the processes does not start or answers wrongly.
pub fn rows(effort: Effort) -> Result<Vec<Row>> {
    let Some(program) = nginx::program() else { return Ok(vec![missing()]) };
    let dir = machine::directory()?;
    let page = order_page(ORDERS);
    let origin = Nginx::origin(&program, &dir.path().join("origin"), &page)?;
    let proxy = Nginx::proxy(&program, &dir.path().join("proxy"), origin.at)?;
    let gate = GateProcess::start(&dir.path().join("gate"), origin.at)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let to_gate = Side { pid: gate.process.id(), call: call(gate.ready.at, &gate.ready.tokens) };
    let to_nginx = Side { pid: proxy.pid(), call: call(proxy.at, &[]) };

    let mut busy = Turns::default();
    busy.take(&runtime, effort.of(7, 1), CONNECTIONS, effort.of(150, 10), [&to_gate, &to_nginx])?;
    let mut acks = journal::alone(effort.of(1_500, 100))?;
    let mut alone = Turns::default();
    alone.take(&runtime, effort.of(5, 1), 1, effort.of(500, 30), [&to_gate, &to_nginx])?;
    acks.extend(journal::alone(effort.of(1_500, 100))?);
    gate.stop()?;

    let [ours, theirs] = busy.cpu_us.map(median);
    let ratio = median(busy.ratios);
    let [ours_p50, theirs_p50] = alone.p50_ms.map(median);
    let [ours_p99, theirs_p99] = alone.p99_ms.map(median);
    let (more, ack_p99) = (ours_p99 - theirs_p99, quantile(acks, 0.99));
    Ok(vec![
        Row {
            what: format!("{WHAT}, {CONNECTIONS} connections"),
            ours: format!("{ours:.0} µs"),
            peer: format!("nginx, plain proxy to the same origin {theirs:.0} µs"),
            ratio: format!("{ratio:.1}x nginx"),
            goal: format!("<= {GOAL}x nginx, where a plain Envoy stood"),
            met: ratio <= GOAL,
            hard: false,
        },
        Row {
            what: "gate, time to the whole answer, one connection (one durable append in it)"
                .into(),
            ours: format!("p50 {ours_p50:.2} ms, p99 {ours_p99:.2} ms"),
            peer: format!("nginx p50 {theirs_p50:.2} ms, p99 {theirs_p99:.2} ms"),
            ratio: format!("p99 {more:.2} ms more; one acknowledgement p99 {ack_p99:.2} ms"),
            goal: "p99 <= 1 ms and one acknowledgement more".into(),
            met: more <= 1.0 + ack_p99,
            hard: false,
        },
    ])
}

fn missing() -> Row {
    Row {
        what: WHAT.into(),
        ours: "not measured".into(),
        peer: "nginx is not installed; `cargo xtask setup` installs it".into(),
        ratio: "none".into(),
        goal: format!("<= {GOAL}x nginx"),
        met: false,
        hard: false,
    }
}

fn call(to: SocketAddr, tokens: &[String]) -> Call {
    Call { to, path: nginx::PATH, tokens: tokens.to_vec() }
}

/// A process under load.
struct Side {
    pid: u32,
    call: Call,
}

/// What the rounds gave, ours and nginx's.
#[derive(Default)]
struct Turns {
    cpu_us: [Vec<f64>; 2],
    p50_ms: [Vec<f64>; 2],
    p99_ms: [Vec<f64>; 2],
    ratios: Vec<f64>,
}

impl Turns {
    /// The first round warms up and is not counted.
    fn take(
        &mut self,
        runtime: &Runtime,
        rounds: usize,
        connections: usize,
        each: usize,
        sides: [&Side; 2],
    ) -> Result<()> {
        for round in 0..=rounds {
            let mut cost = [0.0; 2];
            for (at, side) in sides.into_iter().enumerate() {
                let before = machine::process_cpu_us(side.pid)?;
                let times = runtime.block_on(load::run(&side.call, connections, each))?;
                let spent = machine::process_cpu_us(side.pid)?.saturating_sub(before);
                ensure!(times.len() == connections * each, "answers are missing");
                let spent = spent as f64 / times.len() as f64;
                let lists = [
                    (&mut self.cpu_us, spent),
                    (&mut self.p50_ms, median(times.clone())),
                    (&mut self.p99_ms, quantile(times, 0.99)),
                ];
                if let Some(cost) = cost.get_mut(at) {
                    *cost = spent;
                }
                for (list, value) in lists.into_iter().filter(|_| round > 0) {
                    list.get_mut(at).context("two sides")?.push(value);
                }
            }
            let [ours, theirs] = cost;
            if round > 0 && theirs > 0.0 {
                self.ratios.push(ours / theirs);
            }
        }
        Ok(())
    }
}

/// The gate in a process of its own. It ends when its input is closed.
struct GateProcess {
    process: Child,
    input: Option<ChildStdin>,
    ready: Ready,
}

impl GateProcess {
    fn start(dir: &Path, origin: SocketAddr) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("--gate-child")
            .arg(dir)
            .args(["--origin", &origin.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (input, output) = (process.stdin.take(), process.stdout.take());
        let mut line = String::new();
        BufReader::new(output.context("no output")?).read_line(&mut line)?;
        let ready = serde_json::from_str(&line).with_context(|| format!("the gate: {line}"));
        let ready = ready.inspect_err(|_| {
            let _ended = process.kill();
        })?;
        Ok(Self { process, input, ready })
    }

    fn stop(mut self) -> Result<()> {
        drop(self.input.take());
        let status = self.process.wait()?;
        ensure!(status.success(), "the gate ended with {status}");
        Ok(())
    }
}

impl Drop for GateProcess {
    fn drop(&mut self) {
        drop(self.input.take());
        // Ended already, but for a failed measurement.
        let _ended = self.process.kill();
        let _ended = self.process.wait();
    }
}
