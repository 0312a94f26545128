"""What operators type, and what they are told when they mistype it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.values import duration_of, networks_of, rate_of, redirect_of, scopes_of, subject_of
from watchword.model.verdict import Rate


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("15m", 900), ("15min", 900), ("12h", 43200), ("90d", 7776000), ("2w", 1209600), (" 1h ", 3600)],
)
def test_durations(text: str, seconds: int) -> None:
    assert duration_of(text) == seconds


@pytest.mark.parametrize("text", ["", "15", "m", "-1s", "1.5h", "15 m", "0s", "15M", "999999999w", "15x", "1h30m"])
def test_wrong_durations(text: str) -> None:
    with pytest.raises(LifecycleError) as caught:
        duration_of(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("600/min", Rate(600, 60)),
        ("10/s", Rate(10, 1)),
        ("5000/h", Rate(5000, 3600)),
        ("1/d", Rate(1, 86400)),
        ("5/10s", Rate(5, 10)),
    ],
)
def test_rates(text: str, rate: Rate) -> None:
    assert rate_of(text) == rate
    assert rate_of(str(rate)) == rate


@pytest.mark.parametrize("text", ["", "600", "0/min", "600/", "/min", "-1/s", "600/mni", "1/0s", "600 /min", "1e3/s"])
def test_wrong_rates(text: str) -> None:
    with pytest.raises(LifecycleError):
        rate_of(text)


def test_errors_name_the_nearest_word_and_the_place() -> None:
    cases: list[tuple[Any, str, str, str]] = [
        (rate_of, "600/mni", "position 5", "did you mean min?"),
        (duration_of, "15x", "position 3", "units are"),
        (duration_of, "15", "position 3", "such as"),
        (subject_of, "usr:alice", "usr", "did you mean user:alice?"),
        (subject_of, "alice", "not a subject", "user:NAME"),
        (lambda text: networks_of([text]), "10.0.0.1/8", "not a network", "did you mean 10.0.0.0/8?"),
        (lambda text: scopes_of([text]), 'a"b', "position 2", "orders:read"),
    ]
    for parse, text, message, hint in cases:
        with pytest.raises(LifecycleError) as caught:
            parse(text)
        assert message in str(caught.value)
        assert hint in caught.value.hint


def test_subjects_have_one_spelling() -> None:
    assert subject_of("user:Alice") == "user:alice"
    assert subject_of("service:billing") == "service:billing"
    for text in ("user:", "user:a b", "user:a\n", "user:a:b", "USER:alice", ":alice", "user:\0"):
        with pytest.raises(LifecycleError):
            subject_of(text)


def test_scopes_are_split_at_spaces() -> None:
    assert scopes_of(["a b", "c", "a", ""]) == frozenset("abc")
    for text in ("a\\b", 'a"', "é"):
        with pytest.raises(LifecycleError):
            scopes_of([text])


def test_networks_are_cidr() -> None:
    assert networks_of(["10.0.0.0/8", " 192.0.2.7 ", "2001:db8::/32"]) == (
        "10.0.0.0/8",
        "192.0.2.7/32",
        "2001:db8::/32",
    )
    for text in ("", "10.0.0.0/33", "10.0.0", "everywhere", "::1/129"):
        with pytest.raises(LifecycleError):
            networks_of([text])


@given(st.text(max_size=60))
def test_any_text_is_understood_or_refused_with_a_lifecycle_error(text: str) -> None:
    for parse in (duration_of, rate_of, subject_of, lambda t: scopes_of([t]), lambda t: networks_of([t])):
        try:
            parse(text)
        except LifecycleError as error:
            assert len(str(error)) < 400


@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "http://app.example/cb",
        "https://app.example/cb#",
        "https://u:p@app.example/cb",
        "https://аpp.example/cb",
        "https:/\\evil.example",
        "https://app.example/c b",
        "https:///cb",
        "https://[/cb",
        "/cb",
        "",
    ],
)
def test_redirect_uris_that_leak_codes_or_run(uri: str) -> None:
    with pytest.raises(LifecycleError) as caught:
        redirect_of(uri)
    assert caught.value.hint


@pytest.mark.parametrize(
    "uri", ["https://app.example/cb?x=1", "http://127.0.0.1/cb", "http://[::1]:8080/", "com.example.app:/cb"]
)
def test_redirect_uris(uri: str) -> None:
    assert redirect_of(uri) == uri
