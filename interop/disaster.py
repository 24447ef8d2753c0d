#!/usr/bin/env python3
"""Backup, disaster, restore: the machine is gone, and no true token is taken for a forgery.

A demo is backed up while it is used, goes on for a while (tokens, a leaver, a joiner), is killed
with `kill -9` and its directory is lost. It is restored twice: with the journal of the surviving
disk, after which everything must be as it was, and without, after which what is lost must be said
in words, answered `ledger_behind`, and never `never_issued`. The backup is also opened by code
nobody here wrote (age through pyrage, tar through Python). Uses none of Ward's code.
"""

import asyncio
import io
import json
import os
import pathlib
import shutil
import sys
import tarfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
from outside import (  # noqa: E402
    EXIT_DIRECTORY, EXIT_TELLS, Broken, Checks, Client, Demo, StolenKey, clip, issue, joiner, leaves,
    note, options, outcome, own_folder, program, wait_for)

# Requests in flight while the backup is taken.
AT_ONCE = 8
# Tokens in each of the lists that are checked afterwards.
TOKENS = 12
# Load before and after the backup, seconds.
AROUND_SECONDS = 1.0
# The tokens must outlive the run.
LIFE_SECONDS = 7200
# What belongs to the sample company and not to Ward: it is put back beside a restored Ward.
COMPANY = ("shop.db", "demo.json", "operators.json", "imported-key.pem")
KEY_FILE = "key-encryption-key"


class Load:
    """Issues tokens and reads with them, until it is told to end."""

    def __init__(self, demo, people):
        self.demo, self.people, self.ended = demo, people, False
        self.good, self.bad, self.tokens = 0, [], []

    async def worker(self, nth):
        api, gate = self.demo.api(), self.demo.gate()
        while not self.ended:
            sub = self.people[(self.good + nth) % len(self.people)]
            try:
                token = await issue(self.demo, api, "customer", sub, LIFE_SECONDS)
                answer = await gate.get("/me", [("Authorization", f"Bearer {token}")])
            except Broken as error:
                if not self.ended:
                    self.bad.append(str(error))
                return
            self.tokens.append((sub, token))
            if answer.status == 200:
                self.good += 1
            else:
                self.bad.append(f"{sub}: {answer.status}")

    async def around(self, work):
        """Runs `work` off this thread while the load goes on; what it returns."""
        workers = [asyncio.create_task(self.worker(nth)) for nth in range(AT_ONCE)]
        await asyncio.sleep(AROUND_SECONDS)
        got = await asyncio.to_thread(work)
        await asyncio.sleep(AROUND_SECONDS)
        self.ended = True
        await asyncio.gather(*workers)
        return got


class House:
    """What the parts share."""

    def __init__(self, checks, demo, folder):
        self.checks, self.demo, self.folder = checks, demo, folder
        self.kept = folder / "kept"
        self.kept.mkdir()
        self.identity, self.backup = self.kept / "identity", self.kept / "backup.age"
        self.key_file, self.survivor = self.kept / KEY_FILE, self.kept / "journal"
        self.early, self.late = [], []
        self.leaver = self.leaver_token = None
        self.checkpoints = {}

    async def checkpoint(self, name):
        api = self.demo.api()
        file = self.kept / f"{name}.checkpoint"
        file.write_bytes((await api.get("/journal/checkpoint")).body)
        self.checkpoints[name] = file

    def restore(self, into, *words):
        return self.demo.run("restore", self.backup, "--identity", self.identity, "--key-file",
                             self.key_file, "--into", into, *words)

    def furnished(self, folder, log):
        """A demo on a restored directory: the key file and the company's own files are put there."""
        shutil.copy(self.key_file, folder / KEY_FILE)
        for name in COMPANY:
            shutil.copy(self.kept / name, folder / name)
        return Demo(self.demo.ward, folder, self.folder / log, self.demo.customers)

    async def shown(self, demo, tokens):
        """What the gate says to each token."""
        api, gate, said = demo.api(), demo.gate(), []
        for sub, token in tokens:
            answer = await gate.get("/me", [("Authorization", f"Bearer {token}")])
            same = answer.status == 200 and str(answer.json()["id"]) == sub
            said.append("200" if same else await outcome(api, answer))
        return said

    async def as_leaver(self, demo):
        gate = demo.gate()
        bearer = [("Authorization", f"Bearer {self.leaver_token}")]
        return await outcome(demo.api(), await gate.get("/staff/customers?page=1", bearer))


