"""The document says what there is: every path, every field, and answers are as it says."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tests.server.live import Live, live

from watchword.app import Watchword
from watchword.lifecycle.clients.fields import FIELDS
from watchword.lifecycle.operations.rights import ALL_RIGHTS
from watchword.model.credential import Kind
from watchword.model.records import Subject, Swap
from watchword.server.admin.endpoints import admin_endpoints, admin_parts
from watchword.server.admin.parts.clients import CLIENT
from watchword.server.config.settings import Settings


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("openapi"), '[admin]\naccept = "api-key | jwt & mtls"\n') as running:
        running.service("ops")
        yield running


@pytest.fixture(scope="module")
def document(server: Live) -> Any:
    with server.client() as http:
        answer = http.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def _validator(document: Any, name: str) -> Draft202012Validator:
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return Draft202012Validator(schema)


def test_every_field_has_its_schema() -> None:
    assert CLIENT.keys() == FIELDS.keys()


def test_every_operation_is_there_and_says_who_may(server: Live, document: Any) -> None:
    assert document["openapi"] == "3.1.0"
    names = [operation["operationId"] for each in document["paths"].values() for operation in each.values()]
    assert len(names) == len(set(names))
    with server.client() as http:
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                answer = http.request(method, re.sub(r"\{\w+\}", "x", path))
                assert answer.status_code == 401, (method, path)
                assert {"400", "401", "403", "429", "503"} <= operation["responses"].keys()
                assert [sorted(each) for each in operation["security"]] == [["api-key"], ["jwt", "mtls"]]
    assert document["components"]["securitySchemes"].keys() == {"api-key", "jwt", "mtls"}


def test_every_scope_is_a_right_and_every_right_is_good_for_something(document: Any) -> None:
    asked = set()
    for part in admin_parts(Watchword(), Settings()):
        asked |= {operation.scope for operation in part.operations()}
    assert asked <= ALL_RIGHTS


def test_every_place_is_in_the_reference() -> None:
    reference = Path(__file__).parents[3] / "docs" / "reference" / "http.md"
    words = {word for span in re.findall(r"`([^`\n]+)`", reference.read_text()) for word in span.split()}
    places = {operation.place for part in admin_parts(Watchword(), Settings()) for operation in part.operations()}
    assert sorted(places - words) == []


def test_every_endpoint_is_described(document: Any) -> None:
    for route in admin_endpoints(Watchword(), Settings()):
        place = re.sub(r":path\}", "}", route.path)
        if place != "/openapi.json":
            methods = {method.lower() for method in route.methods or ()} - {"head"}
            assert methods <= document["paths"][place].keys(), place


def test_references_lead_somewhere(document: Any) -> None:
    def walk(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            if "$ref" in value:
                yield value["$ref"]
            for inner in value.values():
                yield from walk(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from walk(inner)

    for reference in walk(document):
        assert reference.removeprefix("#/components/schemas/") in document["components"]["schemas"], reference


def test_answers_are_as_the_document_says(server: Live, document: Any) -> None:
    key = server.issue(Kind.API_KEY, "service:ops", scopes=["admin:clients:read", "admin:clients:write"])
    with server.client(headers={"authorization": f"Bearer {key.material['secret']}"}) as http:
        body = {"subject": "service:shop", "redirect_uris": ["https://shop.example/cb"], "limit": "5/min"}
        _validator(document, "NewClient").validate(body)
        added = http.post("/admin/v1/clients", json=body).json()
        _validator(document, "ClientWithSecret").validate(added)
        _validator(document, "Client").validate(http.get(f"/admin/v1/clients/{added['client_id']}").json())
        _validator(document, "Clients").validate(http.get("/admin/v1/clients").json())
        refused = http.post("/admin/v1/clients", json={}).json()
        _validator(document, "WatchwordProblem").validate(refused)
    assert not _validator(document, "NewClient").is_valid({})
    assert not _validator(document, "ClientFields").is_valid({"anything": 1})


FEW = 3
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "unsupported_method",
    "ignored_auth",
)


def untouchable(server: Live, *keys: str) -> None:
    """Let no act change these records: schemathesis takes ids from lists, and would revoke what it asks with."""
    store: Any = server.watchword.store
    write = store.write

    async def guarded(*changes: Any) -> bool:
        named = [each.new for each in changes if isinstance(each, Swap)]
        held = {each.name if isinstance(each, Subject) else each.id for each in named}
        return False if held & set(keys) else await write(*changes)

    store.write = guarded


def probed(folder: Path, *, examples: int, timeout: float) -> subprocess.CompletedProcess[str]:
    """Have schemathesis try the whole document with a credential that may do everything."""
    with live(folder, '[limits]\naddress = "1000000/min"\n[admin]\nlimit = ""\n') as server:
        server.service("ops")
        key = server.issue(Kind.API_KEY, "service:ops", scopes=ALL_RIGHTS)
        untouchable(server, key.credential.id, "service:ops")
        secret = key.material["secret"]
        program = [str(Path(sys.executable).with_name("schemathesis")), "--no-color", "run"]
        phases = "examples,coverage,fuzzing" if examples > FEW else "examples,fuzzing"
        bounds = ["--generation-deterministic", "--max-examples", str(examples), "--phases", phases]
        return subprocess.run(
            [
                *program,
                f"{server.url}/openapi.json",
                *("--url", server.url, "--header", f"Authorization: Bearer {secret}"),
                *bounds,
                *("--checks", ",".join(CHECKS)),
            ],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=timeout,
        )


@pytest.mark.processes
def test_schemathesis_finds_no_answer_that_is_broken_or_not_described(tmp_path: Path, document: Any) -> None:
    found = probed(tmp_path, examples=FEW, timeout=100)
    assert found.returncode == 0, found.stdout[-4_000:] + found.stderr[-1_000:]
    assert f"Tested: {sum(map(len, document['paths'].values()))}" in found.stdout


@pytest.mark.soak
@pytest.mark.processes
@pytest.mark.timeout(1300)
def test_schemathesis_finds_nothing_in_many_examples_either(tmp_path: Path) -> None:
    found = probed(tmp_path, examples=100, timeout=1200)
    assert found.returncode == 0, found.stdout[-4_000:] + found.stderr[-1_000:]


STRANGE = ("%00", "a%00b", "%ED%A0%80", "%FF", "\u00e4", "%F4%8F%BF%BF", "9" * 400)


@pytest.mark.postgres
def test_what_no_database_can_hold_breaks_nothing(tmp_path: Path, postgres_url: str, document: Any) -> None:
    """PostgreSQL holds no NUL: each parameter and each field of each operation, on the store that minds."""
    broken = []
    settings = f'[store]\nurl = "{postgres_url}"\n[admin]\nlimit = ""\n[limits]\naddress = "1000000/min"\n'
    with live(tmp_path, settings) as server, operator_of(server) as http:
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                for place, more in strange_requests(document, path, operation):
                    answer = http.request(method, place, **more)
                    if answer.status_code >= 500:
                        broken.append((method, place, more, answer.status_code))
    assert broken == []


def operator_of(server: Live) -> Any:
    server.service("ops")
    key = server.issue(Kind.API_KEY, "service:ops", scopes=ALL_RIGHTS)
    untouchable(server, key.credential.id, "service:ops")
    return server.client(headers={"authorization": f"Bearer {key.material['secret']}"}, verify=False)


def strange_requests(document: Any, path: str, operation: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the places and contents of one operation that hold something strange, one thing at a time."""
    plain = re.sub(r"\{\w+\}", "x", path)
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {}).get("$ref")
    fields = document["components"]["schemas"][body.rpartition("/")[2]]["properties"] if body else {}
    for text in STRANGE:
        if plain != path:
            yield re.sub(r"\{\w+\}", text, path), {"json": {}} if body else {}
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "query":
                yield f"{plain}?{parameter['name']}={text}", {"json": {}} if body else {}
    for name in fields:
        for value in ("a\0b", ["a\0b"], {"a\0b": "a\0b"}, 2**70, -1):
            yield plain, {"json": {name: value}}
