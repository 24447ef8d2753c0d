"""What the suites share: a demo of their own, an HTTP client that changes nothing, a table.

Uses none of Ward's code: the demo is a program that is started, everything else is HTTP and
files. Requests leave exactly as written (no library tidies a path), and an answer counts only
when it is complete (RFC 9112 section 6.3).
"""

import argparse
import asyncio
import base64
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
from urllib.parse import urlsplit

# Exit codes `ward --help` documents.
EXIT_TELLS = 1
EXIT_DIRECTORY = 73
EXIT_LATER = 75
EXIT_NEWER = 78

READY_SECONDS = 240
STOP_SECONDS = 30
ANSWER_SECONDS = 30
ANSWER_BYTES_MAX = 64 << 20
# What is read for: scope, who-read, accesses and people ask for it.
PURPOSE = [("Ward-Purpose", "interop")]


# --- the table -----------------------------------------------------------------------------------


class Checks:
    """What was claimed and what came out; says so at once and counts at the end."""

    def __init__(self):
        self.passed, self.failed = 0, 0

    def is_true(self, name, holds, said=""):
        """One claim; `said` is what came out."""
        if holds:
            self.passed += 1
        else:
            self.failed += 1
        print(f"{'ok  ' if holds else 'FAIL'} {name}{': ' if said else ''}{said}", flush=True)
        return bool(holds)

    def equal(self, name, got, want):
        """One claim about a value."""
        if got == want:
            return self.is_true(name, True, clip(got))
        return self.is_true(name, False, f"{clip(got)}\n       wanted: {clip(want)}")

    @contextlib.contextmanager
    def part(self, name):
        """A part that may break off: then it counts as one failed claim and the rest goes on."""
        print(f"\n{name}", flush=True)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this part's failure
            self.is_true(f"{name} (broke off)", False, f"{type(error).__name__}: {error}")

    def finish(self):
        """The closing line; the exit code."""
        print(f"\n{self.passed} passed, {self.failed} failed", flush=True)
        return 0 if self.failed == 0 and self.passed > 0 else 1


def note(text):
    """Something worth reading that claims nothing."""
    print(f"     {text}", flush=True)


def clip(value):
    """A value short enough for a line; nothing for an empty list."""
    if value in ([], {}, ()):
        return ""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 300 else text[:300] + "..."


# --- the client ----------------------------------------------------------------------------------

class Broken(Exception):
    """No complete answer: the connection did not open, broke off or gave no HTTP."""