async def taken(house, people):
    """A backup of a Ward in use, and what came before it."""
    checks, demo = house.checks, house.demo
    api, scim = demo.api(), demo.scim()
    house.leaver = await joiner(scim, "leaver")
    house.leaver_token = await issue(demo, api, "person", house.leaver, LIFE_SECONDS)
    house.before_leaving = await house.as_leaver(demo)
    for sub in people[:TOKENS]:
        house.early.append((sub, await issue(demo, api, "customer", sub, LIFE_SECONDS)))
    await house.checkpoint("early")
    code, said = demo.run("backup", "keygen", "--out", house.identity)
    checks.equal("an identity is made", (code, said.splitlines()[0][:4]), (0, "age1"))
    recipient = said.splitlines()[0]
    import pyrage
    house.stranger = pyrage.x25519.Identity.generate()
    words = ["backup", "create", "--demo", demo.folder, "--out", house.backup, "--json",
             "--recipient", recipient, "--recipient", str(house.stranger.to_public())]
    load = Load(demo, people)
    code, said = await load.around(lambda: demo.run(*words))
    checks.equal("a Ward in use is backed up", code, 0)
    checks.is_true("... and says loudly that the key file is not in it", "NOT in the backup" in said)
    checks.is_true("... and nobody was refused meanwhile", load.good and not load.bad,
                   f"{load.good} reads {clip(load.bad[:3])}")
    report = json.loads(said[said.index("{"):said.rindex("}") + 1])
    note(f"{report['leaves']} leaves, {report['bytes']} bytes, {report['mb_per_second']:.0f} MB/s")
    left = [one.name for one in demo.folder.iterdir() if one.name.startswith("backup-copies-")]
    checks.equal("... and no copy of a database is left behind", left, [])
    code, _ = demo.run(*words)
    checks.equal("a backup is never written over", code, EXIT_DIRECTORY)
    house.report = report
    return load


