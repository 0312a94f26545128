"""Judge OAuth2Auth by RFC 6749, RFC 6750, RFC 9449 and RFC 9470, over loopback and in memory."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.client.callers import Caller
from tests.client.oauth2.world import API, ISSUER, Played, World, opened, reply, sending
from tests.client.server import CLIENT, CLIENT_SECRET, Server
from watchword.client import AuthenticationFailed, OAuth2Auth
from watchword.client.transport import LONGEST, Reply, Sending


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


def test_a_401_fetches_a_new_token_from_a_server_elsewhere(caller: Caller, server: Server, other: Server) -> None:
    auth = OAuth2Auth(f"{other.url}/token", CLIENT, CLIENT_SECRET)
    other.api.tokens = server.api.tokens = {"o1"}
    server.api.refuse_all = True
    assert caller.send(auth, "GET", f"{server.url}/whoami").status_code == 401
    assert other.api.asked["POST /token"] == 2


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


@pytest.mark.parametrize("endless", [b" " * (LONGEST + 1), gzip.compress(b" " * (LONGEST + 1))], ids=["plain", "gzip"])
def test_an_answer_that_does_not_end_is_not_read_to_the_end(caller: Caller, server: Server, endless: bytes) -> None:
    server.api.endless = endless
    with pytest.raises(AuthenticationFailed, match="longer than"):
        caller.send(client(server), "GET", f"{server.url}/whoami")


@pytest.mark.parametrize("body", [b"[" * 500_000, b'{"a":' * 100_000, b"\xff", b"", b"9" * 9_999])
def test_an_answer_that_is_no_json_is_refused(caller: Caller, server: Server, body: bytes) -> None:
    server.api.endless = body or b" "
    with pytest.raises(AuthenticationFailed, match=r"the token endpoint refused: 200$"):
        caller.send(client(server), "GET", f"{server.url}/whoami")


@pytest.mark.parametrize("error", ["\x1b[2Jgone", "x" * 1000, "a b", 'a"', ["a"], None])
def test_an_error_that_is_none_is_not_shown(error: object) -> None:
    world = World(token_answers=[reply(400, {"error": error})])
    with pytest.raises(AuthenticationFailed, match=r"refused: 400$") as caught:
        world.play(machine())
    assert caught.value.type == ""


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


# --- what answers ask for ---------------------------------------------------------------------------------------------


def person(world: World, scope: str | None = "a", **options: Any) -> OAuth2Auth:
    return OAuth2Auth(None, "cli", None, scope, flow=world.flow(), issuer=ISSUER, **options)


def machine(scope: str | None = "a", **options: Any) -> OAuth2Auth:
    return OAuth2Auth.client_credentials("cli", "s", scope, issuer=ISSUER, **options)


def test_the_server_is_found_by_its_issuer_once() -> None:
    world = World(lifetime=0.0)
    auth = machine()
    assert [world.play(auth) for _ in range(3)] == [[200]] * 3
    assert [call.method for call in world.asked] == ["GET", "POST", "POST", "POST"]


def test_a_token_is_refreshed_before_it_ends_and_after_a_401() -> None:
    world = World()
    auth = person(world)
    world.play(auth)
    world.revoked.add("t1")
    assert world.play(auth) == [401, 200]
    assert world.grants() == {"authorization_code": 1, "refresh_token": 1}


def test_a_refresh_token_that_is_over_is_followed_by_a_login() -> None:
    world = World(lifetime=0.0)
    auth = person(world)
    world.play(auth)
    world.refreshable.clear()
    assert world.play(auth) == [200]
    assert len(world.shown) == 2


@pytest.mark.parametrize("error", ["invalid_client", "invalid_request", "unauthorized_client"])
def test_a_client_that_is_refused_troubles_nobody(error: str) -> None:
    world = World(lifetime=0.0)
    auth = person(world)
    world.play(auth)
    world.token_answers = [reply(400, {"error": error})]
    with pytest.raises(AuthenticationFailed, match=error):
        world.play(auth)
    assert len(world.shown) == 1
    assert world.play(auth) == [200]  # the refresh token is still there


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_server_lets_the_token_live_on(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    start = time.monotonic()
    world = World()
    auth = person(world)
    world.play(auth)
    monkeypatch.setattr("watchword.client.oauth2.auth.time.monotonic", lambda: start + 3590)
    world.token_answers = [Reply(status)]
    assert world.play(auth) == [200]
    assert world.play(auth) == [200]
    assert world.grants()["refresh_token"] == 1
    monkeypatch.setattr("watchword.client.oauth2.auth.time.monotonic", lambda: start + 3596)
    assert world.play(auth) == [200]
    assert world.seen[-1]["Authorization"] == "Bearer t2"


def test_a_403_for_want_of_scope_asks_for_it_once() -> None:
    world = World(needs="b")
    auth = person(world)
    assert world.play(auth) == [403, 200]
    assert world.live == {"t1": "a", "t2": "a b"}
    assert world.play(auth) == [200]
    assert len(world.shown) == 2


@pytest.mark.parametrize(("kind", "options"), [("Bearer", {"resource": API}), ("DPoP", {"dpop": True})])
def test_a_machine_steps_up_where_its_token_is_good_for_that_api_alone(kind: str, options: dict[str, Any]) -> None:
    world = World(needs="b", kind=kind)
    assert world.play(machine(**options)) == [403, 200]
    assert world.live["t2"] == "a b"


def test_an_api_talks_no_machine_into_a_stronger_token_that_others_take_too() -> None:
    world = World(needs="payments:write")
    assert world.play(machine()) == [403]
    assert world.live == {"t1": "a"}


def test_an_api_that_is_content_with_no_login_asks_for_one_once() -> None:
    class Insatiable(World):
        def request(self, request: Sending, fields: Mapping[str, str]) -> Reply:
            return Reply(401, True, challenge='Bearer error="insufficient_user_authentication", acr_values="aal9"')

    world = Insatiable()
    auth = person(world)
    assert world.play(auth) == [401, 401]
    assert world.play(auth) == [401]
    assert (len(world.shown), world.grants()["refresh_token"]) == (2, 0)


def test_a_step_up_that_met_a_busy_server_is_tried_again() -> None:
    world = World(needs="b", token_answers=[])
    auth = person(world)
    world.token_answers = [reply(200, {"access_token": "t0", "token_type": "Bearer", "scope": "a"}), Reply(503)]
    world.live["t0"] = "a"
    with pytest.raises(AuthenticationFailed, match="503"):
        world.play(auth)
    assert world.play(auth) == [403, 200]


def test_requests_that_hear_the_same_ask_the_person_once() -> None:
    world = World()
    auth = person(world)
    world.play(auth)
    world.needs = "b"
    several = [Played(world, auth, sending()) for _ in range(5)]
    for each in several:
        each.go()
    while not all(each.over for each in several):
        for each in several:
            if not each.over:
                each.go(wait=False)
    assert [each.statuses for each in several] == [[403, 200]] * 5
    assert len(world.shown) == 2


def test_an_api_that_thinks_of_ever_more_is_not_heard_for_ever() -> None:
    world = World(granted="a")
    auth = person(world)
    for number in range(30):
        world.needs = f"scope{number}"
        world.play(auth)
    assert len(world.shown) == 1 + 16


def test_a_step_up_that_is_given_up_leaves_the_token_too() -> None:
    world = World(needs="b")
    auth = person(world)
    going = Played(world, auth, sending())
    while len(world.shown) < 2:  # the person is asked for more
        going.go()
    going.steps.close()
    world.needs = ""
    assert world.play(auth) == [200]
    assert (world.seen[-1]["Authorization"], world.number) == ("Bearer t1", 1)


def test_two_requests_that_want_different_scopes_get_both() -> None:
    class Picky(World):
        def request(self, request: Sending, fields: Mapping[str, str]) -> Reply:
            self.needs = request.target.decode()[1:]
            return super().request(request, fields)

    world = Picky()
    auth = person(world)
    world.play(auth, sending(f"{API}/a"))
    one, two = (Played(world, auth, sending(f"{API}/{name}")) for name in "bc")
    for each in (one, two):
        each.until(lambda step: isinstance(step, Mapping))  # both go out, and both hear 403
    while not (one.over and two.over):
        for each in (one, two):
            if not each.over:
                each.go(wait=False)
    assert (one.statuses, two.statuses) == ([403, 200], [403, 200])
    assert world.live[f"t{world.number}"] == "a b c"


@pytest.mark.parametrize("url", ["http://auth.example/token", "https://u:p@auth.example/token", "https://a.example/#x"])
def test_rfc_6749_section_3_2_a_secret_goes_nowhere_in_the_clear(url: str) -> None:
    with pytest.raises(ValueError, match="https URL"):
        OAuth2Auth(url, "cli", "s")


def test_a_scope_that_is_not_granted_is_not_asked_for_again_and_again() -> None:
    world = World(needs="b", granted="a")
    auth = person(world)
    assert world.play(auth) == [403, 403]
    assert world.play(auth) == [403]
    assert len(world.shown) == 2


def test_a_step_up_that_is_refused_leaves_the_token() -> None:
    world = World()
    auth = person(world)
    world.play(auth)
    world.needs, world.answer = "b", {"error": "access_denied", "code": ""}
    with pytest.raises(AuthenticationFailed, match="access_denied"):
        world.play(auth)
    assert world.play(auth) == [403]
    world.needs = ""
    assert world.play(auth) == [200]
    assert (world.seen[-1]["Authorization"], len(world.shown)) == ("Bearer t1", 2)


def test_a_body_that_can_be_read_once_is_sent_once() -> None:
    world = World(needs="b")
    auth = person(world)
    assert world.play(auth, sending(body=None)) == [403]
    world.needs = ""
    world.revoked.add("t1")
    assert world.play(auth, sending(body=None)) == [401]
    assert world.play(auth, sending(body=None)) == [200]


def test_rfc_9470_a_stronger_login_is_asked_for() -> None:
    world = World(needs_login=True)
    assert world.play(person(world)) == [401, 200]
    assert "acr_values=aal2" in world.shown[1]


def test_must_17_a_bound_token_goes_by_its_own_scheme() -> None:
    world = World(kind="DPoP", nonce="n1", api_nonce="n2")
    auth = person(world, dpop=True)
    assert world.play(auth) == [401, 200]
    assert world.play(auth) == [200]  # the nonce is known
    proofs = [opened(fields["DPoP"])[1] for fields in world.seen]
    assert [proof.get("nonce") for proof in proofs] == [None, "n2", "n2"]
    assert all(proof["ath"] for proof in proofs)
    assert world.number == 1


def test_an_api_that_never_has_enough_nonces_is_asked_twice() -> None:
    class Insatiable(World):
        def request(self, request: Sending, fields: Mapping[str, str]) -> Reply:
            self.seen.append(fields)
            return Reply(401, True, challenge='DPoP error="use_dpop_nonce"', nonce=f"n{len(self.seen)}")

    world = Insatiable(kind="DPoP")
    assert world.play(person(world, dpop=True)) == [401, 401]


def test_a_token_that_is_not_bound_is_refused_where_it_should_be() -> None:
    world = World()
    with pytest.raises(AuthenticationFailed, match="not bound"):
        world.play(person(world, dpop=True))
    world = World(kind="DPoP")
    with pytest.raises(AuthenticationFailed, match="dpop=True"):
        world.play(person(world))


def test_a_refresh_token_that_is_not_rotated_is_kept() -> None:
    world = World()
    auth = person(world)
    world.play(auth)
    world.revoked.add("t1")
    world.token_answers = [reply(200, {"access_token": "t9", "token_type": "Bearer"})]
    world.live["t9"] = "a"
    assert world.play(auth) == [401, 200]
    world.revoked.add("t9")
    assert world.play(auth) == [401, 200]
    assert len(world.shown) == 1


@pytest.mark.parametrize(
    ("make", "wrong"),
    [
        (lambda: OAuth2Auth(None, "cli", "s"), "say issuer, or token_url"),
        (lambda: OAuth2Auth.code("cli", issuer="http://auth.example"), "an issuer is an https URL"),
        (lambda: OAuth2Auth("x", "cli", "s"), "absolute http or https URL"),
        (lambda: OAuth2Auth("https://a.example/t", "cli", "s", private_key="x"), "one way"),
        (lambda: OAuth2Auth("https://a.example/t", "cli", flow=World().flow()), "needs the issuer"),
        (lambda: OAuth2Auth.device(""), "has an id"),
    ],
)
def test_arguments_that_make_no_sense(make: Callable[[], OAuth2Auth], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        make()
