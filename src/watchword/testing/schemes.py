"""Hold every scheme to what the gate relies on: pure reading, verdicts as values, refusals that never break.

::

    class TestTicket(SchemeSuite):
        def scheme(self, parts):
            return Ticket(parts.records, clock=parts.clock)

        async def prepare(self, watchword):
            self.ticket = ...                       # issue what the requests present

        def valid_request(self):
            return self.request((b"authorization", b"Ticket " + self.ticket))

        def forged_requests(self):
            return {"another_ticket": self.request((b"authorization", b"Ticket 123"))}

Needs pytest.
"""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

from watchword.app import Watchword
from watchword.assembly import Parts
from watchword.codec.fields import render_challenge
from watchword.codec.passwords import Cost
from watchword.gate import Route
from watchword.model.ports import Scheme, Unavailable
from watchword.model.reason import UNKNOWN_CREDENTIAL
from watchword.model.request import SINGLE_FIELDS, Peer, Request
from watchword.model.verdict import Allow, Decision, Deny, Principal, Rejection
from watchword.policy import compile as compile_policy
from watchword.stores.memory import MemoryStore
from watchword.verdicts import Verdicts

__all__ = ["OTHERS", "SchemeSuite"]

_SEED: Final = 20
_MUTATIONS: Final = 150
_SECRET_LENGTH: Final = 12
_REFUSALS: Final = range(400, 500)

_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "apiKey": ("name", "in"),
    "http": ("scheme",),
    "mutualTLS": (),
    "oauth2": ("flows",),
    "openIdConnect": ("openIdConnectUrl",),
}
"""What each type of OpenAPI 3.1.1 security scheme object must say."""

OTHERS: Final[Mapping[str, tuple[tuple[bytes, bytes], ...]]] = {
    "api-key": ((b"authorization", b"Bearer ak_live_0123456789abcdefghijklmnopqrst000000"),),
    "basic": ((b"authorization", b"Basic YWxpY2U6c2VjcmV0"),),
    "jwt": ((b"authorization", b"Bearer eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.e30.AA"),),
    "oauth2": ((b"authorization", b"Bearer eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCJ9.e30.AA"),),
    "hmac": ((b"x-api-key", b"hk_live_0"), (b"x-timestamp", b"1"), (b"x-signature", b"0" * 64)),
    "session": ((b"cookie", b"__Host-session=ws_0; session=ws_0"),),
    "digest": ((b"authorization", b'Digest username="alice", realm="r", nonce="n", uri="/", response="0"'),),
    "proxy": ((b"proxy-authorization", b"Basic YWxpY2U6c2VjcmV0"),),
}
"""What the built-in schemes, and some that are none, are presented by."""


async def _settled(outcome: Any) -> Any:
    return await outcome if isinstance(outcome, Awaitable) else outcome


