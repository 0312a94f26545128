"""Log a person in on another device than this one: RFC 8628."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from watchword.client.flight import Renewal
from watchword.client.oauth2.asking import Ask, Sleep, accepted, endpoint_of, pause
from watchword.client.oauth2.endpoint import Desk
from watchword.client.oauth2.metadata import Server
from watchword.client.tokens import json_object
from watchword.client.transport import AuthenticationFailed, Reply

__all__ = ["DeviceAuthorization", "Prompt", "show_on_stderr"]

_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
_LONGEST: Final = 1_800.0  # seconds
_BUSY: Final = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Prompt:
    """Tell the person: go to ``verification_uri``, type ``user_code``, within ``seconds``; or follow ``complete``."""

    verification_uri: str
    user_code: str
    seconds: float
    complete: str = ""
    device_code: str = field(default="", repr=False)
    interval: float = 5.0


def show_on_stderr(prompt: Prompt) -> None:
    """Print what the person has to do."""
    place = f"Go to {prompt.verification_uri} and enter {prompt.user_code}"
    print(f"{place}\n  or follow {prompt.complete}" if prompt.complete else place, file=sys.stderr)  # noqa: T201


@dataclass(frozen=True, slots=True)
class DeviceAuthorization:
    """Show the person a code, and ask the token endpoint until they have entered it elsewhere.

    ``sleep`` returns a ticket that is done after so many seconds.
    """

    show: Callable[[Prompt], None] = show_on_stderr
    sleep: Sleep = pause
    clock: Callable[[], float] = time.monotonic
    interactive: bool = True

    def granted(self, desk: Desk, server: Server, ask: Ask) -> Renewal[Reply]:
        """Ask for a code, show it, poll."""
        endpoint = endpoint_of(server, "device_authorization_endpoint", "login by a device code")
        reply = yield from desk.post(server, endpoint, ask.fields(), bound=False)
        prompt = _prompt(json_object(accepted("the server gave no device code", reply)))
        ends = self.clock() + prompt.seconds
        self.show(prompt)
        interval = prompt.interval
        form = {"grant_type": _GRANT, "device_code": prompt.device_code}
        if ask.resource is not None:
            form["resource"] = ask.resource
        while self.clock() + interval < ends:
            yield self.sleep(interval)
            reply = yield from desk.post(server, server.token_endpoint, form)
            error = json_object(reply).get("error")
            if error == "slow_down":
                interval += 5  # section 3.5
            elif reply.status in _BUSY:
                interval *= 2
            elif error != "authorization_pending":
                return reply
        raise AuthenticationFailed("nobody entered the code in time", type="expired_token")


def _prompt(body: Any) -> Prompt:
    code, user_code, place = (body.get(name) for name in ("device_code", "user_code", "verification_uri"))
    complete, seconds, interval = (
        body.get("verification_uri_complete", ""),
        body.get("expires_in"),
        body.get("interval"),
    )
    if not (isinstance(code, str) and code and isinstance(user_code, str) and _shown(user_code)):
        raise AuthenticationFailed("the server's answer holds no device code")
    if not _web(place) or (complete and not _web(complete)):
        raise AuthenticationFailed("the server's answer names no page to go to")
    return Prompt(
        place,
        user_code,
        min(seconds, _LONGEST) if _number(seconds) else _LONGEST,
        complete,
        code,
        max(1.0, interval) if _number(interval) else 5.0,
    )


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1e9


def _shown(text: str) -> bool:
    return 0 < len(text) <= 64 and text.isascii() and text.isprintable()


def _web(url: object) -> bool:
    """Return whether a person may be shown this URL: printed on a terminal it must not do anything."""
    if not isinstance(url, str) or len(url) > 512 or not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.username is None
