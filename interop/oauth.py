#!/usr/bin/env python3
"""Machines get tokens and prove them theirs: other people's clients against the real program.

`openid-client` (discovery, each way to authenticate, DPoP with its nonce), Authlib and joserfc,
unmodified, at the token endpoint of `ward demo`; `dpop` and `openid-client` at its gate. Then the
same by hand: an assertion used twice, also across a kill -9; a rotated secret; an exchange that
ends with its subject. Uses none of Ward's code.
"""

import asyncio
import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import uuid
from urllib.parse import urlencode

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "lib"))
from outside import (  # noqa: E402
    Broken, Checks, Client, Demo, access, issue, joiner, note, options, own_folder, program)

FORM = (("content-type", "application/x-www-form-urlencoded"),)
KIND = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ACCESS = "urn:ietf:params:oauth:token-type:access_token"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
CONFIG = """
[oauth]
audiences = ["https://billing.example"]
dpop_nonce = "always"
"""
BILLING = "https://billing.example"
PAGE = "/staff/customers?limit=1"
# Every endpoint the metadata may name.
ENDPOINTS = ("token_endpoint", "introspection_endpoint", "revocation_endpoint")


class Configured(Demo):
    """A demo with more in its configuration."""

    def command(self):
        return [*super().command(), "--with", str(self.folder.parent / "more.toml")]


class House:
    def __init__(self, demo, checks):
        self.demo, self.checks = demo, checks
        self.issuer = demo.at("imported_key.issuer")
        self.audience = demo.at("imported_key.audience")
        self.api, self.plain = demo.api(), Client(demo.at("api_url"))
        self.keys, self.secrets = {}, {}

    async def register(self, name, **more):
        ask = {"client_id": name, "owner": self.owner, "audience": self.audience,
               "scope": "staff-customers read", "life_seconds": 300, "days": 1, **more}
        made = (await self.api.post("/api/clients", ask)).good()
        self.secrets[name] = made.get("client_secret")
        return made

    async def make(self):
        from joserfc.jwk import ECKey, OKPKey, RSAKey
        self.owner = await joiner(self.demo.scim(), "machines")
        await self.register("by-secret", exchanges=[BILLING], audiences=[BILLING])
        for alg, key in (("ES256", ECKey.generate_key("P-256", {"kid": "k1"})),
                         ("EdDSA", OKPKey.generate_key("Ed25519", {"kid": "k1"})),
                         ("RS256", RSAKey.generate_key(2048, {"kid": "k1"})),
                         ("PS256", RSAKey.generate_key(2048, {"kid": "k1"}))):
            self.keys[alg] = key
            public = {**key.as_dict(private=False), "alg": alg, "use": "sig"}
            await self.register(f"by-{alg.lower()}", jwks={"keys": [public]})
        await self.register("always-bound", bound=True)
        self.subject = await issue(self.demo, self.api, "customer", self.demo.at("customer.id"))

    async def token(self, fields, name=None, headers=()):
        """One request at the token endpoint: (status, body)."""
        more = [*FORM, *headers]
        if name:
            pair = f"{name}:{self.secrets[name]}".encode()
            more.append(("authorization", "Basic " + base64.b64encode(pair).decode()))
        answer = await self.plain.call("POST", "/oauth/token", more, urlencode(fields).encode())
        return answer.status, answer.json(), answer

    def assertion(self, alg="ES256", **claims):
        from joserfc import jwt
        name, now = f"by-{alg.lower()}", int(time.time())
        said = {"iss": name, "sub": name, "aud": self.issuer, "jti": str(uuid.uuid4()),
                "exp": now + 60, "iat": now, **claims}
        return jwt.encode({"alg": alg, "kid": "k1"}, said, self.keys[alg], algorithms=[alg])


