"""Take audit events where others keep them: syslog by socket, UDP, TCP or TLS; OpenTelemetry's log records."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import ssl
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from watchword.model.ports import Unavailable
from watchword.server.watching.syslog import Place, framed, message

__all__ = ["OtelLogs", "Syslog", "trust_of"]

_PATIENCE: Final = 4.0  # seconds for one page of events
_AGAIN: Final = 1000
_LARGEST: Final = 65_000  # bytes of a datagram
_SEVERITIES: Final[Mapping[str, tuple[str, int]]] = {
    "accepted": ("INFO", 9),
    "done": ("INFO2", 10),
    "refused": ("WARN", 13),
    "broken": ("ERROR", 17),
}


def trust_of(place: Place, ca: Path | None) -> ssl.SSLContext | None:
    """Return whom to believe at the other end of TLS: who ``ca`` vouches for, else the system's authorities."""
    return ssl.create_default_context(cafile=str(ca) if ca else None) if place.way == "tls" else None


class Syslog:
    """Send events as RFC 5424 messages; a stream is kept open and made anew when it broke.

    UDP and unix datagrams are taken when they are sent: nobody can tell whether they arrived. Nor is there an answer
    over TCP and TLS, so after a connection broke the last thousand messages come again: some may have been lost.
    """

    def __init__(self, place: Place, trust: ssl.SSLContext | None = None, facility: int = 13) -> None:
        self._place = place
        self._trust = trust
        self._facility = facility
        self._host = socket.gethostname()
        self._writer: asyncio.StreamWriter | None = None
        self._datagrams: socket.socket | None = None
        self._sent: deque[bytes] = deque(maxlen=_AGAIN)

    async def deliver(self, values: Sequence[dict[str, Any]]) -> None:
        """Send all. Raise Unavailable when that failed: then some may have arrived."""
        await asyncio.sleep(0)  # nothing below waits as a rule: others have their turn while much is handed on
        texts = [message(each, host=self._host, facility=self._facility, process=os.getpid()) for each in values]
        try:
            async with asyncio.timeout(_PATIENCE):
                if self._place.way in ("tcp", "tls"):
                    await self._stream(texts)
                else:
                    await self._send(texts)
        except (OSError, TimeoutError, ssl.SSLError) as error:
            await self.close()
            raise Unavailable(f"syslog: {type(error).__name__}") from None

    async def _stream(self, texts: Sequence[bytes]) -> None:
        if self._writer is not None and (self._writer.is_closing() or self._ended(self._writer)):
            await self.close()
        if self._writer is None:
            name = self._place.host if self._trust is not None else None
            reader, self._writer = await asyncio.open_connection(
                self._place.host, self._place.port, ssl=self._trust, server_hostname=name
            )
            self._reader = reader
            self._writer.write(b"".join(self._sent))
        frames = [framed(text) for text in texts]
        self._writer.write(b"".join(frames))
        await self._writer.drain()
        self._sent += frames

    def _ended(self, writer: asyncio.StreamWriter) -> bool:
        """Tell whether the other end has closed: what would be written then is lost without an error."""
        return self._reader.at_eof()

    async def _send(self, texts: Sequence[bytes]) -> None:
        if self._datagrams is None:
            self._datagrams = await self._datagram_socket()
        loop = asyncio.get_running_loop()
        for text in texts:
            await loop.sock_sendall(self._datagrams, text[:_LARGEST])

    async def _datagram_socket(self) -> socket.socket:
        place, loop = self._place, asyncio.get_running_loop()
        if place.way == "unix":
            family, target = socket.AF_UNIX, place.host
        else:
            found = await loop.getaddrinfo(place.host, place.port, type=socket.SOCK_DGRAM)
            family, target = found[0][0], found[0][4]  # type: ignore[assignment]
        made = socket.socket(family, socket.SOCK_DGRAM)
        made.setblocking(False)
        try:
            made.connect(target)
        except OSError:
            made.close()
            raise
        return made

    async def close(self) -> None:
        """Close what is open."""
        writer, self._writer = self._writer, None
        datagrams, self._datagrams = self._datagrams, None
        if datagrams is not None:
            datagrams.close()
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError, ssl.SSLError, TimeoutError):
                async with asyncio.timeout(1):
                    await writer.wait_closed()


class OtelLogs:
    """Emit events as OpenTelemetry log records, by whatever provider the process was given."""

    def __init__(self) -> None:
        """Raise ImportError where the extra ``otel`` is not installed."""
        from opentelemetry import _logs

        self._logs = _logs

    async def deliver(self, values: Sequence[dict[str, Any]]) -> None:
        """Hand all of them to the provider and have it send them. Raise Unavailable where it could not.

        A provider of ours counts in ``lost`` what its collector did not take; of any other that is not known.
        """
        provider = self._logs.get_logger_provider()
        lost = getattr(provider, "lost", None)
        logger = provider.get_logger("watchword.audit")
        for value in values:
            name, number = _SEVERITIES.get(str(value.get("outcome", "")), _SEVERITIES["done"])
            attributes = {f"watchword.{key}": each for key, each in value.items() if each not in ("", None)}
            record = self._logs.LogRecord(
                timestamp=int(float(value["at"]) * 1e9),
                severity_text=name,
                severity_number=self._logs.SeverityNumber(number),
                body=json.dumps(value, separators=(",", ":")),
                attributes=attributes,
            )
            logger.emit(record)
        flush = getattr(provider, "force_flush", None)  # a provider that does nothing has none
        if flush is not None and not await asyncio.to_thread(flush, int(_PATIENCE * 1000)):
            raise Unavailable("OpenTelemetry: not sent in time")
        if getattr(provider, "lost", None) != lost:
            raise Unavailable("OpenTelemetry: the collector did not take all")

    async def close(self) -> None:
        """Do nothing: the provider is not ours."""
