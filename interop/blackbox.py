#!/usr/bin/env python3
"""The tour's claims, repeated from outside.

Knows only `demo.json` and HTTP; uses none of Ward's code. Starts a fresh demo of its own, or is
given one nobody has played with (`--demo DIR`); exit 0 only if every claim holds.
"""

import asyncio
import collections
import contextlib
import gzip
import json
import os
import pathlib
import random
import shutil
import sqlite3
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import tricks  # noqa: E402
from outside import (  # noqa: E402
    EXIT_TELLS, Broken, Checks, Client, Demo, StolenKey, access, clip, issue, joiner,
    junk_signature, leaves, note, options, outcome, own_folder, part_of, program, wait_for)

FACTS = {
    "console_url": None, "api_url": None, "gate_url": None, "shop_url": None, "scim_url": None,
    "admin_token": None, "scim_token": None, "customer": {"id", "token"},
    "other_customer_id": None, "missing_customer_id": None,
    "seller": {"id", "token", "own_order", "other_order"}, "rider": {"token"},
    "staff": {"id", "token"}, "service_api_key": None, "leaver": {"id", "token", "api_key"},
    "imported_key": {"kid", "alg", "pem_path", "issuer", "audience"},
}
# The staff's walk ends by itself well before this page; each has 50 customers.
WALK_PAGES_MAX = 40
# What an operator may be told about a leaver's credential: both are true of it.
LEAVER_TOLD = ("401 refuse principal_suspended", "401 refuse revoked")
# How long what happens off the hot path may take.
SOON_SECONDS = 10


class Walk:
    """What the parts share: the demo, clients, the thief's key, every 401 that came."""

    def __init__(self, demo, checks):
        self.demo, self.checks = demo, checks
        self.api, self.scim = demo.api(), demo.scim()
        pem = (demo.folder / demo.at("imported_key.pem_path")).read_bytes()
        self.kid = demo.at("imported_key.kid")
        self.stolen = StolenKey(pem, self.kid)
        self.refused = {}

    def forge(self, sub, **how):
        key = self.demo.facts["imported_key"]
        return self.stolen.forge(key["issuer"], key["audience"], sub, **how)

    async def said(self, name, answer, want):
        """One claim about an answer: its status, and what an operator is told about it."""
        if answer.status == 401:
            self.refused[name] = answer
        return self.checks.equal(name, await outcome(self.api, answer), want)

    async def count(self, what):
        return len((await self.api.get(f"/api/{what}?limit=200")).good()["items"])

    async def alerts(self, kind):
        listed = (await self.api.get("/api/alerts?limit=200")).good()["items"]
        return sum(one.get("kind") == kind for one in listed)

    async def fires(self, name, kind, before):
        async def more():
            return await self.alerts(kind) > before
        got = await wait_for(more, SOON_SECONDS)
        self.checks.is_true(name, got, kind if got else f"no {kind} within {SOON_SECONDS} s")


# --- the parts -----------------------------------------------------------------------------------

async def the_facts(walk):
    facts = walk.demo.facts
    walk.checks.equal("demo.json holds exactly what is promised", sorted(facts), sorted(FACTS))
    for key, inner in FACTS.items():
        if inner is not None:
            walk.checks.equal(f"demo.json {key}", sorted(facts.get(key, {})), sorted(inner))
    mode = os.stat(walk.demo.facts_file).st_mode & 0o777
    walk.checks.equal("demo.json is its owner's alone", oct(mode), "0o600")
    loopback = all("//127.0.0.1:" in facts[key] for key in FACTS if key.endswith("_url"))
    walk.checks.is_true("every address is on loopback", loopback)
    for base, path in (("api_url", "/healthz"), ("api_url", "/readyz")):
        answer = await Client(walk.demo.at(base)).get(path)
        walk.checks.equal(f"{base} {path}", answer.status, 200)
    answer = await Client(walk.demo.at("api_url")).get("/api/incidents")
    walk.checks.equal("the API without a credential", answer.status, 401)


