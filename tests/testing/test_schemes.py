"""The suite for schemes finds what is wrong with a scheme: each fault by the test that is named."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pytest

from watchword.assembly import Parts
from watchword.model.ports import Scheme
from watchword.model.reason import NO_CREDENTIAL, WRONG_SECRET
from watchword.model.request import Request
from watchword.model.verdict import Challenge, Principal, Rejection, SecurityScheme
from watchword.testing.schemes import SchemeSuite

VALUE = b"Plain open-sesame-open"


class Plain:
    """Be a scheme without a fault: one password for all."""

    name = "plain"
    needs_body = False

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    def read(self, request: Request) -> Any:
        value = request.fields.get(b"authorization", b"")
        return sha256(value).digest() if value.startswith(b"Plain ") else None

    async def verify(self, credential: Any, request: Request) -> Any:
        await self.parts.records.subject("service:suite")
        if credential == sha256(VALUE).digest():
            return Principal("service:suite", "plain", "plain_1")
        return Rejection(WRONG_SECRET)

    def challenge(self, rejection: Rejection | None) -> Challenge | None:
        return Challenge("Plain")

    def describe(self) -> SecurityScheme:
        return {"type": "http", "scheme": "plain"}


class Suite(SchemeSuite):
    made: type[Any] = Plain

    def scheme(self, parts: Parts) -> Scheme[Any]:
        return self.made(parts)  # type: ignore[no-any-return]

    def valid_request(self) -> Request:
        return self.request((b"authorization", VALUE))

    def forged_requests(self) -> Mapping[str, Request]:
        return {"other": self.request((b"authorization", b"Plain x"))}


TESTS = sorted(name for name in dir(Suite) if name.startswith("test_"))


@pytest.mark.parametrize("test", TESTS)
def test_a_scheme_without_a_fault_passes(test: str) -> None:
    getattr(Suite(), test)()


class ReadsEverything(Plain):
    def read(self, request: Request) -> Any:
        return sha256(request.fields.get(b"authorization", b"")).digest()


class Impure(Plain):
    def read(self, request: Request) -> Any:
        found = super().read(request)
        request.fields.pop(b"authorization", None)
        return found


class Credulous(Plain):
    async def verify(self, credential: Any, request: Request) -> Any:
        return Principal("service:suite", "plain", "plain_1")


class Fragile(Plain):
    def read(self, request: Request) -> Any:
        value = request.fields.get(b"authorization", b"").decode()
        return sha256(value.encode()).digest() if value.startswith("Plain ") else None


class Swallowing(Plain):
    async def verify(self, credential: Any, request: Request) -> Any:
        try:
            return await super().verify(credential, request)
        except Exception:
            return Rejection(WRONG_SECRET)


class Shameless(Plain):
    def read(self, request: Request) -> Any:
        value = request.fields.get(b"authorization", b"")
        return value if value.startswith(b"Plain ") else None

    async def verify(self, credential: Any, request: Request) -> Any:
        return await super().verify(sha256(credential).digest(), request)


class Chatty(Plain):
    async def verify(self, credential: Any, request: Request) -> Any:
        verdict = await super().verify(credential, request)
        if isinstance(verdict, Rejection):
            return Rejection(WRONG_SECRET, f"not {VALUE.decode()}")
        return verdict


class Splitting(Plain):
    def challenge(self, rejection: Rejection | None) -> Challenge | None:
        return Challenge("Plain\r\nset-cookie: a=b")


class Undescribed(Plain):
    def describe(self) -> SecurityScheme:
        return {"type": "http"}


class Denying(Plain):
    async def verify(self, credential: Any, request: Request) -> Any:
        verdict = await super().verify(credential, request)
        return Rejection(NO_CREDENTIAL) if isinstance(verdict, Rejection) else verdict


class Misnamed(Plain):
    name = "Plain Text"


class OwnField(Plain):
    """Read a field of its own, the last copy of which counts."""

    def read(self, request: Request) -> Any:
        value = request.fields.get(b"x-plain", b"")
        return sha256(value).digest() if value else None


FAULTS = {
    ReadsEverything: "test_nothing_is_read_where_nothing_of_its_own_is",
    Impure: "test_reading_is_pure",
    Credulous: "test_every_forged_twin_is_refused",
    Fragile: "test_spoilt_fields_never_break_it_and_never_prove_another",
    Swallowing: "test_a_broken_store_is_503_and_never_401",
    Shameless: "test_secrets_do_not_show",
    Chatty: "test_secrets_do_not_show",
    Splitting: "test_the_challenge_can_be_sent",
    Undescribed: "test_the_description_is_an_openapi_security_scheme",
    Denying: "test_every_forged_twin_is_refused",
    Misnamed: "test_it_is_a_scheme",
}


@pytest.mark.parametrize("made", FAULTS, ids=lambda each: each.__name__)
def test_each_fault_is_found(made: type[Any]) -> None:
    suite = Suite()
    suite.made = made  # type: ignore[misc]
    with pytest.raises((AssertionError, KeyError, ValueError)):
        getattr(suite, FAULTS[made])()


def test_a_field_of_ones_own_that_came_twice_is_found() -> None:
    class Own(Suite):
        made = OwnField

        def valid_request(self) -> Request:
            return self.request((b"x-plain", VALUE))

    with pytest.raises(AssertionError, match="two x-plain fields"):
        Own().test_a_second_copy_of_a_field_is_refused()


def test_a_suite_without_a_forgery_is_none() -> None:
    class Empty(Suite):
        def forged_requests(self) -> Mapping[str, Request]:
            return {}

    with pytest.raises(AssertionError, match="forgery"):
        Empty().test_every_forged_twin_is_refused()
