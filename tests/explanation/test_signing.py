"""The string of both sides, and where they differ first."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.explanation.house import URL, issued, playing, signed
from watchword.app import Watchword
from watchword.explanation import Explanation, explain
from watchword.explanation.signing import difference
from watchword.model.credential import Kind
from watchword.routes import Rule

RULES = [Rule("/orders/{id}", "hmac | api-key")]
TEXT = "watchword-hmac-v1\nhk_live_x\n17\n\nGET\na.test\n/orders\nb=2&a=1\n\ndigest"


@pytest.mark.parametrize(
    ("theirs", "line", "column", "what", "shown"),
    [
        (TEXT.replace("b=2&a=1", "a=1&b=2"), 8, 1, "query", ("b=2&a=1⏎⏎digest", "a=1&b=2⏎⏎digest")),
        (TEXT.replace("/orders", "/orders/"), 7, 8, "path", ("/orders⏎b=2&a=1⏎⏎digest", "/orders/⏎b=2&a=1⏎⏎digest")),
        (TEXT + "\n", 10, 7, "content's digest", ("digest", "digest⏎")),
        (TEXT.replace("\n", "\r\n"), 1, 18, "profile", ("watchword-hmac-v1⏎hk_li", "watchword-hmac-v1␍⏎hk_l")),
        (TEXT.replace("GET", "get"), 5, 1, "method", ("GET⏎a.test⏎/orders⏎b=2&a", "get⏎a.test⏎/orders⏎b=2&a")),
        ("", 1, 1, "profile", ("watchword-hmac-v1⏎hk_liv", "")),
    ],
)
def test_the_first_difference_is_named(theirs: str, line: int, column: int, what: str, shown: tuple[str, str]) -> None:
    found = difference(TEXT, theirs)
    assert found is not None
    assert (found.line, found.column, found.what) == (line, column, what)
    assert found.ours[found.marker :][:1] != found.theirs[found.marker :][:1]
    assert found.ours.startswith(shown[0][:17])
    assert found.theirs.startswith(shown[1][:17])


def test_equal_texts_do_not_differ() -> None:
    assert difference(TEXT, TEXT) is None


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_the_marker_always_stands_at_the_first_difference(ours: str, theirs: str) -> None:
    found = difference(ours, theirs)
    if ours == theirs:
        assert found is None
        return
    assert found is not None
    before = "\n".join(ours.split("\n")[: found.line])
    at = len(before) - len(before.split("\n")[-1]) + found.column - 1
    assert ours[:at] == theirs[:at]
    assert ours[at : at + 1] != theirs[at : at + 1]
    assert found.ours[: found.marker] == found.theirs[: found.marker]


def _explained(work_fields: dict[str, bytes], **more: str) -> Explanation:
    found: list[Explanation] = []

    async def work(house: Watchword) -> None:
        key = await issued(house, Kind.HMAC)
        fields = signed(house, key, path="/orders/7?b=2&a=1", **work_fields)
        found.append(await explain(house, "GET", f"{URL}?b=2&a=1", fields, **more))
        assert key.material["secret"] not in str(found[0].value())

    playing(RULES, work)
    return found[0]


def test_a_right_signature_is_said_to_be_right() -> None:
    found = _explained({})
    assert found.accepted
    assert found.signature is not None
    assert (found.signature.right, found.signature.differs, found.signature.fits) == (True, None, ())


def test_a_signature_alone_tells_what_was_signed() -> None:
    found = _explained({"query": b"a=1&b=2"})
    signing = found.signature
    assert signing is not None
    assert found.outcome.reason == "bad_signature"
    assert signing.right is False
    assert signing.fits[0].words == "the query's parameters are sorted"
    assert signing.differs is not None
    assert (signing.differs.what, signing.differs.column) == ("query", 1)


def test_what_the_caller_signed_is_compared() -> None:
    found = _explained({"nonce": b"other"}, string_signed="watchword-hmac-v1\nhk_test")
    assert found.signature is not None
    assert found.signature.differs is not None
    assert (found.signature.differs.line, found.signature.differs.what) == (2, "key id")


def test_the_skew_of_clocks_is_told() -> None:
    async def work(house: Watchword) -> None:
        key = await issued(house, Kind.HMAC)
        late = [("X-API-Key", key.material["key_id"]), ("X-Timestamp", str(int(time.time()) - 400))]
        found = await explain(house, "GET", URL, [*late, ("X-Signature", "0" * 64)])
        assert found.outcome.reason == "skewed"
        assert found.signature is not None
        assert found.signature.skew is not None
        assert 399 <= found.signature.skew < 430

    playing(RULES, work)


def test_the_right_signature_is_never_told() -> None:
    """Who may ask why is not who may sign: an explanation must not be a way to get a signature made."""

    async def work(house: Watchword) -> None:
        key = await issued(house, Kind.HMAC)
        right = signed(house, key)
        wrong = [(name, "0" * 64 if name == "X-Signature" else value) for name, value in right]
        found = await explain(house, "GET", URL, wrong)
        assert found.signature is not None
        assert right[2][1] not in str(found.value())
        assert right[2][1] not in repr(found)

    playing(RULES, work)


def test_a_request_that_names_no_key_on_record_has_no_string_to_sign() -> None:
    async def work(house: Watchword) -> None:
        for fields in ([], [("X-API-Key", "hk_live_nobody")]):
            assert (await explain(house, "GET", URL, fields)).signature is None

    playing(RULES, work)
