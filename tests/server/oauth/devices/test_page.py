"""The page on which people let a device act for them, over real HTTP (RFC 8628 sections 3.3, 5.1, 5.4)."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import httpx2
import pytest
from tests.server.live import Live, live
from tests.server.oauth.devices.test_endpoint import Device
from tests.server.oauth.flow import login

CODE = "BCDF-GHJK"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("page"), 'issuer = "{url}"\n[limits]\naddress = "100000/min"\n') as running:
        running.service("tv")
        yield running


@pytest.fixture
def http(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as client:
        yield client


class Browser:
    """Hold somebody's browser; each person is new, as wrong codes are counted by person."""

    people = 0

    def __init__(self, server: Live, **headers: str) -> None:
        Browser.people += 1
        self.name = f"person{Browser.people}"
        server.user(self.name, scopes=("orders:read",))
        self.http = server.client(headers={"origin": server.url, "accept": "text/html", **headers})
        assert login(self.http, self.name).status_code == 303

    def get(self, path: str = "/device") -> httpx2.Response:
        return self.http.get(path)

    def post(self, page: httpx2.Response | None = None, **form: str) -> httpx2.Response:
        page = page or self.get()
        token = re.search(r'name="csrf_token" value="([0-9a-f]+)"', page.text)
        assert token, page.text
        return self.http.post("/device", data={"csrf_token": token[1], **form})


def boxes(page: httpx2.Response) -> dict[str, str]:
    """Return every scope ticked, as the page shows it."""
    return dict.fromkeys(re.findall(r'name="(scope:[^"]+)" checked>', page.text), "on")


def test_from_the_code_to_the_tokens(server: Live, http: httpx2.Client) -> None:
    device, browser = Device(server), Browser(server)
    begun = device.begin(http, scope="orders:read openid")
    assert device.poll(http, begun["device_code"]).json() == {"error": "authorization_pending"}
    typed = begun["user_code"].lower().replace("-", " ")
    shown = browser.post(user_code=typed)
    assert shown.status_code == 200
    said = ("Set-top box", "Use “orders:read”", "Know who you are", "127.0.0.1", "this network")
    for word in (*said, begun["user_code"], browser.name):
        assert word in shown.text, word
    done = browser.post(shown, user_code=begun["user_code"], decision="allow", **boxes(shown))
    assert (done.status_code, "is connected" in done.text) == (200, True)
    server.watchword.oauth.devices._paced = lambda *_: _paced()  # type: ignore[method-assign]
    try:
        given = device.poll(http, begun["device_code"]).json()
    finally:
        del server.watchword.oauth.devices._paced
    who = http.get("/whoami", headers={"authorization": f"Bearer {given['access_token']}"}).json()
    assert (who["subject"], who["actor"], who["scopes"]) == (
        f"user:{browser.name}",
        device.id,
        ["openid", "orders:read"],
    )
    assert who["factors"] == ["pwd"]
    assert "refresh_token" in given
    assert "id_token" in given


def test_what_was_agreed_to_is_listed_and_taken_back(server: Live, http: httpx2.Client) -> None:
    device, browser = Device(server), Browser(server)
    begun = device.begin(http, scope="orders:read profile openid")
    shown = browser.post(user_code=begun["user_code"])
    assert "under Applications" in shown.text
    assert boxes(shown).keys() == {"scope:orders:read", "scope:profile"}
    browser.post(shown, user_code=begun["user_code"], decision="allow", **{"scope:profile": "on", "scope:admin": "on"})
    given = device.poll(http, begun["device_code"]).json()
    assert given["scope"] == "openid profile"
    (consent,) = server.do(server.watchword.oauth.consents.listed(f"user:{browser.name}"))
    assert (consent.client, consent.name, consent.scopes) == (device.id, "Set-top box", ("openid", "profile"))
    subject = f"user:{browser.name}"
    server.do(server.watchword.oauth.consents.withdraw(consent.id, subject=subject, by=subject))
    form = {**device.form, "grant_type": "refresh_token", "refresh_token": given["refresh_token"]}
    assert http.post("/oauth/token", data=form).json() == {"error": "invalid_grant"}
    bearer = {"authorization": f"Bearer {given['access_token']}"}
    assert http.get("/whoami", headers=bearer).status_code == 401


