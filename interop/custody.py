"""Custody from outside: every kind of lock on the real program, and the change from one to another.

SoftHSM2 is the PKCS#11 token, `pkcs11-tool` (OpenSC) and openssl are the judges: neither knows
Ward. A state directory of a demo is copied for each part, so each begins with keys, tokens and
operators. kill -9 comes after every sync of a change of locks (strace injects it): custody opens
with the old lock or with the new one.

    python3 interop/custody.py [--ward PATH] [--keep]
"""

import asyncio
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))

from operators import Operator  # noqa: E402
from outside import (  # noqa: E402
    EXIT_DIRECTORY, EXIT_LATER, Broken, Checks, Client, Demo, issue, joiner, leaves, note, options,
    outcome, own_folder, part_of, program, wait_for)

WORDS, OTHER = "correct horse battery staple", "another horse battery staple"
MODULE = next((path for path in (
    "/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so") if os.path.exists(path)), "")
PIN = "4711"
SERVE_SECONDS = 60
# Most syncs of one change of locks that are cut off.
CUTS_MAX = 60


def put(path, text, mode=0o600):
    path.write_text(text)
    path.chmod(mode)
    return path


class House:
    """A copy of the demo's state with a `[custody]` of its own, served by `ward serve`."""

    def __init__(self, demo, folder, custody):
        self.demo, self.folder, self.process, self.log = demo, folder, None, folder / "log"
        shutil.copytree(demo.folder, folder, ignore=shutil.ignore_patterns("shop.db*", "log"))
        self.plain = (folder / "ward.toml").read_text()
        self.write(custody)

    def write(self, custody, rest=""):
        before = "[custody]\nroot_on_hosts = []\n"
        assert before in self.plain, "the demo's configuration looks otherwise"
        file = self.folder / "ward.toml"
        file.write_text(self.plain.replace(before, f"[custody]\nroot_on_hosts = []\n{custody}")
                        + rest)

    async def adopt(self, fds=None, environment=None):
        """A set with another custody is weaker: it is held at start, and both operators consent."""
        await self.serve(fds, environment)

        async def waiting():
            told = (await self.demo.alone().get("/api/approvals?state=waiting")).json()
            return told.get("items") or told.get("approvals")
        items = await wait_for(waiting, 10) or []
        for one in items:
            for name in ("one", "two"):
                operator = await Operator(self.demo, name).sign_in()
                consented = await operator.consent(one.get("approval") or one.get("id"))
                if consented.status != 200:
                    note(f"consent: {consented.status} {consented.body[:200]}")
                operator.close()
        await asyncio.sleep(2.5)
        self.stop()
        return len(items)

    @property
    def file(self):
        return str(self.folder / "ward.toml")

    def run(self, *words, fds=None, strace=None, seconds=120, environment=None):
        """A command of the program with secrets on descriptors: (exit code, what it said)."""
        environment = {**os.environ, **(environment or {})}
        opened = []
        for name, text in (fds or {}).items():
            read, write = os.pipe()
            os.write(write, text.encode())
            os.close(write)
            opened.append(read)
            environment[name] = str(read)
        done = subprocess.run([*(strace or []), self.demo.ward, *map(str, words)],
                              capture_output=True, text=True, timeout=seconds, check=False,
                              stdin=subprocess.DEVNULL, pass_fds=opened, env=environment,
                              start_new_session=True)
        for one in opened:
            os.close(one)
        return done.returncode, (done.stdout + done.stderr).strip()

    def spawn(self, fds=None, environment=None):
        environment, opened = {**os.environ, **(environment or {})}, []
        for name, text in (fds or {}).items():
            read, write = os.pipe()
            os.write(write, text.encode())
            os.close(write)
            opened.append(read)
            environment[name] = str(read)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [self.demo.ward, "serve", "--config", self.file], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True, pass_fds=opened, env=environment)
        for one in opened:
            os.close(one)

    async def serve(self, fds=None, environment=None, status=200):
        """Starts it and waits until `/readyz` answers so."""
        self.spawn(fds, environment)
        client = Client(self.demo.at("api_url"))

        async def ready():
            if self.process.poll() is not None:
                raise Broken(f"ended with {self.process.returncode}: {self.last()}")
            try:
                return (await client.get("/readyz", seconds=2)).status == status
            except (Broken, OSError):
                return None
        if await wait_for(ready, SERVE_SECONDS) is None:
            raise Broken(f"not ready: {self.last()}")
        client.close()

    def ended(self, fds=None, environment=None):
        """Starts it, expecting that it ends at once: its exit code."""
        self.spawn(fds, environment)
        try:
            return self.process.wait(SERVE_SECONDS)
        except subprocess.TimeoutExpired:
            self.stop()
            return None

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def last(self):
        return self.log.read_text(errors="replace")[-400:] if self.log.exists() else ""

    async def works(self, checks, name):
        """It serves: tokens from before are known, new ones are issued and pass."""
        api = self.demo.api()
        old = await self.demo.gate(self.demo.at("customer.token")).get("/me")
        checks.is_true(f"{name}: a token from before is known", known(await outcome(api, old)))
        token = await issue(self.demo, api, "customer", self.demo.at("customer.id"))
        new = await self.demo.gate(token).get("/me")
        checks.is_true(f"{name}: a new one is issued and known", known(await outcome(api, new)))
        return token