def opened(house):
    """The backup, by other people's code, and in the wrong hands."""
    checks, demo = house.checks, house.demo
    import pyrage
    sealed = house.backup.read_bytes()
    plain = pyrage.decrypt(sealed, [house.stranger])
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        names = tar.getnames()
        manifest = json.loads(tar.extractfile(names[0]).read())
        lengths = {one.name: one.size for one in tar.getmembers()}
    checks.equal("age and tar open it, the manifest first", names[:2],
                 ["manifest.json", "manifest.mac"])
    said = {one["name"]: one["bytes"] for one in manifest["files"]}
    held = {name: lengths[name] for name in names[2:]}
    checks.is_true("... and it holds exactly what the manifest says", said == held,
                   f"{len(held)} files")
    kinds = {name.split("/")[1] if name.startswith("data/") else name.split("/")[0]
             for name in names[2:]}
    checks.is_true("... of every kind", {"custody", "journal", "register.db", "store.db", "ward.toml",
                                         "catalogue.toml", "policies"} <= kinds, clip(sorted(kinds)))
    key = house.key_file.read_bytes().strip()
    checks.is_true("... and not the key file", key not in plain and KEY_FILE not in " ".join(names))
    code, said = demo.run("backup", "verify", house.backup, "--identity", house.identity)
    checks.equal("ward backup verify says so, too", code, 0)
    other = house.kept / "other-identity"
    other.write_text(str(pyrage.x25519.Identity.generate()) + "\n")
    spoilt = house.kept / "spoilt.age"
    flipped = bytearray(sealed)
    flipped[len(flipped) // 2] ^= 1
    for name, content, identity, want in (
            ("a stranger's identity opens nothing", sealed, other, EXIT_TELLS),
            ("a flipped bit is found", bytes(flipped), house.identity, EXIT_TELLS),
            ("a cut is found", sealed[:-20], house.identity, EXIT_TELLS)):
        spoilt.write_bytes(content)
        code, said = demo.run("backup", "verify", spoilt, "--identity", identity)
        checks.is_true(name, code == want, clip(said))


async def afterwards(house, people):
    """What happens between the backup and the disaster."""
    demo = house.demo
    api, scim = demo.api(), demo.scim()
    for sub in people[:TOKENS]:
        house.late.append((sub, await issue(demo, api, "customer", sub, LIFE_SECONDS)))
    await leaves(scim, house.leaver)
    gone = await wait_for(lambda: refused(house, demo))
    house.checks.is_true("the leaver is out", gone, f"{house.before_leaving}, then {gone}")
    house.newcomer = await joiner(scim, "newcomer")
    house.checks.equal("all tokens pass before the disaster",
                       set(await house.shown(demo, house.early + house.late)), {"200"})
    await house.checkpoint("late")
    code, said = demo.run("doctor", "--demo", demo.folder)
    house.checks.is_true("ward doctor looks at a Ward that runs",
                         code in (0, EXIT_TELLS) and "every one synced" in said, f"exit {code}")


async def refused(house, demo):
    said = await house.as_leaver(demo)
    return said if "refuse" in said else None


def disaster(house):
    """kill -9, and the directory is gone; the disk with the journal survives."""
    demo = house.demo
    for name in COMPANY:
        shutil.copy(demo.folder / name, house.kept / name)
    demo.kill()
    shutil.copytree(demo.folder / "journal", house.survivor)
    shutil.rmtree(demo.folder)


async def nothing_forged(house, demo):
    alerts = (await demo.api().get("/api/alerts?limit=200")).good()["items"]
    kinds = [one.get("kind") for one in alerts]
    house.checks.is_true("nobody is taken for a forger", "never_issued" not in kinds, clip(kinds))
    return kinds


async def with_the_journal(house):
    """Everything is as it was."""
    checks, into = house.checks, house.folder / "one"
    late = house.checkpoints["late"]
    code, said = house.restore(into, "--journal", house.survivor, "--complete", "--checkpoint", late)
    checks.is_true("a restore with the surviving journal", code == 0, clip(said))
    demo = house.furnished(into, "one.log")
    try:
        await demo.start()
        for time_of in ("first start", "second start"):
            checks.equal(f"{time_of}: every token passes",
                         set(await house.shown(demo, house.early + house.late)), {"200"})
            said = await house.as_leaver(demo)
            checks.is_true(f"{time_of}: the leaver stays out", "refuse" in said, said)
            verified = (await demo.api().post("/api/store/verify", {})).good()["discrepancies"]
            checks.equal(f"{time_of}: every row has its record", verified, [])
            kinds = await nothing_forged(house, demo)
            checks.is_true("... and there is nothing to alert about", "unapproved_change" not in kinds)
            person = (await demo.api().get(f"/api/people/{house.newcomer}")).good()
            checks.equal(f"{time_of}: who joined after the backup works here", person["state"],
                         "active")
            sub, _ = house.early[0]
            fresh = (sub, await issue(demo, demo.api(), "customer", sub, LIFE_SECONDS))
            checks.equal(f"{time_of}: new tokens pass", await house.shown(demo, [fresh]), ["200"])
            demo.stop()
            code, said = demo.verify(checkpoint=late)
            checks.is_true(f"{time_of}: the journal verifies", code == 0, clip(said.splitlines()[0]))
            if time_of == "first start":
                await demo.start()
        await demo.start()
        code, said = demo.run("tour", "--dir", demo.folder)
        checks.is_true("the whole tour comes out as it must", code == 0, said.splitlines()[-1])
        demo.stop()
    finally:
        demo.kill()


async def without(house):
    """What is lost is said, and nothing else is."""
    checks, into = house.checks, house.folder / "two"
    early, late = house.checkpoints["early"], house.checkpoints["late"]
    code, said = house.restore(into, "--checkpoint", late)
    checks.is_true("a smaller tree is refused and explained",
                   code == EXIT_TELLS and "leaves are lost" in said and "has NOT left" in said
                   and "--accept-loss" in said, clip(said))
    demo = house.furnished(into, "two.log")
    try:
        await demo.start(60)
        checks.is_true("a restore that broke off does not start", False, "it started")
    except Broken as error:
        checks.is_true("a restore that broke off does not start", "broke off" in str(error),
                       clip(str(error)))
    code, said = house.restore(into)
    checks.equal("a directory that is not empty is left alone", code, EXIT_DIRECTORY)
    shutil.rmtree(into)
    code, said = house.restore(into, "--checkpoint", early, "--checkpoint", late, "--accept-loss")
    checks.is_true("a loss can be accepted", code == 0, clip(said))
    demo = house.furnished(into, "two.log")
    try:
        await demo.start()
        for time_of in ("first start", "second start"):
            checks.equal(f"{time_of}: what was issued before the backup passes",
                         set(await house.shown(demo, house.early)), {"200"})
            checks.equal(f"{time_of}: the lost tail is behind, and no more",
                         set(await house.shown(demo, house.late)), {"503 refuse ledger_behind"})
            kinds = await nothing_forged(house, demo)
            checks.is_true("... and others are told of the loss", "unapproved_change" in kinds)
            verified = (await demo.api().post("/api/store/verify", {})).good()["discrepancies"]
            checks.equal(f"{time_of}: every row has its record", verified, [])
            sub, _ = house.early[0]
            fresh = [(sub, await issue(demo, demo.api(), "customer", sub, LIFE_SECONDS))]
            checks.equal(f"{time_of}: new tokens pass", await house.shown(demo, fresh), ["200"])
            demo.stop()
            code, said = demo.verify(checkpoint=early)
            checks.is_true(f"{time_of}: the journal verifies", code == 0, clip(said.splitlines()[0]))
            await demo.start()
        scim = demo.scim()
        await leaves(scim, house.leaver)
        gone = await wait_for(lambda: refused(house, demo))
        checks.is_true("a leaver who is sent again is out again", gone, clip(str(gone)))
        key = StolenKey((into / "imported-key.pem").read_bytes(), demo.at("imported_key.kid"))
        forged = key.forge(demo.at("imported_key.issuer"), demo.at("imported_key.audience"),
                           house.early[0][0])
        said = await house.shown(demo, [("", forged)])
        checks.is_true("a forgery is still told", "never_issued" in said[0] or "retired" in said[0],
                       clip(said))
        house.forked = house.kept / "forked.checkpoint"
        house.forked.write_bytes((await demo.api().get("/journal/checkpoint")).body)
        demo.stop()
        code, said = demo.run("doctor", "--config", into / "ward.toml")
        checks.is_true("ward doctor looks at a Ward that does not run",
                       code == 0 and "does not run" in said, f"exit {code}")
    finally:
        demo.kill()


def in_wrong_hands(house):
    """Another key file, another backup's journal."""
    checks, other = house.checks, house.kept / "other-key"
    other.write_text("A" * 43 + "=\n")
    os.chmod(other, 0o600)
    code, said = house.demo.run("restore", house.backup, "--identity", house.identity, "--key-file",
                                other, "--into", house.folder / "three")
    checks.is_true("another key file opens nothing", code == EXIT_DIRECTORY and "key file" in said,
                   clip(said))
    # What the second restored Ward signed is not what the survivor holds.
    code, said = house.restore(house.folder / "five", "--journal", house.survivor, "--checkpoint",
                               house.forked)
    checks.is_true("a checkpoint of another history is refused",
                   code == EXIT_TELLS and "another journal" in said, clip(said))
    none = house.kept / "no-journal"
    code, said = house.restore(house.folder / "four", "--journal", none)
    checks.is_true("a journal that is none is refused", code not in (0, EXIT_TELLS), clip(said))


async def main(given):
    checks, folder, begun = Checks(), own_folder("disaster"), time.monotonic()
    demo = Demo(program(given.ward), folder / "demo", folder / "demo.log", given.customers)
    house = House(checks, demo, folder)
    try:
        await demo.start()
        shutil.copy(demo.folder / KEY_FILE, house.key_file)
        shop = Client(demo.at("shop_url"), demo.at("staff.token"))
        found = (await shop.get("/staff/customers?page=1")).good()["customers"]
        people = [str(one["id"]) for one in found]
        with checks.part("a backup of a Ward in use"):
            await taken(house, people)
        with checks.part("what is in it"):
            opened(house)
        with checks.part("between backup and disaster"):
            await afterwards(house, people)
        disaster(house)
        with checks.part("restored with the surviving journal"):
            await with_the_journal(house)
        with checks.part("restored without it"):
            await without(house)
        with checks.part("in wrong hands"):
            in_wrong_hands(house)
    except Broken as error:
        checks.is_true("the run holds together", False, f"{error} ({demo.last_words()})")
    finally:
        demo.kill()
    note(f"{time.monotonic() - begun:.0f} s")
    if not given.keep and checks.failed == 0:
        shutil.rmtree(folder, ignore_errors=True)
    return checks.finish()


def given():
    parser = options(__doc__)
    parser.add_argument("--customers", type=int, default=2000)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(given())))