async def own_page(walk):
    customer = walk.demo.gate(walk.demo.at("customer.token"))
    answer = await customer.get("/me")
    await walk.said("a customer reads his own page", answer, "200 permit")
    direct = await walk.demo.shop(walk.demo.at("customer.token")).get("/me")
    walk.checks.equal("... which is his", str(answer.json()["id"]), walk.demo.at("customer.id"))
    walk.checks.equal("... and the shop's own", answer.json(), direct.json())
    told = await access(walk.api, answer.request_id)
    named = {(one["namespace"], str(one["id"])) for one in told["data_subjects"]}
    walk.checks.equal("... and recorded with his name", named,
                      {("customer", walk.demo.at("customer.id"))})
    await walk.said("nobody reads without a credential", await walk.demo.gate().get("/me"),
                    "401 refuse malformed")


async def the_leaver(walk):
    demo, page = walk.demo, f"/staff/customers/{walk.demo.at('customer.id')}"
    token = demo.gate(demo.at("leaver.token"))
    api_key = demo.gate(headers=[("X-Api-Key", demo.at("leaver.api_key"))])
    await walk.said("his token works while he is here", await token.get(page), "200 permit")
    await walk.said("his API key, too", await api_key.get(page), "200 permit")
    answer = await demo.gate(demo.at("leaver.api_key")).get(page)
    await walk.said("... also as a bearer", answer, "200 permit")
    under = part_of(demo.at("customer.token"), 0).get("kid")
    note(f"the customer's token is under key {under}; the thief holds {walk.kid}")
    another = await issue(demo, walk.api, "customer", demo.at("other_customer_id"))

    begun = time.monotonic()
    answer = await leaves(walk.scim, demo.at("leaver.id"))
    walk.checks.is_true("the identity provider says, as Entra spells it, that he left",
                        answer.status in (200, 204), f"status {answer.status}")
    async def cut():
        both = await asyncio.gather(token.get(page), api_key.get(page))
        return both if {one.status for one in both} == {401} else None
    both = await wait_for(cut, SOON_SECONDS, 0.005)
    took = time.monotonic() - begun
    walk.checks.is_true("his token and his API key are refused within a second of the signal",
                        both and took < 1, f"{took * 1000:.0f} ms")
    if both:
        for name, answer in zip(("token", "API key"), both, strict=True):
            walk.refused[f"the leaver's {name}"] = answer
            told = await outcome(walk.api, answer)
            walk.checks.is_true(f"the leaver's {name}", told in LEAVER_TOLD, told)

    async def rotated():
        keys = (await walk.api.get("/api/keys")).good()["keys"]
        state = next((key["state"] for key in keys if key["kid"] == walk.kid), "unknown")
        return state if state != "active" else None
    state = await wait_for(rotated, SOON_SECONDS)
    walk.checks.is_true("the key he could read is rotated", state in ("compromised", "retired"),
                        str(state))
    answer = await demo.gate(demo.at("customer.token")).get("/me")
    await walk.said("a customer's old token still works", answer, "200 permit")
    answer = await demo.gate(another).get("/me")
    await walk.said("... and every other issued before", answer, "200 permit")
    fresh = await issue(demo, walk.api, "customer", demo.at("customer.id"))
    walk.checks.is_true("new tokens are under another key", part_of(fresh, 0)["kid"] != walk.kid)
    await walk.said("... and work", await demo.gate(fresh).get("/me"), "200 permit")


