"""Log in with an outside identity, over real HTTP: at providers that are played, and at a second Watchword."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest
from tests.providers import FakeProvider
from tests.server.live import Live, live
from tests.server.oauth.flow import login

from watchword.codec.otp import Totp
from watchword.model.credential import Kind

START = "/login/outside/fake"


@pytest.fixture(scope="module")
def fakes() -> Iterator[dict[str, FakeProvider]]:
    names = ("fake", "other", "github", "microsoft", "open")
    providers = {name: FakeProvider() for name in names}
    providers["microsoft"].path = "/common/v2.0"
    with (
        providers["fake"].running(),
        providers["other"].running(),
        providers["github"].running(),
        providers["microsoft"].running(),
        providers["open"].running(),
    ):
        yield providers


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, fakes: dict[str, FakeProvider]) -> Iterator[Live]:
    patch = pytest.MonkeyPatch()
    patch.setenv("FAKE_SECRET", "s3cret")
    toml = 'issuer = "{url}"\n[limits]\naddress = "100000/min"\n'
    for name, fake in fakes.items():
        toml += f'[[provider]]\nname = "{name}"\nissuer = "{fake.issuer}"\nclient_id = "{fake.client_id}"\n'
        toml += 'client_secret_env = "FAKE_SECRET"\nlabel = "The ' + name + '"\n'
        toml += f'preset = "{name}"\n' if name in ("github", "microsoft") else ""
        toml += 'sign_up = true\ngrants = ["orders:read"]\n' if name == "open" else ""
    with live(tmp_path_factory.mktemp("outside"), toml) as running:
        running.user("alice", scopes=("orders:read",))
        running.user("bob")
        yield running
    patch.undo()


@pytest.fixture(autouse=True)
def honest(fakes: dict[str, FakeProvider]) -> Iterator[None]:
    """Leave each provider as it was found."""
    kept = {name: dict(vars(fake)) for name, fake in fakes.items()}
    yield
    for name, fake in fakes.items():
        vars(fake).update(kept[name])
        fake.claims, fake.drop, fake.metadata = {}, set(), {}


@pytest.fixture
def fake(fakes: dict[str, FakeProvider]) -> FakeProvider:
    return fakes["fake"]


@pytest.fixture
def http(server: Live) -> Iterator[httpx2.Client]:
    with server.client() as client:
        yield client


def go(http: httpx2.Client, fake: FakeProvider, name: str = "fake", **query: str) -> dict[str, str]:
    """Begin a login; return what the provider was asked."""
    sent = http.get(f"/login/outside/{name}", params=query or None)
    assert sent.status_code == 303, sent.text
    return fake.asked(sent.headers["location"])


def back(http: httpx2.Client, asked: dict[str, str], name: str = "fake", **change: str | None) -> httpx2.Response:
    """Come back from the provider."""
    fields: dict[str, str | None] = {"code": "the-code", "state": asked["state"], **change}
    query = urlencode({key: value for key, value in fields.items() if value is not None})
    return http.get(f"/login/outside/{name}/callback?{query}")


def form_of(page: httpx2.Response) -> dict[str, str]:
    token = re.search(r'name="csrf_token" value="([0-9a-f]+)"', page.text)
    assert token, page.text
    return {"csrf_token": token[1]}


def post(http: httpx2.Client, path: str, form: dict[str, str]) -> httpx2.Response:
    return http.post(path, data=form, headers={"origin": str(http.base_url).rstrip("/")})


def link(http: httpx2.Client, fake: FakeProvider, name: str = "fake") -> httpx2.Response:
    """Link the provider's identity to who is signed in, by the account's page."""
    page = http.get("/account/identities")
    onward = post(http, f"/login/outside/{name}", form_of(page))
    assert onward.status_code == 200, onward.text
    place = re.search(r'content="0;url=([^"]+)"', onward.text)
    assert place
    return back(http, fake.asked(html.unescape(place[1])), name)


@pytest.fixture(scope="module")
def linked(server: Live, fakes: dict[str, FakeProvider]) -> None:
    """Alice's account is linked to the subject 248289761001 of the provider "fake"."""
    with server.client() as http:
        login(http, "alice")
        assert link(http, fakes["fake"]).headers["location"] == "/account/identities"


def whoami(http: httpx2.Client) -> Any:
    return http.get("/whoami").json()


