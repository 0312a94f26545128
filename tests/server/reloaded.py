"""A server's folder, its Watchword, and what reloads it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from watchword.codec.secrets import new_root_key
from watchword.lifecycle.certificates import issue_server_certificate, new_ca
from watchword.server.config.load import load, watchword_of
from watchword.server.reloading import Reloading
from watchword.server.tls import LiveTls

NOW = time.time()
TOML = """
[store]
url = "sqlite:///w.db"
[root_key]
file = "root"
[mail]
server = "localhost:25"
sender = "a@example.com"
username = "me"
password = { file = "mail" }
[rotation]
api_key = "90d"
"""
TLS = '[server.tls]\ncertificate = "server.pem"\nprivate_key = "server.key"\nclient_ca = "{client_ca}"\n'
OLD, NEW = new_root_key(), new_root_key()


class Place:
    """Hold a server's folder, its Watchword and what reloads it."""

    def __init__(self, folder: Path, toml: str = TOML, *, tls: bool = False, client_ca: str = "watchword") -> None:
        self.folder = folder
        self.write("root", OLD + "\n")
        self.write("mail", "first")
        if tls:
            self.certify()
        self.write("watchword.toml", toml + (TLS.format(client_ca=client_ca) if tls else ""))
        self.settings = load(folder / "watchword.toml")
        self.watchword = watchword_of(self.settings, workers=1)
        self.live = LiveTls(folder / "server.pem", folder / "server.key", new_ca("Old", NOW)[0]) if tls else None
        self.reloading = Reloading(self.watchword, self.settings, self.live, every=3600.0)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def certify(self) -> None:
        pem, key, _ = issue_server_certificate(*new_ca("Test", NOW), ["localhost"], NOW, NOW + 86400)
        (self.folder / "server.pem").write_bytes(pem)
        (self.folder / "server.key").write_bytes(key)

    @property
    def mail(self) -> str:
        kept = self.settings.secret("mail.password")
        assert kept is not None
        return kept()

    async def acts(self) -> list[tuple[str, str]]:
        events = [event for _, event in await self.watchword.store.events(limit=1000)]
        return [(event.outcome, event.detail) for event in events if event.action == "reload"]


def play(place: Place, test: Callable[[Place], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        await place.watchword.start()
        try:
            await place.reloading.start()
            await test(place)
        finally:
            await place.reloading.stop()
            await place.watchword.stop()

    asyncio.run(run())
