#!/usr/bin/env python3
"""What breaks around Ward: a full disk, a read-only directory, a taken port, a second process,
files of a newer format. Each ends in a clear error, a documented exit code, and nothing lost.

With the disk full, enforced reads are refused or recorded, observed ones pass byte for byte, and
a leaver is still cut within a second. Mounts a small file system in memory, so it runs as root;
where that cannot be done it fails and says so.
"""

import asyncio
import collections
import hashlib
import os
import pathlib
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
from outside import (  # noqa: E402
    EXIT_DIRECTORY, EXIT_LATER, EXIT_NEWER, Broken, Checks, Client, Demo, StolenKey, access, clip,
    issue, joiner, junk_signature, leaves, note, options, outcome, own_folder, part_of, program,
    wait_for)

# Requests sent at once.
AT_ONCE = 32
# How long reads may go on before the journal has used up the room it had reserved.
FILL_SECONDS = 120
# How long the program may take to say that it cannot start.
REFUSE_SECONDS = 120
# A policy file that does not parse.
BROKEN_POLICY = "zz-broken.cedar"
# What `ward demo` writes at every start; the ports are in there.
WRITTEN_ANEW = ("catalogue.toml", "ward.toml")
# A version no program reads yet.
FAR_VERSION = 999


class Disk:
    """A small file system of its own, in memory, that can be full or read-only."""

    def __init__(self, folder, megabytes):
        self.folder, self.megabytes = folder, megabytes
        self.filler, self.mounted = folder / "filler", False

    def mount(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        tell("mount", "-t", "tmpfs", "-o", f"size={self.megabytes}m,mode=0700", "ward-suite",
             str(self.folder))
        self.mounted = True

    def mode(self, word):
        """`ro` or `rw`."""
        tell("mount", "-o", f"remount,{word}", str(self.folder))

    def fill(self):
        """Takes every byte that is left; how many those were."""
        taken = 0
        with open(self.filler, "wb", buffering=0) as file:
            for size in (1 << 20, 4096, 1):
                try:
                    while True:
                        taken += file.write(bytes(size))
                except OSError:
                    continue
        return taken

    def free(self):
        self.filler.unlink(missing_ok=True)

    def unmount(self):
        if self.mounted:
            subprocess.run(["umount", str(self.folder)], check=False, capture_output=True)


def tell(*words):
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Broken(f"{' '.join(words)}: {done.stderr.strip()} (this suite runs as root, where "
                     "file systems can be mounted)")


# --- the disk is full ----------------------------------------------------------------------------

class Cast:
    """Principals and clients, made while there is room."""

    @classmethod
    async def made(cls, demo):
        it = cls()
        it.demo, it.api, it.scim = demo, demo.api(), demo.scim()
        it.customers = {}
        shop = demo.shop(demo.at("staff.token"))
        for page in (1, 2):
            found = (await shop.get(f"/staff/customers?page={page}")).good()["customers"]
            for one in found[:12]:
                it.customers[str(one["id"])] = await issue(demo, it.api, "customer", one["id"])
        it.person = await joiner(it.scim, "leaver")
        it.leaver = await issue(demo, it.api, "person", it.person)
        owner = {"kind": "person", "id": it.person}
        ask = {"kind": "person", "owner": owner, "days": 30}
        it.api_key = (await it.api.post("/api/api-keys", ask)).good()["api_key"]
        it.spare = await issue(demo, it.api, "customer", demo.at("customer.id"))
        it.service = demo.gate(demo.at("service_api_key"))
        return it


async def in_parallel(work, count):
    """Does `work(nth)` for each number below `count`, some at once."""
    numbers = iter(range(count))

    async def one():
        for nth in numbers:
            await work(nth)
    await asyncio.gather(*(one() for _ in range(AT_ONCE)))


async def enforced(cast, checks):
    """Reads on enforced routes until the journal's reserved room is used up: first pages of many
    people, then, because one person's page still fits where those do not, own pages."""
    statuses, told, end = collections.Counter(), [], time.monotonic() + FILL_SECONDS
    pages = [f"/staff/customers?page={nth}" for nth in range(1, 5)]
    service = cast.demo.at("service_api_key")
    await until_refused(cast, end, statuses, told, [(service, page) for page in pages])
    own = [(token, "/me") for token in cast.customers.values()]
    last = collections.Counter()
    await until_refused(cast, end, last, told, own)
    checks.is_true("a customer's own page is refused in the end, too", last[503],
                   f"after {last[200]} that found room")
    statuses += last
    refused = [one for one in told if not isinstance(one, str)]
    passed = [one for one in told if isinstance(one, str)]
    checks.is_true("reads are recorded or refused, nothing else", set(statuses) <= {200, 503},
                   ", ".join(f"{count}x {status}" for status, count in statuses.items()))
    checks.is_true("... refused in the end", refused, f"after {len(passed)} that found room")
    if refused:
        checks.is_true("... with a problem document and Retry-After",
                       refused[0].header("retry-after") and "problem+json" in
                       (refused[0].header("content-type") or ""), clip(refused[0].body.decode()))
    return passed


async def until_refused(cast, end, statuses, told, asks):
    """Asks for pages, some at once, until one is answered with 503."""
    async def read(nth):
        credential, target = asks[nth % len(asks)]
        client = cast.demo.gate(credential)
        while not statuses[503] and time.monotonic() < end:
            answer = await client.get(target)
            statuses[answer.status] += 1
            if answer.status == 200:
                told.append(answer.request_id)
            elif answer.status == 503:
                told.append(answer)
    await in_parallel(read, AT_ONCE)


async def issuing(cast, checks):
    """Tokens either are entered before they leave, or do not leave."""
    got, statuses = [], collections.Counter()
    for _ in range(20):
        ask = {"kind": "customer", "sub": cast.demo.at("customer.id"), "life_seconds": 3000,
               "audience": cast.demo.at("imported_key.audience"), "login": "suite"}
        answer = await cast.api.post("/api/tokens", ask)
        statuses[answer.status] += 1
        if answer.status < 300:
            got.append(answer.json()["token"])
    checks.is_true("tokens are issued durably or not at all", set(statuses) <= {200, 201, 503},
                   str(dict(statuses)))
    return got


async def cut(cast, checks, when):
    """A leaver is cut within a second of the signal."""
    page = f"/staff/customers/{cast.demo.at('customer.id')}"
    token, api_key = cast.demo.gate(cast.leaver), cast.demo.gate(cast.api_key)
    begun = time.monotonic()
    answer = await leaves(cast.scim, cast.person)
    async def refused():
        both = await asyncio.gather(token.get(page), api_key.get(page))
        return both if {one.status for one in both} == {401} else None
    both = await wait_for(refused, 10, 0.005)
    took = time.monotonic() - begun
    checks.is_true(f"a leaver is cut within a second {when}", both and took < 1,
                   f"{took * 1000:.0f} ms")
    checks.is_true("... and the identity provider is told so", answer.status in (200, 204),
                   f"status {answer.status} {clip(answer.body.decode(errors='replace'))}")


async def full_disk(given, checks, folder):
    disk = Disk(folder / "disk", given.megabytes)
    disk.mount()
    demo = Demo(given.program, disk.folder / "demo", folder / "full.log", given.customers)
    try:
        note(f"first start {await demo.start():.1f} s")
        cast = await Cast.made(demo)
        await observed(cast, checks, given, folder, "with room", given.count // 10)
        note(f"{disk.fill():,} bytes filled up")
        passed = await enforced(cast, checks)
        await observed(cast, checks, given, folder, "with the disk full", given.count)
        issued = await issuing(cast, checks)
        await cut(cast, checks, "with the disk full")
        checks.equal("it still says that it lives", (await Client(
            demo.at("api_url")).get("/healthz")).status, 200)

        disk.free()
        (demo.folder / "policies" / BROKEN_POLICY).unlink(missing_ok=True)
        customer = demo.gate(next(iter(cast.customers.values())))
        async def back():
            return (await customer.get("/me")).status == 200
        begun = time.monotonic()
        checks.is_true("with room again reads go on, without a restart",
                       await wait_for(back, 30, 0.1), f"{time.monotonic() - begun:.1f} s")
        lost = [one for one in passed if (await access(cast.api, one, 0)) is None]
        checks.is_true("every read that passed is in the journal", not lost,
                       f"{len(passed)} read, {len(lost)} lost")
        await still_cut(cast, checks, issued)
        checks.equal("Ctrl-C stops it cleanly", demo.stop(), 0)
        note(f"second start {await demo.start():.1f} s")
        cast.demo = demo
        await still_cut(cast, checks, issued)
        checks.equal("Ctrl-C stops it cleanly, again", demo.stop(), 0)
        code, said = demo.verify()
        checks.is_true("ward journal verify", code == 0, clip(said))
    finally:
        demo.kill()
        disk.unmount()


async def still_cut(cast, checks, issued):
    """What was decided on the full disk stands."""
    page = f"/staff/customers/{cast.demo.at('customer.id')}"
    answers = [await cast.demo.gate(one).get(page) for one in (cast.leaver, cast.api_key)]
    checks.equal("the leaver stays out", {one.status for one in answers}, {401})
    answers = [await cast.demo.gate(one).get("/me") for one in issued]
    checks.is_true("every token that left checks as issued",
                   all(one.status == 200 for one in answers), f"{len(issued)} left")


# --- observed: nothing changes -------------------------------------------------------------------

def mixed(rng, cast, thief):
    """One request of many kinds: (method, target, headers, body)."""
    demo = cast.demo
    sub, token = rng.choice(list(cast.customers.items()))
    key = demo.facts["imported_key"]
    credentials = [
        token, token, token, demo.at("staff.token"), demo.at("seller.token"),
        demo.at("rider.token"), junk_signature(token), token[:-2], "junk", None, cast.api_key]
    if thief:
        credentials.append(thief.forge(key["issuer"], key["audience"], sub))
        credentials.append(thief.forge(key["issuer"], key["audience"],
                                       demo.at("missing_customer_id")))
    credential = rng.choice(credentials)
    targets = [
        "/me", "/me", "/me/addresses", "/me/orders", "/seller/orders", "/rider/jobs",
        f"/seller/orders?page={rng.randint(1, 9)}", f"/staff/customers?page={rng.randint(1, 300)}",
        f"/staff/customers/{sub}", f"/staff/customers/{demo.at('missing_customer_id')}",
        f"/seller/orders/{demo.at('seller.other_order')}", "/staff/customers?page=no",
        "/healthz", "/no/such/page", "/me/", "//me", "/%6De", "/me%00", "/rider%2Fjobs",
        "/me/../rider/jobs", "/staff/customers?page=1&page=2", "/me?" + "a" * rng.randint(1, 900)]
    headers = [("Authorization", f"Bearer {credential}")] if credential else []
    extra = [[], [], [("Accept-Encoding", "gzip")], [("Range", "bytes=0-9")],
             [("If-None-Match", '"x"')], [("X-HTTP-Method-Override", "DELETE")],
             [("Accept", "text/csv")], [("Cookie", "a=b; c=d")]]
    headers += rng.choice(extra)
    method = rng.choices(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"], [90, 4, 2, 2, 2])[0]
    if rng.random() < 0.04:
        # A note that is none: the shop refuses it, so that repeating it changes nothing.
        body = b"x" * rng.randint(1, 9000)
        return "POST", f"/staff/customers/{sub}/note", [
            *headers, ("Content-Type", "application/json")], body
    return method, rng.choice(targets), headers, b""


async def observed(cast, checks, given, folder, when, count):
    """Mixed requests through the observed host, each held against the shop's own answer."""
    demo = cast.demo
    await issuers(cast, "learning")
    if when == "with room":
        await break_policy(cast, checks)
    pem = (demo.folder / demo.at("imported_key.pem_path")).read_bytes()
    thief = StolenKey(pem, demo.at("imported_key.kid"))
    gates = [demo.gate(headers=[("Host", "observe")]) for _ in range(AT_ONCE)]
    shops = [demo.shop() for _ in range(AT_ONCE)]
    kinds, differ, unsteady, bodies = collections.Counter(), [], 0, 0

    async def compare(nth):
        nonlocal unsteady, bodies
        rng = random.Random(f"{given.seed}/{when}/{nth}")
        ask = mixed(rng, cast, thief)
        lane = nth % AT_ONCE
        for _ in range(4):
            before = await shops[lane].call(*ask)
            through = await gates[lane].call(*ask)
            if same(before, through):
                break
            if same(before, await shops[lane].call(*ask)):
                differ.append(f"{ask[0]} {clip(ask[1])} {[name for name, _ in ask[2]]}: shop "
                              f"{parts(before)}, through {parts(through)}")
                return
            # WHY: the shop itself answered differently twice (it was fetching keys): no judge.
            unsteady += 1
        kinds[through.status] += 1
        bodies += len(through.body)
    begun = time.monotonic()
    await in_parallel(compare, count)
    took = time.monotonic() - begun
    note(f"{count} requests, seed {given.seed}, {took:.1f} s, {bodies:,} bytes; "
         + ", ".join(f"{n}x {status}" for status, n in sorted(kinds.items()))
         + f"; {unsteady} times the shop itself changed its mind")
    checks.is_true(f"{count} observed requests {when} come back byte for byte",
                   not differ and sum(kinds.values()) == count,
                   f"{len(differ)} differ {clip(differ[:2])}" if differ else "")
    # An operator's act: it must fit, however full the disk is.
    await issuers(cast, "enforcing")


async def issuers(cast, mode):
    """Every issuer of the demo learns, or enforces."""
    names = {cast.demo.at("imported_key.issuer"), part_of(cast.spare, 1)["iss"]}
    for name in sorted(names):
        (await cast.api.post("/api/issuers/mode", {"issuer": name, "mode": mode})).good()


def parts(answer):
    digest = hashlib.sha256(answer.body).hexdigest()[:8]
    return answer.status, answer.header("content-type"), len(answer.body), digest


def same(one, other):
    kinds = [answer.header("content-type") for answer in (one, other)]
    return (one.status, kinds[0], one.body) == (other.status, kinds[1], other.body)


async def break_policy(cast, checks):
    """A policy that does not parse: the set in force stays in force."""
    folder = cast.demo.folder / "policies"
    if not checks.is_true("the demo has a policy to break", folder.is_dir(), f"{folder.name}/"):
        return
    (folder / BROKEN_POLICY).write_text("permit (principal, action, resource) when { ;\n")
    answer = await cast.api.post("/api/reload", {})
    # WHY not 404: then nobody looked at the policy, and nothing is shown.
    refused = 400 <= answer.status < 500 and answer.status not in (401, 403, 404, 405)
    checks.is_true("a broken policy is refused whole", refused,
                   f"reload answered {answer.status} {clip(answer.body.decode(errors='replace'))}")
    answer = await cast.demo.gate(cast.spare).get("/me")
    checks.equal("... and the set in force stays", await outcome(cast.api, answer), "200 permit")
    rider = cast.demo.at("rider.token")
    pages = [await client.get("/rider/jobs")
             for client in (cast.demo.shop(rider), cast.demo.gate(rider))]
    checks.is_true("an enforced page is not the shop's own: the comparison would see it",
                   {page.status for page in pages} == {200} and not same(*pages))


# --- what must not start -------------------------------------------------------------------------

async def stays_down(checks, demo, name, want, mentions=()):
    """The program must end by itself, with this code and words about it; it may say more."""
    before = demo.log.stat().st_size if demo.log.exists() else 0
    with open(demo.log, "ab") as log:
        process = subprocess.Popen(demo.command(), stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=log, start_new_session=True)
    try:
        code = await asyncio.to_thread(process.wait, REFUSE_SECONDS)
    except subprocess.TimeoutExpired:
        code = "none: it runs"
        process.kill()
        process.wait()
    said = demo.log.read_bytes()[before:].decode(errors="replace").strip()
    checks.is_true(f"{name}: exit code {want}", code == want, f"exit {code}")
    lines = said.splitlines()
    clear = bool(lines) and "panicked" not in said and len(lines) < 30
    named = not mentions or any(word.lower() in said.lower() for word in mentions)
    checks.is_true(f"{name}: says why, in words", clear and named, clip(" / ".join(lines[-4:])))


def picture(folder):
    """The digest of every file of a directory but those a start may always touch."""
    found = {}
    for path in sorted(folder.rglob("*")):
        own = path.name in WRITTEN_ANEW or path.name.endswith(("-shm", "-wal", ".lock", ".log"))
        if path.is_file() and not own:
            found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def changed(before, after):
    return sorted(name for name in before.keys() | after.keys()
                  if before.get(name) != after.get(name))


async def unharmed(checks, demo, token, name):
    """It starts again, and knows what it knew."""
    await demo.start()
    answer = await demo.gate(token).get("/me")
    checks.equal(f"{name}: afterwards nothing is lost", await outcome(demo.api(), answer),
                 "200 permit")
    checks.equal(f"{name}: Ctrl-C stops it cleanly", demo.stop(), 0)


async def bad_starts(given, checks, folder):
    disk = Disk(folder / "small", given.megabytes)
    disk.mount()
    demo = Demo(given.program, disk.folder / "demo", folder / "starts.log", given.customers)
    try:
        await demo.start()
        token = await issue(demo, demo.api(), "customer", demo.at("customer.id"))
        second = Demo(given.program, demo.folder, folder / "second.log", given.customers)
        await stays_down(checks, second, "a second process on one directory", EXIT_LATER,
                         ["process", "lock", "running", "use"])
        answer = await demo.gate(token).get("/me")
        checks.equal("a second process: the first goes on", answer.status, 200)
        checks.equal("Ctrl-C stops the first cleanly", demo.stop(), 0)
        code, said = demo.verify()
        checks.is_true("ward journal verify", code == 0, clip(said))

        with taken_port() as port:
            busy = Demo(given.program, demo.folder, folder / "busy.log", given.customers,
                        port_base=port)
            await stays_down(checks, busy, "a port that is taken", EXIT_LATER, [str(port)])
        await unharmed(checks, demo, token, "a port that is taken")

        before = picture(demo.folder)
        disk.mode("ro")
        await stays_down(checks, demo, "a read-only directory", EXIT_DIRECTORY,
                         ["read-only", "read only", "written", "writ", "permission"])
        disk.mode("rw")
        checks.equal("a read-only directory: nothing changed",
                     changed(before, picture(demo.folder)), [])
        await unharmed(checks, demo, token, "a read-only directory")

        (folder / "plain-file").write_text("not a directory\n")
        odd = Demo(given.program, folder / "plain-file", folder / "odd.log", given.customers)
        await stays_down(checks, odd, "a file in place of the directory", EXIT_DIRECTORY)
        await newer_formats(given, checks, folder, demo)
    finally:
        demo.kill()
        disk.unmount()


class taken_port:  # noqa: N801 - used as a word in `with`
    """A port somebody listens on, with room above for the others of a demo."""

    def __enter__(self):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen()
        return self.socket.getsockname()[1]

    def __exit__(self, *_):
        self.socket.close()


async def newer_formats(given, checks, folder, demo):
    """Every kind of file of Ward's own, as a newer version would have written it."""
    spoilt = 0
    for name, spoil in newer_files(demo.folder):
        copy = folder / "newer"
        shutil.copytree(demo.folder, copy)
        spoil(copy)
        before = picture(copy)
        newer = Demo(given.program, copy, folder / "newer.log", given.customers)
        await stays_down(checks, newer, f"a newer {name}", EXIT_NEWER, ["newer", "version"])
        checks.equal(f"a newer {name}: nothing was written", changed(before, picture(copy)), [])
        shutil.rmtree(copy)
        spoilt += 1
    checks.is_true("files of a newer format were tried", spoilt > 1, f"{spoilt} kinds")


def newer_files(folder):
    """(name, how to make it newer in a copy), one for each kind of Ward's own files."""
    kinds = set()
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if not path.is_file() or path.name.startswith("shop"):
            continue
        with open(path, "rb") as file:
            head = file.read(32)
        if head.startswith(b"SQLite format 3"):
            yield f"database ({inside})", lambda copy, inside=inside: newer_database(copy / inside)
        elif (place := version_in(head)) and head[:4] not in kinds:
            kinds.add(head[:4])
            yield f"file ({inside})", lambda copy, inside=inside, place=place: newer_header(
                copy / inside, *place)


def newer_database(path):
    link = sqlite3.connect(path)
    link.execute(f"PRAGMA user_version = {FAR_VERSION}")
    link.commit()
    link.close()


def version_in(head):
    """(offset, newer bytes) of the version behind a file's magic word; None when it has none."""
    text = next((nth for nth, byte in enumerate(head) if not 0x21 <= byte < 0x7f), len(head))
    if not 4 <= text <= 16:
        return None
    version = head[text:].lstrip(b"\n\0")
    at = len(head) - len(version)
    if version[:2] == b"\x01\x00":
        return at, FAR_VERSION.to_bytes(2, "little")
    return (text - 1, b"9") if head[text - 1:text] == b"1" else None


def newer_header(path, at, octets):
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(octets)


PARTS = {"full-disk": full_disk, "bad-starts": bad_starts}


async def main(given):
    checks, folder = Checks(), own_folder("faults")
    given.program = program(given.ward)
    begun = time.monotonic()
    for name, part in PARTS.items():
        if given.only in (None, name):
            with checks.part(name.replace("-", " ").capitalize()):
                await part(given, checks, folder)
    note(f"{time.monotonic() - begun:.0f} s in all; seed {given.seed}")
    if given.keep or checks.failed:
        note(f"logs left behind: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return checks.finish()


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("this suite mounts file systems: run it as root")
    parser = options(__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="observed requests, disk full")
    parser.add_argument("--customers", type=int, default=20_000, help="customers of the demo")
    parser.add_argument("--megabytes", type=int, default=512, help="size of the file system")
    parser.add_argument("--only", choices=PARTS, help="one part of it")
    sys.exit(asyncio.run(main(parser.parse_args())))
