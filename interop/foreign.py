#!/usr/bin/env python3
"""Foreign issuers: login services of other people's making, whose tokens Ward did not sign.

A token that was reported before it left is read through the gate; one that was not is counted while
the issuer learns and refused when it enforces; one that is reported late alarms and stays refused.
Then what a published key set can do wrong, the sequence of reports, kill -9, a real provider with
discovery (`oidc-provider`), and every recipe of `examples/recipes/login` whose runtime is here.
Tokens are signed by `cryptography`. Uses none of Ward's code.
"""

import asyncio
import base64
import hashlib
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
from outside import (  # noqa: E402
    EXIT_TELLS, Broken, Checks, Client, Demo, base64url, clip, note, options, outcome, own_folder,
    program, wait_for)

HOME = pathlib.Path(__file__).resolve().parents[1]
RECIPES = HOME / "examples/recipes/login"
AUDIENCE = "shop-login"
CUSTOMERS = 20_000
# How long a change of published keys may take to be seen, seconds.
SEEN_SECONDS = 15


# --- a login service ------------------------------------------------------------------------------

class Key:
    """A signing key of the login service."""

    def __init__(self, kid, alg):
        self.kid, self.alg = kid, alg
        self.key = {"ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
                    "EdDSA": ed25519.Ed25519PrivateKey.generate}.get(
            alg, lambda: rsa.generate_private_key(65537, 2048))()

    def jwk(self):
        public, own = self.key.public_key(), {"kid": self.kid, "alg": self.alg, "use": "sig"}
        if self.alg == "EdDSA":
            point = base64url(public.public_bytes_raw())
            return {"kty": "OKP", "crv": "Ed25519", "x": point, **own}
        numbers = public.public_numbers()
        if self.alg == "ES256":
            return {"kty": "EC", "crv": "P-256", "x": base64url(numbers.x.to_bytes(32, "big")),
                    "y": base64url(numbers.y.to_bytes(32, "big")), **own}
        return {"kty": "RSA", "n": base64url(numbers.n.to_bytes(256, "big")), "e": "AQAB", **own}

    def sign(self, message):
        if self.alg == "EdDSA":
            return self.key.sign(message)
        if self.alg == "ES256":
            der = self.key.sign(message, ec.ECDSA(hashes.SHA256()))
            return b"".join(part.to_bytes(32, "big") for part in utils.decode_dss_signature(der))
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
        return self.key.sign(message, pss if self.alg == "PS256" else padding.PKCS1v15(),
                             hashes.SHA256())


class Login:
    """A login service on loopback: metadata, keys, and whatever it is told to answer instead."""

    def __init__(self, first):
        self.keys, self.instead, self.asked = [first], None, []
        login = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                login.asked.append(self.path)
                login.answer(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request):
        if request.path == "/.well-known/openid-configuration":
            body = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
            status, headers, body = 200, {}, json.dumps(body).encode()
        elif request.path == "/keys" and self.instead:
            status, headers, body = self.instead
        elif request.path == "/keys":
            keys = [key.jwk() for key in self.keys]
            status, headers, body = 200, {}, json.dumps({"keys": keys}).encode()
        else:
            status, headers, body = 404, {}, b""
        request.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    def token(self, sub, key=None, life=600, ago=2, **more):
        key = key or self.keys[0]
        now = int(time.time())
        claims = {"iss": self.url, "sub": str(sub), "aud": [AUDIENCE], "azp": "web",
                  "jti": os.urandom(12).hex(), "iat": now - ago, "exp": now + life, **more}
        header = {"alg": key.alg, "kid": key.kid, "typ": "JWT"}
        signed = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
        return f"{signed}.{base64url(key.sign(signed.encode()))}", claims


