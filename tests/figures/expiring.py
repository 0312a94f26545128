"""A child that gives out codes and tokens without end, lets time go by, and says on stdout what it holds.

``python -m tests.figures.expiring STORE COUNT``: a JSON object a line. With PYTHONMALLOC=malloc in its environment the
C library's allocator is at work, which gives back every free page: Python's own keeps a MiB as long as anything in it
lives, so that a dozen records that stay keep a dozen MiB.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import sys
from typing import Any

import psutil

from tests.house import House, house
from tests.lifecycle.oauth.grants.stage import Stage
from watchword.codec.secrets import new_root_key
from watchword.lifecycle.endings import KEPT, Endings
from watchword.lifecycle.operations.checkpoints import CheckpointRules
from watchword.lifecycle.tokens import Terms
from watchword.model.credential import Kind

EVERY = 500  # codes of which one is redeemed, and its token refreshed: families alone stay on record
STEP = 0.25  # seconds between two codes
WHOLE = 3


def _settle() -> None:
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL("libc.so.6").malloc_trim(0)  # what is free is the machine's again, so that RSS is what is held


def _sizes(store: Any) -> dict[str, int]:
    """Return how many short-lived values there are, and, of a file, its pages and those that are free."""
    if hasattr(store, "_values"):
        return {"values": len(store._values), "ends": len(store._value_ends)}
    read = store._ephemeral._writer.execute
    rows = [read(text).fetchone()[0] for text in ("SELECT count(*) FROM value", "PRAGMA page_count")]
    return {"values": rows[0], "pages": rows[1]}


async def _say(opened: House, what: str) -> None:
    store = opened.watchword.store
    if hasattr(store, "_values"):
        store._log.batches.clear()  # the audit keeps everything, here in memory: that is no leftover
    _settle()
    kinds = [len(await store.credentials(kind=kind, limit=100_000)) for kind in (Kind.REFRESH, Kind.SESSION)]
    rss = psutil.Process().memory_info().rss
    told = {"what": what, "rss": rss, "blocks": sys.getallocatedblocks(), "records": sum(kinds), **_sizes(store)}
    print(json.dumps(told), flush=True)


async def _give(opened: House, stage: Stage, count: int) -> None:
    """Give out so many codes and opaque access tokens; redeem and refresh a few."""
    tokens, terms = opened.watchword.tokens, Terms(frozenset({"a"}))
    for number in range(count):
        code = await stage.code()
        await tokens.for_client(stage.client, terms)
        opened.clock.now += STEP
        if number % EVERY == 0:
            given: Any = await stage.redeemed(code)
            given = await stage.refreshed(given["refresh_token"])
            assert len(given) >= WHOLE, given


async def _pass(opened: House, endings: Endings) -> None:
    """Let everything end, and be forgotten, as the upkeep does it bit by bit."""
    opened.clock.now += 40 * 86_400 + KEPT
    left = 1
    while left:
        await endings.run()
        endings._values_at = endings._records_at = float("-inf")
        walked = endings._kind == 0 and not endings._after
        left = _sizes(opened.watchword.store)["values"] or (0 if walked else 1)
    for _ in range(8):
        endings._records_at = float("-inf")
        await endings.run()


async def main(store: str, count: int) -> None:
    """Give out twice ``count`` codes and as many tokens, and say what is held before, between and after."""
    async with house(store, root_key=new_root_key()) as opened:
        if store == "memory:" and sys.getallocatedblocks():  # the audit's checkpoints stay; see above what each keeps
            opened.watchword.operations.checkpoints.rules = CheckpointRules(every=0)
        stage = await Stage.of(opened, token_format="opaque")
        endings = Endings(opened.watchword.store, opened.watchword.store.forget, clock=opened.clock)
        await _give(opened, stage, 2_000)
        await _pass(opened, endings)
        await _say(opened, "before")
        for time in ("once", "twice"):
            stage = await Stage.of(opened, token_format="opaque")
            await _give(opened, stage, count)
            await _say(opened, f"given {time}")
            await _pass(opened, endings)
            await _say(opened, f"ended {time}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