class Answer:
    """A complete answer."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def header(self, name, default=None):
        """The first value of a header."""
        return next((value for key, value in self.headers if key == name), default)

    @property
    def request_id(self):
        return self.header("ward-request-id")

    @property
    def keeps(self):
        """Whether the connection can be used again."""
        return "close" not in (self.header("connection") or "").lower()

    def json(self):
        return json.loads(self.body)

    def good(self):
        """The JSON of a successful answer; anything else is an error."""
        if not 200 <= self.status < 300:
            raise Broken(f"status {self.status}: {clip(self.body.decode(errors='replace'))}")
        return json.loads(self.body) if self.body else None


class Connection:
    """One HTTP/1.1 connection."""

    def __init__(self, base):
        at = urlsplit(base)
        self.host, self.port = at.hostname, at.port or 80
        self.reader = self.writer = None

    async def open(self):
        try:
            self.reader, self.writer = await asyncio.open_connection(
                self.host, self.port, limit=1 << 20)
        except OSError as error:
            raise Broken(f"no connection to {self.host}:{self.port}: {error}") from error

    def close(self):
        if self.writer:
            self.writer.close()
        self.reader = self.writer = None

    async def ask(self, method, target, headers=(), body=b"", seconds=ANSWER_SECONDS):
        """Sends one request as written and reads one complete answer."""
        if not self.writer:
            await self.open()
        try:
            return await asyncio.wait_for(self._ask(method, target, headers, body), seconds)
        except (OSError, EOFError, ValueError, IndexError, asyncio.LimitOverrunError,
                asyncio.TimeoutError, Broken) as error:
            self.close()
            raise Broken(f"{type(error).__name__}: {error}") from error
        except asyncio.CancelledError:
            self.close()
            raise

    async def _ask(self, method, target, headers, body):
        lines = [f"{method} {target} HTTP/1.1"]
        named = {key.lower() for key, _ in headers}
        if "host" not in named:
            lines.append(f"Host: {self.host}:{self.port}")
        if body and "content-length" not in named and "transfer-encoding" not in named:
            lines.append(f"Content-Length: {len(body)}")
        lines += [f"{key}: {value}" for key, value in headers]
        self.writer.write("\r\n".join([*lines, "", ""]).encode("utf-8") + body)
        await self.writer.drain()
        answer = await read_answer(self.reader, method)
        if not answer.keeps:
            self.close()
        return answer


async def read_answer(reader, method):
    """Reads one answer, whole."""
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        if not head[0].startswith("HTTP/1."):
            raise Broken("no HTTP answer")
        status = int(head[0].split(" ", 2)[1])
        if status >= 200:
            break
    headers = []
    for line in filter(None, head[1:]):
        key, _, value = line.partition(":")
        headers.append((key.strip().lower(), value.strip()))
    answer = Answer(status, headers, b"")
    if method == "HEAD" or status in (204, 304):
        return answer
    if "chunked" in (answer.header("transfer-encoding") or "").lower():
        answer.body = await read_chunks(reader)
    elif answer.header("content-length") is not None:
        length = int(answer.header("content-length"))
        if length > ANSWER_BYTES_MAX:
            raise Broken(f"an answer of {length} bytes")
        answer.body = await reader.readexactly(length)
    else:
        answer.body = await reader.read(ANSWER_BYTES_MAX)
        headers.append(("connection", "close"))
    return answer


async def read_chunks(reader):
    parts, total = [], 0
    while True:
        length = int((await reader.readuntil(b"\r\n")).split(b";")[0].strip(), 16)
        total += length
        if total > ANSWER_BYTES_MAX:
            raise Broken("an answer without end")
        if length == 0:
            while (await reader.readuntil(b"\r\n")) != b"\r\n":
                pass
            return b"".join(parts)
        parts.append(await reader.readexactly(length))
        await reader.readexactly(2)


class Client:
    """A client of one address with one credential; connections are kept and used again."""

    def __init__(self, base, bearer=None, headers=()):
        self.base, self.headers, self.idle = base.rstrip("/"), list(headers), []
        at = urlsplit(self.base)
        self.prefix = at.path
        if bearer:
            self.headers.append(("Authorization", f"Bearer {bearer}"))

    async def call(self, method, target, headers=(), body=b"", seconds=ANSWER_SECONDS):
        connection, used = (self.idle.pop(), True) if self.idle else (Connection(self.base), False)
        given = [*self.headers, *headers]
        target = self.prefix + target if target.startswith("/") else target
        try:
            answer = await connection.ask(method, target, given, body, seconds)
        except Broken:
            if not used:
                raise
            # WHY: an idle connection may have been closed by the other side in between.
            connection = Connection(self.base)
            answer = await connection.ask(method, target, given, body, seconds)
        if connection.writer:
            self.idle.append(connection)
        return answer

    async def get(self, target, headers=(), seconds=ANSWER_SECONDS):
        return await self.call("GET", target, headers, seconds=seconds)

    async def send(self, method, target, value, kind="application/json", seconds=ANSWER_SECONDS):
        """Sends a JSON document."""
        body = json.dumps(value).encode()
        return await self.call(method, target, [("Content-Type", kind)], body, seconds)

    async def post(self, target, value):
        return await self.send("POST", target, value)

    def close(self):
        for connection in self.idle:
            connection.close()
        self.idle.clear()


async def wait_for(ask, seconds=10.0, pause=0.02):
    """Asks until there is an answer; None when the time is over."""
    end = time.monotonic() + seconds
    while True:
        if (got := await ask()) not in (None, False):
            return got
        if time.monotonic() > end:
            return None
        await asyncio.sleep(pause)


# --- the demo ------------------------------------------------------------------------------------

class Demo:
    """`ward demo` in a directory: started, stopped, killed, started again."""

    def __init__(self, ward, folder, log, customers=None, port_base=0):
        self.ward, self.folder, self.log = str(ward), pathlib.Path(folder), pathlib.Path(log)
        self.customers, self.port_base, self.more = customers, port_base, []
        self.process, self.facts, self.started_s = None, None, None

    @classmethod
    def found(cls, facts_file):
        """A demo that somebody else started."""
        file = pathlib.Path(facts_file)
        file = file / "demo.json" if file.is_dir() else file
        demo = cls("", file.parent, file.parent / "log")
        demo.facts = json.loads(file.read_text())
        return demo

    @property
    def facts_file(self):
        return self.folder / "demo.json"

    def command(self):
        words = [self.ward, "demo", "--dir", str(self.folder),
                 "--port-base", str(self.port_base), "--json", *self.more]
        return [*words, "--customers", str(self.customers)] if self.customers else words

    def spawn(self):
        """Starts it and does not wait."""
        self.started_s = int(time.time())
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True)

    async def start(self, seconds=READY_SECONDS):
        """Starts it and waits until it is ready; returns the seconds that took."""
        before = identity(self.facts_file)
        begun = time.monotonic()
        self.spawn()
        while time.monotonic() - begun < seconds:
            if (code := self.process.poll()) is not None:
                raise Broken(f"ward demo ended with code {code}: {self.last_words()}")
            if await self._is_ready(before, time.monotonic() - begun):
                return time.monotonic() - begun
            await asyncio.sleep(0.02)
        self.kill()
        raise Broken(f"ward demo not ready within {seconds} s: {self.last_words()}")

    async def _is_ready(self, before, waited):
        # WHY: the file of the last start may still lie there and name ports of nobody. One that
        # is not written anew is believed only if somebody answers there after a while.
        if identity(self.facts_file) in (None, before) and waited < 3:
            return False
        try:
            facts = json.loads(self.facts_file.read_text())
            api = Client(facts["api_url"])
            answer = await api.get("/readyz", seconds=2)
            api.close()
        except (OSError, ValueError, KeyError, Broken):
            return False
        self.facts = facts
        return answer.status == 200

    def stop(self):
        """Ctrl-C; returns the exit code."""
        if not self.process or self.process.poll() is not None:
            return self.process.returncode if self.process else None
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def kill(self):
        """kill -9 of the process that was started here, and of nobody else."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def last_words(self):
        with contextlib.suppress(OSError):
            return clip(" / ".join(self.log.read_text(errors="replace").splitlines()[-6:]))
        return "it said nothing"

    def at(self, path):
        """A value of demo.json by its dotted path; ids as text."""
        value = self.facts
        for key in path.split("."):
            value = value[key]
        return value if isinstance(value, (dict, list)) else str(value)

    def gate(self, bearer=None, headers=()):
        return Client(self.at("gate_url"), bearer, headers)

    def shop(self, bearer=None, headers=()):
        return Client(self.at("shop_url"), bearer, headers)

    def api(self):
        """The first operator's API key; the second consents to what is held."""
        from operators import Approving  # WHY here: it leans on this file.
        return Approving(self, self.at("api_url"), self.at("admin_token"))

    def alone(self):
        """The first operator's API key, and nobody who consents."""
        return Client(self.at("api_url"), self.at("admin_token"), PURPOSE)

    def scim(self):
        return Client(self.at("scim_url"), self.at("scim_token"))

    def run(self, *words, seconds=300):
        """Another command of the program: (exit code, what it said)."""
        done = subprocess.run([self.ward, *map(str, words)], capture_output=True, text=True,
                              timeout=seconds, stdin=subprocess.DEVNULL, check=False)
        return done.returncode, (done.stdout + done.stderr).strip()

    def verify(self, folder=None, checkpoint=None):
        """`ward journal verify`."""
        words = ["journal", "verify", "--dir", folder or self.folder]
        return self.run(*words, *(["--checkpoint", checkpoint] if checkpoint else []))


