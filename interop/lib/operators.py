"""The demo's two operators in person: they sign in and consent with passkeys, as anyone does.

`Approving` asks as the first operator's API key does; what is held, the second consents to, and the
same is asked again. `operators.json` in the demo's folder holds both passkeys.
"""

import json

from outside import PURPOSE, Broken, Client
from passkey import Passkey

OURS = [("Ward-Console", "interop"), ("User-Agent", "ward-interop"),
        ("Content-Type", "application/json")]


class Operator:
    """A signed-in operator: `one` or `two`."""

    def __init__(self, demo, key):
        told = json.loads((demo.folder / "operators.json").read_text())
        self.person, self.origin = told[key]["person"], told["origin"]
        self.passkey = Passkey()
        self.passkey.kept = told[key]["passkey"]
        self.client, self.cookie = Client(demo.at("api_url")), None

    async def sign_in(self):
        answer = await self.ceremony("/console/passkey")
        if answer.status != 200:
            raise Broken(f"sign-in: {answer.status}")
        cookies = [value for name, value in answer.headers if name.lower() == "set-cookie"]
        self.cookie = cookies[0].split(";")[0]
        return self

    async def post(self, path, value):
        cookie = [("Cookie", self.cookie)] if self.cookie else []
        return await self.client.call("POST", path, [*OURS, *cookie], json.dumps(value).encode())

    async def ceremony(self, path, response=None):
        """Begins, proves himself, ends; the last answer there was. `response` changes the proof."""
        begun = await self.post(f"{path}/begin", {})
        if begun.status != 200:
            return begun
        begun = json.loads(begun.body)
        proof = self.passkey.get(begun["options"], self.origin)
        proof = response(proof) if response else proof
        return await self.post(f"{path}/finish", {"ceremony": begun["ceremony"], "response": proof})

    async def consent(self, approval):
        return await self.ceremony(f"/console/approvals/{approval}/consent")

    def close(self):
        self.client.close()


class Approving(Client):
    """A client that has what is held approved by the second operator."""

    def __init__(self, demo, base, bearer):
        super().__init__(base, bearer, PURPOSE)
        self.demo = demo

    async def call(self, method, target, headers=(), body=b"", seconds=30):
        answer = await super().call(method, target, headers, body, seconds)
        if answer.status != 202 or b'"held":true' not in answer.body:
            return answer
        second = await Operator(self.demo, "two").sign_in()
        try:
            consented = await second.consent(json.loads(answer.body)["approval"])
        finally:
            second.close()
        if consented.status != 200:
            raise Broken(f"consent: {consented.status} {consented.body[:200]}")
        return await super().call(method, target, headers, body, seconds)
