"""Publish documents as a client's own web server does, over TLS on loopback, for tests."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme

__all__ = ["Site", "publishing"]


class _Published(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        site: Site = self.server.site  # type: ignore[attr-defined]
        site.asked.append(self.path)
        found = site.pages.get(self.path)
        body = b"" if found is None else json.dumps(found).encode()
        self.send_response(404 if found is None else 200)
        for name, value in {"content-type": "application/json", **site.headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Site:
    """Hold pages by path, and what was asked for."""

    def __init__(self, port: int) -> None:
        self.url = f"https://localhost:{port}"
        self.pages: dict[str, Any] = {}
        self.headers: dict[str, str] = {}
        self.asked: list[str] = []

    def client(self, path: str = "/client.json", **more: Any) -> str:
        """Publish what a client is, and return its id."""
        self.pages[path] = {"client_id": self.url + path, **more}
        return self.url + path


@contextlib.contextmanager
def publishing(folder: Path) -> Iterator[tuple[Site, Path]]:
    """Serve a site; the file holds the certificate that must be trusted for it (``SSL_CERT_FILE``)."""
    authority = trustme.CA()
    trusted = folder / "authority.pem"
    authority.cert_pem.write_to_path(trusted)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Published)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.site = site = Site(server.server_port)  # type: ignore[attr-defined]
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield site, trusted
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