def known(told):
    """Whether a token got past the ledger: the sample company behind the gate does not run here."""
    return told.endswith(("permit", "upstream_uninspectable"))


def kept(folder):
    return (folder / "custody" / "root.sealed").exists()


# --- the parts -----------------------------------------------------------------------------------

async def key_file(checks, demo, folder):
    house = House(demo, folder / "file", "")
    file = house.folder / "key-encryption-key"
    for mode in (0o640, 0o604, 0o660):
        file.chmod(mode)
        checks.equal(f"mode {mode:o} is refused", house.ended(), EXIT_DIRECTORY)
        code, said = house.run("check", "--config", house.file)
        checks.is_true("... and `ward check` tells", code == 64 and "must be 600" in said, said)
    file.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(file, 12345, 0)
        checks.equal("a file of another user is refused", house.ended(), EXIT_DIRECTORY)
        checks.is_true("... and told", "belongs to user 12345" in house.last(), house.last())
        os.chown(file, 0, 0)
    await house.serve()
    await house.works(checks, "key file")
    house.stop()


async def passphrase(checks, demo, folder):
    house = House(demo, folder / "passphrase", "kind = \"passphrase\"\n[custody.previous]\n"
                  "key_file = \"key-encryption-key\"\n")
    code, said = house.run("keys", "rewrap", "--config", house.file, fds={
        "WARD_NEW_PASSPHRASE_FD": "short"})
    checks.is_true("a short passphrase is refused", code == 64 and "12 bytes" in said, said)
    code, said = house.run("keys", "rewrap", "--config", house.file,
                           fds={"WARD_NEW_PASSPHRASE_FD": WORDS})
    checks.is_true("a key file is changed for a passphrase", code == 0 and kept(house.folder), said)
    house.write("kind = \"passphrase\"\n")
    (house.folder / "key-encryption-key").unlink()
    checks.equal("a set with another custody waits for others",
                 await house.adopt({"WARD_PASSPHRASE_FD": WORDS}), 1)
    checks.equal("a wrong passphrase does not open",
                 house.ended({"WARD_PASSPHRASE_FD": OTHER}), EXIT_DIRECTORY)
    checks.is_true("... and is told", "wrong passphrase" in house.last(), house.last())
    checks.equal("nobody is asked where nobody can answer", house.ended(), EXIT_DIRECTORY)
    await house.serve({"WARD_PASSPHRASE_FD": WORDS})
    await house.works(checks, "passphrase on a descriptor")
    code, said = house.run("keys", "rewrap", "--config", house.file, fds={
        "WARD_PASSPHRASE_FD": WORDS, "WARD_NEW_PASSPHRASE_FD": OTHER})
    checks.equal("no change of locks while Ward runs", code, EXIT_LATER)
    words = pathlib.Path(f"/proc/{house.process.pid}/cmdline").read_bytes()
    checks.is_true("no passphrase on the command line", WORDS.encode() not in words)
    grade = (await demo.api().get("/api/keys")).good()["custody_grade"]
    checks.is_true("the grade says what it is", grade.startswith("passphrase: "), grade)
    house.stop()
    code, said = house.run("keys", "rewrap", "--config", house.file, fds={
        "WARD_PASSPHRASE_FD": WORDS, "WARD_NEW_PASSPHRASE_FD": OTHER})
    checks.equal("a passphrase is changed for another", code, 0)
    checks.equal("the old one opens no more",
                 house.ended({"WARD_PASSPHRASE_FD": WORDS}), EXIT_DIRECTORY)
    secret = put(house.folder / "passphrase", OTHER + "\n", 0o644)
    house.write("kind = \"passphrase\"\npassphrase_file = \"passphrase\"\n")
    checks.equal("a passphrase file others may read is refused", house.ended(), EXIT_DIRECTORY)
    secret.chmod(0o600)
    await house.serve()
    await house.works(checks, "passphrase in a file")
    house.stop()
    code, said = house.run("journal", "verify", "--dir", house.folder)
    checks.equal("the journal verifies", code, 0)


