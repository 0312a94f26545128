"""A stage that serves, for the tests of one module: scripts take things back, so modules do not share one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from watchword.demo.courier import Courier
from watchword.demo.script import Cast, Script
from watchword.demo.stage import Stage, listening, staged
from watchword.demo.trial import Verdict, judged


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    bound, url = listening("127.0.0.1:0")
    with staged(bound, url) as stage:
        yield stage


@pytest.fixture(scope="module")
def courier(stage: Stage) -> Iterator[Courier]:
    with Courier(stage.url, stage.folder) as courier:
        yield courier


@pytest.fixture
def play(stage: Stage, courier: Courier) -> Callable[[str, Callable[[Cast], Script]], list[Verdict]]:
    """Return what plays one script and hands back its verdicts."""

    def played(scheme: str, script: Callable[[Cast], Script]) -> list[Verdict]:
        return next(judged(stage, courier, {scheme: script}))

    return played
