"""A company's identity provider: idpyoidc's OpenID provider, with people, groups, password pages
and back-channel logout.

    python3 idpyoidc_op.py SETTINGS

SETTINGS is a JSON object, described in README.md beside this file. Prints one JSON line when it
listens, `{"issuer": ...}`, and ends when its standard input does.
"""

import html
import json
import os
import sys
import tempfile
import threading
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import requests
from idpyoidc.message.oauth2 import ResponseMessage
from idpyoidc.message.oidc import AuthorizationRequest
from idpyoidc.server import Server
from idpyoidc.server.configure import OPConfiguration
from idpyoidc.server.exception import FailedAuthentication
from idpyoidc.server.oidc.authorization import Authorization
from idpyoidc.server.oidc.session import Session
from idpyoidc.server.user_authn.user import UserAuthnMethod, create_signed_jwt

BODY_BYTES_MAX = 64 * 1024
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
PAGE = """<!doctype html><meta charset="utf-8"><title>Sign in</title>
<h1>Sign in</h1><p role="alert">{words}</p>
<form method="post" action="/verify/password"><input type="hidden" name="token" value="{token}">
<label>Name <input name="username" autocomplete="username"></label>
<label>Password <input name="password" type="password" autocomplete="current-password"></label>
<button type="submit">Sign in</button></form>"""


class Password(UserAuthnMethod):
    """A page that asks for a name and a password."""

    url_endpoint = "/verify/password"

    def __init__(self, people, upstream_get=None, **kwargs):
        super().__init__(upstream_get=upstream_get)
        self.people = people

    def __call__(self, **kwargs):
        keys = self.upstream_get("attribute", "keyjar")
        token = create_signed_jwt(self.upstream_get("context").issuer, keys, **kwargs)
        return page(token)

    def verify(self, username="", password="", **kwargs):
        if password and self.people.get(username) == password:
            return username
        raise FailedAuthentication()


def page(token, words=""):
    return PAGE.format(token=html.escape(token), words=html.escape(words))


def configuration(issuer, settings):
    """What the provider is set up with."""
    people = settings["people"]
    every = ["openid", "email", "profile", "groups"]
    claims = {"email": None, "email_verified": None, "preferred_username": None, "groups": None}
    module = "idpyoidc.server"
    endpoints = {
        "provider_config": (".well-known/openid-configuration",
                            "oidc.provider_config.ProviderConfiguration",
                            {"client_authn_method": None}),
        "authorization": ("authorization", Authorize, {
            "client_authn_method": None, "claims_parameter_supported": True,
            "request_parameter_supported": False, "request_uri_parameter_supported": False,
            "response_types_supported": ["code"], "response_modes_supported": ["query"]}),
        "token": ("token", "oidc.token.Token", {
            "client_authn_method": ["client_secret_basic", "private_key_jwt"]}),
        "userinfo": ("userinfo", "oidc.userinfo.UserInfo", {"claim_types_supported": ["normal"]}),
        "end_session": ("session", EndSession, {
            "logout_verify_url": f"{issuer}/verify_logout", "post_logout_uri_path": "signed_out",
            "signing_alg": "ES256", "frontchannel_logout_supported": False,
            "frontchannel_logout_session_supported": False, "backchannel_logout_supported": True,
            "backchannel_logout_session_supported": True, "check_session_iframe": None}),
    }
    return {
        "issuer": issuer,
        "httpc_params": {"timeout": 5},
        "key_conf": {"key_defs": [{"type": "RSA", "use": ["sig"]},
                                  {"type": "EC", "crv": "P-256", "use": ["sig"]}],
                     "uri_path": "keys.json"},
        "preference": {"id_token_signing_alg_values_supported": ["ES256"]},
        "scopes_to_claims": {"openid": ["sub"], "email": ["email", "email_verified"],
                             "profile": ["preferred_username"], "groups": ["groups"]},
        "scopes_supported": every,
        "endpoint": {name: {"path": path, "kwargs": kwargs,
                            "class": f"{module}.{cls}" if isinstance(cls, str) else cls}
                     for name, (path, cls, kwargs) in endpoints.items()},
        "token_handler_args": {
            "jwks_def": {"read_only": False, "key_defs": [
                {"type": "oct", "bytes": 24, "use": ["enc"], "kid": kind}
                for kind in ("code", "token", "refresh")]},
            "code": {"lifetime": 600, "kwargs": {"crypt_conf": {"kwargs": {
                "keys": {"key_defs": [{"type": "OCT", "use": ["enc"], "kid": "password"},
                                      {"type": "OCT", "use": ["enc"], "kid": "salt"}]},
                "iterations": 1}}}},
            "token": {"class": f"{module}.token.jwt_token.JWTToken",
                      "kwargs": {"lifetime": 300}},
            "id_token": {"class": f"{module}.token.id_token.IDToken",
                         "kwargs": {"lifetime": 300, "base_claims": claims}},
        },
        "authz": {"class": f"{module}.authz.AuthzHandling", "kwargs": {"grant_config": {
            "usage_rules": {"authorization_code": {
                "supports_minting": ["access_token", "id_token"], "max_usage": 1}},
            "expires_in": 3600}}},
        "authentication": {"user": {"acr": PASSWORD, "class": Password, "kwargs": {
            "people": {it["name"]: it["password"] for it in people}}}},
        "userinfo": {"class": f"{module}.user_info.UserInfo", "kwargs": {"db": {
            it["name"]: {"sub": it["name"], "email": it["email"],
                         "email_verified": it.get("email_verified", True),
                         "preferred_username": it["name"], "groups": it["groups"]}
            for it in people}}},
        "cookie_handler": {"class": f"{module}.cookie_handler.CookieHandler", "kwargs": {
            "keys": {"key_defs": [{"type": "OCT", "kid": kind, "use": [kind]}
                                  for kind in ("enc", "sig")]},
            # A browser keeps one jar for all ports of a host.
            "flags": {"samesite": "Lax", "httponly": True},
            "name": {"session": "op", "register": "op_register",
                     "session_management": "op_session"}}},
        "add_ons": {"pkce": {"function": f"{module}.oauth2.add_on.pkce.add_support",
                             "kwargs": {"essential": True}}},
    }


