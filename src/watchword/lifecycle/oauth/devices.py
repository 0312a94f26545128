"""Let a device without a browser ask a person elsewhere: a state machine over the stores (RFC 8628).

asked -> opened by the first person who types the code, and theirs from then on -> denied
                                                                                -> approved -> redeemed once: a family
each of them -> expired
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, Final

from watchword.codec.secrets import Mac, digest, mac_of, new_secret, well_formed
from watchword.lifecycle.families import Refreshed
from watchword.lifecycle.oauth.approvals import Approvals
from watchword.lifecycle.oauth.asking import OPENID_SCOPES
from watchword.lifecycle.oauth.authorization.details import ERROR as BAD_DETAILS
from watchword.lifecycle.oauth.authorization.details import Details, narrowed
from watchword.lifecycle.oauth.resources import Resources
from watchword.lifecycle.oauth.terms import Refused, refused
from watchword.model.credential import Credential
from watchword.model.ports import Clock, Ephemeral
from watchword.model.reason import INVALID_FIELDS, REFUSED_GRANT
from watchword.model.verdict import Principal, Rejection

__all__ = ["DEVICE_LIFE", "INTERVAL", "Begun", "DeviceRequest", "Devices", "Redeemed", "user_code_of"]

DEVICE_LIFE: Final = 600
"""Seconds that a person has to type and approve."""

INTERVAL: Final = 5
"""Seconds that a device waits between two questions (RFC 8628 section 3.2); five more each time that it does not."""

_ALPHABET: Final = "BCDFGHJKLMNPQRSTVWXZ"  # no vowels: no words (RFC 8628 section 6.1); 20 ** 8 is 34.5 bits
_HALF: Final = 4
_DEVICE: Final = "dc_"
_LONGEST: Final = 32  # characters that a person may type for eight
_SLOWEST: Final = 60  # seconds between two questions, at most
_EARLY: Final = 0.5  # seconds by which networks may bring two questions closer together
_REMEMBERED: Final = 600  # seconds that a device is told that its code has expired, and not that there is none
_TRIES: Final = 8


@dataclass(frozen=True, slots=True)
class Begun:
    """Hold what the device gets (RFC 8628 section 3.2); the lifetime is in seconds."""

    device_code: str = field(repr=False)
    user_code: str = field(repr=False)
    expires_in: int = DEVICE_LIFE
    interval: int = INTERVAL


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """Hold what a device asks for, and from where; times are Unix seconds.

    ``client`` is a client id. ``address`` and ``agent`` are shown to who approves: what they did not begin themselves
    came from elsewhere (RFC 8628 section 5.4).
    """

    client: str
    scopes: frozenset[str]
    resources: tuple[str, ...] = ()
    details: Details = ()
    address: str = ""
    agent: str = ""
    asked_at: int = 0
    expires_at: int = 0

    def value(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "client": self.client,
            "scopes": sorted(self.scopes),
            "resources": list(self.resources),
            "details": [dict(each) for each in self.details],
            "address": self.address,
            "agent": self.agent,
            "asked_at": self.asked_at,
            "expires_at": self.expires_at,
        }

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> DeviceRequest:
        """Return it from JSON values."""
        return cls(
            value["client"],
            frozenset(value["scopes"]),
            tuple(value["resources"]),
            tuple(value["details"]),
            value["address"],
            value["agent"],
            value["asked_at"],
            value["expires_at"],
        )


@dataclass(frozen=True, slots=True)
class Redeemed:
    """Hold what an approved request became, and which APIs and single acts its first token is for."""

    refreshed: Refreshed
    audience: tuple[str, ...] = ()
    details: Details = ()


def user_code_of(text: str) -> str:
    """Return the code that a person typed as it is written, ``WDJB-MJHT``; "" when it is none.

    Case, hyphens, dots and spaces do not count (RFC 8628 section 6.1).
    """
    letters = "".join(each for each in text[: _LONGEST + 1] if each not in " -.\t").upper()
    whole = len(text) <= _LONGEST and len(letters) == 2 * _HALF and all(each in _ALPHABET for each in letters)
    return f"{letters[:_HALF]}-{letters[_HALF:]}" if whole else ""


class Devices:
    """Take requests of devices, show them to people, and let each be approved and redeemed once.

    User codes are kept as digests under ``key``: they are short, so a plain digest would tell them to who reads it.
    """

    def __init__(
        self,
        ephemeral: Ephemeral,
        approvals: Approvals,
        resources: Resources,
        key: bytes | Mac,
        *,
        clock: Clock = time.time,
    ) -> None:
        self._ephemeral = ephemeral
        self._approvals = approvals
        self._resources = resources
        self._key = mac_of(key)
        self._clock = clock

    # --- the device ---------------------------------------------------------------------------------------------------

    async def begin(
        self,
        client: Credential,
        scopes: frozenset[str],
        *,
        resources: tuple[str, ...] = (),
        details: Details = (),
        address: str = "",
        agent: str = "",
    ) -> Begun | Refused:
        """Return codes for what a client asks; no scopes are all of its own (RFC 8628 section 3.1)."""
        if not scopes <= client.scopes | OPENID_SCOPES:
            return refused(REFUSED_GRANT, "scope", "invalid_scope")
        now = int(self._clock())
        until, wanted = now + DEVICE_LIFE, scopes or client.scopes
        name = client.detail["client_id"]
        request = DeviceRequest(name, wanted, resources, details, address, agent[:200], now, until)
        device_code, user_code = new_secret(_DEVICE), await self._new_user_code(until)
        handle, mark = digest(device_code).hex(), self._mark(user_code)
        asked = request.value()
        await self._keep(f"device:{handle}", asked, until + _REMEMBERED)
        await self._keep(f"device-code:{mark}", {**asked, "handle": handle}, until)
        return Begun(device_code, user_code)

    async def _new_user_code(self, until: float) -> str:
        """Return a code that nobody has: two requests of one code would be one person's to confuse."""
        for _ in range(_TRIES):
            letters = "".join(secrets.choice(_ALPHABET) for _ in range(2 * _HALF))
            code = f"{letters[:_HALF]}-{letters[_HALF:]}"
            claimed = self._ephemeral.claim(f"oauth-device-code:{self._mark(code)}".encode(), until)
            if await claimed if isawaitable(claimed) else claimed:
                return code
        raise RuntimeError("every user code was taken")

    async def redeem(
        self,
        device_code: str,
        client: Credential,
        cnf: Mapping[str, str] | None = None,
        resources: tuple[str, ...] = (),
        details: str = "",
    ) -> Redeemed | Refused:
        """Return what was approved, to exactly one of any number of questions; else the error of section 3.5.

        ``resources`` and ``details`` (JSON) are fewer than were asked for at the beginning, where fewer are wanted.
        """
        handle = digest(device_code).hex() if well_formed(device_code, _DEVICE) else ""
        asked = await self._kept(f"device:{handle}") if handle else None
        if asked is None or asked["client"] != client.detail["client_id"]:
            return refused(REFUSED_GRANT, "device_code", "invalid_grant")
        if self._clock() >= asked["expires_at"]:
            return refused(REFUSED_GRANT, "device_code has expired", "expired_token")
        if not await self._paced(handle, asked["expires_at"]):
            return refused(REFUSED_GRANT, "device polls too often", "slow_down")
        if asked.get("denied"):
            return refused(REFUSED_GRANT, "the person said no", "access_denied")
        request = DeviceRequest.of(asked)
        audience = self._resources.narrowed(resources, request.resources, client)
        acts = narrowed(details, request.details)
        if audience is None or acts is None:
            return refused(REFUSED_GRANT, "more than was asked", "invalid_target" if audience is None else BAD_DETAILS)
        approved = await self._taken(f"device-approved:{handle}")
        if approved is None:
            return refused(REFUSED_GRANT, "nobody has approved yet", "authorization_pending")
        await self._taken(f"device:{handle}")
        more: dict[str, Any] = {"resources": list(request.resources)} if request.resources else {}
        if request.details:
            more["details"] = [dict(each) for each in request.details]
        scopes = frozenset(approved["scopes"])
        begun = await self._approvals.begun(approved, client, scopes, cnf, {**more, **approved["more"]})
        if isinstance(begun, Rejection):
            return Refused(begun, "invalid_grant")
        return Redeemed(begun, audience, acts)

    async def _paced(self, handle: str, until: float) -> bool:
        """Return whether the device has waited as long as it was told to; who has not is to wait for longer."""
        slower = await self._kept(f"device-pace:{handle}") or {"seconds": INTERVAL}
        now, seconds = self._clock(), slower["seconds"]
        claimed = self._ephemeral.claim(f"oauth-device-poll:{handle}".encode(), now + seconds - _EARLY)
        if await claimed if isawaitable(claimed) else claimed:
            return True
        await self._keep(f"device-pace:{handle}", {"seconds": min(seconds + INTERVAL, _SLOWEST)}, until)
        return False

    # --- the person ---------------------------------------------------------------------------------------------------

    async def opened(self, user_code: str, who: Principal) -> DeviceRequest | None:
        """Return what the person has opened already and not decided; None for anything else."""
        mark = self._mark(user_code)
        if await self._opener(mark) != who.subject:
            return None
        asked = await self._kept(f"device-code:{mark}")
        return None if asked is None else DeviceRequest.of(asked)

    async def open(self, user_code: str, who: Principal) -> DeviceRequest | Rejection:
        """Show a request to the first person who types its code: nobody else opens or decides it any more.

        A code that is not known, has expired, was decided or is another's reads the same.
        """
        mark = self._mark(user_code)
        asked = await self._kept(f"device-code:{mark}") if user_code else None
        if asked is None:
            return Rejection(INVALID_FIELDS, "user_code: unknown", credential=who.credential)
        claimed = self._ephemeral.claim(f"oauth-device-opened:{mark}".encode(), asked["expires_at"])
        if await claimed if isawaitable(claimed) else claimed:
            await self._keep(f"device-opener:{mark}", {"subject": who.subject}, asked["expires_at"])
        elif await self._opener(mark) != who.subject:
            return Rejection(INVALID_FIELDS, "user_code: opened by somebody else", credential=who.credential)
        return DeviceRequest.of(asked)

    async def approve(
        self,
        user_code: str,
        who: Principal,
        *,
        scopes: frozenset[str] | None = None,
        agreed: Callable[[], Awaitable[Mapping[str, Any]]] | None = None,
    ) -> DeviceRequest | Rejection:
        """Let the device have what it asked for, as far as the person may: of any number of decisions one counts.

        ``scopes`` are fewer, where fewer were granted. ``agreed`` is called where this decision counts; it notes the
        consent, and what it returns goes into the family's detail. When that breaks, the code may be decided again.
        """
        taken = await self._decided(user_code, who)
        if isinstance(taken, Rejection):
            return taken
        handle, request = taken
        try:
            more = {} if agreed is None else dict(await agreed())
        except BaseException:
            place = f"device-code:{self._mark(user_code)}"
            await self._keep(place, {**request.value(), "handle": handle}, request.expires_at)
            raise
        granted = request.scopes & (who.scopes | OPENID_SCOPES)
        value = {
            **await self._approvals.noted(who),
            "scopes": sorted(granted if scopes is None else granted & scopes),
            "more": more,
        }
        await self._keep(f"device-approved:{handle}", value, request.expires_at)
        return request

    async def deny(self, user_code: str, who: Principal) -> DeviceRequest | Rejection:
        """Tell the device no."""
        taken = await self._decided(user_code, who)
        if isinstance(taken, Rejection):
            return taken
        handle, request = taken
        until = request.expires_at + _REMEMBERED
        await self._keep(f"device:{handle}", {**request.value(), "denied": True}, until)
        return request

    async def _decided(self, user_code: str, who: Principal) -> tuple[str, DeviceRequest] | Rejection:
        """Take the request from all others who would decide it; it is there no more after that."""
        mark = self._mark(user_code)
        mine = await self._opener(mark) == who.subject
        asked = await self._taken(f"device-code:{mark}") if mine else None
        if asked is None:
            return Rejection(INVALID_FIELDS, "user_code: not this person's to decide", credential=who.credential)
        return asked["handle"], DeviceRequest.of(asked)

    async def _opener(self, mark: str) -> str:
        opener = await self._kept(f"device-opener:{mark}")
        return "" if opener is None else str(opener["subject"])

    # --- the store ----------------------------------------------------------------------------------------------------

    def _mark(self, user_code: str) -> str:
        return self._key(user_code.encode()).hex()

    async def _keep(self, place: str, value: Mapping[str, Any], until: float) -> None:
        await self._ephemeral.put(f"oauth-{place}", json.dumps(value).encode(), until)

    async def _kept(self, place: str) -> dict[str, Any] | None:
        raw = await self._ephemeral.get(f"oauth-{place}")
        return None if raw is None else dict(json.loads(raw))

    async def _taken(self, place: str) -> dict[str, Any] | None:
        raw = await self._ephemeral.take(f"oauth-{place}")
        return None if raw is None else dict(json.loads(raw))
