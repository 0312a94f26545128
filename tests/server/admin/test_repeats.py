"""One key, one act: races, retries, other requests under the same key, and what was refused or broke."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.responses import Response
from tests.server.admin.operators import asking, problem
from tests.server.live import Live, live

from watchword.codec.secrets import Sealer, new_root_key
from watchword.lifecycle.clients.fields import FieldError
from watchword.lifecycle.errors import LifecycleError
from watchword.model.credential import Kind
from watchword.model.request import Peer, Request
from watchword.model.verdict import Principal
from watchword.server.admin.repeats import KEPT, Repeats, UnknownOutcome, key_of
from watchword.server.responses import json_response
from watchword.stores.memory import MemoryStore

PLACE = "/admin/v1/credentials"
NEW = {"kind": "api-key", "subject": "service:billing"}
WHO = Principal("service:ops", "api-key", "key_1")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("repeats"), '[admin]\nlimit = ""\n') as running:
        running.service("ops")
        running.service("billing")
        yield running


def keys(server: Live, subject: str) -> int:
    return len(server.do(server.watchword.lifecycle.page(kind=Kind.API_KEY, subject=subject, limit=500)))


# --- over HTTP --------------------------------------------------------------------------------------------------------


def test_a_hundred_at_once_with_one_key_make_one_credential(server: Live) -> None:
    server.service("race")
    body = {**NEW, "subject": "service:race"}
    with asking(server, "admin:credentials:write") as http, ThreadPoolExecutor(20) as threads:
        given = {"headers": {"idempotency-key": '"race-1"'}, "json": body}
        answers = list(threads.map(lambda _: http.post(PLACE, **given), range(100)))
    assert {each.status_code for each in answers} <= {201, 409}
    made = [each.json() for each in answers if each.status_code == 201]
    assert made
    assert len({each["secret"] for each in made}) == 1
    assert keys(server, "service:race") == 1


@pytest.mark.postgres
def test_at_two_nodes_one_key_is_one_key(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> None:
    settings, root = f'[admin]\nlimit = ""\n[store]\nurl = "{postgres_url}"\n', new_root_key()
    with (
        live(tmp_path_factory.mktemp("a"), settings, root_key=root) as first,
        live(tmp_path_factory.mktemp("b"), settings, root_key=root) as second,
    ):
        first.service("ops")
        first.service("race")
        body = {**NEW, "subject": "service:race"}
        with asking(first, "admin:credentials:write") as here, second.client(verify=False) as there:
            there.headers["authorization"] = here.headers["authorization"]
            given = {"headers": {"idempotency-key": "race-2"}, "json": body}
            with ThreadPoolExecutor(8) as threads:
                answers = list(threads.map(lambda n: (here, there)[n % 2].post(PLACE, **given), range(24)))
            again = [each.post(PLACE, **given) for each in (here, there)]
        assert {each.status_code for each in answers} <= {201, 409}
        secrets = {each.json()["secret"] for each in [*answers, *again] if each.status_code == 201}
        assert [each.headers["idempotency-replayed"] for each in again] == ["true", "true"]
        assert (len(secrets), keys(first, "service:race")) == (1, 1)


def test_the_answer_comes_again_with_its_secret_and_says_so(server: Live) -> None:
    with asking(server, "admin:credentials:write") as http, asking(server, "admin:credentials:write") as other:
        given: Any = {"headers": {"idempotency-key": "again"}, "json": NEW}
        first, second = http.post(PLACE, **given), http.post(PLACE, **given)
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json() == second.json()
        for name in ("location", "etag", "content-type", "cache-control"):
            assert first.headers[name] == second.headers[name]
        assert ("idempotency-replayed" in first.headers, second.headers["idempotency-replayed"]) == (False, "true")
        assert other.post(PLACE, **given).json()["id"] != first.json()["id"]  # another credential's keys are its own
        changed = http.post(PLACE, headers=given["headers"], json={**NEW, "scopes": ["a"]})
        assert problem(changed) == (422, "invalid_fields")
        assert changed.json()["errors"][0]["field"] == "Idempotency-Key"
        elsewhere = http.post(f"{PLACE}/{first.json()['id']}/rotate", headers=given["headers"], json=NEW)
        assert problem(elsewhere)[0] == 422


def test_what_was_refused_may_be_put_right(server: Live) -> None:
    with asking(server, "admin:credentials:write") as http:
        headers = {"idempotency-key": "put-right"}
        assert problem(http.post(PLACE, headers=headers, json={**NEW, "limit": "x"}))[0] == 422
        assert problem(http.post(PLACE, headers=headers, json={**NEW, "scopes": ["admin:keys:write"]}))[0] == 403
        assert http.post(PLACE, headers=headers, json=NEW).status_code == 201


def test_what_is_kept_is_sealed(server: Live) -> None:
    with asking(server, "admin:credentials:write") as http:
        made = http.post(PLACE, headers={"idempotency-key": "sealed"}, json=NEW).json()
    folder = server.config.parent
    files = [each for each in folder.rglob("*") if each.is_file()]
    assert len(files) > 2
    for file in files:
        assert made["secret"].encode() not in file.read_bytes(), file


# --- alone ------------------------------------------------------------------------------------------------------------


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Desk:
    def __init__(self) -> None:
        self.clock = Time()
        self.store = MemoryStore(clock=self.clock)
        self.repeats = Repeats(self.store, Sealer(new_root_key()), self.clock)
        self.done = 0

    async def act(self) -> Response:
        self.done += 1
        return json_response(201, {"number": self.done})

    async def ask(self, key: str = "k", act: Any = None, **more: Any) -> Response:
        return await self.repeats.answer(request(key.encode(), **more), WHO, act or self.act)


def request(key: bytes | None, *, body: bytes = b"{}", path: bytes = b"/x", method: str = "POST") -> Request:
    headers = [] if key is None else [(b"idempotency-key", key)]
    return Request(method, path, b"", headers, Peer(), body)


@pytest.mark.parametrize(
    ("said", "key"),
    [
        (b'"8e03978e-40d5-43e8-bc93-6894a57f9324"', "8e03978e-40d5-43e8-bc93-6894a57f9324"),
        (b"8e03978e-40d5-43e8-bc93-6894a57f9324", "8e03978e-40d5-43e8-bc93-6894a57f9324"),
        (b'"' + b"k" * 255 + b'"', "k" * 255),
    ],
    ids=["string", "bare", "longest"],
)
def test_a_key_is_a_string_of_structured_fields_or_the_same_bare(said: bytes, key: str) -> None:
    assert key_of(request(said)) == key


@pytest.mark.parametrize(
    "said",
    [b"", b'""', b"a b", b'"a', b'a"', b'"a";p=1', b"a,b", b"a;b", "ä".encode(), b'"a\\"b"', b"k" * 256],
    ids=repr,
)
def test_what_is_no_key_is_refused(said: bytes) -> None:
    with pytest.raises(FieldError):
        key_of(request(said))


def test_two_keys_are_none() -> None:
    two = Request("POST", b"/x", b"", [(b"idempotency-key", b"a"), (b"idempotency-key", b"b")], Peer(), b"")
    with pytest.raises(FieldError):
        key_of(two)


def test_without_a_key_everything_happens() -> None:
    async def test() -> None:
        desk = Desk()
        for _ in range(3):
            await desk.repeats.answer(request(None), WHO, desk.act)
        assert desk.done == 3

    asyncio.run(test())


def test_method_path_and_content_make_another_request() -> None:
    async def test() -> None:
        desk = Desk()
        await desk.ask()
        for more in ({"body": b"[]"}, {"path": b"/y"}, {"method": "PATCH"}):
            with pytest.raises(FieldError, match="another request"):
                await desk.ask(**more)
        assert desk.done == 1

    asyncio.run(test())


def test_while_the_first_is_under_way_the_others_wait() -> None:
    async def test() -> None:
        desk, go = Desk(), asyncio.Event()

        async def slow() -> Response:
            await go.wait()
            return await desk.act()

        first = asyncio.create_task(desk.ask(act=slow))
        await asyncio.sleep(0)
        with pytest.raises(UnknownOutcome):
            await desk.ask()
        go.set()
        assert json.loads(bytes((await first).body)) == json.loads(bytes((await desk.ask()).body)) == {"number": 1}

    asyncio.run(test())


def test_what_broke_is_never_done_a_second_time() -> None:
    """A commit that was not answered may have taken place: the key stays taken, also after the claim has ended."""

    async def test() -> None:
        desk = Desk()

        async def breaking() -> Response:
            await desk.act()
            raise OSError("gone")

        with pytest.raises(OSError):
            await desk.ask(act=breaking)
        for later in (0, 700, KEPT - 800):
            desk.clock.now += later
            with pytest.raises(UnknownOutcome):
                await desk.ask()
        assert desk.done == 1

    asyncio.run(test())


def test_a_refusal_gives_the_key_back_as_often_as_it_takes() -> None:
    async def test() -> None:
        desk = Desk()

        async def refusing() -> Response:
            raise LifecycleError("no")

        async def denying() -> Response:
            return Response(status_code=403)

        for _ in range(3):
            with pytest.raises(LifecycleError):
                await desk.ask(act=refusing)
            assert (await desk.ask(act=denying)).status_code == 403
        assert (await desk.ask()).status_code == 201
        assert desk.done == 1

    asyncio.run(test())


def test_after_a_day_the_key_is_new() -> None:
    async def test() -> None:
        desk = Desk()
        await desk.ask()
        desk.clock.now += KEPT + 1
        await desk.ask()
        assert desk.done == 2

    asyncio.run(test())


def test_under_another_root_key_nothing_is_done_again() -> None:
    async def test() -> None:
        desk = Desk()
        await desk.ask()
        other = Repeats(desk.store, Sealer(new_root_key()), desk.clock)
        with pytest.raises(UnknownOutcome):
            await other.answer(request(b"k"), WHO, desk.act)
        assert desk.done == 1

    asyncio.run(test())