def test_a_consent_withdrawn_before_the_device_asks_gives_nothing(server: Live, http: httpx2.Client) -> None:
    device, browser = Device(server), Browser(server)
    begun = device.begin(http)
    shown = browser.post(user_code=begun["user_code"])
    browser.post(shown, user_code=begun["user_code"], decision="allow", **boxes(shown))
    subject = f"user:{browser.name}"
    (consent,) = server.do(server.watchword.oauth.consents.listed(subject))
    server.do(server.watchword.oauth.consents.withdraw(consent.id, subject=subject, by=subject))
    assert device.poll(http, begun["device_code"]).json() == {"error": "invalid_grant"}


def test_who_unticks_everything_says_no(server: Live, http: httpx2.Client) -> None:
    device, browser = Device(server), Browser(server)
    begun = device.begin(http)
    shown = browser.post(user_code=begun["user_code"])
    assert "was told no" in browser.post(shown, user_code=begun["user_code"], decision="allow").text
    assert device.poll(http, begun["device_code"]).json() == {"error": "access_denied"}


def test_the_operators_own_applications_need_no_consent(server: Live, http: httpx2.Client) -> None:
    device, browser = Device(server, first_party=True), Browser(server)
    begun = device.begin(http)
    shown = browser.post(user_code=begun["user_code"])
    assert "under Applications" not in shown.text  # where it will not be
    browser.post(shown, user_code=begun["user_code"], decision="allow", **boxes(shown))
    assert "access_token" in device.poll(http, begun["device_code"]).json()
    assert server.do(server.watchword.oauth.consents.listed(f"user:{browser.name}")) == []


async def _paced() -> bool:
    return True


def test_a_device_is_told_no(server: Live, http: httpx2.Client) -> None:
    device, browser = Device(server), Browser(server)
    begun = device.begin(http)
    shown = browser.post(user_code=begun["user_code"])
    done = browser.post(shown, user_code=begun["user_code"], decision="deny")
    assert "was told no" in done.text
    assert device.poll(http, begun["device_code"]).json() == {"error": "access_denied"}
    again = browser.post(user_code=begun["user_code"], decision="allow")
    assert again.status_code == 422


def test_rfc8628_3_3_1_a_code_in_the_link_is_filled_in_and_decides_nothing(server: Live, http: httpx2.Client) -> None:
    device, browser = Device(server), Browser(server)
    begun = device.begin(http)
    page = browser.get(begun["verification_uri_complete"])
    assert page.status_code == 200
    assert f'value="{begun["user_code"]}"' in page.text
    assert "If you did not start this yourself" in page.text
    assert "Set-top box" not in page.text  # nothing is opened yet, and nobody's it is
    second = Browser(server)
    assert second.post(user_code=begun["user_code"]).status_code == 200


def test_a_link_leads_through_the_login_and_back(server: Live, http: httpx2.Client) -> None:
    begun = Device(server).begin(http)
    for path in (begun["verification_uri_complete"].removeprefix(server.url), "/device"):
        answer = http.get(path, headers={"accept": "text/html"})
        assert answer.status_code == 303
        place = httpx2.URL(answer.headers["location"])
        assert (place.path, place.params["next"]) == ("/login", path)
    for evil in ("//evil.example", "https://evil.example", "BCDF-GHJK&next=//evil.example", "\r\nx: y", "%0d%0a"):
        answer = http.get("/device", params={"user_code": evil})
        assert answer.headers["location"] in ("/login?next=/device", "/login?next=/device%3Fuser_code%3DBCDF-GHJK")


def test_must_18_cve_2026_45337_dot_1819_a_second_person_cannot_approve(server: Live, http: httpx2.Client) -> None:
    device, alice, mallory = Device(server), Browser(server), Browser(server)
    begun = device.begin(http)
    shown = alice.post(user_code=begun["user_code"])
    assert "Set-top box" in shown.text
    for form in ({}, {"decision": "allow"}, {"decision": "deny"}):
        answer = mallory.post(user_code=begun["user_code"], **form)
        assert answer.status_code == 422
        assert "not known" in answer.text
    assert device.poll(http, begun["device_code"]).json() == {"error": "authorization_pending"}
    assert "is connected" in alice.post(shown, user_code=begun["user_code"], decision="allow", **boxes(shown)).text


