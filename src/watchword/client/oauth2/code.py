"""Log a person in by their browser: the authorization code flow of native apps, RFC 6749 section 4.1 with RFC 8252."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final, Protocol
from urllib.parse import urlsplit

from watchword.client.flight import Renewal
from watchword.client.oauth2.asking import Ask, accepted, endpoint_of
from watchword.client.oauth2.endpoint import Desk
from watchword.client.oauth2.metadata import Server
from watchword.client.tokens import json_object
from watchword.client.transport import AuthenticationFailed, Reply
from watchword.codec.oidc import challenge_of, with_query

__all__ = ["AuthorizationCode", "Listener", "has_browser", "open_browser", "show_in_browser"]

_ERRORS: Final = frozenset(
    {
        *("invalid_request", "unauthorized_client", "access_denied", "unsupported_response_type", "invalid_scope"),
        *("server_error", "temporarily_unavailable", "invalid_target", "invalid_authorization_details"),
        *("login_required", "interaction_required", "consent_required", "account_selection_required"),
        "unmet_authentication_requirements",
    }
)


class Listener(Protocol):
    """Wait for the browser to come back to ``redirect_uri``."""

    redirect_uri: str
    answer: Future[Mapping[str, str] | None]

    def close(self) -> None:
        """Stop waiting."""
        ...


def _listen(path: str, state: str, seconds: float, port: int) -> Listener:
    from watchword.client.oauth2.loopback import Loopback

    return Loopback(path, state, seconds, port)


def show_in_browser(url: str) -> None:
    """Open the person's browser, and print the URL on stderr for where there is none."""
    import sys

    print(f"Log in here:\n  {url}", file=sys.stderr)  # noqa: T201 - a person has to read it
    open_browser(url)


def has_browser() -> bool:
    """Return whether a browser can show something here."""
    import os
    import sys

    at_a_screen = sys.platform in {"win32", "darwin"} or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
    return at_a_screen or bool(os.environ.get("BROWSER"))


def open_browser(url: str) -> None:
    """Open the person's browser where there is a screen, or a browser that BROWSER names."""
    import webbrowser
    from threading import Thread

    if has_browser():
        Thread(target=webbrowser.open, args=(url,), daemon=True).start()  # some browsers return when they are closed


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """Send the person to log in, and redeem the code that comes back.

    The redirect URI is ``http://127.0.0.1:PORT`` and ``path``: register it without the port, which is a free one
    unless ``port`` says which. ``show`` gets the URL for the person; ``seconds`` is how long they may take. PKCE
    (S256), ``state`` and ``iss`` (RFC 9207) tie answer and question together; requests are pushed (RFC 9126) to
    servers that take them.
    """

    path: str = "/callback"
    port: int = 0
    seconds: float = 300.0
    show: Callable[[str], None] = show_in_browser
    listen: Callable[[str, str, float, int], Listener] = _listen
    more: Mapping[str, str] = field(default_factory=dict)
    interactive: bool = True

    def granted(self, desk: Desk, server: Server, ask: Ask) -> Renewal[Reply]:
        """Ask the person, then the token endpoint."""
        endpoint = endpoint_of(server, "authorization_endpoint", "login with PKCE (S256)")
        state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
        listener = self._listener(state)
        try:
            fields = self._request(desk, ask, listener.redirect_uri, state, verifier)
            if server.pushed_authorization_request_endpoint:
                fields = yield from _pushed(desk, server, fields)
            self.show(with_query(endpoint, fields))
            yield listener.answer  # type: ignore[misc]  # a ticket whose result is read here
            answer = listener.answer.result()
        finally:
            listener.close()
        form = {
            "grant_type": "authorization_code",
            "code": _code(answer, server, state, self.seconds),
            "redirect_uri": listener.redirect_uri,
            "code_verifier": verifier,
        }
        if ask.resource is not None:
            form["resource"] = ask.resource
        return (yield from desk.post(server, server.token_endpoint, form))

    def _listener(self, state: str) -> Listener:
        try:
            return self.listen(self.path, state, self.seconds, self.port)
        except OSError as error:
            raise AuthenticationFailed(f"no port of 127.0.0.1 can be listened on: {error.strerror}") from None

    def _request(self, desk: Desk, ask: Ask, redirect_uri: str, state: str, verifier: str) -> dict[str, str]:
        fields = {
            **self.more,
            **ask.login,
            **ask.fields(),
            "response_type": "code",
            "client_id": desk.client.id,
            "redirect_uri": redirect_uri,
            "state": state,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
        }
        return {**fields, "dpop_jkt": desk.key.thumbprint} if desk.key is not None else fields


def _pushed(desk: Desk, server: Server, fields: dict[str, str]) -> Renewal[dict[str, str]]:
    reply = yield from desk.post(server, server.pushed_authorization_request_endpoint, fields)
    place = json_object(accepted("the authorization request was refused", reply, 201)).get("request_uri")
    if not isinstance(place, str) or not place:
        raise AuthenticationFailed("the server answered a pushed request without a request_uri")
    return {"client_id": desk.client.id, "request_uri": place}


def _code(answer: Mapping[str, str] | None, server: Server, state: str, seconds: float) -> str:
    """Return the code of an answer that is the server's to this very question. Raises AuthenticationFailed."""
    if answer is None:
        raise AuthenticationFailed(f"nobody came back from the login within {seconds:.0f} s", type="timeout")
    if answer.get("state") != state:
        raise AuthenticationFailed("the answer belongs to another login")
    if answer.get("iss", "" if server.names_itself else server.issuer) != server.issuer:
        raise AuthenticationFailed("the answer is not of the server that was asked (RFC 9207)")
    error = answer.get("error")
    if error is not None:
        kind = error if error in _ERRORS else "unknown_error"
        raise AuthenticationFailed(f"the login at {urlsplit(server.issuer).netloc} was refused: {kind}", type=kind)
    code = answer.get("code", "")
    if not code:
        raise AuthenticationFailed("the answer of the login holds no code")
    return code
