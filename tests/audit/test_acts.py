"""What a note says, in the log and in the counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from watchword.audit.acts import Acts, Noted
from watchword.audit.counting import Counted
from watchword.audit.redaction import place, redact
from watchword.codec.events import act_of
from watchword.codec.secrets import new_secret
from watchword.model.reason import BROKEN, EXPIRED, INSUFFICIENT_SCOPE, METHOD_NOT_ALLOWED, NO_ROUTE, REVOKED
from watchword.model.records import Event
from watchword.model.verdict import Principal, Rejection

WHO = Principal("user:alice", "jwt via api-key", "fam_1+key_1", actor="service:app")


def test_one_act_is_counted_by_who_where_and_how_it_ended() -> None:
    acts = Acts()
    assert acts.act(Noted("POST", b"/orders/17", "192.0.2.7", WHO)).counted == Counted(
        "fam_1+key_1", "user:alice", "jwt via api-key", "POST /orders/{…}", "192.0.2.0/24", "accepted", ""
    )
    refused = Rejection(EXPIRED, scheme="api-key", credential="key_1")
    assert acts.act(Noted("GET", b"/", "192.0.2.7", refused, "r1")).counted == Counted(
        "key_1", "", "api-key", "GET /", "192.0.2.0/24", "refused", "expired"
    )
    assert acts.act(Noted("GET", b"/", "", Rejection(BROKEN), "r2")).counted[5:] == ("broken", "broken")
    assert acts.act(Noted("GET", b"/", "", None)).counted == Counted("", "", "", "GET /", "", "accepted", "public")


def test_a_configured_route_is_named_as_it_was_configured() -> None:
    acts = Acts()
    acts.template = lambda method, path: "/files/{rest:path}" if path.startswith("/files/é") else None
    assert acts.act(Noted("GET", b"/files/%C3%A9/x", "", WHO)).counted.route == "GET /files/{rest:path}"
    assert acts.act(Noted("GET", b"/whoami", "", WHO)).counted.route == "GET /whoami"


def test_places_that_callers_make_up_are_not_named() -> None:
    acts = Acts()
    for reason in (NO_ROUTE, METHOD_NOT_ALLOWED):
        assert acts.act(Noted("GET", b"/wp-admin", "", Rejection(reason), "r")).counted.route == "…"


def test_no_secret_becomes_a_route() -> None:
    secret = new_secret("ak_live_")
    counted = Acts().act(Noted("GET", f"/keys/{secret}".encode(), "", WHO)).counted
    assert counted.route == "GET /keys/{…}"
    assert secret not in str(counted)


def test_names_that_no_store_can_keep_are_left_unsaid() -> None:
    who = Principal("user:\ud800", "jwt", "x" * 600)
    counted = Acts().act(Noted("GET", b"/", "", who)).counted
    assert (counted.credential, counted.subject) == ("…", "…")


def test_tokens_that_others_issued_are_counted_together() -> None:
    """Each request may bring another token: a row for each would fill the store for ninety days."""
    acts = Acts()
    for name, counted in (
        ("jti:0b1c", "jti:…"),
        ("token:aa00", "token:…"),
        ("jti:0b1c+key_1", "jti:…+key_1"),
        ("client:partner", "client:partner"),
        ("x509:1f", "x509:1f"),
        ("x" * 600 + "+key_1", "…+key_1"),
    ):
        act = acts.act(Noted("GET", b"/", "192.0.2.7", Principal("user:alice", "jwt", name)))
        assert act.counted.credential == counted
        assert name in act.text, "the audit names each"
    rejections = (INSUFFICIENT_SCOPE, "jti:…"), (REVOKED, "jti:0b1c")
    for reason, counted in rejections:
        noted = Noted("GET", b"/", "", Rejection(reason, scheme="jwt", credential="jti:0b1c"), "r")
        assert acts.act(noted).counted.credential == counted


@given(
    st.lists(st.binary(max_size=12), min_size=1, max_size=3),
    st.sampled_from(["GET", "", "M\n"]),
    st.sampled_from(["192.0.2.7", ""]),
    st.tuples(*[st.text(max_size=9)] * 4) | st.none(),
)
def test_what_is_done_in_many_places_is_said_as_if_each_were_the_only_one(
    paths: list[bytes], method: str, address: str, names: tuple[str, str, str, str] | None
) -> None:
    acts, who, reason, rest = Acts(), None, "public", ("", "", "", "")
    if names is not None:
        subject, scheme, credential, actor = names
        who, reason, rest = (
            Principal(subject, scheme, credential, actor=actor),
            "",
            (scheme, credential, subject, actor),
        )
    for path in (*paths, *paths):
        event = Event(0.0, "decide", "accepted", reason, "", *rest, redact(method), place(path), address)
        found = acts.act(Noted(method, path, address, who))
        assert found.text == act_of(event)
        assert found.counted.route == acts.route(method, path)
        assert found == Acts().act(Noted(method, path, address, who))


def test_a_caller_of_very_many_routes_is_named_by_each() -> None:
    acts = Acts()
    acts.template = lambda method, path: path
    for number in (*range(200), *range(200)):
        assert acts.act(Noted("GET", b"/r/%d" % number, "", WHO)).counted.route == f"GET /r/{number}"
