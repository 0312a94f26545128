"""The audit: what an event says, what it never says, and that none is lost."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.house import House, asking, bearing, played
from watchword.audit import Audit, redact
from watchword.audit.acts import Noted
from watchword.audit.noting import _FIELDS, _KNOWN
from watchword.codec.secrets import new_secret
from watchword.model.ports import Unavailable
from watchword.model.reason import BROKEN, EXPIRED
from watchword.model.request import Peer, Request
from watchword.model.usage import Observed, Tally
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


@given(st.lists(st.tuples(st.integers(1000, 1030), st.sampled_from("ab"), st.integers(1, 3)), min_size=1, max_size=30))
def test_many_proofs_of_one_caller_are_one_act_with_all_its_times(done: list[tuple[int, str, int]]) -> None:
    store = MemoryStore()
    audit = Audit(store, store)
    seen: list[Observed] = []

    async def watch(observed: Observed) -> None:
        seen.append(observed)

    audit.observers.append(watch)
    for at, name, place in done:  # each a principal of its own, as tokens are; the clock may step back
        who = Principal(f"user:{name}", "jwt", f"fam_{name}", claims={"jti": str(at)})
        audit.note(float(at), Request("GET", b"/x", b"", [], Peer(f"10.0.{place}.1")), who)
    assert run_sync(audit.flush()) == len(done)
    events = [event for _, event in run_sync(store.events())]
    assert [(event.at, event.subject, event.address) for event in events] == [
        (float(at), f"user:{name}", f"10.0.{place}.1") for at, name, place in done
    ]
    spans: dict[tuple[str, str], list[int]] = {}
    for at, name, place in done:
        spans.setdefault((f"fam_{name}", f"10.0.{place}.0/24"), []).append(at)
    told = {(each.credential, each.network): (each.first_at, each.last_at) for each in seen[0].fresh}
    assert told == {key: (min(times), max(times)) for key, times in spans.items()}


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


def test_the_very_last_use_is_told_though_nothing_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody revokes what nobody uses any more: a use that came soon after one that was told must not be missing."""
    told: list[dict[str, int]] = []
    now = [50.0]
    monkeypatch.setattr("watchword.audit.noting.time.monotonic", lambda: now[0])

    class Records:
        broken = False

        async def used(self, used: Any) -> None:
            if self.broken:
                raise Unavailable("full")
            told.append(dict(used))

    audit, records = Audit(MemoryStore(), Records()), Records  # type: ignore[arg-type]
    for at in (100.0, 103.0, 105.0):
        audit.note(at, asking(), WHO._replace(credential="key_1"))
        run_sync(audit.flush())
    now[0] = 59.0
    assert run_sync(audit.flush()) == 0
    assert told == [{"key_1": 100}]
    now[0], records.broken = 60.0, True
    with pytest.raises(Unavailable):
        run_sync(audit.flush())
    records.broken = False
    for _ in range(3):
        run_sync(audit.flush())
    assert told == [{"key_1": 100}, {"key_1": 105}]
    audit.note(109.0, asking(), WHO._replace(credential="key_1"))
    run_sync(audit.settle())
    assert told[2:] == [{"key_1": 109}]


def test_a_last_use_that_could_not_be_written_waits() -> None:
    told: list[dict[str, int]] = []

    class Records:
        broken = True

        async def used(self, used: Any) -> None:
            if self.broken:
                raise Unavailable("full")
            told.append(dict(used))

    records = Records()
    audit = Audit(MemoryStore(), records)  # type: ignore[arg-type]
    audit.note(100.0, asking(), WHO._replace(credential="key_1"))
    with pytest.raises(Unavailable):
        run_sync(audit.flush())
    records.broken = False
    run_sync(audit.settle())
    assert told == [{"key_1": 100}]


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
    for number in range(16_000):
        audit.note(float(number), asking(), None)
    assert not hurried.is_set()
    audit.note(16_000.0, asking(), None)
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
    waiting = [each for each in audit._pending if isinstance(each, Noted)]
    assert len(waiting) == 50
    assert sum(len(each.path) + len(each.method) for each in waiting) < 50 * 2200


