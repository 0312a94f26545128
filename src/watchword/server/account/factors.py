"""Set up, rename and remove what one proves oneself with beside a password."""

from __future__ import annotations

from typing import Any, Final

from markupsafe import Markup
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route as Endpoint

from watchword.app import Watchword
from watchword.codec.otp import totp_svg
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.people.account.replacement import Fault
from watchword.lifecycle.people.factors import TotpDraft
from watchword.model.credential import Credential, Kind
from watchword.model.verdict import Principal, Rejection
from watchword.server.account.own import Own
from watchword.server.account.visit import Visit, Visits
from watchword.server.login.entrance import response_of
from watchword.server.pages.language import SPOKEN, translated
from watchword.server.responses import json_response, redirect

__all__ = ["FactorPages"]

_PLACE: Final = "/account/factors"
_APP: Final = "/account/factors/app"
_PASSKEY: Final = "/account/factors/passkey"
_CODES: Final = "/account/factors/recovery"
_NAMES: Final = {Kind.TOTP: "Authenticator app", Kind.PASSKEY: "Passkey"}
_WRONG: Final = Fault("code", "wrong", "This code does not fit. Enter the one that the app shows now.")
_GONE: Final = Fault("code", "too_old", "This took too long. Scan the picture again.")
_REFUSED: Final = Fault("passkey", "refused", "The passkey could not be used. Try again.")


