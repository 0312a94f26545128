"""A client for what strangers name, made when it is needed."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from watchword.model.ports import Unavailable
from watchword.server.late import LateOutward


def test_it_fetches_as_outward_does_and_closes() -> None:
    async def twice() -> None:
        fetch = LateOutward(["private.example"])
        await fetch.close()
        for _ in range(2):
            with pytest.raises(Unavailable, match="SpecialUseAddress"):
                await fetch("https://127.0.0.1:1/")
        with pytest.raises(Unavailable, match="ConnectError"):
            await LateOutward(["127.0.0.1"])("https://127.0.0.1:1/", data={"a": "b"})
        await fetch.close()
        await fetch.close()

    asyncio.run(twice())


def test_until_then_no_http_client_is_loaded() -> None:
    code = "import sys, watchword.server.late; sys.exit('httpx2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
