"""Serve one of two applications by uvicorn with the same settings, on one core: an empty one, or the server.

``python -m benchmarks.served empty|check PORT CORE FOLDER``.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import uvicorn

__all__ = ["application"]


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


def application(name: str, folder: Path) -> Any:
    """Return the application; the server has one API key, written to ``key`` in the folder."""
    if name == "empty":
        return empty
    from benchmarks.own import BY, LIMIT, SCOPE
    from watchword import Watchword
    from watchword.codec.secrets import new_root_key
    from watchword.model.credential import Kind
    from watchword.server.app import create_app
    from watchword.server.settings import RouteTableEntry, Settings

    url, root_key, issuer = f"sqlite:///{folder / 'watchword.db'}", new_root_key(), "https://auth.example.com"

    async def seed() -> None:
        watchword = Watchword(url, root_key=root_key, issuer=issuer, workers=1)
        await watchword.start()
        await watchword.lifecycle.add_subject("service:shop", by=BY)
        key = await watchword.lifecycle.issue(Kind.API_KEY, "service:shop", by=BY, scopes=[SCOPE])
        await watchword.stop()
        (folder / "key").write_text(key.material["secret"])

    asyncio.run(seed())
    route = RouteTableEntry(path="/orders/{id}", accept="api-key", methods=("GET",), scopes=(SCOPE,), limit=LIMIT)
    watchword = Watchword(url, root_key=root_key, issuer=issuer, trusted_proxies=["127.0.0.0/8"], workers=1)
    return create_app(watchword, Settings(route=(route,)))


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(sys.argv[3])})
    uvicorn.run(
        application(sys.argv[1], Path(sys.argv[4])),
        port=int(sys.argv[2]),
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        backlog=2048,
    )
