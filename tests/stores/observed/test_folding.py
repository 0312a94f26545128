"""Counts added up: nothing is lost, whatever the names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.model.usage import Grain, Part, Point, Share, Tally
from watchword.stores.observed.folding import (
    MOST,
    checked,
    coarser,
    coarser_parts,
    coarser_points,
    counted_once,
    horizons,
    parts_of,
    shares,
)

TALLIES = st.lists(
    st.builds(
        Tally,
        st.integers(0, 10**6).map(lambda n: n * 60),
        st.sampled_from(["", "key_1", "key_2"]),
        st.sampled_from(["", "user:a"]),
        st.sampled_from(["", "api-key"]),
        st.sampled_from(["GET /", "GET /x", "…"]),
        st.integers(0, 9).map(lambda n: f"192.0.{n}.0/24"),
        st.sampled_from(["accepted", "refused"]),
        st.sampled_from(["", "expired"]),
        st.integers(1, 10**9),
    ),
    max_size=60,
)


@given(TALLIES, st.sampled_from([3600, 86400]), st.integers(0, 8), st.integers(1, 5))
def test_adding_up_conserves_every_credentials_count(tallies: list[Tally], grain: int, held: int, most: int) -> None:
    there = {(each.credential, each.start - each.start % grain): held for each in tallies}
    found = coarser(tallies, grain, there, most)
    for verdict in ("accepted", "refused"):
        for credential in ("", "key_1", "key_2"):
            before = sum(e.decisions for e in tallies if (e.verdict, e.credential) == (verdict, credential))
            assert sum(e.decisions for e in found if (e.verdict, e.credential) == (verdict, credential)) == before
    assert all(each.start % grain == 0 for each in found)
    assert found == sorted(found)
    assert len({each[:-1] for each in found}) == len(found)


@given(
    st.lists(
        st.builds(Point, st.integers(0, 10**8), st.just("jwt"), st.just("accepted"), st.integers(1, 9)), max_size=30
    )
)
def test_adding_points_up_conserves_their_sum(points: list[Point]) -> None:
    assert sum(each.decisions for each in coarser_points(points, 3600)) == sum(each.decisions for each in points)


def test_the_largest_counts_keep_their_names() -> None:
    crowd = [Tally(0, "key_1", "", "", "GET /", f"n{n}", "accepted", "", n + 1) for n in range(MOST + 50)]
    found = coarser(crowd, 3600, {})
    assert len(found) == MOST + 1
    assert {each.network for each in found} == {"…", *(f"n{n}" for n in range(50, MOST + 50))}


def test_the_largest_names_stay_whatever_the_order() -> None:
    parts = [
        Part(n % 60 * 60, "network", f"n{n % 500}", verdict, n % 500) for n in range(2000) for verdict in ("a", "b")
    ]
    found = coarser_parts(parts, 3600)
    assert sum(each.decisions for each in found) == sum(each.decisions for each in parts)
    assert {each.name for each in found} == {"…", *(f"n{n}" for n in range(200, 500))}
    assert len(found) == 2 * 301
    assert found == coarser_parts(reversed(parts), 3600)


def test_only_whole_hours_and_whole_days_are_old() -> None:
    now = 100 * 86400 + 5 * 3600 + 77
    minute, hour, day = horizons(now)
    assert minute == (Grain.MINUTE, 100 * 86400 + 3 * 3600)
    assert hour == (Grain.HOUR, 93 * 86400)
    assert day == (Grain.DAY, 10 * 86400)


def test_a_decision_that_two_proved_counts_once() -> None:
    assert [parts_of(each) for each in ("jwt", "mtls & hmac", "jwt via api-key", "(a & b) via c", "")] == [
        1,
        2,
        2,
        3,
        1,
    ]
    rows = [
        ("GET /", "accepted", "jwt via api-key", 3),
        ("GET /", "accepted", "jwt via api-key", 3),
        ("GET /", "accepted", "jwt", 1),
    ]
    assert shares(rows, each_once=False) == [Share("GET /", "accepted", 4)]
    assert shares(rows, each_once=True) == [Share("GET /", "accepted", 7)]
    assert counted_once([(0, "a & b", "accepted", 4)], each_once=False) == [Point(0, "a & b", "accepted", 2)]


@pytest.mark.parametrize("by", ["start", "decisions", "1; DROP TABLE usage", ""])
def test_counts_are_told_apart_by_their_names_alone(by: str) -> None:
    with pytest.raises(ValueError, match="told apart"):
        checked(by)
