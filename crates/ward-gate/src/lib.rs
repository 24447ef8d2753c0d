//! The gate: the door through which records are read, and the life of a read.
//!
//! What it is: a reverse proxy that checks, decides, sends, measures, records and only then
//! releases; on observed routes it passes every byte and measures as they pass. In an emergency one
//! person opens an enforced route for minutes (`bypass.rs`, `emergency.rs`).
//! What it must never do: let an enforced answer out unrecorded; change a byte of an observed one;
//! write a raw path, a query or a value into a record or a log.
//! Where it sits: floor 2. The program gives it its parts and serves it on a listener.
//! Read first: `flow.rs`. Still to come: Envoy and forward-auth doors, TLS, HTTP/2, CSV, streams.
//! Best tests: `tests/gate.rs` (every refusal over real sockets), `tests/ui` (what must not compile).

mod ask;
mod body;
pub mod bypass;
pub mod counters;
mod decide;
pub mod door;
mod emergency;
pub mod exposure;
mod flow;
mod headers;
mod holder;
mod identify;
pub mod intent;
pub mod limits;
mod measure;
mod noise;
mod observe;
mod present;
mod refuse;
mod release;
#[doc(hidden)]
pub mod steps;
pub mod transaction;
mod upstream;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::{HeaderMap, Method, Request, Response, header};
use hyper::body::Incoming;
use ward_catalogue::{Body as Declared, Catalogue, Lookup, Mode, Undeclared};
use ward_journal::{Journal, Recorded};
use ward_ledger::Ledger;
use ward_model::word::RouteMode;
use ward_model::{AccessId, Entry as _, Networks, Reason, RouteNumber, UnixMillis, Verdict};
use ward_policy::Policies;
use ward_register::Register;

use ask::{Ask, Target};
pub use body::Body;
use bypass::{Bypassed, Bypasses};
use counters::Counters;
use decide::Intended;
use emergency::Turns;
use exposure::Exposures;
use identify::Classifier;
use noise::Noise;
use observe::Watch;
use refuse::Refusal;
use release::Measured;
use transaction::MintTransaction;
use upstream::{Answer, Upstream};

/// Everything the gate is made of; the program joins it.
pub struct Parts {
    /// Records.
    pub journal: Journal,
    /// The check.
    pub ledger: Ledger,
    /// Numbers and existence.
    pub register: Register,
    /// Decisions.
    pub policies: Arc<Policies>,
    /// Routes; swapped whole on reload.
    pub catalogue: Arc<arc_swap::ArcSwap<Catalogue>>,
    /// Budgets.
    pub exposures: Exposures,
    /// Routes opened in an emergency.
    pub bypasses: Bypasses,
    /// Transaction tokens.
    pub mint: Arc<dyn MintTransaction>,
    /// Who is believed about where a request comes from.
    pub doors: Networks,
    /// Takes DPoP proofs.
    pub proofs: Arc<ward_proof::Desk>,
    /// `aud` of the tokens the gate takes.
    pub audience: String,
    /// The wall clock.
    pub clock: Arc<dyn Fn() -> UnixMillis + Send + Sync>,
    /// A new request id.
    pub access_id: Arc<dyn Fn(UnixMillis) -> AccessId + Send + Sync>,
    /// Keyed hash of a stated purpose.
    pub purpose_hash: Arc<dyn Fn(&str) -> i64 + Send + Sync>,
    /// Metrics.
    pub counters: Counters,
}

/// The gate.
pub struct Gate {
    parts: Parts,
    upstream: Upstream,
    noise: Noise,
    classifier: Classifier,
    turns: Turns,
}

