"""Events as the log keeps them: each act once, then who did which when."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.codec.events import act_of, pack, packed, unpack
from watchword.model.records import Event

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
times = st.floats(-1e11, 1e11)
events = st.builds(Event, times, *[texts] * (len(Event._fields) - 1))


def test_empty_fields_at_the_end_are_left_off() -> None:
    assert act_of(Event(1.5, "issue", "done")) == '["issue","done"]'
    assert act_of(Event(1.5, "", "")) == "[]"


def test_what_recurs_is_said_once() -> None:
    batch = packed([Event(1.0, "a", "b"), Event(2.5, "c", "d"), Event(3.0, "a", "b")])
    assert json.loads(batch.text) == {
        "from": 1_000_000,
        "acts": [["a", "b"], ["c", "d"]],
        "events": [0, 0, 1, 1_500_000, 0, 2_000_000],
    }
    assert (batch.first_at, batch.last_at, batch.count) == (1.0, 3.0, 3)


@given(st.lists(events, min_size=1, max_size=8))
def test_a_batch_comes_back_as_it_was_to_the_microsecond(several: list[Event]) -> None:
    back = unpack(packed(several).text)
    assert [event[1:] for event in back] == [event[1:] for event in several]
    # A float of this size has no finer steps than some microseconds.
    assert all(abs(got.at - put.at) <= 2e-5 for got, put in zip(back, several, strict=True))


def test_times_may_be_out_of_order() -> None:
    assert [event.at for event in unpack(pack([5.0, 3.0], [0, 0], ['["a","b"]']).text)] == [5.0, 3.0]


@pytest.mark.parametrize("at", [float("nan"), float("inf")])
def test_a_time_that_is_none_is_refused(at: float) -> None:
    with pytest.raises(ValueError, match=r"finite|NaN"):
        packed([Event(at, "a", "b")])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        '{"from":0,"acts":[["a","b"]],"events":[1,0]}',
        '{"from":0,"acts":[["a","b"]],"events":[0]}',
        '{"from":0,"acts":[7],"events":[0,0]}',
        '{"from":"x","acts":[["a","b"]],"events":[0,0]}',
        '{"from":0,"acts":[["1","2","3","4","5","6","7","8","9","10","11","12","13"]],"events":[0,0]}',
    ],
)
def test_what_was_spoilt_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json.JSONDecodeError among them
        unpack(text)
