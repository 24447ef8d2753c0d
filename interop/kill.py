#!/usr/bin/env python3
"""`kill -9` under load: what a client was told is in the journal, whatever happens.

A client that is no part of Ward keeps 64 requests in flight and writes down every complete answer
and every token it receives. A seeded killer strikes at random moments; Ward starts again on the
same directory each time. Afterwards every answer written down must be in the journal with the
same data subjects, every token must still check as issued, and `ward journal verify` must pass,
also against checkpoints that were kept outside. Then the ledger's snapshot: a start uses it, and
one that was edited, cut, or of another Ward is not used; every token checks all the same.

With `--power-cut` the directory lies on a file system of its own that is shut down at each strike
without writing anything back, as when the power goes: what was not synced is lost. That needs
root and a loop device; where they are missing it fails and says so.
"""

import asyncio
import collections
import fcntl
import hashlib
import json
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
from outside import (  # noqa: E402
    Broken, Checks, Client, Connection, Demo, clip, note, options, own_folder, program)

IN_FLIGHT = 64
# People the service reads: few, so that no exposure budget ends the run.
POOL = 150
# Pages of the seller; 50 buyers each.
SELLER_PAGES = 10
# A token is used for reading until there are this many newer ones.
TOKENS_USED = 400
# Share of each kind of request, in percent.
MIX = [("staff", 40), ("me", 30), ("seller", 10), ("issue", 20)]
# When the killer strikes, seconds after the load runs again.
STRIKE_SECONDS = (0.05, 1.5)
# How often it strikes once more, while Ward starts.
STRIKE_AGAIN = 0.2
# The tokens must outlive the run and the look afterwards.
TOKEN_SECONDS = 3600
# Answers looked up and tokens shown at once afterwards.
LOOKERS = 16


# ioctl_ext4(2), EXT4_IOC_SHUTDOWN; the flag leaves the file system's own journal unwritten.
SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, 2


