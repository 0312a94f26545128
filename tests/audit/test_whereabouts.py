"""From which networks credentials are used, and how often that is written."""

from __future__ import annotations

import pytest

from watchword.audit.whereabouts import Use, Whereabouts
from watchword.model.usage import Origin

HOME, AWAY = "192.0.2.0/24", "198.51.100.0/24"


def told(whereabouts: Whereabouts, *uses: Use) -> tuple[list[Origin], list[Origin]]:
    found = whereabouts.of(uses)
    whereabouts.told(found[0])
    return found


def test_a_new_network_is_told_at_once_with_its_first_use() -> None:
    whereabouts = Whereabouts()
    first = Origin("key_1", HOME, 5, 9)
    assert told(whereabouts, Use("key_1", HOME, 7.5, 9.9), Use("key_1", HOME, 5.5, 6.0)) == ([first], [first])
    away = Origin("key_1", AWAY, 10, 10)
    assert told(whereabouts, Use("key_1", HOME, 10.0, 10.0), Use("key_1", AWAY, 10.0, 10.0)) == ([away], [away])


def test_a_known_network_is_told_again_once_a_minute() -> None:
    whereabouts = Whereabouts()
    told(whereabouts, Use("key_1", HOME, 0.0, 0.0))
    assert told(whereabouts, Use("key_1", HOME, 59.0, 59.0)) == ([], [])
    assert told(whereabouts, Use("key_1", HOME, 59.0, 61.0)) == ([Origin("key_1", HOME, 61, 61)], [])
    assert told(whereabouts, Use("key_1", HOME, 62.0, 62.0)) == ([], [])


def test_what_was_not_written_is_told_again() -> None:
    whereabouts = Whereabouts()
    use = Use("key_1", HOME, 1.0, 1.0)
    assert whereabouts.of([use]) == whereabouts.of([use]) == ([Origin("key_1", HOME, 1, 1)],) * 2


def test_each_proof_of_a_conjunction_has_its_networks_and_nobody_has_none() -> None:
    origins, _ = Whereabouts().of(
        [Use("fam_1+key_1", HOME, 1.0, 1.0), Use("+key_2", HOME, 1.0, 1.0), Use("key_3", "", 1.0, 1.0)]
    )
    assert [each.credential for each in origins] == ["fam_1", "key_1", "key_2"]


def test_a_caller_with_a_million_networks_fills_nothing() -> None:
    whereabouts = Whereabouts()
    written = 0
    for start in range(0, 5_000, 100):
        written += len(told(whereabouts, *(Use("key_1", f"n{start + n}", 1.0, 1.0) for n in range(100)))[0])
    assert written == 1_000
    assert told(whereabouts, Use("key_2", HOME, 1.0, 1.0))[1], "others are told as before"


def test_many_credentials_do_not_fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchword.audit.whereabouts._KEPT", 500)
    whereabouts = Whereabouts()
    for start in range(0, 2_000, 100):
        told(whereabouts, *(Use(f"key_{start + n}", HOME, 1.0, 1.0) for n in range(100)))
    assert len(whereabouts._told) <= 600
