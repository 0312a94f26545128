"""``kill -9`` while codes and tokens are given: each acknowledged one is good afterwards, and no code twice."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.figures.grants import staged
from tests.figures.test_crash import _killed_after, _whole
from tests.lifecycle.oauth.grants.stage import error, members
from watchword import Watchword
from watchword.codec.secrets import new_root_key
from watchword.model.credential import Credential


class Said:
    """Hold what a child acknowledged, and what it was at when it was killed."""

    def __init__(self, lines: list[list[str]]) -> None:
        self.client = next(line[1] for line in lines if line[0] == "client")
        done = {line[0]: [each[1:] for each in lines if each[0] == line[0]] for line in lines}
        ended = {"redeeming": "redeemed", "refreshing": "refreshed", "revoking": "revoked"}
        begun = {after: [each for (each,) in done.get(before, [])] for before, after in ended.items()}
        finished = {after: {each[0] for each in done.get(after, [])} for after in begun}
        self.cut = {each for after, all in begun.items() for each in all if each not in finished[after]}
        given = [each[1:] for name in ("redeemed", "refreshed") for each in done.get(name, [])]
        used = {each for name in ("refreshed", "revoked") for each in begun[name]}
        self.codes = {each for (each,) in done.get("code", [])} - set(begun["redeemed"])
        self.redeemed = finished["redeemed"]
        self.revoked = finished["revoked"]
        self.current = {refresh: access for access, refresh in given if refresh not in used}


async def _check(url: str, root_key: str, said: Said) -> None:
    watchword = Watchword(url, root_key=root_key)
    await watchword.start()  # as the next server would
    try:
        client = await watchword.store.credential(said.client)
        assert isinstance(client, Credential)
        stage = await staged(watchword)
        stage.client = client
        look = watchword.oauth.inspection.active
        for refresh, access in said.current.items():
            assert await look(access) is not None, "a token that was acknowledged is lost"
            members(await stage.refreshed(refresh))
        for code in said.codes:
            members(await stage.redeemed(code))
        for token in said.revoked:
            assert error(await stage.refreshed(token)) == "invalid_grant"
        for code in (*said.redeemed, *said.codes):
            assert error(await stage.redeemed(code)) == "invalid_grant", "a code was good twice"
        for cut in said.cut:
            answers = [await (stage.redeemed if cut.startswith("ac_") else stage.refreshed)(cut) for _ in range(2)]
            assert sum(isinstance(answer, dict) for answer in answers) <= 1, cut
        await _whole(watchword.store)
    finally:
        await watchword.stop()


def _rounds(tmp_path: Path, rounds: int, seed: int) -> None:
    chance, root_key = random.Random(seed), new_root_key()
    every: list[Said] = []
    for number in range(rounds):
        url = f"sqlite:///{tmp_path / f'{number}.db'}"
        after, pause = chance.randrange(60, 500), chance.uniform(0, 0.05)
        lines = _killed_after(url, root_key, number, after, child="grants", pause=pause)
        every.append(Said(lines))
        asyncio.run(_check(url, root_key, every[-1]))
    for what in ("current", "codes", "redeemed", "revoked"):  # at one kill there may be none of one of them
        assert any(getattr(said, what) for said in every), f"nothing was shown about {what}"


def test_three_kills_lose_nothing_acknowledged_and_give_nothing_twice(tmp_path: Path) -> None:
    """The short form of ``make soak``'s."""
    _rounds(tmp_path, 3, seed=6)


@pytest.mark.soak
def test_twenty_kills_lose_nothing_acknowledged_and_give_nothing_twice(tmp_path: Path) -> None:
    """Figure: 20 kills while codes and tokens are given, refreshed and taken back."""
    _rounds(tmp_path, 20, seed=7)
