#!/usr/bin/env python3
"""Tokens judged by those who verify them: other people's libraries, offline, beside Ward itself.

PyJWT, Authlib, joserfc, jwcrypto and `jose` accept what Ward issues through its key set, ES256 and
EdDSA. Then some seventy broken tokens: what each library says of each, and what Ward's
introspection says, stand in `verifiers.txt`; the suite holds the table against what comes out. A
library that accepts what Ward says is not live is a difference, and needs its reason there.
Then the doors: introspection plain and signed, revocation by `openid-client`, the stream of
revocations read by curl and requests. Uses none of Ward's code.
"""

import asyncio
import json
import pathlib
import shutil
import subprocess
import sys
import time
import warnings
from urllib.parse import urlencode

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "lib"))
from broken import Forge  # noqa: E402
from cast import FORM, basic, bearer  # noqa: E402
from outside import (  # noqa: E402
    Broken, Checks, Client, Demo, StolenKey, issue, joiner, note, options, own_folder, part_of,
    program, wait_for)

TABLE = HERE / "verifiers.txt"
ALGORITHMS = ["ES256", "EdDSA"]
# Client scopes, each a client of its own.
CLIENTS = {
    "plain": "read",
    "resource": "ward:introspect",
    "auditor": "ward:introspect ward:reasons",
    "warden": "ward:revoke",
    "sidecar": "ward:revocations",
}
SIGNED = "application/token-introspection+jwt"


# --- the judges ----------------------------------------------------------------------------------

def by_pyjwt(jwks, issuer, audience):
    import jwt
    keys = {one["kid"]: jwt.PyJWK(one) for one in jwks["keys"]}

    def judge(token):
        key = keys[jwt.get_unverified_header(token)["kid"]]
        jwt.decode(token, key, algorithms=ALGORITHMS, audience=audience, issuer=issuer,
                   options={"require": ["exp", "aud", "iss"]})
    return judge


def by_authlib(jwks, issuer, audience):
    from authlib.jose import JsonWebKey, JsonWebToken
    keys, jwt = JsonWebKey.import_key_set(jwks), JsonWebToken(ALGORITHMS)
    asked = {"iss": {"essential": True, "value": issuer}, "exp": {"essential": True},
             "aud": {"essential": True, "value": audience}}

    def judge(token):
        jwt.decode(token, keys, claims_options=asked).validate()
    return judge


def by_joserfc(jwks, issuer, audience):
    from joserfc import jwt
    from joserfc.jwk import KeySet
    keys = KeySet.import_key_set(jwks)
    registry = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": issuer}, exp={"essential": True},
        aud={"essential": True, "value": audience})

    def judge(token):
        got = jwt.decode(token, keys, algorithms=[*ALGORITHMS, "Ed25519"])
        registry.validate(got.claims)
    return judge


def by_jwcrypto(jwks, issuer, audience):
    from jwcrypto.jwk import JWKSet
    from jwcrypto.jwt import JWT
    keys = JWKSet.from_json(json.dumps(jwks))

    def judge(token):
        JWT(jwt=token, key=keys, algs=ALGORITHMS, expected_type="JWS",
            check_claims={"iss": issuer, "aud": audience, "exp": None})
    return judge


JUDGES = {"PyJWT": by_pyjwt, "Authlib": by_authlib, "joserfc": by_joserfc,
          "jwcrypto": by_jwcrypto}
NAMES = [*JUDGES, "jose"]


