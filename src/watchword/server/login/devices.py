"""Know devices again that logged in before, so that who guesses at an account does not lock its owner out.

Device cookies as OWASP describes them ("Slow Down Online Guessing Attacks with Device Cookies"): signed, bound to one
account and to its password, of no use but to be counted apart. They end with the password, and after half a year.
"""

from __future__ import annotations

import hmac
import re
from typing import Final

from watchword.app import Watchword
from watchword.codec.fields import read_cookie
from watchword.codec.secrets import new_id
from watchword.lifecycle.people.holdings import held
from watchword.model.credential import Kind
from watchword.model.request import Request
from watchword.server.responses import cookie

__all__ = ["COOKIE", "Devices"]

COOKIE: Final = "device"

_TOKEN: Final = re.compile(r"(dv_[0-9A-Za-z]{20})\.([0-9]{1,12})\.([0-9a-f]{64})")
_AGE: Final = 180 * 86400
_NOBODY: Final = "user:"
_ACCOUNTS: Final = 4  # that one browser is known for


class Devices:
    """Give devices a token an account, ``ID.ISSUED.MAC``, and tell whether they bring it back."""

    def __init__(self, watchword: Watchword) -> None:
        self._records = watchword.store
        self._clock = watchword.clock
        self._key = watchword.sealer.mac("device")

    async def known(self, request: Request, subject: str | None) -> str:
        """Return the id of a device that logged in to this account since its password was set, "" for any other."""
        tokens = _tokens(request)
        if not tokens:
            return ""
        name = subject or _NOBODY  # who does not exist is looked for, too: it takes as long
        passwords = await self._passwords(name)
        return next((token[1] for token in tokens if self._fits(token, name, passwords)), "")

    async def cookie(self, request: Request, subject: str) -> tuple[bytes, bytes]:
        """Return the cookie of a device that has just logged in; what it had for other accounts it keeps."""
        passwords, tokens = await self._passwords(subject), _tokens(request)
        own = [token for token in tokens if self._fits(token, subject, passwords)]
        others = [token[0] for token in tokens if token not in own]
        id, issued = own[0][1] if own else new_id("dv_"), str(int(self._clock()))
        token = f"{id}.{issued}.{self._mac(subject, passwords[0], id, issued)}"
        return cookie(COOKIE, "~".join([token, *others][:_ACCOUNTS]), tls=request.peer.tls, age=_AGE)

    def _fits(self, token: re.Match[str], subject: str, passwords: list[str]) -> bool:
        id, issued, mac = token[1], token[2], token[3]
        if self._clock() - int(issued) > _AGE:
            return False
        return any(hmac.compare_digest(mac, self._mac(subject, password, id, issued)) for password in passwords)

    def _mac(self, subject: str, password: str, id: str, issued: str) -> str:
        return self._key(f"{subject}\n{password}\n{id}\n{issued}".encode()).hex()

    async def _passwords(self, subject: str) -> list[str]:
        """Return the ids of the passwords that may be used now, the newest first; [""] where there is none."""
        now = self._clock()
        usable = [each for each in await held(self._records, subject, Kind.PASSWORD) if each.refusal(now) is None]
        return [each.id for each in sorted(usable, key=lambda each: each.created_at, reverse=True)] or [""]


def _tokens(request: Request) -> list[re.Match[str]]:
    name = f"{'__Host-' if request.peer.tls else ''}{COOKIE}".encode()
    value = read_cookie(request.fields.get(b"cookie", b""), name)
    parts = value.decode("latin-1").split("~") if isinstance(value, bytes) else []
    return [found for part in parts[:_ACCOUNTS] if (found := _TOKEN.fullmatch(part))]