async def shares(checks, demo, folder):
    house = House(demo, folder / "shares", "kind = \"shares\"\n[custody.previous]\n"
                  "key_file = \"key-encryption-key\"\n")
    person = demo.person
    words = ["keys", "rewrap", "--config", house.file, "--shares-needed", "2"]
    for name in (person["userName"], "lee@shop.example", "park@shop.example"):
        words += ["--share-holder", name]
    code, said = house.run(*words)
    lines = [line.split(": ", 1)[1] for line in said.splitlines() if line.startswith("share of ")]
    checks.is_true("shares are dealt once", code == 0 and len(lines) == 3, said[-200:])
    on_disk = b"".join(path.read_bytes() for path in house.folder.rglob("*") if path.is_file())
    checks.is_true("... and kept nowhere", not any(one.encode() in on_disk for one in lines))
    house.write("kind = \"shares\"\n")
    await house.serve(status=503)
    client = Client(demo.at("api_url"))

    async def post(share):
        return await client.send("POST", "/api/unseal", {"share": share})

    sealed = (await client.get("/readyz")).json()
    checks.equal("it starts sealed", sealed, {"sealed": True, "given": 0, "need": 2})
    checks.equal("... and serves nothing", (await client.get("/api/keys")).status, 503)
    checks.equal("... not even public keys", (await client.get("/oauth/jwks")).status, 503)
    wrong = lines[0][:-1] + ("A" if lines[0][-1] != "A" else "B")
    answer = await post(wrong)
    checks.is_true("a typing mistake is told", answer.status == 400 and b"typing" in answer.body)
    checks.equal("no share", (await post("ward_sha")).status, 400)
    checks.equal("an odd body", (await client.send("POST", "/api/unseal", {"x": 1})).status, 400)
    checks.equal("a long body", (await client.call("POST", "/api/unseal", [], b"x" * 4096)).status,
                 413)
    code, said = house.run("keys", "unseal", "--api", demo.at("api_url"),
                           fds={"WARD_SHARE_FD": lines[0]})
    checks.is_true("one share is not enough", code == 0 and "1 of 2" in said, said)
    twice = await post(lines[0])
    checks.equal("... given twice neither", twice.json()["given"], 1)
    code, said = house.run("keys", "unseal", "--api", demo.at("api_url"),
                           fds={"WARD_SHARE_FD": lines[2]})
    checks.is_true("two open it", code == 0 and "opens" in said, said)

    async def ready():
        try:
            return (await client.get("/readyz", seconds=2)).status == 200
        except (Broken, OSError):
            return None
    checks.is_true("Ward opens", await wait_for(ready, SERVE_SECONDS))
    await house.works(checks, "shares")
    keys = (await demo.api().get("/api/keys")).good()["keys"]
    key = next(one for one in keys if one["purpose"] == "token" and one["state"] == "active")
    found = [one for one in key["holders"] if one["person"] == person["id"]]
    checks.is_true("whoever gave a share is a holder",
                   bool(found) and found[0]["evidence"] == "unsealer", json.dumps(key["holders"]))
    text = house.log.read_text()
    checks.is_true("no share in a log line", not any(one in text for one in lines))
    await leaves(demo.scim(), person["id"])

    async def rotated():
        now = (await demo.api().get("/api/keys")).good()["keys"]
        return next(one for one in now if one["kid"] == key["kid"])["state"] == "compromised"
    checks.is_true("... and his leaving rotates the key", await wait_for(rotated, 10))
    house.stop()


