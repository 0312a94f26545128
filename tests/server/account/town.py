"""A live server with a letter box: what it mails is kept here."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
from tests.server.live import PASSWORD, Live

from watchword.server.account.mail import Letter

__all__ = ["OTHER", "PASSWORD", "Town", "town"]

OTHER = "quite another horse in the stable"
OPEN = '[accounts]\nsign_up = "open"\nscopes = ["orders:read"]\nlimit = "1000/min"\nmails = "1000/min"\n'


class Town(Live):
    """Keep the letters that a live server sends."""

    def __init__(self, folder: Path, toml: str = OPEN, **more: Any) -> None:
        self.letters: list[Letter] = []
        super().__init__(folder, toml, send_mail=self._keep, **more)

    async def _keep(self, letter: Letter) -> None:
        self.letters.append(letter)

    def letter(self, to: str = "") -> Letter:
        """Return the last letter (to somebody), and wait for it."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            found = [each for each in self.letters if each.to == to or not to]
            if found:
                self.letters.remove(found[-1])
                return found[-1]
            time.sleep(0.005)
        raise AssertionError(f"no letter came to {to or 'anybody'}")

    def settled(self) -> list[Letter]:
        """Return what was sent once nothing waits any more."""
        self.do(self.app.post.outbox.drained())
        return self.letters

    def browser(self, **more: Any) -> Browser:
        return Browser(self, **more)


class Browser:
    """Behave as a browser does: cookies, Origin, and the form's hidden token."""

    def __init__(self, town: Town, language: str = "") -> None:
        headers = {"origin": town.url, "accept": "text/html"}
        self.http = town.client(headers=headers | ({"accept-language": language} if language else {}))

    def get(self, path: str) -> httpx2.Response:
        return self.http.get(path)

    def submit(self, path: str, **fields: str) -> httpx2.Response:
        """Open the page, fill in the form, send it."""
        page = self.get(path)
        assert page.status_code == 200, page.text
        hidden = dict(
            re.findall(r'<input type="hidden" name="(\w+)"(?: autocomplete="\w+")? value="([^"]*)">', page.text)
        )
        return self.http.post(path.partition("?")[0], data={**hidden, **fields})

    def log_in(self, name: str, password: str = PASSWORD) -> Browser:
        done = self.submit("/login", username=name, password=password)
        assert done.status_code == 303, done.text
        return self


def link_in(letter: Letter) -> str:
    """Return path and query of the one link in a letter."""
    found = re.findall(r"https?://[^/\s]+(/\S*\?token=lk_\w+)", letter.text)
    assert len(found) == 1, letter.text
    return str(found[0])


def token_in(letter: Letter) -> str:
    return link_in(letter).partition("?token=")[2]


@contextlib.contextmanager
def town(folder: Path, toml: str = OPEN, **more: Any) -> Iterator[Town]:
    server = Town(folder, toml, **more)
    server.start()
    try:
        yield server
    finally:
        server.stop()