# --- the way in -------------------------------------------------------------------------------------------------------


def test_openid_core_3_1_code_flow(server: Live, http: httpx2.Client, fake: FakeProvider, linked: None) -> None:
    asked = go(http, fake, next="/somewhere")
    assert asked["redirect_uri"] == f"{server.url}/login/outside/fake/callback"
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert asked["scope"].split()[0] == "openid"
    assert len(asked["nonce"]) > 20
    done = back(http, asked)
    assert (done.status_code, done.headers["location"]) == (303, "/somewhere")
    who = whoami(http)
    assert (who["subject"], who["scheme"], who["factors"]) == ("user:alice", "session", ["fed"])
    assert who["scopes"] == ["orders:read"]
    assert who["credential"].startswith("ses_")


def test_the_login_page_offers_the_providers(http: httpx2.Client, fakes: dict[str, FakeProvider]) -> None:
    page = http.get("/login", params={"next": "/a?b=c"}).text
    for name in fakes:
        assert f'href="/login/outside/{name}?next=/a%3Fb%3Dc"' in page
        assert f"The {name}" in page


def test_the_client_secret_by_the_method_that_there_is(
    http: httpx2.Client, fakes: dict[str, FakeProvider], linked: None
) -> None:
    fake = fakes["fake"]
    back(http, go(http, fake))
    _, form, headers = next(each for each in reversed(fake.seen) if each[0] == "/token")
    assert headers["authorization"].startswith("Basic ")
    assert "client_secret" not in form
    assert form["redirect_uri"].endswith("/login/outside/fake/callback")


def test_a_link_is_listed_and_taken_back(server: Live, http: httpx2.Client, fakes: dict[str, FakeProvider]) -> None:
    other = fakes["other"]
    login(http, "bob")
    link(http, other, "other")
    page = http.get("/account/identities")
    assert "alice@example.com" in page.text  # what the provider calls its identity; bob's account is none the less his
    id = re.search(r'value="(idt_\w+)"', page.text)
    assert id
    record = server.do(server.watchword.lifecycle.show(id[1]))
    assert (record.kind, record.subject) == (Kind.IDENTITY, "user:bob")
    done = post(http, "/account/identities", {**form_of(page), "unlink": id[1]})
    assert done.headers["location"] == "/account/identities"
    with server.client() as again:
        assert back(again, go(again, other, "other"), "other").headers["location"] == "/login/outside"
    link(http, other, "other")  # who unlinked may link anew
    with server.client() as again:
        assert back(again, go(again, other, "other"), "other").headers["location"] == "/"


def test_what_an_identity_began_ends_with_it(server: Live, http: httpx2.Client, fake: FakeProvider) -> None:
    fake.claims = {"sub": "lenas"}
    server.user("lena")
    login(http, "lena")
    link(http, fake)
    with server.client() as thief, server.client() as other:
        login(other, "lena")
        back(thief, go(thief, fake))
        assert whoami(thief)["subject"] == "user:lena"
        page = http.get("/account/identities")
        (record,) = server.do(server.watchword.identities.listed("user:lena"))
        post(http, "/account/identities", {**form_of(page), "unlink": record.id})
        assert thief.get("/whoami").status_code == 401
        assert whoami(http)["subject"] == whoami(other)["subject"] == "user:lena"  # by the password
        link(http, fake)
        back(thief, go(thief, fake))
        (record,) = server.do(server.watchword.identities.listed("user:lena"))
        server.do(server.watchword.lifecycle.revoke(record.id, reason="test", by="test"))
        assert thief.get("/whoami").status_code == 401
        assert whoami(http)["subject"] == "user:lena"


def test_an_operators_revocation_is_for_good(server: Live, http: httpx2.Client, fakes: dict[str, FakeProvider]) -> None:
    fake = fakes["fake"]
    fake.claims = {"sub": "revoked-one"}
    server.user("erin")
    login(http, "erin")
    link(http, fake)
    (record,) = server.do(server.watchword.identities.listed("user:erin"))
    server.do(server.watchword.lifecycle.revoke(record.id, reason="test", by="test"))
    with server.client() as again:
        assert back(again, go(again, fake)).status_code == 403
    assert link(http, fake).status_code == 403


# --- accounts are not taken over --------------------------------------------------------------------------------------


