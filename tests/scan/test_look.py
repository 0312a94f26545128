"""Looking into streams: blocks, lines, what lies across blocks, and access tokens that have ended."""

from __future__ import annotations

import io
import time

import pytest

from tests.codec.shapes.test_forms import jwt
from watchword.codec.secrets import new_id, new_secret
from watchword.scan import look as looking
from watchword.scan.finding import Finding
from watchword.scan.look import Look, merged


def findings(data: bytes, **options: float) -> list[Finding]:
    look = Look(clock=lambda: options.get("now", 0.0))
    return [each for each in look.into("a", io.BytesIO(data)) if isinstance(each, Finding)]


def test_a_secret_that_lies_across_blocks_is_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "_BLOCK", 40_000)
    text = new_secret("ak_live_")
    for at in [*range(39_950, 40_010), 0, 100_000, 200_000]:
        before = (b"x" * 98 + b" \n") * (at // 100) + b"y" * (at % 100)
        (finding,) = findings(before + text.encode() + b"\n" + b"z" * 50_000)
        assert (finding.text, finding.at) == (text, at)
        assert (finding.line, finding.column) == (at // 100 + 1, at % 100 + 1)


def test_a_column_counts_from_where_the_line_began(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "_BLOCK", 40_000)
    text = new_secret("ak_live_")
    (finding,) = findings(b"a\n" + b"-" * 150_000 + text.encode())
    assert (finding.line, finding.column) == (2, 150_001)


def test_each_of_many_is_found_at_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "_BLOCK", 40_000)
    planted = [new_secret("ws_") for _ in range(1_000)]
    found = findings("\n".join(f"{'-' * (number % 90)}{text}" for number, text in enumerate(planted)).encode())
    assert [each.text for each in found] == planted
    assert [each.line for each in found] == list(range(1, 1_001))
    assert [each.column for each in found] == [number % 90 + 1 for number in range(1_000)]


@pytest.mark.parametrize("end", [b"\n", b" "])
def test_a_secret_in_every_line_takes_linear_time(end: bytes) -> None:
    line = new_secret("ws_").encode() + end

    def seconds(count: int) -> float:
        started = time.process_time()
        assert len(findings(line * count)) == count
        return time.process_time() - started

    seconds(10)
    assert min(seconds(8_000) for _ in range(2)) < 8 * max(seconds(2_000) for _ in range(3)) + 0.05


def test_progress_counts_every_byte_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "_BLOCK", 40_000)
    counted: list[int] = []
    list(Look(progress=counted.append).into("a", io.BytesIO(bytes(123_456))))
    assert sum(counted) == 123_456


def test_an_access_token_that_has_ended_is_no_finding() -> None:
    token = jwt(new_id("sig_")).encode()
    assert len(findings(token, now=1_800_000_599)) == 1
    assert findings(token, now=1_800_000_600) == []


def test_columns_are_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    text, wide = new_secret("ak_live_"), "\u00e4" * 30_000
    for block in (40_000, 1 << 20):
        monkeypatch.setattr(looking, "_BLOCK", block)
        data = f"{wide} {text}\n\U0001f511\u00e4\u20ac {text} \u00e4 {text}".encode()
        found = findings(data)
        assert [(each.line, each.column) for each in found] == [(1, 30_002), (2, 5), (2, len(text) + 8)]


def test_versions_are_counted_and_places_are_kept_apart() -> None:
    (one,) = findings(new_secret("ak_live_").encode())
    assert len(findings(one.text.encode() * 2)) == len(merged(findings(one.text.encode() * 2))) == 2
    versions = [one.within("a", "c1"), one.within("a", "c2"), one.within("b", "c1"), one]
    kept = merged(versions)
    assert [(each.path, each.commit, each.times) for each in kept] == [("a", "c1", 2), ("b", "c1", 1), ("a", "", 1)]
