"""The gate: its order, its three outcomes, and that nothing but a verdict opens it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.house import House, accepted, asking, basic, bearing, house, played, reason, statuses
from watchword.audit import Audit
from watchword.codec.passwords import Overloaded
from watchword.gate import Gate, Route
from watchword.model.credential import Kind
from watchword.model.ports import Unavailable
from watchword.model.reason import BODY_TOO_LARGE, EXPIRED, NO_ROUTE, RATE_LIMITED, WRONG_SECRET
from watchword.model.records import Event, FeedEntry
from watchword.model.request import Request
from watchword.model.verdict import Allow, Challenge, Decision, Deny, Principal, Rate, Rejection, SecurityScheme
from watchword.policy import compile as compile_policy
from watchword.verdicts import FeedWatch, Revocations, Verdicts

ALICE = Principal("user:alice", "fake", "key_1", frozenset({"a"}))


class Log:
    """Keep events, or refuse them."""

    def __init__(self) -> None:
        self.kept: list[Any] = []
        self.used_at: dict[str, int] = {}
        self.broken = False

    async def append(self, events: Any, observed: Any = None) -> None:
        if self.broken:
            raise Unavailable("the disk is full")
        self.kept.append(events)

    async def used(self, seen: Any) -> None:
        self.used_at.update(seen)


class Feed:
    """Answer with nothing new, now or later, or be broken."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.later = False
        self.asked = 0

    def entries(self, after: int) -> Any:
        self.asked += 1
        if self.later:
            return self._later()
        if self.error is not None:
            raise self.error
        return []

    async def _later(self) -> list[FeedEntry]:
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return []


class Scheme:
    """Present itself by ``x-fake`` and answer as it was told."""

    name = "fake"
    needs_body = False

    def __init__(self, answer: Any = ALICE, told: list[str] | None = None) -> None:
        self.answer = answer
        self.told = [] if told is None else told
        self.read_error: Exception | None = None
        self.challenge_error: Exception | None = None

    def read(self, request: Request) -> Any:
        if self.read_error is not None:
            raise self.read_error
        self.told.append("read")
        return request.fields.get(b"x-fake")

    def verify(self, credential: Any, request: Request) -> Any:
        self.told.append("verify")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def challenge(self, rejection: Rejection | None) -> Challenge | None:
        if self.challenge_error is not None:
            raise self.challenge_error
        return Challenge("Fake", (("realm", "r"),))

    def describe(self) -> SecurityScheme:
        return {"type": "http", "scheme": "fake"}


class Guard:
    """Answer as it was told, and say when it was asked."""

    def __init__(self, name: str, told: list[str], answer: Any = ()) -> None:
        self.name, self.told, self.answer = name, told, answer

    def check(self, request: Request, who: Principal | None) -> Any:
        self.told.append(f"{self.name} {who.subject if who else None}")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Failures:
    def __init__(self) -> None:
        self.count = 0
        self.error: Exception | None = None

    def failed(self, request: Request) -> Any:
        if self.error is not None:
            raise self.error
        self.count += 1


class Bench:
    """Hold a gate over fakes."""

    def __init__(self, accept: str = "fake", scheme: Scheme | None = None, **options: Any) -> None:
        self.now = 1_800_000_000.0
        self.told: list[str] = []
        self.log, self.feed, self.failures = Log(), Feed(), Failures()
        self.audit = Audit(self.log, self.log, options.pop("capacity", 100))  # type: ignore[arg-type]
        self.watch = FeedWatch(self.feed, Verdicts(), Revocations(), every=0.1, bound=30.0)
        self.scheme = scheme or Scheme(told=self.told)
        self.scheme.told = self.told
        self.gate = Gate(self.watch, self.audit, failures=self.failures, clock=lambda: self.now, **options)
        self.policy = compile_policy(accept, {"fake": self.scheme})
        self.route = Route(self.policy)

    def guarded(self, before: Any = (), after: Any = (), scopes: tuple[str, ...] = ()) -> Bench:
        self.route = Route(
            self.policy,
            (Guard("before", self.told, before),),
            (Guard("after", self.told, after), Guard("last", self.told)),
            scopes,
        )
        return self

    def decide(self, request: Request | None = None) -> Decision:
        return asyncio.run(self.gate.decide(request or asking((b"x-fake", b"1")), self.route))