class Reporter:
    """What the login service says to Ward."""

    def __init__(self, demo, name, key):
        self.client, self.path, self.next = Client(demo.at("api_url"), key), name, 1

    def report(self, token, claims, by="digest"):
        one = {"sequence": self.next, "client": "web", "iat": claims["iat"], "exp": claims["exp"],
               "principal": {"kind": "customer", "id": claims.get("customer", claims["sub"])}}
        digest = base64url(hashlib.sha256(token.encode()).digest())
        one |= {"digest": digest} if by == "digest" else {"jti": claims["jti"]}
        self.next += 1
        return one

    async def send(self, *reports, complete=None):
        body = {"reports": list(reports)} | ({"complete_before": complete} if complete else {})
        return await self.client.post(f"/api/issuances/{self.path}", body)

    async def tell(self, token, claims, by="digest"):
        return (await self.send(self.report(token, claims, by))).good()

    async def resume(self):
        """Takes the sequence up where it stands."""
        state = (await self.client.get(f"/api/issuances/{self.path}")).good()
        self.next = state["next_sequence"]
        return state


class House:
    """What the parts share."""

    def __init__(self, checks, demo, login):
        self.checks, self.demo, self.login = checks, demo, login
        self.api, self.customer = demo.api(), demo.at("customer.id")
        self.reporter = None

    async def key_for(self, name):
        ask = {"kind": "reporter", "owner": {"kind": "service", "id": name}, "days": 1}
        return (await self.api.post("/api/api-keys", ask)).good()["api_key"]

    async def read(self, token):
        """What comes of reading with a token."""
        answer = await self.demo.gate(token).get("/me")
        return await outcome(self.api, answer)

    async def issuer(self, name="login"):
        told = (await self.api.get("/api/issuers")).good()["issuers"]
        return next((one for one in told if one["name"] == name), None)

    async def until(self, holds, name="login", seconds=SEEN_SECONDS):
        """Waits until something holds of an issuer."""
        async def ask():
            told = await self.issuer(name)
            return told if told and holds(told) else None
        return await wait_for(ask, seconds, 0.2)

    async def alerts(self, kind):
        items = (await self.api.get("/api/alerts")).good()["items"]
        return [one for one in items if one["kind"] == kind]

    async def alert(self, kind, more_than=0):
        async def ask():
            found = await self.alerts(kind)
            return found if len(found) > more_than else None
        return await wait_for(ask, 10, 0.2)


# --- the parts -----------------------------------------------------------------------------------

async def learning(house):
    checks, login = house.checks, house.login
    told = await house.until(lambda one: len(one["keys"]) == 1)
    checks.is_true("its keys are found by discovery", bool(told), clip(str(login.asked[:2])))
    checks.equal("it learns at first", told and told["mode"], "learning")
    token, claims = login.token(house.customer)
    checks.equal("not reported: let through while it learns", (await house.read(token))[:3], "200")
    checks.equal("... and again", (await house.read(token))[:3], "200")
    preview = (await house.api.get("/api/issuers/login/preview")).good()
    checks.equal("the preview has counted one token of one principal",
                 (preview["tokens"], preview["principals"]), (1, 1))
    checks.equal("it cannot enforce before its first report", preview["can_enforce"], False)
    house.reporter = Reporter(house.demo, "login", await house.key_for("login"))
    for by in ("digest", "jti"):
        token, claims = login.token(house.customer)
        told = await house.reporter.tell(token, claims, by)
        checks.equal(f"reported by {by}", (told["accepted"], told["late"]), (1, []))
        checks.equal("... it reads", await house.read(token), "200 permit")
    told = await house.issuer()
    checks.equal("coverage: two of three tokens", round(told["coverage"], 3), 0.667)

    async def measured():
        metrics = (await house.demo.alone().get("/metrics")).body.decode()
        return all(f'{name}{{issuer="login"' in metrics for name in (
            "ward_issuer_coverage_ratio", "ward_issuer_lag_seconds", "ward_issuer_tokens"))

    checks.is_true("coverage, lag and counts are metrics", bool(await wait_for(measured, 5, 0.3)))
    page = house.demo.run("tokens", "issuers", "list", "--demo", house.demo.folder)
    checks.is_true("ward tokens issuers list", page[0] == 0 and "coverage 66.7 %" in page[1],
                   clip(page[1]))


