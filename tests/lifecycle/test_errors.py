"""What operators are told."""

from __future__ import annotations

from watchword.lifecycle.errors import LifecycleError


def test_an_error_has_a_message_and_a_hint() -> None:
    error = LifecycleError("wrong", "do this")
    assert (str(error), error.hint) == ("wrong", "do this")
    assert LifecycleError("wrong").hint == ""
    assert isinstance(error, ValueError)
