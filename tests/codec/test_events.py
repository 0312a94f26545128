"""Events as the log keeps them."""

import json

from hypothesis import given
from hypothesis import strategies as st

from watchword.codec.events import accepted, encode, lines_of, stamped
from watchword.model.records import Event

texts = st.text(max_size=20)


def test_empty_fields_at_the_end_are_left_off() -> None:
    assert encode(Event(1.5, "issue", "done")) == '[1.5,"issue","done"]'


@given(st.floats(0, 1e10), st.lists(texts, min_size=7, max_size=7))
def test_the_short_cut_for_accepted_decisions_says_the_same_as_the_event(at: float, fields: list[str]) -> None:
    scheme, credential, subject, actor, method, path, address = fields
    text = stamped(at, accepted((scheme, credential, subject, actor), (method, path, address)))
    long = Event(
        at,
        "decide",
        "accepted",
        scheme=scheme,
        credential=credential,
        subject=subject,
        actor=actor,
        method=method,
        path=path,
        address=address,
    )
    short = Event(*json.loads(text))
    assert short == long._replace(at=short.at)
    assert abs(short.at - at) < 1e-5  # kept to the microsecond


def test_lines_span_the_times_of_their_events() -> None:
    lines = lines_of([Event(3.0, "a", "b"), Event(1.0, "c", "d")])
    assert (lines.first_at, lines.last_at, len(lines.texts)) == (1.0, 3.0, 2)