@pytest.mark.parametrize(
    "text", ["eyJ" * 20_000, "eyJa.b" * 10_000, "://" + "a:" * 30_000, "://a:" * 12_000, "rt_" * 20_000]
)
def test_no_text_makes_redacting_slow(text: str) -> None:
    begun = time.process_time()
    redact(text)
    redact("%25" + text)
    assert time.process_time() - begun < 0.25


class Counting:
    """Keep what the log was given."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.observed: list[Observed] = []

    async def append(self, events: Any, observed: Any = None) -> None:
        self.observed.append(observed)
        await self.store.append(events, observed)


def minutes(store: MemoryStore, **asked: Any) -> list[Tally]:
    return run_sync(store.usage.tallies(grain=60, since=0, until=2**40, limit=100_000, **asked))


def test_each_minute_each_credential_and_each_end_is_counted_apart() -> None:
    store = MemoryStore()
    audit = Audit(store, store)
    key = Principal("service:billing", "api-key", "key_1")
    for at in (59.9, 60.0, 60.5, 119.9, 120.0):
        audit.note(at, asking(path=b"/orders/%d" % int(at)), key)
    audit.note(60.0, asking(), Rejection(EXPIRED, scheme="api-key", credential="key_1"), "r1")
    audit.note(60.0, asking(), Rejection(EXPIRED, scheme="api-key", credential="key_1"), "r2")
    run_sync(audit.flush())
    one = Tally(60, "key_1", "service:billing", "api-key", "GET /orders/{…}", "192.0.2.0/24", "accepted", "", 3)
    refused = Tally(60, "key_1", "", "api-key", "GET /orders", "192.0.2.0/24", "refused", "expired", 2)
    assert minutes(store) == [one._replace(start=0, decisions=1), refused, one, one._replace(start=120, decisions=1)]
    points = run_sync(store.usage.traffic(grain=86400, since=0, until=2**40))
    assert [(each.verdict, each.decisions) for each in points] == [("accepted", 5), ("refused", 2)]


def test_both_proofs_of_a_decision_are_counted_and_the_decision_once() -> None:
    store = MemoryStore()
    audit = Audit(store, store)
    audit.note(60.0, asking(), WHO)
    run_sync(audit.flush())
    assert [(each.credential, each.decisions) for each in minutes(store)] == [("fam_1", 1), ("key_1", 1)]
    assert [each.decisions for each in run_sync(store.usage.traffic(grain=60, since=0, until=120))] == [1]
    assert [each.network for each in run_sync(store.usage.origins("key_1"))] == ["192.0.2.0/24"]


NOTES = st.lists(
    st.tuples(
        st.floats(0, 400),
        st.sampled_from([b"/orders/1", b"/orders/2", b"/whoami"]),
        st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1", ""]),
        st.sampled_from(
            [
                None,
                Principal("service:billing", "api-key", "key_1"),
                Principal("user:alice", "jwt", "fam_1", claims={"jti": "1"}),
                Principal("user:alice", "jwt", "fam_1", claims={"jti": "2"}),
                WHO,
                Rejection(EXPIRED, scheme="jwt", credential="fam_1"),
                Rejection(BROKEN),
            ]
        ),
    ),
    max_size=60,
)


@given(NOTES, st.integers(1, 30), st.sampled_from(["full", "sampled", "refused"]))
def test_counts_are_what_the_log_says(notes: list[Any], every: int, accesses: Any) -> None:
    """Join both: by minute, credential and reason they agree, whatever is sampled, however batches fall."""
    store, whole = MemoryStore(), MemoryStore()
    audit, full = Audit(store, store, accesses=accesses, sample=0.5), Audit(whole, whole)
    for number, (at, path, address, verdict) in enumerate(notes):
        for each in (audit, full):
            each.note(at, asking(path=path, address=address), verdict, "r" if isinstance(verdict, Rejection) else "")
        if number % every == 0:
            run_sync(audit.flush())
    run_sync(audit.flush())
    run_sync(full.flush())
    events = [event for _, event in run_sync(whole.events(limit=1000))]
    said: Counter[Any] = Counter()
    for event in events:
        for credential in event.credential.split("+"):
            said[int(event.at) // 60 * 60, credential, event.outcome, event.reason] += 1
    counted: Counter[Any] = Counter()
    for each in minutes(store):
        counted[each.start, each.credential, each.verdict, each.reason] += each.decisions
    assert counted == said
    points = run_sync(store.usage.traffic(grain=60, since=0, until=1000))
    assert sum(each.decisions for each in points) == len(notes)
    kept = [event for _, event in run_sync(store.events(limit=1000))]
    refused = [event for event in events if event.outcome != "accepted"]
    assert [event for event in kept if event.outcome != "accepted"] == refused
    assert (accesses != "refused") or kept == refused
    assert (accesses != "full") or kept == events


def test_sampled_accesses_are_kept_at_first_and_one_in_so_many_after() -> None:
    store = MemoryStore()
    audit = Audit(store, store, accesses="sampled", sample=0.1)
    for at in range(100):
        audit.note(float(at), asking(), WHO)
        if at % 7 == 0:
            run_sync(audit.flush())
    audit.note(100.0, asking(), Rejection(EXPIRED), "r")
    run_sync(audit.flush())
    assert [event.at for _, event in run_sync(store.events())] == [*map(float, range(0, 100, 10)), 100.0]
    assert run_sync(store.verify_audit()) == []


def test_a_scan_of_many_paths_and_addresses_makes_few_counts() -> None:
    store = MemoryStore()
    audit = Audit(store, store)
    for n in range(5000):
        request = Request(
            "GET", b"/x/" + b"abcdefghij"[n % 10 :] * (1 + n % 3), b"", [], Peer(f"10.{n % 250}.{n // 250}.1")
        )
        audit.note(60.0 + n / 1000, request, Rejection(EXPIRED), f"r{n}")
        if n % 500 == 0:
            run_sync(audit.flush())
    run_sync(audit.flush())
    found = minutes(store)
    assert len(found) <= 100
    assert sum(each.decisions for each in found) == 5000
    assert run_sync(store.usage.origins("")) == []


def test_who_watches_is_told_what_was_in_each_flush_and_loses_nothing_by_breaking() -> None:
    store, told = MemoryStore(), []
    audit = Audit(store, store)

    async def breaks(observed: Observed) -> None:
        raise RuntimeError("a secret")

    async def watches(observed: Observed) -> None:
        told.append(observed)

    audit.observers += [breaks, watches]
    audit.note(60.0, asking(), WHO)
    assert run_sync(audit.flush()) == 1
    audit.note(61.0, asking(), WHO)
    assert run_sync(audit.flush()) == 1
    assert [each.decisions for one in told for each in one.points] == [1, 1]
    assert [[each.credential for each in one.fresh] for one in told] == [["fam_1", "key_1"], []]
    assert len(run_sync(store.events())) == 2


def test_what_watches_is_told_even_where_last_uses_cannot_be_written() -> None:
    class Records:
        async def used(self, used: Any) -> None:
            raise Unavailable("down")

    told: list[Observed] = []

    async def watches(observed: Observed) -> None:
        told.append(observed)

    audit = Audit(MemoryStore(), Records())  # type: ignore[arg-type]
    audit.observers.append(watches)
    audit.note(60.0, asking(), WHO)
    with pytest.raises(Unavailable):
        run_sync(audit.flush())
    assert len(told) == 1
    assert len(audit) == 0


def test_counts_of_a_batch_that_was_not_written_come_once() -> None:
    store = MemoryStore()

    class Log:
        broken = True

        async def append(self, events: Any, observed: Any = None) -> None:
            if self.broken:
                raise Unavailable("full")
            await store.append(events, observed)

    log = Log()
    audit = Audit(log, store, accesses="sampled", sample=0.5)  # type: ignore[arg-type]
    told: list[Observed] = []

    async def watches(observed: Observed) -> None:
        told.append(observed)

    audit.observers.append(watches)
    for at in (60.0, 61.0):
        audit.note(at, asking(), WHO)
        with pytest.raises(Unavailable):
            run_sync(audit.flush())
    assert told == []
    log.broken = False
    run_sync(audit.flush())
    assert [each.decisions for each in minutes(store, credential="key_1")] == [2]
    assert [event.at for _, event in run_sync(store.events())] == [60.0]
    assert [each.first_at for each in run_sync(store.usage.origins("key_1"))] == [60]


def test_a_share_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="share"):
        Audit(MemoryStore(), MemoryStore(), accesses="sampled", sample=2.0)


@played
async def test_decisions_are_counted_by_the_route_that_let_them_in(house: House) -> None:
    value, issued = await house.key()
    house.watchword.audit.name_routes(lambda method, path: "/orders/{id}" if path.startswith("/orders/") else None)
    await house.decide("api-key", bearing(value, path=b"/orders/abc"))
    await house.watchword.audit.flush()
    (found,) = await house.watchword.operations.usage.tallies(
        grain=60, since=0, until=2**40, credential=issued.credential.id
    )
    assert (found.route, found.subject, found.decisions) == ("GET /orders/{id}", "service:billing", 1)


def test_a_store_too_slow_for_a_large_batch_gets_smaller_ones() -> None:
    store, sizes = MemoryStore(), []

    class Log:
        bound = 1500

        async def append(self, events: Any, observed: Any = None) -> None:
            sizes.append(events.count)
            if events.count > self.bound:
                raise Unavailable("it takes too long")
            await store.append(events, observed)

    log = Log()
    audit = Audit(log, store)  # type: ignore[arg-type]
    for number in range(24_000):
        audit.note(float(number), asking(), None)
    for _ in range(40):
        with suppress(Unavailable):
            run_sync(audit.flush())
    assert len(audit) == 0
    assert sizes[:5] == [20_000, 10_000, 5_000, 2_500, 1_250]
    assert [event.at for _, event in run_sync(store.events(limit=40_000))] == [float(n) for n in range(24_000)]
    log.bound = 0
    audit.note(0.0, asking(), None)
    for _ in range(9):
        with pytest.raises(Unavailable):
            run_sync(audit.flush())
    assert audit._most == 500 * _FIELDS


def test_who_comes_after_is_not_taken_for_who_was_there_before() -> None:
    """What is remembered goes by a verdict's identity, which another gets once the verdict is gone."""
    store = MemoryStore()
    audit = Audit(store, store)
    asked = asking()
    for number in range(3 * _KNOWN):
        audit.note(float(number), asked, Principal(f"user:u{number}", "jwt", f"fam_{number}"))
    while run_sync(audit.flush()):
        pass
    found = [event for _, event in run_sync(store.events(limit=100_000))]
    assert [event.subject for event in found] == [f"user:u{number}" for number in range(3 * _KNOWN)]
    assert len(audit._known) <= _KNOWN


def test_what_is_remembered_for_long_is_short() -> None:
    audit = Audit(MemoryStore(), MemoryStore())
    for path in (b"/" + b"x" * 255, b"/" + b"x" * 256):
        audit.note(1.0, asking(path=path), WHO)
        audit.note(2.0, asking(path=path), WHO)
    assert [len(path) for _, _, path, _ in audit._known] == [256]


@pytest.mark.parametrize("acts", [8, 9, 256, 257])
def test_as_many_acts_as_a_batch_has_are_told_apart(acts: int) -> None:
    store = MemoryStore()
    audit = Audit(store, store)
    done = [*range(acts), *reversed(range(acts)), 0]
    for at, number in enumerate(done):
        audit.note(float(at), asking(path=b"/%d" % number), WHO)
    assert run_sync(audit.flush()) == len(done)
    assert [event.path for _, event in run_sync(store.events(limit=1000))] == [f"/{number}" for number in done]