async def the_forgeries(walk):
    demo, other = walk.demo, walk.demo.at("other_customer_id")
    before = await walk.alerts("never_issued")
    async def tries(name, token, want, path="/me"):
        await walk.said(name, await demo.gate(token).get(path), want)
    started = demo.started_s or int(os.stat(demo.facts_file).st_mtime)
    await tries("a forged token is refused on first use", walk.forge(other),
                "401 refuse never_issued")
    await tries("... also dated before cut-over", walk.forge(other, iat=started - 1800, life=3600),
                "401 refuse never_issued")
    true = demo.at("customer.token")
    same = {"alg": "ES256", "kid": walk.kid, "typ": "at+jwt"}
    await tries("... a true customer's claims, signed again",
                walk.stolen.sign(true.split(".")[1], same), "401 refuse never_issued")
    await tries("... naming somebody who does not exist",
                walk.forge(demo.at("missing_customer_id")), "401 refuse never_issued")
    await walk.fires("each is alerted", "never_issued", before)

    async def named():
        listed = (await walk.api.get("/api/incidents?limit=200")).good()["items"]
        for one in listed:
            whole = (await walk.api.get(f"/api/incidents/{one['id']}")).good()
            if walk.kid in json.dumps(whole) and demo.at("leaver.id") in json.dumps(whole):
                return whole
        return None
    walk.checks.is_true("an incident names the key and who could read it",
                        await wait_for(named, SOON_SECONDS))

    incidents = await walk.count("incidents")
    await tries("junk for a signature over true claims", junk_signature(true),
                "401 refuse bad_signature")
    walk.checks.equal("... opens no incident", await walk.count("incidents"), incidents)
    stranger = StolenKey(StolenKey.made(), "nobody-knows-this-key")
    issuer, audience = demo.at("imported_key.issuer"), demo.at("imported_key.audience")
    await tries("a key nobody knows", stranger.forge(issuer, audience, other),
                "401 refuse unknown_key")
    for name, token in not_tokens(true, walk):
        answer = await demo.gate(token).get("/me")
        walk.refused[name] = answer
        walk.checks.equal(f"no token at all: {name}", answer.status, 401)


def not_tokens(true, walk):
    """What a parser must refuse."""
    head, claims, signature = true.split(".")
    yield "two parts", f"{head}.{claims}"
    yield "four parts", f"{true}.{signature}"
    yield "padding", f"{head}.{claims}.{signature}=="
    yield "cut short", true[:-1]
    yield "empty signature", f"{head}.{claims}."
    yield "algorithm none", walk.stolen.sign(claims, {"alg": "none"})
    yield "a key in the header", walk.stolen.sign(claims, {
        "alg": "ES256", "kid": walk.kid, "typ": "at+jwt", "jwk": {"kty": "EC"}})
    yield "four thousand bytes", "a" * 4000
    yield "nine thousand bytes", "a" * 9000
    yield "an API key nobody made", "ward_svc_" + "A" * 36


async def alike(walk):
    def shape(answer):
        text = answer.body.decode().replace(answer.request_id or "?", "<id>")
        names = sorted(key for key, _ in answer.headers if key not in ("date", "connection"))
        return answer.status, tuple(names), text
    shapes = collections.defaultdict(list)
    for name, answer in walk.refused.items():
        shapes[shape(answer)].append(name)
    walk.checks.is_true("every 401 looks alike but for its request id",
                        len(shapes) == 1 and len(walk.refused) > 10,
                        f"{len(walk.refused)} answers, {len(shapes)} shape(s)")
    if len(shapes) > 1:
        for found, names in shapes.items():
            note(f"{clip(str(found))} <- {', '.join(names)}")


