"""The desk of operators: what is done now and then, and at the end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.house import House, played
from watchword.model.ports import Unavailable


@played
async def test_each_chore_says_what_is_broken_when_it_breaks(made: House) -> None:
    chores = made.watchword.operations.chores()
    assert len(chores) >= 4
    assert all("cannot be" in said for said in chores)
    for chore in chores.values():
        await chore()


@played
async def test_an_end_that_cannot_be_signed_is_said_and_holds_up_nothing(
    made: House,
) -> None:
    async def away() -> Any:
        raise Unavailable("away")

    before = made.watchword.operations.checkpoints.close
    made.watchword.operations.checkpoints.close = away  # type: ignore[method-assign]
    with pytest.MonkeyPatch.context() as patch:
        said: list[str] = []
        patch.setattr("watchword.lifecycle.operations.desk.logger.error", lambda text, *more: said.append(text % more))
        await made.watchword.operations.close()
    made.watchword.operations.checkpoints.close = before  # type: ignore[method-assign]
    assert said == ["the audit cannot be signed: away"]
