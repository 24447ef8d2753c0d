//! The whole life of tokens against a small model: a map from (origin, sequence) to what a person
//! would say of that token. Failing operations are printed and shrunk by proptest.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const DAY_MS: i64 = 86_400_000;
const NAMES: [&str; 4] = ["100001", "100002", "100003", "100004"];
const CLIENTS: [&str; 2] = ["web", "app"];

#[derive(Clone, Debug)]
pub(super) enum Op {
    Sign { name: usize, client: usize, key: usize, life: i64 },
    Record(usize),
    Abandon(usize),
    RevokeToken(usize),
    RevokePrincipal(usize),
    RevokeClient(usize),
    RevokeKey(usize),
    Cut(usize, Side, i64),
    Suspend(usize),
    Restore(usize),
    State(usize, KeyState),
    Advance(i64),
    Jump(i64),
    Restart,
    Keep,
    Reload,
}

pub(super) fn op() -> impl Strategy<Value = Op> {
    let name = 0..NAMES.len();
    let sign = (0..NAMES.len(), 0..CLIENTS.len(), 0..2usize, 1i64..400)
        .prop_map(|(name, client, key, life)| Op::Sign { name, client, key, life });
    prop_oneof![
        12 => sign,
        12 => (0..4usize).prop_map(Op::Record),
        1 => (0..4usize).prop_map(Op::Abandon),
        2 => any::<prop::sample::Index>().prop_map(|at| Op::RevokeToken(at.index(1 << 20))),
        1 => name.clone().prop_map(Op::RevokePrincipal),
        1 => (0..CLIENTS.len()).prop_map(Op::RevokeClient),
        1 => (0..2usize).prop_map(Op::RevokeKey),
        2 => (0..2usize, prop_oneof![Just(Side::Before), Just(Side::After)], -60i64..5)
            .prop_map(|(key, side, ago)| Op::Cut(key, side, ago)),
        1 => name.clone().prop_map(Op::Suspend),
        1 => name.prop_map(Op::Restore),
        1 => (0..2usize, prop_oneof![Just(KeyState::Retired), Just(KeyState::Compromised)])
            .prop_map(|(key, state)| Op::State(key, state)),
        8 => (1i64..50_000).prop_map(Op::Advance),
        1 => prop_oneof![Just(DAY_MS), Just(-DAY_MS)].prop_map(Op::Jump),
        1 => Just(Op::Restart),
        2 => Just(Op::Keep),
        2 => Just(Op::Reload),
    ]
}

#[derive(Clone)]
pub(super) struct Token {
    pub(super) raw: String,
    row: TokenIssued,
    name: usize,
    client: usize,
    key: usize,
    pub(super) recorded: bool,
    abandoned: bool,
    revoked: bool,
}

/// What is known without any slot, segment or cut-off.
#[derive(Default)]
pub(super) struct Model {
    pub(super) tokens: Vec<Token>,
    at: HashMap<(Origin, Sequence), usize>,
    revocations: i64,
    last: HashMap<(char, usize), i64>,
    /// (revocation, key, side, moment)
    cuts: Vec<(i64, usize, Side, UnixMillis)>,
    suspended: [bool; 4],
    applied_to: HashMap<Origin, i64>,
    fenced: Vec<Origin>,
    next: i64,
}

impl Model {
    fn in_flight(&self, nth: usize) -> Option<usize> {
        let flying = |token: &Token| !token.recorded && !token.abandoned;
        let all: Vec<usize> =
            (0..self.tokens.len()).filter(|&at| flying(&self.tokens[at])).collect();
        all.get(nth % all.len().max(1)).copied()
    }

    fn revoke(&mut self, what: char, which: usize) {
        self.revocations += 1;
        self.last.insert((what, which), self.revocations);
        let hit = |token: &Token| match what {
            'p' => token.name == which,
            'c' => token.client == which,
            'k' => token.key == which,
            _ => false,
        };
        for token in self.tokens.iter_mut().filter(|token| token.recorded && hit(token)) {
            token.revoked = true;
        }
    }

    fn cut(&mut self, key: usize, side: Side, moment: UnixMillis) {
        self.revocations += 1;
        self.cuts.push((self.revocations, key, side, moment));
        for token in self.tokens.iter_mut().filter(|token| token.recorded) {
            token.revoked |= lies(token, key, side, moment);
        }
    }

    fn record(&mut self, at: usize) {
        let token = &self.tokens[at];
        let cut = self.cuts.iter().any(|&(revocation, key, side, moment)| {
            revocation > token.row.revocations_seen && lies(token, key, side, moment)
        });
        let after = |what, which| {
            self.last.get(&(what, which)).is_some_and(|last| *last > token.row.revocations_seen)
        };
        let revoked = after('p', token.name)
            || after('s', token.name)
            || after('c', token.client)
            || after('k', token.key)
            || cut;
        let low = self.applied_to.entry(token.row.origin).or_default();
        *low = (*low).max(token.row.low_water.0);
        self.tokens[at].recorded = true;
        self.tokens[at].revoked |= revoked;
    }

