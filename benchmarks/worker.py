"""One process of contestants: measure the one that the parent names, on one core, then wait for the next.

``python -m benchmarks.worker own|peers CORE``: a JSON object a line in (``{"name", "count"}``) and out.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import sys
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PACKAGES = (
    "starlette",
    "joserfc",
    "PyJWT",
    "cryptography",
    "PyNaCl",
    "uvicorn",
    "uvloop",
    "httptools",
    "SQLAlchemy",
    "pysqlite3",
)


def versions() -> dict[str, str]:
    """Return the versions of what is measured here."""
    found = {"Python": sys.version.split()[0]}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


async def serve(side: str) -> None:
    """Answer until the parent closes the pipe."""
    contestants = await importlib.import_module(f"benchmarks.{side}").contestants()
    say({"contestants": list(contestants), "versions": versions()})
    while line := sys.stdin.readline():
        order: dict[str, Any] = json.loads(line)
        contestant = contestants[order["name"]]
        await contestant.prepare(order["count"])
        gc.collect()
        gc.freeze()
        gc.disable()
        result = await contestant.run(order["count"])
        gc.enable()
        gc.unfreeze()
        say(asdict(result))


def say(answer: dict[str, Any]) -> None:
    """Write one line to the parent."""
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(sys.argv[2])})
    asyncio.run(serve(sys.argv[1]))
