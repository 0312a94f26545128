"""Tell people by mail that a credential of theirs lay in the open."""

from __future__ import annotations

from typing import Final

from watchword.app import Watchword
from watchword.lifecycle.errors import LifecycleError
from watchword.model.alerts import Alert
from watchword.model.ports import Unavailable
from watchword.server.account.letters import Letters
from watchword.server.account.mail import Send, Undeliverable

__all__ = ["Owners"]

_RULE: Final = "leaked"
_PEOPLE: Final = "user:"


class Owners:
    """Write to the owner of what leaked, where it is a person with an address. A service's are the operators."""

    def __init__(self, watchword: Watchword, send: Send) -> None:
        self._accounts = watchword.accounts
        self._letters = Letters(watchword.issuer)
        self._send = send

    async def tell(self, alert: Alert) -> None:
        """Send one letter. Raise Unavailable when it was not taken, and may be another time."""
        if alert.rule != _RULE or not alert.subject.startswith(_PEOPLE):
            return
        try:
            profile = await self._accounts.profile(alert.subject)
        except LifecycleError:  # gone meanwhile
            return
        if not profile["email"]:
            return
        about = {"what": str(alert.detail.get("kind", "")), "id": alert.credential}
        letter = self._letters.write("credential-leaked", profile["email"], profile["locale"], **about)
        try:
            await self._send(letter)
        except Undeliverable as error:
            if not error.lasting:
                raise Unavailable(str(error)) from None