async def holder(demo):
    """The person of demo.json whose user name is known: the staff member."""
    answer = await demo.scim().get(f"/Users/{demo.at('staff.id')}")
    told = answer.good()
    return {"id": str(told["id"]), "userName": told["userName"]}


async def killed(checks, demo, folder):
    """kill -9 after each sync of a change of locks."""
    if not shutil.which("strace"):
        return checks.is_true("strace is here", False)
    base = House(demo, folder / "killed", "kind = \"passphrase\"\n[custody.previous]\n"
                 "key_file = \"key-encryption-key\"\n")
    states = {"old": 0, "new": 0, "both": 0, "neither": 0}
    for cut in range(1, CUTS_MAX + 1):
        here = folder / "killed-now"
        shutil.rmtree(here, ignore_errors=True)
        shutil.copytree(base.folder / "custody", here / "custody")
        shutil.copy(base.folder / "key-encryption-key", here)
        config = (base.folder / "ward.toml").read_text()
        (here / "ward.toml").write_text(config)
        for extra in ("catalogue.toml",):
            shutil.copy(base.folder / extra, here)
        shutil.copytree(base.folder / "policies", here / "policies")
        inject = f"inject=fsync:signal=KILL:when={cut}"
        code, _ = base.run("keys", "rewrap", "--config", here / "ward.toml",
                           fds={"WARD_NEW_PASSPHRASE_FD": WORDS},
                           strace=["strace", "-f", "-qq", "-o", "/dev/null", "-e", inject])
        opens = []
        for name, custody, fds in (
                ("old", "key_file = \"key-encryption-key\"\n", {}),
                ("new", "kind = \"passphrase\"\n", {"WARD_PASSPHRASE_FD": WORDS})):
            trial = folder / "killed-try"
            shutil.rmtree(trial, ignore_errors=True)
            shutil.copytree(here, trial)
            config = base.plain.replace("root_on_hosts = []\n", f"root_on_hosts = []\n{custody}")
            (trial / "ward.toml").write_text(config)
            if name == "new":
                (trial / "key-encryption-key").unlink()
            shutil.copytree(base.folder / "journal", trial / "journal")
            said = base.run("journal", "verify", "--dir", trial, fds=fds)
            opens += [name] if said[0] == 0 else []
        state = opens[0] if len(opens) == 1 else ("both" if opens else "neither")
        states[state] += 1
        if state in ("both", "neither"):
            checks.is_true(f"after sync {cut}", False, state)
        if code == 0:
            break
    note(f"{cut} syncs cut off: {states}")
    checks.equal("custody opens with the old lock or the new one, never both or neither",
                 (states["both"], states["neither"]), (0, 0))
    checks.is_true("each of them was seen", states["old"] > 0 and states["new"] > 1, states)


