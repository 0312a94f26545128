"""An authorization server and an API in memory, that answer the steps of a flow: no sockets, no waiting."""

from __future__ import annotations

import json
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from watchword.client.oauth2 import AuthorizationCode
from watchword.client.oauth2.discovery import url_of
from watchword.client.transport import Auth, Call, Reply, Sending, origin_of
from watchword.codec.jose import VerificationKey, verify
from watchword.codec.oidc import challenge_of
from watchword.codec.strict import from_base64url, json_object

T = TypeVar("T")

ISSUER = "https://auth.example"
API = "https://api.example"
REDIRECT = "http://127.0.0.1:49152/callback"


def sending(url: str = f"{API}/orders", method: str = "GET", body: bytes | None = b"") -> Sending:
    """Return a request as a driver presents it."""
    parts = urlsplit(url)
    target = (parts.path + ("?" + parts.query if parts.query else "")).encode()
    return Sending(method, origin_of(url), target, parts.netloc.encode(), b"", "", body)


def opened(proof: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of a DPoP proof, its signature verified by the key that it brings."""
    head, payload, signature = proof.encode().split(b".")
    header, claims = json_object(from_base64url(head)), json_object(from_base64url(payload))
    assert header is not None
    assert claims is not None
    key = VerificationKey.from_jwk(header["jwk"])
    assert key.verifies(head + b"." + payload, from_base64url(signature))
    return header, claims


def assertion(text: str, key: VerificationKey) -> dict[str, Any]:
    """Return the claims of a client assertion that the key signed."""
    claims = verify(text.encode(), key)
    assert isinstance(claims, dict), claims
    return claims


@dataclass
class Listening:
    """Be the listener that the browser of ``World`` comes back to."""

    redirect_uri: str = REDIRECT
    answer: Future[Mapping[str, str] | None] = field(default_factory=Future)
    closed: bool = False

    def close(self) -> None:
        self.closed = True


@dataclass
class World:
    """Answer; tests turn the knobs and read what was sent."""

    metadata: dict[str, Any] = field(default_factory=dict)
    resource: dict[str, Any] | None = None
    lifetime: float | None = 3600
    kind: str = "Bearer"
    granted: str | None = None  # the scope of every answer, None: what was asked for
    refresh: bool = True
    nonce: str = ""  # what the token endpoint wants in proofs
    api_nonce: str = ""
    needs: str = ""  # the scope that the API asks for
    needs_login: bool = False
    challenge: str = 'Bearer realm="api"'
    revoked: set[str] = field(default_factory=set)
    token_answers: list[Reply] = field(default_factory=list)  # go out before any other
    answer: dict[str, str] | None = field(default_factory=dict)  # put over the authorization response; None: nobody
    asked: list[Call] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    seen: list[Mapping[str, str]] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    listening: list[Listening] = field(default_factory=list)
    live: dict[str, str] = field(default_factory=dict)  # token -> scope
    refreshable: dict[str, str] = field(default_factory=dict)
    pushed: dict[str, dict[str, str]] = field(default_factory=dict)
    challenges: dict[str, str] = field(default_factory=dict)  # code -> code_challenge
    scopes: dict[str, str] = field(default_factory=dict)  # code -> scope
    number: int = 0

    def document(self) -> dict[str, Any]:
        """Return the server's metadata."""
        return {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "device_authorization_endpoint": f"{ISSUER}/device",
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            **self.metadata,
        }

    def flow(self, **more: Any) -> AuthorizationCode:
        """Return the code flow with this world's browser."""
        return AuthorizationCode(show=self.browse, listen=self.listen, **more)

    def listen(self, path: str, state: str, seconds: float, port: int) -> Listening:
        self.listening.append(Listening())
        return self.listening[-1]

    def browse(self, url: str) -> None:
        """Be the person at the browser: who is logged in, and agrees."""
        self.shown.append(url)
        fields = dict(parse_qsl(urlsplit(url).query))
        fields = self.pushed.get(fields.get("request_uri", ""), fields)
        code = f"code{len(self.shown)}"
        self.challenges[code] = fields["code_challenge"]
        self.scopes[code] = fields.get("scope", "")
        answer = {"code": code, "state": fields["state"], "iss": ISSUER}
        if self.answer is None:
            self.listening[-1].answer.set_result(None)
        else:
            answer.update(self.answer)
            self.listening[-1].answer.set_result({name: value for name, value in answer.items() if value})

    # --- the server ---------------------------------------------------------------------------------------------------

    def call(self, call: Call) -> Reply:
        """Answer a call of the flow's own."""
        self.asked.append(call)
        path = urlsplit(call.url).path
        if path == "/.well-known/oauth-authorization-server":
            return reply(200, self.document())
        if path.startswith("/.well-known/oauth-protected-resource") and self.resource is not None:
            return reply(200, self.resource)
        if call.method == "GET":
            return reply(404, {})
        form = dict(parse_qsl(call.content.decode(), keep_blank_values=True))
        self.forms.append(form)
        wrong = self._unproved(call)
        if wrong is not None:
            return wrong
        if path == "/par":
            self.pushed[f"urn:{len(self.pushed)}"] = form
            return reply(201, {"request_uri": f"urn:{len(self.pushed) - 1}", "expires_in": 60})
        if path == "/revoke":
            return reply(200, {})
        if path == "/device":
            code = {"device_code": "dc", "user_code": "WDJB-MJHT", "verification_uri": f"{ISSUER}/go"}
            return reply(200, {**code, "expires_in": 600, "interval": 2})
        return self.token_answers.pop(0) if self.token_answers else self._token(form)

    def _unproved(self, call: Call) -> Reply | None:
        proof = call.headers.get("DPoP")
        if proof is None:
            return None
        header, claims = opened(proof)
        assert (header["typ"], header["alg"], claims["htm"], claims["htu"]) == ("dpop+jwt", "ES256", "POST", call.url)
        if self.nonce and claims.get("nonce") != self.nonce:
            return Reply(400, body=b'{"error":"use_dpop_nonce"}', nonce=self.nonce)
        return None

    def _token(self, form: dict[str, str]) -> Reply:
        scope = form.get("scope", "")
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] not in self.refreshable:
                return reply(400, {"error": "invalid_grant"})
            scope = self.refreshable.pop(form["refresh_token"])
        if form["grant_type"] == "authorization_code":
            code = form["code"]
            assert challenge_of(form["code_verifier"]) == self.challenges.pop(code)
            assert form["redirect_uri"] == REDIRECT
            scope = self.scopes[code]
        self.number += 1
        scope = scope if self.granted is None else self.granted
        token, refresh = f"t{self.number}", f"r{self.number}"
        self.live[token] = scope
        body: dict[str, Any] = {"access_token": token, "token_type": self.kind, "expires_in": self.lifetime}
        if self.refresh and form["grant_type"] != "client_credentials":
            self.refreshable[refresh] = scope
            body["refresh_token"] = refresh
        return reply(200, {**body, "scope": scope} if scope else body)

    # --- the API ------------------------------------------------------------------------------------------------------

    def request(self, request: Sending, fields: Mapping[str, str]) -> Reply:
        """Answer the caller's request."""
        self.seen.append(fields)
        scheme, _, token = fields.get("Authorization", "").partition(" ")
        if not token:
            return Reply(401, True, challenge=self.challenge)
        if scheme == "DPoP":
            _, claims = opened(fields["DPoP"])
            assert (claims["htm"], claims["htu"]) == (request.method, url_of(request))
            if self.api_nonce and claims.get("nonce") != self.api_nonce:
                return Reply(401, True, challenge='DPoP error="use_dpop_nonce"', nonce=self.api_nonce)
        if token not in self.live or token in self.revoked:
            return Reply(401, True, challenge='Bearer error="invalid_token"')
        if self.needs and self.needs not in self.live[token].split():
            return Reply(403, challenge=f'Bearer error="insufficient_scope", scope="{self.needs}"')
        if self.needs_login and len(self.shown) < 2:
            return Reply(401, True, challenge='Bearer error="insufficient_user_authentication", acr_values="aal2"')
        return Reply(200)

    def play(self, auth: Auth, request: Sending | None = None) -> list[int]:
        """Drive one request; return the statuses of its answers, the last one is what the caller gets."""
        played = Played(self, auth, request or sending())
        try:
            while not played.over:
                played.go()
        finally:
            played.steps.close()
        return played.statuses

    def drive(self, steps: Generator[Any, Any, T]) -> T:
        """Drive a flow that belongs to no request, as transport.drive does."""
        answer: Reply | None = None
        try:
            while True:
                step = steps.send(answer)
                answer = self.call(step) if isinstance(step, Call) else step.result(5)
        except StopIteration as end:
            value: T = end.value
            return value

    def grants(self) -> Counter[str]:
        """Count the grants that were asked for."""
        return Counter(form["grant_type"].rpartition(":")[2] for form in self.forms if "grant_type" in form)


