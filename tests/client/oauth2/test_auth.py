"""Judge the client credentials client by RFC 6749 and against a server on loopback."""

import time
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from tests.client.callers import Caller
from tests.client.server import CLIENT, CLIENT_SECRET, Server
from watchword.client import AuthenticationFailed, OAuth2Auth


def client(server: Server, secret: str = CLIENT_SECRET, **options: str) -> OAuth2Auth:
    return OAuth2Auth(f"{server.url}/token", CLIENT, secret, **options)


def test_rfc_6749_section_2_3_1_id_and_secret_are_form_encoded(caller: Caller, server: Server) -> None:
    auth = client(server, scope="orders:read orders:write", resource="https://api.example.com/")
    assert caller.send(auth, "GET", f"{server.url}/whoami").json() == {"who": "o1"}
    assert parse_qs(server.api.bodies[0].decode()) == {
        "grant_type": ["client_credentials"],
        "scope": ["orders:read orders:write"],
        "resource": ["https://api.example.com/"],
    }


def test_fifty_concurrent_requests_fetch_one_token(caller: Caller, server: Server) -> None:
    server.api.delay = 0.1
    responses = caller.at_once(client(server), f"{server.url}/whoami", 50)
    assert [response.status_code for response in responses] == [200] * 50
    assert server.api.asked["POST /token"] == 1


def test_a_401_fetches_a_new_token_once(caller: Caller, server: Server) -> None:
    auth = client(server)
    caller.send(auth, "GET", f"{server.url}/whoami")
    server.api.tokens.clear()
    assert caller.send(auth, "POST", f"{server.url}/orders", content=b"x").json() == {"who": "o2"}
    assert server.api.asked["POST /orders"] == 2


def test_a_token_is_kept_until_shortly_before_it_ends(
    caller: Caller, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = time.monotonic()
    auth = client(server)
    for later, expected in ((0, "o1"), (3500, "o1"), (3575, "o2")):
        monkeypatch.setattr("watchword.client.oauth2.auth.time.monotonic", lambda later=later: start + later)
        assert caller.send(auth, "GET", f"{server.url}/whoami").json() == {"who": expected}


def test_a_refusal_names_the_error_and_no_secret(caller: Caller, server: Server) -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        caller.send(client(server, "s3cret-wrong"), "GET", f"{server.url}/whoami")
    assert (caught.value.status, caught.value.type) == (401, "invalid_client")
    assert "s3cret-wrong" not in str(caught.value)


def test_an_origin_binds_the_token(caller: Caller, server: Server, other: Server) -> None:
    caller.send(client(server, origin=server.url), "GET", f"{other.url}/whoami")
    assert b"authorization" not in other.api.seen[0].fields
    assert server.api.asked["POST /token"] == 0


def test_a_netrc_file_does_not_replace_the_client(
    caller: Caller, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login mallory password m\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert caller.send(client(server), "GET", f"{server.url}/whoami").status_code == 200


def test_the_secret_stays_out_of_the_repr(server: Server) -> None:
    assert CLIENT_SECRET not in repr(client(server))
