"""For each endpoint one call that does something when it is let in, on a target of its own.

So a refusal that was none would show: in the answer, or in what is there afterwards. A new row
that cannot be asked as it stands needs a call here.
"""

import asyncio
import time
from collections import namedtuple

from cast import FORM, OURS, bearer, document, form
from outside import PURPOSE, Broken, StolenKey, joiner, wait_for

# `want`: the statuses of the true credential; None is any success or redirection.
Call = namedtuple("Call", "target headers body want")
SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"
SOON_SECONDS = 10


# What an operator does in person; what it comes to without the rest of a ceremony matters not here.
PERSONS = (
    "/console/approvals/{id}/consent/begin", "/console/approvals/{id}/consent/finish",
    "/console/approvals/{id}/consent/confirm", "/console/approvals/{id}/refuse",
    "/console/approvals/{id}/withdraw", "/console/operators",
    "/console/operators/{person}/roles", "/console/operators/passkeys/begin",
    "/console/operators/passkeys/finish", "/console/operators/passkeys/{id}/revoke",
    "/console/credentials/new", "/console/credentials/{id}/rotate",
    "/console/credentials/{id}/revoke", "/console/sessions/{id}/end", "/console/passkey/begin", "/console/passkey/finish",
    "/console/enrol/begin", "/console/enrol/finish", "/console/oidc/back-channel-logout",
)
# Let in: anything but asked to sign in.
OPENED = set(range(200, 500)) - {401}


def plain(target, want=None):
    return Call(target, [], b"", want)


def read(target):
    """An answer that names people: its purpose is stated."""
    return Call(target, list(PURPOSE), b"", None)


def sent(target, value, want=None):
    return Call(target, *document(value), want)


async def an_incident(cast):
    """(request id, incident) of a forged read."""
    answer = await cast.demo.gate(cast.tokens["forged"]).get("/me")
    async def found():
        items = (await cast.api.get("/api/incidents")).good()["items"]
        return items[0]["id"] if items else None
    incident = await wait_for(found, SOON_SECONDS)
    if incident is None:
        raise Broken(f"a forged read opened no incident: status {answer.status}")
    return answer.request_id, incident


async def a_key(cast):
    """A signing key of an issuer of its own: (kid, issuer)."""
    issuer = f"https://login-{time.time_ns()}.example"
    # A holder of its own: a key nobody can say the holders of goes with any leaver.
    holder = await joiner(cast.scim, "key-holder")
    ask = {"pem": StolenKey.made().decode(), "issuer": issuer, "holders": [holder],
           "activate": False}
    return (await cast.api.post("/api/keys/import", ask)).good()["kid"], issuer


async def calls(cast):
    """{(METHOD, path): Call} for every row that cannot be asked as it stands."""
    access, incident = await an_incident(cast)
    people = [await joiner(cast.scim, "target") for _ in range(8)]
    found = operators(cast, access, incident, people)
    for verb in ("rotate", "compromised"):
        kid, issuer = await a_key(cast)
        found["POST", f"/api/keys/{{kid}}/{verb}"] = plain(f"/api/keys/{kid}/{verb}")
    # The only key of its issuer signs on: let in, and refused for what it is.
    for verb in ("promote", "retire"):
        found["POST", f"/api/keys/{{kid}}/{verb}"] = plain(f"/api/keys/{kid}/{verb}", {409})
    for path in ("", "/preview"):
        found["GET", f"/api/keys/{{kid}}{path}"] = plain(f"/api/keys/{kid}{path}")
    found["POST", "/api/issuers/mode"] = sent(
        "/api/issuers/mode", {"issuer": issuer, "mode": "learning"})
    # The demo declares no foreign issuer: let in, and told that none has this name.
    report = {"reports": [{"sequence": 1, "void": True}]}
    found |= {
        ("GET", "/api/issuances/{issuer}"): plain("/api/issuances/none", {404}),
        ("POST", "/api/issuances/{issuer}"): sent("/api/issuances/none", report, {404}),
        ("GET", "/api/issuers/{issuer}/preview"): plain("/api/issuers/none/preview", {404}),
        ("POST", "/api/issuers/{issuer}/enforce"): sent(
            "/api/issuers/none/enforce", {"tokens": 0, "principals": 0}, {202, 404}),
    }
    owner = {"kind": "person", "id": people[0]}
    for method, path in (("DELETE", "/api/api-keys/{id}"), ("POST", "/api/tokens/revoke")):
        number = cast.ids[await cast.api_key("service", owner)]
        found[method, path] = (plain(f"/api/api-keys/{number}") if method == "DELETE"
                               else sent(path, {"api_key": number}))
    number = cast.ids[await cast.api_key("service", owner)]
    found["POST", "/api/api-keys/{id}/rotate"] = sent(
        f"/api/api-keys/{number}/rotate", {"overlap_hours": 1}, {202})
    found |= providers(people[4:])
    found |= {("GET", path): plain(path.replace("{id}", str(known))) for path, known in (
        ("/console/accesses/{id}", access), ("/console/incidents/{id}", incident))}
    # No rule of `[signing]` is for the caller: let in, and told what there is for him.
    for path in ("", "/{*rest}", "/keys", "/keys/{name}", "/keys/{name}/config",
                 "/keys/{name}/rotate", "/sign/{name}", "/sign/{name}/{hash}",
                 "/verify/{name}", "/verify/{name}/{hash}"):
        target = "/v1/transit" + path.replace("{*rest}", "export/x/y").replace(
            "{name}", "web").replace("{hash}", "sha2-256")
        found["ANY", "/v1/transit" + path] = plain(target, {403, 404, 405})
    return found | fixed(cast)