def test_an_unknown_identity_takes_over_no_account_by_its_address(
    server: Live, http: httpx2.Client, fake: FakeProvider
) -> None:
    fake.claims = {"sub": "stranger", "email": "alice@example.com", "preferred_username": "alice"}
    done = back(http, go(http, fake))
    assert done.headers["location"] == "/login/outside"
    assert http.get("/whoami").status_code == 401
    page = http.get("/login/outside")
    assert "Sign in to link it" in page.text
    assert "Make a new account" not in page.text
    assert post(http, "/login/outside", {"csrf_token": "0" * 64, "do": "create"}).status_code == 400
    assert http.get("/whoami").status_code == 401


def test_sign_in_first_then_link(server: Live, http: httpx2.Client, fake: FakeProvider) -> None:
    server.user("frank")
    fake.claims = {"sub": "franks"}
    back(http, go(http, fake))
    done = login(http, "frank", next="/login/outside")
    assert done.headers["location"] == "/login/outside"
    page = http.get("/login/outside")
    assert "your account frank" in page.text
    assert post(http, "/login/outside", {**form_of(page), "do": "link"}).headers["location"] == "/account/identities"
    assert http.get("/login/outside").headers["location"] == "/login"  # once
    with server.client() as again:
        back(again, go(again, fake))
        assert whoami(again)["subject"] == "user:frank"


def test_sign_up_where_the_operator_allows_it(
    server: Live, http: httpx2.Client, fakes: dict[str, FakeProvider]
) -> None:
    fake = fakes["open"]
    fake.claims = {"sub": "new-one", "preferred_username": "Alice", "name": "Another Alice"}
    back(http, go(http, fake, "open"), "open")
    page = http.get("/login/outside")
    assert post(http, "/login/outside", {"csrf_token": "0" * 64, "do": "create"}).status_code == 403
    assert post(http, "/login/outside", {**form_of(page), "do": "create"}).headers["location"] == "/"
    who = whoami(http)
    assert re.fullmatch(r"user:alice-[0-9a-f]{6}", who["subject"])  # alice is somebody else
    assert (who["factors"], who["scopes"]) == (["fed"], ["orders:read"])
    subject = server.do(server.watchword.store.subject(who["subject"]))
    assert subject is not None
    assert subject.detail["display"] == "Another Alice"
    with server.client() as again:
        back(again, go(again, fake, "open"), "open")
        assert whoami(again)["subject"] == who["subject"]


def test_an_identity_of_somebody_stays_theirs(
    server: Live, http: httpx2.Client, fake: FakeProvider, linked: None
) -> None:
    login(http, "bob")
    assert link(http, fake).status_code == 403
    with server.client() as again:
        back(again, go(again, fake))
        assert whoami(again)["subject"] == "user:alice"


def test_linking_asks_for_a_login_of_late(server: Live, http: httpx2.Client, fake: FakeProvider) -> None:
    from watchword.model.records import Swap

    login(http, "bob")
    page = http.get("/account/identities")
    session = server.do(server.watchword.lifecycle.show(whoami(http)["credential"]))
    old = session.changed(detail={**session.detail, "authenticated_at": session.created_at - 601})
    assert server.do(server.watchword.store.write(Swap(old)))
    server.watchword.verdicts.clear()
    sent = post(http, START, form_of(page))
    assert sent.headers["location"] == "/login/step-up?next=/account/identities"


def test_linking_is_for_the_session_that_began(server: Live, http: httpx2.Client, fake: FakeProvider) -> None:
    login(http, "alice")
    page = http.get("/account/identities")
    onward = post(http, START, form_of(page))
    place = re.search(r'content="0;url=([^"]+)"', onward.text)
    assert place
    fake.claims = {"sub": "victims"}
    asked = fake.asked(html.unescape(place[1]))
    login(http, "bob")
    assert back(http, asked).status_code == 403
    everybody = server.do(server.watchword.store.credentials(kind=Kind.IDENTITY, limit=1000))
    assert all(each.detail["sub"] != "victims" for each in everybody)


def test_other_sites_begin_no_linking(http: httpx2.Client) -> None:
    login(http, "bob")
    page = http.get("/account/identities")
    form = form_of(page)
    assert http.post(START, data=form, headers={"origin": "https://evil.example"}).status_code == 403
    assert post(http, START, {"csrf_token": "0" * 64}).status_code == 403
    assert post(http, "/account/identities", {"csrf_token": "0" * 64, "unlink": "idt_x"}).status_code == 403


