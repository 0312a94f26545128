"""Know from which networks each credential was used, and what of that still has to be written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from watchword.model.usage import Origin

__all__ = ["Use", "Whereabouts"]

_EVERY: Final = 60  # seconds: how exactly the last use from a network is known
_KEPT: Final = 50_000
_EACH: Final = 1_000  # networks of one credential: a caller with very many addresses must not fill the table


class Use(NamedTuple):
    """Say when credentials were first and last used from a network, in one batch; Unix seconds."""

    credentials: str
    network: str
    first: float
    last: float


class Whereabouts:
    """Remember what was told of credentials' networks."""

    __slots__ = ("_networks", "_told")

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], int] = {}
        self._networks: dict[str, int] = {}

    def of(self, uses: Iterable[Use]) -> tuple[list[Origin], list[Origin]]:
        """Return what has to be told of a batch's uses, and what of it is new here."""
        seen: dict[tuple[str, str], tuple[float, float]] = {}
        for use in uses:
            for credential in use.credentials.split("+"):
                if credential and use.network:
                    key = credential, use.network
                    known = seen.get(key)
                    seen[key] = (
                        (use.first, use.last) if known is None else (min(known[0], use.first), max(known[1], use.last))
                    )
        new = self._new(seen)
        fresh = [Origin(*key, int(first), int(last)) for key, (first, last) in seen.items() if key in new]
        later = [
            Origin(*key, int(last), int(last))
            for key, (_, last) in seen.items()
            if key in self._told and last >= self._told[key] + _EVERY
        ]
        return fresh + later, fresh

    def _new(self, seen: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        new: set[tuple[str, str]] = set()
        there: dict[str, int] = {}
        for key in seen:
            if key not in self._told:
                count = there.get(key[0]) or self._networks.get(key[0], 0)
                if count < _EACH:
                    there[key[0]] = count + 1
                    new.add(key)
        return new

    def told(self, origins: Iterable[Origin]) -> None:
        """Remember that these were written."""
        if len(self._told) > _KEPT:
            self._told.clear()
            self._networks.clear()
        for each in origins:
            key = each.credential, each.network
            if key not in self._told:
                self._networks[each.credential] = self._networks.get(each.credential, 0) + 1
            self._told[key] = each.last_at