def operators(cast, access, incident, people):
    person, issuer = people[0], f"https://uninvited-{time.time_ns()}.example"
    audience, name = cast.demo.at("imported_key.audience"), f"uninvited-{time.time_ns()}"
    note = {"note": "uninvited"}
    at = f"/api/incidents/{incident}"
    return {
        ("GET", "/api/accesses/{id}"): read(f"/api/accesses/{access}"),
        ("GET", "/api/approvals/{id}"): plain("/api/approvals/999999", {404}),
        ("POST", "/api/approvals/{id}/refuse"): plain("/api/approvals/999999/refuse", {404}),
        ("POST", "/api/approvals/{id}/withdraw"): plain("/api/approvals/999999/withdraw", {404}),
        ("POST", "/api/operators"): sent("/api/operators", {"person": person, "roles": ["audit"]},
                                         {202}),
        ("POST", "/api/operators/{person}/roles"): sent(
            f"/api/operators/{person}/roles", {"roles": ["audit"]}, {404}),
        ("DELETE", "/api/operators/passkeys/{id}"): plain("/api/operators/passkeys/1", {404}),
        ("POST", "/api/backup"): sent("/api/backup", {}),
        ("POST", "/api/gate/bypass"): sent("/api/gate/bypass", {
            "route": 1, "minutes": 0, "note": "uninvited"}, {400}),
        ("DELETE", "/api/gate/bypass/{id}"): plain("/api/gate/bypass/1", {404}),
        ("POST", "/api/gate/bypass/{id}/review"): sent("/api/gate/bypass/1/review", note, {404}),
        ("POST", "/api/gate/break-glass/{session}/review"): sent(
            "/api/gate/break-glass/1/review", note, {404}),
        ("GET", "/api/incidents/{id}"): plain(at),
        ("POST", "/api/incidents/{id}/notes"): sent(f"{at}/notes", note),
        ("POST", "/api/incidents/{id}/close"): sent(f"{at}/close", note),
        ("GET", "/api/journal/proof"): plain("/api/journal/proof?index=0"),
        ("GET", "/api/scope"): read(f"/api/scope?principal=person:{cast.demo.at('staff.id')}"),
        ("GET", "/api/who-read"): read(
            f"/api/who-read?data_subject=customer:{cast.demo.at('customer.id')}"),
        ("GET", "/api/people/{id}"): read(f"/api/people/{person}"),
        ("GET", "/api/people/{id}/leave-preview"): plain(f"/api/people/{person}/leave-preview"),
        ("POST", "/api/people/{id}/leave"): sent(f"/api/people/{people[1]}/leave", {}),
        ("POST", "/api/reload"): plain("/api/reload"),
        ("POST", "/api/store/verify"): plain("/api/store/verify"),
        ("POST", "/api/keys/import"): sent("/api/keys/import", {
            "pem": StolenKey.made().decode(), "issuer": issuer, "holders": [person]}),
        ("POST", "/api/tokens"): sent("/api/tokens", {
            "kind": "person", "sub": person, "audience": audience, "life_seconds": 60}),
        ("POST", "/api/tokens/batch"): sent("/api/tokens/batch", {"tokens": [{
            "kind": "person", "sub": person, "audience": audience, "life_seconds": 60}]}),
        ("POST", "/api/api-keys"): sent("/api/api-keys", {
            "kind": "operator", "owner": {"kind": "person", "id": person}, "days": 1}),
        ("POST", "/api/clients"): sent("/api/clients", {
            "client_id": name, "owner": person, "audience": audience, "life_seconds": 60,
            "days": 1}),
        ("DELETE", "/api/clients/{id}"): plain("/api/clients/uninvited", {404}),
        ("POST", "/api/clients/{id}/secret"): sent(
            "/api/clients/uninvited/secret", {"overlap_seconds": 1}, {202, 404}),
        ("POST", "/api/existence/{namespace}/import"): sent(
            "/api/existence/customer/import", {"ids": [cast.demo.at("customer.id")]}),
        ("POST", "/api/existence/{namespace}/events"): sent(
            "/api/existence/customer/events", {"created": [cast.demo.at("customer.id")]}),
    }


