"""Each advised shell snippet runs under sh, against a server that is guarded by the advised block."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.advise.snippets.running import check, ran
from tests.advise.snippets.served import KINDS, Served


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_let_in_as_the_scheme_that_was_advised(served: Served, desk: Path, kind: str, method: str) -> None:
    script = served.advice[kind, method].snippet["curl"]
    (desk / ".curlrc").write_text("silent\nshow-error\nmax-time = 10\n")
    check(ran(["sh", "-eu", "-c", script], served, kind, desk), served, kind, method)


def test_no_secret_stands_in_it(served: Served) -> None:
    for (kind, _), advice in served.advice.items():
        for value in served.environment[kind].values():
            assert value not in advice.snippet["curl"]
