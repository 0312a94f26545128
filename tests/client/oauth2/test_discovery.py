"""Judge how servers are found: RFC 8414 by their issuer, RFC 9728 by the resource."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.client.oauth2.world import API, ISSUER, Played, World, reply, sending
from watchword.client import AuthenticationFailed, OAuth2Auth
from watchword.client.oauth2 import TokenFile
from watchword.client.oauth2.discovery import url_of
from watchword.client.transport import Call, Reply

WELL_KNOWN = f"{API}/.well-known/oauth-protected-resource"
RESOURCE = {"resource": API, "authorization_servers": [ISSUER], "scopes_supported": ["b", "a"]}


def auth(world: World, scope: str | None = None, **options: Any) -> OAuth2Auth:
    return OAuth2Auth(None, "cli", None, scope, flow=world.flow(), **options)


def test_the_api_itself_says_where_to_log_in() -> None:
    challenge = f'Bearer resource_metadata="{API}/meta", scope="orders:read"'

    class Elsewhere(World):
        def call(self, call: Call) -> Reply:
            return reply(200, RESOURCE) if call.url == f"{API}/meta" else super().call(call)

    world = Elsewhere(challenge=challenge)
    assert world.play(auth(world)) == [401, 200]
    assert (world.forms[0]["resource"], world.live) == (API, {"t1": "orders:read"})
    assert world.asked[0].url == f"{ISSUER}/.well-known/oauth-authorization-server"


def test_without_a_pointer_the_well_known_place_is_asked() -> None:
    world = World(resource=RESOURCE)
    assert world.play(auth(world)) == [401, 200]
    assert world.asked[0].url == f"{WELL_KNOWN}/orders"
    assert world.live == {"t1": "a b"}  # what the resource knows, where the challenge names none


def test_what_was_asked_for_goes_first() -> None:
    world = World(resource=RESOURCE)
    world.play(auth(world, "mine", resource="https://api.example/mine"))
    assert (world.live, world.forms[0]["resource"]) == ({"t1": "mine"}, "https://api.example/mine")


def test_what_needs_nobody_goes_out_once() -> None:
    class Open(World):
        def request(self, request: Any, fields: Any) -> Reply:
            self.seen.append(fields)
            return Reply(200)

    world = Open()
    assert world.play(auth(world)) == [200]
    assert (world.seen, world.asked) == ([{}], [])


def test_a_stream_is_not_sent_in_vain() -> None:
    world = World(resource=RESOURCE)
    assert world.play(auth(world), sending(body=None, method="POST")) == [200]


def test_a_discovered_token_goes_to_the_api_that_it_is_for_alone() -> None:
    world = World(resource=RESOURCE)
    client = auth(world)
    world.play(client)
    world.play(client, sending("https://other.example/"))
    assert world.seen[-1] == {}


EVIL = "https://evil.example"


class Two(World):
    """Be two APIs: one that the person means, and another that says it trusts a server of its own."""

    def call(self, call: Call) -> Reply:
        if call.url.startswith(f"{EVIL}/.well-known/oauth-protected"):
            return reply(200, {"resource": EVIL, "authorization_servers": [EVIL]})
        if call.url.startswith(EVIL):
            self.asked.append(call)
            return reply(200, {**self.document(), "issuer": EVIL, "token_endpoint": f"{EVIL}/token"})
        return super().call(call)


@pytest.mark.parametrize("body", [b"", None])
def test_a_token_is_not_carried_to_another_api_that_was_asked_at_the_same_time(body: bytes | None) -> None:
    world = Two(resource=RESOURCE)
    client = auth(world)
    late = Played(world, client, sending(f"{EVIL}/", body=body))
    if body is not None:
        late.go()  # what can be sent twice goes out first, and hears 401
    assert world.play(client) == [401, 200]
    while not late.over:
        late.go()
    assert late.statuses == [401]
    assert [fields for fields in world.seen if fields] == [{"Authorization": "Bearer t1"}]
    assert not [call for call in world.asked if call.url.startswith(EVIL)]
    assert world.play(client) == [200]


def test_what_is_kept_for_one_api_goes_to_no_other(tmp_path: Path) -> None:
    world = Two(resource=RESOURCE, lifetime=0.0)
    keep = TokenFile(tmp_path / "tokens" / "me.json")
    world.play(auth(world, keep=keep))
    world.play(auth(world, keep=keep))  # the next process knows it again
    assert world.grants()["refresh_token"] == 1
    world.live.clear()
    with pytest.raises(AuthenticationFailed, match="RFC 9207"):  # it sends people to the server that is not its own
        world.play(auth(world, keep=keep), sending(f"{EVIL}/"))
    assert not [call for call in world.asked if call.url == f"{EVIL}/token"]


def test_a_login_over_http_is_not_begun() -> None:
    home = "http://api.example"
    world = World(resource={"resource": home, "authorization_servers": [home]})
    with pytest.raises(AuthenticationFailed, match="no URL to go to"):
        world.play(auth(world), sending(f"{home}/orders"))


@pytest.mark.parametrize(
    "place", ["http://169.254.169.254/", "http://127.0.0.1/", "file:///etc/passwd", "http://api.example/meta"]
)
def test_metadata_are_not_fetched_from_inside(place: str) -> None:
    world = World(challenge=f'Bearer resource_metadata="{place}"', resource=RESOURCE)
    with pytest.raises(AuthenticationFailed, match="not safe"):
        world.play(auth(world))
    assert world.asked == []


def test_cve_2025_69196_metadata_of_another_resource() -> None:
    world = World(resource={**RESOURCE, "resource": "https://bank.example"})
    with pytest.raises(AuthenticationFailed, match="another resource"):
        world.play(auth(world))


def test_a_resource_that_says_nothing() -> None:
    with pytest.raises(AuthenticationFailed, match="name the issuer"):
        World().play(auth(World()))


def test_an_issuer_without_metadata() -> None:
    class Mute(World):
        def call(self, call: Call) -> Reply:
            self.asked.append(call)
            return reply(404, {})

    world = Mute()
    with pytest.raises(AuthenticationFailed, match="letter by letter"):
        world.play(auth(world, issuer=f"{ISSUER}/tenant"))
    assert len(world.asked) == 3


def test_metadata_of_another_issuer_are_not_used() -> None:
    world = World(metadata={"issuer": "https://evil.example"})
    with pytest.raises(AuthenticationFailed, match="its issuer is another"):
        world.play(auth(world, issuer=ISSUER))
    assert world.shown == []


@pytest.mark.parametrize("status", [302, 500, 503])
def test_a_server_that_is_broken_is_not_one_without_metadata(status: int) -> None:
    class Broken(World):
        def call(self, call: Call) -> Reply:
            return reply(status, {})

    with pytest.raises(AuthenticationFailed, match=f"answered {status}"):
        Broken().play(auth(World(), issuer=ISSUER))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://api.example/a%20b?c=d", "https://api.example/a%20b"),
        ("http://127.0.0.1:8000/x", "http://127.0.0.1:8000/x"),
        ("https://[::1]:443/", "https://[::1]/"),
    ],
)
def test_the_url_of_a_request(url: str, expected: str) -> None:
    assert url_of(sending(url)) == expected
