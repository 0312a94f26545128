"""Describe the admin API (OpenAPI 3.1): one section a part, each with its paths and schemas."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

from watchword.adapters.openapi import PROBLEM, declare, refusals
from watchword.app import Watchword
from watchword.lifecycle.clients.fields import AUTH_METHODS, GRANTS
from watchword.lifecycle.oauth.openid.id_tokens import ALGORITHMS
from watchword.server.admin.clients import READ, WRITE

__all__ = ["CLIENT", "document_of"]

_TEXT: Final = {"type": "string"}
_FLAG: Final = {"type": "boolean"}
_URL: Final = {"type": "string", "format": "uri"}
_SECONDS: Final = {"type": "integer", "minimum": 1}
_MOMENT: Final = {"type": ["integer", "null"], "description": "Unix seconds"}


def _list(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": dict(items)}


CLIENT: Final[Mapping[str, Mapping[str, Any]]] = {
    "client_name": {"type": "string", "maxLength": 64},
    "client_uri": _URL,
    "logo_uri": _URL,
    "policy_uri": _URL,
    "tos_uri": _URL,
    "contacts": _list(_TEXT),
    "application_type": {"enum": ["web", "native"]},
    "redirect_uris": _list(_URL),
    "post_logout_redirect_uris": _list(_URL),
    "grants": _list({"enum": list(GRANTS)}),
    "public": _FLAG,
    "first_party": _FLAG,
    "auth_method": {"enum": list(AUTH_METHODS)},
    "jwks": {"type": "object", "required": ["keys"], "properties": {"keys": _list({"type": "object"})}},
    "jwks_uri": _URL,
    "tls_client_auth_subject_dn": _TEXT,
    "tls_client_auth_san_dns": _TEXT,
    "tls_client_auth_san_uri": _TEXT,
    "tls_client_auth_san_ip": _TEXT,
    "tls_client_auth_san_email": _TEXT,
    "token_format": {"enum": ["jwt", "opaque"]},
    "access_lifetime": _SECONDS,
    "refresh_lifetime": _SECONDS,
    "audiences": _list(_URL),
    "subject_type": {"enum": ["public", "pairwise"]},
    "sector_identifier_uri": _URL,
    "require_par": _FLAG,
    "dpop_bound_access_tokens": _FLAG,
    "tls_client_certificate_bound_access_tokens": _FLAG,
    "require_signed_request_object": _FLAG,
    "backchannel_logout_uri": _URL,
    "backchannel_logout_session_required": _FLAG,
    "authorization_details_types": _list(_TEXT),
    "id_token_signed_response_alg": {"enum": list(ALGORITHMS)},
    "userinfo_signed_response_alg": {"enum": list(ALGORITHMS)},
    "introspects": _list(_URL),
    "exchange": {
        "type": "object",
        "properties": {"impersonate": _FLAG, "audiences": {"type": "object", "additionalProperties": _TEXT}},
        "additionalProperties": False,
    },
}
"""The schema of each field of a client."""

_BOUNDS: Final[Mapping[str, Any]] = {
    "scopes": _list(_TEXT),
    "networks": _list(_TEXT),
    "limit": {"type": ["string", "null"], "examples": ["600/min"]},
    "expires_at": _MOMENT,
}
_SAID: Final[Mapping[str, Any]] = {
    "client_id": _TEXT,
    "subject": {"type": "string", "examples": ["service:billing"]},
    "state": {"enum": ["active", "disabled", "pending", "retiring", "retired", "expired", "revoked", "leaked"]},
    "source": {"enum": ["operator", "registered", "document"]},
    "created_at": {"type": "integer"},
    "last_used_at": _MOMENT,
    "version": _TEXT,
    "secrets": _list(
        {
            "type": "object",
            "properties": {"id": _TEXT, "state": _TEXT, "created_at": {"type": "integer"}, "ends_at": _MOMENT},
        }
    ),
}
_ID: Final = {"name": "client_id", "in": "path", "required": True, "schema": _TEXT}
_IF_MATCH: Final = {"name": "If-Match", "in": "header", "schema": _TEXT, "description": "The version to act on"}
_ETAG: Final = {"ETag": {"description": "The version", "schema": _TEXT}}
_PROBLEMS: Final = {
    "404": "There is no such client",
    "409": "The client is not in a state in which that can be done",
    "412": "It changed since it was read",
    "415": "The content is not JSON",
    "422": "A field cannot be accepted; errors names it",
}


def _refused(*statuses: str) -> dict[str, Any]:
    media = {"application/problem+json": {"schema": {"$ref": f"#/components/schemas/{PROBLEM}"}}}
    return {status: {"description": _PROBLEMS[status], "content": media} for status in statuses}


def _schema(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def _given(name: str, description: str) -> dict[str, Any]:
    return {"description": description, "headers": dict(_ETAG), "content": _schema(name)}


def _operation(
    title: str, security: list[dict[str, list[str]]], responses: Mapping[str, Any], **more: Any
) -> dict[str, Any]:
    body = "requestBody" in more
    return {
        "summary": title,
        "tags": ["OAuth clients"],
        "security": security,
        "responses": {**responses, **refusals(body=body)},
        **more,
    }


def _clients(read: list[dict[str, list[str]]], write: list[dict[str, list[str]]]) -> dict[str, Any]:
    """Return the paths of the OAuth clients."""
    one, changed = [dict(_ID)], [dict(_ID), dict(_IF_MATCH)]
    page = [
        {"name": "cursor", "in": "query", "schema": _TEXT},
        {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 100}},
    ]
    secret = {"200": _given("ClientWithSecret", "The client, and once its secret")}
    shown = {"200": _given("Client", "The client")}
    listed = {"200": {"description": "A page", "content": _schema("Clients")}}
    new = {"required": True, "content": _schema("NewClient")}
    patch = {"required": True, "content": _schema("ClientFields")}
    overlap = {"content": {"application/json": {"schema": {"type": "object", "properties": {"overlap": _TEXT}}}}}
    refused, acted = _refused("404", "409", "412"), _refused("404", "409", "412", "415", "422")
    added = {"201": _given("ClientWithSecret", "The client, and once its secret"), **_refused("409", "415", "422")}
    return {
        "/admin/v1/clients": {
            "get": _operation("List clients", read, {**listed, **_refused("422")}, parameters=page),
            "post": _operation("Add a client", write, added, requestBody=new),
        },
        "/admin/v1/clients/{client_id}": {
            "get": _operation("Show a client", read, {**shown, **_refused("404")}, parameters=one),
            "patch": _operation("Change it", write, {**shown, **acted}, parameters=changed, requestBody=patch),
            "delete": _operation(
                "Remove it for good", write, {"204": {"description": "Gone"}, **refused}, parameters=changed
            ),
        },
        "/admin/v1/clients/{client_id}/rotate": {
            "post": _operation("New secret", write, {**secret, **acted}, parameters=changed, requestBody=overlap)
        },
        **{
            f"/admin/v1/clients/{{client_id}}/{act}": {
                "post": _operation(title, write, {**shown, **refused}, parameters=changed)
            }
            for act, title in (("disable", "Disable it"), ("enable", "Enable it"))
        },
    }


def _schemas() -> dict[str, Any]:
    nullable = {name: {"anyOf": [dict(schema), {"type": "null"}]} for name, schema in CLIENT.items()}
    whole = {**_SAID, **CLIENT, **_BOUNDS}
    needed = ["client_id", "subject", "state", "scopes", "grants", "redirect_uris", "public", "version"]
    clients = {"clients": _list({"$ref": "#/components/schemas/Client"}), "next": {"type": ["string", "null"]}}
    fields = {"type": "object", "additionalProperties": False, "properties": {**nullable, **_BOUNDS}}
    new = {**fields["properties"], "subject": _SAID["subject"]}  # type: ignore[dict-item]
    return {
        "Client": {"type": "object", "required": needed, "properties": whole},
        "ClientWithSecret": {"type": "object", "required": needed, "properties": {**whole, "client_secret": _TEXT}},
        "Clients": {"type": "object", "required": list(clients), "properties": clients},
        "ClientFields": fields,
        "NewClient": {**fields, "required": ["subject"], "properties": new},
    }


def document_of(watchword: Watchword, accept: str) -> dict[str, Any]:
    """Return the whole document for a server whose admin API accepts ``accept``."""
    route = watchword.route(accept)
    read, write = route.policy.describe((READ,)), route.policy.describe((WRITE,))
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "Watchword", "version": version("watchword")},
        "servers": [{"url": watchword.issuer}],
        "paths": _clients(read, write),
        "components": {"schemas": _schemas()},
    }
    schemes = {name: scheme.describe() for name, scheme in watchword.schemes.items()}
    declare(document, schemes, [*read, *write])
    return document
