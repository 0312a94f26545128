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
    from watchword.lifecycle.people.demands import demand_password

    await demand_password(house.store, house.password_rules, subject, password, house.clock())
