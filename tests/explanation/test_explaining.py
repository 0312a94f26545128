"""An explanation, whole: what decided, what it cost, what the caller would see; and no trace of it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.explanation.house import BILLING, PASSWORD, URL, issued, playing, signed
from watchword.adapters.asgi import request_of
from watchword.app import Watchword
from watchword.codec.message import body_digest
from watchword.explanation import Explanation, Question, explain, explained
from watchword.model.credential import Kind
from watchword.model.verdict import Allow, Deny, Rate
from watchword.routes import Rule

ORDERS = [
    Rule("/orders/{id}", "api-key | hmac", ("GET", "POST"), ("orders:read",), "3/min", ("127.0.0.0/8",)),
    Rule("/both", "jwt via mtls | mtls & api-key"),
    Rule("/people", "basic | session", within=300.0),
    Rule("/open", "api-key | public"),
]


def _bearer(secret: str) -> list[tuple[str, str]]:
    return [("Authorization", f"Bearer {secret}")]


def _steps(found: Explanation) -> list[tuple[str, str]]:
    return [(step.name, step.outcome) for step in found.steps]


def test_each_step_is_told_with_its_outcome_and_cost() -> None:
    async def work(house: Watchword) -> None:
        key = await issued(house, Kind.API_KEY, scopes=("orders:read",))
        found = await explain(house, "GET", URL, _bearer(key.material["secret"]))
        assert found.accepted
        assert _steps(found) == [
            ("URL free of credentials", "passed"),
            ("network", "passed"),
            ("limit of this address", "passed"),
            ("api-key | hmac", "passed"),
            ("scopes", "passed"),
            ("limit of this credential", "passed"),
        ]
        assert found.steps[-1].detail == "2 left after this one"
        assert all(step.cost > 0 for step in found.steps)
        assert found.cost >= sum(step.cost for step in found.steps)
        value = json.loads(json.dumps(found.value()))
        assert value["subject"] == BILLING
        assert value["policy"]["parts"][0]["outcome"] == "proved"
        assert key.material["secret"] not in str(value)

    playing(ORDERS, work)


def test_what_was_not_asked_any_more_is_told() -> None:
    async def work(house: Watchword) -> None:
        key = await issued(house, Kind.API_KEY)
        found = await explain(house, "GET", URL, _bearer(key.material["secret"]))
        assert (found.outcome.status, found.outcome.reason) == (403, "insufficient_scope")
        assert found.outcome.credential == key.credential.id
        assert _steps(found)[-2:] == [("scopes", "refused"), ("limit of this credential", "not reached")]
        found = await explain(house, "GET", URL, address="192.0.2.1")
        assert [name for name, outcome in _steps(found) if outcome == "not reached"] == [
            "limit of this address", "api-key | hmac", "scopes", "limit of this credential",
        ]  # fmt: skip
        assert found.policy is not None
        assert not found.policy.decided

    playing(ORDERS, work)


def test_the_caller_sees_what_a_server_would_send() -> None:
    async def work(house: Watchword) -> None:
        found = await explain(house, "GET", URL)
        assert found.response.status == 401
        assert dict(found.response.headers)["www-authenticate"] == 'Watchword-HMAC-SHA256 realm="api"'
        assert json.loads(found.response.body)["reference"] == "0" * 16
        route = house.route_for("GET", "/orders/7")
        assert route is not None
        decision = await house.gate.decide(request_of(Question("GET", URL).scope()), route)
        assert isinstance(decision, Deny)
        named = [name for name, _ in found.response.headers].count("www-authenticate")
        assert named == len(decision.challenges)

    playing(ORDERS, work)


def test_step_up_is_asked_for_in_the_very_challenge() -> None:
    """The gate looks for the guard itself among the route's: what notes its answers must not stand in its way."""

    async def work(house: Watchword) -> None:
        await issued(house, Kind.PASSWORD, "user:alice", options={"password": PASSWORD})
        rule = Rule("/me", "oauth2 | basic", factors=("otp",))
        house._table = type(house._table)([(rule, house.compile(rule))])
        pair = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
        found = await explain(house, "GET", "http://127.0.0.1/me", [("Authorization", f"Basic {pair}")])
        assert found.outcome.reason == "insufficient_authentication"
        bearer = next(value for name, value in found.response.headers if value.startswith("Bearer"))
        assert 'acr_values="aal2"' in bearer

    playing((), work)


def test_nothing_is_kept() -> None:
    async def work(house: Watchword) -> None:
        key = await issued(house, Kind.API_KEY, scopes=("orders:read",), limit=Rate(2, 60))
        signer = await issued(house, Kind.HMAC, scopes=("orders:read",))
        spilled = await issued(house, Kind.API_KEY, scopes=("orders:read",))
        events = await house.store.events()
        for _ in range(5):
            assert (await explain(house, "GET", URL, _bearer(key.material["secret"]))).accepted
            assert (await explain(house, "GET", URL, signed(house, signer))).accepted
            burnt = await explain(house, "GET", f"{URL}?api_key={spilled.material['secret']}")
            assert burnt.outcome.reason == "credential_in_url"
            assert spilled.material["secret"] not in str(burnt.value())
        assert await house.store.events() == events
        assert len(house.audit) == 0
        assert len(house.verdicts) == 0
        still = await house.store.credential(spilled.credential.id)
        assert still is not None
        assert still.revoked_at is None

    playing(ORDERS, work)