async def enforcing(house):
    checks, api, demo = house.checks, house.api, house.demo
    mode = await api.post("/api/issuers/mode", {"issuer": house.login.url, "mode": "enforcing"})
    checks.equal("not without its preview", mode.status, 409)
    few = await api.post("/api/issuers/login/enforce", {"tokens": 0, "principals": 0})
    checks.equal("not with fewer than it would refuse", few.status, 409)
    ask = {"tokens": 1, "principals": 1}
    held = await demo.alone().post("/api/issuers/login/enforce", ask)
    checks.equal("not alone", (held.status, json.loads(held.body).get("held")), (202, True))
    code, told = demo.run("tokens", "issuers", "preview", "login", "--demo", demo.folder)
    words = "the last 7 days would have refused 1 tokens of 1 principals"
    checks.is_true("the preview in words", code == 0 and words in told, clip(told))
    done = await api.post("/api/issuers/login/enforce", ask)
    checks.equal("another operator consents", (done.status, done.json().get("mode")),
                 (200, "enforcing"))
    token, claims = house.login.token(house.customer, ago=1)
    checks.equal("not reported, and more may come: behind", await house.read(token),
                 "503 refuse ledger_behind")
    (await house.reporter.send(complete=int(time.time()))).good()
    checks.equal("... complete past it: never issued", await house.read(token),
                 "401 refuse never_issued")
    checks.is_true("... that alarms", bool(await house.alert("never_issued")))
    future, _ = house.login.token(house.customer, ago=-3000)
    checks.equal("of the future: never issued at once", await house.read(future),
                 "401 refuse never_issued")
    token, claims = house.login.token(house.customer)
    await house.reporter.tell(token, claims)
    checks.equal("reported: reads", await house.read(token), "200 permit")
    other = token.rsplit(".", 1)[0] + "." + base64url(b"\x5a" * 64)
    checks.equal("the same with another signature", await house.read(other),
                 "401 refuse bad_signature")
    again = ".".join([*token.split(".")[:2],
                      base64url(house.login.keys[0].sign(token.rsplit(".", 1)[0].encode()))])
    checks.is_true("signed again by its own key: a token nobody reported",
                   not (await house.read(again)).startswith("200"))


async def late(house):
    checks = house.checks
    for by in ("digest", "jti"):
        token, claims = house.login.token(house.customer)
        before = len(await house.alerts("late_report"))
        await house.read(token)
        answer = await house.reporter.send(house.reporter.report(token, claims, by))
        checks.equal(f"reported by {by} after it was used: not acknowledged", answer.status, 409)
        checks.is_true("... alarmed", bool(await house.alert("late_report", before)))
        (await house.reporter.send(complete=int(time.time()))).good()
        checks.equal("... and refused", await house.read(token), "401 refuse never_issued")
        house.kept_late = token


async def sequence(house):
    checks, reporter = house.checks, house.reporter
    stranger = Client(house.demo.at("api_url"), await house.key_for("other"))
    answer = await stranger.get("/api/issuances/login")
    checks.equal("another issuer's reporter learns nothing", answer.status, 404)
    for path in ("/api/keys", "/api/issuers", "/scim/v2/Users"):
        answer = await reporter.client.get(path)
        checks.equal(f"a reporter's API key at {path}", answer.status, 401)
    answer = await house.demo.gate(await house.key_for("login")).get("/me")
    checks.equal("... and at the gate", await outcome(house.api, answer),
                 "401 refuse wrong_audience")
    token, claims = house.login.token(house.customer)
    report = reporter.report(token, claims)
    told = [(await reporter.send(report)).good() for _ in range(3)]
    checks.equal("sent three times, recorded once",
                 [(one["accepted"], one["repeated"]) for one in told], [(1, 0), (0, 1), (0, 1)])
    checks.equal("another report for the place",
                 (await reporter.send(report | {"client": "other"})).status, 409)
    checks.is_true("... alarms", bool(await house.alert("issuer_trouble")))
    here = reporter.next
    ahead = report | {"sequence": here + 3, "jti": "ahead"}
    ahead.pop("digest")
    told = (await reporter.send(ahead)).good()
    checks.equal("ahead of others", told["missing"], [here, here + 1, here + 2])
    checks.equal("... nothing is complete then",
                 (await reporter.send(complete=int(time.time()))).status, 409)
    checks.equal("too far ahead",
                 (await reporter.send(ahead | {"sequence": here + 2000})).status, 409)
    void = [{"sequence": here + at, "void": True} for at in (1, 0, 2)]
    told = (await reporter.send(*void, complete=int(time.time()))).good()
    checks.equal("places for no token close the gap", (told["missing"], told["next_sequence"]),
                 ([], here + 4))
    await reporter.resume()
    many = [report | {"sequence": reporter.next + at} for at in range(1001)]
    checks.equal("more than a thousand at once", (await reporter.send(*many)).status, 400)
    checks.equal("no JSON", (await reporter.client.call(
        "POST", "/api/issuances/login", [], b"{")).status, 400)


