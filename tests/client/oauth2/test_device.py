"""Judge the device flow by RFC 8628."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from tests.client.oauth2.world import ISSUER, World, reply
from watchword.client import AuthenticationFailed, OAuth2Auth
from watchword.client.oauth2 import DeviceAuthorization, Prompt
from watchword.client.oauth2.device import show_on_stderr
from watchword.client.transport import Call, Reply


class Clock:
    """Move only when somebody sleeps."""

    def __init__(self) -> None:
        self.now, self.slept = 0.0, []

    slept: list[float]

    def sleep(self, seconds: float) -> Future[None]:
        self.slept.append(seconds)
        self.now += seconds
        done: Future[None] = Future()
        done.set_result(None)
        return done


def error(kind: str, status: int = 400) -> Reply:
    return reply(status, {"error": kind})


def logged_in(world: World, *answers: Reply, **options: Any) -> tuple[list[float], list[Prompt], list[int]]:
    world.token_answers = list(answers)
    clock, shown = Clock(), []
    flow = DeviceAuthorization(shown.append, clock.sleep, lambda: clock.now)
    auth = OAuth2Auth(None, "cli", None, "orders:read", flow=flow, issuer=ISSUER, **options)
    return clock.slept, shown, world.play(auth)


def test_a_person_enters_the_code_elsewhere() -> None:
    world = World()
    slept, shown, statuses = logged_in(world, error("authorization_pending"), error("authorization_pending"))
    assert (slept, statuses) == ([2, 2, 2], [200])
    assert (shown[0].user_code, shown[0].verification_uri, shown[0].seconds) == ("WDJB-MJHT", f"{ISSUER}/go", 600)
    assert world.forms[0] == {"scope": "orders:read", "client_id": "cli"}
    assert world.forms[1] == {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": "dc",
        "client_id": "cli",
    }


def test_rfc_8628_section_3_5_slow_down_adds_five_seconds_for_good() -> None:
    slept, _, _ = logged_in(World(), error("slow_down"), error("authorization_pending"), error("slow_down"))
    assert slept == [2, 7, 7, 12]


def test_a_busy_server_is_left_alone_ever_longer() -> None:
    slept, _, statuses = logged_in(World(), error("", 503), error("", 429))
    assert (slept, statuses) == ([2, 4, 8], [200])


@pytest.mark.parametrize("kind", ["access_denied", "expired_token", "invalid_grant"])
def test_the_end_of_it(kind: str) -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        logged_in(World(), error(kind))
    assert caught.value.type == kind


def test_nobody_enters_the_code() -> None:
    world = World()
    with pytest.raises(AuthenticationFailed, match="in time") as caught:
        logged_in(world, *[error("authorization_pending")] * 1000)
    assert caught.value.type == "expired_token"
    assert world.grants()["device_code"] == 299


def test_tokens_may_be_bound_to_a_key() -> None:
    world = World(kind="DPoP", nonce="n")
    assert logged_in(world, dpop=True)[2] == [200]
    assert world.seen[-1]["Authorization"] == "DPoP t1"


@pytest.mark.parametrize(
    "more",
    [
        {"device_code": None},
        {"device_code": 7},
        {"user_code": ""},
        {"user_code": "\x1b[2J"},
        {"user_code": "A" * 65},
        {"verification_uri": "javascript:alert(1)"},
        {"verification_uri": "https://a.example/\x1b[2J"},
        {"verification_uri": "https://user@a.example/"},
        {"verification_uri": None},
        {"verification_uri_complete": "file:///x"},
    ],
)
def test_answers_that_nobody_can_be_shown(more: dict[str, Any]) -> None:
    good = {"device_code": "dc", "user_code": "AB", "verification_uri": f"{ISSUER}/go"}

    class Odd(World):
        def call(self, call: Call) -> Reply:
            return reply(200, {**good, **more}) if call.url.endswith("/device") else super().call(call)

    with pytest.raises(AuthenticationFailed, match="the server's answer"):
        logged_in(Odd())


@pytest.mark.parametrize("more", [{}, {"expires_in": "x", "interval": True}, {"interval": -1, "expires_in": 0}])
def test_rfc_8628_section_3_2_the_interval_is_five_seconds_unless_told(more: dict[str, Any]) -> None:
    class Terse(World):
        def call(self, call: Call) -> Reply:
            body = {"device_code": "dc", "user_code": "AB", "verification_uri": f"{ISSUER}/go", **more}
            return reply(200, body) if call.url.endswith("/device") else super().call(call)

    slept, shown, _ = logged_in(Terse())
    assert (slept, shown[0].seconds) == ([5], 1800)


def test_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    show_on_stderr(Prompt("https://a.example/go", "AB-CD", 600, "https://a.example/go?AB-CD", "hush"))
    said = capsys.readouterr().err
    assert said == "Go to https://a.example/go and enter AB-CD\n  or follow https://a.example/go?AB-CD\n"
    assert "hush" not in repr(Prompt("u", "c", 1, "", "hush"))
