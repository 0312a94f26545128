"""Applications that publish what they are, over real sockets: from the first sight to a refused refresh."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from tests.server.live import Live, live
from tests.server.oauth.consenting import answered
from tests.server.oauth.flow import CALLBACK, App, answer_of, login
from tests.server.oauth.publishing import Site, publishing

from watchword.model.credential import Kind

TOML = """
issuer = "{url}"
[limits]
address = "100000/min"
[oauth]
private_hosts = ["localhost"]
[oauth.scopes]
"orders:read" = "See your orders"
"""
METADATA = {
    "client_name": "Reports",
    "redirect_uris": [CALLBACK],
    "grant_types": ["authorization_code", "refresh_token"],
    "token_endpoint_auth_method": "none",
}


class Published(App):
    """An application that this server was never told of."""

    def __init__(self, client_id: str) -> None:
        self.id, self.secret, self.verifier = client_id, "", "v" * 43


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with publishing(tmp_path_factory.mktemp("site")) as (running, trusted), pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(trusted))
        yield running


@pytest.fixture(scope="module")
def server(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("documents"), TOML) as running:
        running.user("alice", scopes=("orders:read",))
        yield running


@pytest.fixture
def browser(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as http:
        assert login(http).status_code == 303
        yield http


def test_from_the_first_sight_to_its_revocation(server: Live, site: Site, browser: httpx2.Client) -> None:
    app = Published(site.client("/first.json", **METADATA))
    page = browser.get(app.place())
    assert "Reports" in page.text
    assert "localhost" in page.text  # the host of the client_id (MUST 21)
    assert "app.example" in page.text  # and of where the answer goes
    assert server.do(server.watchword.store.credential(app.id)) is None
    code = answer_of(answered(browser, page))["code"]
    kept = server.do(server.watchword.store.credential(app.id))
    assert kept is not None
    assert kept.detail["source"] == "document"
    tokens = app.redeem(browser, code).json()
    browser.cookies.clear()
    headers = {"authorization": f"Bearer {tokens['access_token']}"}
    assert browser.get("/whoami", headers=headers).json()["actor"] == app.id
    again = app.refresh(browser, tokens["refresh_token"]).json()
    assert site.asked.count("/first.json") == 1
    server.do(server.watchword.lifecycle.revoke(app.id, reason="rogue", by="operator"))
    assert app.refresh(browser, again["refresh_token"]).json()["error"] == "invalid_client"
    assert browser.get("/whoami", headers=headers).status_code == 401
    assert browser.get(app.place()).status_code == 400


def test_must_1_only_redirects_of_the_document(server: Live, site: Site, browser: httpx2.Client) -> None:
    app = Published(site.client("/redirects.json", **METADATA))
    for uri in (CALLBACK + "/", "https://evil.example/cb", site.url + "/redirects.json", app.id):
        answer = browser.get(app.place(redirect_uri=uri))
        assert answer.status_code == 400
        assert "location" not in answer.headers


@pytest.mark.parametrize("path", ["/none.json", "/other.json"])
def test_must_3_no_document_no_redirect(server: Live, site: Site, browser: httpx2.Client, path: str) -> None:
    site.pages["/other.json"] = {**METADATA, "client_id": "https://app.example/"}
    answer = browser.get(Published(site.url + path).place())
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert "its document" in server.last().detail
    assert "not known" in answer.text


def test_must_21_a_name_that_leads_inside_is_not_fetched(site: Site, tmp_path_factory: pytest.TempPathFactory) -> None:
    toml = TOML.replace('private_hosts = ["localhost"]', "")
    with live(tmp_path_factory.mktemp("guarded"), toml) as server, server.client() as http:
        site.asked.clear()
        answer = http.get(Published(site.client("/inside.json", **METADATA)).place())
        assert answer.status_code == 400
        assert site.asked == []
        assert "SpecialUseAddress" in server.last().detail
        assert "SpecialUseAddress" not in answer.text


def test_documents_can_be_off(site: Site, tmp_path_factory: pytest.TempPathFactory) -> None:
    toml = TOML.replace("[oauth]", "[oauth]\ndocuments = false")
    with live(tmp_path_factory.mktemp("off"), toml) as server, server.client() as http:
        site.asked.clear()
        assert http.get(Published(site.client("/off.json", **METADATA)).place()).status_code == 400
        assert site.asked == []
        metadata = http.get("/.well-known/oauth-authorization-server").json()
        assert metadata["client_id_metadata_document_supported"] is False


def test_rfc_9700_4_11_2_no_mere_link_to_us_leads_to_a_stranger(server: Live, site: Site) -> None:
    """Anybody can publish a document whose place is theirs: people see first where they would go."""
    app = Published(site.client("/stranger.json", **METADATA))
    with server.client() as nobody:
        for wrong in ({"scope": "no such"}, {"response_type": "token"}, {"max_age": "x"}, {"resource": "https://a.b"}):
            answer = nobody.get(app.place(**wrong))
            assert (answer.status_code, answer.headers.get("location")) == (400, None), wrong
            assert "http-equiv" not in answer.text
            assert f'href="{CALLBACK}?error=' in answer.text
            assert "iss=" in answer.text
        away = server.issue(Kind.SESSION, "user:alice", networks=("192.0.2.0/24",))
        nobody.cookies.set("session", away.material["cookie"])  # known, and may not from here
        answer = nobody.get(app.place())
        assert (answer.status_code, answer.headers.get("location")) == (400, None)
        assert f'href="{CALLBACK}?error=access_denied' in answer.text
        nobody.cookies.clear()
        silent = nobody.get(app.place(prompt="none"))  # no page may answer that (MUST 16)
        assert answer_of(silent)["error"] == "login_required"
