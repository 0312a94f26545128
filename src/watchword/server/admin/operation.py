"""Say once what each operation is: its place, who may, what it takes and answers. Routes and the document follow."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from watchword.lifecycle.clients.fields import FieldError
from watchword.model.request import Request
from watchword.model.verdict import Principal
from watchword.stores.rows import storable

__all__ = ["Act", "Asked", "Operation", "Part", "Schema", "nullable", "one_of", "reference", "several", "under"]

_TAGS: Final = re.compile(r'"([^"]*)"')  # weak ones, too: whoever compresses answers on the way makes them so
_PARAMETER: Final = re.compile(r"\{(\w+)(?::path)?\}")

Schema: TypeAlias = Mapping[str, Any]
"""A schema of JSON (2020-12), as OpenAPI 3.1 has it."""


class Asked:
    """Hold a request that may do what it asks: who sent it, and the JSON that came with it."""

    __slots__ = ("body", "http", "request", "who")

    def __init__(self, http: HttpRequest, request: Request, who: Principal, body: dict[str, Any]) -> None:
        self.http: HttpRequest = http
        self.request: Request = request
        self.who: Principal = who
        self.body: dict[str, Any] = body

    def part(self, name: str) -> str:
        """Return a part of the path, decoded; "" for what no store can hold, and so nothing is called."""
        text = str(self.http.path_params[name])
        return text if storable(text) else ""

    def query(self, name: str) -> str:
        """Return a parameter of the query, "" where it is missing. Raise FieldError for what no store can hold."""
        text = self.http.query_params.get(name, "")
        if not storable(text):
            raise FieldError(name, f"{name}: not a text")
        return text

    def means(self, version: str) -> bool:
        """Return whether ``If-Match`` names this version, or any (RFC 9110 section 13.1.1)."""
        value = self.request.fields.get(b"if-match", b"*").decode("latin-1").strip()
        return value == "*" or version in (_TAGS.findall(value) or [value])


Act: TypeAlias = Callable[[Asked], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Operation:
    """Describe one operation.

    ``answers`` is a status and the name of a schema ("" for no content); ``body`` the name of what it takes;
    ``needs`` are the parameters of ``query`` that may not be missing.
    ``anew``: people have to have proved themselves lately, for it reveals or destroys. ``repeats``: an
    ``Idempotency-Key`` makes it happen once. ``versioned``: it answers with the version as ``ETag`` and takes
    ``If-Match``. ``refuses`` are statuses beside those that every operation has.
    """

    method: str
    path: str
    scope: str
    title: str
    act: Act
    answers: tuple[str, str] = ("200", "")
    body: str = ""
    needs_body: bool = True
    query: Mapping[str, Schema] = field(default_factory=dict)
    needs: Sequence[str] = ()
    refuses: Sequence[str] = ()
    anew: bool = False
    repeats: bool = False
    versioned: bool = False
    media: str = "application/json"
    most: int = 16_384  # bytes of content

    @property
    def place(self) -> str:
        """Return the path as OpenAPI writes it."""
        return _PARAMETER.sub(r"{\1}", self.path)

    @property
    def parameters(self) -> list[str]:
        """Return the names of the path's parameters."""
        return _PARAMETER.findall(self.path)


class Part(Protocol):
    """Serve one area."""

    tag: str

    def operations(self) -> list[Operation]:
        """Return what it does."""
        ...

    def schemas(self) -> dict[str, Schema]:
        """Return the schemas that its operations name."""
        ...


def reference(name: str) -> Schema:
    """Return a schema that stands under a name."""
    return {"$ref": f"#/components/schemas/{name}"}


def under(place: str, act: str) -> str:
    """Return the place of what is done with, or belongs to, what is at ``place``."""
    return f"{place}/{act}"


def several(items: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": dict(items)}


def nullable(kind: str, **more: Any) -> Schema:
    """Return the schema of a value that may be missing."""
    return {"type": [kind, "null"], **more}


def one_of(values: Sequence[str]) -> Schema:
    """Return the schema of a word."""
    return {"enum": list(values)}
