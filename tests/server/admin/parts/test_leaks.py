"""``/admin/v1/leaks``: whoever has the secret may take it back; who wants more needs the rights for that."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from tests.server.admin.operators import asking, problem
from tests.server.live import PASSWORD, Live, live

from watchword.model.credential import Kind

PLACE = "/admin/v1/leaks"
READ, WRITE = "admin:leaks:read", "admin:leaks:write"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("leaks"), 'issuer = "{url}"\n[admin]\nlimit = ""\n') as running:
        running.service("ops")
        running.service("billing")
        running.user("alice")
        yield running


@pytest.fixture(scope="module")
def admin(server: Live) -> Iterator[httpx2.Client]:
    with asking(server, READ, WRITE) as http:
        yield http


def whoami(server: Live, secret: str) -> int:
    with server.client(headers={"authorization": f"Bearer {secret}"}) as http:
        return http.get("/whoami").status_code


def test_a_found_secret_is_traced_and_taken_back(server: Live, admin: httpx2.Client) -> None:
    key = server.issue(Kind.API_KEY, "service:billing", scopes=["admin:keys:write"])
    secret = key.material["secret"]
    assert whoami(server, secret) == 200
    owner = admin.post(f"{PLACE}/find", json={"credential": secret}).json()
    assert (owner["kind"], owner["subject"], owner["state"]) == ("api-key", "service:billing", "active")
    assert whoami(server, secret) == 200
    answer = admin.post(PLACE, json={"credential": secret, "where": "a public repository"})
    assert answer.status_code == 200, answer.text
    value = answer.json()
    assert (value["id"], value["before"], value["usable"]) == (key.credential.id, "active", True)
    assert (value["credential"]["state"], value["credential"]["revoked_by"]) == ("leaked", "service:ops")
    assert value["usage"]["decisions"] >= 0
    assert secret not in answer.text
    assert whoami(server, secret) == 401
    again = admin.post(PLACE, json={"credential": secret}).json()
    assert (again["before"], again["usable"]) == ("leaked", False)
    assert [each.rule for each in server.do(server.watchword.operations.alerts.page())].count("leaked") == 1


def test_a_name_alone_is_no_proof_and_a_successor_is_more(server: Live, admin: httpx2.Client) -> None:
    key = server.issue(Kind.API_KEY, "service:billing", scopes=["orders:read"])
    secret = key.material["secret"]
    assert problem(admin.post(PLACE, json={"credential": key.credential.id})) == (403, "insufficient_scope")
    assert problem(admin.post(PLACE, json={"credential": secret, "reissue": True})) == (403, "insufficient_scope")
    assert whoami(server, secret) == 200
    with asking(server, WRITE, "admin:credentials:write") as more:
        value = more.post(PLACE, json={"credential": key.credential.id, "reissue": True}).json()
    assert value["successor"]["scopes"] == ["orders:read"]
    assert [whoami(server, each) for each in (secret, value["successor"]["secret"])] == [401, 200]


def test_nobody_gets_the_successor_of_a_right_that_they_lack(server: Live) -> None:
    key = server.issue(Kind.API_KEY, "service:billing", scopes=["admin:keys:write"])
    with asking(server, WRITE, "admin:credentials:write") as more:
        for text in (key.credential.id, key.material["secret"]):
            refused = more.post(PLACE, json={"credential": text, "reissue": True})
            assert problem(refused) == (403, "insufficient_scope")
    assert whoami(server, key.material["secret"]) == 200


def test_a_certificate_is_public_and_its_private_key_is_not(server: Live, admin: httpx2.Client) -> None:
    made = server.issue(Kind.CLIENT_CERT, "service:billing", scopes=["admin:keys:write"])
    certificate, key = made.material["certificate"], made.material["private_key"]
    other = server.issue(Kind.CLIENT_CERT, "service:billing").material["private_key"]
    for text in (certificate, made.material["chain"], certificate + other):
        assert problem(admin.post(PLACE, json={"credential": text}))[0] in (403, 404)
    assert server.do(server.watchword.lifecycle.show(made.credential.id)).revoked_at is None
    authority = server.do(server.watchword.lifecycle.page(kind=Kind.CA))[0]
    assert problem(admin.post(PLACE, json={"credential": authority.detail["certificate"]}))[0] in (403, 404)
    assert admin.post(PLACE, json={"credential": certificate + key}).json()["id"] == made.credential.id


def test_what_is_found_by_a_public_name_is_not_taken_back_by_it(server: Live, admin: httpx2.Client) -> None:
    """Records are found by digests: of secrets, and of addresses, which everybody knows."""
    server.user("carol", scopes=("admin:keys:write",))
    server.do(server.watchword.accounts.add_address("user:carol", "carol@example.com", by="test"))
    for place in (PLACE, f"{PLACE}/find"):
        assert problem(admin.post(place, json={"credential": "email:carol@example.com"})) == (404, "not_found")


def test_an_access_token_is_void_and_its_login_stays(server: Live, admin: httpx2.Client) -> None:
    with server.client() as http:
        given = http.post("/login", json={"username": "alice", "password": PASSWORD}).json()
    owner = admin.post(f"{PLACE}/find", json={"credential": given["token"]}).json()
    assert (owner["kind"], owner["subject"], owner["jti"][:4]) == ("access-token", "user:alice", "jti_")
    value = admin.post(PLACE, json={"credential": given["token"]}).json()
    assert (value["kind"], value["id"][:4]) == ("access-token", "jti_")
    assert whoami(server, given["token"]) == 401
    with server.client() as http:
        assert http.post("/refresh", json={"refresh_token": given["refresh_token"]}).status_code == 200


@pytest.mark.parametrize("text", ["ak_live_nothing", "key_nobody", "x", "\u00e4", "a" * 9_000])
def test_what_is_nobodys_is_404(admin: httpx2.Client, text: str) -> None:
    for place in (PLACE, f"{PLACE}/find"):
        answer = admin.post(place, json={"credential": text})
        assert problem(answer) == (404, "not_found")
        assert text not in answer.text or len(text) < 2


@pytest.mark.parametrize("body", [{}, {"credential": 1}, {"credential": ""}, {"credential": "x", "reissue": "yes"}])
def test_what_cannot_be_accepted_names_its_field(admin: httpx2.Client, body: dict[str, object]) -> None:
    assert problem(admin.post(PLACE, json=body)) == (422, "invalid_fields")


def test_looking_is_not_revoking(server: Live) -> None:
    with asking(server, READ) as reader, asking(server, "admin:credentials:write") as other:
        assert problem(reader.post(PLACE, json={"credential": "x"})) == (403, "insufficient_scope")
        assert problem(other.post(f"{PLACE}/find", json={"credential": "x"})) == (403, "insufficient_scope")