def test_nobody_unlinks_the_only_way_in(server: Live, http: httpx2.Client, fakes: dict[str, FakeProvider]) -> None:
    fake = fakes["open"]
    fake.claims = {"sub": "lonely", "preferred_username": "lonely"}
    back(http, go(http, fake, "open"), "open")
    post(http, "/login/outside", {**form_of(http.get("/login/outside")), "do": "create"})
    page = http.get("/account/identities")
    id = re.search(r'value="(idt_\w+)"', page.text)
    assert id
    refused = post(http, "/account/identities", {**form_of(page), "unlink": id[1]})
    assert "could not sign in" in refused.text
    foreign = server.do(server.watchword.identities.listed("user:frank"))
    for each in foreign:
        assert post(http, "/account/identities", {**form_of(page), "unlink": each.id}).status_code == 403
    assert len(server.do(server.watchword.identities.listed("user:lonely"))) == 1


def test_a_second_factor_is_due_after_somebody_elses_word_too(
    server: Live, http: httpx2.Client, fake: FakeProvider
) -> None:
    fake.claims = {"sub": "ivans"}
    server.user("ivan", scopes=("orders:read",))
    login(http, "ivan")
    link(http, fake)
    factors, me = server.watchword.factors, "user:ivan"
    draft = server.do(factors.begin_totp(me))
    app, step = Totp(draft.secret), int(time.time()) // 30
    server.do(factors.finish_totp(me, draft.handle, app.code(step - 1), name="App", by=me))
    with server.client() as again:
        done = back(again, go(again, fake, next="/there"))
        assert done.headers["location"] == "/login/mfa"
        assert again.get("/whoami").status_code == 401
        page = again.get("/login/mfa")
        entered = post(again, "/login/mfa", {**form_of(page), "code": app.code(step)})
        assert entered.headers["location"] == "/there"
        assert whoami(again)["factors"] == ["fed", "otp", "mfa"]


def test_who_has_nothing_but_an_identity_steps_up_by_it(
    server: Live, http: httpx2.Client, fakes: dict[str, FakeProvider]
) -> None:
    fake = fakes["open"]
    fake.claims = {"sub": "only-this", "preferred_username": "kim"}
    back(http, go(http, fake, "open"), "open")
    post(http, "/login/outside", {**form_of(http.get("/login/outside")), "do": "create"})
    before = whoami(http)["credential"]
    page = http.get("/login/step-up", params={"next": "/account/identities"})
    place = re.search(r'href="(/login/outside/open\?[^"]+)"', page.text)
    assert place, page.text
    assert "/login/outside/fake" not in page.text
    sent = http.get(html.unescape(place[1])).headers["location"]
    assert fake.asked(sent)["prompt"] == "login"
    assert back(http, fake.asked(sent), "open").headers["location"] == "/account/identities"
    assert whoami(http)["credential"] != before


def test_another_way_in_opens_no_more_than_the_password(server: Live, http: httpx2.Client, fake: FakeProvider) -> None:
    from watchword.model.records import Swap

    fake.claims = {"sub": "judys"}
    password = server.user("judy", scopes=("orders:read", "orders:write")).credential
    login(http, "judy")
    link(http, fake)
    narrow = password.changed(scopes=frozenset({"orders:read"}))
    assert server.do(server.watchword.store.write(Swap(narrow)))
    with server.client() as again:
        back(again, go(again, fake))
        assert whoami(again)["scopes"] == ["orders:read"]
    assert server.do(server.watchword.store.write(Swap(narrow.changed(networks=("192.0.2.0/24",)))))
    with server.client() as again:
        assert back(again, go(again, fake)).status_code == 403


def test_disabled_people_stay_out(server: Live, http: httpx2.Client, fake: FakeProvider) -> None:
    server.user("gone")
    fake.claims = {"sub": "gone"}
    login(http, "gone")
    link(http, fake)
    server.do(server.watchword.lifecycle.set_enabled("user:gone", False, by="test"))
    with server.client() as again:
        assert back(again, go(again, fake)).status_code == 403


# --- state, mix-up, redirects -----------------------------------------------------------------------------------------


