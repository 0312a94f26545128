"""Alerts in memory; what they promise is in ``test_alerts``."""

from __future__ import annotations

from watchword.model.alerts import Alert
from watchword.stores.memory import MemoryStore
from watchword.sync import run_sync


def test_what_is_kept_does_not_change_with_what_was_given() -> None:
    store, detail = MemoryStore(), {"count": 1}
    run_sync(store.alerts.add(Alert("alr_1", 1, "test", "low", "k", detail=detail)))
    detail["count"] = 2
    found = run_sync(store.alerts.alert("alr_1"))
    assert found is not None
    assert found.detail == {"count": 1}
