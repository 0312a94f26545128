"""What operators do for people: passwords, links to choose one, addresses, invitations, second factors, sessions."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from watchword.app import Watchword
from watchword.lifecycle.clients.fields import FieldError
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.operations.rights import rights_of, to_read, to_write
from watchword.lifecycle.people.demands import demand_password
from watchword.lifecycle.people.holdings import LOGINS, address_of
from watchword.lifecycle.people.sessions import SessionView
from watchword.lifecycle.values import scopes_of
from watchword.model.credential import Credential
from watchword.model.records import Subject
from watchword.server.account import INVITATION, NEW_PASSWORD, link
from watchword.server.account.mail import Letter, Undeliverable
from watchword.server.account.post import Post
from watchword.server.admin.desk import AdminDesk, Missing
from watchword.server.admin.fields import Fields, read
from watchword.server.admin.operation import Asked, Operation, Schema, nullable, one_of, reference, several, under
from watchword.server.admin.parts.subjects import ONE, named
from watchword.server.config.settings import Settings

__all__ = ["AdminPeople"]

READ: Final = to_read("subjects")
WRITE: Final = to_write("subjects")

_TEXT: Final = {"type": "string"}
_INTEGER: Final = {"type": "integer"}
_MOMENT: Final = nullable("integer", description="Unix seconds")
_MAIL: Final = {"type": "boolean", "description": "Send the link by mail, instead of answering with it"}
_KINDS: Final = [each.value for each in LOGINS]

_SESSION: Final[dict[str, Schema]] = {
    "id": _TEXT,
    "kind": one_of(_KINDS),
    "device": _TEXT,
    "address": _TEXT,
    "created_at": _INTEGER,
    "last_used_at": _INTEGER,
    "ends_at": _MOMENT,
    "idle_at": _MOMENT,
    "factors": several(_TEXT),
    "client": _TEXT,
}
_FACTOR: Final[dict[str, Schema]] = {
    "id": _TEXT,
    "kind": _TEXT,
    "name": _TEXT,
    "codes_left": _INTEGER,
    "created_at": _INTEGER,
    "last_used_at": _MOMENT,
}


class AdminPeople:
    """Hold the operations. ``Accounts``, ``SecondFactors`` and ``Sessions`` do what they say."""

    tag = "What people prove themselves by"

    def __init__(self, watchword: Watchword, settings: Settings, desk: AdminDesk, post: Post) -> None:
        self._desk = desk
        self._watchword = watchword
        self._post = post
        self._sign_up = settings.accounts.sign_up != "off"
        self._mails = bool(settings.mail.server)

    def operations(self) -> list[Operation]:
        """Return what can be done."""
        acted: Any = {"anew": True, "repeats": True, "refuses": ("404", "409")}
        seen: Any = {"refuses": ("404",)}
        sessions, factors, linked = ("200", "Sessions"), ("200", "Factors"), ("201", "Link")
        return [
            Operation(
                *("POST", under(ONE, "password"), WRITE, "Set their password", self.set_password, ("204", "")),
                **{**acted, "body": "Password"},
            ),
            Operation(
                *("POST", under(ONE, "reset-link"), WRITE, "Link to choose one", self.reset_link, linked),
                **{**acted, "body": "ResetLink", "needs_body": False},
            ),
            Operation(
                *("POST", under(ONE, "address"), WRITE, "Vouch for an address", self.add_address, ("204", "")),
                **{**acted, "body": "Address"},
            ),
            Operation(
                *("POST", "/admin/v1/invitations", WRITE, "Invite somebody", self.invite, linked),
                **{**acted, "body": "Invitation", "refuses": ("409",)},
            ),
            Operation("GET", under(ONE, "factors"), READ, "Their second factors", self.factors, factors, **seen),
            Operation(
                *("POST", under(ONE, "factors/reset"), WRITE, "Take all of them back", self.reset_factors, factors),
                **{**acted, "body": "Why"},
            ),
            Operation(
                *("POST", under(ONE, "factors/{id}/remove"), WRITE, "Take one back", self.remove_factor, factors),
                **{**acted, "body": "Why"},
            ),
            Operation("GET", under(ONE, "sessions"), READ, "Where they are signed in", self.sessions, sessions, **seen),
            Operation("POST", under(ONE, "sessions/{id}/end"), WRITE, "End one", self.end_session, sessions, **acted),
        ]

    def schemas(self) -> dict[str, Schema]:
        """Return what they take and answer."""
        lists = {
            "Sessions": {"sessions": several(reference("Session"))},
            "Factors": {"factors": several(reference("Factor"))},
        }
        taken: dict[str, tuple[list[str], dict[str, Schema]]] = {
            "Password": (["password"], {"password": _TEXT}),
            "Address": (["address"], {"address": {"type": "string", "format": "email"}}),
            "Invitation": (
                ["address"],
                {"address": {"type": "string", "format": "email"}, "scopes": several(_TEXT), "mail": _MAIL},
            ),
            "ResetLink": ([], {"mail": _MAIL}),
            "Why": (["reason"], {"reason": {"type": "string", "minLength": 1, "maxLength": 500}}),
        }
        return {
            "Session": {"type": "object", "required": list(_SESSION), "properties": _SESSION},
            "Factor": {"type": "object", "required": ["id", "kind", "created_at"], "properties": _FACTOR},
            **{name: {"type": "object", "required": list(each), "properties": each} for name, each in lists.items()},
            **{
                name: {"type": "object", "additionalProperties": False, "required": needed, "properties": fields}
                for name, (needed, fields) in taken.items()
            },
            "Link": {
                "type": "object",
                "properties": {
                    "link": {"type": "string", "format": "uri", "description": "Works once: hand it over"},
                    "sent_to": {"type": "string", "description": "Who has the link instead, by mail"},
                },
            },
        }

    # --- passwords and addresses --------------------------------------------------------------------------------------

    async def set_password(self, asked: Asked) -> Response:
        """Set another password; what it allows stays, and their sessions and refresh tokens end."""
        fields, subject = Fields(asked.body), await self._person(asked)
        password = fields.text("password")
        fields.done()
        refused = await self._refused(asked, subject)
        if refused is not None:
            return refused
        watchword = self._watchword
        try:
            given = (watchword.store, watchword.password_rules, subject.name, password, watchword.clock())
            await demand_password(*given)
        except LifecycleError as error:
            raise FieldError("password", str(error), error.hint) from None
        faults = await watchword.accounts.change_password(subject.name, None, password, by=asked.who.subject)
        for fault in faults:
            if fault.code == "meanwhile":
                raise LifecycleError(fault.text, "try again")
            raise FieldError("password", fault.text)
        return Response(status_code=204)

    async def reset_link(self, asked: Asked) -> Response:
        """Return a link with which they choose a new password, once, within 30 minutes; the present one stays valid."""
        fields, subject = Fields(asked.body), await self._person(asked)
        mail = self._mail(fields)
        fields.done()
        refused = await self._refused(asked, subject)
        if refused is not None:
            return refused
        watchword = self._watchword
        if mail and await address_of(watchword.store, subject.name, watchword.clock()) is None:
            raise LifecycleError(f"{subject.name} has no confirmed address", "ask for the link, and hand it over")
        reset = await watchword.accounts.reset_for(subject.name, by=asked.who.subject)
        if mail:
            return await self._sent(self._post.new_password(reset), reset.address)
        return self._desk.answer({"link": link(watchword.issuer, NEW_PASSWORD, reset.token)}, 201)

    async def add_address(self, asked: Asked) -> Response:
        """Give them a confirmed address: who reads its mail can choose their password."""
        fields, subject = Fields(asked.body), await self._person(asked)
        address = fields.text("address", most=320)
        fields.done()
        refused = await self._refused(asked, subject)
        if refused is not None:
            return refused
        await self._watchword.accounts.add_address(subject.name, address, by=asked.who.subject)
        return Response(status_code=204)

    async def invite(self, asked: Asked) -> Response:
        """Return a link with which somebody makes their account, once, within 7 days."""
        fields = Fields(asked.body)
        address, scopes = fields.text("address", most=320), fields.texts("scopes")
        mail = self._mail(fields)
        fields.done()
        refused = self._desk.held(asked, read("scopes", scopes, scopes_of))
        if refused is not None:
            return refused
        if not self._sign_up:
            raise LifecycleError("nobody can sign up here", 'set sign_up = "invitation" in [accounts]')
        invited = await self._watchword.accounts.invite(address, scopes=scopes, by=asked.who.subject)
        if not mail:
            return self._desk.answer({"link": link(self._watchword.issuer, INVITATION, invited.token)}, 201)
        return await self._sent(self._post.invitation(invited), invited.address)

    def _mail(self, fields: Fields) -> bool:
        """Return whether the link is to go by mail: then nobody but the mailbox has it. Raise FieldError."""
        wanted = fields.flag("mail")
        if wanted and not self._mails:
            raise FieldError("mail", "mail: no mail can be sent from here", "set [mail], or hand the link over")
        return wanted

    async def _sent(self, letter: Letter, address: str) -> Response:
        try:
            await self._post.deliver(letter)
        except Undeliverable as error:
            raise LifecycleError(f"the letter could not be sent: {error}", "look at [mail]") from None
        return self._desk.answer({"sent_to": address}, 201)

    # --- factors ------------------------------------------------------------------------------------------------------

    async def factors(self, asked: Asked) -> Response:
        """Return the second factors that they can prove now."""
        return await self._factors(await self._person(asked))

    async def remove_factor(self, asked: Asked) -> Response:
        """Remove one; with the last one their recovery codes go."""
        subject, why = await self._person(asked), self._why(asked)
        refused = await self._refused(asked, subject)
        if refused is not None:
            return refused
        id, enrolled = asked.part("id"), await self._watchword.factors.enrolled(subject.name)
        if id not in {each.id for each in enrolled}:
            raise Missing("there is no such factor")
        await self._watchword.factors.remove(id, by=asked.who.subject, reason=why, subject=subject.name)
        return await self._factors(subject)

    async def reset_factors(self, asked: Asked) -> Response:
        """Take back every factor of who has lost theirs, and end all their logins and tokens."""
        subject, why = await self._person(asked), self._why(asked)
        refused = await self._refused(asked, subject)
        if refused is not None:
            return refused
        await self._watchword.factors.reset(subject.name, by=asked.who.subject, reason=why)
        return await self._factors(subject)

    async def _factors(self, subject: Subject) -> Response:
        enrolled = await self._watchword.factors.enrolled(subject.name)
        return self._desk.answer({"factors": [_factor(each) for each in enrolled]})

    # --- sessions -----------------------------------------------------------------------------------------------------

    async def sessions(self, asked: Asked) -> Response:
        """Return sessions of browsers and refresh families of programs that can be used now, the last used first."""
        return await self._sessions(await named(asked, self._watchword))

    async def end_session(self, asked: Asked) -> Response:
        """End one of them."""
        subject = await named(asked, self._watchword)
        record = await self._watchword.store.credential(asked.part("id"))
        if record is None or record.kind not in LOGINS or record.subject != subject.name:
            raise Missing("there is no such session")
        refused = self._desk.held(asked, record.scopes)
        if refused is not None:
            return refused
        await self._watchword.sessions.end(record.id, subject=subject.name, by=asked.who.subject)
        return await self._sessions(subject)

    async def _sessions(self, subject: Subject) -> Response:
        found = await self._watchword.sessions.listed(subject.name)
        return self._desk.answer({"sessions": [_session(each) for each in found]})

    # --- what acts share ----------------------------------------------------------------------------------------------

    async def _person(self, asked: Asked) -> Subject:
        subject = await named(asked, self._watchword)
        if not subject.name.startswith("user:"):
            raise Missing("there is no such person")
        return subject

    async def _refused(self, asked: Asked, subject: Subject) -> Response | None:
        """Return the refusal of who would get hold of an account that may do what they may not."""
        return self._desk.held(asked, await rights_of(self._watchword.store, subject.name, self._watchword.clock))

    @staticmethod
    def _why(asked: Asked) -> str:
        fields = Fields(asked.body)
        why = fields.text("reason", most=500)
        fields.done()
        return why


def _session(view: SessionView) -> dict[str, Any]:
    return {
        "id": view.id,
        "kind": view.kind.value,
        "device": view.device,
        "address": view.address,
        "created_at": view.created_at,
        "last_used_at": view.last_used_at,
        "ends_at": view.ends_at,
        "idle_at": view.idle_at,
        "factors": list(view.factors),
        "client": view.client,
    }


def _factor(record: Credential) -> dict[str, Any]:
    value = {
        "id": record.id,
        "kind": record.kind.value,
        "created_at": record.created_at,
        "last_used_at": record.last_used_at,
    }
    codes = record.detail.get("codes")
    return value | ({"name": str(record.detail.get("name", ""))} if codes is None else {"codes_left": len(codes)})
