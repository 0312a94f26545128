"""Ask an authorization server's endpoints as the client, with a DPoP proof where there is a key."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from watchword.client.flight import Renewal
from watchword.client.oauth2.dpop import DpopKey
from watchword.client.oauth2.identity import Client
from watchword.client.oauth2.metadata import Server
from watchword.client.tokens import json_object
from watchword.client.transport import Call, Origin, Reply, origin_of

__all__ = ["FORM", "Desk"]

FORM: Mapping[str, str] = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


class Desk:
    """Speak for one client with one key, and remember the nonces that servers gave (RFC 9449 section 8)."""

    def __init__(self, client: Client, key: DpopKey | None = None) -> None:
        self.client = client
        self.key = key
        self._nonces: dict[Origin, str] = {}

    def learn(self, origin: Origin, reply: Reply) -> bool:
        """Keep the nonce that came with an answer; return whether it is a new one."""
        if not reply.nonce or reply.nonce == self._nonces.get(origin):
            return False
        self._nonces[origin] = reply.nonce
        return True

    def proof(self, method: str, url: str, access: str = "") -> dict[str, str]:
        """Return the DPoP field for a request, nothing without a key."""
        if self.key is None:
            return {}
        nonce = self._nonces.get(origin_of(url), "")
        return {"DPoP": self.key.proof(method, url, nonce=nonce, access=access)}

    def post(self, server: Server, url: str, form: Mapping[str, str], *, bound: bool = True) -> Renewal[Reply]:
        """Send a form as the client; once more where a nonce is asked for. ``bound`` adds the proof."""
        proven = bound and self.key is not None
        reply = yield self._call(server, url, form, proven)
        assert isinstance(reply, Reply)  # noqa: S101 - drivers answer each call
        fresh = self.learn(origin_of(url), reply)
        if proven and fresh and reply.status >= 400 and json_object(reply).get("error") == "use_dpop_nonce":
            reply = yield self._call(server, url, form, proven)
            assert isinstance(reply, Reply)  # noqa: S101
            self.learn(origin_of(url), reply)
        return reply

    def _call(self, server: Server, url: str, form: Mapping[str, str], proven: bool) -> Call:
        headers, more = self.client.proved(server)
        proof = self.proof("POST", url) if proven else {}
        content = urlencode({**form, **more}).encode()
        return Call("POST", url, {**FORM, **headers, **proof}, content)
