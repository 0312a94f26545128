"""Read IP addresses: one form for each, IPv4 also where IPv6 wraps it."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeAlias

from watchword.model.verdict import Network

__all__ = ["Address", "loopback", "parsed", "plain", "within"]

Address: TypeAlias = IPv4Address | IPv6Address

_MAPPED: Final = IPv6Network("::ffff:0:0/96")  # RFC 4291 section 2.5.5.2
_LONGEST: Final = 64  # characters: an IPv6 address with a zone


def parsed(text: str) -> Address | None:
    """Return the address, IPv4 where it is an IPv4-mapped one; None when it is none. Peers seen lately cost nothing."""
    return _parse(text) if len(text) <= _LONGEST else None


def loopback(text: str) -> bool:
    """Return whether the address is this machine's own, so that nobody is on the way."""
    return text.startswith(("127.", "::ffff:127.")) or text == "::1"


@lru_cache(maxsize=4096)
def _parse(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:  # the zone is the receiver's own business (RFC 4007 section 6)
            address = IPv6Address(int(address))
        return address.ipv4_mapped or address
    return address


def plain(networks: tuple[Network, ...]) -> tuple[Network, ...]:
    """Return the networks with IPv4-mapped ones as what they mean, ready for ``within``."""
    return tuple(_plain(network) for network in networks)


def _plain(network: Network) -> Network:
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        return IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
    return network


def within(address: Address | None, networks: tuple[Network, ...]) -> bool:
    """Return whether any of the networks holds the address; an unknown address is in none."""
    if address is None:
        return False
    return any(address in network for network in networks)
