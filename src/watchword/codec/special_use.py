"""Know the addresses that no stranger's name may lead to (RFC 6890 and the registries of special-purpose addresses)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

__all__ = ["special_use"]

_IPV4: Final = tuple(
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
_IPV6: Final = tuple(
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


def special_use(text: str) -> bool:
    """Return whether an address as a resolver gives it is anything but a public one; what is no address is, too.

    IPv4 in IPv6 is refused in every form but NAT64, which networks without IPv4 need: there, what it means counts.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return True
    if isinstance(address, IPv6Address) and address.scope_id is None and address in _NAT64:
        address = IPv4Address(int(address) & 0xFFFFFFFF)
    if isinstance(address, IPv4Address):
        return any(address in network for network in _IPV4)
    return address.scope_id is not None or address not in _GLOBAL or any(address in network for network in _IPV6)
