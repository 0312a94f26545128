"""Log in as a browser does, and carry the session's cookies and its CSRF token."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from watchword.client.flight import Renewal, RenewingAuth
from watchword.client.tokens import failure
from watchword.client.transport import Call, Reply, Sending

__all__ = ["SessionAuth"]

_SESSION = ("__Host-session", "session")  # the second without TLS on loopback
_CSRF = ("__Host-csrf", "csrf")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # RFC 9110 section 9.2.1
_HEADERS = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html, application/json"}


class SessionAuth(RenewingAuth[dict[str, str]]):
    """Prove a person by a session from the form ``POST {base_url}/login``.

    Cookies go to the origin of ``base_url`` alone. Requests that change something carry X-CSRF-Token. A 401 logs in
    anew, once. Raises AuthenticationFailed when the login sets no session cookie.
    """

    def __init__(self, base_url: str, username: str, password: str) -> None:
        super().__init__(origin=base_url)
        form = urlencode({"username": username, "password": password}).encode()
        self._call = Call("POST", base_url.rstrip("/") + "/login", _HEADERS, form)

    def renew(self) -> Renewal[dict[str, str]]:
        """Post the form and take the cookies."""
        reply = yield self._call
        jar: dict[str, str] = {}
        self._keep(jar, reply)
        if reply.status >= 400 or not any(name in jar for name in _SESSION):
            raise failure("the login was refused", reply)
        return jar

    def attach(self, proof: dict[str, str], sending: Sending) -> Mapping[str, str]:
        """Carry the cookies beside the caller's own, and the CSRF token where something changes."""
        jar = dict(proof)
        theirs = [pair for pair in sending.cookie.split("; ") if pair and pair.partition("=")[0] not in jar]
        fields = {"Cookie": "; ".join([*theirs, *(f"{name}={value}" for name, value in jar.items())])}
        token = next((jar[name] for name in _CSRF if name in jar), None)
        if token is not None and sending.method not in _SAFE:
            fields["X-CSRF-Token"] = token
        return fields

    def saw(self, proof: dict[str, str], reply: Reply) -> None:
        """Take the cookies that an answer sets or deletes: sessions are renewed under way."""
        self._keep(proof, reply)

    def _keep(self, jar: dict[str, str], reply: Reply) -> None:
        for origin, text in reply.cookies:
            pair, *attributes = (part.strip() for part in text.split(";"))
            name, equals, value = pair.partition("=")
            if origin != self._origin or not equals or not name:
                continue
            if not value or any(attribute.lower() in {"max-age=0", "max-age=-1"} for attribute in attributes):
                jar.pop(name, None)
            else:
                jar[name] = value
