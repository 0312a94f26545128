"""Walk through what the store holds, a page at a time, for the rules that look at it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from watchword.lint.rules.oauth import ADMIN
from watchword.model.credential import Credential, Kind, State

__all__ = ["LIVING", "Holdings", "Shelf", "pages"]

LIVING: Final = frozenset({State.PENDING, State.ACTIVE, State.RETIRING})
_PAGE: Final = 1000
_KINDS: Final = (
    *(Kind.API_KEY, Kind.HMAC, Kind.PASSWORD, Kind.CLIENT_CERT),
    *(Kind.OAUTH_CLIENT, Kind.SIGNING_KEY, Kind.CA),
)
_FACTORS: Final = (Kind.TOTP, Kind.PASSKEY)


class Shelf(Protocol):
    """Page credentials, as every store does."""

    async def credentials(
        self, *, kind: Kind | None = None, subject: str | None = None, after: str = "", limit: int = 100
    ) -> list[Credential]:
        """Return a page ordered by id, strictly after ``after``."""
        ...


@dataclass(slots=True)
class Holdings:
    """Hold one page of credentials that are good now, and what was counted on the pages before.

    ``factored`` are subjects with a second factor: of those whose passwords administer, nobody else is asked about.
    """

    now: float
    page: list[Credential] = field(default_factory=list)
    factored: set[str] = field(default_factory=set)
    counted: Counter[str] = field(default_factory=Counter)

    def of(self, *kinds: Kind) -> list[Credential]:
        """Return those of ``kinds``."""
        return [record for record in self.page if record.kind in kinds]


async def pages(shelf: Shelf, now: float) -> AsyncIterator[Holdings]:
    """Yield the same holdings once a page."""
    holdings = Holdings(now)
    for kind in _KINDS:
        after = ""
        while found := await shelf.credentials(kind=kind, after=after, limit=_PAGE):
            holdings.page = [record for record in found if record.state(now) in LIVING]
            if kind is Kind.PASSWORD:
                await _ask_for_factors(shelf, holdings)
            yield holdings
            after = found[-1].id


async def _ask_for_factors(shelf: Shelf, holdings: Holdings) -> None:
    for record in holdings.page:
        if any(scope.startswith(ADMIN) for scope in record.scopes):
            for kind in _FACTORS:
                found = await shelf.credentials(kind=kind, subject=record.subject)
                if any(each.state(holdings.now) is State.ACTIVE for each in found):
                    holdings.factored.add(record.subject)