class FactorPages:
    """Hold ``/account/factors`` and the pages that set one up.

    Each change asks for a fresh proof, of a second factor where there is one.
    """

    def __init__(self, watchword: Watchword, visits: Visits, own: Own) -> None:
        self._watchword = watchword
        self._factors = watchword.factors
        self._visits = visits
        self._own = own

    def routes(self) -> list[Endpoint]:
        """Return the endpoints."""
        return [
            Endpoint(_PLACE, self.factors, methods=["GET", "POST"]),
            Endpoint(_APP, self.app, methods=["GET", "POST"]),
            Endpoint(_PASSKEY, self.passkey, methods=["GET", "POST"]),
            Endpoint(_CODES, self.codes, methods=["GET", "POST"]),
        ]

    # --- what there is ------------------------------------------------------------------------------------------------

    async def factors(self, http: HttpRequest) -> Response:
        """List them; ``remove`` takes the id of one, ``rename`` an id with ``name``."""
        visit = await self._own.visit(http, "account/factors.html", fresh=False, second=http.method == "POST")
        if isinstance(visit, Response):
            return visit
        who = _who(visit)
        if http.method != "POST":
            return self._visits.done(visit, 200, await self._listed(who), "account/factors.html", **self._shown())
        try:
            if visit.text("rename"):
                await self._factors.rename(
                    visit.text("rename"), visit.text("name"), by=who.subject, subject=who.subject
                )
            else:
                await self._factors.remove(visit.text("remove"), by=who.subject, subject=who.subject)
        except LifecycleError as error:
            faults = (Fault("name", "impossible", _sentence(error)),)
            return self._visits.faulty(visit, faults, **await self._listed(who), **self._shown())
        return json_response(200, await self._listed(who)) if visit.json else redirect(_PLACE)

    async def _listed(self, who: Principal) -> dict[str, Any]:
        enrolled = await self._factors.enrolled(who.subject)
        left = [len(each.detail["codes"]) for each in enrolled if each.kind is Kind.RECOVERY]
        rows = [_row(each) for each in enrolled if each.kind is not Kind.RECOVERY]
        return {"factors": rows, "recovery_codes": sum(left)}

    def _shown(self) -> dict[str, Any]:
        return {"passkeys": self._factors.passkeys_possible, "now": self._watchword.clock()}

    # --- an authenticator app -----------------------------------------------------------------------------------------

    async def app(self, http: HttpRequest) -> Response:
        """Show a secret as a picture, then take ``handle`` with the ``code`` that an app shows for it."""
        visit = await self._own.visit(http, "account/app.html", second=True)
        if isinstance(visit, Response):
            return visit
        who = _who(visit)
        try:
            if http.method != "POST":
                draft = await self._factors.begin_totp(who.subject)
                value = {"handle": draft.handle, "secret": draft.secret, "uri": draft.uri}
                return self._visits.done(visit, 200, value, "account/app.html", **_picture(draft))
            handle, name = visit.text("handle"), visit.text("name") or self._name(Kind.TOTP)
            made = await self._factors.finish_totp(who.subject, handle, visit.text("code"), name=name, by=who.subject)
        except LifecycleError as error:
            return await self._impossible(visit, who, error)
        return await (self._miscoded(visit, who, handle) if isinstance(made, Rejection) else self._made(visit, made))

    async def _miscoded(self, visit: Visit, who: Principal, handle: str) -> Response:
        draft = await self._factors.drafted_totp(who.subject, handle)
        if draft is not None:
            return self._visits.faulty(visit, (_WRONG,), **_picture(draft))
        if visit.json:
            return self._visits.faulty(visit, (_GONE,))
        return self._visits.faulty(visit, (_GONE,), **_picture(await self._factors.begin_totp(who.subject)))

    # --- a passkey ----------------------------------------------------------------------------------------------------

    async def passkey(self, http: HttpRequest) -> Response:
        """Ask the browser to make one, then take its ``response`` to the challenge ``passkey``."""
        visit = await self._own.visit(http, "account/passkey.html", second=True)
        if isinstance(visit, Response):
            return visit
        who = _who(visit)
        try:
            if http.method != "POST":
                return await self._asked(visit, who)
            name, response = visit.text("name") or self._name(Kind.PASSKEY), response_of(visit.text("response"))
            made = await self._factors.finish_passkey(
                who.subject, visit.text("passkey"), response, name=name, by=who.subject
            )
            if isinstance(made, Rejection):
                return await self._asked(visit, who, _REFUSED)
        except LifecycleError as error:
            return await self._impossible(visit, who, error)
        return await self._made(visit, made)

    async def _asked(self, visit: Visit, who: Principal, fault: Fault | None = None) -> Response:
        draft = await self._factors.begin_passkey(who.subject)
        value = {"passkey": draft.handle, "publicKey": draft.options}
        if fault is None:
            return self._visits.done(visit, 200, value, "account/passkey.html", script=True)
        return self._visits.faulty(visit, (fault,), **value, script=True)

    # --- recovery codes -----------------------------------------------------------------------------------------------

    async def codes(self, http: HttpRequest) -> Response:
        """Make new ones, which are shown once; those from before are worth nothing."""
        visit = await self._own.visit(http, "account/codes.html", fresh=False, second=http.method == "POST")
        if isinstance(visit, Response):
            return visit
        who = _who(visit)
        if http.method != "POST":
            return redirect(_PLACE) if not visit.json else json_response(200, await self._listed(who))
        codes = await self._factors.new_recovery_codes(who.subject, by=who.subject)
        return self._visits.done(visit, 201, {"recovery_codes": list(codes)}, "account/codes.html", new=False)

    # --- steps --------------------------------------------------------------------------------------------------------

    async def _made(self, visit: Visit, made: Credential) -> Response:
        """Go on after a factor was set up: with the first one come recovery codes."""
        value: dict[str, Any] = {"factor": _row(made)}
        await self._own.proven_by(_who(visit), made)
        if not (await self._listed(_who(visit)))["recovery_codes"]:
            codes = await self._factors.new_recovery_codes(made.subject, by=made.subject)
            return self._visits.done(
                visit, 201, {**value, "recovery_codes": list(codes)}, "account/codes.html", new=True
            )
        return json_response(201, value) if visit.json else redirect(_PLACE)

    async def _impossible(self, visit: Visit, who: Principal, error: LifecycleError) -> Response:
        faults = (Fault("name", "impossible", _sentence(error)),)
        values = {**await self._listed(who), **self._shown()}
        if visit.json:
            return self._visits.faulty(visit, faults)
        return self._visits.faulty(visit, faults, page="account/factors.html", **values)

    def _name(self, kind: Kind) -> str:
        return translated(_NAMES[kind], SPOKEN.get())


def _who(visit: Visit) -> Principal:
    assert visit.who is not None  # noqa: S101 - Own lets nobody else through
    return visit.who


def _picture(draft: TotpDraft) -> dict[str, Any]:
    label = translated("QR code for an authenticator app", SPOKEN.get())
    grouped = " ".join(draft.secret[place : place + 4] for place in range(0, len(draft.secret), 4))
    picture = Markup(totp_svg(draft.uri, label))  # noqa: S704 - made here, of text that segno escapes
    return {"picture": picture, "secret": grouped, "uri": draft.uri, "handle": draft.handle}


def _sentence(error: LifecycleError) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."


def _row(record: Credential) -> dict[str, Any]:
    return {
        "id": record.id,
        "kind": record.kind.value,
        "name": str(record.detail.get("name", "")),
        "created_at": record.created_at,
        "last_used_at": record.last_used_at,
        "synced": bool(record.detail.get("backed_up", False)),
    }
