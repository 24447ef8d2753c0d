#!/usr/bin/env python3
"""Every endpoint against every credential that is not good.

First the table `endpoints.txt` is held against the sources: a route without a row fails, and a row
without a route. Then each row is asked with each credential that must not open it. The refusals of
one door are one answer, byte for byte; nothing is done by them; and the true credential is let in.
Uses none of Ward's code.
"""

import asyncio
import collections
import json
import pathlib
import re
import shutil
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import routes  # noqa: E402
from calls import Call, calls, settled, state  # noqa: E402
from cast import FORM, OURS, Cast, basic, bearer, cookie, form  # noqa: E402
from outside import (  # noqa: E402
    Broken, Checks, Client, Demo, clip, note, options, own_folder, program)

# Methods that stand for ANY.
SOME = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# What each route does, and who may.
ROOT = pathlib.Path(__file__).resolve().parents[1]
ACTS = ROOT / "crates/ward/src/acts.rs"
ACT = re.compile(r'\("([A-Z]+)", "([^"]+)", "([a-z_]+)"\)')
MATRIX = (ROOT / "crates/ward-policy/src/operators/snapshots"
          / "ward_policy__operators__tests__operators.snap")
# Headers that differ from answer to answer and tell nothing.
PASSING = {"date", "connection", "content-length"}
# What every door of clients takes: none of them minds what is for another.
GRANT = {"grant_type": "client_credentials", "token": "junk"}

