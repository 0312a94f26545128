"""A child whose gate judges callers of all sorts until it is killed; on stdout it says how many it has written."""

from __future__ import annotations

import asyncio
import random
import sys

from watchword import Watchword
from watchword.codec.passwords import Cost
from watchword.model.credential import Kind
from watchword.model.request import Peer, Request


async def main(url: str, root_key: str, seed: int, rounds: int) -> None:
    """Judge ``rounds`` times some hundred requests and write what was judged; print a line after each round."""
    chance = random.Random(seed)
    watchword = Watchword(url, root_key=root_key, workers=1, password_cost=Cost(memory=64, passes=1))
    await watchword.start()
    name, keys = f"service:s{seed}", []
    await watchword.lifecycle.add_subject(name, by="test")
    for _ in range(3):
        issued = await watchword.lifecycle.issue(Kind.API_KEY, name, by="test")
        keys.append(issued.material["secret"].encode())
    route = watchword.route("api-key", limit="100000/min")
    for written in range(rounds):
        for _ in range(chance.randrange(1, 300)):
            key = chance.choice([*keys, b"ak_live_nonsense"])
            peer = Peer(f"192.0.{chance.randrange(3)}.{chance.randrange(9)}", tls=True)
            path = b"/orders/%d" % chance.randrange(5)
            fields = [(b"host", b"api.example"), (b"authorization", b"Bearer " + key)]
            await watchword.gate.decide(Request("GET", path, b"", fields, peer), route)
        print("written", written, flush=True)  # the upkeep's thread writes beside: the kill may come within a batch
    print("end", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
