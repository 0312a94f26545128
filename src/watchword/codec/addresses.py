"""Read IP addresses: one form for each, IPv4 also where IPv6 wraps it."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeAlias

from watchword.model.verdict import Network

__all__ = ["Address", "loopback", "parsed", "plain", "special_use", "within"]

Address: TypeAlias = IPv4Address | IPv6Address

_MAPPED: Final = IPv6Network("::ffff:0:0/96")  # RFC 4291 section 2.5.5.2
_LONGEST: Final = 64  # characters: an IPv6 address with a zone
_SPECIAL_4: Final = tuple(
    map(
        IPv4Network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
            *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
            "168.63.129.16/32",  # public by number, yet a cloud's own service answers its machines there
        ),
    )
)
_GLOBAL: Final = IPv6Network("2000::/3")  # all that is assigned to be reached from anywhere (RFC 4291 section 2.4)
_SPECIAL_6: Final = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocols' own, Teredo among them (RFC 4380)
            "2001:db8::/32",
            "2002::/16",  # 6to4 holds an IPv4 address (RFC 3056)
            "2620:4f:8000::/48",
            "3fff::/20",
        ),
    )
)
_NAT64: Final = IPv6Network("64:ff9b::/96")  # the last four bytes are the IPv4 address that is meant (RFC 6052)


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


def special_use(text: str) -> bool:
    """Return whether an address as a resolver gives it is anything but a public one; what is no address is, too.

    That is where no stranger's name may lead (RFC 6890 and the registries of special-purpose addresses).
    IPv4 in IPv6 is refused in every form but NAT64, which networks without IPv4 need: there, what it means counts.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return True
    if isinstance(address, IPv6Address) and address.scope_id is None and address in _NAT64:
        address = IPv4Address(int(address) & 0xFFFFFFFF)
    if isinstance(address, IPv4Address):
        return any(address in network for network in _SPECIAL_4)
    return address.scope_id is not None or address not in _GLOBAL or any(address in network for network in _SPECIAL_6)
