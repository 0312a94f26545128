"""The device authorization endpoint over real HTTP (RFC 8628 sections 3.1, 3.2, 3.4, 3.5)."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from tests.server.live import Live, live

from watchword.lifecycle.oauth.grants.device import DEVICE_GRANT
from watchword.model.credential import Kind

API = "https://api.example/orders"


class Device:
    """Hold one client that has no browser."""

    def __init__(self, server: Live, *, scopes: tuple[str, ...] = ("orders:read",), **options: object) -> None:
        options = {"grants": [DEVICE_GRANT, "refresh_token"], "public": True, "client_name": "Set-top box", **options}
        issued = server.issue(Kind.OAUTH_CLIENT, "service:tv", scopes=scopes, options=options)
        self.id, self.secret = issued.material["client_id"], issued.material.get("client_secret", "")

    @property
    def form(self) -> dict[str, str]:
        secret = {"client_secret": self.secret} if self.secret else {}
        return {"client_id": self.id, **secret}

    def begin(self, http: httpx2.Client, **form: str) -> dict[str, str]:
        answer = http.post("/oauth/device", data={**self.form, **form})
        assert answer.status_code == 200, answer.text
        given: dict[str, str] = answer.json()
        return given

    def poll(self, http: httpx2.Client, device_code: str) -> httpx2.Response:
        return http.post("/oauth/token", data={**self.form, "grant_type": DEVICE_GRANT, "device_code": device_code})


TOML = f"""
[limits]
address = "100000/min"
[oauth.authorization_details.payment]
en = "Pay once"
[[resource]]
uri = "{API}"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("devices"), TOML) as running:
        running.service("tv")
        yield running


@pytest.fixture
def http(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as client:
        yield client


def test_rfc8628_3_2_the_answer(server: Live, http: httpx2.Client) -> None:
    answer = http.post("/oauth/device", data={**Device(server).form, "scope": "orders:read"})
    assert answer.status_code == 200
    assert (answer.headers["cache-control"], answer.headers["content-type"]) == ("no-store", "application/json")
    given = answer.json()
    code = given.pop("user_code")
    assert given.pop("device_code").startswith("dc_")
    assert given == {
        "verification_uri": f"{server.watchword.issuer}/device",
        "verification_uri_complete": f"{server.watchword.issuer}/device?user_code={code}",
        "expires_in": 600,
        "interval": 5,
    }


def test_rfc8628_3_5_pending_then_slow_down(server: Live, http: httpx2.Client) -> None:
    device = Device(server)
    given = device.begin(http)
    for error in ("authorization_pending", "slow_down"):
        answer = device.poll(http, given["device_code"])
        assert (answer.status_code, answer.json()) == (400, {"error": error})
        assert answer.headers["cache-control"] == "no-store"
    other = Device(server)
    assert other.poll(http, given["device_code"]).json() == {"error": "invalid_grant"}
    assert device.poll(http, "dc_nothing").json() == {"error": "invalid_grant"}


def test_the_client_authenticates_as_at_the_token_endpoint(server: Live, http: httpx2.Client) -> None:
    device = Device(server, public=False)
    assert device.secret
    assert http.post("/oauth/device", data=device.form).status_code == 200
    for form in ({"client_id": device.id}, {"client_id": device.id, "client_secret": "cs_live_x"}):
        answer = http.post("/oauth/device", data=form)
        assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"scope": "orders:write"}, "invalid_scope"),
        ({"resource": "https://elsewhere.example"}, "invalid_target"),
        ({"resource": API}, ""),
        ({"resource": ""}, ""),  # without a value a parameter counts as absent (RFC 6749 section 3.2)
        ({"authorization_details": '[{"type":"payout"}]'}, "invalid_authorization_details"),
        ({"authorization_details": "["}, "invalid_authorization_details"),
        ({"authorization_details": '[{"type":"payment","amount":"12"}]'}, ""),
    ],
    ids=str,
)
def test_what_a_client_may_not_have_is_refused_at_once(
    server: Live, http: httpx2.Client, form: dict[str, str], error: str
) -> None:
    device = Device(server, authorization_details_types=["payment", "payout"])
    answer = http.post("/oauth/device", data={**device.form, **form})
    assert answer.json().get("error", "") == error
    assert answer.status_code == (400 if error else 200)


def test_a_client_without_the_grant_is_refused(server: Live, http: httpx2.Client) -> None:
    answer = http.post("/oauth/device", data=Device(server, grants=["refresh_token"]).form)
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


def test_must_23_duplicates_are_refused(server: Live, http: httpx2.Client) -> None:
    device = Device(server)
    kind = {"content-type": "application/x-www-form-urlencoded"}
    for body in (f"client_id={device.id}&scope=a&scope=b", f"client_id={device.id}&client_id={device.id}"):
        answer = http.post("/oauth/device", content=body, headers=kind)
        assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})
    json = http.post("/oauth/device", json={"client_id": device.id})
    assert (json.status_code, json.json()) == (400, {"error": "invalid_request"})


def test_one_address_cannot_fill_the_store(server: Live, http: httpx2.Client) -> None:
    device = Device(server)
    statuses = [http.post("/oauth/device", data=device.form) for _ in range(140)]
    last = statuses[-1]
    assert (last.status_code, last.json()["type"]) == (429, "urn:watchword:problem:rate_limited")
    assert int(last.headers["retry-after"]) >= 1
    known = Device(server, public=False)  # who proves itself is counted by itself
    assert http.post("/oauth/device", data=known.form).status_code == 200


def test_the_metadata_names_it(server: Live, http: httpx2.Client) -> None:
    metadata = http.get("/.well-known/oauth-authorization-server").json()
    assert metadata["device_authorization_endpoint"] == f"{server.watchword.issuer}/oauth/device"
    assert DEVICE_GRANT in metadata["grant_types_supported"]
