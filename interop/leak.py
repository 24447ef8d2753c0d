"""No way out: everything is run, then every byte that came out is searched for private keys.

The searched keys are all there are: one that was planted (imported) and every one that Ward made,
taken out of custody by this suite with the key file, as only root on the host can. They are looked
for in every answer of the program, its log lines, what its commands print, its whole state
directory, a backup, and what a crash leaves: raw, reversed, hexadecimal, base64, base64url, as
JWK, as the integers of a listing, and as DER. The search itself is shown to find a planted one.

    python3 interop/leak.py [--ward PATH] [--keep]
"""

import asyncio
import base64
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))

from outside import (  # noqa: E402
    PURPOSE, Broken, Checks, Client, Demo, StolenKey, issue, joiner, leaves, note, options,
    own_folder, program)

FOLDER_BYTES_MAX = 2 << 30
CRASH_SECONDS = 20


# --- what is searched for ------------------------------------------------------------------------

def forms(scalar):
    """Every form in which 32 private bytes could be carried away: {name: bytes}."""
    found = {"raw": scalar, "reversed": scalar[::-1], "hex": scalar.hex().encode(),
             "HEX": scalar.hex().upper().encode(),
             "hex with colons": ":".join(f"{byte:02x}" for byte in scalar).encode(),
             "integers": ", ".join(str(byte) for byte in scalar).encode(),
             "compact integers": ",".join(str(byte) for byte in scalar).encode(),
             "decimal": str(int.from_bytes(scalar)).encode()}
    for skip in range(3):
        # Inside a longer text: the whole groups at each of the three offsets.
        whole = scalar[skip:skip + (len(scalar) - skip) // 3 * 3]
        found[f"base64 at {skip}"] = base64.b64encode(whole)
        found[f"base64url at {skip}"] = base64.urlsafe_b64encode(whole)
    found["JWK"] = b'"d":"' + base64.urlsafe_b64encode(scalar).rstrip(b"=")
    found["DER"] = b"\x04\x20" + scalar
    return found


def search(haystack, scalars):
    """[(which key, which form)] of whatever is in there."""
    return [(name, form) for name, scalar in scalars.items()
            for form, needle in forms(scalar).items() if needle in haystack]


def unsealed(folder):
    """Every private scalar in custody, opened with the key file: {kid or name: 32 bytes}."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    kek = base64.b64decode((folder / "key-encryption-key").read_bytes())
    found = {}
    for path in sorted((folder / "custody").glob("*.sealed")):
        data = path.read_bytes()
        size = int.from_bytes(data[10:12], "little")
        header, rest = data[:12 + size], data[12 + size:]
        plain = AESGCM(kek).decrypt(rest[:12], rest[12:], header)
        label = header[12:].decode()
        found[label] = plain[:32]
    return found


def scalar_of(pem):
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    return load_pem_private_key(pem, None).private_numbers().private_value.to_bytes(32)


# --- everything that comes out -------------------------------------------------------------------

class Tap:
    """Keeps every answer of every client."""

    def __init__(self):
        self.seen, self.answers = [], 0

    def wrap(self):
        call, tap = Client.call, self

        async def tapped(self, *words, **named):
            answer = await call(self, *words, **named)
            tap.answers += 1
            tap.seen.append(repr(answer.headers).encode() + b"\n" + answer.body)
            return answer
        Client.call = tapped

    def said(self, text):
        self.seen.append(text.encode())

    def all(self):
        return b"\n".join(self.seen)


async def everything(demo, tap, planted):
    """A day of a house: keys come, sign, rotate, are taken back; everything is read."""
    api, scim = demo.api(), demo.scim()
    person = await joiner(scim, "holder")
    issuer = demo.at("imported_key.issuer")
    ask = {"pem": planted.decode(), "issuer": issuer, "holders": [person], "activate": True}
    kid = (await api.post("/api/keys/import", ask)).good()["kid"]
    # What fails with a key in it must not say it either.
    for wrong in ({**ask, "holders": ["nobody"]}, {**ask, "extra": 1}, ask,
                  {**ask, "pem": planted.decode()[:-40]}, {"pem": planted.decode()}):
        await demo.alone().post("/api/keys/import", wrong)
        await api.post("/api/keys/import", wrong)
    await api.call("POST", "/api/keys/import", [], planted)
    token = await issue(demo, api, "customer", demo.at("customer.id"))
    await demo.gate(token).get("/me")
    await demo.gate(token[:-4] + "AAAA").get("/me")
    for path in ("rotate", "promote", "retire", "compromised"):
        await api.post(f"/api/keys/{kid}/{path}", {})
    keys = (await api.get("/api/keys")).good()["keys"]
    for key in keys:
        for path in ("", "/preview"):
            await api.get(f"/api/keys/{key['kid']}{path}")
        await api.post(f"/api/keys/{key['kid']}/rotate", {"publish_first": True})
    await leaves(scim, person)
    for path in ("/oauth/jwks", "/.well-known/oauth-authorization-server", "/metrics", "/readyz",
                 "/openapi.json", "/journal/checkpoint", "/journal/key", "/api/doctor",
                 "/api/incidents", "/api/alerts", "/api/accesses", "/api/people",
                 "/api/approvals", "/api/operators", "/api/operators/record", "/api/catalogue",
                 "/api/journal/health", "/", "/console", "/api/operators/record/export"):
        for client in (api, Client(demo.at("api_url"), None, PURPOSE)):
            try:
                await client.get(path)
            except Broken as error:
                note(f"{path}: {error}")
    # Entries and hashes of the journal, as far as they are served.
    for index in range(40):
        await api.get(f"/api/journal/proof?index={index}")
    for words in (["keys", "list"], ["keys", "show", kid],
                  ["keys", "compromised", kid, "--preview"], ["doctor"],
                  ["incidents", "list"], ["journal", "checkpoint"]):
        tap.said(demo.run(*words, "--demo", str(demo.folder))[1])
    tap.said(demo.run("keys", "list", "--demo", str(demo.folder), "--json")[1])
    return kid


def backup(demo, tap, folder):
    """A sealed backup, opened: what is inside is as sealed as in the state directory."""
    out, identity = folder / "backup.age", folder / "identity"
    tap.said(demo.run("backup", "keygen", "--out", identity)[1])
    recipient = next(line for line in identity.read_text().splitlines() if "age1" in line)
    recipient = recipient[recipient.index("age1"):].split()[0]
    code, said = demo.run("backup", "create", "--out", out, "--recipient", recipient, "--config",
                          demo.folder / "ward.toml", "--demo", demo.folder)
    tap.said(said)
    import pyrage
    plain = pyrage.decrypt(out.read_bytes(), [pyrage.x25519.Identity.from_str(
        next(line for line in identity.read_text().splitlines()
             if line.startswith("AGE-SECRET-KEY")))]) if code == 0 else b""
    return code, plain


def files(folder, without=()):
    """{path: bytes} of everything under a folder but for some names."""
    found, size = {}, 0
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.is_symlink() or path.name in without:
            continue
        size += path.stat().st_size
        assert size < FOLDER_BYTES_MAX, "the state directory is too large to search"
        found[str(path.relative_to(folder))] = path.read_bytes()
    return found


# --- what a crash leaves ------------------------------------------------------------------------

def allow_dumps():
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def dumps_here(folder):
    """Whether this machine writes core dumps beside the program: what the claim below stands on."""
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if pattern.startswith("|") or "/" in pattern:
        return f"not to be seen: core_pattern is {pattern}"
    folder.mkdir(exist_ok=True)
    held = "held-" + "5" * 40
    try:
        done = subprocess.Popen(
            [sys.executable, "-c", "import sys,time; held = sys.argv[1]; time.sleep(60)", held],
            cwd=folder, preexec_fn=allow_dumps)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return f"the limit cannot be lifted: {error}"
    time.sleep(1)
    done.send_signal(signal.SIGABRT)
    done.wait(CRASH_SECONDS)
    cores = [path for path in folder.iterdir() if path.name.startswith("core")]
    if not cores:
        return "a program without a defence leaves none here either"
    return None if any(held.encode() in path.read_bytes() for path in cores) else "a dump is empty"


def crash(checks, demo, folder, scalars):
    why = dumps_here(folder / "control")
    checks.is_true("a program without a defence leaves a core dump with its memory",
                   why is None or why.startswith("not to be seen"), why or "")
    crashed = folder / "crashed"
    crashed.mkdir()
    words = [demo.ward, "demo", "--dir", str(demo.folder), "--port-base", "0", "--customers",
             str(demo.customers), "--json"]
    with open(crashed / "log", "ab") as log:
        process = subprocess.Popen(words, cwd=crashed, stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=log, preexec_fn=allow_dumps, start_new_session=True)
    end = time.monotonic() + 120
    while time.monotonic() < end and b"console" not in (crashed / "log").read_bytes():
        time.sleep(0.2)
    limits = pathlib.Path(f"/proc/{process.pid}/limits").read_text()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    checks.is_true("the limit of core dumps is 0, soft and hard", core.split()[4:6] == ["0", "0"],
                   core)
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    locked = next(line for line in status.splitlines() if line.startswith("VmLck"))
    note(locked)
    told = demo.run("doctor", "--demo", demo.folder)[1]
    memory = next((line for line in told.splitlines() if " memory " in line), "")
    is_locked = int(locked.split()[1]) > 0
    checks.is_true("`ward doctor` says how memory is kept",
                   ("neither dumped nor swapped" in memory) == is_locked, memory)
    before = find(process.pid, scalars)
    note(f"root reads the memory of the running program and finds {before} keys: he is a holder")
    checks.is_true("the search finds keys in a memory that has them", before is None or before > 0)
    os.kill(process.pid, signal.SIGABRT)
    process.wait(CRASH_SECONDS)
    checks.equal("it is ended by the signal", process.returncode, -signal.SIGABRT)
    cores = [path.name for path in crashed.iterdir() if path.name.startswith("core")]
    cores += [path.name for path in demo.folder.iterdir() if path.name.startswith("core")]
    checks.equal("a crash leaves no core dump", cores, [])


def find(pid, scalars):
    """How many of the keys are in a process's memory; None where that cannot be read."""
    found = set()
    try:
        maps = pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines()
        with open(f"/proc/{pid}/mem", "rb", 0) as memory:
            for line in maps:
                span, rights = line.split()[:2]
                start, end = (int(half, 16) for half in span.split("-"))
                if not rights.startswith("rw") or end - start > 1 << 28:
                    continue
                try:
                    memory.seek(start)
                    data = memory.read(end - start)
                except (OSError, ValueError, OverflowError):
                    continue
                found |= {name for name, scalar in scalars.items()
                          if scalar in data or scalar[::-1] in data}
    except OSError as error:
        note(f"memory is not readable: {error}")
        return None
    return len(found)


async def play(checks, demo, folder):
    tap = Tap()
    tap.wrap()
    planted = StolenKey.made()
    with checks.part("the search itself"):
        scalar = scalar_of(planted)
        every = forms(scalar)
        missed = [name for name, form in every.items() if not search(b"x" * 7 + form + b"y",
                                                                    {"planted": scalar})]
        checks.equal("a planted key is found in each of its forms", missed, [])
        der = base64.b64decode(b"".join(planted.splitlines()[1:-1]))
        checks.is_true("... inside PKCS#8 DER", search(der, {"planted": scalar}))
        checks.is_true("... inside a PEM file", search(b"".join(planted.split(b"\n")),
                                                      {"planted": scalar}))
        checks.equal("... and nowhere else", search(os.urandom(1 << 20), {"planted": scalar}), [])
    await demo.start()
    with checks.part("everything is run"):
        await everything(demo, tap, planted)
        code, said = demo.run("tour", "--dir", demo.folder, seconds=240)
        tap.said(said)
        checks.is_true("the tour was played", code in (0, 1) and len(said) > 1000, said[-200:])
    with checks.part("what came out"):
        scalars = unsealed(demo.folder)
        keys = [name for name in scalars if name.startswith("key/")]
        checks.is_true("every key in custody is searched for", len(keys) >= 6, len(keys))
        checks.is_true("... the planted one among them", scalar in scalars.values())
        out = tap.all()
        checks.is_true("answers were kept", tap.answers > 120 and len(out) > 100_000,
                       f"{tap.answers} answers, {len(out)} bytes")
        checks.equal("no answer and no command says a private key", search(out, scalars), [])
        log = demo.log.read_bytes()
        checks.equal("no log line says one", search(log, scalars), [])
        code, plain = backup(demo, tap, folder)
        checks.is_true("a backup was taken and opened", code == 0 and len(plain) > 10_000,
                       len(plain))
        checks.equal("no backup holds one", search(plain, scalars), [])
    demo.stop()
    with checks.part("the state directory"):
        # WHY without: the key file is what opens custody, and demo.json holds the planted key of
        # the demo's own old login service, which plays the thief.
        without = ("demo.json", "imported-key.pem", "shop.db", "shop.db-wal")
        kept = files(demo.folder, without)
        sizes = sum(len(data) for data in kept.values())
        checks.is_true("it was read whole", len(kept) > 10 and sizes > 100_000,
                       f"{len(kept)} files, {sizes} bytes")
        found = [(path, hit) for path, data in kept.items() for hit in search(data, scalars)]
        checks.equal("no file holds a private key", found, [])
    with checks.part("a crash"):
        crash(checks, demo, folder, scalars)


def main():
    given = options(__doc__.splitlines()[0]).parse_args()
    folder = own_folder("leak")
    checks = Checks()
    demo = Demo(program(given.ward), folder / "demo", folder / "demo.log", customers=2000)
    try:
        asyncio.run(play(checks, demo, folder))
    finally:
        demo.stop()
        if not given.keep:
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(checks.finish())


if __name__ == "__main__":
    main()
