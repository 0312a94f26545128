"""The credential that somebody names, or the nearest."""

from __future__ import annotations

import pytest

from tests.cli.desk import Desk

pytestmark = pytest.mark.filterwarnings("error")


def test_the_nearest_id_is_named_and_a_kind_told_from_an_id(desk: Desk) -> None:
    id = desk.issued("api-key", "service:billing")["id"]
    assert f"did you mean {id}?" in desk.wrong("show", id[:-1] + ("a" if id[-1] != "a" else "b"))
    assert f"did you mean {id}?" in desk.wrong("show", id[:9])
    assert "is a kind, not an id" in desk.wrong("show", "signing-key")
    assert "`watchword list` shows their ids" in desk.wrong("show", "x")
