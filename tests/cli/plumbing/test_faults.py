"""What went wrong, as a sentence, a hint and an exit code."""

from __future__ import annotations

import pytest

from watchword.cli.plumbing.faults import stop_for
from watchword.cli.plumbing.shell import Stop
from watchword.lifecycle.errors import LifecycleError
from watchword.model.ports import Unavailable
from watchword.policy import PolicyError
from watchword.stores.schema import SchemaOutdated


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (Stop("as it is", code=1), 1, "as it is"),
        (LifecycleError("there is no x", "did you mean y?"), 2, "there is no x"),
        (PolicyError("unknown scheme", "x"), 2, "policy: "),
        (SchemaOutdated("run it"), 2, "run it"),
        (Unavailable("PostgreSQL cannot be reached"), 3, "PostgreSQL cannot be reached"),
        (ModuleNotFoundError("no", name="uvicorn"), 2, "uvicorn is not installed"),
        (FileNotFoundError(2, "No such file or directory", "x.pem"), 2, "x.pem: No such file"),
        (ConnectionRefusedError(111, "Connection refused"), 3, "Connection refused"),
    ],
)
def test_known_errors(error: Exception, code: int, said: str) -> None:
    stop = stop_for(error)
    assert stop.code == code
    assert said in str(stop)


def test_a_fault_of_our_own_is_named_by_place_never_by_text() -> None:
    try:
        raise KeyError("hs_live_secret")
    except KeyError as error:
        stop = stop_for(error)
    assert stop.code == 3
    assert "KeyError at test_faults.py:" in str(stop)
    assert "hs_live" not in str(stop) + stop.hint
