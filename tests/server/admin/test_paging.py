"""Cursors are opaque, and whatever is not one of ours is refused, not guessed at."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from watchword.codec.strict import to_base64url
from watchword.lifecycle.clients.fields import FieldError
from watchword.server.admin.paging import listed, page_of
from watchword.stores.rows import storable


def asking(query: str) -> Request:
    return Request({"type": "http", "path": "/admin/v1/x", "query_string": query.encode(), "headers": []})


@given(st.tuples(st.integers(-(2**62), 2**62), st.text(max_size=20).filter(storable)))
def test_a_page_goes_on_where_the_one_before_ended(after: tuple[int, str]) -> None:
    value, headers = listed(asking("limit=7&q=a%26b&cursor=old"), "things", [1], after)
    assert value["things"] == [1]
    page = page_of(asking(f"cursor={value['next']}&limit=7"), int, str)
    assert (page.after, page.limit) == (after, 7)
    ((name, link),) = headers
    assert name == b"link"
    assert link == f'</admin/v1/x?limit=7&q=a%26b&cursor={value["next"]}>; rel="next"'.encode()


def test_the_last_page_leads_nowhere() -> None:
    assert listed(asking(""), "things", [], ()) == ({"things": [], "next": None}, ())
    assert page_of(asking("")).after == ()


@pytest.mark.parametrize("value", ["a\0b", 2**62 + 1, -(2**70), 1.5, None, ["a"]], ids=repr)
def test_a_place_that_no_store_has_is_refused(value: object) -> None:
    cursor = to_base64url(json.dumps({"after": [value]}).encode()).decode()
    with pytest.raises(FieldError):
        page_of(asking(f"cursor={cursor}"), type(value))


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=101", "limit=", "limit=-1", "limit=1.0", "limit=%D9%A4", "limit=" + "9" * 5000),
        *("cursor=x", "cursor=%FF", "cursor=e30", "cursor=eyJhZnRlciI6W119", "cursor=eyJhZnRlciI6WzFdfQ"),
        *("cursor=eyJhZnRlciI6WyIiXX0==", "cursor=" + "A" * 5000),
    ],
)
def test_what_is_no_page_is_refused(query: str) -> None:
    with pytest.raises(FieldError) as error:
        page_of(asking(query), str)
    assert error.value.field == query.partition("=")[0]