def node(given):
    done = subprocess.run(["node", str(HERE / "lib/oauth.mjs")], input=json.dumps(given),
                          capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise Broken(f"node: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


def claims_of(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


# --- what is asked -------------------------------------------------------------------------------

async def by_openid_client(house):
    """openid-client, jose and dpop: every way to authenticate, bound tokens at the gate."""
    checks, demo = house.checks, house.demo
    done = node({
        "issuer": house.issuer, "api_url": demo.at("api_url"), "gate_url": demo.at("gate_url"),
        "path": PAGE, "by_secret": {"id": "by-secret", "secret": house.secrets["by-secret"]},
        "by_key": [{"id": f"by-{alg.lower()}", "kid": "k1", "alg": alg,
                    "jwk": key.as_dict(private=True)} for alg, key in house.keys.items()],
        "exchange": {"grant": EXCHANGE, "subject_token": house.subject, "audience": BILLING},
    })
    for name in ("metadata", "client_secret_basic", "client_secret_post", "exchange", "dpop",
                 *(f"private_key_jwt {alg}" for alg in house.keys)):
        checks.is_true(f"{name} works", done[name]["ok"], done[name].get("said", ""))
    # WHY by its status: openid-client tells of a 401 by the scheme it asks for.
    for name in ("wrong secret", "key of another"):
        checks.equal(f"{name} is refused", done[name].get("status"), 401)
    for name, code in (("wider scope", "invalid_scope"), ("another audience", "invalid_target")):
        checks.equal(f"{name} is refused", done[name].get("error"), code)
    checks.equal("a proof makes a bound token", done["dpop"].get("type"), "dpop")
    bound = claims_of(done["bound"])
    checks.equal("it names the key", bound["cnf"], {"jkt": done["dpop"]["jkt"]})
    acted = claims_of(done["exchange"]["token"])
    checks.equal("an exchanged token says who acts", acted["act"]["sub"], "by-secret")
    checks.equal("and for whom it is meant", acted["aud"], BILLING)
    for name, status, word in (
            ("gate without nonce", 401, "use_dpop_nonce"),
            ("gate with nonce", 200, None),
            ("gate, same proof again", 401, "invalid_token"),
            ("gate, as a bearer", 401, "Bearer"),
            ("gate, key of another", 401, "invalid_token"),
            ("gate, for another token", 401, "invalid_token"),
            ("gate, for another method", 401, "invalid_token"),
            ("gate, for another page", 401, "invalid_token"),
            ("gate, unbound token with a proof", 401, "invalid_token"),
            ("gate, junk with a proof", 401, "invalid_token"),
            ("gate by openid-client", 200, None)):
        said = done[name]
        checks.equal(name, said.get("status"), status)
        if word:
            checks.is_true(f"{name}: {word}", word in (said.get("challenge") or ""), str(said))
    challenges = {done[name].get("challenge") for name in (
        "gate, same proof again", "gate, key of another", "gate, for another token",
        "gate, junk with a proof")}
    checks.equal("what is refused looks alike from outside", len(challenges), 1)
    await reasons(house, done["bound"])
    await metadata(house, done["metadata"].get("metadata", {}))


async def reasons(house, bound):
    """The reason inside is `holder_mismatch`."""
    gate = house.demo.gate(bound)
    answer = await gate.call("GET", PAGE)
    house.checks.equal("a bound token as a bearer's", answer.status, 401)
    told = await access(house.api, answer.request_id)
    house.checks.equal("its reason", told.get("reason"), "holder_mismatch")


async def metadata(house, found):
    """Whatever the metadata names is there."""
    checks = house.checks
    checks.equal("the issuer", found.get("issuer"), house.issuer)
    for name in ENDPOINTS:
        path = found[name].removeprefix(house.issuer)
        answer = await house.plain.call("POST", path, FORM, b"token=x")
        checks.equal(f"{name} asks for a client", answer.status, 401)
    answer = await house.plain.get(found["jwks_uri"].removeprefix(house.issuer))
    checks.equal("the key set is there", answer.status, 200)
    checks.equal("and may be kept a minute", answer.header("cache-control"), "public, max-age=60")


async def by_authlib(house):
    """Authlib's own session and its own client authentication."""
    from authlib.integrations.requests_client import OAuth2Session
    from authlib.oauth2.rfc7523 import ClientSecretJWT, PrivateKeyJWT
    checks, base = house.checks, house.demo.at("api_url").rstrip("/")
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    for method in ("client_secret_basic", "client_secret_post"):
        session = OAuth2Session("by-secret", house.secrets["by-secret"],
                                token_endpoint_auth_method=method)
        token = session.fetch_token(f"{base}/oauth/token", grant_type="client_credentials")
        checks.is_true(method, "access_token" in token)
    for alg in ("ES256", "RS256"):
        session = OAuth2Session(f"by-{alg.lower()}", house.keys[alg],
                                token_endpoint_auth_method="private_key_jwt")
        # WHY an end of our own: Authlib's assertions live an hour, Ward takes five minutes.
        session.register_client_auth_method(PrivateKeyJWT(
            f"{house.issuer}/oauth/token", {"exp": int(time.time()) + 60}, {"kid": "k1"}, alg))
        token = session.fetch_token(f"{base}/oauth/token", grant_type="client_credentials")
        checks.is_true(f"private_key_jwt {alg}", "access_token" in token)
    session = OAuth2Session("by-secret", house.secrets["by-secret"])
    session.register_client_auth_method(ClientSecretJWT(f"{house.issuer}/oauth/token"))
    session.token_endpoint_auth_method = "client_secret_jwt"
    try:
        session.fetch_token(f"{base}/oauth/token", grant_type="client_credentials")
        checks.is_true("a secret signs no assertion", False)
    except Exception as error:  # noqa: BLE001 - Authlib's name for it
        checks.is_true("a secret signs no assertion", "invalid_client" in str(error), str(error))


async def by_joserfc(house):
    """Assertions made with joserfc: each rule, and each once, also across a kill."""
    checks, now = house.checks, int(time.time())
    form = {"grant_type": "client_credentials", "client_assertion_type": KIND}
    good = house.assertion()
    status, body, _ = await house.token({**form, "client_assertion": good})
    checks.equal("an assertion opens", status, 200)
    key = {"alg": body.get("token_type")}
    checks.equal("for a bearer token", key["alg"], "Bearer")
    for name, made in (
            ("twice", good),
            ("expired", house.assertion(exp=now - 1)),
            ("six minutes long", house.assertion(exp=now + 360)),
            ("to somebody else", house.assertion(aud="https://x.example")),
            ("to somebody else, too", house.assertion(aud=[house.issuer, "https://x.example"])),
            ("of another client", house.assertion(sub="by-secret")),
            ("without jti", house.assertion(jti="")),
            ("not yet", house.assertion(nbf=now + 60))):
        status, body, _ = await house.token({**form, "client_assertion": made})
        checks.equal(f"{name}: refused", (status, body.get("error")), (401, "invalid_client"))
    last = house.assertion()
    status, _, _ = await house.token({**form, "client_assertion": last})
    checks.equal("one more opens", status, 200)
    house.demo.kill()
    note(f"the demo started again within {await house.demo.start():.1f} s")
    house.api, house.plain = house.demo.api(), Client(house.demo.at("api_url"))
    status, body, _ = await house.token({**form, "client_assertion": last})
    checks.equal("and not again after a kill -9", (status, body.get("error")),
                 (401, "invalid_client"))


async def by_hand(house):
    """Bound clients, exchange, a rotated secret, a revoked client."""
    checks = house.checks
    form = {"grant_type": "client_credentials"}
    status, body, _ = await house.token(form, "always-bound")
    checks.equal("a bound client needs a proof", (status, body.get("error")),
                 (400, "invalid_request"))
    status, body, answer = await house.token(form, "always-bound", [("dpop", "junk")])
    checks.equal("junk is no proof", (status, body.get("error")), (400, "invalid_dpop_proof"))
    checks.is_true("a nonce comes along", bool(answer.header("dpop-nonce")))
    subject = await issue(house.demo, house.api, "customer", house.demo.at("customer.id"))
    swap = {"grant_type": EXCHANGE, "subject_token": subject, "subject_token_type": ACCESS}
    status, body, _ = await house.token(swap, "by-secret")
    checks.equal("an exchange", (status, body.get("issued_token_type")), (200, ACCESS))
    token = body["access_token"]
    first, second = claims_of(subject), claims_of(token)
    checks.is_true("does not outlive its subject", second["exp"] <= first["exp"])
    checks.equal("and names him", second["sub"], first["sub"])
    status, body, _ = await house.token(swap, "always-bound")
    checks.equal("not every client may", (status, body.get("error")), (400, "unauthorized_client"))
    status, body, _ = await house.token({**swap, "audience": house.audience}, "by-secret")
    checks.equal("nor for every audience", (status, body.get("error")), (400, "invalid_target"))
    gone = await house.api.post("/api/tokens/revoke", {
        "principal": {"kind": "customer", "id": house.demo.at("customer.id")}})
    checks.equal("its principal's tokens are taken back", gone.status, 200)
    status, body, _ = await house.token(swap, "by-secret")
    checks.equal("then nothing is exchanged", (status, body.get("error")), (400, "invalid_request"))
    before = house.secrets["by-secret"]
    made = await house.api.post("/api/clients/by-secret/secret", {"overlap_seconds": 3600})
    checks.equal("a secret is rotated", made.status, 200)
    house.secrets["new"] = made.json()["client_secret"]
    for name, secret in (("the old one", before), ("the new one", house.secrets["new"])):
        house.secrets["by-secret"] = secret
        status, _, _ = await house.token(form, "by-secret")
        checks.equal(f"{name} opens meanwhile", status, 200)
    listed = (await house.api.get("/api/clients")).good()["clients"]
    checks.is_true("clients are listed", {"by-secret", "by-es256"} <= {
        one["client_id"] for one in listed})
    checks.is_true("without a secret", before not in json.dumps(listed))
    gone = await house.api.call("DELETE", "/api/clients/by-secret")
    checks.equal("a client is revoked", gone.status, 200)
    status, body, _ = await house.token(form, "by-secret")
    checks.equal("and gets nothing more", (status, body.get("error")), (401, "invalid_client"))


async def main(given):
    checks, folder = Checks(), own_folder("oauth")
    (folder / "more.toml").write_text(CONFIG)
    demo = Configured(program(given.ward), folder / "demo", folder / "demo.log", 2_000)
    try:
        note(f"the demo started within {await demo.start():.1f} s")
        house = House(demo, checks)
        await house.make()
        for part in (by_openid_client, by_authlib, by_joserfc, by_hand):
            with checks.part(part.__doc__):
                await part(house)
    except (Broken, OSError, KeyError) as error:
        checks.is_true("the suite runs", False, repr(error))
    finally:
        demo.stop()
        if not given.keep:
            shutil.rmtree(folder / "demo", ignore_errors=True)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(options(__doc__).parse_args())))
