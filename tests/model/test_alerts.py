"""Alerts are values."""

from __future__ import annotations

from watchword.model.alerts import Alert


def test_a_change_is_the_next_version() -> None:
    alert = Alert("alr_1", 1, "test", "low", "k")
    changed = alert.changed(told_at=5)
    assert (changed.version, changed.told_at, alert.told_at) == (2, 5, None)
