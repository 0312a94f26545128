"""Cases say what they expect; a change changes exactly one character."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from watchword.demo.courier import Sent
from watchword.demo.script import HANDSHAKE, Case, accepted, changed, handshake, refused
from watchword.model.reason import REPLAYED

ORDERS = Sent("GET", "/orders")


@given(st.text(min_size=1), st.integers())
def test_a_change_is_one_character(text: str, place: int) -> None:
    other = changed(text, place)
    assert len(other) == len(text)
    assert sum(one != two for one, two in zip(text, other, strict=True)) == 1


def test_expectations() -> None:
    assert accepted("a", ORDERS, "hmac", status=201) == Case("a", ORDERS, 201, by="hmac")
    assert refused("b", ORDERS, REPLAYED, field="date") == Case("b", ORDERS, 401, "replayed", field="date")
    assert handshake("c", ORDERS) == Case("c", ORDERS, 0, HANDSHAKE)
