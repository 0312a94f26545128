"""A child that turns signing keys over whenever it is asked to on stdin, on a clock that stdin sets."""

from __future__ import annotations

import asyncio
import sys

from watchword import Watchword


async def main(url: str, root_key: str) -> None:
    """Read a time a line; take whatever step is due then and print the ids of the keys that are published."""
    now = [float(sys.stdin.readline())]
    watchword = Watchword(url, root_key=root_key, workers=2, clock=lambda: now[0])
    await watchword.start()
    print("ready", flush=True)
    for line in sys.stdin:
        now[0] = float(line)
        await watchword.signing.run()
        await watchword.keys.load()
        print(watchword.keys.signing_key().kid, *(key["kid"] for key in watchword.keys.jwks()["keys"]), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
