"""Hold a password that an operator gives somebody to the rules that hold for everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchword.app import Watchword

__all__ = ["demand"]


async def demand(house: Watchword, subject: str, password: object) -> None:
    """Raise LifecycleError when ``password`` (None: there is none) is not good enough for ``subject``."""
    if not isinstance(password, str):
        return
    from watchword.lifecycle.people.holdings import address_of, second_factor

    now = house.clock()
    owner = await house.store.subject(subject)
    address = await address_of(house.store, subject, now)
    about = [subject.partition(":")[2]]
    about += [str(address.detail["address"])] if address else []
    about += [str(owner.detail["display"])] if owner and owner.detail.get("display") else []
    second = await second_factor(house.store, subject, now)
    house.password_rules.demand(password, second_factor=second, about=about)
