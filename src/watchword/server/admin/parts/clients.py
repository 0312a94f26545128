"""OAuth clients under ``/admin/v1/clients``: the same acts as on the command line, one version at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from starlette.responses import Response

from watchword.app import Watchword
from watchword.lifecycle.clients.book import Client, ClientBook
from watchword.lifecycle.clients.fields import AUTH_METHODS, GRANTS, FieldError
from watchword.lifecycle.oauth.openid.id_tokens import ALGORITHMS
from watchword.lifecycle.operations.rights import to_read, to_write
from watchword.lifecycle.operations.shown import credential_value
from watchword.lifecycle.values import rate_of
from watchword.server.admin.desk import AdminDesk
from watchword.server.admin.fields import Fields, bounds_of, read
from watchword.server.admin.operation import Asked, Operation, Schema, nullable, one_of, reference, several, under
from watchword.server.admin.paging import PAGE_QUERY, listed, page_of

__all__ = ["BOUNDS", "CLIENT", "AdminClients"]

READ: Final = to_read("clients")
WRITE: Final = to_write("clients")

_PLACE: Final = "/admin/v1/clients"
_ONE: Final = "/admin/v1/clients/{client_id:path}"  # it may be a URL

_TEXT: Final = {"type": "string"}
_FLAG: Final = {"type": "boolean"}
_URL: Final = {"type": "string", "format": "uri"}
_SECONDS: Final = {"type": "integer", "minimum": 1}
_MOMENT: Final = nullable("integer", description="Unix seconds")

CLIENT: Final[Mapping[str, Schema]] = {
    "client_name": {"type": "string", "maxLength": 64},
    "client_uri": _URL,
    "logo_uri": _URL,
    "policy_uri": _URL,
    "tos_uri": _URL,
    "contacts": several(_TEXT),
    "application_type": one_of(["web", "native"]),
    "redirect_uris": several(_URL),
    "post_logout_redirect_uris": several(_URL),
    "grants": several(one_of(GRANTS)),
    "public": _FLAG,
    "first_party": _FLAG,
    "auth_method": one_of(AUTH_METHODS),
    "jwks": {"type": "object", "required": ["keys"], "properties": {"keys": several({"type": "object"})}},
    "jwks_uri": _URL,
    "tls_client_auth_subject_dn": _TEXT,
    "tls_client_auth_san_dns": _TEXT,
    "tls_client_auth_san_uri": _TEXT,
    "tls_client_auth_san_ip": _TEXT,
    "tls_client_auth_san_email": _TEXT,
    "token_format": one_of(["jwt", "opaque"]),
    "access_lifetime": _SECONDS,
    "refresh_lifetime": _SECONDS,
    "audiences": several(_URL),
    "subject_type": one_of(["public", "pairwise"]),
    "sector_identifier_uri": _URL,
    "require_par": _FLAG,
    "dpop_bound_access_tokens": _FLAG,
    "tls_client_certificate_bound_access_tokens": _FLAG,
    "require_signed_request_object": _FLAG,
    "backchannel_logout_uri": _URL,
    "backchannel_logout_session_required": _FLAG,
    "authorization_details_types": several(_TEXT),
    "id_token_signed_response_alg": one_of(ALGORITHMS),
    "userinfo_signed_response_alg": one_of(ALGORITHMS),
    "introspects": several(_URL),
    "exchange": {
        "type": "object",
        "properties": {"impersonate": _FLAG, "audiences": {"type": "object", "additionalProperties": _TEXT}},
        "additionalProperties": False,
    },
}
"""The schema of each field of a client."""

BOUNDS: Final[Mapping[str, Schema]] = {
    "scopes": several(_TEXT),
    "networks": several(_TEXT),
    "limit": nullable("string", examples=["600/min"]),
    "expires_at": _MOMENT,
}
"""What every credential has."""

_STATES: Final = ("active", "disabled", "pending", "retiring", "retired", "expired", "revoked", "leaked")
_SAID: Final[Mapping[str, Schema]] = {
    "client_id": _TEXT,
    "subject": {"type": "string", "examples": ["service:billing"]},
    "state": one_of(_STATES),
    "source": one_of(["operator", "registered", "document"]),
    "created_at": {"type": "integer"},
    "last_used_at": _MOMENT,
    "version": _TEXT,
    "secrets": several(
        {
            "type": "object",
            "properties": {"id": _TEXT, "state": _TEXT, "created_at": {"type": "integer"}, "ends_at": _MOMENT},
        }
    ),
}
_NEEDED: Final = ("client_id", "subject", "state", "scopes", "grants", "redirect_uris", "public", "version")


class AdminClients:
    """Hold the operations. ``ClientBook`` does what they say."""

    tag = "OAuth clients"

    def __init__(self, watchword: Watchword, desk: AdminDesk) -> None:
        self._desk = desk
        self._clock = watchword.clock
        self._registration = watchword.oauth.registration
        self._book = ClientBook(watchword.store, watchword.lifecycle, told=watchword.watch.hurry, clock=watchword.clock)

    def operations(self) -> list[Operation]:
        """Return what can be done."""
        made, one = {"anew": True, "repeats": True, "versioned": True}, {"versioned": True, "refuses": ("404",)}
        acted: Any = {"versioned": True, "anew": True, "repeats": True, "refuses": ("404", "409", "412")}
        patch: Any = {**acted, "body": "ClientFields", "repeats": False}  # it says itself what comes of it
        return [
            Operation(
                *("GET", _PLACE, READ, "List clients", self.listed, ("200", "Clients")),
                query={"state": _SAID["state"], **PAGE_QUERY},
            ),
            Operation(
                *("POST", under(_PLACE, "registration-token"), WRITE, "Let clients register", self.registration_token),
                ("201", "CredentialWithSecret"),
                **(made | {"body": "RegistrationToken", "needs_body": False, "refuses": ("409",)}),  # type: ignore[arg-type]
            ),
            Operation(
                *("POST", _PLACE, WRITE, "Add a client", self.add, ("201", "ClientWithSecret")),
                **(made | {"body": "NewClient", "refuses": ("409",)}),  # type: ignore[arg-type]
            ),
            Operation(
                *("POST", under(_ONE, "rotate"), WRITE, "New secret", self.rotate, ("200", "ClientWithSecret")),
                **(acted | {"body": "Overlap", "needs_body": False}),
            ),
            Operation("POST", under(_ONE, "disable"), WRITE, "Disable it", self.disable, ("200", "Client"), **acted),
            Operation("POST", under(_ONE, "enable"), WRITE, "Enable it", self.enable, ("200", "Client"), **acted),
            Operation("GET", _ONE, READ, "Show a client", self.show, ("200", "Client"), **one),  # type: ignore[arg-type]
            Operation("PATCH", _ONE, WRITE, "Change it", self.change, ("200", "Client"), **patch),
            Operation(
                *("DELETE", _ONE, WRITE, "Remove it for good", self.remove, ("204", "")),
                **(acted | {"repeats": False}),
            ),
        ]

    def schemas(self) -> dict[str, Schema]:
        """Return what they take and answer."""
        taken = {name: {"anyOf": [dict(schema), {"type": "null"}]} for name, schema in CLIENT.items()}
        whole = {**_SAID, **CLIENT, **BOUNDS}
        fields = {"type": "object", "additionalProperties": False, "properties": {**taken, **BOUNDS}}
        new = {**taken, **BOUNDS, "subject": _SAID["subject"]}
        page = {"clients": several(reference("Client")), "next": nullable("string")}
        return {
            "Client": {"type": "object", "required": list(_NEEDED), "properties": whole},
            "ClientWithSecret": {
                "type": "object",
                "required": list(_NEEDED),
                "properties": {**whole, "client_secret": _TEXT},
            },
            "RegistrationToken": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "name": {"type": "string", "maxLength": 64},
                    "expires": {"type": "string", "examples": ["24h"]},
                    "limit": {"type": "string", "examples": ["5/h"]},
                },
            },
            "Clients": {"type": "object", "required": list(page), "properties": page},
            "ClientFields": fields,
            "NewClient": {**fields, "required": ["subject"], "properties": new},
            "Overlap": {"type": "object", "properties": {"overlap": {"type": "string", "examples": ["24h"]}}},
        }

    async def listed(self, asked: Asked) -> Response:
        """Return a page of clients, and the cursor of the next one; with ``state`` a page may hold fewer."""
        page, now, state = page_of(asked.http, str), self._clock(), asked.query("state")
        if state and state not in _STATES:
            raise FieldError("state", f"state: one of {', '.join(_STATES)}")
        found, after = await self._book.page(after=page.after[0] if page.after else "", limit=page.limit)
        clients = [each.value(now) for each in found if state in ("", each.state(now))]
        value, headers = listed(asked.http, "clients", clients, (after,) if after else ())
        return self._desk.answer(value, headers=headers)

    async def add(self, asked: Asked) -> Response:
        """Add a client; its secret is in this answer alone."""
        fields = Fields(asked.body)
        subject, bounds = fields.any("subject"), bounds_of(fields, self._clock())
        body = fields.left()
        if not isinstance(subject, str):
            raise FieldError("subject", "subject: the service that it is, such as service:billing")
        missing = self._desk.held(asked, bounds.scopes or ())
        if missing is not None:
            return missing
        issued = await self._book.add(subject, body, bounds, by=asked.who.subject)
        client = await self._book.find(issued.credential.id)
        value = client.value(self._clock()) | dict(issued.material)
        return self._desk.answer(value, 201, client.version, f"{_PLACE}/{quote(client.id, safe='')}")

    async def registration_token(self, asked: Asked) -> Response:
        """Make a token by which clients register themselves, where ``oauth.registration`` asks for one."""
        fields = Fields(asked.body)
        name, ends = fields.text("name", "registration", most=64), fields.duration("expires", "24h")
        limit = read("limit", fields.text("limit"), rate_of) if "limit" in fields else None
        fields.done()
        given: Any = {"expires_at": int(self._clock()) + ends, "limit": limit, "name": name.strip()}
        issued = await self._registration.initial_token(by=asked.who.subject, **given)
        record = issued.credential
        value = credential_value(record, self._clock()) | {"version": f"{record.id}.{record.version}"}
        place = f"/admin/v1/credentials/{record.id}"
        return self._desk.answer(value | dict(issued.material), 201, str(value["version"]), place)

    async def show(self, asked: Asked) -> Response:
        """Return one client."""
        return self._shown(await self._named(asked))

    async def change(self, asked: Asked) -> Response:
        """Change what a client is: a JSON Merge Patch (RFC 7396), of the version in ``If-Match`` where there is one."""
        fields = Fields(asked.body)
        client, bounds = await self._named(asked), bounds_of(fields, self._clock())
        body = fields.left()
        scopes = {*client.newest.scopes, *(bounds.scopes or ())}
        missing = self._desk.held(asked, scopes) or self._desk.stale(asked, client.version)
        if missing is not None:
            return missing
        # Of the version that was judged, whether or not the request names one.
        by, version = asked.who.subject, client.version
        return self._shown(await self._book.change(client.id, body, bounds, by=by, version=version))

    async def remove(self, asked: Asked) -> Response:
        """Revoke a client for good, with every secret and token of it."""
        client = await self._named(asked)
        missing = self._desk.held(asked, client.newest.scopes) or self._desk.stale(asked, client.version)
        if missing is not None:
            return missing
        await self._book.remove(client.id, reason="removed by the admin API", by=asked.who.subject)
        return Response(status_code=204)

    async def rotate(self, asked: Asked) -> Response:
        """Give a client a new secret beside the one before, which is valid for ``overlap`` more (by default 24h)."""
        client, fields = await self._named(asked), Fields(asked.body)
        overlap = fields.duration("overlap", "24h", zero=True)
        fields.done()
        missing = self._desk.held(asked, client.newest.scopes) or self._desk.stale(asked, client.version)
        if missing is not None:
            return missing
        by, version = asked.who.subject, client.version  # of the version that was judged
        issued = await self._book.rotate(client.id, overlap=overlap, by=by, version=version)
        after = await self._book.find(client.id)
        return self._desk.answer(after.value(self._clock()) | dict(issued.material), 200, after.version)

    async def disable(self, asked: Asked) -> Response:
        """Disable a client until it is enabled again."""
        return await self._switched(asked, False)

    async def enable(self, asked: Asked) -> Response:
        """Enable a disabled client."""
        return await self._switched(asked, True)

    async def _switched(self, asked: Asked, enabled: bool) -> Response:
        client = await self._named(asked)
        missing = self._desk.held(asked, client.newest.scopes) or self._desk.stale(asked, client.version)
        if missing is not None:
            return missing
        return self._shown(await self._book.set_enabled(client.id, enabled, by=asked.who.subject))

    async def _named(self, asked: Asked) -> Client:
        return await self._book.find(asked.part("client_id"))

    def _shown(self, client: Client) -> Response:
        return self._desk.answer(client.value(self._clock()), 200, client.version)