class Power:
    """An ext4 of its own whose power can be cut."""

    def __init__(self, folder, megabytes):
        self.image, self.folder, self.mounted = folder / "disk.img", folder / "disk", False
        self.lost = self.cuts = 0
        self.folder.mkdir(parents=True)
        with open(self.image, "wb") as file:
            file.truncate(megabytes << 20)
        tell("mkfs.ext4", "-q", "-F", str(self.image))
        self.on()

    @property
    def canary(self):
        return self.folder / "never-synced"

    def on(self):
        tell("mount", "-o", "loop", str(self.image), str(self.folder))
        self.mounted = True

    def sync(self):
        """What is there so far has lain there for long."""
        tell("sync", "--file-system", str(self.folder))

    def cut(self):
        """Nothing is written from here on; then the power comes back."""
        self.canary.write_bytes(os.urandom(5000))
        place = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(place, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(place)
        self.off()
        self.on()
        self.cuts += 1
        self.lost += not self.canary.exists() or not self.canary.stat().st_size
        self.canary.unlink(missing_ok=True)

    def off(self):
        if self.mounted:
            tell("umount", str(self.folder))
            self.mounted = False


def tell(*words):
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Broken(f"{' '.join(words)}: {done.stderr.strip()} (this needs root and loop devices)")


class Ledger:
    """The client's own file: a line for every complete answer and every token received."""

    def __init__(self, path):
        self.file = open(path, "w", encoding="utf-8")
        self.answers, self.tokens = [], []
        self.statuses = collections.Counter()

    def answer(self, kind, principal, answer, people):
        one = {"id": answer.request_id, "kind": kind, "principal": principal,
               "status": answer.status, "people": sorted(people),
               "body": hashlib.sha256(answer.body).hexdigest()}
        self.answers.append(one)
        self.write({"answer": one})

    def token(self, sub, token):
        one = {"sub": sub, "token": token, "at": int(time.time())}
        self.tokens.append(one)
        self.write({"token": one})

    def write(self, line):
        self.file.write(json.dumps(line, separators=(",", ":")) + "\n")
        self.file.flush()


def people_in(kind, body):
    """Customers in a body, as outside ids: everyone, also recipients."""
    if kind == "staff":
        found = {body["id"]}
        for one in body["addresses"]:
            found |= {one["customer_id"], one.get("recipient_customer_id")}
    elif kind == "seller":
        found = {one["buyer"]["customer_id"] for one in body["orders"]}
    else:
        found = {body["id"]}
    return {str(one) for one in found if one is not None}


class Load:
    """64 workers; each has one request in flight whenever Ward runs."""

    def __init__(self, demo, ledger, seed):
        self.demo, self.ledger, self.seed = demo, ledger, seed
        self.up, self.generation, self.here = asyncio.Event(), 0, 0
        self.people, self.wrong = [], []

    async def prepare(self):
        """Whom to read: the shop itself says who exists."""
        shop = self.demo.shop(self.demo.at("staff.token"))
        page = 0
        while len(self.people) < POOL:
            page += 1
            found = (await shop.get(f"/staff/customers?page={page}")).good()["customers"]
            self.people += [str(one["id"]) for one in found]
        self.people = self.people[:POOL]
        shop.close()

    def begin(self):
        """Ward runs (again)."""
        self.generation += 1
        self.here = 0
        self.up.set()

    def end(self):
        self.up.clear()

    async def worker(self, number):
        rng = random.Random(f"{self.seed}/{number}")
        links, generation = {}, 0
        while True:
            await self.up.wait()
            if generation != self.generation:
                for link in links.values():
                    link.close()
                links, generation = {}, self.generation
                links["gate"] = Connection(self.demo.at("gate_url"))
                links["api"] = Connection(self.demo.at("api_url"))
            kind = rng.choices([kind for kind, _ in MIX], [share for _, share in MIX])[0]
            try:
                await self.one(kind, rng, links)
            except Broken:
                # No complete answer, so nothing to write down: Ward was struck, or soon will be.
                await asyncio.sleep(0.005)

    async def one(self, kind, rng, links):
        if kind == "issue" or (kind == "me" and not self.ledger.tokens):
            return await self.issue(rng, links["api"])
        if kind == "me":
            one = rng.choice(self.ledger.tokens[-TOKENS_USED:])
            target, credential, principal = "/me", one["token"], f"customer:{one['sub']}"
        elif kind == "seller":
            target = f"/seller/orders?page={rng.randint(1, SELLER_PAGES)}"
            credential = self.demo.at("seller.token")
            principal = f"seller:{self.demo.at('seller.id')}"
        else:
            target = f"/staff/customers/{rng.choice(self.people)}"
            credential, principal = self.demo.at("service_api_key"), "service"
        answer = await links["gate"].ask("GET", target, [("Authorization", f"Bearer {credential}")])
        self.here += 1
        self.ledger.statuses[f"{kind} {answer.status}"] += 1
        if answer.status == 200:
            people = people_in(kind, answer.json())
            if kind == "me" and people != {one["sub"]}:
                self.wrong.append(f"{one['sub']} was shown {people}")
            self.ledger.answer(kind, principal, answer, people)

    async def issue(self, rng, link):
        sub = rng.choice(self.people)
        ask = {"kind": "customer", "sub": sub, "life_seconds": TOKEN_SECONDS, "login": "kill",
               "audience": self.demo.at("imported_key.audience")}
        answer = await link.ask("POST", "/api/tokens", [
            ("Authorization", f"Bearer {self.demo.at('admin_token')}"),
            ("Content-Type", "application/json")], json.dumps(ask).encode())
        self.here += 1
        self.ledger.statuses[f"issue {answer.status}"] += 1
        if 200 <= answer.status < 300:
            self.ledger.token(sub, answer.json()["token"])


def down(demo, power):
    """kill -9; with `--power-cut` also the power."""
    demo.kill()
    if power:
        power.cut()


async def strike(demo, power, load, checks, given, folder):
    """The rounds; the seconds each start took and the checkpoints kept."""
    rng, starts, kept = random.Random(given.seed), [], []
    for nth in range(1, given.kills + 1):
        load.begin()
        if not await reached(load, demo):
            checks.is_true(f"Ward answers before strike {nth}", False, demo.last_words())
            break
        if nth in (1, given.kills // 2, given.kills):
            with_checkpoint = await checkpoint(demo, folder / f"{nth}.checkpoint")
            kept += [with_checkpoint] if with_checkpoint else []
        moment = rng.uniform(*STRIKE_SECONDS)
        await asyncio.sleep(moment)
        if demo.process.poll() is not None:
            checks.is_true(f"Ward lives until strike {nth}", False, demo.last_words())
            break
        down(demo, power)
        load.end()
        again = rng.random() < STRIKE_AGAIN
        if again:
            demo.spawn()
            await asyncio.sleep(rng.uniform(0, starts[-1] if starts else 1))
            down(demo, power)
        took = await demo.start()
        starts.append(took)
        print(f"     strike {nth:>3} after {moment:4.2f} s, {load.here:>5} answers; "
              f"{'struck again while starting; ' if again else ''}up again in {took:.2f} s; "
              f"{len(load.ledger.answers)} answers and {len(load.ledger.tokens)} tokens "
              "written down", flush=True)
    return starts, kept


async def reached(load, demo, seconds=30):
    """Waits until the load runs: as many answers as there are workers."""
    end = time.monotonic() + seconds
    while load.here < IN_FLIGHT:
        if time.monotonic() > end or demo.process.poll() is not None:
            return False
        await asyncio.sleep(0.01)
    return True


async def checkpoint(demo, file):
    """Keeps the newest checkpoint outside."""
    try:
        client = demo.api()
        answer = await client.get("/journal/checkpoint", seconds=5)
        client.close()
    except Broken:
        return None
    if answer.status != 200:
        return None
    file.write_bytes(answer.body)
    return file


async def look(work, all_of, end):
    """Does `work` to each, some at once; how many were not reached in time."""
    waiting = iter(all_of)
    left = len(all_of)

    async def looker():
        nonlocal left
        for one in waiting:
            if time.monotonic() > end:
                return
            await work(one)
            left -= 1
    await asyncio.gather(*(looker() for _ in range(LOOKERS)))
    return left


async def afterwards(demo, ledger, checks, given):
    """Holds what was written down against what Ward says."""
    end, api, wrong, missing = time.monotonic() + given.look_seconds, demo.api(), [], []

    async def recorded(one):
        answer = await api.get(f"/api/accesses/{one['id']}")
        if answer.status != 200:
            missing.append(f"{one['id']}: {answer.status}")
            return
        told = answer.json()
        named = sorted(str(it["id"]) for it in told["data_subjects"]
                       if it["namespace"] == "customer")
        if told["verdict"] != "permit" or named != one["people"]:
            wrong.append(f"{one['id']} {one['kind']}: {told['verdict']}, {named} for "
                         f"{one['people']}")
    begun = time.monotonic()
    left = await look(recorded, ledger.answers, end)
    note(f"looked up {len(ledger.answers) - left} answers in {time.monotonic() - begun:.1f} s")
    checks.equal("answers not looked at for want of time", left, 0)
    checks.is_true("every answer written down is in the journal",
                   ledger.answers and not missing, f"{len(missing)} missing {clip(missing[:3])}")
    checks.is_true("... with the same data subjects", not wrong,
                   f"{len(wrong)} differ {clip(wrong[:3])}")
    nobody = await api.get(f"/api/accesses/{'0' * 31}1")
    checks.equal("... and an id nobody was given is not", nobody.status, 404)
    twice = len(ledger.answers) - len({one["id"] for one in ledger.answers})
    checks.equal("... each under an id of its own", twice, 0)

    gate, refused, old = Client(demo.at("gate_url")), [], 0
    now = time.time()
    live = [one for one in ledger.tokens if one["at"] + TOKEN_SECONDS > now + 60]
    old = len(ledger.tokens) - len(live)

    async def issued(one):
        answer = await gate.get("/me", [("Authorization", f"Bearer {one['token']}")])
        if answer.status != 200 or str(answer.json()["id"]) != one["sub"]:
            refused.append(f"{one['sub']}: {answer.status} {answer.request_id}")
    begun = time.monotonic()
    left = await look(issued, live, end)
    note(f"showed {len(live) - left} tokens in {time.monotonic() - begun:.1f} s")
    checks.equal("tokens not shown for want of time, or too old", left + old, 0)
    checks.is_true("every token received still checks as issued", live and not refused,
                   f"{len(refused)} refused {clip(refused[:3])}")
    alerts = (await api.get("/api/alerts?limit=200")).good()["items"]
    forged = [one for one in alerts if one.get("kind") == "never_issued"]
    checks.equal("nothing was taken for a forgery", len(forged), 0)


async def snapshots(demo, ledger, checks):
    """What the ledger begins with saves time and opens nothing."""
    file = demo.folder / "data" / "ledger.snapshot"
    if not file.is_file():
        found = [str(one) for one in demo.folder.rglob("ledger.snapshot*")]
        file = pathlib.Path(found[0]) if found else file
    checks.is_true("a clean stop leaves a snapshot of the ledger", file.is_file(), str(file))
    if not file.is_file():
        return
    good = file.read_bytes()
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 1
    rows = [("as it is", good, "ok"), ("with a bit flipped", bytes(flipped), "look"),
            ("cut in half", good[:len(good) // 2], "look"), ("as a newer Ward writes it",
             good[:8] + (99).to_bytes(4, "little") + good[12:], "look"),
            ("empty", b"", "look"), ("taken away", None, "ok")]
    for name, octets, want in rows:
        if octets is None:
            file.unlink()
        else:
            file.write_bytes(octets)
        # What a killed writer left beside it is nobody's snapshot.
        file.with_name(file.name + ".new").write_bytes(good[:1000])
        await demo.start()
        api, gate = demo.api(), Client(demo.at("gate_url"))
        found = (await api.get("/api/doctor")).good()["findings"]
        told = [one for one in found if one["about"] == "snapshot"]
        checks.equal(f"the doctor of a start with a snapshot {name}",
                     [one["level"] for one in told], [want])
        if want == "ok" and octets is not None:
            checks.is_true("... which was used", " came after it" in told[0]["what"],
                           told[0]["what"])
        refused = []
        for one in ledger.tokens[:20] + ledger.tokens[-20:]:
            answer = await gate.get("/me", [("Authorization", f"Bearer {one['token']}")])
            if answer.status != 200:
                refused.append(f"{one['sub']}: {answer.status} {answer.request_id}")
        checks.is_true("... tokens check as issued", ledger.tokens and not refused,
                       clip(refused[:3]))
        api.close()
        gate.close()
        checks.equal("... and it stops cleanly", demo.stop(), 0)


async def main(given):
    checks, folder = Checks(), own_folder("power" if given.power_cut else "kill")
    power = Power(folder, given.megabytes) if given.power_cut else None
    home = power.folder if power else folder
    demo = Demo(program(given.ward), home / "demo", folder / "demo.log", given.customers)
    ledger, begun = Ledger(folder / "ledger.jsonl"), time.monotonic()
    workers = []
    print(f"seed {given.seed}, {given.kills} {'power cuts' if power else 'strikes'}, "
          f"{IN_FLIGHT} in flight", flush=True)
    try:
        note(f"first start {await demo.start():.1f} s")
        if power:
            power.sync()
        load = Load(demo, ledger, given.seed)
        await load.prepare()
        workers = [asyncio.create_task(load.worker(nth)) for nth in range(IN_FLIGHT)]
        starts, kept = await strike(demo, power, load, checks, given, folder)
        broke = [task for task in workers if task.done()]
        load.end()
        for task in workers:
            task.cancel()
        ends = await asyncio.gather(*workers, return_exceptions=True)
        why = [repr(end) for end in ends if not isinstance(end, asyncio.CancelledError)]
        checks.is_true("the client kept its requests in flight", not broke, clip(why[:3]))
        checks.equal("strikes survived", len(starts), given.kills)
        if power:
            checks.equal("cuts that lost what nobody had synced", power.lost, power.cuts)
        if starts:
            half = sorted(starts)[len(starts) // 2]
            note(f"starts: median {half:.2f} s, longest {max(starts):.2f} s")
        note(", ".join(f"{count}x {kind}" for kind, count in sorted(ledger.statuses.items())))
        odd = {kind: count for kind, count in ledger.statuses.items()
               if not kind.split()[1].startswith("20")}
        checks.is_true("nothing was refused while it ran", not odd, str(odd) if odd else "")
        checks.is_true("nobody was shown another's page", not load.wrong, clip(load.wrong[:3]))
        await afterwards(demo, ledger, checks, given)
        checks.equal("Ctrl-C stops it cleanly", demo.stop(), 0)
        await snapshots(demo, ledger, checks)
        for file in [None, *kept]:
            code, said = demo.verify(checkpoint=file)
            against = f" against {file.name}, kept outside" if file else ""
            checks.is_true(f"ward journal verify{against}", code == 0, clip(said))
        checks.is_true("checkpoints were kept", kept)
    except (Broken, KeyError, ValueError) as error:
        checks.is_true("the run is whole", False, f"{type(error).__name__}: {error}")
    finally:
        for task in workers:
            task.cancel()
        demo.kill()
        if power:
            power.off()
        note(f"{len(ledger.answers)} answers and {len(ledger.tokens)} tokens written down; "
             f"{time.monotonic() - begun:.0f} s in all; seed {given.seed}")
        if given.keep or checks.failed:
            note(f"left behind: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return checks.finish()


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--kills", type=int, default=50, help="how often to strike")
    parser.add_argument("--customers", type=int, default=20_000, help="customers of the demo")
    parser.add_argument("--look-seconds", type=float, default=900,
                        help="how long the look afterwards may take")
    parser.add_argument("--power-cut", action="store_true",
                        help="lose what was not synced at each strike (root, loop devices)")
    parser.add_argument("--megabytes", type=int, default=1024,
                        help="size of the file system whose power is cut")
    sys.exit(asyncio.run(main(parser.parse_args())))
