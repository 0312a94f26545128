"""The token endpoint over real HTTP: RFC 6749 sections 2.3.1, 3.2, 4.4, 5.1, 5.2."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import quote_plus

import httpx2
import pytest
from tests.server.live import Live, live

from watchword.model.credential import Kind


class Client:
    """Hold one OAuth client."""

    def __init__(self, server: Live, **more: object) -> None:
        more.setdefault("scopes", ("orders:read", "orders:write"))
        issued = server.issue(Kind.OAUTH_CLIENT, "service:billing", **more)
        self.id, self.secret = issued.material["client_id"], issued.material["client_secret"]

    @property
    def form(self) -> dict[str, str]:
        return {"grant_type": "client_credentials", "client_id": self.id, "client_secret": self.secret}

    @property
    def basic(self) -> dict[str, str]:
        return basic(self.id, self.secret)


def basic(name: str, secret: str) -> dict[str, str]:
    pair = f"{quote_plus(name)}:{quote_plus(secret)}"
    return {"authorization": "Basic " + b64encode(pair.encode()).decode()}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("oauth"), '[limits]\naddress = "100000/min"\n') as running:
        running.service("billing")
        yield running


@pytest.fixture(scope="module")
def known(server: Live) -> Client:
    return Client(server)


@pytest.fixture
def http(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as client:
        yield client


def test_rfc6749_4_4_2_client_secret_basic(http: httpx2.Client, known: Client) -> None:
    answer = http.post("/oauth/token", data={"grant_type": "client_credentials"}, headers=known.basic)
    assert answer.status_code == 200
    given = answer.json()
    assert given.keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert (given["token_type"], given["expires_in"], given["scope"]) == ("Bearer", 600, "orders:read orders:write")
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    who = http.get("/whoami", headers={"authorization": f"Bearer {given['access_token']}"}).json()
    assert (who["subject"], who["scheme"], who["credential"]) == ("service:billing", "oauth2", known.id)


def test_rfc6749_2_3_1_client_secret_post(http: httpx2.Client, known: Client) -> None:
    answer = http.post("/oauth/token", data={**known.form, "scope": "orders:read"})
    assert answer.json()["scope"] == "orders:read"


def test_parts_of_basic_are_form_encoded(http: httpx2.Client, known: Client) -> None:
    encoded = "".join(f"%{ord(char):02x}" for char in known.id), known.secret
    header = {"authorization": "Basic " + b64encode(":".join(encoded).encode()).decode()}
    assert http.post("/oauth/token", data={"grant_type": "client_credentials"}, headers=header).status_code == 200
    stray = {"authorization": "Basic " + b64encode(f"{known.id}:%zz".encode()).decode()}
    assert http.post("/oauth/token", data={"grant_type": "client_credentials"}, headers=stray).status_code == 401


def test_unknown_client_and_wrong_secret_are_the_same_bytes(http: httpx2.Client, known: Client) -> None:
    faces = []
    for name in (known.id, "cli_00000000000000000000"):
        answer = http.post("/oauth/token", data={"grant_type": "client_credentials"}, headers=basic(name, "cs_wrong"))
        faces.append((answer.status_code, answer.content, [f for f in answer.headers.raw if f[0].lower() != b"date"]))
        assert answer.headers["www-authenticate"].startswith("Basic ")
    assert faces[0] == faces[1]
    assert faces[0][:2] == (401, b'{"error":"invalid_client"}')


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, 400, "unauthorized_client"),
        ({"scope": "orders:read admin"}, 400, "invalid_scope"),
        ({"client_secret": ""}, 401, "invalid_client"),
        ({"client_id": ""}, 401, "invalid_client"),
        ({"client_secret": "x" * 5000}, 401, "invalid_client"),
        ({"client_secret": "a\nb"}, 401, "invalid_client"),
    ],
)
def test_rfc6749_5_2_errors(
    http: httpx2.Client, known: Client, change: dict[str, str], status: int, error: str
) -> None:
    answer = http.post("/oauth/token", data={**known.form, **change})
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("name", ["grant_type", "client_id", "client_secret", "scope", "x"])
def test_rfc6749_3_2_duplicate_parameters(http: httpx2.Client, known: Client, name: str) -> None:
    body = httpx2.Request("POST", "http://x", data={**known.form, "scope": "orders:read", "x": "1"}).content
    answer = http.post(
        "/oauth/token",
        content=body + f"&{name}=1".encode(),
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})


def test_rfc6749_2_3_one_way_of_authentication_only(http: httpx2.Client, known: Client) -> None:
    assert http.post("/oauth/token", data=known.form, headers=known.basic).json() == {"error": "invalid_request"}
    other = {"grant_type": "client_credentials", "client_id": "cli_other"}
    assert http.post("/oauth/token", data=other, headers=known.basic).json() == {"error": "invalid_request"}
    same = {"grant_type": "client_credentials", "client_id": known.id}
    assert http.post("/oauth/token", data=same, headers=known.basic).status_code == 200


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "text/plain", ""])
def test_cve_2023_25577_2026_42561_only_forms_are_read(http: httpx2.Client, known: Client, kind: str) -> None:
    body = httpx2.Request("POST", "http://x", data=known.form).content
    answer = http.post("/oauth/token", content=body, headers={"content-type": kind})
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})


@pytest.mark.parametrize(
    "body", [b"\xff=1", b"grant_type=%ff", b"grant_type=%zz", b"&".join([b"a%d=1" % i for i in range(999)])]
)
def test_forms_that_are_malformed(http: httpx2.Client, body: bytes) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = http.post("/oauth/token", content=body, headers=headers)
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})


def test_a_client_of_other_grants(http: httpx2.Client, server: Live) -> None:
    client = Client(server, options={"grants": ["authorization_code"]})
    assert http.post("/oauth/token", data=client.form).json()["error"] == "unauthorized_client"


def test_a_client_of_another_network(http: httpx2.Client, server: Live) -> None:
    client = Client(server, networks=("192.0.2.0/24",))
    answer = http.post("/oauth/token", data=client.form)
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})
    assert server.last().reason == "network_not_allowed"


def test_a_revoked_client_gets_nothing_and_its_tokens_are_void(http: httpx2.Client, server: Live) -> None:
    client = Client(server)
    token = http.post("/oauth/token", data=client.form).json()["access_token"]
    server.do(server.watchword.lifecycle.revoke(client.id, reason="test", by="test"))
    assert http.post("/oauth/token", data=client.form).json() == {"error": "invalid_client"}
    server.watchword.watch.due = 0.0
    assert http.get("/whoami", headers={"authorization": f"Bearer {token}"}).status_code == 401


def test_both_secrets_are_valid_while_the_old_one_retires(http: httpx2.Client, server: Live) -> None:
    client = Client(server)
    new = server.do(server.watchword.lifecycle.rotate(client.id, overlap=60, by="test"))
    for secret in (client.secret, new.material["client_secret"]):
        assert http.post("/oauth/token", data={**client.form, "client_secret": secret}).status_code == 200


def test_another_kind_of_credential_is_no_client(http: httpx2.Client, server: Live) -> None:
    key = server.issue(Kind.API_KEY, "service:billing")
    form = {"grant_type": "client_credentials", "client_id": key.credential.id, "client_secret": key.material["secret"]}
    assert http.post("/oauth/token", data=form).json() == {"error": "invalid_client"}


def test_guesses_are_counted(tmp_path_factory: pytest.TempPathFactory) -> None:
    with live(tmp_path_factory.mktemp("guesses"), '[limits]\naddress = "5/min"\n') as server, server.client() as http:
        form = {"grant_type": "client_credentials", "client_id": "cli_x", "client_secret": "y"}
        answers = [http.post("/oauth/token", data=form) for _ in range(7)]
        assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 2
        assert int(answers[-1].headers["retry-after"]) >= 1