async def taken_back(house):
    checks, api = house.checks, house.api
    token, claims = house.login.token(house.customer)
    await house.reporter.tell(token, claims)
    checks.equal("reads", await house.read(token), "200 permit")
    (await api.post("/api/tokens/revoke", {"token": token})).good()
    checks.equal("one token revoked", await house.read(token), "401 refuse revoked")
    token, claims = house.login.token(house.customer)
    await house.reporter.tell(token, claims)
    checks.equal("the next one reads", await house.read(token), "200 permit")
    who = {"kind": "customer", "id": house.customer}
    (await api.post("/api/tokens/revoke", {"principal": who})).good()
    checks.equal("all of a principal revoked", await house.read(token), "401 refuse revoked")
    token, claims = house.login.token(house.customer)
    await house.reporter.tell(token, claims)
    checks.equal("what is reported after that reads", await house.read(token), "200 permit")
    for name, changed in (("another audience", {"aud": "other"}),
                          ("a kind in a claim nobody mapped", {"kind": "person"})):
        token, claims = house.login.token(house.customer, **changed)
        await house.reporter.tell(token, claims)
        want = "401 refuse wrong_audience" if "aud" in changed else "200 permit"
        checks.equal(name, await house.read(token), want)
    token, claims = house.login.token(house.demo.at("missing_customer_id"))
    await house.reporter.tell(token, claims)
    checks.equal("somebody who does not exist", await house.read(token),
                 "403 refuse unknown_data_subject")


async def algorithms(house):
    checks, login = house.checks, house.login
    for alg in ("EdDSA", "RS256", "PS256"):
        key = Key(f"key-{alg}", alg)
        login.keys.append(key)
        token, claims = login.token(house.customer, key)
        await house.reporter.tell(token, claims)
        seen = await wait_for(lambda t=token: reads(house, t), SEEN_SECONDS, 0.5)
        checks.is_true(f"{alg}: a new key is fetched, its token reads", bool(seen))
    gone = login.keys.pop(1)
    told = await house.until(lambda one: any(
        key["kid"] == gone.kid and key["state"] == "retired" for key in one["keys"]))
    checks.is_true("a key that is published no more is retired", bool(told))
    checks.equal("its issued token lives on", await house.read(house.kept[gone.alg]), "200 permit")


async def reads(house, token):
    if await house.read(token) != "200 permit":
        return None
    alg = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))["alg"]
    house.kept[alg] = token
    return True


