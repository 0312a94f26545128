"""Credentials of all kinds under ``/admin/v1/credentials``: the one lifecycle, as on the command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from starlette.responses import Response

from watchword.app import Watchword
from watchword.lifecycle.clients.book import ClientBook
from watchword.lifecycle.clients.fields import FieldError
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.mint import CA_SUBJECT, PROFILES
from watchword.lifecycle.operations.bounding import BOUNDED, Bounding
from watchword.lifecycle.operations.rights import area_of, rights_behind, rights_to_touch, to_read, to_write
from watchword.lifecycle.operations.shown import credential_value
from watchword.lifecycle.people.demands import demand_password
from watchword.lifecycle.values import subject_of
from watchword.lifecycle.verbs import Issued
from watchword.model.credential import Credential, Kind, State
from watchword.server.admin.desk import AdminDesk, Missing
from watchword.server.admin.fields import Fields, bounds_of, read
from watchword.server.admin.operation import Asked, Operation, Schema, nullable, one_of, reference, several, under
from watchword.server.admin.paging import PAGE_QUERY, listed, page_of
from watchword.server.admin.parts.clients import BOUNDS
from watchword.server.admin.parts.searching import Searching, Wanted

__all__ = ["CREDENTIAL", "ONE", "AdminCredentials", "state_of", "version_of"]

READ: Final = to_read("credentials")
WRITE: Final = to_write("credentials")

_PLACE: Final = "/admin/v1/credentials"
ONE: Final = "/admin/v1/credentials/{id:path}"
"""The place of one credential: the id of an OAuth client may be a URL."""

_TEXT: Final = {"type": "string"}
_REASON: Final = {"type": "string", "minLength": 1, "maxLength": 500}
_MOMENT: Final = nullable("integer", description="Unix seconds")
_FOR_KIND: Final[Mapping[str, tuple[Kind, ...]]] = {
    "test": (Kind.API_KEY, Kind.HMAC),
    "name": (Kind.API_KEY,),
    "profile": (Kind.HMAC,),
    "password": (Kind.PASSWORD,),
}

CREDENTIAL: Final[Mapping[str, Schema]] = {
    "id": _TEXT,
    "kind": one_of([each.value for each in Kind]),
    "subject": {"type": "string", "examples": ["service:billing"]},
    "state": one_of([each.value for each in State]),
    "scopes": several(_TEXT),
    "networks": several(_TEXT),
    "limit": nullable("string", examples=["600/min"]),
    "created_at": {"type": "integer"},
    **dict.fromkeys(
        ("not_before", "expires_at", "retire_at", "last_used_at", "revoked_at", "overlap_ends_at"), _MOMENT
    ),
    **{name: nullable("string") for name in ("replaces", "replaced_by", "revoked_by", "revoke_reason")},
    "version": {"type": "string", "description": "What `If-Match` takes"},
    "name": _TEXT,
    "profile": _TEXT,
    "test": {"type": "boolean"},
}
"""The schema of each field of a credential; some kinds have more."""

_SECRETS: Final = dict.fromkeys(("secret", "key_id", "password", "certificate", "private_key", "chain"), _TEXT)
_NEEDED: Final = ("id", "kind", "subject", "state", "scopes", "networks", "limit", "created_at", "version")


class AdminCredentials:
    """Hold the operations. ``Lifecycle`` does what they say."""

    tag = "Credentials"

    def __init__(self, watchword: Watchword, desk: AdminDesk) -> None:
        self._desk = desk
        self._watchword = watchword
        self._clock = watchword.clock
        self._searching = Searching(watchword)
        self._bounding = Bounding(watchword.store, watchword.watch.hurry, watchword.clock)
        self._book = ClientBook(watchword.store, watchword.lifecycle, told=watchword.watch.hurry, clock=watchword.clock)

    def operations(self) -> list[Operation]:
        """Return what can be done."""
        query = {
            "kind": CREDENTIAL["kind"],
            "subject": _TEXT,
            "state": CREDENTIAL["state"],
            "q": {"type": "string", "description": "How an id, a subject or a name begins"},
            **PAGE_QUERY,
        }
        acted: Any = {"versioned": True, "anew": True, "repeats": True, "refuses": ("404", "409", "412")}
        new: Any = {"body": "NewCredential", "anew": True, "repeats": True, "versioned": True, "refuses": ("409",)}
        rotation: Any = {**acted, "body": "Rotation", "needs_body": False}
        shown: Any = {"versioned": True, "refuses": ("404",)}
        secret, plain = "CredentialWithSecret", ("200", "Credential")
        return [
            Operation("GET", _PLACE, READ, "List credentials", self.listed, ("200", "Credentials"), query=query),
            Operation("POST", _PLACE, WRITE, "Issue a credential", self.issue, ("201", secret), **new),
            Operation(
                *("POST", under(ONE, "rotate"), WRITE, "Issue its successor", self.rotate, ("200", secret)), **rotation
            ),
            Operation(
                *("POST", under(ONE, "revoke"), WRITE, "Revoke it for good", self.revoke, plain),
                **{**acted, "body": "Reason"},
            ),
            Operation("GET", ONE, READ, "Show a credential", self.show, plain, **shown),
            Operation(
                *("PATCH", ONE, WRITE, "Change what it may do", self.change, plain),
                **{**acted, "body": "Bounds", "repeats": False},
            ),
        ]

    def schemas(self) -> dict[str, Schema]:
        """Return what they take and answer."""
        new = {
            "kind": one_of([each.value for each in BOUNDED]),
            "subject": CREDENTIAL["subject"],
            **BOUNDS,
            "test": {"type": "boolean"},
            "name": {"type": "string", "maxLength": 64},
            "profile": one_of(PROFILES),
            "password": {"type": "string", "description": "Made where it is missing"},
        }
        page = {"credentials": several(reference("Credential")), "next": nullable("string")}
        return {
            "Credential": {"type": "object", "required": list(_NEEDED), "properties": CREDENTIAL},
            "CredentialWithSecret": {
                "type": "object",
                "required": list(_NEEDED),
                "properties": {**CREDENTIAL, **_SECRETS},
            },
            "Credentials": {"type": "object", "required": list(page), "properties": page},
            "NewCredential": {
                "type": "object",
                "additionalProperties": False,
                "required": ["kind", "subject"],
                "properties": new,
            },
            "Bounds": {"type": "object", "additionalProperties": False, "properties": BOUNDS},
            "Rotation": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"overlap": {"type": "string", "examples": ["24h"]}, "password": _TEXT},
            },
            "Reason": {"type": "object", "required": ["reason"], "properties": {"reason": _REASON}},
        }

    # --- looking ------------------------------------------------------------------------------------------------------

    async def listed(self, asked: Asked) -> Response:
        """Return a page of credentials, of the areas that who asks may read, and the cursor of the next one."""
        kind, state, subject = asked.query("kind"), asked.query("state"), asked.query("subject")
        wanted = Wanted(
            read("kind", kind, _kind) if kind else None,
            read("subject", subject, subject_of) if subject else None,
            state_of(state) if state else None,
            asked.query("q").strip()[:200],
            frozenset(each for each in Kind if to_read(area_of(each)) in asked.who.scopes),
        )
        refused = self._desk.held(asked, [] if wanted.kind is None else [to_read(area_of(wanted.kind))])
        if refused is not None:
            return refused
        page, now = page_of(asked.http, int, str, str), self._clock()
        after = page.after or (0, "", "")
        found, place = await self._searching.page(wanted, after=(max(after[0], 0), *after[1:]), limit=page.limit)
        values = [self._value(each, now) for each in found]
        value, headers = listed(asked.http, "credentials", values, place or ())
        return self._desk.answer(value, headers=headers)

    async def show(self, asked: Asked) -> Response:
        """Return one credential."""
        record = await self._named(asked)
        return self._desk.held(asked, [to_read(area_of(record.kind))]) or self._shown(record)

    # --- acting -------------------------------------------------------------------------------------------------------

    async def issue(self, asked: Asked) -> Response:
        """Issue a credential; its secret is in this answer alone."""
        fields = Fields(asked.body)
        kind = Kind(fields.one_of("kind", [each.value for each in BOUNDED]))
        subject = read("subject", fields.text("subject", most=200), subject_of)
        if subject == CA_SUBJECT:
            raise FieldError("subject", f"{subject} is this server's own", "name a service of yours")
        bounds = bounds_of(fields, self._clock())
        options = self._options(kind, fields)
        fields.done()
        behind = await rights_behind(self._watchword.store, kind, subject, self._clock)
        refused = self._desk.held(asked, {*(bounds.scopes or ()), *behind})
        if refused is not None:
            return refused
        await self._demand(subject, options.get("password"))
        given = bounds.changes()
        issued = await self._issued(kind, subject, options, given, by=asked.who.subject)
        return self._made(issued, 201)

    async def _issued(
        self, kind: Kind, subject: str, options: dict[str, Any], given: dict[str, Any], *, by: str
    ) -> Issued:
        issue = self._watchword.lifecycle.issue
        try:
            return await issue(kind, subject, by=by, options=options, **given)
        except LifecycleError:
            raise
        except ValueError as error:  # a certificate that would outlive its authority
            raise FieldError("expires_at", f"expires_at: {error}", "choose an earlier one") from None

    def _options(self, kind: Kind, fields: Fields) -> dict[str, Any]:
        for name, kinds in _FOR_KIND.items():
            if name in fields and kind not in kinds:
                raise FieldError(name, f"{name} is not for {kind}", f"it is for {' and '.join(kinds)}")
        options: dict[str, Any] = {"test": True} if fields.flag("test") else {}
        options |= {"name": fields.text("name", most=64).strip()} if "name" in fields else {}
        options |= {"profile": fields.one_of("profile", PROFILES)} if "profile" in fields else {}
        options |= {"password": fields.text("password")} if "password" in fields else {}
        return options

    async def change(self, asked: Asked) -> Response:
        """Change what a credential may do, from where, how often and until when."""
        fields, record = Fields(asked.body), await self._named(asked)
        bounds = bounds_of(fields, self._clock())
        fields.done()
        refused = await self._refused(asked, record, bounds.scopes or ())
        if refused is not None:
            return refused
        by, version = asked.who.subject, record.version  # of the version that was judged
        return self._shown(await self._bounding.change(record.id, bounds, by=by, version=version))

    async def rotate(self, asked: Asked) -> Response:
        """Issue a successor beside the credential, which is valid for ``overlap`` more (by default 24h)."""
        fields, record = Fields(asked.body), await self._named(asked)
        overlap = fields.duration("overlap", "24h", zero=True)
        options = {"password": fields.text("password")} if "password" in fields else {}
        fields.done()
        refused = await self._refused(asked, record)
        if refused is not None:
            return refused
        if options and record.kind is not Kind.PASSWORD:
            raise FieldError("password", f"password is not for {record.kind}", "leave it out")
        if area_of(record.kind) != "credentials":
            raise LifecycleError(f"a {record.kind} is not rotated here", "see what its own part of the API does")
        await self._demand(record.subject, options.get("password"))
        more: Any = {"options": options, "version": record.version}  # of the version that was judged
        issued = await self._watchword.lifecycle.rotate(record.id, overlap=overlap, by=asked.who.subject, **more)
        return self._made(issued, 200, overlap_ends_at=issued.credential.created_at + overlap)

    async def revoke(self, asked: Asked) -> Response:
        """Revoke a credential for good, with every token that came from it."""
        fields, record = Fields(asked.body), await self._named(asked)
        reason = fields.text("reason", most=500)
        fields.done()
        refused = await self._refused(asked, record)
        if refused is not None:
            return refused
        by = asked.who.subject
        if record.kind is Kind.OAUTH_CLIENT and record.detail.get("client_id") == record.id:
            await self._book.remove(record.id, reason=reason, by=by)  # it is the client's name: all its secrets
            return self._shown(await self._watchword.lifecycle.show(record.id))
        return self._shown(await self._watchword.lifecycle.revoke(record.id, reason=reason, by=by))

    # --- what acts share ----------------------------------------------------------------------------------------------

    async def _named(self, asked: Asked) -> Credential:
        record = await self._watchword.store.credential(asked.part("id"))
        if record is None:
            raise Missing("there is no such credential")
        return record

    async def _refused(self, asked: Asked, record: Credential, more: Iterable[str] = ()) -> Response | None:
        """Return the refusal of who may not touch the credential, or knows an older version of it."""
        needed = await rights_to_touch(self._watchword.store, record, self._clock)
        refused = self._desk.held(asked, {*needed, *more})
        return refused or self._desk.stale(asked, version_of(record))

    async def _demand(self, subject: str, password: object) -> None:
        if not isinstance(password, str):
            return
        watchword = self._watchword
        try:
            await demand_password(watchword.store, watchword.password_rules, subject, password, self._clock())
        except LifecycleError as error:
            raise FieldError("password", str(error), error.hint) from None

    def _value(self, record: Credential, now: float) -> dict[str, Any]:
        return credential_value(record, now) | {"version": version_of(record)}

    def _shown(self, record: Credential) -> Response:
        return self._desk.answer(self._value(record, self._clock()), 200, version_of(record))

    def _made(self, issued: Issued, status: int, **more: Any) -> Response:
        record = issued.credential
        value = self._value(record, self._clock()) | more | dict(issued.material)
        place = f"{_PLACE}/{record.id}" if status == 201 else ""
        return self._desk.answer(value, status, version_of(record), place)


def version_of(record: Credential) -> str:
    """Return what changes with every change of a credential."""
    return f"{record.id}.{record.version}"


def state_of(text: str) -> State:
    """Return the state that a word names. Raise FieldError."""
    words = {each.value: each for each in State}
    if text not in words:
        raise FieldError("state", f"state: one of {', '.join(words)}")
    return words[text]


def _kind(text: str) -> Kind:
    words = {each.value: each for each in Kind}
    if text not in words:
        raise FieldError("kind", f"kind: one of {', '.join(words)}")
    return words[text]
