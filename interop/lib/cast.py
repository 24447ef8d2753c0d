"""Everybody who knocks: one true credential a kind, and every way in which one is not good.

Makes them as an operator would, by the API: issued, revoked, left to expire, its owner gone. The
rest is forged. Best use: `interop/endpoints.py`.
"""

import asyncio
import base64
import json
import os
import random
import time
import zlib
from urllib.parse import quote

from operators import Operator
from outside import Broken, Client, StolenKey, issue, joiner, junk_signature, leaves

KINDS = ("person", "service", "scim", "operator", "reporter")
# What an operator's API key may be given.
ROLES = ("keys", "policy", "journal", "people", "incident", "audit", "operators", "login", "feed")
SPENT = ("revoked", "expired", "its owner left")
FORM = [("Content-Type", "application/x-www-form-urlencoded")]
OURS = [("Ward-Console", "1")]
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# How long what shall be expired lives: long enough to be signed in with.
LIFE_SECONDS = 4


def checked(text):
    """An API key's text with the checksum it must have to be looked up at all."""
    rest, digits = zlib.crc32(text.encode()), ""
    for _ in range(6):
        rest, digit = divmod(rest, 62)
        digits = BASE62[digit] + digits
    return text + digits


def changed(text, at, one="4", other="2"):
    """The text with one other character."""
    return text[:at] + (one if text[at] != one else other) + text[at + 1:]


def bearer(credential):
    return [("Authorization", f"Bearer {credential}")]


def basic(name, secret):
    pair = f"{quote(name, safe='')}:{quote(secret, safe='')}"
    return [("Authorization", "Basic " + base64.b64encode(pair.encode()).decode())]


def cookie(secret, name="ward_session"):
    """A session's cookie, from the browser it was opened in."""
    return [("Cookie", f"{name}={secret}"), ("User-Agent", "ward-interop")]