# What a refusal of each door looks like: status, media type, scheme asked for, what its JSON says.
REFUSALS = {
    "operator": (401, "application/problem+json", "Bearer", {
        "type": "/docs/problems#unauthenticated", "title": "No valid credential", "status": 401}),
    "reporter": (401, "application/problem+json", "Bearer", {
        "type": "/docs/problems#unauthenticated", "title": "No valid credential", "status": 401}),
    "scim": (401, "application/scim+json", "Bearer", {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": "401"}),
    "client": (401, "application/json", "Basic", {"error": "invalid_client"}),
    "resource": (401, "application/json", "Basic", {"error": "invalid_client"}),
    "session": (401, "text/html; charset=utf-8", "Ward-Session", None),
    "transit": (403, "application/json", None, {"errors": ["permission denied"]}),
}
# Other ways to write a path behind a door; none may lead around it.
SPELLINGS = (
    "/%61pi/keys", "/api%2Fkeys", "//api/keys", "/api//keys", "/api/./keys", "/x/../api/keys",
    "/API/keys", "/api/keys/", "/api/keys;x=1", "/api/keys%00", "/api/keys?access_token=",
    "http://other.example/api/keys", "/scim//v2/Users", "/scim/v2//Users", "/scim/v2/Users/",
    "/SCIM/v2/Users", "/%73cim/v2/Users", "http://other.example/scim/v2/Users",
    "//", "/?key=", "/console//accesses", "/Console/accesses", "/console/assets/../accesses",
    "/console/assets/..%2faccesses", "/console/assets/%2e%2e/accesses", "/console/sign-in/",
)


def shape(answer):
    """All of an answer but what passes."""
    own = answer.request_id or "no id"
    headers = sorted(f"{key}: {value}".replace(own, "<id>") for key, value in answer.headers
                     if key not in PASSING)
    body = answer.body.decode(errors="replace").replace(own, "<id>")
    # Where a page leads once somebody has signed in is the path he asked for.
    return answer.status, tuple(headers), re.sub(r'data-next="[^"]*"', "data-next", body)


class Table:
    """What the parts share: the rows, their calls, the cast, each door's refusals."""

    def __init__(self, checks, demo, rows, cast, known):
        self.checks, self.demo, self.rows, self.cast = checks, demo, rows, cast
        self.calls = known
        self.refused = collections.defaultdict(lambda: collections.defaultdict(list))

    def call(self, row):
        """The call of a row; a row without one is asked as it stands."""
        return self.calls.get((row.method, row.path)) or Call(row.path, [], b"", None)

    def methods(self, row):
        return SOME if row.method == "ANY" else (row.method,)

    async def ask(self, method, call, headers, body=None):
        given = [*call.headers, *headers]
        body = call.body if body is None else body
        return await self.cast.plain.call(method, call.target, given, body)

    def knocks(self, row):
        """(name, headers, body or None for the row's own) that must not open a row's door."""
        if row.door in ("operator", "scim", "reporter"):
            return [(*one, None) for one in self.cast.no_admission(row.door)]
        if row.door == "session":
            return [(*one, None) for one in self.cast.no_sessions()]
        if row.door == "transit":
            return [(*one, None) for one in self.cast.no_vault_tokens()]
        # A refused bearer is answered by RFC 6750: `verifiers.py` tries those.
        return [(name, headers, form(GRANT | fields))
                for name, headers, fields in self.cast.no_clients()
                if row.door == "client" or not name.startswith("Bearer, ")]

    def opens(self, door):
        """[(headers, body or None)] that open a door, in each way there is."""
        client = self.cast.clients["true"]
        clients = [(basic(*client), form(GRANT)), ([], form(GRANT | {
            "client_id": client[0], "client_secret": client[1]}))]
        return {
            "open": [([], None)],
            "operator": [(bearer(self.cast.keys["operator"]["true"]), None)],
            "scim": [(bearer(self.cast.keys["scim"]["true"]), None)],
            "reporter": [(bearer(self.cast.keys["reporter"]["true"]), None)],
            "transit": [(bearer(self.cast.keys["operator"]["true"]), None),
                        ([("X-Vault-Token", self.cast.keys["operator"]["true"])], None)],
            "session": [(cookie(self.cast.sessions["true"]), None)],
            "client": clients,
            "resource": [*clients, (bearer(self.cast.keys["service"]["true"]), form(GRANT))],
        }[door]


# --- the parts -----------------------------------------------------------------------------------

def complete(checks, file):
    """The table against the sources; the rows."""
    mounted, unread = routes.mounted()
    rows, wrong = routes.table(file)
    named = {(row.method, row.path) for row in rows}
    checks.is_true("every route of the sources can be read", not unread, clip("; ".join(unread)))
    checks.is_true("every line of the table can be read", not wrong, clip("; ".join(wrong)))
    checks.is_true("the sources mount routes", len(mounted) > 50, f"{len(mounted)} routes")
    checks.is_true("every route has a row", not mounted - named, spelt(mounted - named))
    checks.is_true("every row has a route", not named - mounted, spelt(named - mounted))
    return rows


def spelt(some):
    return ", ".join(" ".join(one) for one in sorted(some))


async def refusals(table):
    for row in table.rows:
        if row.door == "open":
            continue
        call, came, asked = table.call(row), collections.defaultdict(list), 0
        for name, headers, body in table.knocks(row):
            for method in table.methods(row):
                answer = await table.ask(method, call, headers, body)
                came[shape(answer)].append(f"{name} ({method})")
                asked += 1
        for found, names in came.items():
            table.refused[row.door][found] += [f"{row.method} {row.path}: {one}" for one in names]
        status = REFUSALS[row.door][0]
        alike = len(came) == 1 and {one[0] for one in came} == {status}
        table.checks.is_true(f"{row.method} {row.path} ({row.door})", alike,
                             f"{asked} times {status}" if alike else differing(came, status))


def differing(came, status):
    """What was not refused as it should be, by example."""
    odd = [f"{found[0]} to {', '.join(names[:4])}" for found, names in came.items()
           if found[0] != status]
    return "; ".join(odd) or "several bodies or headers: " + "; ".join(
        f"{names[0]} has {clip(str(found[1:]))}" for found, names in came.items())


async def doors(table):
    """What each door says: one answer, in the shape of its protocol, without a reason."""
    for door, (status, media, scheme, said) in REFUSALS.items():
        found = table.refused[door]
        count = sum(map(len, found.values()))
        table.checks.is_true(f"the door {door!r} gives one answer", len(found) == 1,
                             f"{count} refusals, {len(found)} answer(s)")
        for (came, lines, body), names in found.items():
            headers = dict(line.split(": ", 1) for line in lines)
            asked = headers.get("www-authenticate", "").split(" ")[0]
            right = (came, headers.get("content-type"), asked or None) == (status, media, scheme)
            right &= "set-cookie" not in headers and (said is None or json.loads(body) == said)
            right &= said is not None or "data-passkey" in body
            table.checks.is_true("... of its protocol, with no reason", right,
                                 f"{came} {media}" if right else f"{names[0]}: {came} {lines}")
    heads = [row for row in table.rows if row.method == "GET" and row.door in REFUSALS]
    odd = []
    for row in heads:
        answer = await table.ask("HEAD", table.call(row), [])
        if answer.status != 401 or not answer.header("www-authenticate"):
            odd.append(f"{row.path}: {answer.status}")
    table.checks.is_true(f"HEAD is refused as GET is, {len(heads)} times", heads and not odd,
                         "; ".join(odd))


def unchanged(table, before, after):
    differs = [name for name in before[0] if before[0][name] != after[0].get(name)]
    table.checks.is_true("keys, people, what they hold, incidents and alerts are as before",
                         not differs, ", ".join(differs))
    table.checks.equal("... and nothing was recorded", after[1], before[1])


async def strangers(table):
    """Acts of another site's page, with the cookie or the key of a victim."""
    origins = [[], [("Origin", "https://evil.example")], [("Origin", "null")],
               [("Sec-Fetch-Site", "cross-site")], [("Sec-Fetch-Site", "same-site")],
               [("Origin", "https://evil.example"), *OURS],
               [("Sec-Fetch-Site", "cross-site"), *OURS]]
    session = cookie(table.cast.sessions["true"])
    for row in table.rows:
        if row.door != "session" or row.method == "GET":
            continue
        call, came = table.call(row), set()
        kept = [one for one in call.headers if one not in OURS]
        for origin in origins:
            came.add(shape(await table.ask("POST", call._replace(headers=kept), origin + session)))
        right = len(came) == 1 and all(one[0] == 403 and "set-cookie" not in str(one[1]).lower()
                                       for one in came)
        table.checks.is_true(f"{row.method} {row.path} from elsewhere", right,
                             f"{len(origins)} times 403" if right else clip(str(came)))
    answer = await table.cast.plain.get("/", session)
    table.checks.equal("... the session is still open", answer.status, 200)


async def link(table):
    """The one-time link opens once."""
    said = table.demo.log.read_text(errors="replace")
    target = "/?key=" + re.search(r"/\?key=([0-9a-f]{64})", said)[1]
    head = await table.cast.plain.call("HEAD", target)
    first = await table.cast.plain.get(target)
    table.checks.equal("the one-time link opens, after a preview of it",
                       (head.status, first.status), (401, 200))
    again = shape(await table.cast.plain.get(target))
    other = shape(await table.cast.plain.get("/?key=" + "0" * 64))
    junk = shape(await table.cast.plain.get("/?key=junk"))
    table.checks.is_true("... once; spent, unknown and junk look alike",
                         again == other == junk and again[0] == 401, str(again[0]))


async def true_ones(table):
    """The true credential is let in, and what was refused is done."""
    for row in table.rows:
        call = table.call(row)
        for headers, body in table.opens(row.door):
            # A stream is asked for by its headers, and not by a service's key.
            if (row.door, row.method) == ("resource", "GET") and headers != basic(
                    *table.cast.clients["true"]):
                continue
            if row.path == "/console/sign-out":
                headers = cookie(table.cast.sessions["other"])
            for method in table.methods(row):
                status, media = await let_in(table, method, call, headers, body)
                right = status in call.want if call.want else 200 <= status < 400
                kind = REFUSALS.get(row.door, ("", ""))[1]
                right &= status != 404 or media == kind or status in (call.want or ())
                table.checks.is_true(f"{method} {row.path} ({row.door}), true", right, str(status))


async def let_in(table, method, call, headers, body):
    """Status and media type; of a stream its beginning."""
    if not call.target.endswith(("/events", "/oauth/revocations")) or method != "GET":
        answer = await table.ask(method, call, headers, body)
        return answer.status, answer.header("content-type")
    at = table.cast.plain.base.split("//")[1]
    reader, writer = await asyncio.open_connection(*at.split(":"))
    lines = [f"GET {call.target} HTTP/1.1", f"Host: {at}", *(f"{a}: {b}" for a, b in headers)]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    writer.close()
    return int(head.split(b" ")[1]), None


async def roles(table):
    """Each route, asked by each role: what the reviewed matrix says, and nothing else."""
    permits, acts = matrix(), dict(
        ((method, path), act) for method, path, act in ACT.findall(ACTS.read_text()))
    rows = [row for row in table.rows if row.door == "operator" and row.method != "ANY"]
    missing = [f"{row.method} {row.path}" for row in rows if (row.method, row.path) not in acts]
    table.checks.equal("every route says what it does", missing, [])
    for role, key in table.cast.roles.items():
        odd, asked = [], 0
        for row in rows:
            act = acts.get((row.method, row.path))
            permitted = role in permits.get(act, ())
            if permitted and row.method != "GET":
                continue
            answer = await table.ask(row.method, table.call(row), bearer(key))
            refused = answer.status == 403 and b"do not permit" in answer.body
            asked += 1
            if refused == permitted:
                odd.append(f"{row.method} {row.path}: {answer.status}")
        table.checks.is_true(f"the role {role}, {asked} routes", asked and not odd, "; ".join(odd))


def matrix():
    """act -> roles that may, as it was reviewed."""
    lines = MATRIX.read_text().split("\n\n", 1)[1].splitlines()
    names = lines[0].split()
    told = {line.split()[0]: line.split()[1:] for line in lines[1:] if line.strip()}
    return {act: {name for name, word in zip(names, words) if word == "permit"}
            for act, words in told.items()}


async def open_ones(table):
    for row in table.rows:
        if row.door != "open":
            continue
        call, statuses = table.call(row), set()
        for _, headers in [("nothing", []), *table.cast.no_admission("operator")]:
            answer = await table.ask(row.method, call, headers)
            statuses.add((answer.status, answer.header("content-type")))
        # Whoever tries links, or reports, again and again is told to wait.
        slowed = ("/console/enrol", "/api/leaks")
        statuses = {one for one in statuses if one[0] != 429 or row.path not in slowed}
        table.checks.is_true(f"{row.method} {row.path}: a credential changes nothing",
                             len(statuses) <= 1, str(statuses))


async def methods(table):
    """A method nobody declared: refused like all else without a credential, 405 with one."""
    paths, odd = collections.defaultdict(list), []
    for row in table.rows:
        paths[row.path].append(row)
    for path, rows in paths.items():
        known, door, call = {row.method for row in rows}, rows[0].door, table.call(rows[0])
        if "ANY" in known:
            continue
        method = next(one for one in ("DELETE", "PUT", "POST") if one not in known)
        ours = OURS if path.startswith("/console") or door == "session" else []
        headers, body = table.opens(door)[0]
        without = await table.ask(method, call._replace(headers=[]), ours)
        inside = await table.ask(method, call._replace(headers=[]), headers + ours, body)
        like = ("operator", "scim", "reporter", "session")
        want = REFUSALS[door] if door in like else (405, None)
        came = without.status, without.header("content-type")
        if came != want[:2] or inside.status != 405 or not inside.header("allow"):
            odd.append(f"{method} {path}: {came[0]} without, {inside.status} with")
    table.checks.is_true(f"{len(paths)} paths, a method nobody declared: as a stranger, then 405",
                         not odd, "; ".join(odd))


async def spellings(table):
    came, through = collections.Counter(), []
    key = table.cast.keys["operator"]["true"]
    for target in SPELLINGS:
        target = target + key if target.endswith("access_token=") else target
        answer = await Client(table.demo.at("api_url")).call("GET", target)
        came[answer.status] += 1
        if answer.status not in (400, 401, 404):
            through.append(f"{target}: {answer.status}")
    table.checks.is_true(f"{len(SPELLINGS)} other spellings lead around no door", not through,
                         "; ".join(through) or str(dict(came)))


async def gate(table):
    """Every enforced route, then what is not declared."""
    declared = (await table.cast.api.get("/api/catalogue")).good()
    plain, came, asked = Client(table.demo.at("gate_url")), collections.defaultdict(list), 0
    enforced = [one for one in declared["routes"] if one["mode"] == "enforce"]
    for route in enforced:
        host = [("Host", declared["hosts"][route["host"]]["names"][-1])]
        target, odd = re.sub(r"\{[^}]*\}", "1", route["path"]), []
        for name, headers in table.cast.no_reads():
            answer = await plain.call(route["method"], target, host + headers)
            came[shape(answer)].append(f"{route['name']}: {name}")
            asked += 1
            if answer.status != 401:
                odd.append(f"{answer.status} to {name}")
        table.checks.is_true(f"gate: {route['method']} {route['path']} ({route['host']})", not odd,
                             "; ".join(odd))
    one = next(iter(came))
    table.checks.is_true("the gate gives one answer", len(came) == 1 and '"detail"' not in one[2]
                         and "www-authenticate: Bearer" in one[1], f"{asked} refusals, {len(came)} "
                         f"answer(s){'' if len(came) == 1 else clip(str(list(came.items())))}")
    cast, service = table.cast, table.cast.keys["service"]["true"]
    for name, target, headers in (
            ("a customer's token", "/me", bearer(cast.tokens["true"])),
            ("a service's API key", "/staff/customers?page=1", bearer(service)),
            ("... in its own header", "/staff/customers?page=1", [("X-Api-Key", service)]),
            ("a person's API key", "/staff/customers?page=1",
             bearer(table.demo.at("leaver.api_key")))):
        answer = await plain.get(target, headers)
        table.checks.equal(f"gate: {name} is let in", answer.status, 200)
    for name, target, headers in (
            ("a route", "/no/such/page", []), ("a host", "/me", [("Host", "nobody.example")])):
        found = collections.Counter()
        for _, given in [*cast.no_reads(), ("true", bearer(cast.tokens["true"]))]:
            found[shape(await plain.get(target, headers + given))] += 1
        table.checks.is_true(f"gate: {name} nobody declared is 404 to everybody",
                             len(found) == 1 and {one[0] for one in found} == {404},
                             f"{found.total()} asked, {len(found)} answer(s)")


async def judge(checks, demo, rows, seed):
    cast = Cast(demo, seed)
    with checks.part("The cast"):
        await cast.make()
        table = Table(checks, demo, rows, cast, await calls(cast))
        names = {(row.method, row.path) for row in rows}
        unused = sorted(" ".join(one) for one in set(table.calls) - names)
        checks.is_true("everybody is there", not unused,
                       f"calls of no row: {unused}" if unused else f"{len(cast.ids)} API keys")
        note(f"seed {seed}")
        before = await settled(cast)
    if checks.failed and "table" not in locals():
        return
    parts = (("Refused", refusals), ("Each door's answer", doors), ("From elsewhere", strangers))
    for name, part in parts:
        with checks.part(name):
            await part(table)
    with checks.part("Nothing was done"):
        unchanged(table, before, await state(table.cast))
    parts = (("The one-time link", link), ("Open to anybody", open_ones), ("Roles", roles),
             ("Other methods", methods),
             ("Other spellings", spellings), ("Let in", true_ones),
             ("The gate", gate))
    for name, part in parts:
        with checks.part(name):
            await part(table)


async def main(given):
    checks, folder = Checks(), own_folder("endpoints")
    print("The table and the sources", flush=True)
    rows = complete(checks, given.table)
    demo = Demo(program(given.ward), folder / "demo", folder / "demo.log", given.customers)
    try:
        note(f"the demo started within {await demo.start():.1f} s")
        await judge(checks, demo, rows, given.seed)
    except Broken as error:
        checks.is_true("the demo runs", False, str(error))
    finally:
        demo.stop()
        if not given.keep and not checks.failed:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            note(f"left behind: {folder}")
    return checks.finish()


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--table", default=routes.TABLE, help="another table")
    parser.add_argument("--customers", type=int, default=20_000, help="customers of the demo")
    sys.exit(asyncio.run(main(parser.parse_args())))
