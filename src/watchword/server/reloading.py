"""Follow what changes while the server runs: secrets, TLS files, whose certificates TLS lets through, the root key.

A changed file is seen within a second; SIGHUP has everything read again, commands and keyrings too. What is read is
taken as a whole or not at all: with a mistake in it the server goes on as before, and says so in log and audit.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from inspect import isawaitable
from pathlib import Path
from typing import Any, Final

from watchword.app import ROOT_KEY, Watchword
from watchword.audit import redact
from watchword.codec.secrets import digest
from watchword.lifecycle.mint import CA_SUBJECT
from watchword.lifecycle.oauth.anchors import Anchors
from watchword.model.ports import Unavailable
from watchword.model.records import Event, FeedEntry, Topic
from watchword.server.config.file import stamp
from watchword.server.config.load import OWN_CA, ConfigError, Problem, Settings, load, root_key_of
from watchword.server.config.secrets import SECRET_FIELDS, owners_of, sources_of
from watchword.server.config.sources import Source
from watchword.server.tls import LiveTls

__all__ = ["Reloading"]

logger: logging.Logger = logging.getLogger("watchword")

_LOOK: Final = 1.0  # seconds
_SAID_ONCE: Final = 5.0  # seconds in which several workers say the same: one of them does
_LONGEST: Final = 500
_FOLLOWED: Final[dict[str, Any]] = {
    "root_key": True,
    "rotation": True,
    "mail": set(SECRET_FIELDS),
    "provider": {"__all__": set(SECRET_FIELDS)},
    "introspection": {"__all__": set(SECRET_FIELDS)},
    "server": {"listen", "tls"},
}

_Stamps = dict[str, tuple[int, int, int]]


@dataclass(frozen=True, slots=True)
class _Read:
    """Hold what was read, before any of it is taken."""

    settings: Settings
    root_key: str | None
    secrets: Mapping[str, tuple[Source, str]]
    tls: ssl.SSLContext | None = None
    files: tuple[Path, Path] | None = None
    client_ca: bytes | None = None


class Reloading:
    """Read again what one process was made of. ``live`` is its TLS, None where it serves without.

    ``every`` is how often it looks whether anything changed, in seconds.
    """

    def __init__(
        self, watchword: Watchword, settings: Settings, live: LiveTls | None = None, *, every: float = _LOOK
    ) -> None:
        self._watchword = watchword
        self._settings = self._now = settings  # as it began, and as they were last read
        self._live = live
        self._every = every
        self._stamps: _Stamps = self._stamped()
        if settings.file is not None and settings.seen is not None:  # what changed since then is not known yet
            self._stamps[str(settings.file)] = settings.seen
        self._wanted = asyncio.Event()
        self._unfinished = False  # the store was away while something was taken
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._untrusted = True  # the CAs are those of when the first process began
        self._anchors = Anchors(watchword.store, clock=watchword.clock)
        watchword.operations.root_key.missing = self.hurry
        watchword.operations.authorities.changed.append(self._trust_later)
        watchword.watch.listen(self._heard)

    async def start(self) -> None:
        """Trust who is trusted now, and begin to look. Call it under the event loop."""
        self._loop = asyncio.get_running_loop()
        await self._trust()
        await self._let_through()
        if hasattr(signal, "SIGHUP") and threading.current_thread() is threading.main_thread():
            self._loop.add_signal_handler(signal.SIGHUP, self.hurry)
        self._task = self._loop.create_task(self._run())

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def hurry(self) -> None:
        """Read everything again soon; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wanted.set)

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), self._every)
            try:
                await self.look()
            except Exception as error:  # its text may quote what was read
                logger.error("what changed cannot be looked for: %s", type(error).__name__)

    async def look(self) -> None:
        """Reload where that is wanted or a file changed; hear the feed, also where nobody asks anything."""
        stamps = self._stamped()
        if self._wanted.is_set() or self._unfinished or stamps != self._stamps:
            self._wanted.clear()
            self._stamps = stamps
            await self.reload()
        if self._asks:
            await self._listen()
            if self._untrusted:
                await self._trust()
            if self._anchors.changed:
                await self._let_through()

    async def reload(self) -> bool:
        """Take what the settings say now, or say why not and go on as before; return whether it was taken."""
        self._unfinished = False
        try:
            found = await asyncio.to_thread(self._read)
            await self._take(found)
        except Unavailable as error:  # all but what the store says was taken: the next look takes it again
            self._unfinished = True
            logger.error("the configuration is not all taken yet: %s", error)
            return False
        except (ConfigError, ValueError, OSError) as error:  # SSLError is an OSError
            why = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {_place(error)}"
            logger.error("the configuration is not taken, and what was before goes on: %s", redact(why))
            await self._say("refused", why)
            return False
        logger.warning("the configuration was read again")
        await self._say("done", "")
        return True

    def _read(self) -> _Read:
        settings = self._now if self._now.file is None else load(self._now.file)
        secrets = self._settings.secrets.read(sources_of(settings))
        root_key = root_key_of(settings)
        if root_key is None and self._watchword.store.lasting and not os.environ.get(ROOT_KEY):
            raise ConfigError([Problem("root_key", "", f"{settings.root_key.source} has none")])
        if self._live is None:
            return _Read(settings, root_key, secrets)
        tls = settings.server.tls
        files = (settings.place(tls.certificate), settings.place(tls.private_key)) if tls.certificate else None
        outside = "a file" == _trusting(settings) == _trusting(self._settings)
        client_ca = settings.place(tls.client_ca).read_bytes() if outside else None
        return _Read(settings, root_key, secrets, self._live.made(files, client_ca), files, client_ca)

    async def _take(self, found: _Read) -> None:
        house = self._watchword
        if found.root_key:
            house.sealer.take(found.root_key)
        before, after = owners_of(self._settings), owners_of(found.settings)
        same = {place: each for place, each in found.secrets.items() if before.get(place) == after[place]}
        self._settings.secrets.take(same)  # no other: it would be shown to whom it is not for
        house.operations.rotation.rules = found.settings.rotation.rules()
        if self._live is not None and found.tls is not None:
            self._live.take(found.tls, found.files)
            if found.client_ca is not None and found.client_ca != self._live.client_ca:
                self._live.client_ca = house.client_ca = found.client_ca
                await house.operations.authorities.tell()
        self._name_the_rest(found.settings)
        self._now = found.settings
        self._stamps = self._stamped()
        if found.settings.root_key.source.at_once:
            house.sealer.reread = partial(root_key_of, found.settings)
        await house.operations.root_key.heard(again=True)

    def _name_the_rest(self, now: Settings) -> None:
        """Say which settings changed that only a start takes up."""
        before, after = _dumped(self._settings), _dumped(now)
        changed = sorted(key for key in after if after[key] != before.get(key))
        if changed:
            logger.warning("a restart takes up what else changed: %s", ", ".join(changed))

    # --- whose certificates TLS lets through --------------------------------------------------------------------------

    @property
    def _asks(self) -> bool:
        """Return whether clients are asked for certificates."""
        return self._live is not None and self._live.client_ca is not None

    @property
    def _own_ca(self) -> bool:
        return self._live is not None and _trusting(self._settings) == "watchword"

    def _heard(self, entry: FeedEntry) -> None:
        self._untrusted = self._untrusted or entry.topic is Topic.KEYS
        if self._asks:
            self._anchors.heard(entry)

    async def _trust_later(self) -> None:
        self._untrusted = True

    async def _listen(self) -> None:
        watch, now = self._watchword.watch, self._watchword.clock()
        if now >= watch.due:
            with contextlib.suppress(Unavailable):  # decisions say so
                reading = watch.sync(now)
                if isawaitable(reading):
                    await reading

    async def _trust(self) -> None:
        """Have TLS trust our CAs as they are; where the files cannot be read now, the next look tries again."""
        if self._live is None or not self._own_ca:
            return
        self._untrusted = False  # before it is read: what is heard meanwhile counts
        try:
            bundle = await self._watchword.authorities()
            if bundle:
                self._live.trust(bundle)
        except (Unavailable, ValueError, OSError) as error:
            self._untrusted = True
            logger.error("the CAs of clients cannot be taken up: %s", type(error).__name__)

    async def _let_through(self) -> None:
        """Have TLS let through what clients registered as their own; what cannot be read now, the next look reads."""
        if self._live is None or not self._asks:
            return
        try:
            await asyncio.to_thread(self._live.trust, anchors=await self._anchors.look())
        except (Unavailable, ValueError, OSError) as error:
            logger.error("the certificates of clients cannot be taken up: %s", type(error).__name__)

    # --- what is seen and said ----------------------------------------------------------------------------------------

    def _stamped(self) -> _Stamps:
        return {str(path): found for path in self._files() if (found := stamp(path)) is not None}

    def _files(self) -> set[Path]:
        settings = self._now
        folder, tls = settings.place(""), settings.server.tls
        named = [tls.certificate, tls.private_key, "" if tls.client_ca == OWN_CA else tls.client_ca]
        sources = [*sources_of(settings).values(), settings.root_key.source]
        files = {path for source in sources for path in source.files(folder)}
        files |= {settings.place(name) for name in named if name}
        return files | ({settings.file} if settings.file is not None else set())

    async def _say(self, outcome: str, why: str) -> None:
        """Write it into the audit, once for all the workers that say the same now."""
        store, now = self._watchword.store, self._watchword.clock()
        detail = redact(why).replace("\n", "; ")[:_LONGEST]
        try:
            first = store.claim(digest(f"reload:{outcome}:{detail}:{sorted(self._stamps.items())}"), now + _SAID_ONCE)
            if await first if isawaitable(first) else first:
                event = Event(now, "reload", outcome, scheme="configuration", actor=CA_SUBJECT, detail=detail)
                await store.append([event])
        except Unavailable as error:
            logger.error("the audit cannot be written: %s", error)


def _place(error: OSError) -> str:
    return f"{Path(error.filename).name}: {error.strerror}" if error.filename else str(error.strerror or "")


def _dumped(settings: Settings) -> dict[str, Any]:
    tls = bool(settings.server.tls.certificate), _trusting(settings)
    return {**settings.model_dump(exclude=_FOLLOWED), "server.tls": tls}


def _trusting(settings: Settings) -> str:
    """Return which way clients' certificates are judged, which stays as it began; the file may be another."""
    client_ca = settings.server.tls.client_ca
    return client_ca if client_ca in ("", OWN_CA) else "a file"
