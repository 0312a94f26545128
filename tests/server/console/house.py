"""A town with an operator, and things to look at."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx2
from tests.server.account.town import OPEN, Browser, Town

from watchword.codec.secrets import new_root_key
from watchword.model.credential import Kind
from watchword.model.records import Event
from watchword.model.verdict import Rate
from watchword.stores.observed.backwards import backwards_of

__all__ = ["ALL", "AREAS", "eventually", "follow", "furnish", "house", "operator", "recent"]

T = TypeVar("T")

AREAS = ("clients", "credentials", "subjects", "usage", "audit", "alerts", "keys", "leaks", "configuration")
ALL = tuple(f"admin:{area}:{act}" for area in AREAS for act in ("read", "write"))


@contextlib.contextmanager
def house(folder: Path, **more: Any) -> Iterator[Town]:
    """Run a town with an operator ``root`` who may everything."""
    more.setdefault("root_key", new_root_key())
    server = Town(folder, more.pop("toml", OPEN), **more)
    server.root_key = more["root_key"]
    server.start()
    try:
        server.user("root", scopes=ALL)
        yield server
    finally:
        server.stop()


def operator(server: Town, name: str = "root", language: str = "") -> Browser:
    """Return the operator's browser, signed in."""
    return Browser(server, language).log_in(name)


def furnish(server: Town) -> dict[str, str]:
    """Issue a credential of each kind; return the ids by kind."""
    server.service("billing")
    rows = [
        (Kind.API_KEY, {"scopes": ["orders:read"], "options": {"name": "Nightly report"}, "limit": Rate(600, 60)}),
        (Kind.HMAC, {"networks": ["10.0.0.0/8"]}),
        (Kind.CLIENT_CERT, {}),
        (Kind.OAUTH_CLIENT, {"options": {"client_name": "Tally"}}),
    ]
    return {kind.value: server.issue(kind, "service:billing", **more).credential.id for kind, more in rows}


def follow(browser: Browser, done: httpx2.Response) -> httpx2.Response:
    """Go where an act led to."""
    assert done.status_code == 303, done.text
    return browser.get(done.headers["location"])


def eventually(look: Callable[[], T]) -> T:
    """Return what ``look`` returns, once that is something: what a flush writes comes a moment later."""
    end = time.monotonic() + 20
    while not (found := look()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)
    return found


def recent(server: Town) -> list[Event]:
    """Return what happened last, the newest first, after what waits was written."""
    server.events()

    async def read() -> list[Event]:
        found: list[Event] = []
        async for _, event in backwards_of(server.watchword.store).events():
            found.append(event)
            if len(found) == 300:
                break
        return found

    return server.do(read())
