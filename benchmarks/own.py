"""Watchword in front of the same application: SQLite in a file, scopes and limits on the route, addresses limited,
every decision audited by the flushing thread."""

from __future__ import annotations

import atexit
import base64
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from benchmarks.application import BODY, orders
from benchmarks.loop import App, Contestant, Headers, Measure, call, get_headers, measure, repeat, template
from watchword import Watchword
from watchword.adapters.asgi import WatchwordMiddleware
from watchword.codec.jose.edwards import by_libsodium, by_openssl
from watchword.codec.message import DEFAULT_PROFILE, Parts, body_digest, canonical, sign
from watchword.codec.secrets import new_root_key
from watchword.lifecycle.verbs import Issued
from watchword.model.credential import Credential, Kind
from watchword.model.verdict import Principal

__all__ = ["ALICE", "SCOPE", "contestants", "house"]

ALICE, SCOPE, PASSWORD = "user:alice", "orders:read", "correct horse battery staple"
BY = "user:benchmark"
STRANGER = "192.0.2.7"
LIMIT = "1000000/min"
TOKENS_A_ROUND = 5_000
SPARE = 30_000  # more than asked for, since a turn begins and ends only where a batch of the audit does
SPARE_TOKENS = 10_000  # fewer are judged between two batches, each takes longer


async def house(directory: Path, workers: int = 1) -> Watchword:
    """Open a Watchword as an application would, over a SQLite file."""
    watchword = Watchword(
        f"sqlite:///{directory / 'watchword.db'}",
        root_key=_root_key(directory),
        issuer="https://api.example.com",
        workers=workers,
    )
    await watchword.start()
    return watchword


def _root_key(directory: Path) -> str:
    file = directory / "root-key"
    if not file.exists():
        file.write_text(new_root_key())
    return file.read_text()


class Bare:
    """Measure the application alone: with it each decision's cost is what is added."""

    def __init__(self) -> None:
        self._app = orders()

    async def prepare(self, count: int) -> None:
        """Need nothing."""

    async def run(self, count: int) -> Measure:
        """Measure."""
        return await measure(self._app, template(), repeat(get_headers()), count)


class Repeat:
    """Measure one caller that sends the same credential again and again."""

    def __init__(self, watchword: Watchword, accept: str, headers: Headers, *, watched: bool = True) -> None:
        self._waiting = watchword.audit.__len__ if watched else None
        self._app: App = WatchwordMiddleware(orders(), watchword, accept, scopes=[SCOPE], limit=LIMIT)
        self._headers = headers

    async def prepare(self, count: int) -> None:
        """Show that the caller is let in and a forged one is not."""
        assert await call(self._app, template(), self._headers) == 200
        forged = [
            (name, value[:-1] + b"~" if name in (b"Authorization", b"Cookie") else value)
            for name, value in self._headers
        ]
        assert await call(self._app, template(), forged, address=STRANGER) == 401

    async def run(self, count: int) -> Measure:
        """Measure."""
        return await measure(self._app, template(), repeat(self._headers), count, waiting=self._waiting)


class Unwatched:
    """Note nothing: neither audit nor counts."""

    def note(self, *noted: Any) -> None:
        """Forget it."""

    def __len__(self) -> int:
        return 0


class Signed:
    """Measure signed requests over 1 KiB, each with a signature of its own, made before the clock starts.

    With two houses over one store each takes every other request, so every claim reads what the other has written.
    ``bare`` sends the same requests to the application alone.
    """

    def __init__(self, houses: list[Watchword], issued: Issued, *, bare: bool = False) -> None:
        self._audit, self._bare = houses[0].audit, bare
        fronts = [WatchwordMiddleware(orders(), each, "hmac", scopes=[SCOPE], limit=LIMIT) for each in houses]
        self._app: App = fronts[0] if len(fronts) == 1 else _alternating(fronts)
        self._key_id, self._secret = issued.material["key_id"], issued.material["secret"]
        self._scope = template("POST")
        self._ready: list[Headers] = []

    async def prepare(self, count: int) -> None:
        """Sign; show that one is let in once only."""
        self._ready = [self._sign() for _ in range(count + SPARE)]
        once = self._ready.pop()
        assert await call(self._app, self._scope, once, BODY) == 200
        for _ in range(2):
            assert await call(self._app, self._scope, once, BODY, address=STRANGER) == 401

    async def run(self, count: int) -> Measure:
        """Measure."""
        app, waiting = (orders(), None) if self._bare else (self._app, self._audit.__len__)
        return await measure(app, self._scope, self._ready, count, body=BODY, waiting=waiting)

    def _sign(self) -> Headers:
        headers = get_headers(b"X-API-Key", self._key_id.encode())
        fields, timestamp, nonce = dict(headers), str(int(time.time())).encode(), secrets.token_urlsafe(16).encode()
        parts = Parts(
            fields[b"X-API-Key"],
            timestamp,
            nonce,
            self._scope["method"],
            fields[b"Host"],
            self._scope["raw_path"],
            b"",
            fields[b"Content-Type"],
            body_digest(BODY),
            BODY,
        )
        signature = sign(self._secret, canonical(DEFAULT_PROFILE, parts) or b"").encode()
        return [*headers, (b"X-Timestamp", timestamp), (b"X-Nonce", nonce), (b"X-Signature", signature)]


