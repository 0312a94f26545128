"""What an operation is, is said once; a version may be named in several ways."""

from __future__ import annotations

from typing import Any

import pytest

from watchword.model.request import Peer, Request
from watchword.model.verdict import Principal
from watchword.server.admin.operation import Asked, Operation, nullable, one_of, reference, several


async def nothing(asked: Asked) -> Any:
    return None


def test_paths_are_written_as_the_document_has_them() -> None:
    operation = Operation("GET", "/a/{id:path}/b/{other}", "admin:a:read", "Look", nothing)
    assert (operation.place, operation.parameters) == ("/a/{id}/b/{other}", ["id", "other"])


@pytest.mark.parametrize(
    ("said", "means"),
    [
        (None, True),
        (b"*", True),
        (b'"key_1.2"', True),
        (b'W/"key_1.2"', True),
        (b'"x", "key_1.2"', True),
        (b"key_1.2", True),
        (b'"key_1.3"', False),
        (b"", False),
        (b'""', False),
    ],
)
def test_a_version_is_meant(said: bytes | None, means: bool) -> None:
    headers = [] if said is None else [(b"if-match", said)]
    request = Request("POST", b"/", b"", headers, Peer())
    asked = Asked(None, request, Principal("service:a", "api-key", "key_1"), {})  # type: ignore[arg-type]
    assert asked.means("key_1.2") is means


def test_schemas() -> None:
    assert reference("A") == {"$ref": "#/components/schemas/A"}
    assert several({"type": "string"}) == {"type": "array", "items": {"type": "string"}}
    assert nullable("string", examples=["a"]) == {"type": ["string", "null"], "examples": ["a"]}
    assert one_of(("a", "b")) == {"enum": ["a", "b"]}
