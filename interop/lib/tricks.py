"""Ways to ask for a page so that a careless gate does not recognise it: pure data.

Best use: `interop/blackbox.py`, which sends each as written and looks for unmasked data.
"""


def targets(path, query=""):
    """(name, request target) for every spelling of a path of two parts, such as `/rider/jobs`."""
    first, second = path.strip("/").split("/")
    plain = f"/{first}/{second}"
    spelt = {
        "encoded slash": [f"/{first}%2F{second}", f"/{first}%2f{second}", f"%2f{first}/{second}",
                          f"/{first}%252f{second}", f"/{first}%c0%af{second}",
                          f"/{first}%ef%bc%8f{second}", f"/{first}%u002f{second}"],
        "dot segments": [f"/{first}/./{second}", f"/{first}/%2e/{second}",
                         f"/x/../{first}/{second}", f"/x/%2e%2e/{first}/{second}",
                         f"/x/..%2f{first}/{second}",
                         f"{plain}/.", f"{plain}/x/..", f"/../{first}/{second}", f"/.{plain}",
                         f"/me/../{first}/{second}", f"/me/..;/{first}/{second}"],
        "double slashes": [f"/{plain}", f"/{first}//{second}", f"{plain}/", f"{plain}//",
                           f"///{first}///{second}///"],
        "backslashes": [f"/{first}\\{second}", f"/{first}%5c{second}", f"\\{first}\\{second}"],
        "letter case": [plain.upper(), f"/{first.title()}/{second.title()}",
                        f"/{first}/{second.upper()}"],
        "encoded letters": [f"/%{ord(first[0]):02x}{first[1:]}/{second}",
                            f"/{first}/{second[:-1]}%{ord(second[-1]):02X}",
                            f"/%25{ord(first[0]):02x}{first[1:]}/{second}"],
        "endings": [f"{plain}.", f"{plain}..", f"{plain}%2e", f"{plain}%20", f"{plain}%09",
                    f"{plain}.json", f"{plain}.csv", f"{plain};x=1", f"/{first};x=1/{second}",
                    f"{plain}%3b", f"{plain}%23", f"{plain}%3fpage=1", f"{plain}?", f"{plain}#x",
                    f"{plain}*", f"{plain}%7f", f"{plain}~"],
        "control bytes": [f"{plain}%00", f"{plain}%00.json", f"%00{plain}", f"{plain}%0d%0a",
                          f"{plain}%0a", f"{plain}\x0b", f"{plain}\x7f"],
        "queries": [f"{plain}?page=1&page=1", f"{plain}?page=1;page=2", f"{plain}?PAGE=1",
                    f"{plain}?page[]=1", f"{plain}?fields=phone,email", f"{plain}?mask=off",
                    f"{plain}?format=csv", f"{plain}?callback=x", f"{plain}?_method=GET",
                    f"{plain}?" + "a" * 6000],
    }
    for name, all_of in spelt.items():
        for target in all_of:
            yield name, target + query if query and "?" not in target else target


def absolute(path, gate_host):
    """Request targets in absolute form (RFC 9112 section 3.2.2)."""
    for host in ("shop", "SHOP", gate_host, "nobody.example", "user:x@shop", "shop."):
        yield "absolute form", f"http://{host}{path}"
    yield "absolute form", f"https://shop{path}"


