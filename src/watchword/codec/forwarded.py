"""Find the caller behind proxies, and believe nobody who is not one of ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from watchword.codec.addresses import Address, parsed, plain, within
from watchword.model.verdict import Headers, Network

__all__ = ["FORWARDED", "UNKNOWN", "Client", "TrustedProxies", "strip_identity"]

UNKNOWN: Final = "unknown"
"""Name, as RFC 7239 section 6.2 does, all callers whose address is contested: in no network, and limited together."""

_IDENTITY: Final = b"x-watchword-"
_MOST_HOPS: Final = 32
_MOST_BYTES: Final = 8192  # of a field, counted from its end, which is the part that our proxies wrote

FORWARDED: Final = (b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto")
"""The fields in which proxies say who called."""

_SAID: Final = frozenset(FORWARDED)
_REMEMBERED: Final = 4096
_SHORT: Final = 512  # bytes of field values that are remembered
_FEW: Final = 8  # fields that are: thousands of empty ones are long, too

_TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PAIR: Final = rb"(?:" + _TOKEN + rb")=(?:" + _TOKEN + rb'|"[^"\\\x00-\x1f]*")'
_ELEMENT: Final = re.compile(_PAIR + rb"(?:;" + _PAIR + rb")*")
_EACH: Final = re.compile(rb"(" + _TOKEN + rb")=(?:(" + _TOKEN + rb')|"([^"]*)")')
_NODE: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::[0-9]{1,5})?|([0-9A-Fa-f:.]+)")
_HOST: Final = re.compile(r"(?:[0-9A-Za-z._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


class Client(NamedTuple):
    """Name who really called.

    IP address ("" when there is none, UNKNOWN when it is contested); over HTTPS or not, and by which host, if a proxy
    said.
    """

    address: str
    https: bool | None = None
    host: str | None = None


class _Hop(NamedTuple):
    node: Address | None
    https: bool | None = None
    host: str | None = None


class TrustedProxies:
    """Read X-Forwarded-For, -Proto and -Host, or Forwarded (RFC 7239), where one of ``networks`` sent them.

    The list of hops is walked from its end, the only part that a proxy of ours wrote, and past those of ours; the first
    other address is the caller. ``field`` ("x-forwarded-for" or "forwarded") says which one the proxies set; without
    it both are read, and when they disagree the caller is UNKNOWN: one of them is the caller's own invention.
    """

    __slots__ = ("_field", "_networks", "_remembered", "trusts")

    def __init__(self, networks: Iterable[Network] = (), *, field: str | None = None) -> None:
        if field not in {None, "x-forwarded-for", "forwarded"}:
            raise ValueError(f"field must be x-forwarded-for or forwarded, not {field!r}")
        self._networks = plain(tuple(networks))
        self._field = field
        # A caller comes again and again by the same way: what follows from few bytes alone is remembered.
        self._remembered = lru_cache(maxsize=_REMEMBERED)(self._read)
        self.trusts: Callable[[str], bool] = lru_cache(maxsize=_REMEMBERED)(self._trusts)
        """Return whether a proxy of ours has this address: only such a peer may speak for others."""

    def client(self, address: str, headers: Headers) -> Client:
        """Return who called. ``address`` is the direct peer's; ``headers`` have lower-case names."""
        if not self.trusts(address):
            return Client(address)
        said = tuple([(name, value) for name, value in headers if name in _SAID])
        short = len(said) <= _FEW and sum([len(value) for _, value in said]) <= _SHORT
        return self._remembered(address, said) if short else self._read(address, said)

    def _trusts(self, address: str) -> bool:
        return bool(self._networks) and within(parsed(address), self._networks)

    def _read(self, address: str, headers: Headers) -> Client:
        classic = None if self._field == "forwarded" else self._classic(address, headers)
        standard = None if self._field == "x-forwarded-for" else self._standard(address, headers)
        if classic is None or standard is None:
            return classic or standard or Client(address)
        said = {classic.https, standard.https}
        https = False if False in said else True in said or None
        hosts = {classic.host, standard.host} - {None}
        agreed = not _joined(headers, b"x-forwarded-for") or classic.address == standard.address
        return Client(standard.address if agreed else UNKNOWN, https, hosts.pop() if len(hosts) == 1 else None)

    def _classic(self, address: str, headers: Headers) -> Client | None:
        hops = _joined(headers, b"x-forwarded-for")
        protocols = _listed(headers, b"x-forwarded-proto")
        hosts = _listed(headers, b"x-forwarded-host")
        https = protocols <= {"https", "wss"} if protocols else None  # one plain hop among them is one too many
        host = _host(hosts.pop()) if len(hosts) == 1 else None
        if not hops and https is None and host is None:
            return None
        found = self._walk(address, _pieces(hops, lambda piece: _Hop(_node(piece.decode("latin-1")))))
        return Client(found.address, https, host)

    def _standard(self, address: str, headers: Headers) -> Client | None:
        hops = _joined(headers, b"forwarded")
        return self._walk(address, _pieces(hops, _element)) if hops else None

    def _walk(self, address: str, hops: Iterator[_Hop]) -> Client:
        client = Client(address)
        for hop in hops:
            if hop.node is None:  # malformed or withheld: what a proxy of ours said last stands
                break
            client = Client(str(hop.node), hop.https, hop.host)
            if not within(hop.node, self._networks):
                break
        return client


def strip_identity(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Return the fields without those that only Watchword may set.

    These are X-Watchword-* in any spelling: servers that turn fields into variables take "_" for "-", so callers may
    not send either (CVE-2025-64484).
    """
    return [pair for pair in headers if not pair[0].lower().replace(b"_", b"-").startswith(_IDENTITY)]


def _joined(headers: Headers, name: bytes) -> bytes:
    value = b",".join([value for field, value in headers if field == name])
    return value if len(value) <= _MOST_BYTES else value[-_MOST_BYTES:].partition(b",")[2]  # no half of an address


def _listed(headers: Headers, name: bytes) -> set[str]:
    return {text.strip().lower() for text in _joined(headers, name).decode("latin-1").split(",")} - {""}


def _pieces(value: bytes, read: Callable[[bytes], _Hop]) -> Iterator[_Hop]:
    for piece in reversed(value.rsplit(b",", _MOST_HOPS)[-_MOST_HOPS:]):
        stripped = piece.strip(b" \t")
        if stripped:  # empty list members are legal (RFC 9110 section 5.6.1)
            yield read(stripped)


def _element(text: bytes) -> _Hop:
    if _ELEMENT.fullmatch(text) is None:
        return _Hop(None)
    pairs: dict[bytes, str] = {}
    for name, token, quoted in _EACH.findall(text):
        if name.lower() in pairs:  # RFC 7239 section 4: each once
            return _Hop(None)
        pairs[name.lower()] = (token or quoted).decode("latin-1")
    protocol = pairs.get(b"proto")
    https = None if protocol is None else protocol.lower() == "https"
    return _Hop(_node(pairs.get(b"for", "")), https, _host(pairs.get(b"host", "").lower()))


def _node(text: str) -> Address | None:
    match = _NODE.fullmatch(text)
    return parsed(match[1] or match[2] or match[3]) if match else None


def _host(text: str) -> str | None:
    return text if _HOST.fullmatch(text) else None