impl Gate {
    /// A gate of these parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            parts,
            upstream: Upstream::new(),
            noise: Noise::default(),
            classifier: Classifier::new(),
            turns: Turns::default(),
        }
    }

    /// The reason of a refusal that was counted as noise not long ago.
    #[must_use]
    pub fn counted_reason(&self, access: AccessId) -> Option<Reason> {
        self.noise.reason(access)
    }

    /// Records noise of the minutes that have passed (`all`: of the running one too). Call it about
    /// once a minute, and at stop.
    pub async fn record_noise(&self, all: bool) {
        let counts = self.noise.take(self.now(), all);
        if counts.is_empty() {
            return;
        }
        if let Err(error) = self.parts.journal.append(counts.clone(), self.now()).await {
            tracing::warn!(%error, "counted refusals wait for the journal");
            self.noise.put_back(counts);
        }
    }

    /// Answers one request.
    pub async fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Response<Body> {
        let ask = match self.ask(&request, peer) {
            Ok(ask) => ask,
            Err((ask, reason)) => return flow::refused(self, &ask, reason.into()).await,
        };
        if ask.mode() == RouteMode::Observe {
            return self.observe(ask, request).await;
        }
        match self.bypassed(&ask) {
            Some(bypassed) => emergency::read(self, ask, bypassed, request).await,
            None => flow::read(self, &ask, request).await,
        }
    }

    /// The bypass that opens a request's enforced route now. WHY never an uninspectable route:
    /// nobody is ever let through there, so there is nothing to restore.
    fn bypassed(&self, ask: &Ask) -> Option<Bypassed> {
        let route = ask.route().filter(|route| route.body != Declared::Uninspectable)?;
        self.parts.bypasses.bypassed(route.number, ask.now)
    }

    /// An observed request: looked at, then passed as it came.
    async fn observe(self: &Arc<Self>, ask: Ask, request: Request<Incoming>) -> Response<Body> {
        let checked = match present::present(request.headers()) {
            Ok(presented) => self.check(presented, &ask).await,
            Err(reason) => Err(reason.into()),
        };
        let (who, verdict) = match checked {
            Ok(issued) => {
                let verdict = match issued.doubt {
                    Some(doubt) => Verdict::Refuse(doubt),
                    None if ask.route().is_none() => Verdict::Permit,
                    None => self.verdict(&issued, &ask),
                };
                (Some(issued.who), verdict)
            }
            Err(refusal) if observe::is_refused_everywhere(&refusal) => {
                return flow::refused(self, &ask, refusal).await;
            }
            Err(refusal) => (refusal.who, Verdict::Refuse(refusal.reason)),
        };
        if ask.route().is_none() {
            self.parts.counters.ungated();
        }
        let answer = self.upstream.pass(&ask, request).await;
        let watch = Watch { gate: Arc::clone(self), ask, who, verdict, bypassed: None };
        match answer {
            Some(answer) => observe::pass(watch, answer),
            None => observe::bad_gateway(watch),
        }
    }

    /// Matches a request to its route. `Err`: it is refused before anything else is looked at.
    fn ask(
        &self,
        request: &Request<Incoming>,
        peer: SocketAddr,
    ) -> Result<Ask, (Box<Ask>, Reason)> {
        let now = self.now();
        let catalogue = self.parts.catalogue.load_full();
        let (uri, method) = (request.uri(), request.method());
        let named = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        // Several catalogues have one host that answers to no name: the first such is for everyone.
        let host = catalogue
            .host_for(named)
            .or_else(|| catalogue.hosts().iter().find(|host| host.names.is_empty()));
        let (mut route, mut params, mut refused) = (RouteNumber::NONE, Vec::new(), None);
        let mut path = uri.path().to_owned();
        match host.map(|host| (host, catalogue.find(host, method.as_str(), uri.path()))) {
            Some((_, Lookup::Match(found))) => {
                route = found.route.number;
                params = found.params;
                // Enforced routes go upstream in the one form that was matched.
                if found.route.mode == Mode::Enforce {
                    path = found.canonical.unwrap_or(path);
                }
            }
            Some((host, Lookup::NoRoute)) if host.undeclared == Undeclared::Observe => {}
            Some((host, Lookup::Refused(_)))
                if host.undeclared == Undeclared::Observe && !host.enforces => {}
            _ => refused = Some(Reason::UnknownRoute),
        }
        if method == Method::CONNECT || method == Method::TRACE {
            refused = Some(Reason::UnknownRoute);
        }
        if let Some(query) = uri.query() {
            path = format!("{path}?{query}");
        }
        let upstream = host.and_then(|host| host.upstream.strip_prefix("http://")?.parse().ok());
        let held =
            host.map_or(0, |host| usize::try_from(host.max_body_bytes).unwrap_or(usize::MAX));
        let target = Target {
            route,
            params,
            host: host.map(|host| host.name.clone()).unwrap_or_default(),
            upstream,
            held_bytes_max: held,
            catalogue: Arc::clone(&catalogue),
        };
        let ask = Ask {
            access: (self.parts.access_id)(now),
            now,
            source: self.source(peer, request.headers()),
            purpose: present::purpose(request.headers()),
            method: method.clone(),
            path,
            target,
            presenter: self.presenter(request, peer, named, now),
        };
        match refused {
            None => Ok(ask),
            Some(reason) => Err((Box::new(ask), reason)),
        }
    }

    /// Step four: upstream, with a transaction token in place of the caller's credential.
    async fn send(
        &self,
        intended: Intended,
        ask: &Ask,
        request: Request<Incoming>,
    ) -> Result<Answer, Refusal> {
        self.upstream.send(intended, ask, self.parts.mint.as_ref(), request).await
    }

    /// Step six: durable before the first byte leaves.
    async fn append(&self, measured: Measured) -> Result<Recorded<Measured>, Refusal> {
        let lane = measured.lane();
        match self.parts.journal.append(measured, self.now()).await {
            Ok(recorded) => {
                self.parts.counters.read();
                Ok(recorded)
            }
            Err(error) => {
                tracing::error!(%error, %lane, "a read could not be recorded and is refused");
                Err(Reason::JournalUnavailable.into())
            }
        }
    }

    /// Where a request comes from: the peer, or what a door says.
    fn source(&self, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
        let said = headers.get_all(present::FORWARDED_FOR).iter();
        let said: Vec<&str> = said.map(|value| value.to_str().unwrap_or_default()).collect();
        ward_model::network::source(peer.ip(), &self.parts.doors, said.into_iter())
    }

    fn now(&self) -> UnixMillis {
        (self.parts.clock)()
    }

    fn purpose_hash(&self, text: &str) -> i64 {
        (self.parts.purpose_hash)(text)
    }
}
