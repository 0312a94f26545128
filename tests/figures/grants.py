"""A child that gives, redeems, refreshes and takes back until it is killed; on stdout it says what was acknowledged.

Before what can be done once only, it says that it begins it: what was cut short is either done or not.
"""

from __future__ import annotations

import asyncio
import random
import sys
from typing import Any

from tests.house import House
from tests.lifecycle.oauth.grants.stage import Stage, members
from watchword import Watchword


class _Real(House):
    """Run by the machine's own clock."""

    def __init__(self, watchword: Watchword) -> None:
        super().__init__(watchword, watchword.clock)  # type: ignore[arg-type]


async def staged(watchword: Watchword) -> Stage:
    """Return an application of this house's own."""
    return await Stage.of(_Real(watchword), token_format="opaque")


def _say(*words: str) -> None:
    print(*words, flush=True)


async def main(url: str, root_key: str, seed: int, acts: int) -> None:
    """Carry out ``acts`` acts; print one line before and one after each."""
    chance = random.Random(seed)
    watchword = Watchword(url, root_key=root_key, workers=1)
    await watchword.start()
    stage = await staged(watchword)
    _say("client", stage.client.id)
    codes: list[str] = []
    families: list[dict[str, Any]] = []
    for _ in range(acts):
        act = chance.choice(("code", "code", "redeem", "refresh", "refresh", "revoke"))
        if act == "redeem" and codes:
            code = codes.pop()
            _say("redeeming", code)
            families.append(members(await stage.redeemed(code)))
            _say("redeemed", code, families[-1]["access_token"], families[-1]["refresh_token"])
        elif act == "refresh" and families:
            before = families.pop(chance.randrange(len(families)))["refresh_token"]
            _say("refreshing", before)
            families.append(members(await stage.refreshed(before)))
            _say("refreshed", before, families[-1]["access_token"], families[-1]["refresh_token"])
        elif act == "revoke" and families:
            gone = families.pop()["refresh_token"]
            _say("revoking", gone)
            assert await watchword.oauth.inspection.revoke(gone, stage.client) is None
            _say("revoked", gone)
        else:
            codes.append(await stage.code())
            _say("code", codes[-1])
    _say("end")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
