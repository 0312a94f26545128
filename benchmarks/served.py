"""Serve an application that answers 200 and nothing else, by uvicorn with the settings of `watchword serve`.

``python -m benchmarks.served PORT``.
"""

from __future__ import annotations

import sys
from typing import Any

import uvicorn

__all__ = ["empty"]


async def empty(scope: Any, receive: Any, send: Any) -> None:
    """Answer 200 and nothing else."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


if __name__ == "__main__":
    uvicorn.run(
        empty,
        port=int(sys.argv[1]),
        interface="asgi3",
        lifespan="on",
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