class FirstSeen:
    """Measure tokens that nobody has seen before."""

    def __init__(self, watchword: Watchword, family: Credential) -> None:
        self._watchword, self._family = watchword, family
        self._app: App = WatchwordMiddleware(orders(), watchword, "jwt", scopes=[SCOPE], limit=LIMIT)
        self._ready: list[bytes] = []

    async def prepare(self, count: int) -> None:
        """Sign."""
        tokens, family = self._watchword.tokens, self._family
        wanted = min(count, TOKENS_A_ROUND) + SPARE_TOKENS
        self._ready = [b"Bearer " + tokens.for_family(family).text.encode() for _ in range(wanted)]

    async def run(self, count: int) -> Measure:
        """Measure."""
        waiting = self._watchword.audit.__len__
        return await measure(self._app, template(), self._requests(), min(count, TOKENS_A_ROUND), waiting=waiting)

    def _requests(self) -> Iterator[Headers]:
        for token in self._ready:
            yield get_headers(value=token)


class BareVerify:
    """Measure the bare verification of Ed25519 signatures, each another, over texts as long as a token's."""

    def __init__(self, token: bytes, by: Callable[[Ed25519PublicKey], Callable[[bytes, bytes], bool]]) -> None:
        key = Ed25519PrivateKey.generate()
        self._sign, self._verifies = key.sign, by(key.public_key())
        self._signed = token.rpartition(b".")[0]
        self._ready: list[tuple[bytes, bytes]] = []

    async def prepare(self, count: int) -> None:
        """Sign."""
        texts = [self._signed[:-16] + secrets.token_hex(8).encode() for _ in range(min(count, TOKENS_A_ROUND))]
        self._ready = [(text, self._sign(text)) for text in texts]
        assert self._verifies(*self._ready[0])

    async def run(self, count: int) -> Measure:
        """Measure."""
        verifies, ready = self._verifies, self._ready
        started, cpu = time.perf_counter(), time.process_time()
        for signed, signature in ready:
            verifies(signed, signature)
        return Measure(len(ready), time.perf_counter() - started, time.process_time() - cpu)


async def contestants() -> dict[str, Contestant]:
    """Return what takes part in this environment."""
    folder = Path(tempfile.mkdtemp(prefix="watchword-bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    one, first, second = folder / "one", folder / "shared", folder / "shared"
    blind = folder / "unwatched"
    for each in (one, first, blind):
        each.mkdir()
    alone, pair = await house(one), [await house(first, 2), await house(second, 2)]
    unwatched = await house(blind)
    unwatched.gate._audit = Unwatched()  # type: ignore[assignment]
    other = (await _credentials(unwatched))[0]
    key, session, hmac, family = await _credentials(alone)
    token = alone.tokens.for_family(family).text.encode()
    basic = base64.b64encode(f"alice:{PASSWORD}".encode())
    return {
        "own-bare": Bare(),
        "own-bare-post": Signed([alone], hmac, bare=True),
        "api-key": Repeat(alone, "api-key", get_headers(value=b"Bearer " + key.material["secret"].encode())),
        "api-key-unwatched": Repeat(
            unwatched,
            "api-key",
            get_headers(value=b"Bearer " + other.material["secret"].encode()),
            watched=False,
        ),
        "session": Repeat(
            alone,
            "session",
            get_headers(b"Cookie", b"theme=dark; __Host-session=" + session.material["cookie"].encode()),
        ),
        "jwt": Repeat(alone, "jwt", get_headers(value=b"Bearer " + token)),
        "basic": Repeat(alone, "basic", get_headers(value=b"Basic " + basic)),
        "hmac": Signed([alone], hmac),
        "hmac-shared": Signed(pair, (await _credentials(pair[0]))[2]),
        "jwt-first": FirstSeen(alone, family),
        "verify": BareVerify(token, by_openssl),
        "verify-libsodium": BareVerify(token, by_libsodium),
    }


async def _credentials(watchword: Watchword) -> tuple[Issued, Issued, Issued, Credential]:
    """Make alice and what she proves herself by."""
    lifecycle, now = watchword.lifecycle, int(time.time())
    await lifecycle.add_subject(ALICE, by=BY)
    await lifecycle.issue(Kind.PASSWORD, ALICE, by=BY, scopes=[SCOPE], options={"password": PASSWORD})
    key = await lifecycle.issue(Kind.API_KEY, ALICE, by=BY, scopes=[SCOPE])
    hmac = await lifecycle.issue(Kind.HMAC, ALICE, by=BY, scopes=[SCOPE])
    options: dict[str, Any] = {"idle": 3600, "factors": ["pwd"], "authenticated_at": now}
    session = await lifecycle.issue(Kind.SESSION, ALICE, by=BY, scopes=[SCOPE], options=options)
    who = Principal(ALICE, "login", "", frozenset({SCOPE}), ("pwd",), now)
    return key, session, hmac, (await watchword.families.start(who, by=BY)).family


def _alternating(apps: Sequence[App]) -> App:
    turn = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal turn
        turn = (turn + 1) % len(apps)
        await apps[turn](scope, receive, send)

    return app