async def learning(walk):
    demo = walk.demo
    pem, issuer = StolenKey.made(), f"https://old-login-{time.time_ns()}.shop.example"
    ask = {"pem": pem.decode(), "issuer": issuer, "holders": [], "activate": False}
    kid = str((await walk.api.post("/api/keys/import", ask)).good()["kid"])
    (await walk.api.post("/api/issuers/mode", {"issuer": issuer, "mode": "learning"})).good()
    old, audience = StolenKey(pem, kid), demo.at("imported_key.audience")
    phantoms = await walk.alerts("phantom_data_subject")
    unissued = await walk.alerts("never_issued")
    first, same, leaked = int(demo.at("other_customer_id")), True, 0
    for sub in (first, int(demo.at("customer.id"))):
        token = old.forge(issuer, audience, sub)
        through = await demo.gate(token, [("Host", "observe")]).get("/me")
        direct = await demo.shop(token).get("/me")
        same &= (through.status, through.body) == (direct.status, direct.body)
        leaked += through.status == 200
    walk.checks.is_true("learning and observing: forgeries pass byte for byte", same and leaked,
                        f"{leaked} records leaked")
    token = old.forge(issuer, audience, demo.at("missing_customer_id"))
    await demo.gate(token, [("Host", "observe")]).get("/me")
    await walk.fires("... until one names somebody who does not exist", "phantom_data_subject",
                     phantoms)
    await walk.fires("... each alerted as never issued", "never_issued", unissued)
    (await walk.api.post("/api/issuers/mode", {"issuer": issuer, "mode": "enforcing"})).good()
    token = old.forge(issuer, audience, first)
    answer = await demo.gate(token, [("Host", "observe")]).get("/me")
    await walk.said("the issuer enforces: refused, on observed routes too", answer,
                    "401 refuse never_issued")


async def others(walk):
    demo = walk.demo
    seller = demo.gate(demo.at("seller.token"))
    answer = await seller.get(f"/seller/orders/{demo.at('seller.own_order')}")
    await walk.said("a seller reads his own order", answer, "200 permit")
    theirs = f"/seller/orders/{demo.at('seller.other_order')}"
    answer = await seller.get(theirs)
    await walk.said("a seller after another's order", answer, "403 refuse wrong_tenant")
    direct = (await demo.shop(demo.at("seller.token")).get(theirs)).good()
    seller_of_it = direct["seller_id"]
    answer = await seller.get(f"/seller/orders?seller={seller_of_it}")
    await walk.said("... and after all of them", answer, "403 refuse wrong_tenant")
    leaked = str(direct["buyer"]["phone"]).encode() in answer.body
    walk.checks.is_true("... gets nothing of them", not leaked)

    masked = (await demo.gate(demo.at("rider.token")).get("/rider/jobs")).good()["jobs"]
    plain = (await demo.shop(demo.at("rider.token")).get("/rider/jobs")).good()["jobs"]
    pairs = [(a["customer"], b["customer"]) for a, b in zip(masked, plain, strict=True)]
    hidden = all("*" in a["phone"] and a["phone"] != b["phone"] and a["name"] != b["name"]
                 and a["phone"][-4:] == b["phone"][-4:] for a, b in pairs)
    walk.checks.is_true("a rider's page hides names and numbers, and nothing else is gone",
                        pairs and hidden, f"{len(pairs)} jobs")

    answer = await demo.gate(demo.at("customer.token")).get("/no/such/page")
    await walk.said("a page nobody declared", answer, "404 refuse unknown_route")
    service = demo.gate(demo.at("service_api_key"))
    answer = await service.get(f"/staff/customers/{demo.at('missing_customer_id')}")
    walk.checks.is_true("a service after somebody who does not exist", answer.status in (403, 404),
                        await outcome(walk.api, answer))
    person = await joiner(walk.scim, "exporter")
    staff = demo.gate(await issue(demo, walk.api, "person", person), [("Ward-Purpose", "audit")])
    answer = await staff.get("/staff/export.csv")
    await walk.said("an export that cannot be inspected", answer,
                    "502 refuse upstream_uninspectable")


