"""Rotate each kind of credential under traffic: nobody who behaves well is refused."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.figures.house import House
from tests.figures.traffic import CALLERS, Caller, engaged, keep_calling
from watchword import Watchword
from watchword.cli import main
from watchword.codec.x509 import der_of
from watchword.model.credential import Kind, State
from watchword.server.config.sources import Source

RATE = 200
SEEN = 12  # new connections that get the new certificate, one after the other
KEYS = '[tokens]\nkey_rotation = "30d"'
Rotate = Callable[[House, Watchword, list[Caller]], Awaitable[None]]


def _of(kind: Kind) -> Rotate:
    async def rotate(house: House, watchword: Watchword, callers: list[Caller]) -> None:
        """One of the two takes the successor at once, the other one goes on with the old one."""
        mine = [each for each in callers if each.issued.credential.kind is kind and isinstance(each, CALLERS[kind])]
        old = max((each.issued.credential for each in mine), key=lambda each: each.replaces is not None)
        rotated = await watchword.operations.rotation.rotate(old.id, overlap=3600, by="test")
        mine[0].take(rotated.issued)

    return rotate


async def _signing_key(_: House, watchword: Watchword, __: list[Caller]) -> None:
    await watchword.signing.rotate(by="test")


async def _ca(_: House, watchword: Watchword, __: list[Caller]) -> None:
    await watchword.operations.rotation.rotate_ca(by="test")


async def _by_the_new_ca(_: House, watchword: Watchword, callers: list[Caller]) -> None:
    """Give one of the two a certificate of the CA that has issued for a moment; who has the old one keeps it."""
    (newest,) = [ca for ca in await watchword.operations.authorities.trusted() if ca.replaced_by is None]
    while newest.state(watchword.clock()) is State.PENDING:
        await asyncio.sleep(0.1)
    issued = await watchword.lifecycle.issue(Kind.CLIENT_CERT, "service:by-client-cert", by="test")
    assert issued.credential.detail["authority"] == newest.id
    next(each for each in callers if isinstance(each, CALLERS[Kind.CLIENT_CERT])).take(issued)


async def _root_key(house: House, _: Watchword, __: list[Caller]) -> None:
    said = io.StringIO()
    with contextlib.redirect_stderr(said):  # a thread of its own, as another interpreter takes a second to begin
        command = ["--config", str(house.folder / "watchword.toml"), "rotate", "root-key", "--again"]
        assert await asyncio.to_thread(main, command) == 0, said.getvalue()


async def _tls(house: House, _: Watchword, __: list[Caller]) -> None:
    """Renew the server's own certificate, and tell the supervisor; new connections see it, on both workers."""
    before = (house.folder / "server.pem").read_bytes()
    await house._certify()
    assert (house.folder / "server.pem").read_bytes() != before
    os.kill(house.pid, signal.SIGHUP)
    async with asyncio.timeout(60):
        while house.output().count("the configuration was read again") < house.workers:
            await asyncio.sleep(0.05)
    renewed, seen = der_of((house.folder / "server.pem").read_bytes()), 0
    async with asyncio.timeout(60):
        while seen < SEEN:  # one worker may have said it twice, for the file and for the signal
            served = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", house.port))
            seen = seen + 1 if der_of(served.encode()) == renewed else 0


ROTATIONS: dict[str, Rotate] = {
    "tls": _tls,
    "ca": _ca,
    **{kind.value: _of(kind) for kind in CALLERS},
    "signing-key": _signing_key,
    "root-key": _root_key,
    "api-key after the root key": _of(Kind.API_KEY),
    "hmac after the root key": _of(Kind.HMAC),
    "client-cert of the new ca": _by_the_new_ca,
}


async def _under_traffic(house: House, names: list[str], seconds: float, rate: float) -> int:
    """Do these rotations one after the other while all call; return how many requests there were."""
    async with house.operator() as watchword:
        watchword.sealer.reread = lambda: Source("env", "WATCHWORD_ROOT_KEY").read(house.folder)
        callers = await engaged(house, watchword)
        over = asyncio.Event()
        traffic = asyncio.ensure_future(keep_calling(callers, rate, over))
        try:
            while not all(caller.answered for caller in callers):  # it has begun
                await asyncio.sleep(0.05)
            for name in names:
                await asyncio.sleep(seconds / 2)
                await ROTATIONS[name](house, watchword, callers)
                await asyncio.sleep(seconds / 2)
                assert [each for caller in callers for each in caller.refused] == [], name
        finally:
            over.set()
            await traffic
            for caller in callers:
                caller.close()
        assert [each for caller in callers for each in caller.refused] == []
        assert min(caller.sent for caller in callers) > 0
        return sum(caller.sent for caller in callers)


@pytest.mark.processes
def test_nobody_is_refused_while_anything_is_rotated(tmp_path: Path) -> None:
    """The short form: every kind in one server, a rotation every half second."""
    with House(tmp_path / "house", tls=True, more=KEYS) as house:
        assert asyncio.run(_under_traffic(house, list(ROTATIONS), 0.3, 40)) > 60


@pytest.mark.soak
@pytest.mark.parametrize("name", ["tls", "ca", *(kind.value for kind in CALLERS), "signing-key", "root-key"])
def test_nobody_is_refused_in_twenty_seconds_around_a_rotation(name: str, tmp_path: Path) -> None:
    """Figure: 0 of about 4,000 requests refused in 20 s at 200 a second, 2 workers, for each kind of rotation."""
    with House(tmp_path / "house", tls=True, more=KEYS) as house:
        names = [name, "client-cert of the new ca"] if name == "ca" else [name]
        sent = asyncio.run(_under_traffic(house, names, 20.0 / len(names), RATE))
        print(f"\n{name}: {sent} requests, none refused")
        assert sent > 2000
