"""What third parties import is there under one name."""

from __future__ import annotations

from watchword.testing import stores


def test_every_suite_is_offered_and_holds_tests() -> None:
    suites = [getattr(stores, name) for name in stores.__all__ if name.endswith("Suite") and name != "StoreSuite"]
    assert len(suites) == 5
    for suite in suites:
        assert issubclass(suite, stores.StoreSuite)
        assert [name for name in vars(suite) if name.startswith("test_")]
        assert any(name.startswith("test_race_of_") for name in vars(suite))
