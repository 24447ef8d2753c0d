"""A passkey without a device: browser and authenticator in one, for suites that sign in.

`create` and `get` take the options Ward sends and the page's origin, and give what a browser would
post back (a dict, as the credential's toJSON). `load` and `save` keep it in the form of
`ward_signin::soft`, so the demo's passkeys can be used and one made here serves there. Written from
WebAuthn Level 2 (sections 5.8.1.1, 6.1, 6.5) and RFC 9053; no code of Ward.
"""

import base64
import hashlib
import json
import os
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT, VERIFIED, BACKED_UP, ATTESTED = 0x01, 0x04, 0x18, 0x40
ES256 = -7


def to_text(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def to_bytes(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def sha256(octets):
    return hashlib.sha256(octets).digest()


def cose_key(public):
    """An EC2 key of P-256 (RFC 9053 section 7.1.1), in CTAP2's order."""
    x, y = (n.to_bytes(32, "big") for n in (public.x, public.y))
    return bytes.fromhex("a5010203262001215820") + x + bytes.fromhex("225820") + y


def attestation_object(data):
    """Format `none` around authenticator data of 24 to 65,535 bytes."""
    length = bytes([0x58, len(data)]) if len(data) < 256 else b"\x59" + len(data).to_bytes(2, "big")
    return b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData" + length + data


class Refused(Exception):
    """What a browser would refuse, by the name of its DOMException."""


class Passkey:
    """Credentials of one owner, always present and verified; `rising` counts its uses."""

    def __init__(self, rising=True):
        self.kept = {"version": 1, "counter": "rising" if rising else "zero", "credentials": []}

    @classmethod
    def load(cls, path):
        made = cls()
        with open(path, encoding="utf-8") as file:
            made.kept = json.load(file)
        if made.kept["version"] != 1:
            raise ValueError(f"{path}: version {made.kept['version']}")
        return made

    def save(self, path):
        """Writes it for its owner's eyes only; the file takes the old one's place whole."""
        part = f"{path}.part"
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(self.kept, file)
        os.replace(part, path)

    def create(self, options, origin):
        """Answers navigator.credentials.create."""
        rp_id = options["rp"]["id"]
        self._allowed(rp_id, origin)
        excluded = {it["id"] for it in options.get("excludeCredentials", [])}
        if excluded & {it["id"] for it in self.kept["credentials"] if it["rp_id"] == rp_id}:
            raise Refused("InvalidStateError")
        if ES256 not in (it["alg"] for it in options["pubKeyCredParams"]):
            raise Refused("NotSupportedError")
        private = ec.generate_private_key(ec.SECP256R1())
        der = private.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
                                    serialization.NoEncryption())
        identity, count = os.urandom(32), self._next(0)
        data = self._data(rp_id, ATTESTED, count) + bytes(16) + b"\x00\x20" + identity
        data += cose_key(private.public_key().public_numbers())
        self.kept["credentials"].append({
            "id": to_text(identity), "rp_id": rp_id, "user_handle": options["user"]["id"],
            "user_name": options["user"]["name"], "private_key": to_text(der),
            "sign_count": count})
        return self._answer(to_text(identity), {
            "clientDataJSON": self._said("webauthn.create", options, origin),
            "attestationObject": to_text(attestation_object(data)), "transports": ["internal"]})

    def get(self, options, origin):
        """Answers navigator.credentials.get with the newest credential that is asked for."""
        rp_id = options["rpId"]
        self._allowed(rp_id, origin)
        asked = {it["id"] for it in options.get("allowCredentials", [])}
        mine = next((it for it in reversed(self.kept["credentials"])
                     if it["rp_id"] == rp_id and (not asked or it["id"] in asked)), None)
        if mine is None:
            raise Refused("NotAllowedError")
        mine["sign_count"] = self._next(mine["sign_count"])
        data = self._data(rp_id, 0, mine["sign_count"])
        said = self._said("webauthn.get", options, origin)
        private = serialization.load_der_private_key(to_bytes(mine["private_key"]), None)
        signature = private.sign(data + sha256(to_bytes(said)), ec.ECDSA(hashes.SHA256()))
        return self._answer(mine["id"], {
            "clientDataJSON": said, "authenticatorData": to_text(data),
            "signature": to_text(signature), "userHandle": mine["user_handle"]})

    def _next(self, count):
        return count + 1 if self.kept["counter"] == "rising" else 0

    def _data(self, rp_id, flags, count):
        backup = 0 if self.kept["counter"] == "rising" else BACKED_UP
        flags |= PRESENT | VERIFIED | backup
        return sha256(rp_id.encode()) + bytes([flags]) + count.to_bytes(4, "big")

    @staticmethod
    def _allowed(rp_id, origin):
        host = urlsplit(origin).hostname or ""
        if host != rp_id and not host.endswith(f".{rp_id}"):
            raise Refused("SecurityError")

    @staticmethod
    def _said(kind, options, origin):
        said = {"type": kind, "challenge": options["challenge"], "origin": origin,
                "crossOrigin": False}
        return to_text(json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode())

    @staticmethod
    def _answer(identity, response):
        return {"id": identity, "rawId": identity, "type": "public-key", "response": response,
                "authenticatorAttachment": "platform", "clientExtensionResults": {}}
