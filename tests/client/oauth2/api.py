"""An API of its own origin, that says by RFC 9728 whom it trusts and by RFC 6750 which scope a request lacks."""

from __future__ import annotations

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from watchword.codec.jose import Header, Token, open_token, peek

__all__ = ["GuardedApi"]

_METADATA = "/.well-known/oauth-protected-resource/orders"


class GuardedApi:
    """Serve ``/orders`` on a free port: GET needs orders:read, POST orders:write. Tokens must be for it."""

    def __init__(self) -> None:
        self.issuer = ""
        self.asked: Counter[str] = Counter()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._asker())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.resource = f"{self.url}/orders"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, authorization: str) -> tuple[int, Any, str]:
        """Return status, content and challenge."""
        self.asked[f"{method} {path}"] += 1
        if path == _METADATA:
            return 200, {"resource": self.resource, "authorization_servers": [self.issuer]}, ""
        needed = "orders:read" if method == "GET" else "orders:write"
        where = f'resource_metadata="{self.url}{_METADATA}", scope="{needed}"'
        header = peek(authorization.removeprefix("Bearer ").encode())
        token = (
            open_token(authorization.removeprefix("Bearer ").encode(), header) if isinstance(header, Header) else None
        )
        if not isinstance(token, Token) or token.claims["aud"] != self.resource:
            return 401, {}, f"Bearer {where}"
        if needed not in token.claims["scope"].split():
            return 403, {}, f'Bearer error="insufficient_scope", {where}'
        return 200, {"who": token.claims["sub"], "scope": token.claims["scope"]}, ""

    def _asker(self) -> Any:
        api = self

        class Asker(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, value, challenge = api.answer(self.command, self.path, self.headers.get("Authorization", ""))
                content = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                if challenge:
                    self.send_header("WWW-Authenticate", challenge)
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Asker