def client(settings):
    """The one client, as registered."""
    return {
        "client_id": settings["client_id"],
        "client_secret": settings.get("client_secret", ""),
        "redirect_uris": [(it, {}) for it in settings["redirect_uris"]],
        "post_logout_redirect_uris": [(it, {})
                                      for it in settings.get("post_logout_redirect_uris", [])],
        "backchannel_logout_uri": settings["backchannel_logout_uri"],
        "backchannel_logout_session_required": True,
        "token_endpoint_auth_method":
            "private_key_jwt" if "client_jwk" in settings else "client_secret_basic",
        "id_token_signed_response_alg": "ES256",
        "response_types_supported": ["code"],
        "response_types": ["code"],
        "allowed_scopes": ["openid", "email", "profile", "groups"],
        "add_claims": {"always": {"id_token": ["groups", "email", "email_verified",
                                               "preferred_username"]}},
    }


class Authorize(Authorization):
    """Names of people stand for themselves: as given, a short one is taken for base64."""

    def _unwrap_identity(self, identity):
        return identity


class EndSession(Session):
    """Signing out needs no client to authenticate; its cookie says whose session it is."""

    def client_authentication(self, request, http_info=None, **kwargs):
        return {}


class Handler(BaseHTTPRequestHandler):
    """The provider's endpoints and its two pages."""

    protocol_version = "HTTP/1.1"
    op = None

    def do_GET(self):
        at = urlsplit(self.path)
        self.answer_to(at.path, {key: values[-1] for key, values in parse_qs(at.query).items()})

    def do_POST(self):
        length = int(self.headers.get("content-length") or 0)
        if length > BODY_BYTES_MAX:
            self.give(413, "too long")
            return
        body = parse_qs(self.rfile.read(length).decode())
        at = urlsplit(self.path)
        self.answer_to(at.path, {key: values[-1] for key, values in body.items()})

    def answer_to(self, path, given):
        try:
            if path == "/verify/password":
                self.verify(given)
            elif path == "/verify_logout":
                self.sign_out(given)
            elif path == "/signed_out":
                self.give(200, "<p>Signed out.</p>", [("Content-Type", "text/html")])
            elif path == "/keys.json":
                keys = self.op.keyjar.export_jwks_as_json(issuer_id="")
                self.give(200, keys, [("Content-Type", "application/json")])
            else:
                self.endpoint(path.lstrip("/"), given)
        except Exception as error:  # noqa: BLE001 - a provider answers, whatever went wrong
            self.give(400, json.dumps({"error": "invalid_request",
                                       "error_description": repr(error)}))

    def endpoint(self, path, given):
        """One of the specifications' endpoints."""
        names = [name for name, it in self.op.endpoint.items() if it.endpoint_path == path]
        if not names:
            self.give(404, "nothing here")
            return
        it = self.op.endpoint[names[0]]
        http = {"headers": {key.lower(): value for key, value in self.headers.items()},
                "method": self.command, "url": self.op.issuer + self.path,
                "cookie": self.cookies()}
        request = it.parse_request(given, http_info=http)
        if isinstance(request, ResponseMessage) and "error" in request:
            status = 401 if request["error"] == "invalid_client" else 400
            self.give(status, request.to_json(), [("Content-Type", "application/json")])
            return
        done = it.process_request(request, http_info=http)
        if isinstance(done, ResponseMessage) and "error" in done:
            self.give(400, done.to_json(), [("Content-Type", "application/json")])
        elif "http_response" in done:
            self.give(200, done["http_response"], [("Content-Type", "text/html")])
        elif "redirect_location" in done:
            self.give(302, "", [("Location", done["redirect_location"])])
        else:
            self.respond(it, request, done)

    def respond(self, it, request, done):
        """What an endpoint decided, as HTTP."""
        made = it.do_response(request=request, **done)
        headers = list(made.get("http_headers", []))
        for cookie in done.get("cookie", []):
            headers.append(("Set-Cookie", f"{cookie['name']}={cookie['value']}; "
                                          "Path=/; HttpOnly; SameSite=Lax"))
        body = made["response"]
        body = body if isinstance(body, str) else json.dumps(body)
        if made.get("response_placement", it.response_placement) == "body":
            self.give(made.get("response_code", 200), body, headers)
        else:
            self.give(302, "", [*headers, ("Location", body)])

    def verify(self, given):
        """The password page was sent."""
        authn = self.op.context.authn_broker.get_method_by_id("user")
        try:
            name = authn.verify(**given)
        except FailedAuthentication:
            self.give(401, page(given["token"], "Wrong name or password."),
                      [("Content-Type", "text/html")])
            return
        asked = authn.unpack_token(given["token"])
        request = AuthorizationRequest().from_urlencoded(asked["query"])
        it = self.op.endpoint["authorization"]
        session = it.create_session(request, name, asked["authn_class_ref"], asked["iat"], authn)
        done = it.authz_part2(request=request, session_id=session)
        self.respond(it, request, done)

    def sign_out(self, given):
        """Tells the client that this session is over, then the person."""
        it = self.op.endpoint["session"]
        said = it.unpack_signed_jwt(given["sjwt"])
        for to, token in it.logout_from_client(sid=said["sid"]).get("blu", {}).values():
            told = requests.post(to, data={"logout_token": token}, timeout=5)
            if told.status_code != 200:
                print(f"back-channel: {told.status_code}", file=sys.stderr, flush=True)
        self.give(302, "", [("Location", said["redirect_uri"]),
                            ("Set-Cookie", "op=; Path=/; Max-Age=0")])

    def cookies(self):
        jar = SimpleCookie(self.headers.get("cookie", ""))
        return [{"name": name, "value": it.value} for name, it in jar.items()]

    def give(self, status, body, headers=()):
        body = body.encode()
        self.send_response(status)
        for key, value in headers:
            if key.lower() != "content-length":
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """Says nothing: the suites read the first line."""


