"""Judge the API key client against a server on loopback."""

import pytest

from tests.client.callers import Caller
from tests.client.server import API_KEY, Server
from watchword.client import ApiKeyAuth


def test_the_key_is_sent_as_bearer(caller: Caller, server: Server) -> None:
    response = caller.send(ApiKeyAuth(API_KEY), "GET", f"{server.url}/whoami")
    assert response.json() == {"who": API_KEY}
    assert server.api.seen[0].fields[b"authorization"] == f"Bearer {API_KEY}".encode()


def test_a_refused_key_is_not_sent_again(caller: Caller, server: Server) -> None:
    assert caller.send(ApiKeyAuth("ak_live_wrong"), "POST", f"{server.url}/orders", content=b"x").status_code == 401
    assert server.api.asked["POST /orders"] == 1


def test_a_key_bound_to_an_origin_goes_nowhere_else(caller: Caller, server: Server, other: Server) -> None:
    auth = ApiKeyAuth(API_KEY, origin=server.url)
    urls = (f"{server.url}/whoami", f"{other.url}/whoami")
    here, there = caller.send_all(auth, [("GET", url, {}) for url in urls])
    assert (here.status_code, there.status_code) == (200, 401)
    assert b"authorization" not in other.api.seen[0].fields


def test_a_redirect_to_another_origin_does_not_take_the_key_along(
    caller: Caller, server: Server, other: Server
) -> None:
    auth = ApiKeyAuth(API_KEY)
    caller.send_all(auth, [("GET", f"{server.url}/away", {})], follow_redirects=True)
    assert other.api.asked["GET /taken"] == 1
    assert b"authorization" not in other.api.seen[0].fields


@pytest.mark.parametrize("secret", ["", "ak_live_x\r\nX: y", "ak live", "ak_live_ü", "ak_live_x\0"])
def test_what_no_header_can_carry_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(ValueError, match="visible ASCII") as caught:
        ApiKeyAuth(secret)
    assert not secret or secret not in str(caught.value)


def test_the_key_stays_out_of_the_repr() -> None:
    auth = ApiKeyAuth(API_KEY)
    assert API_KEY not in repr(auth) + str(auth) + repr(auth.requests)