async def the_walk(walk):
    demo, read, phones = walk.demo, set(), set()
    staff = demo.gate(demo.at("staff.token"))
    for page in range(1, WALK_PAGES_MAX):
        answer = await staff.get(f"/staff/customers?page={page}")
        if answer.status != 200:
            break
        read |= {str(one["id"]) for one in answer.json()["customers"]}
        phones |= {one["phone"] for one in answer.json()["customers"]}
    await walk.said("staff walk the customers until the budget is spent", answer,
                    "429 refuse budget_spent")
    walk.checks.equal("... after as many people as the catalogue says", len(read), 200)
    walk.checks.is_true("... their numbers masked", all("*" in phone for phone in phones))
    again = await asyncio.gather(*(demo.gate(demo.at("staff.token")).get(
        f"/staff/customers?page={page}") for page in range(100, 132)))
    walk.checks.equal("... 32 at once get nothing more", {one.status for one in again}, {429})

    other = demo.gate(await issue(demo, walk.api, "person", await joiner(walk.scim, "hasty")))
    at_once = await asyncio.gather(*(
        other.get(f"/staff/customers?page={page}") for page in range(1, 33)))
    hasty = {one["id"] for answer in at_once if answer.status == 200
             for one in answer.json()["customers"]}
    walk.checks.is_true("32 pages at once do not overspend a budget either",
                        0 < len(hasty) <= 200 and {one.status for one in at_once} == {200, 429},
                        f"{len(hasty)} people")

    person = f"person:{demo.at('staff.id')}"
    scope = (await walk.api.get(f"/api/scope?principal={person}&limit=1000")).good()
    named = {(one["namespace"], str(one["id"])) for one in scope["data_subjects"]}
    walk.checks.is_true("scope names exactly the people in the bodies that came",
                        named == {("customer", one) for one in read},
                        f"{len(named)} named, {len(read)} read")
    walk.checks.equal("... counts them exactly", scope["exact_count"], len(read))
    walk.checks.equal("... and its two ways agree", scope["ways_agree"], True)
    for one in random.Random(1).sample(sorted(read), 3):
        readers = (await walk.api.get(f"/api/who-read?data_subject=customer:{one}")).good()
        walk.checks.is_true(f"who-read customer:{one} names the reader",
                            demo.at("staff.id") in json.dumps(readers))


async def path_tricks(walk):
    demo = walk.demo
    rider, service = demo.at("rider.token"), demo.at("service_api_key")
    jobs = (await demo.shop(rider).get("/rider/jobs")).good()["jobs"]
    people = (await demo.shop(demo.at("staff.token")).get("/staff/customers?page=1")).good()
    hidden = {
        "/rider/jobs": {one["customer"]["phone"] for one in jobs},
        "/staff/customers": {one[key] for one in people["customers"] for key in ("phone", "email")},
    }
    for path, credential, query in (("/rider/jobs", rider, ""),
                                    ("/staff/customers", service, "?page=1")):
        secrets = {text.encode() for text in hidden[path]}
        plain = await demo.gate(credential).get(path + query)
        walk.checks.is_true(f"{path}: asked for as declared, masked",
                            plain.status == 200 and secrets and not holds(plain.body, secrets),
                            f"{len(secrets)} texts must not appear")
        await tricks_on(walk, path, query, credential, secrets)


async def tricks_on(walk, path, query, credential, secrets):
    gate = walk.demo.at("gate_url")
    host = gate.split("//")[1]
    asks = [(name, "GET", target, []) for name, target in tricks.targets(path, query)]
    asks += [(name, "GET", target, []) for name, target in tricks.absolute(path + query, host)]
    asks += [(name, "GET", path + query, headers) for name, headers in tricks.HEADERS]
    asks += [("method", method, path + query, headers) for method, headers in tricks.METHODS]
    came, leaks = collections.defaultdict(collections.Counter), []
    for name, method, target, headers in asks:
        client = Client(gate, credential, headers)
        try:
            answer = await client.call(method, target, seconds=10)
            status, body = answer.status, answer.body
        except Broken:
            status, body = "closed", b""
        finally:
            client.close()
        came[name][status] += 1
        if holds(body, secrets) or (method == "HEAD" and body):
            leaks.append(f"{method} {clip(target)} {headers}")
    for name, octets in tricks.raw(path + query, credential):
        got = await everything(gate, octets.encode("latin-1"))
        came["raw"][first_status(got)] += 1
        if holds(got, secrets):
            leaks.append(f"raw: {name}")
    for name, statuses in came.items():
        note(f"{name:18} " + ", ".join(f"{count}x {status}" for status, count in statuses.items()))
    total = sum(sum(statuses.values()) for statuses in came.values())
    walk.checks.is_true(f"{path}: {total} other spellings never show what is masked", not leaks,
                        "; ".join(leaks[:5]))


