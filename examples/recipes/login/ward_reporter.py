"""Reports each token to Ward before it leaves a login service. Standard library only.

Use: ward = Ward("http://127.0.0.1:7780", "login", key); return ward.release(token, user_id)
"""

import base64
import hashlib
import json
import sys
import threading
import time
import urllib.error
import urllib.request


class Ward:
    def __init__(self, url, issuer, key):
        self.url, self.key = f"{url}/api/issuances/{issuer}", key
        self.lock, self.next, self.lost = threading.Lock(), None, []

    def release(self, token, user, kind="customer", client="", login=""):
        """The token, once Ward has recorded it; an exception means: it must not leave."""
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        digest = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=")
        with self.lock:
            if self.next is None:  # at start, and after a failure: ask where the sequence stands
                state = self._ask("GET")
                self.next, self.lost = state["next_sequence"], state["missing"]
            report = {"sequence": self.next, "digest": digest.decode(), "client": client,
                      "principal": {"kind": kind, "id": user}, "iat": claims["iat"],
                      "exp": claims["exp"], "login": login}
            void = [{"sequence": place, "void": True} for place in self.lost]
            sequence, self.next = self.next, None
            self._ask("POST", {"reports": [*void, report]})
            self.next, self.lost = sequence + 1, []
        return token

    def _ask(self, method, body=None):
        data = json.dumps(body).encode() if body else None
        for last in (False, False, True):  # a repeat of the same report is no second one
            try:
                asked = urllib.request.Request(self.url, data, method=method, headers={
                    "Authorization": f"Bearer {self.key}", "Content-Type": "application/json"})
                return json.load(urllib.request.urlopen(asked, timeout=5))
            except urllib.error.HTTPError as error:
                if last or error.code != 503:
                    raise RuntimeError(f"Ward: {error.code} {error.read().decode()}") from error
            except OSError:
                if last:
                    raise
            time.sleep(0.2)


if __name__ == "__main__":  # URL ISSUER KEY USER, tokens on standard input, one a line
    ward = Ward(*sys.argv[1:4])
    for line in sys.stdin:
        print(ward.release(line.strip(), sys.argv[4]), flush=True)
