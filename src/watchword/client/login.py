"""Log in by name and password for a short-lived token, and keep it fresh."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from watchword.client.flight import Renewal, RenewingAuth
from watchword.client.tokens import Token, failure, json_object, token_of
from watchword.client.transport import Call, Reply, Sending, origin_of

__all__ = ["LoginAuth"]

_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
_DEVICES = ("__Host-device=", "device=")
_CHALLENGED = 403
_LATER = 5.0  # seconds until a refresh is tried again that met a busy server


class LoginAuth(RenewingAuth[Token]):
    """Prove the caller by a token from ``POST {base_url}/login``, renewed at ``/refresh`` before it ends.

    Name, password and tokens go to the origin of ``base_url`` alone; requests to others go out without a token. A 401
    renews once; a refresh that is refused, or whose answer was lost, is followed by a login, since a refresh token is
    good for one use. Where a second factor is due, ``second_factor`` is called with the names of those that would do
    and returns a code (of an app, or a recovery code), or None. Raises AuthenticationFailed when the login is refused
    (``type`` ends in "mfa_required" where nobody gave a code). The cookie by which the server knows this device again
    is kept, so that guesses of others do not slow it down.
    """

    def __init__(
        self,
        base_url: str,
        username: str,
        password: str,
        *,
        second_factor: Callable[[Sequence[str]], str | None] | None = None,
    ) -> None:
        super().__init__(origin=base_url)
        self._second_factor = second_factor
        self._device = ""
        self._base_url = base_url.rstrip("/")
        self._login = json.dumps({"username": username, "password": password}).encode()
        self._refresh_token: str | None = None

    def current(self) -> Token | None:
        """Return the token until shortly before it ends."""
        token = self._proof
        return token if token is not None and time.monotonic() < token.renew_at else None

    def attach(self, proof: Token, sending: Sending) -> Mapping[str, str]:
        """Carry the token as RFC 6750 section 2.1 says."""
        return {"Authorization": f"Bearer {proof.access}"}

    def renew(self) -> Renewal[Token]:
        """Refresh if there is a refresh token, log in otherwise."""
        spent, self._refresh_token = self._refresh_token, None
        if spent is not None:
            reply = yield self._post("/refresh", json.dumps({"refresh_token": spent}).encode())
            token = self._taken(reply)
            if token is not None:
                return token
            old, now = self._proof, time.monotonic()
            if reply.status in {429, 503}:  # refused without being looked at
                self._refresh_token = spent
                if old is not None and now < old.ends_at:
                    return replace(old, renew_at=min(now + _LATER, old.ends_at))
        reply = yield self._post("/login", self._login)
        answer = self._answered(reply)
        if answer is not None:
            reply = yield self._post("/login/mfa", answer)
        token = self._taken(reply)
        if token is None:
            raise failure("the login was refused", reply)
        return token

    def _answered(self, reply: Reply) -> bytes | None:
        """Return the answer to a challenge, None where there is none, or nobody to give it."""
        body = json_object(reply)
        challenge, factors = body.get("challenge"), body.get("factors")
        if reply.status != _CHALLENGED or self._second_factor is None or not isinstance(challenge, str):
            return None
        names = [name for name in factors if isinstance(name, str)] if isinstance(factors, list) else []
        code = self._second_factor(names)
        return None if code is None else json.dumps({"challenge": challenge, "code": code}).encode()

    def _post(self, path: str, content: bytes) -> Call:
        headers = {**_HEADERS, "Cookie": self._device} if self._device else _HEADERS
        return Call("POST", self._base_url + path, headers, content)

    def _taken(self, reply: Reply) -> Token | None:
        body = json_object(reply)
        token = token_of(body, "token", time.monotonic()) if reply.status == 200 else None
        if token is not None:
            for origin, text in reply.cookies:
                if origin == origin_of(self._base_url) and text.startswith(_DEVICES):
                    self._device = text.partition(";")[0]
            refresh = body.get("refresh_token")
            self._refresh_token = refresh if isinstance(refresh, str) else None
        return token