def test_cve_2026_41425_state_of_another_browser(
    server: Live, http: httpx2.Client, fake: FakeProvider, linked: None
) -> None:
    asked = go(http, fake)
    with server.client() as victim:
        assert back(victim, asked).status_code == 403  # no cookie
        go(victim, fake)
        assert back(victim, asked).status_code == 403  # another cookie
        assert victim.get("/whoami").status_code == 401
    fake.nonce, fake.challenge = asked["nonce"], asked["code_challenge"]
    assert back(http, asked).status_code == 303  # and nobody else's try spent it


def test_cve_2026_73419_callback_of_another_provider(
    http: httpx2.Client, fakes: dict[str, FakeProvider], linked: None
) -> None:
    asked = go(http, fakes["fake"])
    count = len(fakes["other"].seen)
    assert back(http, asked, "other").status_code == 403
    assert all(path != "/token" for path, _, _ in fakes["other"].seen[count:])  # no code went to the wrong one
    assert back(http, asked).status_code == 403


@pytest.mark.parametrize("state", ["", "x", None])
def test_made_up_states(http: httpx2.Client, fake: FakeProvider, state: str | None) -> None:
    asked = go(http, fake)
    assert back(http, asked, state=state).status_code in (400, 403)


def test_a_state_is_used_once(http: httpx2.Client, fake: FakeProvider, linked: None) -> None:
    asked = go(http, fake)
    assert back(http, asked).status_code == 303
    assert back(http, asked).status_code == 403


def test_100_uses_of_a_state_have_one_winner(
    server: Live, http: httpx2.Client, fake: FakeProvider, linked: None
) -> None:
    asked = go(http, fake)
    count = len(fake.seen)
    query = urlencode({"code": "the-code", "state": asked["state"]})
    cookie = {"cookie": f"outside={http.cookies['outside']}"}

    def use(_: int) -> int:
        with server.client() as client:
            return client.get(f"/login/outside/fake/callback?{query}", headers=cookie).status_code

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(use, range(100)))
    assert sorted(set(answers)) == [303, 403]
    assert answers.count(303) == 1
    assert sum(path == "/token" for path, _, _ in fake.seen[count:]) == 1


def test_two_tabs_do_not_hinder_each_other(http: httpx2.Client, fake: FakeProvider, linked: None) -> None:
    first, second = go(http, fake), go(http, fake)
    fake.nonce, fake.challenge = first["nonce"], first["code_challenge"]
    assert back(http, first).status_code == 303
    fake.nonce, fake.challenge = second["nonce"], second["code_challenge"]
    assert back(http, second).status_code == 303


def test_rfc9207_mix_up(http: httpx2.Client, fake: FakeProvider, linked: None) -> None:
    for iss in ("https://evil.example", fake.issuer + "/", fake.issuer.upper(), ""):
        assert back(http, go(http, fake), iss=iss).status_code == 403
    assert back(http, go(http, fake), iss=fake.issuer).status_code == 303


def test_rfc9207_iss_is_mandatory_where_it_is_announced(tmp_path: Path, fakes: dict[str, FakeProvider]) -> None:
    fake = FakeProvider()
    fake.metadata = {"authorization_response_iss_parameter_supported": True}
    toml = f'issuer = "{{url}}"\n[[provider]]\nname = "fake"\nissuer = "{fake.issuer}"\nclient_id = "x"\n'
    with fake.running(), live(tmp_path, toml) as server, server.client() as http:
        assert back(http, go(http, fake)).status_code == 403
        assert back(http, go(http, fake), code=None, error="access_denied").status_code == 403
        fake.client_id, fake.client_secret = "x", ""  # a client without a secret
        assert back(http, go(http, fake), iss=fake.issuer).headers["location"] == "/login/outside"


@pytest.mark.parametrize("error", ["access_denied", "server_error", "<script>", "x" * 5000])
def test_errors_end_on_our_page(http: httpx2.Client, fake: FakeProvider, error: str) -> None:
    answer = back(http, go(http, fake), code=None, error=error, error_uri="https://evil.example", redirect_uri="//evil")
    assert answer.status_code == 403
    assert "location" not in answer.headers
    assert "evil" not in answer.text
    assert "<script>" not in answer.text