def test_a_limit_that_is_used_up_is_told_and_not_used_up_further() -> None:
    async def work(house: Watchword) -> None:
        key = await issued(house, Kind.API_KEY, scopes=("orders:read",))
        fields = _bearer(key.material["secret"])
        scope = Question("GET", URL, tuple((name.encode(), value.encode()) for name, value in fields)).scope()
        route = house.route_for("GET", "/orders/7")
        assert route is not None
        for left in (2, 1, 0):
            found = await explain(house, "GET", URL, fields)
            assert found.steps[-1].detail == f"{left} left after this one"
            assert isinstance(await house.gate.decide(request_of(scope), route), Allow)
        found = await explain(house, "GET", URL, fields)
        assert (found.outcome.status, found.outcome.reason) == (429, "rate_limited")
        assert "retry-after" in dict(found.response.headers)

    playing(ORDERS, work)


def test_a_signature_that_was_used_is_a_replay_and_one_that_was_explained_is_not() -> None:
    async def work(house: Watchword) -> None:
        signer = await issued(house, Kind.HMAC, scopes=("orders:read",))
        fields = signed(house, signer)
        scope = Question("GET", URL, tuple((name.encode(), value.encode()) for name, value in fields)).scope()
        route = house.route_for("GET", "/orders/7")
        assert route is not None
        assert (await explain(house, "GET", URL, fields)).accepted
        request = request_of(scope)
        request.body = b""
        assert isinstance(await house.gate.decide(request, route), Allow)
        found = await explain(house, "GET", URL, fields)
        assert found.outcome.reason == "replayed"
        assert found.signature is not None
        assert found.signature.right is True

    playing(ORDERS, work)


def test_what_is_remembered_answers_and_stays_what_it_was() -> None:
    async def work(house: Watchword) -> None:
        key = await issued(house, Kind.API_KEY, scopes=("orders:read",))
        fields = _bearer(key.material["secret"])
        assert not (await explain(house, "GET", URL, fields)).outcome.remembered
        scope = Question("GET", URL, tuple((name.encode(), value.encode()) for name, value in fields)).scope()
        route = house.route_for("GET", "/orders/7")
        assert route is not None
        await house.gate.decide(request_of(scope), route)
        known = len(house.verdicts)
        found = await explain(house, "GET", URL, fields)
        assert found.outcome.remembered
        assert found.policy is not None
        assert found.policy.parts[0].remembered
        assert len(house.verdicts) == known == 1
        narrow = _bearer((await issued(house, Kind.API_KEY)).material["secret"])
        scope = Question("GET", URL, tuple((name.encode(), value.encode()) for name, value in narrow)).scope()
        await house.gate.decide(request_of(scope), route)
        refused = (await explain(house, "GET", URL, narrow)).outcome
        assert (refused.reason, refused.remembered) == ("insufficient_scope", True)

    playing(ORDERS, work)


def test_guesses_through_explanations_are_counted_where_all_workers_count() -> None:
    """A worker's own memory would give each of them, and each that is started anew, the whole limit again."""

    async def work(house: Watchword) -> None:
        await issued(house, Kind.PASSWORD, "user:alice", options={"password": PASSWORD})
        spent: set[str] = set()
        hit = house.meter.hit

        def noted(key: str, cost: int, rate: Any) -> Any:
            if cost:
                spent.add(key)
            return hit(key, cost, rate)

        house.meter.hit = noted  # type: ignore[method-assign]
        pair = base64.b64encode(b"alice:wrong guess").decode()
        await explain(house, "GET", "http://127.0.0.1/people", [("Authorization", f"Basic {pair}")])
        assert spent
        assert all(key.startswith("explained ") for key in spent)

    playing(ORDERS, work)


def test_passwords_cannot_be_guessed_through_explanations() -> None:
    async def work(house: Watchword) -> None:
        await issued(house, Kind.PASSWORD, "user:alice", options={"password": PASSWORD})

        async def told(password: str) -> Explanation:
            pair = base64.b64encode(f"alice:{password}".encode()).decode()
            return await explain(house, "GET", "http://127.0.0.1/people", [("Authorization", f"Basic {pair}")])

        reasons = [(await told(f"wrong {n} guess of it")).outcome.reason for n in range(6)]
        assert reasons == ["wrong_secret"] * 3 + ["rate_limited"] * 3
        assert "explanations may guess" in (await told("one more wrong guess")).notes[0]
        fields = base64.b64encode(f"alice:{PASSWORD}".encode())
        scope = Question("GET", "http://127.0.0.1/people", ((b"authorization", b"Basic " + fields),)).scope()
        route = house.route_for("GET", "/people")
        assert route is not None
        assert isinstance(await house.gate.decide(request_of(scope), route), Allow), "real logins count apart"

    playing(ORDERS, work, account_limit="3/min")


