"""Sign requests with HMAC-SHA256."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping

from watchword.client.transport import Auth, Sending, Steps
from watchword.codec.fields import parse_date
from watchword.codec.message import DEFAULT_PROFILE, PROFILES, Parts, body_digest, canonical, sign

__all__ = ["SignatureAuth"]

_DATE = 29  # characters of an IMF-fixdate; a server and an application may each have sent one
_NOTICEABLE = 60.0  # seconds between the clocks from which on they can be why a request was refused
_CREDIBLE = 86_400.0  # seconds; a clock further off is not corrected by what a server says


class SignatureAuth(Auth):
    """Prove the caller by a signature over the whole request: what is sent is what is signed.

    The body is read first. ``nonce`` adds an X-Nonce, so that the same request can be sent twice in one second; profile
    "concat" signs none. X-Content-SHA256 goes along, for gateways that ask without the content. When a 401 shows by its
    Date that the clocks differ, the client takes the server's time, signs once more, and keeps the difference.
    ``origin`` (a URL) keeps signatures from requests to anywhere else.
    """

    requires_request_body = True

    def __init__(
        self,
        key_id: str,
        secret: str,
        profile: str = DEFAULT_PROFILE,
        nonce: bool = True,
        *,
        origin: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(origin)
        if profile not in PROFILES:
            raise ValueError(f"the profiles are {', '.join(PROFILES)}")
        sign(secret, b"")  # refuses an empty secret now
        self._key_id = key_id
        self._secret = secret
        self._profile = profile
        self._nonce = nonce and profile != "concat"
        self._clock = clock
        self._ahead = 0.0

    def __repr__(self) -> str:
        return f"SignatureAuth({self._key_id!r}, profile={self._profile!r})"

    def steps(self, sending: Sending) -> Steps:
        """Sign; after a 401 that a wrong clock explains, correct it and sign once more."""
        reply = yield self._signed(sending)
        if reply is not None and reply.refused and self._corrected(reply.date):
            yield self._signed(sending)

    def _signed(self, sending: Sending) -> Mapping[str, str]:
        if sending.body is None:
            raise ValueError("a request is signed with its whole body: pass bytes, not a stream")
        path, _, query = sending.target.partition(b"?")
        timestamp = str(int(self._clock() + self._ahead))
        nonce = secrets.token_urlsafe(16) if self._nonce else ""
        digest = body_digest(sending.body)
        message = canonical(
            self._profile,
            Parts(
                key_id=self._key_id.encode("ascii"),
                timestamp=timestamp.encode("ascii"),
                nonce=nonce.encode("ascii"),
                method=sending.method,
                authority=sending.host,
                path=path,
                query=query,
                content_type=sending.content_type,
                body_sha256=digest,
                body=sending.body,
            ),
        )
        if message is None:
            raise ValueError(f"profile {self._profile} cannot sign this request without ambiguity")
        fields = {
            "X-API-Key": self._key_id,
            "X-Timestamp": timestamp,
            "X-Signature": sign(self._secret, message),
        }
        if self._profile != "concat":  # a gateway asks without the content: this stands for it there
            fields["X-Content-SHA256"] = digest
        return {**fields, "X-Nonce": nonce} if nonce else fields

    def _corrected(self, date: str) -> bool:
        theirs = parse_date(date[:_DATE].encode("latin-1", "replace"))
        if theirs is None:
            return False
        ahead = theirs - self._clock()
        if abs(ahead - self._ahead) <= _NOTICEABLE or abs(ahead) > _CREDIBLE:
            return False
        self._ahead = ahead
        return True
