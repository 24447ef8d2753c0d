#!/usr/bin/env python3
"""Signing in with other people's identity providers: `ward_signin::oidc` over real sockets.

    python3 interop/oidc.py PROVIDER...

Each PROVIDER is a program of `interop/idp`. It is started with a person or two, and so is the
smallest relying party there can be (`crates/ward-signin/examples/rp.rs`); this script is the
browser, the person at it, and the thief beside him.
"""

import contextlib
import http.client
import http.server
import json
import os
import pathlib
import queue
import shutil
import socket
import subprocess
import sys
import threading
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
from outside import Broken, Checks, note, options, own_folder, program  # noqa: E402

HOME = pathlib.Path(__file__).resolve().parents[1]
AMY = {"name": "amy", "password": "correct horse", "email": "amy@example.com",
       "groups": ["ward-keys", "staff"]}
BEN = {"name": "ben", "password": "battery staple", "email": "ben@example.com",
       "email_verified": False, "groups": []}
SECRET = "a secret of a client on loopback:/%+"
# WHY: idpyoidc takes the secret as it comes, where RFC 6749 section 2.3.1 says it is encoded.
PLAIN_SECRET = "a-secret-of-a-client-on-loopback"
READY_SECONDS = 60
STOP_SECONDS = 5
# How long ago somebody signed in, at least, when he is told that this is too long ago.
NOT_FRESH_SECONDS = 7
HOPS_MAX = 10


# --- the browser ---------------------------------------------------------------------------------

class Page:
    """What a browser shows after the redirects."""

    def __init__(self, address, status, body):
        self.address, self.status, self.body = address, status, body

    def json(self):
        return json.loads(self.body)

    def form(self):
        """Where its one form goes and what stands in it."""
        read = Forms()
        read.feed(self.body)
        if read.action is None:
            raise Broken(f"no form on {self.address}: {self.status} {self.body[:300]}")
        return urljoin(self.address, read.action), read.fields


class Forms(HTMLParser):
    """The first form of a page."""

    def __init__(self):
        super().__init__()
        self.action, self.fields = None, {}

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "form" and self.action is None:
            self.action = given.get("action", "")
        if tag == "input" and given.get("name"):
            self.fields[given["name"]] = given.get("value", "")


class Browser:
    """One person's browser: cookies, redirects, forms."""

    def __init__(self):
        self.cookies = {}

    def ask(self, method, address, form=None):
        """One request, no redirects: status, headers, body."""
        at = urlsplit(address)
        link = http.client.HTTPConnection(at.hostname, at.port, timeout=20)
        with contextlib.closing(link):
            headers = {}
            if self.cookies:
                headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
            body = None
            if form is not None:
                body = urlencode(form)
                headers["Content-Type"] = "application/x-www-form-urlencoded"
            link.request(method, urlunsplit(("", "", at.path or "/", at.query, "")), body, headers)
            answer = link.getresponse()
            text = answer.read().decode(errors="replace")
            for cookie in answer.headers.get_all("set-cookie") or []:
                name, _, rest = cookie.partition("=")
                value, _, flags = rest.partition(";")
                gone = "max-age=0" in flags.lower() or "1970" in flags or value == ""
                if gone:
                    self.cookies.pop(name.strip(), None)
                else:
                    self.cookies[name.strip()] = value
            return answer.status, answer.headers, text

    def go(self, address, form=None, until=None):
        """Follows redirects, but not one to an address that starts with `until`."""
        method = "GET" if form is None else "POST"
        for _ in range(HOPS_MAX):
            status, headers, text = self.ask(method, address, form)
            if status not in (301, 302, 303, 307):
                return Page(address, status, text)
            address, method, form = urljoin(address, headers["location"]), "GET", None
            if until and address.startswith(until):
                return Page(address, status, "")
        raise Broken(f"more than {HOPS_MAX} redirects, last to {address}")

    def fill(self, page, until=None, **given):
        """Sends a page's form."""
        to, fields = page.form()
        page = self.go(to, {**fields, **given}, until)
        # Such a page sends itself, where scripts run.
        if "<form" in page.body and "DOMContentLoaded" in page.body:
            to, fields = page.form()
            page = self.go(to, fields, until)
        return page


def changed(address, **given):
    """An address with other parameters; None takes one out."""
    at = urlsplit(address)
    pairs = [(key, value) for key, value in parse_qsl(at.query, keep_blank_values=True)
             if key not in given]
    pairs += [(key, value) for key, value in given.items() if value is not None]
    return urlunsplit(at._replace(query=urlencode(pairs)))


def parameter(address, name):
    return dict(parse_qsl(urlsplit(address).query)).get(name)


# --- the programs --------------------------------------------------------------------------------

