"""Judge the code flow by RFC 6749 section 4.1, RFC 7636, RFC 8252, RFC 9126, RFC 9207 and RFC 9449 section 10."""

from __future__ import annotations

import sys
import webbrowser
from threading import Event
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.client.oauth2.world import API, ISSUER, REDIRECT, World
from watchword.client import AuthenticationFailed, OAuth2Auth
from watchword.client.oauth2 import AuthorizationCode
from watchword.client.oauth2.code import show_in_browser


def auth(world: World, **options: Any) -> OAuth2Auth:
    return OAuth2Auth(
        None, "cli", options.pop("secret", None), "orders:read", flow=world.flow(), issuer=ISSUER, **options
    )


def query(world: World) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(world.shown[0]).query))


def refused(world: World, **options: Any) -> AuthenticationFailed:
    with pytest.raises(AuthenticationFailed) as caught:
        world.play(auth(world, **options))
    assert world.listening[-1].closed
    return caught.value


def test_a_person_logs_in() -> None:
    world = World()
    assert world.play(auth(world, resource=API)) == [200]
    asked = query(world)
    assert world.shown[0].startswith(f"{ISSUER}/authorize?")
    assert (asked["response_type"], asked["client_id"], asked["redirect_uri"]) == ("code", "cli", REDIRECT)
    assert (asked["scope"], asked["resource"], asked["code_challenge_method"]) == ("orders:read", API, "S256")
    assert len(asked["state"]) >= 32
    form = world.forms[0]
    assert 43 <= len(form["code_verifier"]) <= 128
    assert (form["client_id"], form["resource"], form["redirect_uri"]) == ("cli", API, REDIRECT)
    assert world.seen[-1]["Authorization"] == "Bearer t1"
    assert world.listening[0].closed


def test_each_login_has_its_own_state_and_verifier() -> None:
    world = World(refresh=False)
    client = auth(world)
    world.play(client)
    world.revoked.add("t1")
    world.play(client)
    first, second = (dict(parse_qsl(urlsplit(url).query)) for url in world.shown)
    assert first["state"] != second["state"]
    assert first["code_challenge"] != second["code_challenge"]


@pytest.mark.parametrize("iss", ["https://evil.example", ISSUER + "/", "", ISSUER.upper()])
def test_must_8_rfc_9207_an_answer_of_another_server_is_refused(iss: str) -> None:
    world = World(answer={"iss": iss})
    assert "RFC 9207" in str(refused(world))
    assert world.forms == []


def test_rfc_9207_a_server_that_does_not_say_so_may_leave_iss_out_but_not_lie() -> None:
    silent = {"authorization_response_iss_parameter_supported": False}
    world = World(metadata=silent, answer={"iss": ""})
    assert world.play(auth(world)) == [200]
    assert "RFC 9207" in str(refused(World(metadata=silent, answer={"iss": "https://evil.example"})))


def test_cve_2026_41425_an_answer_to_another_login_is_refused() -> None:
    world = World(answer={"state": "another"})
    assert "another login" in str(refused(world))
    assert world.forms == []


def test_the_error_of_a_person_who_declines() -> None:
    failed = refused(World(answer={"error": "access_denied", "code": "", "error_description": "<b>hush</b>"}))
    assert (str(failed), failed.type) == ("the login at auth.example was refused: access_denied", "access_denied")


def test_errors_that_nobody_registered_are_not_repeated() -> None:
    failed = refused(World(answer={"error": "\x1b[2Jevil", "code": ""}))
    assert failed.type == "unknown_error"
    assert "\x1b" not in str(failed)


def test_an_answer_without_a_code() -> None:
    assert "no code" in str(refused(World(answer={"code": ""})))


def test_nobody_comes_back() -> None:
    failed = refused(World(answer=None))
    assert (failed.type, str(failed)) == ("timeout", "nobody came back from the login within 300 s")


def test_cve_2024_23647_a_server_without_pkce_is_not_used() -> None:
    world = World(metadata={"code_challenge_methods_supported": ["plain"]})
    with pytest.raises(AuthenticationFailed, match="PKCE"):
        world.play(auth(world))
    assert world.shown == []


def test_rfc_9126_requests_are_pushed_where_that_is_possible() -> None:
    world = World(metadata={"pushed_authorization_request_endpoint": f"{ISSUER}/par"})
    assert world.play(auth(world, secret="s")) == [200]
    assert query(world) == {"client_id": "cli", "request_uri": "urn:0"}
    assert world.pushed["urn:0"]["code_challenge_method"] == "S256"
    assert "Authorization" in world.asked[1].headers


def test_rfc_9449_section_10_the_code_is_bound_to_the_key() -> None:
    world = World(kind="DPoP", nonce="n")
    client = auth(world, dpop=True)
    assert world.play(client) == [200]
    assert len(query(world)["dpop_jkt"]) == 43
    assert world.seen[-1]["Authorization"] == "DPoP t1"


def test_a_port_that_is_taken_is_said() -> None:
    def listen(*_: Any) -> Any:
        raise OSError(98, "Address already in use")

    client = OAuth2Auth(None, "cli", flow=AuthorizationCode(listen=listen), issuer=ISSUER)
    with pytest.raises(AuthenticationFailed, match="Address already in use"):
        World().play(client)


@pytest.mark.parametrize("screen", [True, False])
def test_the_browser_opens_where_there_is_a_screen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], screen: bool
) -> None:
    opened = Event()
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.set())
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    if screen:
        monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    show_in_browser("https://auth.example/authorize?x")
    assert opened.wait(2 if screen else 0.1) is screen
    assert "https://auth.example/authorize?x" in capsys.readouterr().err