class _Broken:
    """Be a store of which nothing works."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def fail(*arguments: Any, **more: Any) -> Any:
            raise Unavailable("the store is broken")

        return fail


class SchemeSuite(ABC):
    """Say how the scheme is built and what it accepts.

    ``needs_store`` is False for a scheme that proves without asking any; ``shares`` names the entries of ``OTHERS``
    that it reads too; ``single`` is False for a scheme whose field may come several times, as cookies do.
    """

    expected_subject: ClassVar[str] = "service:suite"
    needs_store: ClassVar[bool] = True
    shares: ClassVar[frozenset[str]] = frozenset()
    single: ClassVar[bool] = True

    _built: Scheme[Any]

    @abstractmethod
    def scheme(self, parts: Parts) -> Scheme[Any]:
        """Return the scheme, built as its entry point builds it."""

    async def prepare(self, watchword: Watchword) -> None:  # noqa: B027 - nothing to do is a fair answer
        """Issue what the requests present. The subject is there already."""

    @abstractmethod
    def valid_request(self) -> Request:
        """Return a request that proves ``expected_subject``; a new one each time, if it is accepted only once."""

    @abstractmethod
    def forged_requests(self) -> Mapping[str, Request]:
        """Return requests that present this scheme and must be refused, each under the name of what is wrong."""

    def secrets(self) -> Sequence[str]:
        """Return what must not show in a credential's text; by default the long words of the credential fields."""
        request = self.valid_request()
        words = [
            word
            for name in self._fields_of(request)
            for word in request.fields[name].decode("latin-1").replace("=", " ").replace(",", " ").split()
        ]
        return [word for word in words if len(word) >= _SECRET_LENGTH]

    def request(
        self, *fields: tuple[bytes, bytes], method: str = "GET", path: bytes = b"/x", body: bytes = b"", **peer: Any
    ) -> Request:
        """Return a request with these fields, over TLS from 192.0.2.1 unless ``peer`` says otherwise."""
        peer = {"address": "192.0.2.1", "tls": True, **peer}
        return Request(method, path, b"", [(b"host", b"api.example"), *fields], Peer(**peer), body)

    # What the tests stand on.

    def play(self, test: Callable[[Watchword], Awaitable[None]]) -> None:
        """Run a test in a running house that has the expected subject."""

        async def run() -> None:
            house = Watchword(inline=True, password_cost=Cost(64, 1), address_limit=None, workers=1, feed_every=0)
            await house.start()
            try:
                await house.lifecycle.add_subject(self.expected_subject, by="user:admin")
                await self.prepare(house)
                self._built = self.scheme(house.parts)
                await test(house)
            finally:
                await house.stop()

        asyncio.run(run())

    async def decide(self, house: Watchword, request: Request, scheme: Scheme[Any] | None = None) -> Decision:
        """Judge a request by the scheme alone."""
        built = scheme or self._built
        return await house.gate.decide(request, Route(compile_policy(built.name, {built.name: built})))

    def _fields_of(self, request: Request) -> list[bytes]:
        """Return the fields without which the scheme does not find a whole credential."""
        found = []
        for name in request.fields:
            rest = [pair for pair in request.headers if pair[0] != name]
            without = Request(request.method, request.path, request.query, rest, request.peer, request.body)
            if name != b"host" and not self._reads(without):
                found.append(name)
        return found

    def _reads(self, request: Request) -> bool:
        credential = self._built.read(request)
        return credential is not None and not isinstance(credential, Rejection)

    def _mutants(self, request: Request) -> Iterator[Request]:
        """Spoil one credential field at a time: random bytes, cuts, flips, nothing at all."""
        chance = random.Random(_SEED)
        for name in self._fields_of(request):
            value = request.fields[name]
            for number in range(_MUTATIONS):
                at = chance.randrange(len(value) + 1)
                spoilt = (
                    chance.randbytes(chance.randrange(200)),
                    value[:at],
                    value[:at] + chance.randbytes(1) + value[at + 1 :],
                    value[:at] + value[at:] * 2,
                    value.partition(b" ")[0] + b" " + chance.randbytes(chance.randrange(60)),
                )[number % 5]
                headers = [(each, spoilt if each == name else given) for each, given in request.headers]
                yield Request(request.method, request.path, request.query, headers, request.peer, request.body)

    # The tests.

    def test_it_is_a_scheme(self) -> None:
        async def test(house: Watchword) -> None:
            assert isinstance(self._built, Scheme)
            assert isinstance(self._built.needs_body, bool)
            compile_policy(self._built.name, {self._built.name: self._built})  # its name fits the language

        self.play(test)

    def test_nothing_is_read_where_nothing_of_its_own_is(self) -> None:
        async def test(house: Watchword) -> None:
            assert self._built.read(self.request()) is None
            for name, fields in OTHERS.items():
                if name != self._built.name and name not in self.shares:
                    assert self._built.read(self.request(*fields)) is None, name

        self.play(test)

    def test_reading_is_pure(self) -> None:
        async def test(house: Watchword) -> None:
            request = self.valid_request()
            before = (list(request.headers), dict(request.fields), request.body, request.peer.certificate)
            first, second = self._built.read(request), self._built.read(request)
            assert first is not None
            assert not isinstance(first, Rejection)
            assert repr(first) == repr(second)
            assert before == (list(request.headers), dict(request.fields), request.body, request.peer.certificate)

        self.play(test)

    def test_the_valid_request_is_accepted(self) -> None:
        async def test(house: Watchword) -> None:
            for _ in range(2):  # verified, then perhaps remembered
                decision = await self.decide(house, self.valid_request())
                assert isinstance(decision, Allow), decision
                who = decision.principal
                assert isinstance(who, Principal)
                assert (who.subject, who.scheme) == (self.expected_subject, self._built.name)
                assert isinstance(who.scopes, frozenset)
                assert isinstance(who.factors, tuple)
                assert isinstance(who.authenticated_at, int)

        self.play(test)

    def test_every_forged_twin_is_refused(self) -> None:
        async def test(house: Watchword) -> None:
            forged = self.forged_requests()
            assert forged, "a scheme without a forgery is not tested"
            await self.decide(house, self.valid_request())  # what is remembered must not help
            for name, request in forged.items():
                decision = await self.decide(house, request)
                assert isinstance(decision, Deny), f"{name} was accepted"
                assert decision.rejection.reason.status in _REFUSALS, (name, decision.rejection)
                assert decision.rejection.reason.code != "no_credential", f"{name} presents nothing"

        self.play(test)

    def test_spoilt_fields_never_break_it_and_never_prove_another(self) -> None:
        async def test(house: Watchword) -> None:
            for request in self._mutants(self.valid_request()):
                decision = await self.decide(house, request)
                if isinstance(decision, Deny):
                    assert decision.rejection.reason.status in _REFUSALS, (request.headers, decision.rejection)
                else:
                    assert decision.principal is not None
                    assert decision.principal.subject == self.expected_subject

        self.play(test)

    def test_what_is_recalled_is_what_would_be_verified(self) -> None:
        async def test(house: Watchword) -> None:
            recall: Callable[[Request], Principal | None] | None = getattr(self._built, "recall", None)
            if recall is None:
                return
            assert recall(self.valid_request()) is None, "it recalls what nobody proved"
            await self.decide(house, self.valid_request())
            good = self.valid_request()
            forged = [*self.forged_requests().values(), *self._mutants(good)]
            beside = [self.request(*good.headers[1:], *fields) for fields in OTHERS.values()]
            for request in (good, *forged, *beside):
                who = recall(request)
                if who is not None and not request.repeated:  # what came twice is refused before
                    assert await self._verified(house, request, who) is who, request.headers
            who = recall(self.valid_request())
            assert who is not None, "it never recalls, so it needs no recall"
            house.verdicts.evict(f"credential:{who.credential}")
            assert recall(self.valid_request()) is None, "it recalls what was taken back"

        self.play(test)

    async def _verified(self, house: Watchword, request: Request, recalled: Principal) -> Principal | Rejection:
        """Return what verifying says of a request. What is good once is spent now: it is shown to who never saw it."""
        credential = self._built.read(request)
        assert credential is not None
        said = await _settled(self._built.verify(credential, request))
        if isinstance(said, Principal):
            return said
        other = self.scheme(replace(house.parts, ephemeral=MemoryStore(clock=house.parts.clock)))
        said = await _settled(other.verify(credential, request))
        same = isinstance(said, Principal) and said._replace(authenticated_at=recalled.authenticated_at) == recalled
        return recalled if same else said

    def test_a_second_copy_of_a_field_is_refused(self) -> None:
        async def test(house: Watchword) -> None:
            if not self.single:
                return
            for name in self._fields_of(self.valid_request()):
                for before in (True, False):
                    good = self.valid_request()
                    more = [(name, b"other")]
                    headers = [*more, *good.headers] if before else [*good.headers, *more]
                    request = Request(good.method, good.path, good.query, headers, good.peer, good.body)
                    decision = await self.decide(house, request)
                    assert isinstance(decision, Deny), f"two {name.decode()} fields were accepted"
                    if name in SINGLE_FIELDS:
                        assert decision.rejection.reason.code == "duplicate_field"

        self.play(test)

    def test_a_broken_store_is_503_and_never_401(self) -> None:
        async def test(house: Watchword) -> None:
            if not self.needs_store:
                return
            broken: Any = _Broken()
            parts = replace(house.parts, records=broken, ephemeral=broken, verdicts=Verdicts())
            decision = await self.decide(house, self.valid_request(), self.scheme(parts))
            assert isinstance(decision, Deny)
            assert decision.rejection.reason.status == 503

        self.play(test)

    def test_secrets_do_not_show(self) -> None:
        async def test(house: Watchword) -> None:
            request = self.valid_request()
            credential = self._built.read(request)
            verdict = await self.decide(house, request)
            shown = f"{credential!r} {credential} {self._built!r} {verdict!r} {request!r}"
            assert [secret for secret in self.secrets() if secret in shown] == []
            for forged in self.forged_requests().values():
                decision = await self.decide(house, forged)
                assert isinstance(decision, Deny)
                said = f"{decision.rejection.detail} {decision.rejection.headers} {decision.challenges}"
                assert [secret for secret in self.secrets() if secret in said] == []

        self.play(test)

    def test_the_challenge_can_be_sent(self) -> None:
        async def test(house: Watchword) -> None:
            for rejection in (None, Rejection(UNKNOWN_CREDENTIAL, "x\r\ny")):
                challenge = self._built.challenge(rejection)
                if challenge is not None:
                    sent = render_challenge(challenge)
                    assert sent.isascii()
                    assert not set(sent) & set(b"\r\n\0")

        self.play(test)

    def test_the_description_is_an_openapi_security_scheme(self) -> None:
        async def test(house: Watchword) -> None:
            described = self._built.describe()
            assert described["type"] in _NEEDED
            assert [name for name in _NEEDED[described["type"]] if not described.get(name)] == []
            if described["type"] == "apiKey":
                assert described["in"] in ("query", "header", "cookie")
            for flow in described.get("flows", {}).values():
                assert isinstance(flow["scopes"], Mapping)

        self.play(test)