class Program:
    """A program that says in one JSON line that it is ready."""

    def __init__(self, command, log, ends=True):
        self.ends, self.log = ends, log.open("w")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log, text=True, env=os.environ)
        lines = queue.Queue()
        threading.Thread(target=lambda: [lines.put(line) for line in self.process.stdout],
                         daemon=True).start()
        end = time.monotonic() + READY_SECONDS
        while True:
            try:
                line = lines.get(timeout=max(0.1, end - time.monotonic()))
            except queue.Empty:
                self.stop()
                raise Broken(f"{command[:2]} did not start: {log.read_text()[-500:]}") from None
            if line.startswith("{"):
                self.told = json.loads(line)
                return

    def stop(self):
        """Those that end with their standard input do so; the others are killed."""
        self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=STOP_SECONDS if self.ends else 0)
        self.process.kill()
        self.process.wait()
        self.log.close()


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Tap:
    """Stands where the provider sends its logout tokens, and passes them on."""

    def __init__(self):
        tap = self
        self.tokens, self.to, self.answers = [], None, []

        class Passing(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                token = dict(parse_qsl(body)).get("logout_token", "")
                tap.tokens.append(token)
                status, _ = tap.give(token)
                tap.answers.append(status)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                """Says nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Passing)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/backchannel"

    def give(self, token):
        """Sends a logout token to the relying party."""
        status, _, text = Browser().ask("POST", f"{self.to}/backchannel", {"logout_token": token})
        return status, text

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class House:
    """A provider and a relying party that know each other."""

    def __init__(self, program_path, rp, folder, key=None):
        self.rp_program, self.folder, self.programs = rp, folder, []
        self.secret = PLAIN_SECRET if "idpyoidc" in program_path else SECRET
        self.listen = f"127.0.0.1:{free_port()}"
        self.rp = f"http://{self.listen}"
        self.back = f"{self.rp}/back"
        self.tap = Tap()
        self.tap.to = self.rp
        self.settings = {
            "client_id": "ward", "redirect_uris": [self.back],
            "backchannel_logout_uri": self.tap.url, "people": [AMY, BEN],
            **({"client_jwk": key["jwk"]} if key else {"client_secret": self.secret}),
        }
        try:
            command = ["node" if program_path.endswith(".mjs") else sys.executable,
                       str(HOME / program_path), json.dumps(self.settings)]
            self.provider = self.start(command, pathlib.Path(program_path).stem)
            self.issuer = self.provider.told["issuer"]
            own = {"client_key": key["der"]} if key else {"client_secret": self.secret}
            self.relying_party(self.listen, **own)
        except BaseException:
            self.stop()
            raise

    def start(self, command, name, ends=True):
        log = self.folder / f"{name}-{len(self.programs)}.log"
        self.programs.append(Program(command, log, ends))
        return self.programs[-1]

    def relying_party(self, listen, **given):
        told = {"listen": listen, "issuer": self.issuer, "client_id": "ward", **given}
        return self.start([self.rp_program, json.dumps(told)], "rp", ends=False)

    def stop(self):
        for it in reversed(self.programs):
            it.stop()
        self.tap.stop()

    def metadata(self):
        _, _, text = Browser().ask("GET", f"{self.issuer}/.well-known/openid-configuration")
        return json.loads(text)

    # What a person does.

    def sent_to(self, browser, ask="/in?return=/now"):
        """Asks to sign in; where the browser is sent, not yet there."""
        status, headers, text = browser.ask("GET", f"{self.rp}{ask}")
        if status != 302:
            raise Broken(f"{ask}: {status} {text}")
        return headers["location"]

    def to_the_door(self, browser, person, address=None):
        """Signs in at the provider; the address back at the relying party, not yet asked."""
        page = browser.go(address or self.sent_to(browser), until=self.back)
        if page.address.startswith(self.back):
            return page.address
        page = browser.fill(page, self.back, username=person["name"],
                            password=person["password"])
        if not page.address.startswith(self.back):
            raise Broken(f"not let in: {page.status} {page.body[:300]}")
        return page.address

    def sign_in(self, browser, person, address=None):
        return browser.go(self.to_the_door(browser, person, address))

    def sign_out(self, browser):
        """Ends the session at the provider."""
        page = browser.go(self.metadata()["end_session_endpoint"])
        if "<form" in page.body:
            browser.fill(page, logout="yes")


# --- what must hold ------------------------------------------------------------------------------

def error_of(page):
    return page.json().get("error") if page.status == 403 else f"{page.status} {page.body[:200]}"


def signs_in(house, checks):
    """The good way, and that nobody gets in on a wrong password."""
    amy = Browser()
    page = amy.go(house.sent_to(amy), until=house.back)
    checks.is_true("the provider asks who he is", "password" in page.form()[1])
    wrong = amy.fill(page, house.back, username="amy", password="guess")
    checks.is_true("a wrong password goes nowhere",
                   not wrong.address.startswith(house.back) and wrong.status == 401,
                   f"{wrong.status}")
    checks.equal("... and nobody is signed in", amy.go(f"{house.rp}/me").status, 401)
    back = amy.fill(wrong, house.back, username="amy", password=AMY["password"])
    stranger = changed(back.address, groups="admins", sub="ben", email="ben@example.com")
    told = amy.go(stranger).json()
    checks.equal("the groups are those the provider signed", sorted(told["groups"]),
                 sorted(AMY["groups"]))
    checks.equal("... and the address", told["email"], AMY["email"])
    checks.equal("... from this provider", told["issuer"], house.issuer)
    checks.equal("... back where he wanted to go", told["return"], "/now")
    checks.equal("... not called fresh", told["is_fresh"], False)
    checks.is_true("... in a session of the provider", told["sid"])
    checks.equal("he is signed in", amy.go(f"{house.rp}/me").status, 200)
    again = amy.go(f"{house.rp}/in?return=//evil.example")
    checks.equal("again, without being asked", again.status, 200)
    checks.equal("... and not led off the site", again.json()["return"], "/")
    checks.equal("... as the same person", again.json()["subject"], told["subject"])
    ben = house.sign_in(Browser(), BEN).json()
    checks.equal("somebody else has his own groups, none", ben["groups"], [])
    checks.equal("... and no address, for nobody verified it", ben["email"], None)
    checks.is_true("... and is somebody else", ben["subject"] != told["subject"])
    return amy


def is_not_fooled(house, checks):
    """What a thief can change on the way through the browser."""
    def attempt(name, want, on_way=None, on_return=None):
        browser = Browser()
        to = house.sent_to(browser)
        to = changed(to, **on_way) if on_way else to
        address = house.to_the_door(browser, AMY, to)
        page = browser.go(changed(address, **(on_return or {})))
        checks.equal(name, error_of(page), want)
        checks.equal("... and nobody is signed in", browser.go(f"{house.rp}/me").status, 401)
        return browser, address

    browser, address = attempt("another state", "wrong_state", on_return={"state": "x" * 43})
    checks.equal("... and the right one comes too late", error_of(browser.go(address)),
                 "wrong_state")
    attempt("another provider's name", "wrong_issuer", on_return={"iss": "http://evil.example"})
    if house.metadata().get("authorization_response_iss_parameter_supported"):
        attempt("no name of the provider", "wrong_issuer", on_return={"iss": None})
    else:
        note("this provider does not announce that it names itself in its answer")
    attempt("a nonce changed on the way", "untrusted", on_way={"nonce": "n" * 43})
    attempt("a challenge changed on the way", "code_refused",
            on_way={"code_challenge": "c" * 43})
    attempt("a code nobody issued", "code_refused", on_return={"code": "c" * 43})
    twice = Browser()
    address = house.to_the_door(twice, AMY)
    checks.equal("a second code", error_of(twice.go(f"{address}&code=c")), "bad_callback")

    victim, thief = Browser(), Browser()
    stolen = parameter(house.to_the_door(victim, AMY), "code")
    injected = changed(house.to_the_door(thief, BEN), code=stolen)
    checks.equal("a stolen code in the thief's own sign-in", error_of(thief.go(injected)),
                 "code_refused")
    used, again = Browser(), Browser()
    address = house.to_the_door(used, AMY)
    checks.equal("a good sign-in", used.go(address).status, 200)
    checks.equal("... asked for again in the same browser", error_of(used.go(address)),
                 "wrong_state")
    replayed = changed(house.to_the_door(again, AMY), code=parameter(address, "code"))
    checks.equal("... its code in another sign-in", error_of(again.go(replayed)), "code_refused")
    lured = Browser()
    checks.equal("the thief's address in the victim's browser",
                 error_of(lured.go(house.to_the_door(Browser(), BEN))), "wrong_state")
    stranger = Browser()
    page = stranger.go(changed(house.sent_to(stranger), prompt="none"))
    checks.equal("the provider says no", error_of(page), "provider_refused")
    checks.is_true("... and the person is told what everybody is told",
                   "start again" in page.json()["shown"] and "login" not in page.json()["shown"])


def logs_out(house, checks, amy):
    """The provider ends a session; nobody else can."""
    other = Browser()
    house.sign_in(other, AMY)
    house.sign_out(other)
    checks.equal("the provider told us, and was answered", house.tap.answers[-1:], [200])
    checks.equal("the session that ended there ended here",
                 other.go(f"{house.rp}/me").status, 401)
    checks.equal("... and no other of the same person", amy.go(f"{house.rp}/me").status, 200)
    token = house.tap.tokens[-1]
    status, text = house.tap.give(token)
    checks.equal("the same token again", (status, json.loads(text)["error"]), (400, "replayed"))
    head, claims, signature = token.split(".")
    read = json.loads(urlsafe_b64decode(claims + "=="))
    for name, change in {"another session's": {"sid": "s", "jti": "j"},
                         "another moment's": {"iat": read["iat"] + 1}}.items():
        forged = json.dumps({**read, **change}).encode()
        forged = f"{head}.{b64(forged)}.{signature}"
        checks.equal(f"a token made {name}", house.tap.give(forged)[0], 400)
    unsigned = b64(b'{"alg":"none"}')
    for name, forged in {"unsigned": f"{unsigned}.{claims}.", "empty": "", "no token": "a.b.c",
                         "cut": token[:-9]}.items():
        checks.equal(f"a logout token, {name}", house.tap.give(forged)[0], 400)
    checks.equal("nobody was signed out by these", amy.go(f"{house.rp}/me").status, 200)


def steps_up(house, checks, amy, since):
    """A dangerous act asks for a new authentication, of the same person."""
    page = amy.go(house.sent_to(amy, "/in?step_up=60"), until=house.back)
    checks.is_true("he is asked again, though signed in", not page.address.startswith(house.back))
    told = amy.go(amy.fill(page, house.back, username="amy",
                           password=AMY["password"]).address)
    checks.is_true("... and it counts as fresh", told.status == 200 and told.json()["is_fresh"],
                   told.body[:200])
    page = amy.go(house.sent_to(amy, "/in?step_up=60"), until=house.back)
    back = amy.fill(page, house.back, username="ben", password=BEN["password"])
    checks.equal("somebody else's password is not his",
                 error_of(amy.go(back.address)), "another_person")

    thief = Browser()
    house.sign_in(thief, AMY)
    begun = time.monotonic()
    since(begun + NOT_FRESH_SECONDS)
    to = house.sent_to(thief, "/in?step_up=86400")
    page = thief.go(changed(to, prompt=None, max_age=None), until=house.back)
    checks.is_true("told nothing, the provider asks nobody", page.address.startswith(house.back))
    checks.equal("... and that is no step-up", error_of(thief.go(page.address)), "not_fresh")


def is_set_up_wrongly(house, checks):
    """Mistakes of whoever sets it up are told apart, and let nobody in."""
    listen = f"127.0.0.1:{free_port()}"
    other = f"http://{listen}"
    house.issuer = house.issuer.replace("127.0.0.1", "localhost")
    house.relying_party(listen, client_secret=house.secret)
    status, _, text = Browser().ask("GET", f"{other}/in")
    checks.equal("a provider that calls itself otherwise",
                 (status, json.loads(text).get("error")), (403, "misconfigured"))


def wrong_secret(house, checks):
    """A relying party with a wrong secret on the right address."""
    house.programs[-1].stop()
    house.programs.pop()
    house.relying_party(house.listen, client_secret=house.secret + "x")
    page = house.sign_in(Browser(), AMY)
    checks.equal("a wrong client secret", error_of(page), "misconfigured")


def b64(data):
    return urlsafe_b64encode(data).decode().rstrip("=")


def own_key():
    """A P-256 key: its private half for the relying party, its public half for the provider."""
    key = ec.generate_private_key(ec.SECP256R1())
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
                            serialization.NoEncryption())
    at = key.public_key().public_numbers()
    jwk = {"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "rp",
           "x": b64(at.x.to_bytes(32, "big")), "y": b64(at.y.to_bytes(32, "big"))}
    return {"der": b64(der), "jwk": jwk}


def wait_until(moment):
    time.sleep(max(0.0, moment - time.monotonic()))


def main(given):
    checks, folder = Checks(), own_folder("oidc")
    rp = given.rp or pathlib.Path(program(given.ward)).parent / "examples" / "rp"
    for path in given.providers:
        name = pathlib.Path(path).stem
        with checks.part(f"{name}, with a secret"):
            house = House(path, str(rp), folder)
            try:
                amy = signs_in(house, checks)
                is_not_fooled(house, checks)
                logs_out(house, checks, amy)
                steps_up(house, checks, amy, wait_until)
                wrong_secret(house, checks)
                is_set_up_wrongly(house, checks)
            finally:
                house.stop()
        with checks.part(f"{name}, with a key of our own"):
            house = House(path, str(rp), folder, own_key())
            try:
                told = house.sign_in(Browser(), AMY).json()
                checks.equal("the groups", sorted(told.get("groups", [])), sorted(AMY["groups"]))
            finally:
                house.stop()
    if given.keep or checks.failed:
        note(f"left behind: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return checks.finish()


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--rp", help="the relying party (else examples/rp beside the program)")
    parser.add_argument("providers", nargs="+", metavar="PROVIDER")
    sys.exit(main(parser.parse_args()))
