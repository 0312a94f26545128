"""Hold a password that an operator gives somebody to the rules that hold for everybody."""

from __future__ import annotations

from watchword.lifecycle.people.holdings import address_of, second_factor
from watchword.lifecycle.people.password_rules import PasswordRules
from watchword.model.ports import Records

__all__ = ["demand_password"]


async def demand_password(records: Records, rules: PasswordRules, subject: str, password: str, now: float) -> None:
    """Raise LifecycleError when ``password`` is not good enough for ``subject``, who need not be there yet."""
    owner = await records.subject(subject)
    address = await address_of(records, subject, now)
    about = [subject.partition(":")[2]]
    about += [str(address.detail["address"])] if address else []
    about += [str(owner.detail["display"])] if owner and owner.detail.get("display") else []
    rules.demand(password, second_factor=await second_factor(records, subject, now), about=about)