def holds(body, secrets):
    """Whether any of the texts is in a body, also compressed or written with escapes."""
    forms = [body]
    if (at := body.find(b"\x1f\x8b")) >= 0:
        try:
            forms.append(gzip.decompress(body[at:]))
        except (OSError, EOFError):
            pass
    try:
        forms.append(json.dumps(json.loads(forms[-1]), ensure_ascii=False).encode())
    except ValueError:
        pass
    return any(text in form for form in forms for text in secrets)


async def everything(base, octets):
    """Sends bytes as they are and reads whatever comes until silence."""
    host, port = base.split("//")[1].split(":")
    got = b""
    try:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(octets)
        await writer.drain()
        while part := await asyncio.wait_for(reader.read(1 << 16), 1.0):
            got += part
    except (OSError, asyncio.TimeoutError):
        pass
    finally:
        if "writer" in locals():
            writer.close()
    return got


def first_status(got):
    line = got.split(b"\r\n", 1)[0].split(b" ")
    return int(line[1]) if len(line) > 1 and line[1].isdigit() else "closed"


async def the_store(walk):
    """Somebody with the database, and nothing else, writes into it."""
    demo, checks, api = walk.demo, walk.checks, walk.api
    found = (await api.post("/api/store/verify", {})).good()["discrepancies"]
    checks.equal("ward store verify finds nothing amiss", found, [])
    page = f"/staff/customers/{demo.at('customer.id')}"
    with contextlib.closing(sqlite3.connect(demo.folder / "store.db")) as store:
        # Every API key once more as each kind there is; the leaver's taken back no more; a person
        # nobody announced.
        there = [one for one, in store.execute("SELECT api_key FROM api_keys")]
        kinds = [kind for kind, in store.execute("SELECT DISTINCT kind FROM api_keys")]
        for nth, one in enumerate(there):
            for kind in kinds:
                store.execute(
                    "INSERT INTO api_keys SELECT ?, ?, owner_kind, owner, created, expires, NULL, "
                    "NULL, hash, owner_key FROM api_keys WHERE api_key = ?",
                    (1000 * nth + kind, kind, one))
        store.execute("UPDATE api_keys SET revoked = NULL, cause = NULL WHERE revoked IS NOT NULL")
        store.execute(
            "INSERT INTO persons SELECT randomblob(16), 777, randomblob(16), 'mallory', NULL, "
            "'Mallory', '', '', '[]', 1, state, created, modified, version, 'mallory', row_digest, "
            "leaf FROM persons LIMIT 1")
        store.commit()
    checks.equal("a service's API key written in as an operator's opens nothing",
                 (await Client(demo.at("api_url"), demo.at("service_api_key")).get(
                     "/api/keys")).status, 401)
    checks.equal("an API key whose revocation was struck out stays revoked",
                 (await demo.gate(demo.at("leaver.api_key")).get(page)).status, 401)
    found = (await api.post("/api/store/verify", {})).good()["discrepancies"]
    tables = collections.Counter(one["table"] for one in found)
    checks.is_true("ward store verify names every row written by hand",
                   tables["api_keys"] > len(there) * len(kinds) and tables["persons"] == 1,
                   f"{len(there) * len(kinds)} and more written, {dict(tables)} found")
    async def opened():
        incidents = (await api.get("/api/incidents?limit=200")).good()["items"]
        return any(one["kind"] == "store_tampered" for one in incidents)
    checks.is_true("... and it is an incident", await wait_for(opened, SOON_SECONDS))


