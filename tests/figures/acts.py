"""A child that issues, rotates and revokes until it is killed, and says on stdout what was acknowledged."""

from __future__ import annotations

import asyncio
import random
import sys

from watchword import Watchword
from watchword.model.credential import Kind


async def main(url: str, root_key: str, seed: int, acts: int) -> None:
    """Carry out ``acts`` administrative acts; print one line after each is acknowledged."""
    chance = random.Random(seed)
    watchword = Watchword(url, root_key=root_key, workers=1)
    await watchword.start()
    lifecycle = watchword.lifecycle
    await lifecycle.add_subject(f"service:s{seed}", by="test")
    live: list[str] = []
    for _ in range(acts):
        act = chance.choice(("issue", "rotate", "revoke")) if live else "issue"
        if act == "issue":
            kind = chance.choice((Kind.API_KEY, Kind.HMAC, Kind.OAUTH_CLIENT))
            issued = await lifecycle.issue(kind, f"service:s{seed}", by="test")
            live.append(issued.credential.id)
            print("issue", issued.credential.id, flush=True)
        elif act == "rotate":
            id = live.pop(chance.randrange(len(live)))
            issued = await lifecycle.rotate(id, overlap=3600, by="test")
            live.append(issued.credential.id)
            print("rotate", id, issued.credential.id, flush=True)
        else:
            id = live.pop(chance.randrange(len(live)))
            await lifecycle.revoke(id, reason="test", by="test")
            print("revoke", id, flush=True)
    print("end", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
