"""Fields are taken one by one; what is wrong with one is said with its name, and what nobody took is a slip."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from watchword.lifecycle.clients.fields import FieldError
from watchword.lifecycle.values import rate_of
from watchword.model.verdict import Rate
from watchword.server.admin.fields import Fields, bounds_of, read


def test_what_is_there_is_taken() -> None:
    fields = Fields({"a": "x", "b": ["y"], "c": True, "d": "2h", "e": "one", "f": 7, "g": None, "h": "0s"})
    assert (fields.text("a"), fields.texts("b"), fields.flag("c"), fields.duration("d", "1h")) == (
        "x",
        ["y"],
        True,
        7200,
    )
    assert (fields.one_of("e", ["one"]), fields.any("f"), fields.texts("g")) == ("one", 7, [])
    assert fields.duration("h", "1h", zero=True) == 0
    fields.done()
    assert (fields.text("a", ""), fields.texts("b"), fields.flag("c"), fields.duration("d", "1h")) == (
        "",
        [],
        False,
        3600,
    )


@pytest.mark.parametrize(
    "take",
    [
        lambda fields: fields.text("a"),
        lambda fields: fields.texts("a"),
        lambda fields: fields.flag("a"),
        lambda fields: fields.duration("a", "1h"),
        lambda fields: fields.one_of("a", ["x"]),
        lambda fields: fields.done(),
        lambda fields: read("a", fields.any("a"), rate_of),
    ],
)
@pytest.mark.parametrize("value", [7, {"b": 1}, [7]], ids=str)
def test_what_is_wrong_names_its_field(take: Callable[[Fields], Any], value: Any) -> None:
    with pytest.raises(FieldError) as error:
        take(Fields({"a": value}))
    assert error.value.field == "a"


def test_texts_have_bounds() -> None:
    for value in ("", " ", "x" * 11, "a\0"):
        with pytest.raises(FieldError):
            Fields({"a": value}).text("a", most=10)
    with pytest.raises(FieldError):
        Fields({"a": ["x"] * 1001}).texts("a")
    with pytest.raises(FieldError):
        Fields({"a": ["x\0"]}).texts("a")
    with pytest.raises(FieldError):
        Fields({"a": "0s"}).duration("a", "1h")


def test_null_takes_bounds_away_and_what_is_missing_stays() -> None:
    assert bounds_of(Fields({}), 100).changes() == {}
    assert bounds_of(Fields({"limit": None, "expires_at": None}), 100).changes() == {"limit": None, "expires_at": None}
    found = bounds_of(Fields({"limit": "5/min", "expires_at": 101, "scopes": None, "networks": ["::1"]}), 100).changes()
    assert found == {"limit": Rate(5, 60), "expires_at": 101, "scopes": frozenset(), "networks": ("::1/128",)}
    for wrong in ({"expires_at": 100}, {"expires_at": "x"}, {"limit": 1}, {"scopes": ["\\"]}, {"networks": ["x"]}):
        with pytest.raises(FieldError) as error:
            bounds_of(Fields(wrong), 100)
        assert error.value.field in wrong
