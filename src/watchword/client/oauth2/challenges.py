"""Read the challenges of a WWW-Authenticate field: RFC 9110 section 11.6.1. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

__all__ = ["challenges_of", "said_of"]

_LONGEST: Final = 8_192  # characters of a field that is looked at
_NAME: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_ITEM: Final = re.compile(
    rf"[ \t,]*+(?:(?P<scheme>{_NAME})(?=[ \t,]|$)[ \t]*+)?"
    rf'(?:(?P<name>{_NAME})[ \t]*+=[ \t]*+(?:"(?P<quoted>(?:[^"\\]|\\.)*+)"|(?P<plain>{_NAME}))[ \t]*+)?(?=,|$)'
)


def challenges_of(field: str) -> list[tuple[str, dict[str, str]]]:
    """Return each challenge's scheme, lower-case, with its parameters, their names lower-case.

    What is malformed ends the reading: the challenges before it count.
    """
    found: list[tuple[str, dict[str, str]]] = []
    at, field = 0, field[:_LONGEST]
    while at < len(field):
        item = _ITEM.match(field, at)
        if item is None or item.end() == at:
            break
        at = item.end()
        if item["scheme"] is not None:
            found.append((item["scheme"].lower(), {}))
        if item["name"] is not None:
            if not found:
                break
            value = item["plain"] if item["quoted"] is None else re.sub(r"\\(.)", r"\1", item["quoted"])
            found[-1][1].setdefault(item["name"].lower(), value)
    return found


def said_of(field: str) -> Mapping[str, str]:
    """Return the parameters of the challenge that says most about a token: one with an error before one without.

    Challenges of other schemes than Bearer and DPoP (RFC 6750 section 3, RFC 9449 section 7.1) are left out.
    """
    ours = [values for scheme, values in challenges_of(field) if scheme in {"bearer", "dpop"}]
    ours.sort(key=lambda values: (values.get("error") != "use_dpop_nonce", "error" not in values))
    said: dict[str, str] = {}
    for values in ours:
        said = {**values, **said}  # such as resource_metadata, which stands in any of them
    return said