async def bad_keys(house):
    checks, login = house.checks, house.login
    good = json.dumps({"keys": [key.jwk() for key in login.keys]}).encode()
    private = json.dumps({"keys": [login.keys[0].jwk() | {"d": "AA"}]}).encode()
    many = json.dumps({"keys": [login.keys[0].jwk() | {"kid": str(at)} for at in range(65)]})
    inside = Login(login.keys[0])
    cases = [
        ("down", (500, {}, b""), "500"),
        ("huge", (200, {}, b" " * 300_000), "longer"),
        ("garbage", (200, {}, b"\x00<html>"), "no such document"),
        ("too many", (200, {}, many.encode()), "more than 64"),
        ("a private key", (200, {}, private), "private key"),
        ("a redirect inside", (302, {"Location": f"{inside.url}/keys"}, good), "redirect"),
    ]
    for name, answer, words in cases:
        login.instead = answer
        told = await house.until(lambda one, w=words: w in (one["keys_fault"] or ""))
        checks.is_true(f"keys {name}: not taken, and said so", bool(told),
                       clip(str(told and told["keys_fault"])))
        token, claims = login.token(house.customer)
        await house.reporter.tell(token, claims)
        checks.equal("... the last good ones stand", await house.read(token), "200 permit")
        login.instead = None
        told = await house.until(lambda one: one["keys_fault"] is None)
        checks.is_true("... and good ones are taken again", bool(told))
    checks.equal("nobody was asked where the redirect pointed", inside.asked, [])
    before = len(await house.alerts("issuer_trouble"))
    swapped = Key(login.keys[0].kid, "ES256")
    kept, login.keys[0] = login.keys[0], swapped
    login.keys.append(Key("smuggled", "ES256"))
    told = await house.until(lambda one: "known kid" in (one["keys_fault"] or ""))
    checks.is_true("another key under a known kid: refused", bool(told))
    checks.is_true("... and alarmed", bool(await house.alert("issuer_trouble", before)))
    checks.is_true("... with nothing else of that set taken",
                   all(key["kid"] != "smuggled" for key in told["keys"]) if told else False)
    token, claims = login.token(house.customer, swapped)
    await house.reporter.tell(token, claims)
    checks.equal("... a token under it", await house.read(token), "401 refuse bad_signature")
    login.keys[0] = kept
    login.keys.pop()
    token, claims = login.token(house.customer)
    await house.reporter.tell(token, claims)
    checks.equal("... one under the true key", await house.read(token), "200 permit")


async def provider(house, op):
    checks, told = house.checks, await house.until(lambda one: one["keys"], "op")
    checks.is_true("oidc-provider: its keys are found", bool(told),
                   clip(str(told and [key["alg"] for key in told["keys"]])))
    reporter = Reporter(house.demo, "op", await house.key_for("op"))
    form = "grant_type=client_credentials&client_id=shop-app&client_secret=secret-of-a-client"

    async def issued():
        answer = await Client(op).call("POST", "/token", [
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("X-Customer", str(house.customer))], form.encode())
        return answer.good()["access_token"]

    token = await issued()
    part = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    await reporter.tell(token, claims)
    checks.equal("its token, reported, reads", await house.read(token), "200 permit")
    checks.equal("one that was not, while it learns", (await house.read(await issued()))[:3], "200")
    preview = (await house.api.get("/api/issuers/op/preview")).good()
    checks.equal("... is counted", preview["tokens"], 1)


RUNTIMES = {
    "Python": [sys.executable, str(RECIPES / "ward_reporter.py")],
    "Node": ["node", str(RECIPES / "ward_reporter.mjs")],
    "Go": ["go", "run", str(RECIPES / "ward_reporter.go")],
    "Java": ["java", str(RECIPES / "WardReporter.java")],
}


async def recipes(house):
    checks, login = house.checks, house.login
    key = await house.key_for("login")
    for name, words in RUNTIMES.items():
        if not shutil.which(words[0]):
            note(f"{name}: left out, its runtime is not here")
            continue
        fresh = [login.token(house.customer)[0] for _ in range(3)]
        kept = login.token(house.customer)[0]
        late_one = login.token(house.customer)[0]
        await house.read(late_one)

        def run(tokens, words=words):
            return subprocess.run(
                [*words, house.demo.at("api_url"), "login", key, str(house.customer)],
                input="\n".join(tokens) + "\n", capture_output=True, text=True, timeout=180,
                check=False, env={**os.environ, "GOFLAGS": "-mod=mod", "GO111MODULE": "off"})

        done = await asyncio.to_thread(run, fresh)
        out = done.stdout.split()
        checks.is_true(f"{name}: three tokens leave once reported", out == fresh,
                       clip(done.stderr))
        read = [await house.read(token) for token in out]
        checks.equal("... and read", read, ["200 permit"] * 3)
        checks.is_true("... one that was not reported does not",
                       not (await house.read(kept)).startswith("200"))
        done = await asyncio.to_thread(run, [late_one])
        checks.is_true("... a late one does not leave", done.returncode != 0 and not done.stdout)
    await house.reporter.resume()