    /// What must be said, at `now` of a view whose journal has come to `head`.
    fn want(&self, token: &Token, now: UnixMillis, head: UnixMillis) -> Vec<Option<Reason>> {
        if !token.recorded {
            let settled = self.applied_to.get(&token.row.origin).copied().unwrap_or_default();
            let behind =
                token.row.sequence.0 >= settled && !self.fenced.contains(&token.row.origin);
            return vec![Some(if behind { Reason::LedgerBehind } else { Reason::NeverIssued })];
        }
        if now >= token.row.expires_at {
            return vec![Some(Reason::Expired)];
        }
        let mut want = vec![if token.revoked {
            Some(Reason::Revoked)
        } else if self.suspended[token.name] {
            Some(Reason::PrincipalSuspended)
        } else {
            None
        }];
        // Journal time has passed its end while the clock stands before it: it may be dropped.
        if token.row.expires_at.plus_ms(crate::limits::DROP_GRACE_MS) < head {
            want.push(Some(Reason::LedgerBehind));
        }
        want
    }
}

/// Whether a token was signed by a key on one side of a moment, by its `iat`.
fn lies(token: &Token, key: usize, side: Side, moment: UnixMillis) -> bool {
    let issued = UnixMillis::from_seconds(token.row.issued_at.seconds());
    token.key == key && (issued < moment) == (side == Side::Before)
}

pub(super) struct Run {
    pub(super) world: World,
    kept: Option<Vec<u8>>,
    pub(super) model: Model,
    signers: [Signer; 2],
}

impl Run {
    pub(super) fn new(bits: u32) -> Self {
        let mut world = World::new(bits);
        let signers = [Signer::new(Algorithm::Es256), Signer::new(Algorithm::EdDsa)];
        for (number, signer) in (1..).zip(&signers) {
            world.key(number, signer, KeySource::Imported);
        }
        Self { world, kept: None, model: Model::default(), signers }
    }

    pub(super) fn forget_snapshots_past(&mut self, size: usize) {
        let size = TreeSize(i64::try_from(size).unwrap());
        self.kept.take_if(|kept| bound(&mut &**kept).unwrap().size > size);
    }

    #[expect(clippy::too_many_lines, reason = "an arm per operation")]
    pub(super) fn step(&mut self, op: &Op) {
        let cause = Cause::Operator;
        let (world, model) = (&mut self.world, &mut self.model);
        let principal = PrincipalNumber(1);
        match *op {
            Op::Sign { name, client, key, life } => {
                let mut body = body(NAMES[name], life, world.now);
                body.client_id = CLIENTS[client].into();
                let number = i32::try_from(key).unwrap() + 1;
                let (raw, row) = world.sign(number, &self.signers[key], model.next, &body);
                model.next += 1;
                model.at.insert((row.origin, row.sequence), model.tokens.len());
                let (recorded, abandoned, revoked) = (false, false, false);
                model.tokens.push(Token {
                    raw,
                    row,
                    name,
                    client,
                    key,
                    recorded,
                    abandoned,
                    revoked,
                });
            }
            Op::Record(nth) => {
                let Some(at) = model.in_flight(nth) else { return };
                let low = model.tokens[model.in_flight(0).unwrap()].row.sequence;
                model.tokens[at].row.low_water = low;
                world.record(model.tokens[at].row.clone());
                model.record(at);
            }
            Op::Abandon(nth) => {
                let Some(at) = model.in_flight(nth) else { return };
                model.tokens[at].abandoned = true;
            }
            Op::RevokeToken(at) => {
                if model.tokens.is_empty() {
                    return;
                }
                let at = at % model.tokens.len();
                if !model.tokens[at].recorded {
                    return;
                }
                let TokenIssued { origin, sequence, .. } = model.tokens[at].row;
                world.record(TokenRevoked { origin, sequence, cause });
                model.revoke('t', at);
                model.tokens[at].revoked = true;
            }
            Op::RevokePrincipal(name) => {
                let principal_key = world.principal_key(NAMES[name]);
                world.record(PrincipalRevoked { principal, principal_key, cause });
                model.revoke('p', name);
            }
            Op::RevokeClient(client) => {
                let client_key = world.ledger.secret().client_key(CLIENTS[client]);
                world.record(ClientRevoked { client_key, cause });
                model.revoke('c', client);
            }
            Op::RevokeKey(key) => {
                let number = KeyNumber(i32::try_from(key).unwrap() + 1);
                world.record(KeyTokensRevoked { key: number, cause });
                model.revoke('k', key);
            }
            Op::Cut(key, side, ago) => {
                let number = KeyNumber(i32::try_from(key).unwrap() + 1);
                let moment = UnixMillis::from_seconds(world.now.seconds() + ago);
                world.record(KeyTokensCut { key: number, side, moment, cause });
                model.cut(key, side, moment);
            }
            Op::Keep => self.kept = Some(snapshot::file(&world.ledger)),
            Op::Reload => {
                let Some(kept) = &self.kept else { return };
                let before = snapshot::file(&world.ledger);
                world.reload(kept);
                assert!(snapshot::file(&world.ledger) == before, "another state after a reload");
            }
            Op::Suspend(name) => {
                let principal_key = world.principal_key(NAMES[name]);
                world.record(PrincipalSuspended { principal, principal_key, cause });
                model.revoke('s', name);
                model.suspended[name] = true;
            }
            Op::Restore(name) => {
                let principal_key = world.principal_key(NAMES[name]);
                world.record(PrincipalRestored { principal, principal_key, cause });
                model.suspended[name] = false;
            }
            Op::State(key, state) => {
                let key = KeyNumber(i32::try_from(key).unwrap() + 1);
                world.record(KeyStateChanged { key, state, since: START, cause });
                model.revoke('x', 0);
            }
            Op::Advance(ms) | Op::Jump(ms) => world.now = world.now.plus_ms(ms),
            Op::Restart => {
                world.restart();
                let open = world.ledger.open_origins();
                for (origin, end) in open {
                    world.record(OriginFenced { origin, end });
                    model.fenced.push(origin);
                }
                world.origin = world.ledger.next_origin();
                world.record(OriginOpened { origin: world.origin });
                model.next = 0;
                for token in model.tokens.iter_mut().filter(|token| !token.recorded) {
                    token.abandoned = true;
                }
            }
        }
    }