class Played:
    """Drive one request step by step, so that tests say what comes between."""

    def __init__(self, world: World, auth: Auth, request: Sending) -> None:
        self.world, self.request = world, request
        self.steps = auth.begin(request)
        self.statuses: list[int] = []
        self.over = False
        self._answer: Reply | None = None
        self._step: Any = None
        self._send()

    def go(self, *, wait: bool = True) -> None:
        """Take one step; without ``wait`` none that has to."""
        step = self._step
        if isinstance(step, Call):
            self._answer = self.world.call(step)
        elif isinstance(step, Future):
            if not wait and not step.done():
                return
            step.result(5)
            self._answer = None
        else:
            self._answer = self.world.request(self.request, step)
            self.statuses.append(self._answer.status)
        self._send()

    def until(self, wanted: Callable[[Any], bool]) -> None:
        """Go up to such a step, and take it."""
        while not wanted(self._step):
            self.go()
        self.go()

    def _send(self) -> None:
        try:
            self._step = self.steps.send(self._answer)  # type: ignore[arg-type]
        except StopIteration:
            self.over = True


def reply(status: int, body: dict[str, Any]) -> Reply:
    """Return an answer in JSON."""
    return Reply(status, body=json.dumps(body).encode())


def basic(call: Call) -> str:
    """Return id and secret of Basic, as they were sent."""
    return b64decode(call.headers["Authorization"].removeprefix("Basic ")).decode()