def test_nobody_decides_what_they_have_not_looked_at(server: Live, http: httpx2.Client) -> None:
    begun, browser = Device(server).begin(http), Browser(server)
    answer = browser.post(user_code=begun["user_code"], decision="allow")
    assert answer.status_code == 422


def test_must_18_attempts_are_limited(server: Live) -> None:
    browser = Browser(server)
    for _ in range(4):
        assert browser.post(user_code=CODE).status_code == 422
    answer = browser.post(user_code=CODE)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 60


def test_right_codes_and_typos_do_not_count(server: Live, http: httpx2.Client) -> None:
    device, browser = Device(server, public=False), Browser(server)
    for _ in range(8):
        assert browser.post(user_code=device.begin(http)["user_code"]).status_code == 200
        assert browser.post(user_code="WDJA-MJH").status_code == 422
    begun = device.begin(http)
    for _ in range(8):
        assert browser.post(user_code=begun["user_code"]).status_code == 200


def test_other_sites_cannot_press_the_button(server: Live, http: httpx2.Client) -> None:
    device, browser = Device(server), Browser(server)
    begun = device.begin(http)
    shown = browser.post(user_code=begun["user_code"])
    token = re.search(r'name="csrf_token" value="([0-9a-f]+)"', shown.text)
    assert token
    form = {"user_code": begun["user_code"], "decision": "allow"}
    for headers, more in (
        ({"origin": "https://evil.example"}, {"csrf_token": token[1]}),
        ({"origin": server.url}, {}),
        ({"origin": server.url}, {"csrf_token": "0" * 64}),
    ):
        answer = browser.http.post("/device", data={**form, **more}, headers=headers)
        assert answer.status_code == 403
    assert browser.http.post("/device", json=form, headers={"x-csrf-token": token[1]}).status_code == 415
    assert device.poll(http, begun["device_code"]).json() == {"error": "authorization_pending"}


def test_a_token_is_no_session(server: Live, http: httpx2.Client) -> None:
    browser = Browser(server)
    token = http.post("/login", json={"username": browser.name, "password": "correct horse battery staple"}).json()
    answer = http.get("/device", headers={"authorization": f"Bearer {token['token']}"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/device")


def test_what_a_device_says_of_itself_is_text(server: Live, http: httpx2.Client) -> None:
    name = '<script>alert(1)</script>"'
    device, browser = Device(server, client_name=name, client_uri='javascript:alert(1)"><b>'), Browser(server)
    answer = http.post("/oauth/device", data=device.form, headers={"user-agent": "<img src=x onerror=alert(1)>"})
    shown = browser.post(user_code=answer.json()["user_code"])
    assert "<script>alert" not in shown.text
    assert "<img src=x" not in shown.text
    assert "<b>" not in shown.text
    assert 'href="javascript:' not in shown.text
    assert name in html.unescape(shown.text)


def test_a_client_that_is_gone_connects_nothing(server: Live, http: httpx2.Client) -> None:
    device, browser = Device(server), Browser(server)
    begun = device.begin(http)
    shown = browser.post(user_code=begun["user_code"])
    server.do(server.watchword.lifecycle.revoke(device.id, reason="x", by="t"))
    assert browser.post(shown, user_code=begun["user_code"], decision="allow", **boxes(shown)).status_code == 422
    assert browser.post(user_code=begun["user_code"]).status_code == 422


def test_it_speaks_german(server: Live, http: httpx2.Client) -> None:
    device, browser = Device(server), Browser(server, **{"accept-language": "de"})
    begun = device.begin(http)
    page = browser.get(begun["verification_uri_complete"])
    shown = browser.post(user_code=begun["user_code"])
    done = browser.post(shown, user_code=begun["user_code"], decision="allow", **boxes(shown))
    for answer, text in ((page, "Gerät verbinden"), (shown, "Nicht verbinden"), (done, "ist verbunden")):
        assert answer.headers["content-language"] == "de"
        assert text in answer.text
