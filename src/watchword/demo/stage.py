"""Set the demo up in a folder of its own, serve it over TLS from a thread, and leave nothing behind."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from watchword.app import Watchword
from watchword.codec.secrets import new_root_key
from watchword.demo.orders import ROUTES_TOML, DemoApp
from watchword.demo.seed import Seeds, sow

__all__ = ["LISTEN", "Stage", "free", "listening", "staged"]

LISTEN: Final = "127.0.0.1:8443"

_PREFIX: Final = "WATCHWORD_"
_START_SECONDS: Final = 20.0
_TOML: Final = """\
# The demo's configuration: written when it starts, removed when it ends.
issuer = "{url}"

[server]
listen = "{listen}"

[server.tls]
certificate = "server.pem"
private_key = "server.pem"
client_ca = "watchword"           # client certificates of our own CA, for who has one

[store]
url = "sqlite:///watchword.db"

[root_key]
file = "root.key"

[tokens]
access = "12h"                    # so that the lines to paste work as long as the demo serves

[sessions]
idle = "12h"
absolute = "24h"

"""

T = TypeVar("T")


class Stage:
    """Hold a demo that serves: where it answers, its folder, its callers, and an office to administer it from."""

    def __init__(self, url: str, folder: Path, seeds: Seeds) -> None:
        self.url = url
        self.folder = folder
        self.seeds = seeds
        self._runner = asyncio.Runner()
        self._office: Watchword | None = None

    def office(self, work: Callable[[Watchword], Awaitable[T]]) -> T:
        """Do ``work`` with the demo's store as another process does: the server learns of it from the feed alone."""
        return self._runner.run(self._within(work))

    async def _within(self, work: Callable[[Watchword], Awaitable[T]]) -> T:
        if self._office is None:
            from watchword.server.config.load import load, watchword_of

            self._office = watchword_of(load(self.folder / "watchword.toml"), workers=1)
            await self._office.start()
        return await work(self._office)

    def close(self) -> None:
        """Close the office."""
        if self._office is not None:
            self._runner.run(self._office.stop())
        self._runner.close()


def listening(listen: str) -> tuple[socket.socket, str]:
    """Bind HOST:PORT (port 0: a free one) and return the socket and the base URL. Raise OSError, LifecycleError."""
    from watchword.server.config.values import address_of

    host, port = address_of(listen)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(128)
    except OSError:
        bound.close()
        raise
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - where that one is asked
    return bound, f"https://{f'[{shown}]' if ':' in shown else shown}:{bound.getsockname()[1]}"


@contextmanager
def staged(bound: socket.socket, url: str) -> Iterator[Stage]:
    """Serve the demo on a bound socket for as long as the context lasts."""
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(_PREFIX)}
    folder = Path(tempfile.mkdtemp(prefix="ww-"))
    logger = logging.getLogger("watchword")
    level = logger.level
    logger.setLevel(logging.ERROR)  # forgeries raise alerts, as they should: nobody has to look after these
    try:
        with bound, _served(bound, url, folder) as seeds:
            stage = Stage(url, folder, seeds)
            try:
                yield stage
            finally:
                stage.close()
    finally:
        logger.setLevel(level)
        shutil.rmtree(folder, ignore_errors=True)
        os.environ.update(hidden)


@contextmanager
def _served(bound: socket.socket, url: str, folder: Path) -> Iterator[Seeds]:
    import uvicorn

    from watchword.server.app import create_app
    from watchword.server.config.load import load, watchword_of
    from watchword.server.tls import serve_kwargs

    seeds = asyncio.run(_sown(url, folder))
    settings = load(folder / "watchword.toml")
    house = watchword_of(settings, workers=1)
    pem = str(folder / "server.pem")
    secured: dict[str, Any] = serve_kwargs(pem, pem, (folder / "ca.pem").read_bytes())
    app = DemoApp(create_app(house, settings), house)
    config = uvicorn.Config(
        app,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
        **secured,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, name="watchword-demo")
    thread.start()
    try:
        _await_start(server, thread)
        yield seeds
    finally:
        server.should_exit = True
        thread.join()


def _await_start(server: Any, thread: threading.Thread) -> None:
    pause = threading.Event()
    waited = 0.0
    while not server.started:
        if not thread.is_alive() or waited > _START_SECONDS:
            raise RuntimeError("the demo's server did not start")
        pause.wait(0.02)
        waited += 0.02


async def _sown(url: str, folder: Path) -> Seeds:
    """Write the configuration and fill the store."""
    from urllib.parse import quote, urlsplit

    parts = urlsplit(url)
    (folder / "watchword.toml").write_text(_TOML.format(url=url, listen=parts.netloc) + ROUTES_TOML)
    root_key = new_root_key()
    path = folder / "root.key"
    path.touch(mode=0o600)
    path.write_text(root_key + "\n")
    house = Watchword(f"sqlite:///{quote(str(folder / 'watchword.db'))}", root_key=root_key, issuer=url, workers=1)
    await house.start()
    try:
        return await sow(
            house, folder, list(dict.fromkeys(("localhost", "127.0.0.1", "::1", parts.hostname or "localhost")))
        )
    finally:
        await house.stop()


def free(listen: str) -> bool:
    """Return whether HOST:PORT can be listened on."""
    try:
        listening(listen)[0].close()
    except OSError:
        return False
    return True
