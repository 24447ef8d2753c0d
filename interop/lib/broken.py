"""Broken tokens: each way in which a token is not what it seems, made from a true one or by a thief.

The thief holds a P-256 key that Ward knows (`kid`), so everything here that can be signed well is.
Best use: `interop/verifiers.py`.
"""

import hashlib
import hmac
import json
import os
import time

from outside import base64url, part_of

P256_N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def compact(value):
    return base64url(json.dumps(value, separators=(",", ":")).encode())


def octets(text):
    import base64
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Forge:
    """Makes them; `issued` is a true token, `thief` what signs, `claims` what it would say."""

    def __init__(self, thief, issuer, audience, sub, jwks):
        self.thief, self.kid, self.jwks = thief, thief.kid, jwks
        self.now = int(time.time())
        self.claims = {"jti": base64url(os.urandom(30)), "iss": issuer, "sub": sub,
                       "aud": audience, "iat": self.now, "exp": self.now + 1800,
                       "client_id": "login", "kind": "customer"}
        self.header = {"alg": "ES256", "kid": self.kid, "typ": "at+jwt"}

    def signed(self, header=None, **changed):
        """Well signed, with other header members and claims; a claim that is None is left out."""
        claims = {name: value for name, value in (self.claims | changed).items()
                  if value is not None}
        return self.thief.sign(claims, {**self.header, **(header or {})})

    def all(self, es, ed):
        """name -> token, from an issued ES256 and an issued EdDSA token."""
        head, claims, signature = es.split(".")
        made = {"issued, ES256": es, "issued, EdDSA": ed}
        made |= self.signatures(es, ed, head, claims, signature)
        made |= self.encodings(head, claims, signature)
        made |= self.headers(claims)
        made |= self.said()
        return made

    def signatures(self, es, ed, head, claims, signature):
        raw = octets(signature)
        r, s = raw[:32], int.from_bytes(raw[32:], "big")
        twin = base64url(r + (P256_N - s).to_bytes(32, "big"))
        again = self.thief.sign(claims, part_of(es, 0)).split(".")[2]
        other = compact({**part_of(es, 1), "sub": "1"})
        return {
            "never issued, well signed": self.signed(),
            "the twin of an issued signature (s -> n - s)": f"{head}.{claims}.{twin}",
            "issued claims, signed anew": f"{head}.{claims}.{again}",
            "one claim of an issued token changed": f"{head}.{other}.{signature}",
            "junk for a signature": f"{head}.{claims}.{base64url(bytes([0x5a] * 64))}",
            "r and s are zero": f"{head}.{claims}.{base64url(bytes(64))}",
            "the signature of another token": f"{head}.{claims}.{ed.split('.')[2]}",
            "plain base64 for base64url": self.plain(),
            "padding behind the claims": self.padded(),
            "the signature in DER": f"{head}.{claims}.{base64url(self.der(head, claims))}",
            "no signature": f"{head}.{claims}.",
            "the claims of one token, the header of another":
                f"{ed.split('.')[0]}.{claims}.{signature}",
        }

    def der(self, head, claims):
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec
        return self.thief.key.sign(f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))

    @staticmethod
    def encodings(head, claims, signature):
        loose = ALPHABET[ALPHABET.index(signature[-1]) ^ 1]
        return {
            "a last character with stray bits": f"{head}.{claims}.{signature[:-1]}{loose}",
            "padding behind the signature": f"{head}.{claims}.{signature}==",
            "padding behind the claims": f"{head}.{claims}=.{signature}",
            "a line break in the signature": f"{head}.{claims}.{signature[:20]}\n{signature[20:]}",
            "a space in front": f" {head}.{claims}.{signature}",
            "a line break at the end": f"{head}.{claims}.{signature}\n",
            "cut short": f"{head}.{claims}.{signature[:-1]}",
            "a fourth part": f"{head}.{claims}.{signature}.x",
            "five parts, as if encrypted": f"{head}..{claims}.{signature}.x",
            "two parts": f"{head}.{claims}",
            "nothing": "",
            "three dots": "...",
        }

    def headers(self, claims):
        pem, x = self.public()
        hs = compact({"alg": "HS256", "kid": self.kid, "typ": "at+jwt"})
        mac = {name: base64url(hmac.new(key, f"{hs}.{claims}".encode(), hashlib.sha256).digest())
               for name, key in (("pem", pem), ("x", x))}
        none = compact({"alg": "none", "kid": self.kid, "typ": "at+jwt"})
        sign = self.signed
        twice = '{"alg":"ES256","kid":"other","kid":"%s","typ":"at+jwt"}' % self.kid
        return {
            "alg none": f"{none}.{claims}.",
            "alg none, with a signature": f"{none}.{claims}.{base64url(bytes(64))}",
            "HS256 under the public key's PEM": f"{hs}.{claims}.{mac['pem']}",
            "HS256 under the public key's x": f"{hs}.{claims}.{mac['x']}",
            "es256 in small letters": sign({"alg": "es256"}),
            "ES384 over a P-256 signature": sign({"alg": "ES384"}),
            "an unknown kid": sign({"kid": "nobody"}),
            "a kid that is a path": sign({"kid": "../../etc/passwd"}),
            "no kid": self.thief.sign(self.claims, {"alg": "ES256", "typ": "at+jwt"}),
            "crit of a claim": sign({"crit": ["exp"], "exp": self.now + 1800}),
            "crit nobody knows": sign({"crit": ["x-bank"], "x-bank": 1}),
            "crit, empty": sign({"crit": []}),
            "b64 false": sign({"b64": False, "crit": ["b64"]}),
            "b64 false without crit": sign({"b64": False}),
            "the thief's own key in the header": sign({"jwk": self.jwk()}),
            "a jku of the thief": sign({"jku": "https://thief.example/jwks"}),
            "typ of a transaction token": sign({"typ": "txntoken+jwt"}),
            "typ of an ID token": sign({"typ": "JWT"}),
            "typ left out": self.thief.sign(self.claims, {"alg": "ES256", "kid": self.kid}),
            "zip": sign({"zip": "DEF"}),
            "a header that names the kid twice": self.of_parts(twice),
        }

    def said(self):
        sign, now = self.signed, self.now
        inner = self.signed()
        twice = json.dumps(self.claims)[:-1] + ',"sub":"1"}'
        return {
            "expired a minute ago": sign(iat=now - 1860, exp=now - 60),
            "not yet valid for an hour": sign(nbf=now + 3600),
            "issued in an hour": sign(iat=now + 3600, exp=now + 7200),
            "no exp": sign(exp=None),
            "exp as text": sign(exp=str(now + 1800)),
            "exp as a fraction": sign(exp=now + 1800.5),
            "exp past counting": sign(exp=10**30),
            "another audience": sign(aud="bank"),
            "several audiences, ours among them": sign(aud=["bank", self.claims["aud"]]),
            "no audience": sign(aud=None),
            "another issuer": sign(iss="https://thief.example"),
            "no issuer": sign(iss=None),
            "claims that name sub twice": self.of_parts(json.dumps(self.header), twice),
            "claims that are a list": self.of_parts(json.dumps(self.header), "[]"),
            "claims that are no JSON": self.of_parts(json.dumps(self.header), "junk"),
            "a token inside a token": self.of_parts(
                json.dumps(self.header | {"cty": "JWT"}), inner),
        }

    def of_parts(self, header, claims=None):
        """Signed over exactly these texts."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, utils
        claims = json.dumps(self.claims) if claims is None else claims
        signed = f"{base64url(header.encode())}.{base64url(claims.encode())}"
        r, s = utils.decode_dss_signature(
            self.thief.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def public(self):
        from cryptography.hazmat.primitives import serialization as form
        pem = self.thief.key.public_key().public_bytes(
            form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
        return pem, octets(self.jwk()["x"])

    def jwk(self):
        numbers = self.thief.key.public_key().public_numbers()
        return {"kty": "EC", "crv": "P-256", "x": base64url(numbers.x.to_bytes(32, "big")),
                "y": base64url(numbers.y.to_bytes(32, "big"))}

    def padded(self):
        """Well signed, its claims with the one `=` that plain base64 would have."""
        client = "login"
        while len((token := self.signed(client_id=client)).split(".")[1]) % 4 != 3:
            client += "x"
        head, claims, signature = token.split(".")
        return f"{head}.{claims}=.{signature}"

    def plain(self):
        """Well signed, its signature in plain base64's alphabet where that is another one."""
        while not {"-", "_"} & set((token := self.signed()).rsplit(".")[-1]):
            pass
        head, _, signature = token.rpartition(".")
        return f"{head}.{signature.replace('-', '+').replace('_', '/')}"