# Request headers that some servers or frameworks believe.
HEADERS = [
    ("range", [("Range", "bytes=0-60")]),
    ("range", [("Range", "bytes=-60")]),
    ("range", [("Range", "bytes=0-1,5-60")]),
    ("range", [("Range", "bytes=0-"), ("If-Range", '"x"')]),
    ("coding", [("Accept-Encoding", "gzip")]),
    ("coding", [("Accept-Encoding", "br, zstd, deflate, gzip;q=1.0, identity;q=0")]),
    ("media type", [("Accept", "text/csv")]),
    ("media type", [("Accept", "application/x-ndjson")]),
    ("media type", [("Accept", "text/html")]),
    ("conditional", [("If-None-Match", "*")]),
    ("conditional", [("If-Modified-Since", "Mon, 01 Jan 2035 00:00:00 GMT")]),
    ("rewriting", [("X-Original-URL", "/healthz")]),
    ("rewriting", [("X-Rewrite-URL", "/healthz")]),
    ("rewriting", [("X-Original-URI", "/healthz"), ("X-Forwarded-Prefix", "/x")]),
    ("forwarded", [("X-Forwarded-Host", "observe")]),
    ("forwarded", [("Forwarded", "host=observe;for=127.0.0.1")]),
    ("forwarded", [("X-Forwarded-For", "127.0.0.1"), ("X-Real-IP", "127.0.0.1")]),
    ("forwarded", [("Txn-Token", "x.y.z"), ("X-Ward-Mode", "observe")]),
    ("hop by hop", [("Connection", "close, authorization")]),
    ("hop by hop", [("Connection", "keep-alive, host"), ("TE", "trailers")]),
    ("hop by hop", [("Connection", "Upgrade"), ("Upgrade", "h2c")]),
    ("hop by hop", [("Expect", "100-continue")]),
]

# Methods, with headers that would turn them into another one.
METHODS = [
    ("HEAD", []),
    ("POST", [("X-HTTP-Method-Override", "GET")]),
    ("POST", [("X-HTTP-Method", "GET")]),
    ("POST", [("X-Method-Override", "GET")]),
    ("OPTIONS", []),
    ("TRACE", []),
    ("PUT", []),
    ("DELETE", []),
    ("PROPFIND", []),
    ("get", []),
    ("GETX", []),
]


def raw(path, credential):
    """(name, bytes): requests that no proper client sends; each ends its connection."""
    sent = f"Authorization: Bearer {credential}\r\n"
    ask = f"GET {path} HTTP/1.1\r\nHost: shop\r\n{sent}"
    inner = f"GET {path} HTTP/1.1\r\nHost: observe\r\n{sent}\r\n"
    chunked = "Transfer-Encoding: chunked\r\n"
    yield "HTTP/1.0", f"GET {path} HTTP/1.0\r\n{sent}\r\n"
    yield "HTTP/0.9", f"GET {path}\r\n"
    yield "no host", f"GET {path} HTTP/1.1\r\n{sent}\r\n"
    yield "two hosts", f"GET {path} HTTP/1.1\r\nHost: shop\r\nHost: observe\r\n{sent}\r\n"
    yield "two hosts, one in the target", (
        f"GET http://shop{path} HTTP/1.1\r\nHost: shop, observe\r\n{sent}\r\n")
    yield "two credentials", f"{ask}{sent}\r\n"
    yield "folded header", f"{ask}X-A: b\r\n Host: observe\r\n\r\n"
    yield "space before the colon", f"{ask}Host : observe\r\n\r\n"
    yield "bare line feeds", ask.replace("\r\n", "\n") + "\n"
    yield "tab in the request line", f"GET\t{path}\tHTTP/1.1\r\nHost: shop\r\n{sent}\r\n"
    yield "length and chunks", (
        f"{ask}Content-Length: {len(inner)}\r\n{chunked}\r\n0\r\n\r\n{inner}")
    yield "chunks spelt oddly", (
        f"{ask}Content-Length: 5\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{inner}")
    yield "chunks spelt twice", (
        f"{ask}{chunked}Transfer-Encoding: identity\r\n\r\n0\r\n\r\n{inner}")
    yield "two lengths", f"{ask}Content-Length: 0\r\nContent-Length: {len(inner)}\r\n\r\n{inner}"
    yield "chunk with a huge length", f"{ask}{chunked}\r\nffffffffffffffff1\r\n{inner}"
    yield "asterisk", f"GET * HTTP/1.1\r\nHost: shop\r\n{sent}\r\n"
    yield "connect", f"CONNECT observe:80 HTTP/1.1\r\nHost: observe:80\r\n{sent}\r\n"
    yield "a header of 100 kB", f"{ask}X-A: {'a' * 100_000}\r\n\r\n"
    yield "2,000 headers", ask + "".join(f"X-{n}: a\r\n" for n in range(2_000)) + "\r\n"