    fn said(&self, raw: &str, audience: &str) -> Option<Reason> {
        let (ledger, now) = (&self.world.ledger, self.world.now);
        match ledger.check(raw, audience, now) {
            Checked::Pass(_) => None,
            Checked::Refuse(Refused { miss: Some(miss), .. }) => {
                let archive = |origin, sequence| {
                    let at = self.model.at.get(&(origin, sequence));
                    match at.map(|&at| &self.model.tokens[at]) {
                        Some(token) if token.recorded => Archived::Issued(token.row.fingerprint),
                        _ => Archived::Nothing,
                    }
                };
                Some(ledger.classify_with(&miss, now, archive).reason)
            }
            Checked::Refuse(refused) => Some(refused.reason),
        }
    }

    /// Every variant of a token must be said exactly what the model says.
    fn compare(&self, token: &Token) {
        let (now, model) = (self.world.now, &self.model);
        let head = self.world.records.last().unwrap().0;
        let want = model.want(token, now, head);
        let said = self.said(&token.raw, AUDIENCE);
        assert!(want.contains(&said), "said {said:?}, want {want:?} of {:?}", token.row);
        if !token.recorded {
            return;
        }
        let (input, signature) = token.raw.rsplit_once('.').unwrap();
        let signature = crate::base64::decode_array::<64>(signature.as_bytes()).unwrap();
        if token.key == 0 {
            let twin = layout::compact(input, &crate::canonical::twin(&signature));
            assert_eq!(self.said(&twin, AUDIENCE), said, "twin");
        }
        let junk = layout::compact(input, &[0x01; 64]);
        assert_eq!(self.said(&junk, AUDIENCE), Some(Reason::BadSignature), "junk");
        let (header, claims) = input.split_once('.').unwrap();
        let claims = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(claims).unwrap();
        let other = String::from_utf8(claims).unwrap().replace("\"10000", "\"20000");
        let resigned = format!("{header}.{}", part(&other));
        let resigned = layout::compact(&resigned, &self.signers[token.key].sign(&resigned));
        assert_eq!(self.said(&resigned, AUDIENCE), Some(Reason::NeverIssued), "copied jti");
        let truncated = &token.raw[..token.raw.len() - 1];
        assert_eq!(self.said(truncated, AUDIENCE), Some(Reason::Malformed), "truncated");
        let elsewhere = self.said(&token.raw, "elsewhere");
        if said != Some(Reason::Expired) && said != Some(Reason::LedgerBehind) {
            assert_eq!(elsewhere, Some(Reason::WrongAudience));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..Default::default() })]
    #[test]
    fn the_ledger_says_what_the_model_says(
        bits in 1u32..5, ops in proptest::collection::vec(op(), 1..150), pick in any::<u64>(),
    ) {
        let mut run = Run::new(bits);
        for (round, op) in ops.iter().enumerate() {
            run.step(op);
            let count = run.model.tokens.len();
            // A few each round; all of them at the end.
            for nth in 0..count.min(2) {
                let at = usize::try_from(pick >> 8).unwrap().wrapping_add(round * 7 + nth * 13);
                run.compare(&run.model.tokens[at % count].clone());
            }
        }
        for _ in 0..2 {
            for token in run.model.tokens.clone() {
                run.compare(&token);
            }
            run.world.restart();
        }
        prop_assert_eq!(run.world.ledger.faults(), 0);
        prop_assert_eq!(run.world.ledger.revocations(), u64::try_from(run.model.revocations).unwrap());
    }
}
