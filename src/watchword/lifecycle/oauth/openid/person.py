"""Tell applications about people what a scope or a name stands for, if the account has it (Core section 5.1)."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Any, Final

from watchword.codec.oauth.claims_request import CLAIM_SCOPES
from watchword.lifecycle.people.holdings import address_of
from watchword.model.ports import Clock, Records

__all__ = ["Person"]

_OF_THE_ACCOUNT: Final = (("display", "name"), ("locale", "locale"), ("updated_at", "updated_at"))


class Person:
    """Look up claims about the owner of an account."""

    def __init__(self, records: Records, *, clock: Clock = time.time) -> None:
        self._records = records
        self._clock = clock

    async def told(self, subject: str, scopes: Collection[str] = (), names: Collection[str] = ()) -> dict[str, Any]:
        """Return the claims that the scopes cover and those of ``names``; what the account has not is left out."""
        wanted = {claim for claim, scope in CLAIM_SCOPES.items() if scope in scopes or claim in names}
        found: dict[str, Any] = {}
        if any(CLAIM_SCOPES[claim] == "profile" for claim in wanted):
            owner = await self._records.subject(subject)
            detail = {} if owner is None else owner.detail
            found["preferred_username"] = subject.partition(":")[2]
            found |= {claim: detail[name] for name, claim in _OF_THE_ACCOUNT if detail.get(name)}
        if any(CLAIM_SCOPES[claim] == "email" for claim in wanted):
            address = await address_of(self._records, subject, self._clock())
            found |= {} if address is None else {"email": address.detail["address"], "email_verified": True}
        return {claim: value for claim, value in found.items() if claim in wanted}
