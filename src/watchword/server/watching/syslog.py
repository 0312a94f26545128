"""Write audit events as syslog messages (RFC 5424), and frame them for the way that they go."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

__all__ = ["Place", "framed", "message", "place_of"]

_APP: Final = "watchword"
_SEVERITIES: Final[Mapping[str, int]] = {"accepted": 6, "done": 5, "refused": 4, "broken": 3}  # section 6.2.1
_NAMES: Final = re.compile(r"[^\x21-\x7e]")
_PORTS: Final[Mapping[str, int]] = {"udp": 514, "tcp": 601, "tls": 6514}  # RFC 5426, RFC 6587, RFC 5425


class Place(NamedTuple):
    """Say where messages go: ``way`` is "unix" (``host`` a path), "udp", "tcp" or "tls"."""

    way: str
    host: str
    port: int = 0


def place_of(address: str) -> Place:
    """Return the place that an address names: ``unix:///dev/log``, ``udp://host:514``, ``tcp://``, ``tls://``.

    Raise ValueError.
    """
    wrong = f"{address[:60]!r} is no place for syslog: unix:///dev/log, udp://host:514, tcp://host:601, tls://host:6514"
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise ValueError(wrong) from None
    if parts.query or parts.fragment or parts.username is not None:
        raise ValueError(wrong)
    if parts.scheme == "unix" and not parts.netloc and parts.path.startswith("/"):
        return Place("unix", parts.path)
    if parts.scheme in _PORTS and parts.hostname and parts.path in ("", "/"):
        return Place(parts.scheme, parts.hostname, port or _PORTS[parts.scheme])
    raise ValueError(wrong)


def message(value: Mapping[str, Any], *, host: str, facility: int, process: int) -> bytes:
    """Return one message: the header says when, how grave and which act; its text is the whole event as JSON.

    The JSON is ASCII, so nothing that a caller chose can end the line or begin another.
    """
    at = datetime.fromtimestamp(float(value["at"]), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    priority = facility * 8 + _SEVERITIES.get(str(value.get("outcome", "")), 5)
    name = _NAMES.sub("", str(value.get("action", "")))[:32] or "-"
    machine = _NAMES.sub("", host)[:255] or "-"
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True)
    return f"<{priority}>1 {at} {machine} {_APP} {process} {name} - {text}".encode("ascii")


def framed(text: bytes) -> bytes:
    """Return a message as it goes over a stream: its length, a space, itself (RFC 5425 section 4.3, RFC 6587 3.4.1)."""
    return b"%d %s" % (len(text), text)
