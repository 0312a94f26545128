"""Proving beside others that write, sign and cut; the attacks are in ``tests/figures/test_tampering.py``."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.house import House, played
from watchword.lifecycle.operations.checkpoints import CheckpointRules
from watchword.model.records import Event

DAY = 86400


async def write(made: House, count: int = 3) -> None:
    for _ in range(count):
        await made.watchword.store.append([Event(made.clock(), "decide", "accepted", subject="user:alice")])


@played
async def test_an_empty_log_is_whole(made: House) -> None:
    proof = await made.watchword.operations.checkpoints.prove()
    assert proof.flaws == ()
    assert (proof.held, proof.covered) == (0, 0)
    assert proof.unsigned > 0  # the server's own keys were issued


@played
async def test_what_was_not_signed_yet_is_counted(made: House) -> None:
    checkpoints = made.watchword.operations.checkpoints
    await checkpoints.sign()
    await write(made, 4)
    proof = await checkpoints.prove()
    assert (proof.unsigned, proof.held, proof.covered_at) == (4, 1, int(made.clock()))


@played
async def test_a_cut_in_the_middle_of_a_walk_is_no_flaw(made: House) -> None:
    checkpoints, records = made.watchword.operations.checkpoints, made.watchword.store.checkpoints
    for _ in range(4):
        await write(made)
        await checkpoints.sign()
        made.clock.now += DAY
    checkpoints.rules = CheckpointRules(every=0, keep=2 * DAY)
    walk: Any = records.flaws
    turns = 0

    async def cut_first(*arguments: Any) -> Any:
        nonlocal turns
        turns += 1
        if turns == 1:
            records.flaws = walk
            await checkpoints.run()
            records.flaws = cut_first
        return await walk(*arguments)

    records.flaws = cut_first
    proof = await checkpoints.prove()
    assert proof.flaws == ()
    assert proof.begins > 0
    assert turns == 2


@played
async def test_a_cut_between_two_pages_of_checkpoints_is_no_flaw(made: House) -> None:
    checkpoints, records = made.watchword.operations.checkpoints, made.watchword.store.checkpoints
    for _ in range(8):
        await write(made)
        await checkpoints.sign()
        made.clock.now += DAY
    checkpoints.rules = CheckpointRules(every=0, keep=4 * DAY)
    page: Any = records.page
    pages = 0

    async def by_two(after: int = 0, limit: int = 200) -> Any:
        nonlocal pages
        found = await page(after, min(limit, 2))
        pages += 1
        if pages == 1:
            records.page = page
            for _ in range(3):
                await checkpoints.run()
                checkpoints._next = checkpoints._next_cut = float("-inf")
            records.page = by_two
        return found

    records.page = by_two
    proof = await checkpoints.prove()
    assert proof.flaws == ()
    assert proof.begins > 0
    assert (await page(0))[0].number > 2, "what the first page had is gone"


@played
async def test_writers_and_signers_go_on_meanwhile(made: House) -> None:
    checkpoints = made.watchword.operations.checkpoints

    async def go_on() -> None:
        for _ in range(20):
            await write(made, 1)
            await checkpoints.sign()
            await asyncio.sleep(0)

    async def prove() -> None:
        for _ in range(20):
            assert (await checkpoints.prove()).flaws == ()
            await asyncio.sleep(0)

    await asyncio.gather(go_on(), prove())
