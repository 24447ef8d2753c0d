#!/usr/bin/env python3
"""Operators sign in to Ward through their company's identity provider, one that others wrote.

A fresh house: the first operator enrols with a passkey, the provider is named in `ward.toml`, and he
signs in through it as a browser does. Then who is no operator, who only has the groups, the emergency
past the provider, and its back-channel logout. Uses none of Ward's code.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
from oidc import AMY, HOME, PLAIN_SECRET, Browser, Program, free_port  # noqa: E402
from outside import Broken, Checks, note, options, own_folder, program  # noqa: E402
from passkey import Passkey  # noqa: E402

EVE = {"name": "eve", "password": "let me in", "email": "eve@example.com", "groups": ["ward-keys"]}
READY_SECONDS = 30
ROLES = '["keys", "people", "incident", "operators"]'


class Ward:
    """`ward serve` over a fresh directory."""

    def __init__(self, ward, folder):
        self.ward, self.dir, self.port = ward, folder / "house", free_port()
        self.base, self.log = f"http://localhost:{self.port}", folder / "ward.log"
        self.tell("init", "--dir", self.dir, "--operator", AMY["email"])
        file = self.dir / "ward.toml"
        text = file.read_text().replace(":7780", f":{self.port}")
        file.write_text(text.replace(":7781", f":{free_port()}"))
        self.key = (self.dir / "operator-api-key").read_text().strip()

    def tell(self, *words):
        done = subprocess.run([self.ward, *map(str, words)], capture_output=True, text=True,
                              timeout=60, check=False)
        if done.returncode:
            raise Broken(f"ward {words[0]}: {done.stdout}{done.stderr}")

    @contextmanager
    def serving(self, until="gate  "):
        """Runs it; gives what it printed until it listened."""
        at = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "a") as log:
            process = subprocess.Popen([self.ward, "serve", "--config", self.dir / "ward.toml"],
                                       stdout=log, stderr=log)
        try:
            end = time.monotonic() + READY_SECONDS
            while time.monotonic() < end and not (until in self.since(at) and self.is_ready()):
                if process.poll() is not None:
                    raise Broken(f"ward serve ended: {self.log.read_text()[-600:]}")
                time.sleep(0.05)
            yield self.since(at)
        finally:
            process.terminate()
            process.wait(20)

    def since(self, at):
        return self.log.read_bytes()[at:].decode()

    def is_ready(self):
        try:
            with urllib.request.urlopen(f"{self.base}/readyz", timeout=1) as answer:
                return answer.status == 200
        except OSError:
            return False

    def api(self, path):
        ask = urllib.request.Request(self.base + path,
                                     headers={"Authorization": f"Bearer {self.key}"})
        with urllib.request.urlopen(ask, timeout=10) as answer:
            return json.loads(answer.read())

    def post(self, path, value):
        """A script of ours on a page of ours: status, headers, JSON."""
        headers = {"Content-Type": "application/json", "Ward-Console": "interop"}
        ask = urllib.request.Request(self.base + path, json.dumps(value).encode(), headers)
        try:
            with urllib.request.urlopen(ask, timeout=10) as answer:
                return answer.status, answer.headers, json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            return error.code, error.headers, {}

    def ceremony(self, path, answer, **fields):
        _, _, begun = self.post(f"{path}/begin", fields)
        response = answer(begun["options"], self.base)
        return self.post(f"{path}/finish",
                         {"ceremony": begun["ceremony"], "response": response})


def company(ward, provider):
    """Names the provider in `ward.toml`."""
    (ward.dir / "oidc-secret").write_text(PLAIN_SECRET)
    with open(ward.dir / "ward.toml", "a") as file:
        file.write(f'\n[operators.oidc]\nissuer = "{provider}"\nclient_id = "ward"\n'
                   f'client_secret_file = "oidc-secret"\n\n[operators.oidc.roles]\n'
                   f"ward-keys = {ROLES}\n")


def start(ward, path, folder):
    """The provider, knowing Ward."""
    settings = {
        "client_id": "ward", "client_secret": PLAIN_SECRET, "people": [AMY, EVE],
        "redirect_uris": [f"{ward.base}/console/oidc/callback"],
        "backchannel_logout_uri": f"{ward.base}/console/oidc/back-channel-logout",
    }
    command = "node" if path.endswith(".mjs") else sys.executable
    return Program([command, str(HOME / path), json.dumps(settings)], folder / "provider.log")


def sign_in(ward, person):
    """A browser that went through the provider, and the page it came back to."""
    browser = Browser()
    page = browser.go(f"{ward.base}/console/oidc/start?next=/console/operators")
    page = browser.fill(page, username=person["name"], password=person["password"])
    return browser, page


def page(ward, browser, path):
    return browser.ask("GET", ward.base + path)[0]


def judge(checks, ward, issuer):
    browser, back = sign_in(ward, AMY)
    checks.equal("an operator signs in through the company",
                 (back.status, page(ward, browser, "/console/operators")), (200, 200))
    stranger, back = sign_in(ward, EVE)
    checks.equal("a stranger in the right group is nobody",
                 (back.status, page(ward, stranger, "/console/operators")), (403, 401))
    wrong = Browser()
    at = wrong.go(f"{ward.base}/console/oidc/start")
    refused = wrong.fill(at, username=AMY["name"], password="guessed")
    checks.equal("a wrong password stays at the provider", refused.status, 401)
    forged = Browser()
    forged.ask("GET", f"{ward.base}/console/oidc/start")
    status, _, _ = forged.ask(
        "GET", f"{ward.base}/console/oidc/callback?code=x&state=y&iss={issuer}")
    checks.equal("an answer to another question is refused",
                 (status, page(ward, forged, "/console/operators")), (403, 401))
    for away in ("https://evil.example", "//evil.example", "/\\evil.example"):
        went = Browser().ask("GET", f"{ward.base}/console/oidc/start?next={away}")
        checks.is_true(f"it leads nowhere else: {away}", went[1]["location"].startswith(issuer))
    return browser


def emergency(checks, ward, amy):
    before = len(ward.api("/api/alerts?kind=emergency_used")["items"])
    status, headers, _ = ward.ceremony("/console/passkey", amy.get)
    checks.equal("past the provider a passkey opens the door", status, 200)
    end = time.monotonic() + 10
    while time.monotonic() < end:
        alerts = ward.api("/api/alerts?kind=emergency_used")["items"]
        if len(alerts) > before:
            break
        time.sleep(0.05)
    checks.is_true("... and everyone is alerted", len(alerts) > before)


def logs_out(checks, ward, browser, issuer):
    _, _, text = Browser().ask("GET", f"{issuer}/.well-known/openid-configuration")
    out = browser.go(json.loads(text)["end_session_endpoint"])
    if "<form" in out.body:
        browser.fill(out, logout="yes")
    end = time.monotonic() + 10
    while time.monotonic() < end and page(ward, browser, "/console/operators") == 200:
        time.sleep(0.1)
    checks.equal("signing out there ends the session here",
                 page(ward, browser, "/console/operators"), 401)


def main(given):
    checks, amy = Checks(), Passkey(rising=False)
    for path in given.providers:
        name = pathlib.Path(path).stem
        folder = own_folder(f"company-{name}")
        with checks.part(name):
            ward = Ward(program(given.ward), folder)
            with ward.serving("?key=") as said:
                key = re.search(r"/console/enrol\?key=([0-9a-f]{64})", said)[1]
                status, _, _ = ward.ceremony("/console/enrol", amy.create, key=key, name="mine",
                                             user_name=AMY["email"])
                checks.equal("the first operator enrols", status, 200)
            provider = start(ward, path, folder)
            try:
                company(ward, provider.told["issuer"])
                with ward.serving():
                    browser = judge(checks, ward, provider.told["issuer"])
                    emergency(checks, ward, amy)
                    logs_out(checks, ward, browser, provider.told["issuer"])
            finally:
                provider.stop()
        if not given.keep and not checks.failed:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            note(f"logs left behind: {folder}")
        amy = Passkey(rising=False)
    return checks.finish()


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("providers", nargs="+", help="programs of interop/idp")
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main(parser.parse_args()))
