"""Open what the configuration names, act, and close it again."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from watchword.cli.plumbing.shell import CONFIG, Asked, Stop

if TYPE_CHECKING:
    from watchword.app import Watchword

__all__ = ["actor", "config_of", "refusing", "run", "settings_of", "within"]

CONFIG_VARIABLE: Final = "WATCHWORD_CONFIG"
STORE_VARIABLE: Final = "WATCHWORD_STORE__URL"
_CALLERS: Final = re.compile(r"WATCHWORD_(PROFILE_\w+|SECRET|PASSWORD)")

T = TypeVar("T")


def actor() -> str:
    """Return who acts, for the audit: "cli:" and the name of the operating system's user."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a user id without a name, as in some containers
        return f"cli:{os.getuid() if hasattr(os, 'getuid') else 'unknown'}"


def config_of(asked: Asked) -> Path | None:
    """Return the configuration's file, None where the environment alone is read. Stop where there is neither."""
    for name in [name for name in os.environ if _CALLERS.fullmatch(name)]:
        del os.environ[name]  # they are for `call`; as settings they would be unknown
    path: Path | None = asked.config or Path(os.environ.get(CONFIG_VARIABLE, CONFIG))
    if path is not None and not path.is_file():
        if asked.config is not None or CONFIG_VARIABLE in os.environ or STORE_VARIABLE not in os.environ:
            hint = "make one with `watchword init`, or name it with --config FILE"
            raise Stop(f"there is no configuration {path}", hint)
        path = None
    return path


def settings_of(asked: Asked) -> Any:
    """Read the configuration. Stop where there is none or something in it is wrong."""
    path = config_of(asked)
    from watchword.server.config.load import load

    with refusing():
        return load(path)


@contextmanager
def refusing() -> Iterator[None]:
    """Turn what the configuration's readers refuse into a Stop."""
    try:
        yield
    except ValueError as error:
        raise Stop(str(error), getattr(error, "hint", "")) from None


def run(asked: Asked, work: Callable[[Watchword], Awaitable[T]]) -> T:
    """Open the configured store, do ``work`` with it and close it."""
    settings = settings_of(asked)
    from watchword.server.config.load import watchword_of

    with refusing():
        house = watchword_of(settings, workers=1)
    import asyncio

    return asyncio.run(within(house, work))


async def within(house: Watchword, work: Callable[[Watchword], Awaitable[T]]) -> T:
    """Start ``house``, do ``work`` and stop it."""
    try:
        await house.start()
    except BaseException as error:
        with suppress(Exception):
            await house.store.close()
        if isinstance(error, ValueError):
            raise Stop(str(error), getattr(error, "hint", "")) from None
        raise
    try:
        return await work(house)
    finally:
        await house.stop()