async def soon(value: Any) -> Any:
    """Answer later, as a store over a network does."""
    await asyncio.sleep(0)
    if isinstance(value, Exception):
        raise value
    return value


def test_the_steps_come_in_order() -> None:
    bench = Bench().guarded()
    assert accepted(bench.decide()).principal is ALICE
    assert bench.told == ["before None", "read", "verify", "after user:alice", "last user:alice"]


def test_a_guard_before_stops_everything_behind_it() -> None:
    bench = Bench().guarded(before=Rejection(RATE_LIMITED))
    assert reason(bench.decide()) == "rate_limited"
    assert bench.told == ["before None", "read"]  # read for the audit, verified never


def test_a_guard_after_stops_those_behind_it_and_names_whom_it_refused() -> None:
    bench = Bench().guarded(after=Rejection(RATE_LIMITED, headers=((b"retry-after", b"7"),)))
    decision = bench.decide()
    assert reason(decision) == "rate_limited"
    assert isinstance(decision, Deny)
    assert decision.headers == ((b"retry-after", b"7"),)
    assert (decision.rejection.scheme, decision.rejection.credential) == ("fake", "key_1")
    assert "last user:alice" not in bench.told


def test_later_answers_count_like_those_at_once() -> None:
    bench = Bench(scheme=Scheme())
    bench.feed.later = True
    for answer, expected in ((ALICE, None), (Rejection(EXPIRED), "expired")):
        bench.scheme.answer = None

        async def play(answer: Any = answer) -> Decision:
            bench.scheme.answer = soon(answer)
            bench.route = Route(bench.policy, (Guard("before", bench.told, soon(())),))
            return await bench.gate.decide(asking((b"x-fake", b"1")), bench.route)

        decision = asyncio.run(play())
        assert isinstance(decision, Allow) if expected is None else reason(decision) == expected


def test_headers_of_guards_are_collected() -> None:
    bench = Bench().guarded(before=((b"a", b"1"),), after=[(b"b", b"2")])
    assert tuple(accepted(bench.decide()).headers) == ((b"a", b"1"), (b"b", b"2"))


def test_public_lets_in_nobody_in_particular() -> None:
    bench = Bench("fake | public").guarded()
    assert accepted(bench.decide(asking())).principal is None
    assert bench.told[-1] == "last None"
    bench.scheme.answer = Rejection(WRONG_SECRET)
    assert reason(bench.decide()) == "wrong_secret"


class Impostor:
    """Look true."""

    subject, scheme, credential = "user:root", "fake", "key_0"


@dataclass(frozen=True, slots=True)
class OddRejection(Rejection):
    """Be a refusal of another class."""


class OddPrincipal(Principal):
    """Be a principal of another class, whose parts may be computed."""


NO_VERDICTS: list[Any] = [
    None,
    True,
    "user:root",
    Impostor(),
    {},
    0,
    OddPrincipal("user:root", "fake", "key_0"),
    [ALICE],
]