def node(task, given):
    """Node's part: one JSON object in, one out."""
    done = subprocess.run(["node", str(HERE / "lib" / "verifiers.mjs"), task], check=False,
                          input=json.dumps(given), capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise Broken(f"node {task}: {done.stderr.strip()[-400:]}")
    return json.loads(done.stdout)


def verdicts(house, tokens):
    """case -> judge -> whether it accepts."""
    given = (house.jwks, house.issuer, house.audience)
    found = {name: {} for name in tokens}
    for name, make in JUDGES.items():
        judge = make(*given)
        for case, token in tokens.items():
            try:
                judge(token)
                found[case][name] = True
            except Exception:  # noqa: BLE001 - a refusal by whatever name
                found[case][name] = False
    said = node("verify", {"jwks": house.jwks, "issuer": house.issuer,
                           "audience": house.audience, "tokens": tokens})
    for case, word in said.items():
        found[case]["jose"] = word == "accept"
    return found


# --- a house with clients ------------------------------------------------------------------------

class House:
    """A demo, its keys, and a client of each sort."""

    def __init__(self, demo, checks):
        self.demo, self.checks = demo, checks
        self.issuer = demo.at("imported_key.issuer")
        self.audience = demo.at("imported_key.audience")
        self.customer = demo.at("customer.id")
        self.api, self.plain = demo.api(), Client(demo.at("api_url"))
        self.clients, self.jwks, self.tokens = {}, None, {}

    async def make(self):
        pem = (self.demo.folder / self.demo.at("imported_key.pem_path")).read_bytes()
        self.thief = StolenKey(pem, self.demo.at("imported_key.kid"))
        owner = await joiner(self.demo.scim(), "verifier")
        for name, scope in CLIENTS.items():
            ask = {"client_id": name, "owner": owner, "audience": self.audience, "scope": scope,
                   "life_seconds": 300, "days": 1}
            made = (await self.api.post("/api/clients", ask)).good()
            self.clients[name] = (made["client_id"], made["client_secret"])
        self.es = await self.issue()
        await self.ed25519()
        self.ed = await self.issue()
        self.jwks = (await self.plain.get("/oauth/jwks")).good()
        await self.known_to_be_stolen()

    async def known_to_be_stolen(self):
        """The thief's first token closes the window in which old tokens of his key pass."""
        # WHY: dated before the key came into custody, it would be one of those.
        await asyncio.sleep(2)
        first = self.thief.forge(self.issuer, self.audience, self.customer)
        if (said := await self.status(first)) != "never_issued":
            raise Broken(f"a forgery is {said}")
        if not await wait_for(lambda: self.is_compromised(self.thief.kid), 10):
            raise Broken("a forged token says nothing about its key")

    async def is_compromised(self, kid):
        keys = (await self.api.get("/api/keys")).good()["keys"]
        return any(one["kid"] == kid and one["state"] == "compromised" for one in keys)

    async def ed25519(self):
        """A key of the other algorithm comes in and signs from now on."""
        from cryptography.hazmat.primitives import serialization as form
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        pem = Ed25519PrivateKey.generate().private_bytes(
            form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()).decode()
        ask = {"pem": pem, "issuer": self.issuer, "activate": True}
        (await self.api.post("/api/keys/import", ask)).good()

    async def issue(self, life=3000):
        return await issue(self.demo, self.api, "customer", self.customer, life)

    async def ask(self, who, token, accept=None, path="/oauth/introspect"):
        headers = basic(*self.clients[who]) if who in self.clients else bearer(who)
        headers = [*FORM, *headers, *([("Accept", accept)] if accept else [])]
        return await self.plain.call("POST", path, headers, urlencode({"token": token}).encode())

    async def status(self, token):
        """What Ward says of a token to those who may hear it."""
        return (await self.ask(self.demo.at("admin_token"), token)).good()["ward_status"]

    def forge(self):
        return Forge(self.thief, self.issuer, self.audience, self.customer, self.jwks)

    async def cases(self):
        """name -> token: every row of the table."""
        tokens = self.forge().all(self.es, self.ed)
        revoked, short = await self.issue(), await self.issue(1)
        (await self.api.post("/api/tokens/revoke", {"token": revoked})).good()
        tokens |= {"revoked": revoked, "issued, and expired": short}
        await asyncio.sleep(max(0, part_of(short, 1)["exp"] + 1.2 - time.time()))
        answer = await self.ask("resource", self.es, SIGNED)
        return tokens | {"an introspection answer": answer.body.decode()}

    async def grant(self, who):
        body = urlencode({"grant_type": "client_credentials"}).encode()
        headers = [*FORM, *basic(*self.clients[who])]
        got = await self.plain.call("POST", "/oauth/token", headers, body)
        return got.good()


# --- the table -----------------------------------------------------------------------------------

def rows():
    """case -> (Ward's status, what each judge does, the reason)."""
    found, wrong = {}, []
    for number, line in enumerate(TABLE.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split("|")]
        marks = parts[2].split() if len(parts) in (3, 4) else []
        if len(marks) != len(NAMES) or set(marks) - {"A", "r"}:
            wrong.append(f"line {number}")
            continue
        accepts = {name: mark == "A" for name, mark in zip(NAMES, marks)}
        found[parts[0]] = (parts[1], accepts, parts[3] if len(parts) == 4 else "")
    return found, wrong


def written(case, status, accepts, reason=""):
    """A line of the table."""
    marks = " ".join("A" if accepts[name] else "r" for name in NAMES)
    line = f"{case} | {status} | {marks}"
    return f"{line} | {reason}" if reason else line


async def matrix(house):
    checks = house.checks
    tokens = await house.cases()
    judged = verdicts(house, tokens)
    known, wrong = rows()
    checks.equal("every line of the table can be read", wrong, [])
    checks.is_true("sixty broken tokens and more", len(tokens) >= 60, str(len(tokens)))
    checks.equal("every case has a row, and every row a case",
                 sorted(set(tokens) ^ set(known)), [])
    for case, token in tokens.items():
        # WHY: without a token it is no question (RFC 7662 section 2.1).
        status = await house.status(token) if token else "malformed"
        line = written(case, status, judged[case])
        want = written(case, *known[case][:2]) if case in known else "no row"
        checks.equal(f"{case}", line, want)
        reason = known[case][2] if case in known else ""
        differ = sorted(name for name in NAMES if judged[case][name] != (status == "live"))
        accepted = status != "live" and any(judged[case].values())
        if status == "live":
            checks.equal("... and nobody refuses what Ward calls live", differ, [])
        elif accepted:
            checks.is_true("... who accepts it is explained", bool(reason), reason)
        else:
            checks.equal("... no reason where nothing differs", reason, "")


async def uniform(house):
    """What is not live looks alike to who may not hear why, and to a bearer who is nobody."""
    checks = house.checks
    bodies = set()
    for case, token in house.forge().all(house.es, house.ed).items():
        if not token or case.startswith("issued, ") or "twin" in case:
            continue
        for who in ("resource", "plain", "warden", "sidecar"):
            answer = await house.ask(who, token)
            bodies.add((answer.status, answer.body, answer.header("cache-control")))
    checks.equal("one answer", bodies, {(200, b'{"active":false}', "no-store")})
    for name, credential in (("a token", house.es), ("junk", "junk"),
                             ("an unknown API key", "ward_service_" + "0" * 36)):
        answer = await house.ask(credential, house.es)
        asked = answer.header("www-authenticate", "")
        checks.is_true(f"a bearer with {name} hears nothing (RFC 6750)",
                       answer.status == 401 and asked.startswith("Bearer ")
                       and answer.json() == {"error": "invalid_token"}, str(answer.status))


async def introspection(house):
    checks = house.checks
    own = await house.grant("plain")
    checks.equal("a scope for Ward stands in no token", (await house.grant("resource"))["scope"],
                 "")
    for who, want in (("plain", True), ("resource", True), ("auditor", True), ("warden", False)):
        told = (await house.ask(who, own["access_token"])).good()
        checks.equal(f"{who} asks about the token of plain", told["active"], want)
    told = (await house.ask("resource", own["access_token"])).good()
    want = part_of(own["access_token"], 1)
    same = {name: told.get(name) for name in want if name != "status"}
    checks.equal("the claims are those of the token", same,
                 {name: value for name, value in want.items() if name != "status"})
    checks.equal("... and how it is used", told["token_type"], "Bearer")


async def answers_signed(house):
    """RFC 9701, judged by oauth4webapi and by PyJWT."""
    import jwt
    checks = house.checks
    metadata = (await house.plain.get("/.well-known/oauth-authorization-server")).good()
    client = dict(zip(("client_id", "client_secret"), house.clients["resource"]))
    tokens = {"live": house.es, "junk": "junk", "forged": house.thief.forge(
        house.issuer, house.audience, house.customer)}
    said = node("signed", {"metadata": metadata, "issuer": house.issuer, "tokens": tokens,
                           "base": house.demo.at("api_url"), **client})
    checks.equal("oauth4webapi believes them",
                 {name: one["active"] for name, one in said.items()},
                 {"live": True, "junk": False, "forged": False})
    answer = await house.ask("resource", house.es, f"{SIGNED};q=1.0, application/json;q=0.1")
    checks.equal("media type", answer.header("content-type"), SIGNED)
    token = answer.body.decode()
    head = jwt.get_unverified_header(token)
    keys = {one["kid"]: jwt.PyJWK(one) for one in house.jwks["keys"]}
    told = jwt.decode(token, keys[head["kid"]], algorithms=ALGORITHMS, audience="resource",
                      issuer=house.issuer, options={"require": ["aud", "iat"]})
    checks.equal("typ", head["typ"], "token-introspection+jwt")
    checks.equal("no sub, no exp (RFC 9701 section 5)", sorted(told),
                 ["aud", "iat", "iss", "token_introspection"])
    checks.is_true("the key signs no token",
                   head["kid"] not in {part_of(one, 0)["kid"] for one in (house.es, house.ed)})
    try:
        jwt.decode(token, keys[head["kid"]], algorithms=ALGORITHMS, audience="auditor")
        checks.is_true("it is for its asker alone", False)
    except jwt.InvalidAudienceError:
        checks.is_true("it is for its asker alone", True)


async def taken_back(house):
    checks = house.checks
    client = dict(zip(("client_id", "client_secret"), house.clients["plain"]))
    said = node("flow", {"issuer": house.issuer, "base": house.demo.at("api_url"), **client})
    checks.equal("openid-client: a token, asked about, taken back, asked about again",
                 (said["before"]["active"], said["before"]["client_id"], said["after"]),
                 (True, "plain", {"active": False}))
    token = (await house.grant("plain"))["access_token"]
    refused = await house.ask("resource", token, path="/oauth/revoke")
    checks.equal("another client's is refused", (refused.status, refused.json()),
                 (400, {"error": "unauthorized_client"}))
    checks.equal("... and lives", await house.status(token), "live")
    for name, text in (("unknown", "a.b.c"), ("junk", "junk"), ("true", token), ("again", token)):
        answer = await house.ask("plain", text, path="/oauth/revoke")
        checks.equal(f"{name}: 200 (RFC 7009)", answer.status, 200)
    checks.equal("... and it is out", await house.status(token), "revoked")
    gate = await house.demo.gate(house.es).get("/me")
    (await house.ask("warden", house.es, path="/oauth/revoke")).good()
    checks.equal("whoever has that duty takes back what is not his", await house.status(house.es),
                 "revoked")
    after = await house.demo.gate(house.es).get("/me")
    checks.equal("... at the gate, too", (gate.status, after.status), (200, 401))


async def noticed(house):
    """A forgery presented to be taken back: answered like all else, and an incident."""
    checks = house.checks
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    made = (await house.api.post("/api/keys/import", {
        "pem": pem.decode(), "issuer": house.issuer})).good()
    before = {one["id"] for one in (await house.api.get("/api/incidents?limit=200")).good()["items"]}
    forged = StolenKey(pem, made["kid"]).forge(house.issuer, house.audience, house.customer)
    answer = await house.ask("plain", forged, path="/oauth/revoke")
    checks.equal("the answer tells nothing", answer.status in (200, 400), True)

    async def opened():
        items = (await house.api.get("/api/incidents?limit=200")).good()["items"]
        return next((one for one in items if one["id"] not in before), None)
    incident = await wait_for(opened, 10)
    checks.is_true("... and an incident is opened", incident is not None, str(incident)[:200])
    checks.is_true("... its key is in other hands",
                   await wait_for(lambda: house.is_compromised(made["kid"]), 10))
    checks.equal("... who may hear why, hears", await house.status(forged), "never_issued")


# --- the stream ----------------------------------------------------------------------------------

class Curl:
    """`curl -N` on the stream, as a sidecar's shell would have it."""

    def __init__(self, house, who, query="", accept="application/x-ndjson"):
        pair = ":".join(house.clients[who])
        self.process = subprocess.Popen(
            ["curl", "-sN", "--max-time", "120", "-u", pair, "-H", f"Accept: {accept}",
             f"{house.demo.at('api_url')}/oauth/revocations{query}"],
            stdout=subprocess.PIPE, text=True)

    async def line(self, seconds=15):
        return await asyncio.wait_for(asyncio.to_thread(self.process.stdout.readline), seconds)

    async def message(self, skip=("heartbeat",)):
        while True:
            line = await self.line()
            if not line:
                return None
            message = json.loads(line)
            if message["type"] not in skip:
                return message

    def close(self):
        self.process.kill()
        self.process.wait()


async def pushed(house):
    checks = house.checks
    refused = await house.plain.get("/oauth/revocations", basic(*house.clients["plain"]))
    checks.equal("a client without the duty", (refused.status, refused.json()),
                 (403, {"error": "insufficient_scope"}))
    curl = Curl(house, "sidecar")
    hello = await curl.message()
    checks.equal("hello", (hello["type"], hello["complete"]), ("hello", True))
    token = await house.issue()
    begun = time.monotonic()
    (await house.api.post("/api/tokens/revoke", {"token": token})).good()
    told = await curl.message()
    took = time.monotonic() - begun
    checks.is_true("a revoked token is pushed by the beginning of its jti",
                   told["type"] == "token"
                   and part_of(token, 1)["jti"].startswith(told["jti_prefix"]), str(told))
    note(f"{took * 1000:.1f} ms from the act to curl's line")
    (await house.api.post("/api/tokens/revoke", {"principal": {
        "kind": "customer", "id": "100777"}})).good()
    (await house.api.post("/api/tokens/revoke", {"client": "warden"})).good()
    second, third = await curl.message(), await curl.message()
    checks.equal("a principal and a client",
                 (second["type"], second["sub"], third["type"], third["client_id"]),
                 ("principal_revoked", "100777", "client_revoked", "warden"))
    checks.is_true("in the order of the journal", told["seq"] < second["seq"] < third["seq"])
    beat = json.loads(await curl.line())
    checks.equal("silence beats", beat["type"], "heartbeat")
    curl.close()
    import requests
    url = f"{house.demo.at('api_url')}/oauth/revocations"
    with requests.get(url, params={"from": told["seq"] + 1}, stream=True, timeout=20,
                      auth=house.clients["sidecar"]) as again:
        lines = again.iter_lines()
        got = [json.loads(await asyncio.to_thread(next, lines)) for _ in range(3)]
    checks.equal("requests resumes where it stopped", got[1:], [second, third])
    events = Curl(house, "sidecar", f"?from={third['seq']}", "text/event-stream")
    lines = [await events.line() for _ in range(6)]
    checks.equal("as events: name, data, blank; then its place",
                 (lines[0], lines[1][:6], lines[2], lines[3], lines[4]),
                 ("event: hello\n", "data: ", "\n", f"id: {third['seq']}\n",
                  "event: client_revoked\n"))
    (await house.api.post("/api/tokens/revoke", {"client": "sidecar"})).good()
    rest = ""
    while line := await events.line():
        rest += line
    checks.is_true("a follower that is revoked is cut off", "credential" in rest, rest[-80:])
    events.close()


async def lists(house):
    """Status lists, read by another house's library."""
    import jwt
    checks = house.checks
    token, other = await house.issue(), await house.issue()
    own, second = (part_of(one, 1)["status"]["status_list"] for one in (token, other))
    checks.equal("two tokens share a list and no index",
                 (own["uri"] == second["uri"], own["idx"] == second["idx"]), (True, False))
    path = own["uri"].removeprefix(house.issuer.rstrip("/"))
    free = next(at for at in range(3) if at not in (own["idx"], second["idx"]))
    indices = [own["idx"], second["idx"], free]

    async def read():
        answer = await house.plain.get(path)
        said = node("statuses", {"jwt": answer.body.decode(), "token": token, "indices": indices})
        return answer, said["own"], [said["statuses"][str(at)] for at in indices]
    answer, told, bits = await read()
    checks.equal("the library finds the token's place", told, own)
    checks.equal("issued is valid, an index nobody was issued is not", bits, [0, 0, 1])
    checks.equal("media type", answer.header("content-type"), "application/statuslist+jwt")
    head = jwt.get_unverified_header(answer.body.decode())
    keys = {one["kid"]: jwt.PyJWK(one) for one in house.jwks["keys"]}
    claims = jwt.decode(answer.body.decode(), keys[head["kid"]], algorithms=ALGORITHMS,
                        options={"require": ["exp", "iat", "sub"]})
    cached = int(answer.header("cache-control").split("max-age=")[1])
    checks.is_true("signed, of its own type, under its own address, kept shorter than its ttl",
                   head["typ"] == "statuslist+jwt" and claims["sub"] == own["uri"]
                   and cached < claims["ttl"], f"{len(answer.body)} bytes, max-age {cached}")
    (await house.api.post("/api/tokens/revoke", {"token": token})).good()
    begun = time.monotonic()

    async def flipped():
        return (await read())[2] == [1, 0, 1]
    took = await wait_for(flipped, claims["ttl"], 0.5) and time.monotonic() - begun
    checks.is_true("a revoked token flips within ttl", took, f"{took:.1f} s")
    unknown = await house.plain.get(path.rsplit("/", 1)[0] + "/" + "A" * 22)
    checks.equal("a list nobody has", unknown.status, 404)


PARTS = [matrix, uniform, introspection, answers_signed, taken_back, noticed, lists, pushed]


async def main(given):
    # Two of the libraries say at each call that a name of theirs is old.
    warnings.simplefilter("ignore")
    checks, folder = Checks(), own_folder("verifiers")
    demo = Demo(program(given.ward), folder / "demo", folder / "log", customers=2000)
    # Its tokens tell offline verifiers where their status stands.
    (folder / "more.toml").write_text('[rotation]\noffline_audiences = ["shop"]\n')
    demo.more = ["--with", str(folder / "more.toml")]
    await demo.start()
    try:
        house = House(demo, checks)
        await house.make()
        if given.write:
            return await write(house)
        for part in PARTS:
            with checks.part(part.__doc__ or part.__name__.replace("_", " ").capitalize()):
                await part(house)
    finally:
        demo.stop()
    if given.keep or checks.failed:
        note(f"left behind: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return checks.finish()


async def write(house):
    """Prints what the table would say; reasons are a person's to write."""
    known, _ = rows() if TABLE.exists() else ({}, [])
    tokens = await house.cases()
    judged = verdicts(house, tokens)
    for case, token in tokens.items():
        status = await house.status(token) if token else "malformed"
        print(written(case, status, judged[case], known.get(case, ("", {}, ""))[2]))
    return 0


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--write", action="store_true", help="print the table as it comes out")
    sys.exit(asyncio.run(main(parser.parse_args())))