class Token:
    """A SoftHSM2 token of its own."""

    def __init__(self, folder):
        folder.mkdir()
        (folder / "tokens").mkdir()
        self.conf = put(folder / "softhsm2.conf",
                        f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n"
                        "log.level = ERROR\nslots.removable = false\n")
        self.environment = {"SOFTHSM2_CONF": str(self.conf)}
        self.pin = put(folder / "pin", PIN + "\n")
        self.call("softhsm2-util", "--init-token", "--free", "--label", "ward", "--pin", PIN,
                  "--so-pin", "12345678")

    def call(self, *words):
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False,
                              env={**os.environ, **self.environment})
        return done.stdout + done.stderr

    def tool(self, *words):
        return self.call("pkcs11-tool", "--module", MODULE, "--token-label", "ward", "--login",
                         "--pin", PIN, *words)

    def config(self, inside="true"):
        return (f"kind = \"pkcs11\"\nmodule = \"{MODULE}\"\ntoken = \"ward\"\n"
                f"pin_file = \"{self.pin}\"\nsign_inside = {inside}\n")


async def token(checks, demo, folder):
    if not MODULE or not shutil.which("pkcs11-tool"):
        return checks.is_true("SoftHSM2 and OpenSC are here", False)
    hsm = Token(folder / "hsm")
    house = House(demo, folder / "token", hsm.config() + "[custody.previous]\n"
                  "key_file = \"key-encryption-key\"\n")
    checks.equal("a set with another custody waits for others",
                 await house.adopt(environment=hsm.environment), 1)
    checks.is_true("... and until then custody is as it was", not kept(house.folder))
    # Locked anew by itself, at the start after the others have consented.
    await house.serve(environment=hsm.environment)
    checks.is_true("a change of custody is made at start", kept(house.folder))
    await house.works(checks, "PKCS#11")
    (house.folder / "key-encryption-key").unlink()
    api = demo.api()
    answer = (await api.get("/api/keys")).good()
    checks.is_true("the grade says what it is", answer["custody_grade"].startswith("PKCS#11 sign"))
    old = next(one for one in answer["keys"]
               if one["purpose"] == "token" and one["state"] == "active")
    rotated = (await api.post(f"/api/keys/{old['kid']}/rotate", {})).good()
    shown = (await api.get(f"/api/keys/{rotated['kid']}")).good()
    checks.equal("the next key is made inside", (shown["source"], shown["in_nobodys_hands"]),
                 ("inside", True))
    mine = await house.works(checks, "signed inside")
    checks.equal("... under that key", part_of(mine, 0)["kid"], rotated["kid"])
    listed = hsm.tool("--list-objects", "--type", "privkey")
    checks.is_true("the token says it is never extractable", "never extractable" in listed
                   and "sensitive" in listed, listed[-200:])
    wrapping = hsm.tool("--list-objects", "--type", "secrkey")
    checks.is_true("... the key that wraps too", "never extractable" in wrapping, wrapping[-200:])
    got = hsm.tool("--read-object", "--type", "privkey", "--id",
                   key_id(listed), "--output-file", str(folder / "stolen"))
    stolen = folder / "stolen"
    checks.is_true("... and gives it to nobody", not stolen.exists() or not stolen.stat().st_size,
                   got[-200:])
    judged(checks, await published(demo, rotated["kid"]), mine)
    house.stop()
    house.write(hsm.config())
    await house.serve(environment=hsm.environment)
    await house.works(checks, "after a restart")
    house.stop()
    hsm.pin.write_text("0000\n")
    checks.equal("a wrong PIN does not open", house.ended(environment=hsm.environment),
                 EXIT_DIRECTORY)
    checks.is_true("... and is told", "PIN" in house.last(), house.last())
    hsm.pin.write_text(PIN + "\n")
    for name, change, told in (
            ("module", MODULE, "/nowhere.so"), ("token", "token = \"ward\"", "token = \"wars\""),
            ("key", "pin_file", "token_key = \"other\"\npin_file")):
        house.write(hsm.config().replace(change, told))
        # `ward serve` would go on with the set in force, which still opens custody.
        code, said = house.run("keys", "rewrap", "--config", house.file,
                               environment=hsm.environment)
        checks.is_true(f"no such {name} is told", code == EXIT_DIRECTORY and "PKCS#11" in said,
                       said[:200])


