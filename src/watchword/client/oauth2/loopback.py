"""Listen on 127.0.0.1 for the browser that comes back from the login: RFC 8252 section 7.3."""

from __future__ import annotations

import hashlib
import hmac
import os
from base64 import b64encode
from collections.abc import Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from threading import Thread, Timer
from typing import Any, Final
from urllib.parse import urlsplit

from watchword.codec.oidc import callback_of

__all__ = ["Loopback"]

_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:20vh auto;max-width:28rem;padding:0 1rem;text-align:center}"
    "@media(prefers-color-scheme:dark){body{background:#161616;color:#eee}}"
)
_HASH: Final = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS: Final = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the URL of this page holds the code
    "X-Content-Type-Options": "nosniff",
    "Connection": "close",
}
_PAGE: Final = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    "<title>{title}</title><style>" + _STYLE.replace("{", "{{").replace("}", "}}") + "</style>"
    "<h1>{title}</h1><p>{text}</p></html>"
)
_WORDS: Final = {
    200: ("You are logged in", "Close this window and go back to where you came from."),
    403: ("You were not logged in", "Close this window: where you came from says why."),
    400: ("This is nothing", "What waits here waits for another answer."),
    404: ("Nothing is here", "What waits here waits elsewhere."),
}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = os.name == "posix"  # elsewhere it lets others listen on the same port

    def server_bind(self) -> None:
        """Bind, without the look-up of the machine's name that http.server adds: it may take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    def handle_error(self, *_: Any) -> None:
        """Say nothing of a connection that broke: it is the person's terminal, and anybody here may have opened it."""


class Loopback:
    """Wait for one answer that carries ``state``; whatever else comes to the port is turned away.

    ``answer`` is done with the answer's fields, with None once ``seconds`` are over. ``port`` 0 takes a free one.
    """

    def __init__(self, path: str, state: str, seconds: float, port: int = 0) -> None:
        self._path = path
        self._state = state
        self.answer: Future[Mapping[str, str] | None] = Future()
        self._server = _Server(("127.0.0.1", port), _asker(self))
        self.redirect_uri: str = f"http://127.0.0.1:{self._server.server_port}{path}"
        self._timer = Timer(seconds, self.settle, (None,))
        self._timer.daemon = True
        self._timer.start()
        Thread(target=self._server.serve_forever, args=(0.05,), name="watchword-login", daemon=True).start()

    def settle(self, fields: Mapping[str, str] | None) -> None:
        """Give the answer, unless there is one."""
        with suppress(InvalidStateError):
            self.answer.set_result(fields)

    def read(self, target: str, host: str) -> tuple[int, Mapping[str, str] | None]:
        """Return the status for a request, and the fields where it is the answer that is waited for."""
        parts = urlsplit(target)
        if parts.path != self._path or host != urlsplit(self.redirect_uri).netloc:
            return 404, None
        fields = callback_of(parts.query.encode())
        state = "" if fields is None else fields.get("state", "")
        if fields is None or not hmac.compare_digest(state.encode(), self._state.encode()):
            return 400, None
        return (200 if "code" in fields and "error" not in fields else 403), fields

    def close(self) -> None:
        """Stop listening."""
        self._timer.cancel()
        self.settle(None)
        self._server.shutdown()
        self._server.server_close()


def _asker(loopback: Loopback) -> Any:
    class Asker(BaseHTTPRequestHandler):
        """Answer one connection."""

        timeout = 10  # seconds: browsers open connections in advance
        server_version, sys_version = "watchword", ""

        def do_GET(self) -> None:
            """Take an answer and say that the window may be closed."""
            status, fields = loopback.read(self.path, self.headers.get("Host", ""))
            title, text = _WORDS[status]
            page = _PAGE.format(title=title, text=text).encode()
            try:
                self.send_response(status)
                for name, value in {**_HEADERS, "Content-Length": str(len(page))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(page)
                self.wfile.flush()
            finally:  # after the page, which ends with this process; but a browser may not wait for it
                if fields is not None:
                    loopback.settle(fields)

        def log_message(self, *_: Any) -> None:
            """Log nothing: the request line holds the code."""

    return Asker
