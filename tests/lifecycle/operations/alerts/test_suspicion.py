"""Suspicion: what is noted in a batch, and how little of it is kept."""

from __future__ import annotations

from typing import Any

from watchword.lifecycle.operations.alerts import suspicion as module
from watchword.lifecycle.operations.alerts.rules import AlertRules
from watchword.lifecycle.operations.alerts.suspicion import Suspicion
from watchword.model.usage import Observed, Origin, Tally

NOW = 1_790_000_040


def tally(**fields: Any) -> Tally:
    base = Tally(NOW, "key_1", "service:billing", "api-key", "GET /orders", "192.0.2.0/24", "refused", "expired", 1)
    return base._replace(**fields)


def noted(*tallies: Tally, origins: tuple[Origin, ...] = (), rules: AlertRules | None = None) -> list[str]:
    looking = Suspicion()
    looking.rules = rules or AlertRules()
    looking.look(Observed(tallies, fresh=origins))
    return [each.rule for each in looking.taken(100)]


def test_what_is_usual_is_not_noted() -> None:
    assert noted(tally(), tally(verdict="accepted", reason=""), tally(verdict="broken", reason="broken")) == [
        "still-used"
    ]
    assert noted(tally(decisions=12)) == []
    assert noted(tally(reason="skewed", decisions=1000)) == []


def test_a_workers_share_of_a_threshold_is_enough_for_a_look() -> None:
    assert noted(tally(decisions=13)) == ["refusals", "refusals"]
    assert noted(*(tally(start=NOW - 60 * n, decisions=3) for n in (4, 3, 2, 1, 0))) == ["refusals", "refusals"]
    assert noted(*(tally(start=NOW - 600 * n, decisions=3) for n in (4, 3, 2, 1, 0))) == []


def test_a_rule_that_is_off_notes_nothing() -> None:
    rules = AlertRules.of([{"rule": "revoked-used", "on": False}])
    assert noted(tally(reason="revoked")) == ["revoked-used"]
    assert noted(tally(reason="revoked"), rules=rules) == []


def test_networks_of_machines_alone_are_noted() -> None:
    origins = tuple(
        Origin(id, "192.0.2.0/24", NOW, NOW) for id in ("key_1", "hk_1", "crt_1", "cli_1", "ses_1", "fam_1")
    )
    assert noted(origins=origins) == ["new-network"] * 4


def test_a_candidate_waits_once() -> None:
    looking = Suspicion()
    for _ in range(5):
        looking.look(Observed([tally(reason="revoked")]))
    assert len(looking.taken(100)) == 1
    assert looking.taken(100) == []


def test_a_flood_of_names_fills_no_memory(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "_KEPT", 100)
    monkeypatch.setattr(module, "_QUEUE", 50)
    looking = Suspicion()
    for n in range(1000):
        looking.look(Observed([tally(credential=f"key_{n}", reason="revoked", network=f"10.{n % 256}.0.0/24")]))
        looking.look(Observed([tally(credential=f"key_{n}", verdict="accepted", reason="")]))
    assert len(looking._windows) <= 101
    assert len(looking._looked) <= 101
    rules = [each.rule for each in looking.taken(1000)]
    assert sorted(rules) == ["revoked-used"] * 50 + ["still-used"] * 50


def test_a_flood_for_one_rule_holds_up_no_other() -> None:
    looking = Suspicion()
    for n in range(5000):
        looking.look(Observed([tally(credential="", network=f"10.{n // 256}.{n % 256}.0/24", decisions=13)]))
    looking.look(Observed([tally(reason="revoked")]))
    assert [each.rule for each in looking.taken(2)] == ["refusals", "revoked-used"]