async def the_journal(walk, folder, seed):
    demo, checks = walk.demo, walk.checks
    early = (await walk.api.get("/journal/checkpoint")).body
    old = folder / "rolled-back"
    copy_state(demo.folder, old)
    customer = demo.gate(demo.at("customer.token"))
    for _ in range(20):
        (await customer.get("/me")).good()
    async def grown():
        text = (await walk.api.get("/journal/checkpoint")).body
        return text if size_of(text) >= size_of(early) + 20 else None
    late = await wait_for(grown, SOON_SECONDS)
    if not checks.is_true("a checkpoint covers what was read", late,
                          f"{size_of(early)} leaves, then {size_of(late) if late else '?'}"):
        return
    kept = {"early": folder / "early.checkpoint", "late": folder / "late.checkpoint"}
    kept["early"].write_bytes(early)
    kept["late"].write_bytes(late)
    lines = late.decode().split("\n")
    checks.is_true("the checkpoint is a signed note (C2SP)",
                   lines[1].isdigit() and "" in lines[2:] and any(
                       line.startswith("\u2014 " + lines[0] + " ") for line in lines))
    if not demo.process:
        note("somebody else's demo: its directory is looked at while it runs")
    else:
        checks.equal("Ctrl-C stops it cleanly", demo.stop(), 0)
    for name, file in kept.items():
        code, said = demo.verify(checkpoint=file)
        checks.is_true(f"the journal holds against the {name} checkpoint kept outside", code == 0,
                       clip(said))
    code, said = demo.verify(old, kept["late"])
    checks.is_true("a directory rolled back is found", code == EXIT_TELLS,
                   f"exit {code}: {clip(said)}")
    for name, spoil in damages(random.Random(seed)):
        copy = folder / "tampered"
        copy_state(demo.folder, copy)
        what = spoil(copy)
        code, said = demo.verify(copy, kept["late"])
        checks.is_true(f"{name} is found", code == EXIT_TELLS,
                       f"{what}; exit {code}: {clip(said)}")
        shutil.rmtree(copy)


def copy_state(folder, to):
    """Copies Ward's state, without the sample company's own database."""
    shutil.copytree(folder, to, ignore=shutil.ignore_patterns("shop*"))


def size_of(checkpoint):
    return int(checkpoint.decode().split("\n")[1])


def segments(folder):
    """The journal's files of records, largest first, and how many of their bytes are in use."""
    found = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()
             and "tile" not in path.name
             and (path.suffix == ".seg" or "journal" in str(path.relative_to(folder)))]
    used = [(len(path.read_bytes().rstrip(b"\0")), path) for path in found]
    found = sorted((one for one in used if one[0] > 4096), reverse=True)
    if not found:
        raise Broken(f"no journal file of a size under {folder}")
    return found