class Cast:
    """Every credential; [`Cast.make`] fills it."""

    def __init__(self, demo, seed):
        self.demo, self.rng = demo, random.Random(seed)
        self.plain = Client(demo.at("api_url"))
        self.api, self.scim = demo.api(), demo.scim()
        self.keys, self.tokens, self.clients, self.sessions = {}, {}, {}, {}
        self.own_reads, self.roles = 0, {}
        self.ids = {}

    async def make(self):
        kid = self.demo.at("imported_key.kid")
        pem = (self.demo.folder / self.demo.at("imported_key.pem_path")).read_bytes()
        leaver = await joiner(self.scim, "leaver")
        end = int(time.time()) + LIFE_SECONDS
        for kind in KINDS:
            self.keys[kind] = {
                "true": await self.api_key(kind), "revoked": await self.api_key(kind),
                "expired": await self.api_key(kind, ends={"expires_at": end}),
                "its owner left": await self.api_key(kind, {"kind": "person", "id": leaver}),
            }
        customer = self.demo.at("customer.id")
        self.tokens = {name: await issue(self.demo, self.api, "customer", customer, life)
                       for name, life in (("true", 3000), ("revoked", 3000), ("expired", 1))}
        owner = await joiner(self.scim, "owner")
        for name in ("true", "revoked", "expired", "its owner left"):
            ends = {"expires_at": end} if name == "expired" else None
            self.clients[name] = await self.client(leaver if "left" in name else owner, ends)
        # The first operator's own key: it may do everything, and what takes a person, too.
        self.keys["operator"]["true"] = self.demo.at("admin_token")
        for name in ("true", "other", "signed out"):
            self.sessions[name] = await self.sign_in()
        for role in ROLES:
            owner = {"kind": "service", "id": f"suite-{role}"}
            self.roles[role] = await self.api_key("operator", owner, roles=[role])
        await self.spend(leaver)
        await asyncio.sleep(max(0, end + 1 - time.time()))
        # WHY only now: dated before the key came into custody, it would be grandfathered.
        self.tokens["forged"] = StolenKey(pem, kid).forge(
            self.demo.at("imported_key.issuer"), self.demo.at("imported_key.audience"), customer)

    async def spend(self, leaver):
        """What was good until now is not any more."""
        for kind in KINDS:
            key = self.keys[kind]["revoked"]
            (await self.api.call("DELETE", f"/api/api-keys/{self.ids[key]}")).good()
        for what in ({"token": self.tokens["revoked"]}, {"client": self.clients["revoked"][0]}):
            (await self.api.post("/api/tokens/revoke", what)).good()
        out = await self.plain.call("POST", "/console/sign-out",
                                    OURS + cookie(self.sessions["signed out"]))
        if out.status != 303 or (await leaves(self.scim, leaver)).status not in (200, 204):
            raise Broken("a session or a leaver stayed")

    async def api_key(self, kind, owner=None, ends=None, roles=("audit",)):
        """A new API key; its id is remembered."""
        owner = owner or {"kind": "service", "id": f"suite-{kind}"}
        ask = {"kind": kind, "owner": owner, **(ends or {"days": 1})}
        if kind == "operator":
            ask["roles"] = list(roles)
        made = (await self.api.post("/api/api-keys", ask)).good()
        self.ids[made["api_key"]] = made["id"]
        return made["api_key"]

    async def client(self, owner, ends=None):
        """A new OAuth client: (id, secret)."""
        ask = {"client_id": f"suite-{time.time_ns()}", "owner": owner, "life_seconds": 300,
               "audience": self.demo.at("imported_key.audience"),
               "scope": "ward:introspect ward:revocations", **(ends or {"days": 1})}
        made = (await self.api.post("/api/clients", ask)).good()
        return made["client_id"], made["client_secret"]

    async def sign_in(self):
        """The secret of a new session of the first operator."""
        operator = await Operator(self.demo, "one").sign_in()
        operator.close()
        return operator.cookie.split("=", 1)[1]

    # --- what does not open -------------------------------------------------------------------

    def no_keys(self, *kinds):
        """(name, text) of API keys that open no door made for these kinds."""
        kind = kinds[0]
        true, head = self.keys[kind]["true"], len(f"ward_{kind}_")
        drawn = "".join(self.rng.choices(BASE62, k=30))
        other = true[head:-6]
        yield "a random key", checked(f"ward_{kind}_{drawn}")
        yield "one character changed", changed(true, head + 7)
        yield "... and its checksum mended", checked(changed(true[:-6], head + 7))
        yield "cut short", true[:-1]
        yield "a key of no kind", checked(f"ward_root_{other}")
        for why in SPENT:
            yield why, self.keys[kind][why]
        for wrong in (one for one in KINDS if one not in kinds):
            text = self.keys[wrong]["true"]
            yield f"a {wrong} key", text
            renamed = text.replace(f"ward_{wrong}_", f"ward_{kind}_")[:-6]
            yield f"a {wrong} key that says {kind}", checked(renamed)

    def no_tokens(self):
        """(name, text) of tokens that open nothing at all."""
        true = self.tokens["true"]
        yield "a forged token", self.tokens["forged"]
        yield "a token signed with junk", junk_signature(true)
        yield "a token with one character changed", changed(true, len(true) - 20)
        yield "junk", "junk"
        yield "four thousand bytes", "a" * 4000

    def no_bearers(self, *kinds):
        """(name, headers) for a door that these kinds of API keys open."""
        true = self.keys[kinds[0]]["true"]
        yield "nothing", []
        yield "an empty header", [("Authorization", "")]
        yield "Bearer and no more", [("Authorization", "Bearer")]
        yield "no scheme", [("Authorization", true)]
        yield "another scheme", [("Authorization", f"Token {true}")]
        yield "Basic", basic("operator", true)
        yield "two headers, both true", bearer(true) * 2
        yield "two headers, one true", bearer("junk") + bearer(true)
        yield "two in one header", [("Authorization", f"Bearer {true}, Bearer {true}")]
        yield "a session's cookie", cookie(self.sessions["true"])
        yield "a client's secret", basic(*self.clients["true"])
        for name, text in [*self.no_keys(*kinds), *self.no_tokens()]:
            yield name, bearer(text)

    def no_admission(self, kind):
        """For a door of the control plane: no token opens it, and no other header."""
        yield from self.no_bearers(kind)
        yield "in another header", [("X-Api-Key", self.keys[kind]["true"])]
        yield "a customer's token", bearer(self.tokens["true"])
        yield "a staff member's token", bearer(self.demo.at("staff.token"))

    def no_vault_tokens(self):
        """For the transit door: the same, in Vault's own header, and never two credentials."""
        yield from self.no_admission("operator")
        true = self.keys["operator"]["true"]
        for name, text in [*self.no_keys("operator"), *self.no_tokens()]:
            yield f"X-Vault-Token, {name}", [("X-Vault-Token", text)]
        yield "X-Vault-Token, empty", [("X-Vault-Token", "")]
        yield "X-Vault-Token twice", [("X-Vault-Token", true)] * 2
        yield "both headers, both true", [("X-Vault-Token", true), *bearer(true)]
        yield "both headers, one true", [("X-Vault-Token", "junk"), *bearer(true)]

    def no_reads(self):
        """For the gate: neither a key that is for Ward itself, nor two credentials."""
        yield from self.no_bearers("service", "person")
        service = self.keys["service"]["true"]
        yield "a revoked token", bearer(self.tokens["revoked"])
        yield "an expired token", bearer(self.tokens["expired"])
        yield "a token as API key", [("X-Api-Key", self.tokens["true"])]
        yield "an operator key as API key", [("X-Api-Key", self.keys["operator"]["true"])]
        yield "a token and an API key", [*bearer(self.tokens["true"]), ("X-Api-Key", service)]

    def no_clients(self):
        """(name, headers, fields of the form) at the token endpoint."""
        name, secret = self.clients["true"]
        pairs = [("a wrong secret", name, "wrong"), ("a changed secret", name, changed(secret, 9)),
                 ("an unknown client", "nobody", secret), ("random", name, os.urandom(24).hex()),
                 ("an operator key", name, self.keys["operator"]["true"]),
                 *((why, *self.clients[why]) for why in SPENT)]
        yield "nothing", [], {}
        yield "an id and no secret", [], {"client_id": name}
        yield "an id and an empty secret", [], {"client_id": name, "client_secret": ""}
        yield "an empty header", [("Authorization", "")], {}
        yield "Basic and junk", [("Authorization", "Basic junk")], {}
        yield "two headers, both true", basic(name, secret) * 2, {}
        yield "two headers, one true", basic(name, secret) + bearer("junk"), {}
        for why, text in (("junk", "junk"), ("a token", self.tokens["true"]),
                          ("an operator key", self.keys["operator"]["true"])):
            yield f"Bearer, {why}", bearer(text), {}
        for why, given, wrong in pairs:
            yield f"Basic, {why}", basic(given, wrong), {}
            yield f"in the form, {why}", [], {"client_id": given, "client_secret": wrong}

    def no_sessions(self):
        """(name, headers) for a page of the console."""
        true, key = self.sessions["true"], self.keys["operator"]["true"]
        yield "nothing", []
        yield "an empty cookie", cookie("")
        yield "a junk cookie", cookie("junk")
        yield "a random cookie", cookie(self.rng.randbytes(32).hex())
        yield "one character changed", cookie(changed(true, 5))
        yield "in capitals", cookie(true.upper())
        yield "under another name", cookie(true, "session")
        yield "signed out", cookie(self.sessions["signed out"])
        yield "an operator key as bearer", bearer(key)
        yield "an operator key as cookie", cookie(key)
        yield "a customer's token", bearer(self.tokens["true"])


def form(fields):
    """The body of a form."""
    return "&".join(f"{name}={quote(text, safe='')}" for name, text in fields.items()).encode()


def document(value):
    """(headers, body) of a JSON document."""
    return [("Content-Type", "application/json")], json.dumps(value).encode()