async def restarted(house, keeps):
    checks = house.checks
    token, claims = house.login.token(house.customer)
    await house.reporter.tell(token, claims)
    checks.equal("reads before kill -9", await house.read(token), "200 permit")
    house.demo.kill()
    await house.demo.start()
    house.api = house.demo.api()
    house.reporter.client = Client(house.demo.at("api_url"), keeps)
    checks.equal("reads after it", await house.read(token), "200 permit")
    checks.equal("the late one stays refused", await house.read(house.kept_late),
                 "401 refuse never_issued")
    checks.equal("it enforces", (await house.issuer())["mode"], "enforcing")
    state = await house.reporter.resume()
    checks.equal("the sequence goes on", state["missing"], [])


async def back(house):
    checks, demo = house.checks, house.demo
    code, told = demo.run("tokens", "issuers", "learn", "login", "--demo", demo.folder)
    checks.equal("going back alone is held", code, 3)
    ask = {"issuer": house.login.url, "mode": "learning"}
    done = await house.api.post("/api/issuers/mode", ask)
    checks.equal("... with another operator's consent it is done", done.status, 200)
    token, _ = house.login.token(house.customer)
    checks.equal("... and nothing is refused", (await house.read(token))[:3], "200")
    code, told = demo.run("tokens", "issuers", "preview", "batch", "--demo", demo.folder)
    checks.is_true("a batch reporter never enforces", code == EXIT_TELLS and "batches" in told,
                   clip(told))


def toml(name, url, reports, more=""):
    return (f'[issuers.{name}]\nurl = "{url}"\naudiences = ["{AUDIENCE}"]\n'
            f'reports = "{reports}"\nrefresh_seconds = 1\nalert_after_seconds = 2\n{more}\n')


async def suite(checks, demo, login, op):
    await demo.start()
    house = House(checks, demo, login)
    house.kept, house.kept_late = {}, None
    parts = [("Learning", learning), ("Enforcing", enforcing), ("Late", late),
             ("The sequence", sequence), ("Taken back", taken_back), ("Algorithms", algorithms),
             ("Keys that are not good", bad_keys)]
    for name, part in parts:
        with checks.part(name):
            await part(house)
    if op:
        with checks.part("A real provider"):
            await provider(house, op)
    with checks.part("Recipes"):
        await recipes(house)
    keeps = await house.key_for("login")
    with checks.part("After kill -9"):
        await restarted(house, keeps)
    with checks.part("Back to learning"):
        await back(house)


def main():
    given = options(__doc__.splitlines()[0]).parse_args()
    folder, checks = own_folder("foreign"), Checks()
    login = Login(Key("key-1", "ES256"))
    batch = Login(Key("key-1", "ES256"))
    demo = Demo(program(given.ward), folder / "demo", folder / "log", CUSTOMERS)
    settings = {"audience": AUDIENCE, "alg": "RS256",
                "clients": [{"id": "shop-app", "secret": "secret-of-a-client"}]}
    op = subprocess.Popen(["node", str(HOME / "interop/lib/token_op.mjs"), json.dumps(settings)],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True)
    try:
        line = op.stdout.readline()
        while line and not line.startswith("{"):
            line = op.stdout.readline()
        issuer = json.loads(line)["issuer"] if line else None
        checks.is_true("oidc-provider listens", bool(issuer))
        tables = toml("login", login.url, "synchronous") + toml("batch", batch.url, "batch")
        if issuer:
            claims = 'client_claim = "client_id"\nprincipal_claim = "customer"'
            tables += toml("op", issuer, "synchronous", claims)
        (folder / "issuers.toml").write_text(tables)
        demo.more = ["--with", str(folder / "issuers.toml")]
        asyncio.run(suite(checks, demo, login, issuer))
    except Broken as error:
        checks.is_true("the suite runs to its end", False, str(error))
    finally:
        demo.stop()
        op.stdin.close()
        op.wait(10)
    if checks.failed == 0 and not given.keep:
        shutil.rmtree(folder, ignore_errors=True)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