def damages(rng):
    """Ways to spoil a copy of a directory without knowing its format."""
    def flipped(copy):
        used, path = segments(copy)[0]
        octets = bytearray(path.read_bytes())
        at = rng.randrange(used // 4, used * 3 // 4)
        octets[at] ^= 1 << rng.randrange(8)
        path.write_bytes(octets)
        return f"byte {at} of {used}"

    def cut(copy):
        used, path = segments(copy)[0]
        at = rng.randrange(used // 4, used * 3 // 4)
        with open(path, "r+b") as file:
            file.truncate(at)
        return f"cut at {at} of {used}"

    def blanked(copy):
        used, path = segments(copy)[0]
        octets = bytearray(path.read_bytes())
        at = rng.randrange(used // 4, used // 2)
        octets[at:] = bytes(len(octets) - at)
        path.write_bytes(octets)
        return f"zeros from {at} of {used}"

    def swapped(copy):
        used, path = segments(copy)[0]
        octets = bytearray(path.read_bytes())
        a, b = rng.randrange(used // 4, used // 2), rng.randrange(used // 2, used - 600)
        octets[a:a + 200], octets[b:b + 200] = octets[b:b + 200], octets[a:a + 200]
        path.write_bytes(octets)
        return f"200 bytes at {a} and {b} of {used}"

    def gone(copy):
        used, path = segments(copy)[0]
        path.unlink()
        return f"{used} bytes in {path.name}"

    for nth in (1, 2, 3):
        yield f"a flipped bit ({nth})", flipped
    yield "a tail cut off", cut
    yield "a tail of zeros", blanked
    yield "two stretches swapped", swapped
    yield "a file removed", gone


async def moments(walk):
    """What a key signed on one side of a moment, taken back by index; what comes after it lives."""
    sub = walk.demo.at("customer.id")

    async def signed():
        return walk.demo.gate(await issue(walk.demo, walk.api, "customer", sub))
    early, first = await signed(), int(time.time())
    await asyncio.sleep(first + 2.2 - time.time())
    moment, late = first + 2, await signed()
    token = await issue(walk.demo, walk.api, "customer", sub)
    keys = (await walk.api.get("/api/keys")).good()["keys"]
    key = next(one["key"] for one in keys if one["kid"] == part_of(token, 0)["kid"])
    page, revoke = "/me", "/api/tokens/revoke"
    for name, body in [("both sides", {"key": key, "before": moment, "after": moment}),
                       ("a moment to come", {"key": key, "after": moment + 9999}),
                       ("a moment without a key", {"before": moment}),
                       ("half a second", {"key": key, "before": moment + 0.5})]:
        answer = await walk.api.post(revoke, body)
        walk.checks.equal(f"{name} is not taken", answer.status, 400)
    told = {"gone": "401 refuse revoked", "lives": "200 permit"}
    for side, wants in [("before", ("gone", "lives")), ("after", ("gone", "gone"))]:
        text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
        code, said = walk.demo.run("tokens", "revoke", "--key", str(key), f"--{side}", text,
                                   "--demo", str(walk.demo.folder))
        walk.checks.is_true(f"what key {key} signed {side} {text} is taken back", code == 0,
                            clip(said))
        for when, gate, want in zip(("earlier", "later"), (early, late), wants, strict=True):
            await walk.said(f"... a token signed {when}", await gate.get(page), told[want])
    await walk.said("... and one signed since works", await (await signed()).get(page),
                    "200 permit")


PARTS = [
    ("What the demo says of itself", the_facts),
    ("Own page", own_page),
    # Before he leaves: a shop that verifies offline loses tokens under a key that was compromised,
    # so its own pages can be compared with the gate's only while the key is good.
    ("Sellers, riders, services", others),
    ("Other spellings of a page", path_tricks),
    ("The engineer leaves", the_leaver),
    ("He forges with the key he kept", the_forgeries),
    ("No oracle for a thief", alike),
    ("An issuer that learns, a host that observes", learning),
    ("Staff walk the customers", the_walk),
    ("Rows written by hand", the_store),
    ("Before and after a moment", moments),
]


async def main(given):
    checks, folder = Checks(), own_folder("blackbox")
    if given.demo:
        demo = Demo.found(given.demo)
        demo.ward = program(given.ward)
    else:
        demo = Demo(program(given.ward), folder / "demo", folder / "demo.log", given.customers)
    try:
        if not given.demo:
            checks.is_true("the demo starts", True, f"{await demo.start():.1f} s")
        walk = Walk(demo, checks)
        for name, part in PARTS:
            with checks.part(name):
                await part(walk)
        with checks.part("The journal, held against a checkpoint kept outside"):
            await the_journal(walk, folder, given.seed)
    except Broken as error:
        checks.is_true("the demo runs", False, str(error))
    finally:
        if not given.demo:
            demo.stop()
        if not given.keep and not checks.failed:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            note(f"left behind: {folder}")
    return checks.finish()


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--demo", help="demo.json, or its directory, of a fresh demo that runs")
    parser.add_argument("--customers", type=int, default=None, help="customers of the own demo")
    sys.exit(asyncio.run(main(parser.parse_args())))
