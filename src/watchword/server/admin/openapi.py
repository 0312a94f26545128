"""Describe the admin API (OpenAPI 3.1) by its operations: what is not described is not there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any, Final

from watchword.adapters.openapi import PROBLEM, Requirement, declare, refusals
from watchword.app import Watchword
from watchword.server.admin.operation import Operation, Part, Schema, reference
from watchword.server.admin.repeats import HEADER

__all__ = ["document_of"]

_TEXT: Final[Schema] = {"type": "string"}
_PROBLEM: Final = "application/problem+json"
_MERGE: Final = "application/merge-patch+json"
_REFUSED: Final[Mapping[str, str]] = {
    "404": "There is no such thing",
    "409": "It is not in a state in which that can be done",
    "412": "It changed since it was read",
    "415": "The content is not JSON",
    "422": "Something that was sent cannot be accepted; errors names it",
}
_IF_MATCH: Final = {"name": "If-Match", "in": "header", "schema": _TEXT, "description": "The version to act on"}
_REPEATED: Final = {
    "name": HEADER,
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": 257},
    "description": "Makes it happen once, however often it is sent with this key within a day",
}
_ETAG: Final = {"description": "The version", "schema": _TEXT}
_LINK: Final = {"description": 'Where the next page is (RFC 8288), rel="next"', "schema": _TEXT}
_LOCATION: Final = {"description": "Where it is", "schema": _TEXT}


def document_of(watchword: Watchword, accept: str, parts: Iterable[Part]) -> dict[str, Any]:
    """Return the whole document for a server whose admin API accepts ``accept``."""
    policy = watchword.route(accept).policy
    paths: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Schema] = {}
    used: list[Requirement] = []
    for part in parts:
        schemas.update(part.schemas())
        for operation in part.operations():
            security = policy.describe((operation.scope,))
            used += security
            paths.setdefault(operation.place, {})[operation.method.lower()] = {
                "operationId": _id(operation),
                "tags": [part.tag],
                "security": security,
                **_described(operation),
            }
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "Watchword", "version": version("watchword")},
        "servers": [{"url": watchword.issuer}],
        "paths": paths,
        "components": {"schemas": schemas},
    }
    declare(document, {name: scheme.describe() for name, scheme in watchword.schemes.items()}, used)
    return document


def _id(operation: Operation) -> str:
    words = [word for word in operation.place.removeprefix("/admin/v1/").split("/") if not word.startswith("{")]
    one = ["one"] if operation.place.endswith("}") else []
    return "_".join([operation.method.lower(), *words, *one]).replace("-", "_").replace(".", "_")


def _described(operation: Operation) -> dict[str, Any]:
    status, name = operation.answers
    headers = {
        **({"ETag": _ETAG} if operation.versioned and name else {}),
        **({"Link": _LINK} if "cursor" in operation.query else {}),
        **({"Location": _LOCATION} if status == "201" else {}),
    }
    answer: dict[str, Any] = {"description": operation.title, **({"headers": headers} if headers else {})}
    if name:
        answer["content"] = {operation.media: {"schema": reference(name)}}
    found: dict[str, Any] = {"summary": operation.title, "responses": {status: answer, **_refusals(operation)}}
    parameters = list(_parameters(operation))
    if parameters:
        found["parameters"] = parameters
    if operation.body:
        kinds = ["application/json", *([_MERGE] if operation.method == "PATCH" else [])]
        content = {kind: {"schema": reference(operation.body)} for kind in kinds}
        found["requestBody"] = {"required": operation.needs_body, "content": content}
    return found


def _parameters(operation: Operation) -> Iterable[dict[str, Any]]:
    for name in operation.parameters:
        yield {"name": name, "in": "path", "required": True, "schema": _TEXT}
    for name, schema in operation.query.items():
        needed = {"required": True} if name in operation.needs else {}
        yield {"name": name, "in": "query", **needed, "schema": dict(schema)}
    if operation.versioned and operation.method != "GET" and "412" in operation.refuses:
        yield dict(_IF_MATCH)
    if operation.repeats:
        yield dict(_REPEATED)


def _refusals(operation: Operation) -> dict[str, Any]:
    statuses = set(operation.refuses)
    if operation.body:
        statuses |= {"415", "422"}
    if operation.query:
        statuses.add("422")
    if operation.repeats:
        statuses |= {"409", "422"}
    own = {
        status: {
            "description": _REFUSED[status],
            "content": {_PROBLEM: {"schema": reference(PROBLEM)}},
        }
        for status in sorted(statuses)
    }
    return {**own, **refusals(body=bool(operation.body))}
