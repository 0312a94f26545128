"""The suite for adapters finds what an adapter gets wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tests.adapters.test_asgi import demands, echo
from watchword.adapters.asgi import WatchwordMiddleware
from watchword.app import Watchword
from watchword.testing.adapters import AdapterSuite

TESTS = sorted(name for name in dir(AdapterSuite) if name.startswith("test_"))


class Suite(AdapterSuite):
    """Spoil each message that a right application sends."""

    def spoil(self, message: dict[str, Any]) -> dict[str, Any]:
        return message

    def app(self, watchword: Watchword) -> Any:
        guarded = {rule.path: WatchwordMiddleware(echo, watchword, **demands(rule)) for rule in self.RULES}

        async def app(scope: Any, receive: Any, send: Any) -> None:
            async def spoilt(message: dict[str, Any]) -> None:
                await send(self.spoil(message))

            await guarded[scope["path"]](scope, receive, spoilt)

        return app


class Unguarded(Suite):
    def app(self, watchword: Watchword) -> Any:
        return echo


class WithoutChallenge(Suite):
    def spoil(self, message: dict[str, Any]) -> dict[str, Any]:
        fields = [pair for pair in message.get("headers", ()) if pair[0] != b"www-authenticate"]
        return {**message, "headers": fields} if "headers" in message else message


class Cacheable(Suite):
    def spoil(self, message: dict[str, Any]) -> dict[str, Any]:
        fields = [pair for pair in message.get("headers", ()) if pair[0] != b"cache-control"]
        return {**message, "headers": fields} if "headers" in message else message


class AlwaysForbidden(Suite):
    def spoil(self, message: dict[str, Any]) -> dict[str, Any]:
        return {**message, "status": 403} if message.get("status", 200) != 200 else message


class Hungry(Suite):
    """Read the content where nobody needs it."""

    def app(self, watchword: Watchword) -> Any:
        inner = super().app(watchword)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            first = [await receive()]

            async def again() -> Any:
                return first.pop() if first else await receive()

            await inner(scope, again, send)

        return app


@pytest.mark.parametrize(
    ("suite", "test"),
    [
        *((Unguarded, name) for name in TESTS),
        (WithoutChallenge, "test_who_does_not_is_asked_for_every_scheme"),
        (Cacheable, "test_wrong_credentials_look_alike"),
        (AlwaysForbidden, "test_broken_is_503_and_never_401"),
        (AlwaysForbidden, "test_limits_say_when_to_come_back"),
        (Hungry, "test_content_that_no_scheme_needs_is_left_to_the_application"),
    ],
    ids=lambda each: getattr(each, "__name__", each),
)
def test_each_fault_is_found(suite: type[Suite], test: str) -> None:
    with pytest.raises((AssertionError, KeyError, ValueError, TypeError)):
        getattr(suite(), test)()


@pytest.mark.parametrize("test", TESTS)
def test_a_right_adapter_passes(test: str) -> None:
    getattr(Suite(), test)()
