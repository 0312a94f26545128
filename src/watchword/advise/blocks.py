"""Write the ``[[route]]`` block of an advice, and what has to be typed before anybody can call."""

from __future__ import annotations

import json
from typing import Final

from watchword.advise.answers import Answers, Place
from watchword.advise.layers import LIMITS, UNSEEN, Layer

__all__ = ["route_block", "steps_of"]

_WIDTH: Final = 34  # characters before the comment of a line
_KEYS: Final = {"api-key": "api-key", "hmac": "hmac"}
_CALLER: Final = {"people": "user:alice", "both": "user:alice", "machines": "service:billing"}


def route_block(scheme: str, answers: Answers, place: Place, layers: tuple[Layer, ...]) -> str:
    """Return the block; what is suggested on top stands in it as comments, one suggestion above its lines."""
    lines = [
        "[[route]]",
        f"path = {_text(place.path)}",
        f"methods = [{_text(place.method)}]",
        f"accept = {_text(scheme)}",
    ]
    if place.scopes:
        lines.append(f"scopes = [{', '.join(map(_text, place.scopes))}]")
    lines.append(_beside(f'limit = "{LIMITS[answers.sensitivity]}"', "each credential, on this route"))
    if scheme == "hmac":
        lines.append(_beside(UNSEEN, "a gateway asks without the content: the service compares the digest"))
    for layer in layers:
        if layer.settings:
            lines += ["", f"# {layer.name}: {_lower(layer.why)}", *(f"# {setting}" for setting in layer.settings)]
    return "\n".join(lines) + "\n"


def steps_of(scheme: str, answers: Answers, place: Place) -> tuple[str, ...]:
    """Return the commands that give one caller what it needs."""
    scope = "".join(f" --scope {each}" for each in place.scopes)
    subject = _subject(scheme, answers)
    kind, _, name = subject.partition(":")
    if scheme in ("jwt", "session", "basic") and kind == "user":
        return (f"watchword user add {name} --password{scope}",)
    added = f"watchword {kind} add {name}"
    match scheme:
        case "api-key" | "hmac":
            limit = LIMITS[answers.sensitivity]
            return (added, f"watchword issue {_KEYS[scheme]} --for {subject}{scope} --limit {limit} --expires 90d")
        case "mtls":
            return (added, f"watchword issue client-cert --for {subject}{scope} --out {name}-tls")
        case "oauth2" if kind == "user":
            return (
                f"watchword user add {name} --password{scope}",
                f"watchword client add tally --public {_CODE}{scope}",
            )
        case "oauth2":
            return (added, f"watchword issue oauth-client --for {subject}{scope}")
        case _:
            return (added, f"watchword issue password --for {subject}{scope}")


_CODE: Final = (
    "--grant authorization_code --grant device_code --grant refresh_token --redirect-uri http://127.0.0.1/callback"
)


def _subject(scheme: str, answers: Answers) -> str:
    if scheme in ("mtls", "hmac") and answers.callers == "both":
        return "service:billing"
    if scheme == "api-key" and answers.callers == "both" and answers.through == "server":
        return "service:billing"
    return _CALLER[answers.callers]


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _beside(line: str, comment: str) -> str:
    return f"{line.ljust(_WIDTH)}# {comment}"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