def test_the_way_that_decided_is_marked() -> None:
    async def work(house: Watchword) -> None:
        key = await issued(house, Kind.API_KEY)
        found = (await explain(house, "GET", "http://127.0.0.1/both", [("X-API-Key", key.material["secret"])])).value()
        assert found["reason"] == "no_credential"
        assert not found["policy"]["decided"]
        via, both = found["policy"]["parts"]
        assert (via["kind"], both["kind"]) == ("via", "both")
        assert both["parts"][1]["presence"] == "presented"
        opened = (await explain(house, "GET", "http://127.0.0.1/open")).value()
        assert opened["policy"]["parts"] == [
            {**opened["policy"]["parts"][0], "name": "api-key", "decided": False, "outcome": "not asked"},
            {"kind": "public", "decided": True, "parts": []},
        ]
        assert (opened["decision"], opened["subject"]) == ("accepted", None)

    playing(ORDERS, work)


def test_what_breaks_is_told_as_broken_without_its_text() -> None:
    async def work(house: Watchword) -> None:
        key = await issued(house, Kind.API_KEY)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(house.store, "credential_by", _broken)
            found = await explain(house, "GET", URL, _bearer(key.material["secret"]))
        assert (found.outcome.decision, found.outcome.status) == ("broken", 503)
        assert [step.outcome for step in found.steps if step.stage == "policy"] == ["broken"]
        assert found.policy is not None
        assert found.policy.parts[0].outcome == "broken"
        assert "a secret text" not in str(found.value())

    playing(ORDERS, work)


async def _broken(_: bytes) -> Any:
    raise RuntimeError("a secret text")


def test_content_is_judged_only_where_the_server_reads_it() -> None:
    """A form's CSRF token counts nowhere else than where whoever decides has the content before it."""

    async def work(house: Watchword) -> None:
        signer = await issued(house, Kind.HMAC, scopes=("orders:read",))
        fields = signed(house, signer, "POST", body=b"{}")
        assert (await explain(house, "POST", URL, fields, body=b"{}")).accepted
        found = await explain(house, "POST", URL, fields, body=b"{ }")
        assert found.outcome.reason == "bad_signature"

    playing(ORDERS, work)


def test_a_gateways_route_is_judged_by_the_digest_that_is_stated() -> None:
    async def work(house: Watchword) -> None:
        signer = await issued(house, Kind.HMAC)
        fields = [*signed(house, signer, "POST", "/up", b"{}"), ("X-Content-SHA256", body_digest(b"{}"))]
        url = "http://127.0.0.1:8000/up"
        assert (await explain(house, "POST", url, fields)).accepted
        assert (await explain(house, "POST", url, fields[:-1])).outcome.reason == "bad_signature"

    playing([Rule("/up", "hmac", body="upstream")], work)


def test_the_servers_own_places_are_explained_where_they_are_named() -> None:
    async def work(house: Watchword) -> None:
        places = [Rule("/whoami", "api-key", ("GET",))]
        url = "http://127.0.0.1/whoami"
        assert (await explain(house, "GET", url)).outcome.reason == "no_route"
        assert (await explain(house, "GET", url, places=places)).outcome.reason == "no_credential"

    playing(ORDERS, work)


def test_a_question_may_come_as_json() -> None:
    async def work(house: Watchword) -> None:
        key = await issued(house, Kind.API_KEY, scopes=("orders:read",))
        asked = {"method": "GET", "url": URL, "headers": [["Authorization", f"Bearer {key.material['secret']}"]]}
        assert (await explained(house, Question.of(asked))).accepted

    playing(ORDERS, work)


@pytest.mark.parametrize(
    ("query", "secret"),
    [
        ("password=hunter2", "hunter2"),
        ("x=%61%6b_live_7HqB0000000000000000000000000000001", "7HqB"),
        ("api_key=s3cret", "s3cret"),
        ("x=%2561k_live_7HqB0000000000000000000000000000001", "7HqB"),
    ],
)
def test_a_credential_in_the_url_is_not_said_again_however_it_is_written(query: str, secret: str) -> None:
    async def work(house: Watchword) -> None:
        key = await issued(house, Kind.HMAC)
        found = await explain(house, "GET", f"{URL}?{query}", signed(house, key, path=f"/orders/7?{query}"))
        assert found.outcome.reason == "credential_in_url"
        assert secret not in str(found.value())
        assert found.value()["url"] == f"{URL}?[redacted]"

    playing(ORDERS, work)


def test_a_broken_key_store_is_told_beside_the_rest() -> None:
    async def work(house: Watchword) -> None:
        key = await issued(house, Kind.HMAC)
        fields = signed(house, key)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(house.store, "credential", _broken)
            found = await explain(house, "GET", URL, fields)
        assert (found.outcome.decision, found.signature) == ("broken", None)
        assert found.notes == ("what must be signed cannot be told: RuntimeError",)

    playing(ORDERS, work)
