"""Run the real server in this process, on a socket of loopback, for tests that speak HTTP to it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import uvicorn

from watchword.app import Watchword
from watchword.codec.passwords import Cost
from watchword.codec.secrets import new_root_key
from watchword.lifecycle.verbs import Issued
from watchword.model.credential import Kind
from watchword.model.records import Event
from watchword.server.app import create_app
from watchword.server.config.load import load, watchword_of
from watchword.server.serve import ServerProtocol

T = TypeVar("T")

PASSWORD = "correct horse battery staple"


class Live:
    """One server, its Watchword, and the loop that both live in."""

    def __init__(self, folder: Path, toml: str = "", *, send_mail: Any = None, **more: Any) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(128)
        self.port = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = folder / "watchword.toml"
        toml = toml.replace("{url}", self.url).replace("{port}", str(self.port))
        self.config.write_text(toml if "[store]" in toml else toml + '\n[store]\nurl = "sqlite:///live.db"\n')
        self.settings = load(self.config)
        more.setdefault("root_key", new_root_key())
        self.watchword: Watchword = watchword_of_cheap(self.settings, **more)
        self.app = create_app(self.watchword, self.settings, send_mail=send_mail)
        config = uvicorn.Config(
            self.app,
            http=ServerProtocol,
            ws="none",
            lifespan="on",
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_level="warning",
        )
        self._server = uvicorn.Server(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        async def main() -> None:
            self._loop = asyncio.get_running_loop()
            await self._server.serve(sockets=[self.socket])

        asyncio.run(main())

    def start(self) -> Live:
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._server.started:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.01)
        return self

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(20)
        assert not self._thread.is_alive()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine where the server runs."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    def user(self, name: str, *, scopes: tuple[str, ...] = ()) -> Issued:
        self.do(self.watchword.lifecycle.add_subject(f"user:{name}", by="test"))
        return self.issue(Kind.PASSWORD, f"user:{name}", scopes=scopes, options={"password": PASSWORD})

    def service(self, name: str) -> str:
        return self.do(self.watchword.lifecycle.add_subject(f"service:{name}", by="test")).name

    def issue(self, kind: Kind, subject: str, **more: Any) -> Issued:
        return self.do(self.watchword.lifecycle.issue(kind, subject, by="test", **more))

    def client(self, **more: Any) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, trust_env=False, **more)

    def events(self) -> list[Event]:
        """Return what the audit holds, after what waits was written."""
        deadline = time.monotonic() + 5
        while len(self.watchword.audit) and time.monotonic() < deadline:
            time.sleep(0.02)
        return [event for _, event in self.do(self.watchword.store.events())]

    def last(self) -> Event:
        return self.events()[-1]

    def by_reference(self, reference: str) -> Event:
        return next(event for event in self.events() if event.reference == reference)


def watchword_of_cheap(settings: Any, **more: Any) -> Watchword:
    """Return the Watchword of the settings, with hashing that costs tests nothing."""
    return watchword_of(settings, workers=1, password_cost=Cost(memory=64, passes=1), **more)


@contextlib.contextmanager
def live(folder: Path, toml: str = "", **more: Any) -> Iterator[Live]:
    server = Live(folder, toml, **more).start()
    try:
        yield server
    finally:
        server.stop()