@pytest.mark.parametrize(
    "place",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/%2f/evil.example",
        "/..//evil.example",
        "/%5cevil.example",
        "javascript:alert(1)",
        "/a\r\nSet-Cookie: x=1",
        "/\tevil",
        " /a",
        "http:evil.example",
        "/.//evil.example",
    ],
)
def test_next_is_a_place_of_ours(http: httpx2.Client, fake: FakeProvider, linked: None, place: str) -> None:
    assert back(http, go(http, fake, next=place)).headers["location"] == "/"


def test_what_comes_twice_in_a_callback_is_refused(http: httpx2.Client, fake: FakeProvider) -> None:
    asked = go(http, fake)
    query = urlencode([("code", "a"), ("code", "the-code"), ("state", asked["state"])])
    assert http.get(f"/login/outside/fake/callback?{query}").status_code == 400


def test_unknown_providers_are_not_there(http: httpx2.Client) -> None:
    assert http.get("/login/outside/nobody").status_code == 404
    assert http.get("/login/outside/nobody/callback").status_code == 404


def test_cve_2022_25896_the_session_changes_at_login(http: httpx2.Client, fake: FakeProvider, linked: None) -> None:
    login(http, "bob")
    before = http.cookies["session"]
    back(http, go(http, fake))
    assert http.cookies["session"] != before
    assert http.get("/whoami", headers={"cookie": f"session={before}"}).status_code == 401


# --- broken is not refused --------------------------------------------------------------------------------------------


def test_a_provider_that_is_away_is_503(tmp_path: Path) -> None:
    fake = FakeProvider()
    fake.away = True
    toml = f'issuer = "{{url}}"\n[[provider]]\nname = "fake"\nissuer = "{fake.issuer}"\nclient_id = "x"\n'
    with fake.running(), live(tmp_path, toml) as server, server.client() as http:
        answer = http.get(START)
        assert answer.status_code == 503
        assert "does not answer" in answer.text


@pytest.mark.parametrize("answer", [(500, {}), (200, b"x"), (200, b"[]"), (302, {}), (200, {"error": "bad"})])
def test_token_endpoints_that_break(http: httpx2.Client, fake: FakeProvider, linked: None, answer: Any) -> None:
    fake.token = lambda _: answer
    status = back(http, go(http, fake)).status_code
    assert status == (400 if isinstance(answer[1], dict) and "error" in answer[1] else 503)


def test_an_address_begins_only_so_many_logins(tmp_path: Path) -> None:
    """What waits for a provider is kept for ten minutes, so that there must not be any number of it."""
    fake = FakeProvider()
    toml = f'issuer = "{{url}}"\n[[provider]]\nname = "fake"\nissuer = "{fake.issuer}"\nclient_id = "x"\n'
    with fake.running(), live(tmp_path, toml) as server, server.client() as http:
        answers = [http.get(START)]
        while answers[-1].status_code == 303 and len(answers) < 400:
            answers.append(http.get(START))
        assert len(answers) > 100
        assert answers[-1].status_code == 429
        assert answers[-1].headers["retry-after"]


# --- Microsoft, GitHub ------------------------------------------------------------------------------------------------

TENANT = "9188040d-6c67-4c5b-b112-36a304b66dad"


def test_microsofts_many_tenants(server: Live, http: httpx2.Client, fakes: dict[str, FakeProvider]) -> None:
    fake = fakes["microsoft"]
    fake.metadata = {"issuer": fake.url + "/{tenantid}/v2.0"}
    own = f"{fake.url}/{TENANT}/v2.0"
    fake.claims = {"iss": own, "tid": TENANT}
    assert back(http, go(http, fake, "microsoft"), "microsoft").headers["location"] == "/login/outside"
    other = "11111111-6c67-4c5b-b112-36a304b66dad"
    for claims in (
        {"iss": own, "tid": other},
        {"iss": own},
        {"iss": fake.url + "/{tenantid}/v2.0", "tid": "{tenantid}"},
        {"iss": f"{fake.url}/common/v2.0", "tid": "common"},
        {"iss": f"{fake.url}/x/../{TENANT}/v2.0", "tid": f"x/../{TENANT}"},
        {"iss": f"https://evil.example/{TENANT}/v2.0", "tid": TENANT},
    ):
        fake.claims, fake.drop = claims, set() if "tid" in claims else {"tid"}
        assert back(http, go(http, fake, "microsoft"), "microsoft").status_code == 403, claims


