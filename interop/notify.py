#!/usr/bin/env python3
"""Calls out of Ward against servers that others wrote: mail to aiosmtpd, webhooks whose signatures
the specification's own library verifies.

The program under test is `notify`, an example of `ward-outbound`: it reads a plan, sends one notice
to each target, and prints what became of it. Every server here has a certificate of an authority
made for this run.
"""

import asyncio
import contextlib
import datetime
import email
import email.policy
import http.server
import ipaddress
import json
import logging
import os
import pathlib
import shutil
import ssl
import sys
import threading
import warnings

from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from standardwebhooks.webhooks import Webhook

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
from outside import Broken, Checks, note, options, own_folder  # noqa: E402

ATTEMPTS = 3
RUN_SECONDS = 60
LOGIN, PASSWORD = "ward", "correct horse"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SENDER = "ward@example.com"
TITLE = "Änderung wartet auf eine zweite Person: Grenze für „Kundendienst“ von 50 auf 5.000 Personen"
LINES = ["Vorgeschlagen von Ada (Sicherheit)", ".", "Läuft ab: 2026-11-19 09:00 UTC", "x" * 500]


class Authority:
    """Makes certificates that nobody else trusts."""

    def __init__(self, name):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self.signed(self.name, self.key, x509.BasicConstraints(True, None))

    def signed(self, name, key, constraints, *names):
        day, now = datetime.timedelta(days=1), datetime.datetime.now(datetime.timezone.utc)
        made = (x509.CertificateBuilder().subject_name(name).issuer_name(self.name)
                .public_key(key.public_key()).serial_number(x509.random_serial_number())
                .not_valid_before(now - day).not_valid_after(now + day)
                .add_extension(constraints, critical=True))
        if names:
            made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return made.sign(self.key, hashes.SHA256())

    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def server(self, folder, host):
        """A TLS context of a server that is `host`."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        try:
            alternative = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            alternative = x509.DNSName(host)
        certificate = self.signed(name, key, x509.BasicConstraints(False, None), alternative)
        file = folder / f"{host}.pem"
        file.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                              serialization.NoEncryption())
            + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


class Receiver:
    """An HTTPS server that takes webhooks; answers with one status after the other, the last one
    again and again."""

    def __init__(self, context, *statuses):
        self.seen, self.paths, left = [], [], list(statuses)
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.seen.append((dict(self.headers.items()), body))
                receiver.paths.append(self.path)
                status = left.pop(0) if len(left) > 1 else left[0]
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("location", "/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *_):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Quiet(("127.0.0.1", 0), Handler)
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"{'https' if context else 'http'}://localhost:{self.server.server_port}/hook"


class Mailbox:
    """What an aiosmtpd server does with letters: keeps them, unless told otherwise by recipient."""

    def __init__(self):
        self.letters, self.logins, self.commands, self.refusals = [], [], [], {}

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        session.host_name = hostname
        self.commands.append(f"EHLO {hostname}")
        return responses

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        self.commands.append(f"RCPT {address}")
        refusals = self.refusals.get(address, [])
        if refusals:
            return refusals.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        refusals = self.refusals.get("DATA", [])
        if refusals:
            return refusals.pop(0)
        letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.letters.append((session, envelope, letter))
        return "250 Taken"

    def check_login(self, server, session, envelope, mechanism, data):
        given = (data.login.decode(), data.password.decode())
        encrypted = server.transport.get_extra_info("ssl_object") is not None
        self.logins.append((mechanism, encrypted, given[0]))
        return AuthResult(success=given == (LOGIN, PASSWORD), handled=False)

    def letter(self, at=-1):
        return self.letters[at][2]


@contextlib.asynccontextmanager
async def mail_server(mailbox, *, tls=None, starttls=None, login=True):
    """A mail server on this machine; its port."""
    def protocol():
        # aiosmtpd knows no TLS but that which STARTTLS began.
        return SMTP(mailbox, hostname="mail.test", tls_context=starttls,
                    require_starttls=starttls is not None, auth_required=login,
                    auth_require_tls=starttls is not None,
                    authenticator=mailbox.check_login if login else None)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class Suite:
    """One run of the suite."""

    def __init__(self, program, checks, folder):
        self.program, self.checks, self.folder, self.runs = program, checks, folder, 0
        self.ours = Authority("ours")
        (folder / "ca.pem").write_bytes(self.ours.pem())
        (folder / "secret").write_text(SECRET + "\n")
        (folder / "short").write_text("whsec_c2hvcnQ=\n")
        (folder / "password").write_text(PASSWORD + "\n")
        (folder / "wrong").write_text("battery staple\n")
        self.tls = self.ours.server(folder, "localhost")

    async def send(self, *, webhooks=(), mails=(), title=TITLE, notice_id="approval-7",
                   first_ms=10):
        """Runs the program: its exit code, and its reports by target."""
        self.runs += 1
        plan = {
            "ca": "ca.pem", "console": "https://ward.example.com",
            "plan": {"first_ms": first_ms, "longest_ms": first_ms, "attempts_max": ATTEMPTS},
            "notice": {"id": notice_id, "title": title, "lines": LINES, "link": "/approvals/7"},
            "webhooks": list(webhooks), "mails": list(mails)}
        file = self.folder / f"plan-{self.runs}.json"
        file.write_text(json.dumps(plan))
        child = await asyncio.create_subprocess_exec(
            self.program, str(file), stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        try:
            said, errors = await asyncio.wait_for(child.communicate(), RUN_SECONDS)
        except asyncio.TimeoutError:
            child.kill()
            raise Broken(f"{file.name}: not over after {RUN_SECONDS} s") from None
        spoken = (said + errors).decode()
        for secret in (SECRET, SECRET[6:], PASSWORD, "battery staple"):
            if secret in spoken:
                self.checks.is_true("no secret is printed", False, file.name)
        reports = {}
        for line in said.decode().splitlines():
            report = json.loads(line)
            reports.setdefault(report["target"], []).append(report)
        return child.returncode, reports, errors.decode()

    def hook(self, receiver, secret="secret", name="hook"):
        return {"name": name, "url": receiver if isinstance(receiver, str) else receiver.url,
                "secret": secret}

    def mail(self, scheme, port, to="ada@example.org", password="password", name=None):
        given = {"name": name or to, "server": f"{scheme}://localhost:{port}", "from": SENDER,
                 "to": to}
        if password:
            given |= {"user": LOGIN, "password": password}
        return given


def fates(reports, target):
    return [report["fate"] for report in reports.get(target, [])]


def why(reports, target):
    return reports[target][-1]["why"] if target in reports else "no report"


# --- the parts -----------------------------------------------------------------------------------

async def every_way(suite):
    """One notice over each way."""
    checks, hook = suite.checks, Receiver(suite.tls, 200)
    started, wrapped, local = Mailbox(), Mailbox(), Mailbox()
    async with (mail_server(started, starttls=suite.tls) as started_port,
                mail_server(wrapped, tls=suite.tls) as wrapped_port,
                mail_server(local, login=False) as local_port):
        code, reports, _ = await suite.send(webhooks=[suite.hook(hook)], mails=[
            suite.mail("smtp", started_port, name="starttls"),
            suite.mail("smtps", wrapped_port, name="tls"),
            suite.mail("smtp+plain", local_port, name="local", password=None)])
    checks.equal("exit code", code, 0)
    for target in ("hook", "starttls", "tls", "local"):
        checks.equal(f"{target}: delivered at once", fates(reports, target), ["delivered"])
    headers, body = hook.seen[0]
    told = Webhook(SECRET).verify(body, headers)
    checks.equal("the webhook verifies; its type", told["type"], "approval.proposed")
    checks.equal("the webhook's title", told["data"]["title"], TITLE)
    checks.equal("the webhook's lines", told["data"]["lines"], LINES)
    checks.equal("the webhook's link", told["data"]["link"],
                 "https://ward.example.com/approvals/7")
    for name, mailbox in (("starttls", started), ("tls", wrapped), ("local", local)):
        checks.equal(f"{name}: one letter", len(mailbox.letters), 1)
        letter = mailbox.letter()
        checks.equal(f"{name}: subject", letter["subject"], TITLE)
        checks.equal(f"{name}: Message-ID", letter["message-id"], "<approval-7@example.com>")
        checks.equal(f"{name}: made by a machine", letter["auto-submitted"], "auto-generated")
        checks.equal(f"{name}: from and to", (letter["from"], letter["to"]),
                     (SENDER, "ada@example.org"))
        text = letter.get_content().replace("\r\n", "\n").split("\n")
        checks.equal(f"{name}: every line", text[2:6], LINES)
        checks.is_true(f"{name}: link", "https://ward.example.com/approvals/7" in text)
        checks.equal(f"{name}: nothing wrong with its form", letter.defects, [])
    for name, mailbox in (("starttls", started), ("tls", wrapped)):
        checks.equal(f"{name}: logged in once, encrypted", mailbox.logins, [("PLAIN", True, LOGIN)])


async def webhooks_that_fail(suite):
    checks = suite.checks
    hook = Receiver(suite.tls, 500, 503, 200)
    code, reports, _ = await suite.send(webhooks=[suite.hook(hook)])
    checks.equal("500, 503, 200", fates(reports, "hook"), ["will retry", "will retry", "delivered"])
    checks.equal("exit code", code, 0)
    checks.equal("one id, one body",
                 len({(headers["webhook-id"], body) for headers, body in hook.seen}), 1)
    for headers, body in hook.seen:
        Webhook(SECRET).verify(body, headers)
    checks.is_true("each attempt verifies", len(hook.seen) == ATTEMPTS)

    hook = Receiver(suite.tls, 307)
    code, reports, _ = await suite.send(webhooks=[suite.hook(hook)])
    checks.equal("a redirect is a failure", fates(reports, "hook"),
                 ["will retry", "will retry", "gave up"])
    checks.equal("and is not followed", set(hook.paths), {"/hook"})
    checks.equal("exit code", code, 1)

    hook = Receiver(suite.tls, 410)
    _, reports, _ = await suite.send(webhooks=[suite.hook(hook)])
    checks.equal("410 is final", fates(reports, "hook"), ["gave up"])


async def letters_that_are_refused(suite):
    checks, box = suite.checks, Mailbox()
    box.refusals = {"gone@example.org": ["550 5.1.1 No such mailbox"] * 9,
                    "busy@example.org": ["451 4.7.1 Greylisted"]}
    async with mail_server(box, starttls=suite.tls) as port:
        code, reports, _ = await suite.send(mails=[
            suite.mail("smtp", port, to) for to in
            ("gone@example.org", "busy@example.org", "ada@example.org")])
        checks.equal("550 is final", fates(reports, "gone@example.org"), ["gave up"])
        checks.is_true("and says why", "550" in why(reports, "gone@example.org")
                       and "No such mailbox" in why(reports, "gone@example.org"),
                       why(reports, "gone@example.org"))
        checks.equal("451 is tried again", fates(reports, "busy@example.org"),
                     ["will retry", "delivered"])
        checks.equal("one refusal keeps nothing from the others",
                     fates(reports, "ada@example.org"), ["delivered"])
        checks.equal("exit code", code, 1)
        checks.equal("one letter each", sorted(it[1].rcpt_tos[0] for it in box.letters),
                     ["ada@example.org", "busy@example.org"])

        box.refusals = {"DATA": ["554 5.7.1 Not wanted"]}
        _, reports, _ = await suite.send(mails=[suite.mail("smtp", port)])
        checks.equal("554 to the message is final", fates(reports, "ada@example.org"), ["gave up"])

        box.refusals, before = {"DATA": ["452 4.3.1 Full"]}, len(box.letters)
        _, reports, _ = await suite.send(mails=[suite.mail("smtp", port)])
        checks.equal("452 to the message is tried again", fates(reports, "ada@example.org"),
                     ["will retry", "delivered"])
        checks.equal("and taken once", len(box.letters) - before, 1)

        before = len(box.letters)
        _, reports, _ = await suite.send(mails=[suite.mail("smtp", port, password="wrong")])
        checks.equal("a wrong password is tried again, then given up",
                     fates(reports, "ada@example.org"), ["will retry", "will retry", "gave up"])
        checks.is_true("and said", "refused the login" in why(reports, "ada@example.org"),
                       why(reports, "ada@example.org"))
        _, reports, _ = await suite.send(mails=[suite.mail("smtp", port, password=None)])
        checks.equal("no login where one is due: tried again, then given up",
                     fates(reports, "ada@example.org"), ["will retry", "will retry", "gave up"])
        checks.equal("nothing was taken", len(box.letters) - before, 0)


async def strangers(suite):
    """Servers that are not who they should be get nothing."""
    checks = suite.checks
    folder = suite.folder / "strangers"
    folder.mkdir()
    other = Authority("other").server(folder, "localhost")
    elsewhere = suite.ours.server(folder, "elsewhere.test")
    for name, context, words in (("unknown authority", other, "UnknownIssuer"),
                                 ("wrong name", elsewhere, "not valid for name")):
        hook, box = Receiver(context, 200), Mailbox()
        async with (mail_server(box, starttls=context) as started,
                    mail_server(box, tls=context) as wrapped):
            _, reports, _ = await suite.send(webhooks=[suite.hook(hook)], mails=[
                suite.mail("smtp", started, name="starttls"),
                suite.mail("smtps", wrapped, name="tls")])
        for target in ("hook", "starttls", "tls"):
            checks.equal(f"{name}: {target}", fates(reports, target),
                         ["will retry", "will retry", "gave up"])
            checks.is_true(f"{name}: {target} says so", words in why(reports, target),
                           why(reports, target))
        checks.equal(f"{name}: nothing was sent", (hook.seen, box.letters, box.logins),
                     ([], [], []))

    box = Mailbox()
    async with mail_server(box, login=False) as port:
        _, reports, _ = await suite.send(mails=[suite.mail("smtp", port)])
    checks.equal("no STARTTLS: given up", fates(reports, "ada@example.org")[-1:], ["gave up"])
    checks.is_true("no STARTTLS: said", "STARTTLS" in why(reports, "ada@example.org"),
                   why(reports, "ada@example.org"))
    checks.equal("no STARTTLS: nothing but EHLO was said", set(box.commands),
                 {"EHLO example.com"})


async def strange_words(suite):
    checks, box = suite.checks, Mailbox()
    async with mail_server(box, login=False) as port:
        for title in ("Held\r\nBcc: eve@example.net\r\n\r\nhello", "Held\nTo: eve@example.net",
                      "ä" * 95, "\U0001f510 " * 30, "=?utf-8?q?spoof?=", "a" * 190):
            before = len(box.letters)
            code, _, _ = await suite.send(
                title=title, mails=[suite.mail("smtp+plain", port, password=None)])
            _, envelope, letter = box.letters[-1]
            taken = (code, len(box.letters) - before, envelope.rcpt_tos, letter["bcc"],
                     letter.get_all("to"), letter.get_all("subject"))
            one_line = " ".join(title.split()).replace("=?", "= ?")
            checks.equal(f"title {title[:16]!r}", taken,
                         (0, 1, ["ada@example.org"], None, ["ada@example.org"], [one_line]))


async def settings_that_are_refused(suite):
    checks = suite.checks
    good = {"name": "m", "server": "smtps://mail.example", "from": SENDER, "to": "ada@example.org"}
    for name, webhooks, mails in (
            ("http to another machine", [suite.hook("http://example.com/")], []),
            ("a password in an address", [suite.hook("https://a:b@example.com/")], []),
            ("a short secret", [suite.hook("https://example.com/", "short")], []),
            ("unencrypted mail to another machine", [],
             [good | {"server": "smtp+plain://192.0.2.1"}]),
            ("a line break in an address", [],
             [good | {"to": "ada@example.org\r\nBcc: eve@example.net"}]),
            ("two recipients in one", [], [good | {"to": "ada@example.org,eve@example.net"}])):
        code, reports, said = await suite.send(webhooks=webhooks, mails=mails)
        checks.equal(name, (code, reports), (64, {}))
        checks.is_true(f"{name}: says why", said.startswith("notify: "), said.strip())


PARTS = [every_way, webhooks_that_fail, letters_that_are_refused, strangers, strange_words,
         settings_that_are_refused]


def example(given):
    """The program under test: beside Ward's own, where cargo puts examples."""
    home = pathlib.Path(__file__).resolve().parents[1]
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or home / "target") / "release"
    ward = given.ward or os.environ.get("WARD_BIN")
    folders = [pathlib.Path(ward).parent] if ward else []
    for path in [given.notify, *(folder / "examples" / "notify" for folder in [*folders, target])]:
        if path and pathlib.Path(path).is_file():
            return str(pathlib.Path(path).resolve())
    sys.exit("no notify program: give --notify PATH, or build it with "
             "`cargo build --release -p ward-outbound --example notify`")


async def main(given):
    # aiosmtpd writes down every handshake that is refused, which is what some parts want.
    logging.disable(logging.CRITICAL)
    warnings.filterwarnings("ignore", module="aiosmtpd")
    checks, folder = Checks(), own_folder("notify")
    suite = Suite(example(given), checks, folder)
    for part in PARTS:
        with checks.part(part.__name__.replace("_", " ").capitalize()):
            await part(suite)
    if given.keep or checks.failed:
        note(f"plans left behind: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return checks.finish()


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--notify", default=None, help="the program (else beside Ward's)")
    sys.exit(asyncio.run(main(parser.parse_args())))
