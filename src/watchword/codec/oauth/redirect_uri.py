"""Read redirect URIs: one that two readers could read differently, or that sends a code in the open, is none.

RFC 6749 section 3.1.2, RFC 8252 section 7, RFC 9700 section 4.1. They are compared character by character afterwards,
so what is registered must mean the same to every browser.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Final, Literal, TypeAlias
from urllib.parse import unquote

__all__ = ["LONGEST", "RedirectKind", "kind_of", "redirect_fault"]

RedirectKind: TypeAlias = Literal["https", "loopback", "localhost", "private-use", "open"]
"""``loopback``: http on 127.0.0.1 or [::1]. ``private-use``: an app's own scheme. ``open``: http elsewhere."""

LONGEST: Final = 2_000
"""Characters."""

_WEB: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<rest>(?:/[A-Za-z0-9\-._~!$&'()+,;=:@/%]*)?(?:\?[A-Za-z0-9\-._~!$&'()+,;=:@/?%]*)?)"
)
_APP: Final = re.compile(r"[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:(?P<rest>/[A-Za-z0-9\-._~!$&'()+,;=:@/?%]*)")
_LABEL: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")  # browsers read a host that ends in one as IPv4
_STRAY_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DOTS: Final = frozenset({".", ".."})
_MOST_PORT: Final = 65_535


def redirect_fault(uri: str) -> tuple[str, str] | None:
    """Return what is wrong with a redirect URI and what to write instead, None when nothing is."""
    if not uri.isascii():
        return "is not ASCII", "write it as it is sent, with %-escapes or xn--"
    if len(uri) > LONGEST:
        return "is too long", f"{LONGEST} characters at most"
    if "#" in uri or "\\" in uri or not uri.isprintable() or " " in uri:
        return "is not an absolute URI without a fragment", "such as https://app.example/cb"
    if "*" in uri:
        return "has a wildcard", "name each redirect URI"
    if not uri.startswith(("http:", "https:")):
        return _fault_of_app(uri)
    web = _WEB.fullmatch(uri)
    if web is None or not _is_host(web["host"]) or int(web["port"] or 0) > _MOST_PORT:
        return "needs a host and no user, as every browser reads it", "such as https://app.example/cb"
    if kind_of(uri) == "open":
        return "would send codes in the open", "use https, or http on 127.0.0.1"
    return _fault_of_rest(web["rest"])


def _fault_of_app(uri: str) -> tuple[str, str] | None:
    app = _APP.fullmatch(uri)
    if app is None or "@" in app["rest"].partition("?")[0]:  # javascript: and data: run where they land
        hint = "an app's own scheme is its domain turned round, such as com.example.app:/cb (RFC 8252 section 7.1)"
        return "is no web address, and its scheme is nobody's own", hint
    return _fault_of_rest(app["rest"])


def _fault_of_rest(rest: str) -> tuple[str, str] | None:
    if _STRAY_PERCENT.search(rest):
        return "has a stray %", "write %25"
    path = rest.partition("?")[0]
    for level in (path, unquote(path), unquote(unquote(path))):
        segments = {segment.partition(";")[0] for segment in level.split("/")}
        if "\\" in level or not level.isprintable() or segments & _DOTS:
            return "has a path that two readers read differently", "without dot segments, backslashes and controls"
    return None


def _is_host(host: str) -> bool:
    try:
        if host.startswith("["):
            IPv6Address(host[1:-1])
            return True
        labels = host.split(".")
        if _NUMBER.fullmatch(labels[-1]):
            IPv4Address(host)
            return True
    except ValueError:
        return False
    return len(host) <= 253 and all(map(_LABEL.fullmatch, labels))


def kind_of(uri: str) -> RedirectKind:
    """Return what kind of place an URI without fault is."""
    web = _WEB.fullmatch(uri)
    if web is None:
        return "private-use"
    if web["scheme"] == "https":
        return "https"
    host = web["host"].lower()
    if host == "localhost":
        return "localhost"
    return "loopback" if host in ("127.0.0.1", "[::1]") else "open"
