"""Speak HTTP/1.1 strictly: every byte belongs to one request, and no request may be endless."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sized
from typing import Any, Final

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["WireProtocol"]

_MOST_BYTES: Final = 64 * 1024
"""Bytes of a request that may come beside its content: request line, header and trailer fields, sizes of chunks.

What comes with the first bytes read, at most 256 KiB, is not counted.
"""

_MOST_AHEAD: Final = 1000
"""Requests that may wait behind the one that is being answered: one of 18 bytes takes kilobytes of memory."""

_HEAD: Final = b"HTTP/1.1 "
_SECONDS: Final = 60.0  # that a request may take to come, a new connection to send its first byte, an answer to go
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class _Seldom(logging.Filter):
    """Let one message through once a second at most: anybody can cause it, and fill the disk."""

    def __init__(self, message: str) -> None:
        super().__init__()
        self._message = message
        self._next = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is written."""
        if record.msg != self._message:
            return True
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + 1
        return True


logging.getLogger("uvicorn.error").addFilter(_Seldom("Invalid HTTP request received."))


class WireProtocol(HttpToolsProtocol):
    """Be uvicorn's protocol, without what lets a caller pass for another or keep the server busy.

    - Trailer fields are dropped (RFC 9110 section 6.5.1): they came after whoever stands before us looked.
    - A request that asks for another protocol is the connection's last one: uvicorn does not read its content, and
      would take that for the next request.
    - A target with a fragment is refused (RFC 9112 section 3.2): it would be judged without it.
    - Heads and trailers are bounded in size, whole requests in time, and so is the wait for the first one.
    - Who sends requests ahead is read no further until they are answered; who takes no answers is let go.
    """

    flow: FlowControl
    _joined: _Joined
    headers: list[tuple[bytes, bytes]]
    timeout_keep_alive_task: asyncio.TimerHandle | None

    _whole = True  # nothing of a request is missing
    _begun = 0  # requests so far
    _beside = 0  # bytes of this request that are not content
    _content = 0  # bytes of content in what is being read
    _deadline: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request, for so long."""
        super().connection_made(transport)
        self.flow = _Flow(transport, self.pipeline)
        self._joined = _Joined(transport, self.loop)
        self.timeout_keep_alive_task = self.loop.call_later(_SECONDS, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._unset_keepalive_if_required()
        self._arrived()
        self._gone()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read what came; count what is not content while a request is under way."""
        if data.isspace() and self._whole and not data.strip(b"\r\n"):
            return  # empty lines before a request (RFC 9112 section 2.2) win no time
        begun, self._content = self._begun, 0
        super().data_received(data)
        if self._whole:
            return
        if self.transport.is_closing():
            self._let_go()
            return
        self._beside = self._beside + len(data) - self._content if self._begun == begun else 0
        if self._deadline is None:
            self._deadline = self.loop.call_later(_SECONDS, self.timeout_keep_alive_handler)
        if self._beside > _MOST_BYTES:
            if not self._answering():
                self.transport.write(_TOO_LARGE)
            self.transport.close()
            self._let_go()

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.begin()

    def on_headers_complete(self) -> None:
        """Hand the request on, with the fields that came until now. Raise ValueError for a target that has none."""
        if b"#" in self.url:
            raise ValueError("a target has no fragment")
        if len(self.pipeline) >= _MOST_AHEAD:
            raise ValueError("too many requests ahead of their answers")
        super().on_headers_complete()
        self.cycle.transport = self._joined  # type: ignore[assignment]  # of a transport it uses no more than that
        if self.parser.should_upgrade():
            self.cycle.keep_alive = False
        else:
            self.headers = _Dropped()

    def on_body(self, body: bytes) -> None:
        """Hand content on."""
        self._content += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        self.ended()
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Wait for the caller to take what was sent, for so long."""
        super().pause_writing()
        self._let_go()

    def resume_writing(self) -> None:
        """Go on sending."""
        self._gone()
        super().resume_writing()

    def on_response_complete(self) -> None:
        """Go on with the next request, or close."""
        self._joined.flush()
        super().on_response_complete()
        if self.transport.is_closing():
            self._let_go()

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection, by force where the caller takes nothing: he had his time."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        super().timeout_keep_alive_handler()

    def begin(self) -> None:
        """Note that a request begins."""
        self._whole = False
        self._begun += 1

    def ended(self) -> None:
        """Note that nothing of the request is missing any more."""
        self._whole = True
        if self._deadline is not None:
            self._arrived()

    def _answering(self) -> bool:
        cycle: Any = self.cycle  # None before the first request, whatever uvicorn says
        return cycle is not None and not cycle.response_complete

    def _arrived(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _let_go(self) -> None:
        """Wait for the caller to take what was sent, for so long: closing alone would wait for ever."""
        if self._stalled is None:
            self._stalled = self.loop.call_later(_SECONDS, self.transport.abort)

    def _gone(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: anybody could fill the log."""


class _Flow(FlowControl):
    """Read on when nobody waits behind the request that is being answered: all of that one came already."""

    def __init__(self, transport: asyncio.Transport, waiting: Sized) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        """Read on, unless somebody waits."""
        if not self._waiting:
            super().resume_reading()


class _Joined:
    """Write a head together with the first content behind it, in one call; without any it goes by itself, at once."""

    __slots__ = ("_head", "_loop", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""

    def write(self, data: bytes) -> None:
        """Write, or keep what begins as a head does until the loop's next turn at most."""
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head + data)
        elif data.startswith(_HEAD):
            self._head = data
            self._loop.call_soon(self.flush)
        else:
            self._transport.write(data)

    def flush(self) -> None:
        """Write what is kept."""
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)

    def close(self) -> None:
        """Write what is kept, and close."""
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """Tell whether the connection is being closed."""
        return self._transport.is_closing()


class _Dropped(list[Any]):
    """Stand where header fields are collected, and collect none."""

    def append(self, _: Any) -> None:
        """Drop it."""
