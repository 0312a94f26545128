"""Events as the log keeps them: each act once, then who did which when."""

import base64
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.codec.events import act_of, pack, packed, unpack
from watchword.model.records import Event

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
times = st.floats(allow_nan=False, allow_infinity=False)
events = st.builds(Event, times, *[texts] * (len(Event._fields) - 1))


def test_empty_fields_at_the_end_are_left_off() -> None:
    assert act_of(Event(1.5, "issue", "done")) == '["issue","done"]'
    assert act_of(Event(1.5, "", "")) == "[]"


def test_what_recurs_is_said_once() -> None:
    batch = packed([Event(1.0, "a", "b"), Event(2.5, "c", "d"), Event(3.0, "a", "b")])
    assert json.loads(batch.text) == {
        "acts": [["a", "b"], ["c", "d"]],
        "which": base64.b64encode(bytes([0, 1, 0])).decode(),
        "at": base64.b64encode(struct.pack("<3d", 1.0, 2.5, 3.0)).decode(),
    }
    assert (batch.first_at, batch.last_at, batch.count) == (1.0, 3.0, 3)


@pytest.mark.parametrize(("acts", "bytes_each"), [(1, 1), (256, 1), (257, 2), (65_536, 2), (65_537, 4)])
def test_numbers_are_as_short_as_all_of_them_fit(acts: int, bytes_each: int) -> None:
    several = [Event(float(number), "a", str(number)) for number in range(acts)]
    text = packed(several).text
    assert len(base64.b64decode(json.loads(text)["which"])) == bytes_each * acts
    assert unpack(text) == several


def test_what_was_written_with_numbers_of_32_bits_is_read() -> None:
    """Every batch had those before there were shorter ones."""
    events = [Event(1.0, "a", "b"), Event(2.5, "c", "d"), Event(3.0, "a", "b")]
    which = base64.b64encode(struct.pack("<3I", 0, 1, 0)).decode()
    at = base64.b64encode(struct.pack("<3d", 1.0, 2.5, 3.0)).decode()
    assert unpack(json.dumps({"acts": [["a", "b"], ["c", "d"]], "which": which, "at": at})) == events


def test_the_bounds_of_a_batch_are_what_every_store_keeps() -> None:
    batch = packed([Event(-0.0, "a", "b")])
    assert (str(batch.first_at), str(batch.last_at)) == ("0.0", "0.0"), "-0.0 would come back as another number"


@given(st.lists(events, min_size=1, max_size=8))
def test_a_batch_comes_back_as_it_was(several: list[Event]) -> None:
    assert unpack(packed(several).text) == several


def test_times_may_be_out_of_order() -> None:
    assert [event.at for event in unpack(pack([5.0, 3.0], [0, 0], ['["a","b"]']).text)] == [5.0, 3.0]


@pytest.mark.parametrize("at", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_time_that_is_none_is_refused_wherever_it_stands(at: float, place: int) -> None:
    times = [1.0, 2.0, 3.0]
    times[place] = at
    with pytest.raises(ValueError, match="finite"):
        packed([Event(each, "a", "b") for each in times])


ONE = packed([Event(1.0, "a", "b")]).text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        ONE.replace("AA==", "AQ=="),  # an act that is not there
        ONE.replace('"AA=="', '""'),
        ONE.replace("AA==", "AAAA"),  # numbers of 24 bits
        ONE.replace("AA==", "AAAAAAAAAAA="),  # of 64
        ONE.replace("AA==", "AA"),
        ONE.replace("AA==", "!!"),
        ONE.replace('["a","b"]', "7"),
        ONE.replace('["a","b"]', str(list("abcdefghijklm")).replace("'", '"')),
    ],
)
def test_what_was_spoilt_is_refused(text: str) -> None:
    assert text != ONE
    with pytest.raises(ValueError):
        unpack(text)