def identity(file):
    """What changes when a file is replaced; None when there is none."""
    try:
        stat = os.stat(file)
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns


async def issue(demo, api, kind, sub, life_seconds=3000, login="suite", tenant=None):
    """A token, as a login service would ask for it."""
    ask = {"kind": kind, "sub": str(sub), "audience": demo.at("imported_key.audience"),
           "life_seconds": life_seconds, "login": login}
    if tenant is not None:
        ask["tenant"] = str(tenant)
    return (await api.post("/api/tokens", ask)).good()["token"]


async def joiner(scim, name):
    """A new person; his SCIM id."""
    user = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": f"{name}-{time.time_ns()}@shop.example", "active": True}
    answer = await scim.send("POST", "/Users", user, "application/scim+json")
    return str(answer.good()["id"])


async def leaves(scim, person):
    """He leaves, in Microsoft Entra's spelling; the identity provider's answer."""
    patch = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
             "Operations": [{"op": "Replace", "path": "active", "value": "False"}]}
    return await scim.send("PATCH", f"/Users/{person}", patch, "application/scim+json", seconds=10)


async def access(api, request_id, seconds=2.0):
    """What an operator is told about a request; None when Ward knows nothing of it."""
    async def ask():
        answer = await api.get(f"/api/accesses/{request_id}")
        return None if answer.status == 404 else answer.good()
    return await wait_for(ask, seconds)


