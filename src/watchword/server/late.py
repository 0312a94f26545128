"""Fetch what clients name by a client that is made when it is first needed: most commands never need it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from watchword.model.ports import Fetched

if TYPE_CHECKING:
    from watchword.server.outward import Outward

__all__ = ["LateOutward"]


class LateOutward:
    """Implement the Fetch port by an ``Outward``, which ``private_hosts`` are for."""

    def __init__(self, private_hosts: Iterable[str] = ()) -> None:
        self._private_hosts = tuple(private_hosts)
        self._outward: Outward | None = None

    async def __call__(
        self, url: str, *, data: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Fetched:
        """GET, or POST a form when ``data`` is given. Raise Unavailable when there is no usable answer."""
        if self._outward is None:
            from watchword.server.outward import Outward

            self._outward = Outward(private_hosts=self._private_hosts)
        return await self._outward(url, data=data, headers=headers)

    async def close(self) -> None:
        """End what is under way."""
        if self._outward is not None:
            await self._outward.close()
            self._outward = None
