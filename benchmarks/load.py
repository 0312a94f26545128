"""Load a server: keep-alive connections over raw sockets, one request after the other on each.

``python -m benchmarks.load PORT CONNECTIONS SECONDS CORE``: the request on stdin, requests a second on stdout.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import cast

import uvloop

__all__ = ["drive"]


class Connection(asyncio.Protocol):
    """Send the next request when the answer to the one before is complete."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._received = b""
        self.count = 0
        self.failed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Count whole answers: the header, and as much content as it says."""
        received = self._received + data if self._received else data
        end = received.find(b"\r\n\r\n")
        if end < 0 or len(received) < end + 4 + _length(received[:end]):
            self._received = received
            return
        self._received = b""
        self.count += 1
        if not received.startswith(b"HTTP/1.1 200"):
            self.failed += 1
        self._transport.write(self._request)


def _length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    return int(head[at + 15 :].partition(b"\r\n")[0]) if at >= 0 else 0


async def drive(port: int, connections: int, seconds: float, request: bytes) -> float:
    """Return requests a second over ``seconds``, after a tenth of that to warm up."""
    loop = asyncio.get_running_loop()
    opened = [await loop.create_connection(lambda: Connection(request), "127.0.0.1", port) for _ in range(connections)]
    protocols = [protocol for _, protocol in opened]
    await asyncio.sleep(seconds / 10)
    before, started = sum(each.count for each in protocols), time.perf_counter()
    await asyncio.sleep(seconds)
    done, took = sum(each.count for each in protocols) - before, time.perf_counter() - started
    failed = sum(each.failed for each in protocols)
    for transport, _ in opened:
        transport.close()
    if failed or not done:
        raise SystemExit(f"{failed} of {done} requests were not answered with 200")
    return done / took


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(sys.argv[4])})
    print(uvloop.run(drive(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.stdin.buffer.read())))