async def outcome(api, answer):
    """Status and verdict in one text: `401 refuse never_issued`, `200 permit`."""
    if not answer.request_id:
        return f"{answer.status} without Ward-Request-Id"
    told = await access(api, answer.request_id)
    if told is None:
        return f"{answer.status} and no record"
    reason = told.get("reason")
    return f"{answer.status} {told.get('verdict')}" + (f" {reason}" if reason else "")


# --- what a thief can do ------------------------------------------------------------------------

def base64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def part_of(token, nth):
    """The JSON of a token's header (0) or claims (1)."""
    text = token.split(".")[nth]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


class StolenKey:
    """A P-256 key and its `kid`: all that the thief of the demo holds."""

    def __init__(self, pem, kid):
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
        self.key = load_pem_private_key(pem, password=None)
        self.kid = kid

    @staticmethod
    def made():
        """The PEM (PKCS#8) of a new key, as an old login service would hold it."""
        from cryptography.hazmat.primitives import serialization as form
        from cryptography.hazmat.primitives.asymmetric import ec
        key = ec.generate_private_key(ec.SECP256R1())
        return key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())

    def sign(self, claims, header=None):
        """A token with these claims (a value, or their base64url text as it stands)."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, utils
        header = header or {"alg": "ES256", "kid": self.kid, "typ": "at+jwt"}
        first = base64url(json.dumps(header, separators=(",", ":")).encode())
        if not isinstance(claims, str):
            claims = base64url(json.dumps(claims, separators=(",", ":")).encode())
        signed = f"{first}.{claims}"
        der = self.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256()))
        r, s = utils.decode_dss_signature(der)
        return f"{signed}.{base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def forge(self, issuer, audience, sub, iat=None, life=1800):
        """A login token for anybody."""
        iat = int(time.time()) if iat is None else iat
        return self.sign({"jti": base64url(os.urandom(30)), "iss": issuer, "sub": str(sub),
                          "aud": audience, "iat": iat, "exp": iat + life,
                          "client_id": "login", "kind": "customer"})


def junk_signature(token):
    """The same token with 64 other bytes for a signature."""
    return token.rsplit(".", 1)[0] + "." + base64url(b"\x5a" * 64)


# --- the command line ---------------------------------------------------------------------------

def options(about, **defaults):
    """The options every suite takes."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--ward", default=None, help="the program (else WARD_BIN, else target/)")
    parser.add_argument("--seed", type=int, default=defaults.get("seed", 1))
    parser.add_argument("--keep", action="store_true", help="leave the directory behind")
    return parser


def program(given):
    """The program under test."""
    home = pathlib.Path(__file__).resolve().parents[2]
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or home / "target")
    for path in filter(None, [given, os.environ.get("WARD_BIN"), target / "release" / "ward"]):
        if pathlib.Path(path).is_file():
            return str(pathlib.Path(path).resolve())
    sys.exit("no ward program: give --ward PATH, or build it with `cargo build --release`")


def own_folder(name):
    """An empty folder of this run."""
    parent = os.environ.get("WARD_SUITE_DIR")
    if parent:
        parent = pathlib.Path(parent).resolve()
        parent.mkdir(parents=True, exist_ok=True)
    return pathlib.Path(tempfile.mkdtemp(prefix=f"ward-{name}-", dir=parent))
