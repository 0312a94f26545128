"""The audit: what an event says, what it never says, and that none is lost."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.house import asking
from watchword.audit import Audit, redact
from watchword.codec.secrets import new_secret
from watchword.model.ports import Unavailable
from watchword.model.reason import BROKEN, EXPIRED
from watchword.model.request import Peer, Request
from watchword.model.verdict import Principal, Rejection
from watchword.stores.memory import MemoryStore
from watchword.sync import run_sync

WHO = Principal("user:alice", "jwt via api-key", "fam_1+key_1", actor="service:app")


def written(*notes: Any) -> list[Any]:
    store = MemoryStore()
    audit = Audit(store, store)
    for note in notes:
        audit.note(*note)
    assert run_sync(audit.flush()) == len(notes)
    return [event for _, event in run_sync(store.events())]


def test_an_event_says_who_did_what_from_where() -> None:
    (event,) = written((5.5, asking(method="POST", path=b"/x/%7e", query=b"q=1"), WHO))
    assert event.at == 5.5
    assert (event.action, event.outcome, event.reason, event.reference) == ("decide", "accepted", "", "")
    assert (event.scheme, event.credential) == ("jwt via api-key", "fam_1+key_1")
    assert (event.subject, event.actor) == ("user:alice", "service:app")
    assert (event.method, event.path, event.address) == ("POST", "/x/%7e", "192.0.2.1")


def test_refused_broken_and_public_are_told_apart() -> None:
    refused = Rejection(EXPIRED, "since noon", scheme="api-key", credential="key_1")
    events = written((1.0, asking(), refused, "r1"), (2.0, asking(), Rejection(BROKEN), "r2"), (3.0, asking(), None))
    assert [(e.outcome, e.reason, e.reference) for e in events] == [
        ("refused", "expired", "r1"),
        ("broken", "broken", "r2"),
        ("accepted", "public", ""),
    ]
    assert (events[0].scheme, events[0].credential, events[0].detail) == ("api-key", "key_1", "since noon")


def test_what_callers_choose_is_cut_and_cannot_forge_a_line() -> None:
    request = Request("M" * 500, b"/\n\r\"',\xff\x00" + b"x" * 5000, b"", [], Peer("192.0.2.1"))
    (event, other) = written((1.0, request, Rejection(EXPIRED, "d" * 5000)), (2.0, asking(), None))
    assert len(event.method) == 32
    assert len(event.path) == 512
    assert len(event.detail) == 256
    assert other.at == 2.0


SECRETS = [
    *(
        new_secret(prefix)
        for prefix in ("ak_live_", "ak_test_", "hs_live_", "hs_test_", "ws_", "cs_live_", "lk_", "ac_")
    ),
    f"rt_0123456789abcdefghij.{new_secret('')}.3.{new_secret('')}",
    "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ1c2VyOmFsaWNlIn0.c2lnbmF0dXJl",
    "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c2VyOmFsaWNlIn0.",
]


@pytest.mark.parametrize("secret", SECRETS, ids=lambda each: each.partition("_")[0])
def test_secrets_are_redacted_wherever_they_stand(secret: str) -> None:
    for text in (secret, f"/a/{secret}", f"/a/{secret}/b", f"x={secret}&y", f'"{secret}"', f"a{secret}b"):
        assert secret not in redact(text)
    encoded = "".join(f"%{byte:02X}" for byte in secret.encode())
    twice = encoded.replace("%", "%25")
    half = secret.replace("_", "%5f").replace(".", "%2E")
    paths = [secret, encoded, twice, half, "a/" + half]
    events = written(*((1.0, asking(path=b"/" + path.encode()), None) for path in paths))
    shown = " ".join(event.path for event in events)
    assert [text for text in (secret, encoded, twice, half) if text in shown] == []
    (event,) = written((1.0, Request(secret, b"/", b"", [], Peer()), Rejection(EXPIRED, f"was {secret}")))
    assert secret[10:] not in f"{event.method}{event.detail}"
    for who in (WHO, None):
        (event,) = written((1.0, Request(secret, b"/", b"", [], Peer()), who))
        assert secret[10:32] not in event.method or secret.startswith("eyJ")  # a head alone proves nobody


def test_public_ids_are_not_redacted() -> None:
    for id in ("key_0123456789abcdefghij", "hk_live_0123456789abcdefghij", "fam_0123456789abcdefghij", "ses_01234"):
        assert redact(id) == id


@given(st.binary(max_size=300), st.text(max_size=50), st.text(max_size=100))
def test_any_path_method_and_detail_can_be_written(path: bytes, method: str, detail: str) -> None:
    (event,) = written((1.0, Request(method, path, b"", [], Peer()), Rejection(EXPIRED, detail)))
    assert event.reason == "expired"


def test_last_uses_name_each_proof_of_a_conjunction() -> None:
    store, seen = MemoryStore(), {}

    class Records:
        async def used(self, used: Any) -> None:
            seen.update(used)

    audit = Audit(store, Records())  # type: ignore[arg-type]
    audit.note(5.9, asking(), WHO)
    audit.note(7.9, asking(), Principal("user:bob", "api-key", "key_2"))
    audit.note(8.9, asking(), Rejection(EXPIRED, credential="key_3"))
    audit.note(9.9, asking(), None)
    run_sync(audit.flush())
    assert seen == {"fam_1": 5, "key_1": 5, "key_2": 7}


def test_the_last_use_is_the_latest_whatever_it_was_part_of() -> None:
    seen: dict[str, int] = {}

    class Records:
        async def used(self, used: Any) -> None:
            seen.update(used)

    audit = Audit(MemoryStore(), Records())  # type: ignore[arg-type]
    alone, both = Principal("user:a", "api-key", "key_1"), Principal("user:a", "api-key & mtls", "key_1+crt_1")
    for at, who in ((1.0, alone), (5.0, both), (9.0, alone)):
        audit.note(at, asking(), who)
    run_sync(audit.flush())
    assert seen == {"key_1": 9, "crt_1": 5}


def test_a_last_use_is_told_again_only_when_it_is_some_seconds_later() -> None:
    told: list[dict[str, int]] = []

    class Records:
        async def used(self, used: Any) -> None:
            told.append(dict(used))

    audit = Audit(MemoryStore(), Records())  # type: ignore[arg-type]
    for at in (100.0, 105.0, 110.0, 119.0, 121.0):
        audit.note(at, asking(), WHO._replace(credential="key_1"))
        run_sync(audit.flush())
    assert told == [{"key_1": 100}, {"key_1": 110}, {"key_1": 121}]


def test_a_log_that_fails_loses_nothing_and_repeats_nothing() -> None:
    store = MemoryStore()

    class Log:
        broken = True

        async def append(self, events: Any, observed: Any = None) -> None:
            if self.broken:
                raise Unavailable("full")
            await store.append(events)

    log = Log()
    audit = Audit(log, store)  # type: ignore[arg-type]
    for number in range(5):
        audit.note(float(number), asking(), None)
    for _ in range(3):
        with pytest.raises(Unavailable):
            run_sync(audit.flush())
    audit.note(5.0, asking(), None)
    log.broken = False
    assert run_sync(audit.flush()) == 6
    assert run_sync(audit.flush()) == 0
    assert [event.at for _, event in run_sync(store.events())] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_what_is_noted_while_a_batch_is_written_waits_for_the_next() -> None:
    store = MemoryStore()

    class Log:
        async def append(self, events: Any, observed: Any = None) -> None:
            audit.note(2.0, asking(), None)
            await asyncio.sleep(0)
            audit.note(3.0, asking(), None)
            await store.append(events)

    audit = Audit(Log(), store)  # type: ignore[arg-type]
    audit.note(1.0, asking(), None)
    asyncio.run(audit.flush())
    assert len(audit) == 2


def test_capacity_is_where_it_stops_and_room_is_where_it_goes_on() -> None:
    store = MemoryStore()
    audit = Audit(store, store, capacity=2)
    audit.note(1.0, asking(), None)
    audit.note(2.0, asking(), None)
    with pytest.raises(Unavailable):
        audit.note(3.0, asking(), None)
    run_sync(audit.flush())
    audit.note(4.0, asking(), None)
    assert len(audit) == 1


def test_a_full_batch_asks_for_a_flush_before_its_time() -> None:
    store, hurried = MemoryStore(), threading.Event()
    audit = Audit(store, store)
    audit.hurry = hurried.set
    for number in range(8000):
        audit.note(float(number), asking(), None)
    assert not hurried.is_set()
    audit.note(8000.0, asking(), None)
    assert hurried.is_set()


def test_notes_of_one_thread_and_flushes_of_another_lose_nothing() -> None:
    store = MemoryStore()
    audit = Audit(store, store)
    done = threading.Event()
    written_: list[int] = []

    def flush() -> None:
        while not done.is_set():
            written_.append(run_sync(audit.flush()))

    thread = threading.Thread(target=flush)
    thread.start()
    for number in range(20_000):
        audit.note(float(number), asking(), None)
    done.set()
    thread.join()
    while written := run_sync(audit.flush()):
        written_.append(written)
    assert sum(written_) == 20_000
    found = [event.at for _, event in run_sync(store.events(limit=30_000))]
    assert found == [float(number) for number in range(20_000)]


def test_long_paths_and_methods_that_wait_for_the_log_are_kept_in_part_only() -> None:
    audit = Audit(MemoryStore(), MemoryStore())
    for number in range(50):
        audit.note(1.0, Request("M" * 60_000, b"/%d" % number + b"x" * 60_000, b"", [], Peer()), Rejection(EXPIRED))
    assert sum(len(each) for each in audit._pending if isinstance(each, (str, bytes))) < 50 * 2200


@pytest.mark.parametrize(
    "text", ["eyJ" * 20_000, "eyJa.b" * 10_000, "://" + "a:" * 30_000, "://a:" * 12_000, "rt_" * 20_000]
)
def test_no_text_makes_redacting_slow(text: str) -> None:
    begun = time.process_time()
    redact(text)
    redact("%25" + text)
    assert time.process_time() - begun < 0.25