def providers(people):
    """What an identity provider asks, each of another person."""
    users = [f"/scim/v2/Users/{person}" for person in people]
    user = {"schemas": [SCHEMA], "userName": f"uninvited-{time.time_ns()}@shop.example"}
    patch = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
             "Operations": [{"op": "replace", "path": "active", "value": False}]}
    one = "/scim/v2/Users/{id}"
    return {
        ("POST", "/scim/v2/Users"): sent("/scim/v2/Users", user),
        ("GET", one): plain(users[0]),
        ("PUT", one): sent(users[1], user | {"userName": f"put-{user['userName']}"}),
        ("PATCH", one): sent(users[2], patch),
        ("DELETE", one): plain(users[3]),
    }


def fixed(cast):
    """Those that need nobody."""
    found = {("ANY", path): plain(path.replace("{*rest}", "no/such/thing"), {404})
             for path in ("/api", "/api/", "/api/{*rest}",
                          "/scim/v2", "/scim/v2/", "/scim/v2/{*rest}")}
    found |= {("POST", path): Call(path.replace("{id}", "1").replace("{person}", "1"),
                                   FORM + OURS, b"", OPENED) for path in PERSONS}
    return found | {
        ("GET", "/api/credentials/{id}"): plain("/api/credentials/api-key-1", {404}),
        ("GET", "/console/credentials/{id}"): plain("/console/credentials/api-key-1", {404}),
        # Whoever reports again and again is told to wait.
        ("POST", "/api/leaks"): sent("/api/leaks", {"token": "noise"}, {200, 429}),
        ("GET", "/console/approvals/{id}"): plain("/console/approvals/999999", {404}),
        ("GET", "/console/oidc/start"): plain("/console/oidc/start", OPENED),
        ("GET", "/console/oidc/callback"): plain("/console/oidc/callback", OPENED),
        ("GET", "/console/enrol"): plain("/console/enrol", OPENED),
        ("GET", "/scim/v2/ResourceTypes/{name}"): plain("/scim/v2/ResourceTypes/User"),
        ("GET", "/scim/v2/Schemas/{id}"): plain(f"/scim/v2/Schemas/{SCHEMA}"),
        ("GET", "/journal/tile/{*path}"): plain("/journal/tile/0/000.p/1"),
        ("GET", "/console/docs/{list}/{page}"): plain("/console/docs/refusals/revoked"),
        ("GET", "/console/{*rest}"): plain("/console/no/such/page", {404}),
        ("GET", "/console/assets/{*path}"): plain("/console/assets/ward.css"),
        ("POST", "/console/sign-out"): Call("/console/sign-out", OURS, b"", None),
        ("GET", "/oauth/status/{list}"): plain("/oauth/status/none", {404}),
        **{("POST", path): Call(path, FORM, b"", None)
           for path in ("/oauth/token", "/oauth/introspect", "/oauth/revoke")},
    }


# --- what is there afterwards ---------------------------------------------------------------------

async def settled(cast):
    """What is there, once what follows from the making of the cast is recorded, too."""
    records = None
    for _ in range(20):
        now = await state(cast)
        if now[1] == records:
            return now
        records = now[1]
        await asyncio.sleep(0.5)
    raise Broken("the journal grows by itself")


async def state(cast):
    """(keys, people with all they hold, incidents, what is declared; how many records)."""
    api, found = cast.api, {}
    for path in ("/api/keys", "/api/people?limit=200", "/api/incidents?limit=200", "/api/catalogue",
                 "/api/alerts?limit=200"):
        found[path] = (await api.get(path)).good()
    for one in found["/api/people?limit=200"]["items"]:
        found[one["id"]] = (await api.get(f"/api/people/{one['id']}")).good()
        # A look at a person is recorded: those of this function are not counted below.
        cast.own_reads += 1
    users = await cast.plain.get("/scim/v2/Users", bearer(cast.keys["scim"]["true"]))
    found["/scim/v2/Users"] = users.good()
    health = (await api.get("/api/journal/health")).good()
    records = health["records"] - cast.own_reads
    return {name: lasting(one) for name, one in found.items()}, records


def lasting(value):
    """A document without what time alone changes."""
    if isinstance(value, dict):
        return {key: lasting(one) for key, one in value.items() if key != "live_tokens"}
    return [lasting(one) for one in value] if isinstance(value, list) else value