def main():
    settings = json.loads(sys.argv[1])
    # It writes keys of its own into the folder it runs in.
    with tempfile.TemporaryDirectory(prefix="idpyoidc-") as folder:
        os.chdir(folder)
        serve(settings)
        os.chdir("/")


def serve(settings):
    """Answers until standard input ends."""
    listener = ThreadingHTTPServer(("127.0.0.1", settings.get("port", 0)), Handler)
    listener.daemon_threads = True
    issuer = f"http://127.0.0.1:{listener.server_port}"
    conf = OPConfiguration(configuration(issuer, settings), base_path=".")
    Handler.op = Server(conf)
    Handler.op.context.cdb[settings["client_id"]] = client(settings)
    if "client_jwk" in settings:
        keys = {"keys": [settings["client_jwk"]]}
        Handler.op.keyjar.import_jwks(keys, settings["client_id"])
        # An empty target stands for the issuer: what a client assertion is meant for.
        Handler.op.endpoint["token"].allowed_targets.append("")
    else:
        Handler.op.keyjar.add_symmetric(settings["client_id"], settings["client_secret"])
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    print(json.dumps({"issuer": issuer, "name": "idpyoidc"}), flush=True)
    sys.stdin.buffer.read()
    listener.shutdown()


if __name__ == "__main__":
    main()