def test_github(server: Live, http: httpx2.Client, fakes: dict[str, FakeProvider]) -> None:
    fake = fakes["github"]
    server.user("mona")
    login(http, "mona")
    assert go(http, fake, "github")["scope"] == "read:user user:email"
    assert link(http, fake, "github").headers["location"] == "/account/identities"
    assert "mona@example.com" in http.get("/account/identities").text
    fake.user = {"id": 583231, "login": "renamed"}
    with server.client() as again:
        back(again, go(again, fake, "github"), "github")
        assert whoami(again)["subject"] == "user:mona"
    fake.user = {"id": 1, "login": "octocat"}  # who took over the old name is somebody else
    with server.client() as again:
        assert back(again, go(again, fake, "github"), "github").headers["location"] == "/login/outside"


@pytest.mark.parametrize("user", [{}, {"id": "583231"}, {"id": 0}, {"id": True}, {"id": None}, {"login": "octocat"}])
def test_githubs_answers_without_a_number_name_nobody(
    http: httpx2.Client, fakes: dict[str, FakeProvider], user: dict[str, Any]
) -> None:
    fakes["github"].user = user
    assert back(http, go(http, fakes["github"], "github"), "github").status_code == 403


def test_github_reads_only_addresses_that_are_verified(http: httpx2.Client, fakes: dict[str, FakeProvider]) -> None:
    fake = fakes["github"]
    fake.user = {"id": 77, "login": "eve"}
    fake.emails = [{"email": "alice@example.com", "primary": True, "verified": False}]
    back(http, go(http, fake, "github"), "github")
    page = http.get("/login/outside").text
    assert "alice@example.com" not in page
    assert "eve" in page


# --- a second Watchword -----------------------------------------------------------------------------------------------


def test_log_in_with_another_watchword(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    here.mkdir()
    with live(there, 'issuer = "{url}"\n') as provider:
        provider.service("app")
        provider.user("alice")
        toml = f'issuer = "{{url}}"\n[[provider]]\nname = "ww"\nissuer = "{provider.url}"\nsign_up = true\n'
        patch = pytest.MonkeyPatch()
        registered = Registered(provider, here, toml, patch)
        with registered as relying, relying.client() as http, provider.client() as browser:
            sent = http.get("/login/outside/ww").headers["location"]
            first = browser.get(sent)
            onward = dict(parse_qsl(urlsplit(first.headers["location"]).query))["next"]
            login(browser, "alice", next=onward)
            page = browser.get(onward)
            place = re.search(r'content="0;url=([^"]+)"', page.text)
            assert place
            callback = html.unescape(place[1])
            assert callback.startswith(relying.url + "/login/outside/ww/callback?code=")
            assert http.get(callback.replace("iss=", "was=")).status_code == 403  # announced, so it must be there
            sent = http.get("/login/outside/ww").headers["location"]
            callback = browser.get(sent).headers["location"]
            assert http.get(callback).headers["location"] == "/login/outside"
            made = post(http, "/login/outside", {**form_of(http.get("/login/outside")), "do": "create"})
            assert made.headers["location"] == "/"
            assert whoami(http)["factors"] == ["fed"]
            assert whoami(http)["subject"] == "user:alice"  # as userinfo calls her; another account than there
        patch.undo()


class Registered:
    """Register the relying server at the provider, which must know its redirect URI, and run it."""

    def __init__(self, provider: Live, folder: Path, toml: str, patch: pytest.MonkeyPatch) -> None:
        self.provider, self.folder, self.toml, self.patch = provider, folder, toml, patch

    def __enter__(self) -> Live:
        self.patch.setenv("WW_SECRET", "to be replaced")
        grants = {"grants": ["authorization_code"], "first_party": True}
        # The port is not known before the server is made; on loopback it may be another than the registered one.
        uris = ["http://127.0.0.1/login/outside/ww/callback"]
        issued = self.provider.issue(Kind.OAUTH_CLIENT, "service:app", options={**grants, "redirect_uris": uris})
        self.patch.setenv("WW_SECRET", issued.material["client_secret"])
        toml = self.toml + f'client_id = "{issued.material["client_id"]}"\nclient_secret_env = "WW_SECRET"\n'
        self.server = Live(self.folder, toml).start()
        return self.server

    def __exit__(self, *_: object) -> None:
        self.server.stop()