def key_id(listed):
    ids = [line.split(":", 1)[1].strip() for line in listed.splitlines() if "ID:" in line]
    return ids[0] if ids else "00"


async def published(demo, kid):
    keys = (await Client(demo.at("api_url")).get("/oauth/jwks")).json()["keys"]
    return next(key for key in keys if key["kid"] == kid)


def judged(checks, key, token):
    """A token signed inside, checked by somebody else's library against the published key."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils
    import base64

    def octets(text):
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    numbers = ec.EllipticCurvePublicNumbers(
        int.from_bytes(octets(key["x"])), int.from_bytes(octets(key["y"])), ec.SECP256R1())
    signed, signature = token.rsplit(".", 1)
    raw = octets(signature)
    der = utils.encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    try:
        numbers.public_key().verify(der, signed.encode(), ec.ECDSA(hashes.SHA256()))
        checks.is_true("another library verifies what the token signed", True)
    except Exception as error:  # noqa: BLE001 - whatever it says, it is a refusal
        checks.is_true("another library verifies what the token signed", False, repr(error))


async def imports(checks, demo, folder):
    """Every form openssl writes a key in, through the command line."""
    made = folder / "keys"
    made.mkdir()

    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=made)
    secret = put(made / "words", "passphrase\n")
    recipes = {
        "p8.pem": [["pkey", "-in", "k.pem", "-out", "p8.pem"]],
        "p8.der": [["pkey", "-in", "k.pem", "-outform", "DER", "-out", "p8.der"]],
        "sec1.pem": [["ec", "-in", "k.pem", "-out", "sec1.pem"]],
        "enc.pem": [["pkcs8", "-topk8", "-in", "k.pem", "-passout", "pass:passphrase", "-out",
                     "enc.pem"]],
        "enc.der": [["pkcs8", "-topk8", "-in", "k.pem", "-passout", "pass:passphrase", "-outform",
                     "DER", "-out", "enc.der"]],
        "bag.p12": [["req", "-x509", "-key", "k.pem", "-subj", "/CN=t", "-days", "9", "-out",
                     "c.pem"],
                    ["pkcs12", "-export", "-inkey", "k.pem", "-in", "c.pem", "-passout",
                     "pass:passphrase", "-out", "bag.p12"]],
    }
    api = demo.api()
    common = ["--api", demo.at("api_url"), "--token-file",
              put(made / "token", demo.at("admin_token")), "--wait", "--json"]
    for name, steps in recipes.items():
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
                "k.pem")
        for step in steps:
            openssl(*step)
        public = subprocess.run(["openssl", "pkey", "-in", "k.pem", "-pubout", "-outform", "DER"],
                                check=True, capture_output=True, cwd=made).stdout[-64:]
        words = ["keys", "import", made / name, "--issuer", f"https://{name}.example", *common]
        under = name.startswith(("enc", "bag"))
        answer = await import_by_cli(demo, [*words, *(["--passphrase-file", secret] if under
                                                       else [])])
        kid = answer.get("kid", "")
        shown = (await api.get(f"/api/keys/{kid}")).json() if kid else {}
        jwk = await published(demo, kid) if kid else {"x": "", "y": ""}
        want = [part.rstrip(b"=").decode() for part in map(encoded, (public[:32], public[32:]))]
        checks.equal(f"{name} is read", [jwk["x"], jwk["y"]], want)
        checks.is_true(f"{name}: nobody named is everyone",
                       bool(shown.get("holders_unknown_since")))
    for name, words, told in (("enc.pem", "passphrasf", "does not open"),
                              ("p8.pem", None, "here already")):
        ask = {"pem": (made / name).read_text(), "issuer": "https://x.example", "holders": []}
        answer = await api.post("/api/keys/import", ask | ({"passphrase": words} if words else {}))
        checks.is_true(f"{name} under other words, or again, is refused",
                       answer.status in (400, 409) and told in answer.body.decode(),
                       answer.body[:200])
    unknown = await leaver_rotates(demo, api)
    checks.is_true("a key nobody can say the holders of goes with any leaver", unknown)


def encoded(octets):
    import base64
    return base64.urlsafe_b64encode(octets)


async def import_by_cli(demo, words):
    """The command waits; meanwhile the second operator consents."""
    process = await asyncio.create_subprocess_exec(
        demo.ward, *map(str, words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE)
    end = time.monotonic() + 60
    done = asyncio.create_task(process.communicate())
    while not done.done() and time.monotonic() < end:
        items = (await demo.alone().get("/api/approvals?state=waiting")).json()
        waiting = items.get("items") or items.get("approvals") or []
        for one in waiting:
            second = await Operator(demo, "two").sign_in()
            await second.consent(one.get("approval") or one.get("id"))
            second.close()
        await asyncio.sleep(0.2)
    out, error = await done
    try:
        return json.loads(out)
    except ValueError:
        note((out + error).decode()[-300:])
        return {}


async def leaver_rotates(demo, api):
    issuer = f"https://unknown-{time.time_ns()}.example"
    from outside import StolenKey
    ask = {"pem": StolenKey.made().decode(), "issuer": issuer, "holders": ["unknown"]}
    kid = (await api.post("/api/keys/import", ask)).good()["kid"]
    person = await joiner(demo.scim(), "leaver")
    await leaves(demo.scim(), person)

    async def gone():
        return (await api.get(f"/api/keys/{kid}")).good()["state"] == "compromised"
    return await wait_for(gone, 10)


async def rotation(checks, demo, folder):
    """Turns of seconds: published ahead, promoted, retired; nobody is logged out."""
    house = House(demo, folder / "rotation", "")
    house.write("", "\n[rotation]\nevery = \"6s\"\noverlap = \"2s\"\n")
    await house.adopt()
    await house.serve()
    api, open_ = demo.api(), Client(demo.at("api_url"))
    # The demo signs with a key that was brought in, which no schedule takes away.
    kid = demo.at("imported_key.kid")
    checks.equal("a key that was brought in is rotated by hand",
                 (await api.post(f"/api/keys/{kid}/rotate", {})).status, 200)
    seen, tokens, ends = [], [], time.monotonic() + 16
    gaps = 0
    while time.monotonic() < ends:
        keys = (await api.get("/api/keys")).good()["keys"]
        mine = [one for one in keys if one["purpose"] == "token" and one["source"] == "generated"]
        signs = [one["kid"] for one in mine if one["state"] == "active"][-1:]
        public = [key["kid"] for key in (await open_.get("/oauth/jwks")).json()["keys"]]
        gaps += not signs
        if signs and signs[-1] not in [kid for kid, _ in seen]:
            seen.append((signs[-1], None))
            tokens.append(await issue(demo, api, "customer", demo.at("customer.id")))
        gaps += any(one["kid"] not in public for one in mine if one["state"] != "compromised")
        await asyncio.sleep(0.25)
    checks.is_true("keys take turns by themselves", len(seen) >= 3, [kid for kid, _ in seen])
    checks.equal("there is always one that signs, and every one is published", gaps, 0)
    got = [known(await outcome(api, await demo.gate(one).get("/me"))) for one in tokens]
    checks.equal("tokens under each of them live on", got, [True] * len(tokens))
    house.stop()


async def previewed(checks, demo, folder):
    """Counts come before the act; the act needs another person, and cannot be undone."""
    house = House(demo, folder / "preview", "")
    house.write("", "\n[rotation]\noffline_audiences = [\"partner-api\"]\n")
    await house.adopt()
    await house.serve()
    api, alone = demo.api(), demo.alone()
    keys = (await api.get("/api/keys")).good()["keys"]
    key = [one for one in keys if one["purpose"] == "token" and one["state"] == "active"][-1]
    before = (await api.get(f"/api/keys/{key['kid']}/preview")).good()
    tokens = [await issue(demo, api, "customer", demo.at("customer.id")) for _ in range(5)]
    after = (await api.get(f"/api/keys/{key['kid']}/preview")).good()
    checks.equal("the count follows what is issued", after["keep_working"],
                 before["keep_working"] + 5)
    checks.equal("nothing is lost where Ward is asked", after["lost"], 0)
    checks.equal("offline verifiers are named", [one["audience"] for one in
                                                after["offline_verifiers"]], ["partner-api"])
    held = await alone.post(f"/api/keys/{key['kid']}/compromised", {})
    checks.equal("alone it is held", held.status, 202)
    state = (await api.get(f"/api/keys/{key['kid']}")).good()["state"]
    checks.equal("... and nothing has changed", state, "active")
    code, said = house.run("keys", "compromised", key["kid"], "--preview", "--api",
                           demo.at("api_url"), environment={"WARD_TOKEN": demo.at("admin_token")})
    checks.is_true("the command shows the counts", code == 0 and "will keep working" in said
                   and "cannot be undone" in said, said)
    done = (await api.post(f"/api/keys/{key['kid']}/compromised", {})).good()
    checks.is_true("with consent it is done", done["kid"] != key["kid"], done)
    got = [known(await outcome(api, await demo.gate(one).get("/me"))) for one in tokens]
    checks.equal("issued tokens live on", got, [True] * 5)
    kids = [one["kid"] for one in (await Client(demo.at("api_url")).get("/oauth/jwks")).json()[
        "keys"]]
    checks.is_true("the key is published no more", key["kid"] not in kids)
    again = await api.post(f"/api/keys/{key['kid']}/promote", {})
    checks.equal("it cannot be undone", again.status, 409)
    bad = await api.post(f"/api/keys/{done['kid']}/compromised", {"since": "2999-01-01T00:00:00Z"})
    checks.equal("since a moment that will be", bad.status, 400)
    code, said = house.run("keys", "show", done["kid"], "--api", demo.at("api_url"),
                           environment={"WARD_TOKEN": demo.at("admin_token")})
    checks.is_true("`ward keys show` tells who holds it", code == 0 and "in nobody's hands" in said,
                   said[:200])
    house.stop()


async def all_of(demo, folder, wanted):
    checks = Checks()
    parts = {"key_file": key_file, "passphrase": passphrase, "shares": shares, "killed": killed,
             "token": token, "rotation": rotation, "previewed": previewed}
    for name, part in parts.items():
        if wanted and name not in wanted:
            continue
        with checks.part(name):
            await part(checks, demo, folder)
    if not wanted or "imports" in wanted:
        with checks.part("imports"):
            await demo.start()
            try:
                await imports(checks, demo, folder)
            finally:
                demo.stop()
    return checks.finish()


def main():
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("part", nargs="*", help="only these parts")
    given = parser.parse_args()
    folder = own_folder("custody")

    async def play():
        demo = Demo(program(given.ward), folder / "demo", folder / "demo.log", customers=2000)
        await demo.start()
        demo.person = await holder(demo)
        demo.stop()
        return await all_of(demo, folder, given.part)
    try:
        code = asyncio.run(play())
    finally:
        if not given.keep:
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
