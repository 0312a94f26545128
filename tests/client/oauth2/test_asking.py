"""Judge what is asked for, and the tickets that end by themselves."""

import time

import pytest

from tests.client.oauth2.world import ISSUER, World
from watchword.client import AuthenticationFailed, OAuth2Auth
from watchword.client.oauth2.asking import Ask, accepted, endpoint_of, pause
from watchword.client.oauth2.metadata import Server
from watchword.client.transport import Reply


def test_fields() -> None:
    assert Ask().fields() == {}
    assert Ask(frozenset({"b", "a"}), "https://api").fields() == {"scope": "a b", "resource": "https://api"}


def test_client_credentials_and_refresh_send_the_resource() -> None:
    world = World(lifetime=0.0)
    auth = OAuth2Auth(None, "cli", None, "a", flow=world.flow(), issuer=ISSUER, resource="https://api")
    world.play(auth)
    world.play(auth)
    assert [form["grant_type"] for form in world.forms] == ["authorization_code", "refresh_token"]
    assert {form["resource"] for form in world.forms} == {"https://api"}
    assert "scope" not in world.forms[1]


def test_a_pause_ends_by_itself() -> None:
    begun = time.monotonic()
    pause(0.05).result(2)
    assert time.monotonic() - begun >= 0.05


def test_a_pause_that_nobody_waits_for_ends_quietly() -> None:
    ticket = pause(0.01)
    assert ticket.cancel()
    time.sleep(0.05)
    assert ticket.cancelled()


def test_an_endpoint_that_is_missing_is_named() -> None:
    with pytest.raises(AuthenticationFailed, match=r"auth\.example has no login by a device code"):
        endpoint_of(Server(ISSUER, "x"), "device_authorization_endpoint", "login by a device code")
    assert endpoint_of(Server(ISSUER, "x"), "token_endpoint", "") == "x"


def test_an_answer_that_is_not_as_it_should_be() -> None:
    assert accepted("", Reply(201), 201).status == 201
    with pytest.raises(AuthenticationFailed, match="no: 400 invalid_request") as caught:
        accepted("no", Reply(400, body=b'{"error":"invalid_request"}'))
    assert caught.value.type == "invalid_request"
