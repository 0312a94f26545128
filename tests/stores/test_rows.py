"""Records become rows and rows records; what no store could hold is named before it is tried."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stores import strategies
from watchword.model.credential import Credential
from watchword.model.records import Publish, Subject, Topic
from watchword.stores import schema
from watchword.stores.rows import (
    check,
    credential_from,
    credential_row,
    prefix_end,
    storable,
    subject_from,
    subject_row,
)

_any_text = st.text(max_size=10)


@given(strategies.credentials)
def test_a_credential_survives_in_the_order_of_the_columns(record: Credential) -> None:
    row = credential_row(record)
    assert list(row) == list(schema.credential.c.keys())
    assert credential_from(tuple(row.values())) == record


@given(strategies.subjects)
def test_a_subject_survives_in_the_order_of_the_columns(record: Subject) -> None:
    row = subject_row(record)
    assert list(row) == list(schema.subject.c.keys())
    assert subject_from(tuple(row.values())) == record


def test_every_field_of_a_credential_has_a_column() -> None:
    names = {field.name for field in fields(Credential)} - {"limit"} | {"limit_count", "limit_seconds"}
    assert set(schema.credential.c.keys()) == names | {"name"}  # which follows from the detail


@given(st.text(max_size=5), _any_text)
def test_the_end_of_a_prefix_is_above_exactly_what_has_it(prefix: str, text: str) -> None:
    end = prefix_end(prefix)
    assert text.startswith(prefix) == (text >= prefix and (end is None or text < end))
    assert end is None or not end.startswith(prefix) or not prefix


@pytest.mark.parametrize(
    ("prefix", "end"),
    [("user:", "user;"), ("", None), ("\U0010ffff", None), ("a\U0010ffff", "b"), ("\ud7ff", "\ue000")],
)
def test_the_end_of_a_prefix(prefix: str, end: str | None) -> None:
    assert prefix_end(prefix) == end


@given(st.text(st.characters(), max_size=20))
def test_storable_is_what_utf8_can_say_without_nul(text: str) -> None:
    assert storable(text) == ("\0" not in text and text.encode("utf-8", "ignore").decode() == text)


def test_what_no_store_could_hold_is_named() -> None:
    check(Publish(Topic.KEYS, "x" * 512, 1, 2))
    for key in ("\0", "\ud800", "x" * 513, "é" * 257):
        with pytest.raises(ValueError, match="record") as caught:
            check(Publish(Topic.KEYS, key, 1, 2))
        assert key not in str(caught.value)


@pytest.mark.parametrize("detail", [{"at": float("nan")}, {"secret": b"bytes"}, {"set": {1}}])
def test_what_is_no_json_is_not_written(detail: dict[str, object]) -> None:
    with pytest.raises((ValueError, TypeError)):
        subject_row(Subject("user:alice", 1, detail=detail))
