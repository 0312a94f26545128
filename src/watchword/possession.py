"""Have callers prove possession of the key that their token is bound to: DPoP (RFC 9449), each proof once."""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from watchword.codec.claims import unconfirmed
from watchword.codec.oauth.dpop import ALGORITHMS, LEEWAY, WINDOW, Proof, open_proof
from watchword.codec.secrets import Mac, digest, mac_of
from watchword.codec.strict import to_base64url
from watchword.model.ports import Clock, Ephemeral, Soon
from watchword.model.reason import BAD_PROOF, BAD_TYPE, NONCE_NEEDED, REPLAYED_PROOF
from watchword.model.request import Request
from watchword.model.verdict import Challenge, Headers, Principal, Rejection

__all__ = ["Possession"]

_FIELD: Final = b"dpop"
_NONCE_FIELD: Final = b"dpop-nonce"
_HOST: Final = re.compile(rb"(?:[0-9A-Za-z._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_PATH: Final = re.compile(r"/[^?#]*")
_ENDPOINTS: Final = "/oauth/"
_NONCE_LIFE: Final = 120  # seconds that one nonce is handed out; it is taken for as long again
_NONCE_BYTES: Final = 16
_NOTHING: Final[Headers] = ()


class Possession:
    """Check DPoP proofs.

    A proof is accepted once by all workers that share ``ephemeral``, found by key, place and ``jti``. With ``nonces``
    it must hold one that we gave (RFC 9449 section 8): they are made of the time alone by ``key``, so none is kept.
    """

    def __init__(
        self,
        ephemeral: Ephemeral,
        key: bytes | Mac,
        *,
        clock: Clock = time.time,
        nonces: bool = False,
        issuer: str = "",
        algorithms: Iterable[str] = ALGORITHMS,
    ) -> None:
        """Take a ``key`` of 32 bytes that is used for nothing else. ``issuer`` says how our own host is reached.

        ``algorithms`` are those that proofs may be signed with.
        """
        self._ephemeral = ephemeral
        self._key = mac_of(key)
        self._clock = clock
        self._nonces = nonces
        self._algorithms = tuple(algorithms)
        parts = urlsplit(issuer)
        self._own = parts.netloc.lower().encode()
        self._own_scheme, self._own_path = parts.scheme, parts.path.rstrip("/")

    def prove(
        self, request: Request, *, url: str = "", access_token: bytes | None = None
    ) -> Soon[str | Rejection | None]:
        """Return the thumbprint of the key that the request proves possession of, None where it has no proof at all.

        ``url`` is where the request went, if that is known better than the request says. With ``access_token`` the
        proof must be for that one. Raise Unavailable when it cannot be told whether the proof is new.
        """
        raw = request.fields.get(_FIELD)
        if raw is None:
            return None
        if sum(name == _FIELD for name, _ in request.headers) > 1:
            return self._refused(Rejection(BAD_PROOF, "two DPoP fields"))
        now = self._clock()
        proof = open_proof(
            raw, method=request.method, url=url or self.place(request), now=now, access_token=access_token
        )
        if isinstance(proof, Rejection):
            return self._refused(proof)
        if proof.algorithm not in self._algorithms:
            return self._refused(Rejection(BAD_PROOF, "DPoP proof: algorithm"))
        if self._nonces and not self._is_ours(proof.nonce, now):
            return self._refused(Rejection(NONCE_NEEDED))
        mark = digest(f"dpop\n{proof.jkt}\n{proof.url}\n{proof.jti}")
        claimed = self._ephemeral.claim(mark, proof.issued_at + WINDOW + LEEWAY)
        return self._settled(proof, claimed) if claimed.__class__ is bool else self._awaited(proof, claimed)  # type: ignore[arg-type]

    def confirm(self, who: Principal, request: Request, token: bytes) -> Soon[Principal | Rejection]:
        """Return ``who`` an access token proves, if the request proves the key that its ``cnf`` names (section 7.1)."""
        cnf = who.claims.get("cnf")
        if not isinstance(cnf, Mapping) or "jkt" not in cnf:
            return Rejection(BAD_TYPE, "not bound to a key", credential=who.credential)
        proved = self.prove(request, access_token=token)
        if proved is None or isinstance(proved, (str, Rejection)):
            return _confirmed(who, cnf, request, proved)
        return _confirmed_later(who, cnf, request, proved)

    async def _awaited(self, proof: Proof, claimed: Awaitable[bool]) -> str | Rejection:
        return self._settled(proof, await claimed)

    def _settled(self, proof: Proof, claimed: bool) -> str | Rejection:
        return proof.jkt if claimed else self._refused(Rejection(REPLAYED_PROOF))

    def _refused(self, rejection: Rejection) -> Rejection:
        return Rejection(rejection.reason, rejection.detail, self.fresh())

    def place(self, request: Request) -> str:
        """Return the URL that a request went to: its Host, and the scheme that TLS or a trusted proxy vouches for.

        At the issuer's own host the issuer's scheme is right, also where no proxy says how it was reached, and so is
        its path before our own endpoints. Where Host or path could say more than that, such as another path, it is "",
        which no proof is for.
        """
        host, path = request.fields.get(b"host", b""), request.path.decode("latin-1")
        if not _HOST.fullmatch(host) or not _PATH.fullmatch(path):
            return ""
        scheme = "https" if request.peer.tls else "http"
        if self._own_scheme and host.lower() == self._own:
            scheme = self._own_scheme
            path = self._own_path + path if path.startswith(_ENDPOINTS) else path
        return f"{scheme}://{host.decode('latin-1')}{path}"

    def fresh(self) -> Headers:
        """Return the field with the nonce to use from now on, nothing where none is asked for."""
        return ((_NONCE_FIELD, self._nonce(self._window()).encode()),) if self._nonces else _NOTHING

    def challenge(self, rejection: Rejection | None) -> Challenge:
        """Ask for a bound token and a proof (RFC 9449 section 7.1)."""
        error = (("error", rejection.reason.error),) if rejection is not None and rejection.reason.error else ()
        return Challenge("DPoP", (*error, ("algs", " ".join(self._algorithms))))

    def _window(self) -> int:
        return int(self._clock() // _NONCE_LIFE)

    def _nonce(self, window: int) -> str:
        return to_base64url(self._key(b"%d" % window)[:_NONCE_BYTES]).decode()

    def _is_ours(self, nonce: str | None, now: float) -> bool:
        """Return whether the nonce is of this window, the one before, or, by a clock of ours ahead, the next one."""
        window = int(now // _NONCE_LIFE)
        said = (nonce or "").encode("ascii", "replace")
        fits = [hmac.compare_digest(self._nonce(window + each).encode(), said) for each in (-1, 0, 1)]
        return any(fits)


async def _confirmed_later(
    who: Principal, cnf: Mapping[str, Any], request: Request, pending: Awaitable[str | Rejection | None]
) -> Principal | Rejection:
    return _confirmed(who, cnf, request, await pending)


def _confirmed(
    who: Principal, cnf: Mapping[str, Any], request: Request, proved: str | Rejection | None
) -> Principal | Rejection:
    if proved is None:
        return Rejection(BAD_PROOF, "no DPoP proof", credential=who.credential)
    if isinstance(proved, Rejection):
        return replace(proved, credential=who.credential)
    reason = unconfirmed(cnf, request.peer.certificate, proved)
    return who if reason is None else Rejection(reason, "DPoP key", credential=who.credential)
