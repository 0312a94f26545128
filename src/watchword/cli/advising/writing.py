"""Append a route to the configuration: only where it counts, and only what the loader takes."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from watchword.cli.plumbing.house import CONFIG_VARIABLE, refusing, settings_of
from watchword.cli.plumbing.shell import CONFIG, REFUSED, Asked, Stop

if TYPE_CHECKING:
    from watchword.advise import Advice, Place

__all__ = ["append"]


def append(asked: Asked, advice: Advice, place: Place) -> Path:
    """Append the advised block to the configuration and return which. Stop where there is such a route already."""
    from watchword.explanation.routing import rule_of

    settings = settings_of(asked)
    path = asked.config or Path(os.environ.get(CONFIG_VARIABLE, CONFIG))
    if not path.is_file():
        raise Stop("there is no file to write into", "make one with `watchword init`, or name it with --config FILE")
    rule = rule_of([entry.rule() for entry in settings.route], place.method, place.example)
    if rule is not None:
        message = f"{path} has a route for {place.method} {place.example} already: {rule.path} accepts {rule.accept}"
        raise Stop(message, "change it there, or choose another --path", REFUSED)
    text = path.read_text(encoding="utf-8")
    _replace(path, f"{text.rstrip()}\n\n{advice.route_block}" if text.strip() else advice.route_block)
    return path


def _replace(path: Path, text: str) -> None:
    """Put ``text`` in the place of the file, whole or not at all, once the loader has taken it."""
    from watchword.server.config.load import load

    whole = path.resolve()  # a link stays one
    descriptor, name = tempfile.mkstemp(dir=whole.parent, prefix=".watchword-", suffix=".toml")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        before = whole.stat()
        with suppress(OSError):  # who may not give files away keeps it as their own
            os.chown(name, before.st_uid, before.st_gid)
        os.chmod(name, before.st_mode & 0o7777)
        with refusing():
            load(Path(name))
        os.replace(name, whole)
    except BaseException:
        os.unlink(name)
        raise