@pytest.mark.parametrize("answer", NO_VERDICTS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("accept", ["fake", "fake | public"])
def test_what_is_no_verdict_opens_nothing(answer: Any, accept: str) -> None:
    bench = Bench(accept)
    bench.scheme.answer = answer
    assert reason(bench.decide()) == "broken"

    async def play() -> Decision:
        bench.scheme.answer = soon(answer)
        return await bench.gate.decide(asking((b"x-fake", b"1")), bench.route)

    assert reason(asyncio.run(play())) == "broken"


@pytest.mark.parametrize("answer", NO_VERDICTS, ids=lambda each: type(each).__name__)
def test_the_gate_itself_fails_closed_whatever_a_policy_answers(answer: Any) -> None:
    bench = Bench()
    for given in (lambda request: answer, lambda request: soon(answer)):
        object.__setattr__(bench.route, "evaluate", given)
        assert reason(bench.decide()) == "broken"


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("place", ["before", "after"])
def test_a_refusal_of_another_class_still_refuses(place: str, later: bool) -> None:
    bench = Bench().guarded(**{place: OddRejection(EXPIRED)})
    if later:
        bench.guarded(**{place: LaterOnce(OddRejection(EXPIRED))})
    assert reason(bench.decide()) == "expired"


class LaterOnce:
    """Be an awaitable that a test can make outside of a loop."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __await__(self) -> Any:
        return soon(self.value).__await__()


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize(
    "answer", [None, False, 0, True, LaterOnce(None), LaterOnce(False)], ids=lambda each: type(each).__name__
)
def test_a_guard_that_forgets_to_answer_lets_nobody_in(place: str, answer: Any) -> None:
    assert reason(Bench().guarded(**{place: answer}).decide()) == "broken"


def boom(text: str = "ak_live_SECRETSECRET") -> list[Exception]:
    return [Unavailable(text), ValueError(text), RecursionError(text), KeyError(text)]


@pytest.mark.parametrize("error", boom(), ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("place", ["verify", "verify later", "read", "before", "after", "challenge", "failures"])
def test_broken_is_503_is_audited_and_says_nothing(
    place: str, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench().guarded()
    match place:
        case "verify":
            bench.scheme.answer = error
        case "verify later":
            bench.scheme.answer = LaterOnce(error)
        case "read":
            bench.scheme.read_error = error
        case "challenge":
            bench.scheme.answer, bench.scheme.challenge_error = Rejection(EXPIRED), error
        case "failures":
            bench.scheme.answer, bench.failures.error = Rejection(EXPIRED), error
        case _:
            bench.guarded(**{place: error})
    with caplog.at_level(logging.DEBUG):
        decision = bench.decide()
    assert isinstance(decision, Deny)
    assert (decision.rejection.reason.code, decision.rejection.reason.status) == ("broken", 503)
    assert decision.challenges == ()
    assert (b"retry-after", b"5") in decision.headers
    assert len(bench.audit) == 1
    assert "SECRET" not in f"{decision!r}{caplog.text}"


def test_too_many_passwords_are_503_for_a_second() -> None:
    bench = Bench()
    bench.scheme.answer = Overloaded(1)
    decision = bench.decide()
    assert reason(decision) == "overloaded"
    assert isinstance(decision, Deny)
    assert decision.headers == ((b"retry-after", b"1"),)


def test_cancelling_is_not_swallowed() -> None:
    bench = Bench()

    async def play() -> None:
        async def forever() -> None:
            await asyncio.sleep(60)

        bench.scheme.answer = forever()
        task = asyncio.ensure_future(bench.gate.decide(asking((b"x-fake", b"1")), bench.route))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(play())
    assert len(bench.audit) == 0


@pytest.mark.parametrize("later", [False, True])
def test_a_feed_outage_is_borne_up_to_its_bound(later: bool) -> None:
    bench = Bench()
    assert isinstance(bench.decide(), Allow)
    bench.feed.error, bench.feed.later = Unavailable("feed"), later
    for age in (1.0, 15.0, 30.0):
        bench.now = 1_800_000_000.0 + age
        assert isinstance(bench.decide(), Allow)
    bench.now += 0.2
    assert reason(bench.decide()) == "broken"
    bench.feed.error = None
    assert isinstance(bench.decide(), Allow)  # and heals by itself


def test_a_feed_never_read_is_not_borne_at_all() -> None:
    bench = Bench()
    bench.feed.error = Unavailable("feed")
    assert reason(bench.decide()) == "broken"


@pytest.mark.parametrize("later", [False, True])
def test_a_clock_that_steps_back_does_not_stretch_the_bound(later: bool) -> None:
    bench = Bench()
    bench.decide()
    bench.feed.error, bench.feed.later = Unavailable("feed"), later
    bench.now -= 3600
    assert isinstance(bench.decide(), Allow)
    bench.now += 31
    assert reason(bench.decide()) == "broken"


def test_a_clock_that_steps_back_reads_the_feed_again() -> None:
    bench = Bench()
    bench.decide()
    asked = bench.feed.asked
    bench.now -= 3600
    bench.decide()
    assert bench.feed.asked == asked + 1


def test_a_feed_that_raises_anything_else_is_not_borne() -> None:
    bench = Bench()
    bench.decide()
    bench.now += 1
    bench.feed.error = ValueError("entry")
    assert reason(bench.decide()) == "broken"


def test_fields_that_came_twice_are_refused_before_all_else() -> None:
    bench = Bench().guarded()
    decision = bench.decide(asking((b"authorization", b"a"), (b"authorization", b"b"), (b"x-fake", b"1")))
    assert reason(decision) == "duplicate_field"
    assert isinstance(decision, Deny)
    assert decision.rejection.detail == "authorization"
    assert "before None" not in bench.told
    assert isinstance(bench.decide(asking((b"accept", b"a"), (b"accept", b"b"), (b"x-fake", b"1"))), Allow)


def test_only_failed_proofs_count_against_an_address() -> None:
    bench = Bench("fake | public")
    bench.decide()
    bench.decide(asking())
    assert bench.failures.count == 0
    bench.scheme.answer = Rejection(EXPIRED)
    bench.decide()
    bench.decide(asking((b"authorization", b"a"), (b"authorization", b"b")))
    assert bench.failures.count == 2
    strict = Bench()
    strict.decide(asking())  # nothing was presented: nothing was guessed
    strict.scheme.answer = Unavailable("down")
    strict.decide()
    strict.scheme.answer = ALICE
    strict.guarded(after=Rejection(RATE_LIMITED)).decide()
    assert strict.failures.count == 0


def test_when_the_audit_is_full_nobody_is_let_in() -> None:
    bench = Bench(capacity=3)
    bench.log.broken = True
    assert statuses([bench.decide() for _ in range(5)]) == [200, 200, 200, 503, 503]
    with pytest.raises(Unavailable):
        asyncio.run(bench.audit.flush())
    assert len(bench.audit) == 3
    assert reason(bench.gate.refuse(asking(), Rejection(NO_ROUTE))) == "broken"
    bench.log.broken = False
    assert asyncio.run(bench.audit.flush()) == 3
    assert isinstance(bench.decide(), Allow)


def test_what_never_reached_a_policy_is_noted_too() -> None:
    bench = Bench()
    denied = bench.gate.refuse(asking(), Rejection(BODY_TOO_LARGE, headers=((b"x", b"1"),)))
    assert (denied.rejection.reason.status, denied.headers, denied.challenges) == (413, ((b"x", b"1"),), ())
    broken = bench.gate.broken(asking(), ValueError("x"))
    assert broken.rejection.reason.status == 503
    assert len(bench.audit) == 2


def test_references_are_random() -> None:
    bench = Bench()
    bench.scheme.answer = Rejection(EXPIRED)
    references = {decision.reference for _ in range(50) if isinstance(decision := bench.decide(), Deny)}
    assert len(references) == 50
    assert {len(reference) for reference in references} == {16}


def test_a_missing_scope_is_told_to_bearers_only() -> None:
    async def play() -> None:
        async with house() as opened:
            bearer, _ = await opened.key()
            decision = await opened.decide("api-key", bearing(bearer), scopes=("b", "a"))
            assert isinstance(decision, Deny)
            assert decision.challenges == (
                Challenge("Bearer", (("realm", "api"), ("error", "insufficient_scope"), ("scope", "b a"))),
            )
            await opened.issue(Kind.PASSWORD, "user:alice", options={"password": "a long password indeed"})
            alice = bearing(basic("alice", "a long password indeed"))
            denied = await opened.decide("basic", alice, scopes=("a",))
            assert reason(denied) == "insufficient_scope"
            assert isinstance(denied, Deny)
            assert denied.challenges == ()

    asyncio.run(play())


def test_rfc_9728_section_5_1_challenges_name_the_metadata_and_the_scopes() -> None:
    place = "https://api.example.com/.well-known/oauth-protected-resource/orders"

    async def play() -> None:
        async with house() as opened:
            bearer, _ = await opened.key(scopes=("b",))
            demands = {"scopes": ("b", "a"), "resource": "https://api.example.com/orders"}
            route = opened.watchword.route("api-key", **demands)
            more = (("scope", "b a"), ("resource_metadata", place))
            absent = await opened.watchword.gate.decide(asking(), route)
            assert isinstance(absent, Deny)
            assert absent.challenges == (Challenge("Bearer", (("realm", "api"), *more)),)
            invalid = await opened.watchword.gate.decide(bearing(b"Bearer ak_live_nonsense"), route)
            assert isinstance(invalid, Deny)
            assert dict(invalid.challenges[0].parameters) == {"realm": "api", "error": "invalid_token", **dict(more)}
            short = await opened.watchword.gate.decide(bearing(bearer), route)
            assert isinstance(short, Deny)
            said = {"realm": "api", "error": "insufficient_scope", **dict(more)}
            assert dict(short.challenges[0].parameters) == said
            demands = {"factors": ("mfa",), "resource": "https://api.example.com/orders"}
            denied = await opened.decide("api-key", bearing(bearer), **demands)
            assert isinstance(denied, Deny)
            assert dict(denied.challenges[0].parameters)["resource_metadata"] == place

    asyncio.run(play())


@played
async def test_networks_of_the_credential_and_of_the_route(opened: House) -> None:
    bearer, issued = await opened.key(networks=["192.0.2.0/24"])
    assert isinstance(await opened.decide("api-key", bearing(bearer)), Allow)
    elsewhere = await opened.decide("api-key", bearing(bearer, address="198.51.100.7"))
    assert reason(elsewhere) == "network_not_allowed"
    assert isinstance(elsewhere, Deny)
    assert elsewhere.rejection.credential == issued.credential.id
    routed = await opened.decide("api-key", bearing(b"Bearer nothing"), networks=("10.0.0.0/8",))
    assert reason(routed) == "network_not_allowed"  # before anything was looked up
    mapped = await opened.decide("api-key", bearing(bearer, address="::ffff:192.0.2.9"))
    assert isinstance(mapped, Allow)


def test_an_address_that_guesses_is_slowed_down_and_a_busy_one_is_not() -> None:
    async def play() -> None:
        async with house(address_limit="3/min") as opened:
            bearer, _ = await opened.key()
            wrong = bearing(bearer[:-6] + b"000000")
            good = [await opened.decide("api-key", bearing(bearer)) for _ in range(20)]
            assert set(statuses(good)) == {200}
            assert statuses([await opened.decide("api-key", wrong) for _ in range(5)]) == [401, 401, 401, 429, 429]
            assert reason(await opened.decide("api-key", bearing(bearer))) == "address_limited"
            other = await opened.decide("api-key", bearing(bearer, address="192.0.2.2"))
            assert isinstance(other, Allow)

    asyncio.run(play())


@played
async def test_every_decision_is_noted_once_and_joined_by_its_reference(opened: House) -> None:
    bearer, issued = await opened.key()
    decisions = [
        await opened.decide("api-key", bearing(bearer)),
        await opened.decide("api-key", asking()),
        await opened.decide("api-key | public", asking()),
        await opened.decide("api-key", bearing(bearer), networks=("10.0.0.0/8",)),
        await opened.decide("api-key", asking(query=b"access_token=x")),
        opened.watchword.gate.refuse(asking(), Rejection(NO_ROUTE)),
    ]
    events = await opened.decided()
    assert [event.outcome for event in events] == ["accepted", "refused", "accepted", "refused", "refused", "refused"]
    for decision, event in zip(decisions, events, strict=True):
        assert event.reference == (decision.reference if isinstance(decision, Deny) else "")
        assert event.reason == (reason(decision) if isinstance(decision, Deny) else event.reason)
    assert (events[0].credential, events[0].subject) == (issued.credential.id, "service:billing")
    assert events[2].reason == "public"


@played
async def test_secrets_never_reach_the_audit(opened: House) -> None:
    _, issued = await opened.key()
    secret = issued.material["secret"]
    other = secret[:-6] + "000000"
    cookie = (await opened.issue(Kind.SESSION, "user:alice")).material["cookie"]
    token = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJjYW5hcnkifQ.Y2FuYXJ5Y2FuYXJ5"
    canaries = [secret, other, cookie, token, "canary-password"]
    requests = [
        bearing(f"Bearer {secret}".encode()),
        bearing(f"Bearer {other}".encode()),
        bearing(f"Bearer {token}".encode()),
        bearing(basic("alice", "canary-password")),
        asking((b"cookie", f"__Host-session={cookie}; __Host-session={cookie}".encode())),
        *(asking(path=f"/{text}".encode(), query=f"api_key={text}".encode()) for text in canaries[:-1]),
        *(asking(path=b"/" + text.encode().replace(b"_", b"%5F")) for text in canaries[:-1]),
        Request(secret, b"/", b"", [], asking().peer),
    ]
    for request in requests:
        await opened.decide("api-key | jwt | basic | session", request)
    shown = repr(await opened.events())
    assert len(await opened.decided()) == len(requests)
    assert [canary for canary in canaries if canary in shown] == []


@played
async def test_a_credential_in_the_url_is_really_revoked(opened: House) -> None:
    bearer, issued = await opened.key()
    secret = issued.material["secret"].encode()
    assert isinstance(await opened.decide("api-key", bearing(bearer)), Allow)  # remembered
    assert reason(await opened.decide("api-key", asking(query=b"key=" + secret))) == "credential_in_url"
    assert reason(await opened.decide("api-key", bearing(bearer))) == "revoked"
    record = await opened.watchword.lifecycle.show(issued.credential.id)
    assert record.leaked
    assert [event.credential for event in await opened.events() if event.action == "leaked"] == [record.id]


@played
async def test_what_is_in_the_url_is_not_burnt_unless_it_is_whole(opened: House) -> None:
    bearer, issued = await opened.key()
    secret = issued.material["secret"].encode()
    for guess in (secret[:-1], secret[:-6] + b"000000", issued.credential.id.encode()):
        await opened.decide("api-key", asking(query=b"api_key=" + guess))
    assert isinstance(await opened.decide("api-key", bearing(bearer)), Allow)


class Breaking:
    """Stand before a store and break single verbs of it."""

    def __init__(self, watchword: Any, *verbs: str) -> None:
        for verb in verbs:
            setattr(watchword.store, verb, self._fail)

    def _fail(self, *arguments: Any, **more: Any) -> Awaitable[Any]:
        raise Unavailable("the store is down")


@pytest.mark.parametrize(
    ("accept", "kind", "verbs"),
    [
        ("api-key", Kind.API_KEY, ("credential_by",)),
        ("api-key", Kind.API_KEY, ("subject",)),
        ("session", Kind.SESSION, ("credential_by",)),
        ("basic", Kind.PASSWORD, ("subject",)),
        ("basic", Kind.PASSWORD, ("credentials",)),
    ],
)
def test_every_verb_of_the_records_that_fails_is_503(accept: str, kind: Kind, verbs: tuple[str, ...]) -> None:
    async def play() -> None:
        async with house() as opened:
            options = {"password": "a long password indeed"} if kind is Kind.PASSWORD else {}
            issued = await opened.issue(kind, "user:alice", options=options)
            value = {
                "api-key": (b"authorization", b"Bearer " + issued.material.get("secret", "").encode()),
                "session": (b"cookie", b"__Host-session=" + issued.material.get("cookie", "").encode()),
                "basic": (b"authorization", basic("alice", "a long password indeed")),
            }[accept]
            Breaking(opened.watchword, *verbs)
            assert reason(await opened.decide(accept, asking(value))) == "broken"

    asyncio.run(play())


@pytest.mark.parametrize("verb", ["claim"])
def test_a_replay_store_that_fails_is_503(verb: str) -> None:
    from watchword.testing.adapters import Callers

    async def play() -> None:
        async with house() as opened:
            callers = Callers(opened.watchword)
            await callers.issue()
            opened.clock.now = __import__("time").time()
            Breaking(opened.watchword, verb)
            signed = callers.signed("/x", [b"a"])
            decision = await opened.decide("hmac", asking(*signed.headers, method="POST", path=b"/x", body=b"a"))
            assert reason(decision) == "broken"

    asyncio.run(play())


def test_a_meter_that_fails_is_503() -> None:
    async def play() -> None:
        async with house() as opened:
            bearer, _ = await opened.key(limit=Rate(10, 60))

            def fail(*arguments: Any) -> Any:
                raise Unavailable("the meter")

            opened.watchword.meter.admit = fail  # type: ignore[attr-defined]
            route = opened.watchword.route("api-key", limit="5/min")
            assert reason(await opened.watchword.gate.decide(bearing(bearer), route)) == "broken"

    asyncio.run(play())


def test_a_principal_is_never_another_callers() -> None:
    async def play() -> None:
        async with house() as opened:
            keys = [(await opened.key(subject=f"service:s{n}"), f"service:s{n}") for n in range(20)]

            async def call(bearer: bytes, subject: str) -> None:
                for _ in range(20):
                    decision = await opened.decide("api-key | jwt", bearing(bearer))
                    principal = accepted(decision).principal
                    assert principal is not None
                    assert principal.subject == subject
                    await asyncio.sleep(0)

            await asyncio.gather(*(call(bearer, subject) for (bearer, _), subject in keys))
            events: list[Event] = await opened.decided()
            assert len(events) == 400

    asyncio.run(play())
