"""Let in only from certain networks: the route's, and the credential's own."""

from __future__ import annotations

from collections.abc import Iterable

from watchword.codec.addresses import parsed, plain, within
from watchword.model.reason import NETWORK_NOT_ALLOWED
from watchword.model.request import Request
from watchword.model.verdict import Headers, Network, Principal, Rejection

__all__ = ["Networks"]


class Networks:
    """Let in only from ``allowed`` (none given: from anywhere) and from where the credential may be used.

    IPv4 in IPv6 (``::ffff:10.0.0.1``) counts as IPv4. An unknown address is in no network.
    """

    __slots__ = ("allowed", "bounds_only")

    def __init__(self, allowed: Iterable[Network] = ()) -> None:
        self.allowed: tuple[Network, ...] = plain(tuple(allowed))
        self.bounds_only: bool = not self.allowed  # then a credential without bounds need not be shown to it

    def check(self, request: Request, who: Principal | None) -> Rejection | Headers:
        """Return a Rejection when the caller's address is outside, or nothing."""
        own = who.constraints.networks if who is not None else ()
        if not self.allowed and not own:
            return ()
        address = parsed(request.peer.address)
        if self.allowed and not within(address, self.allowed):
            return Rejection(NETWORK_NOT_ALLOWED, "the route's networks")
        if own and not within(address, plain(own)):
            return Rejection(NETWORK_NOT_ALLOWED, "the credential's networks")
        return ()
