"""Hold every adapter to the same answers: one verdict, one status, the same fields, the same body.

::

    class TestMyFramework(AdapterSuite):
        def app(self, watchword):
            return my_application(watchword, self.RULES)

Needs pytest.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar

from watchword.adapters.problem import PROBLEM_TYPE
from watchword.app import Watchword
from watchword.codec.passwords import Cost
from watchword.model.credential import Kind
from watchword.model.ports import Unavailable
from watchword.model.verdict import Rate
from watchword.routes import Rule
from watchword.testing.asgi import Answer, Ask, ask

__all__ = ["AdapterSuite", "Callers"]

_FIELDS = {"type", "title", "status", "reference"}
_LARGEST = 1024 * 1024


class Callers:
    """Hold a running Watchword and credentials of those who call."""

    key: bytes
    limited: bytes
    elsewhere: bytes
    scopeless: bytes
    signing_id: bytes
    signing_secret: bytes

    def __init__(self, watchword: Watchword) -> None:
        self.watchword = watchword
        self.key = self.limited = self.elsewhere = self.scopeless = b""
        self.signing_id = self.signing_secret = b""

    async def issue(self) -> None:
        """Add a service and give it credentials of several kinds."""
        await self.watchword.lifecycle.add_subject("service:suite", by="user:admin")
        self.key = await self._key(scopes=["orders:read"])
        self.limited = await self._key(scopes=["orders:read"], limit=Rate(1, 3600))
        self.elsewhere = await self._key(scopes=["orders:read"], networks=["10.0.0.0/8"])
        self.scopeless = await self._key()
        signer = await self.watchword.lifecycle.issue(
            Kind.HMAC, "service:suite", by="user:admin", scopes=["orders:read"]
        )
        self.signing_id = signer.material["key_id"].encode()
        self.signing_secret = signer.material["secret"].encode()

    async def _key(self, **more: Any) -> bytes:
        issued = await self.watchword.lifecycle.issue(Kind.API_KEY, "service:suite", by="user:admin", **more)
        return b"Bearer " + issued.material["secret"].encode()

    def signed(self, path: str, body: Sequence[bytes], nonce: bytes = b"n1") -> Ask:
        """Return a signed POST (profile ``v1``)."""
        stamp = str(int(time.time())).encode()
        kind = b"application/octet-stream"
        whole = hashlib.sha256(b"".join(body)).hexdigest().encode()
        lines = (b"watchword-hmac-v1", self.signing_id, stamp, nonce, b"POST", b"api.example", path.encode(), b"", kind)
        signature = hmac.new(self.signing_secret, b"\n".join((*lines, whole)), "sha256").hexdigest().encode()
        fields = (
            (b"content-type", kind),
            (b"x-api-key", self.signing_id),
            (b"x-timestamp", stamp),
            (b"x-nonce", nonce),
            (b"x-signature", signature),
        )
        return Ask("POST", path, headers=fields, body=body)

    async def references(self) -> list[tuple[str, str]]:
        """Return the reference and reason of every refusal in the audit."""
        await self.watchword.audit.flush()
        events = await self.watchword.store.events(limit=10_000)
        return [(event.reference, event.reason) for _, event in events if event.outcome in ("refused", "broken")]


class AdapterSuite(ABC):
    """Say how an application is guarded; the suite asks it and holds its answers to the contract."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule("/orders", "api-key | jwt", scopes=("orders:read",)),
        Rule("/basic", "basic | api-key"),
        Rule("/signed", "hmac", methods=("POST",)),
        Rule("/both", "hmac & api-key", methods=("POST",)),
        Rule("/either", "api-key | hmac"),
        Rule("/open", "api-key | public"),
        Rule("/inside", "api-key", networks=("10.0.0.0/8",)),
        Rule("/busy", "api-key", limit="2/h"),
        Rule("/careful", "api-key", factors=("otp",), within=300),
    )

    @abstractmethod
    def app(self, watchword: Watchword) -> Any:
        """Return an application that guards each path by its rule.

        What is let in is answered with 200 and the JSON object ``{"subject", "received"}``: the caller's subject or
        null, and the number of bytes of content that the application itself read.
        """

    async def send(self, app: Any, request: Ask) -> Answer:
        """Send one request; by default to an ASGI application."""
        return await ask(app, request)

    def play(self, test: Callable[[Callers, Callable[[Ask], Awaitable[Answer]]], Awaitable[None]]) -> None:
        """Run a test against a new application."""

        async def run() -> None:
            watchword = Watchword(inline=True, password_cost=Cost(64, 1), address_limit=None, workers=1, feed_every=0)
            await watchword.start()
            try:
                callers = Callers(watchword)
                await callers.issue()
                app = self.app(watchword)
                await test(callers, lambda request: self.send(app, request))
            finally:
                await watchword.stop()

        asyncio.run(run())

    def refused(self, answer: Answer, status: int, type: str, *challenges: str) -> str:
        """Check a refusal to the last field and return its reference."""
        assert answer.status == status, (answer.status, answer.body)
        assert answer.one(b"content-type") == "application/problem+json"
        assert answer.one(b"content-length") == str(len(answer.body))
        assert answer.one(b"cache-control") == "no-store"
        assert answer.all(b"www-authenticate") == list(challenges)
        assert answer.json.keys() == _FIELDS
        assert answer.json["type"] == PROBLEM_TYPE + type
        assert answer.json["status"] == status
        assert len(answer.json["reference"]) == 16
        return str(answer.json["reference"])

    def test_who_proves_themselves_is_let_in_and_named(self) -> None:
        async def test(callers: Callers, send: Callable[[Ask], Awaitable[Answer]]) -> None:
            answer = await send(Ask(path="/orders").bearing((b"authorization", callers.key)))
            assert answer.status == 200
            assert answer.json == {"subject": "service:suite", "received": 0}
            answer = await send(Ask(path="/open"))
            assert (answer.status, answer.json["subject"]) == (200, None)
            answer = await send(Ask(path="/open").bearing((b"authorization", callers.key)))
            assert answer.json["subject"] == "service:suite"

        self.play(test)

    def test_who_does_not_is_asked_for_every_scheme(self) -> None:
        async def test(callers: Callers, send: Callable[[Ask], Awaitable[Answer]]) -> None:
            self.refused(await send(Ask(path="/orders")), 401, "unauthenticated", 'Bearer realm="api"')
            basic, bearer = 'Basic realm="api", charset="UTF-8"', 'Bearer realm="api"'
            self.refused(await send(Ask(path="/basic")), 401, "unauthenticated", basic, bearer)

        self.play(test)

    def test_wrong_credentials_look_alike(self) -> None:
        async def test(callers: Callers, send: Callable[[Ask], Awaitable[Answer]]) -> None:
            challenge = 'Bearer realm="api", error="invalid_token"'
            other = callers.key[:-7] + b"0000000"
            for path in ("/orders", "/open"):
                for value in (other, callers.key[:-1], callers.key + b"x"):
                    answer = await send(Ask(path=path).bearing((b"authorization", value)))
                    self.refused(answer, 401, "unauthenticated", challenge)

        self.play(test)

    def test_known_callers_are_kept_out_where_they_must_be(self) -> None:
        async def test(callers: Callers, send: Callable[[Ask], Awaitable[Answer]]) -> None:
            answer = await send(Ask(path="/orders").bearing((b"authorization", callers.scopeless)))
            scope = 'Bearer realm="api", error="insufficient_scope", scope="orders:read"'
            self.refused(answer, 403, "insufficient_scope", scope)
            answer = await send(Ask(path="/orders").bearing((b"authorization", callers.elsewhere)))
            self.refused(answer, 403, "forbidden")
            answer = await send(Ask(path="/inside").bearing((b"authorization", callers.key)))
            self.refused(answer, 403, "forbidden")
            answer = await send(Ask(path="/inside", address="10.1.2.3").bearing((b"authorization", callers.key)))
            assert answer.status == 200
            answer = await send(Ask(path="/careful").bearing((b"authorization", callers.key)))
            assert answer.status == 401
            assert answer.json["type"] == PROBLEM_TYPE + "insufficient_user_authentication"

        self.play(test)

    def test_limits_say_when_to_come_back(self) -> None:
        async def test(callers: Callers, send: Callable[[Ask], Awaitable[Answer]]) -> None:
            busy = Ask(path="/busy").bearing((b"authorization", callers.key))
            assert [(await send(busy)).status for _ in range(2)] == [200, 200]
            own = Ask(path="/orders").bearing((b"authorization", callers.limited))
            assert (await send(own)).status == 200
            for request in (busy, own):
                answer = await send(request)
                self.refused(answer, 429, "rate_limited")
                assert 0 < int(answer.one(b"retry-after")) <= 3600
                assert answer.one(b"ratelimit-policy").endswith("w=3600")
                assert ";r=0;" in answer.one(b"ratelimit")

        self.play(test)

    def test_suspicious_requests_are_refused_before_anything_is_verified(self) -> None:
        async def test(callers: Callers, send: Callable[[Ask], Awaitable[Answer]]) -> None:
            twice = Ask(path="/orders").bearing((b"authorization", callers.key), (b"authorization", callers.key))
            self.refused(await send(twice), 400, "malformed_request")
            url = Ask(path="/open", query=b"access_token=abc")
            self.refused(await send(url), 400, "credential_in_url")

        self.play(test)

    def test_signed_content_reaches_the_application_whole(self) -> None:
        async def test(callers: Callers, send: Callable[[Ask], Awaitable[Answer]]) -> None:
            for number, body in enumerate(([b""], [b"x"], [b"a", b"b" * 70_000, b"", b"c"], [b"\0\xff" * 9000])):
                answer = await send(callers.signed("/signed", body, b"n%d" % number))
                assert answer.status == 200, answer.body
                assert answer.json == {"subject": "service:suite", "received": len(b"".join(body))}
            both = callers.signed("/both", [b"ab", b"c"]).bearing((b"authorization", callers.key))
            assert (await send(both)).json == {"subject": "service:suite", "received": 3}

        self.play(test)

    def test_altered_replayed_and_overlong_content_is_refused(self) -> None:
        async def test(callers: Callers, send: Callable[[Ask], Awaitable[Answer]]) -> None:
            good = callers.signed("/signed", [b"amount=1"])
            altered = Ask("POST", "/signed", headers=good.headers, body=[b"amount=9"])
            self.refused(await send(altered), 401, "unauthenticated", 'Watchword-HMAC-SHA256 realm="api"')
            assert (await send(good)).status == 200
            self.refused(await send(good), 401, "unauthenticated", 'Watchword-HMAC-SHA256 realm="api"')
            for body in ([b"x" * (_LARGEST + 1)], [b"x" * 600_000] * 2):
                self.refused(await send(callers.signed("/signed", body, b"big")), 413, "content_too_large")
            largest = await send(callers.signed("/signed", [b"x" * _LARGEST], b"largest"))
            assert (largest.status, largest.json["received"]) == (200, _LARGEST)

        self.play(test)

    def test_content_that_no_scheme_needs_is_left_to_the_application(self) -> None:
        async def test(callers: Callers, send: Callable[[Ask], Awaitable[Answer]]) -> None:
            large = Ask("POST", "/open", body=[b"x" * 700_000] * 2)
            assert (await send(large)).json == {"subject": None, "received": 1_400_000}
            for path in ("/orders", "/either", "/both"):  # who presents nothing cannot make us keep anything
                refused = await send(Ask("POST", path, body=[b"x" * 700_000] * 2))
                assert refused.status == 401
                assert refused.read == 0
            upload = Ask("POST", "/either", body=[b"x" * 700_000] * 2).bearing((b"authorization", callers.key))
            assert (await send(upload)).json == {"subject": "service:suite", "received": 1_400_000}
            signed = await send(callers.signed("/either", [b"x" * 700_000] * 2))
            assert signed.status == 413

        self.play(test)

    def test_broken_is_503_and_never_401(self) -> None:
        async def test(callers: Callers, send: Callable[[Ask], Awaitable[Answer]]) -> None:
            store = callers.watchword.store

            async def broken(lookup: bytes) -> None:
                raise Unavailable("the store")

            store.credential_by = broken  # type: ignore[method-assign]
            answer = await send(Ask(path="/orders").bearing((b"authorization", callers.key)))
            self.refused(answer, 503, "unavailable")
            assert int(answer.one(b"retry-after")) > 0

        self.play(test)

    def test_references_join_answers_and_audit(self) -> None:
        async def test(callers: Callers, send: Callable[[Ask], Awaitable[Answer]]) -> None:
            asked = [
                Ask(path="/orders"),
                Ask(path="/orders", query=b"api_key=abc"),
                Ask(path="/inside").bearing((b"authorization", callers.key)),
                callers.signed("/signed", [b"x" * (_LARGEST + 1)]),
            ]
            given = [(await send(request)).json["reference"] for request in asked]
            reasons = ["no_credential", "credential_in_url", "network_not_allowed", "body_too_large"]
            assert await callers.references() == list(zip(given, reasons, strict=True))

        self.play(test)
