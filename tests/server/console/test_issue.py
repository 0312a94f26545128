"""Credentials of every kind from a form: shown once, bounded, and never more than the operator may give."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.server.account.town import Browser, Town
from tests.server.console.house import ALL, operator, recent

from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.values import rate_of
from watchword.model.credential import Kind
from watchword.model.verdict import Rate
from watchword.server.console.issue import MACHINE_KINDS, Misread, read

PLACE = "/console/credentials/issue"


def issue(browser: Browser, kind: str, subject: str = "service:billing", **fields: str) -> Any:
    return browser.submit(f"{PLACE}?kind={kind}", kind=kind, subject=subject, **{"expires": "90d", **fields})


def shown(text: str) -> dict[str, str]:
    return dict(re.findall(r'<code class="secret[^"]*" id="(\w+)">([^<]*)</code>', text))


def test_an_api_key_with_every_bound(town: Town, root: Browser, ids: dict[str, str]) -> None:
    done = issue(root, "api-key", name=" Nightly  run ", scopes="orders:read  orders:write", networks="127.0.0.0/8",
                 limit="600/min", test="on", expires="12h")  # fmt: skip
    assert done.status_code == 201, done.text
    secret = shown(done.text)["secret"]
    assert secret.startswith("ak_test_")
    record = town.do(town.watchword.store.credential(re.findall(r"key_\w+", done.text)[0]))
    assert record is not None
    assert record.scopes == {"orders:read", "orders:write"}
    assert (record.networks, record.limit, record.detail["name"]) == (("127.0.0.0/8",), Rate(600, 60), "Nightly run")
    assert record.expires_at == record.created_at + 12 * 3600
    with town.client(headers={"x-api-key": secret}) as http:
        assert http.get("/whoami").json()["credential"] == record.id
    assert secret not in root.get(f"/console/credential?id={record.id}").text
    event = next(each for each in recent(town) if each.credential == record.id and each.action == "issue")
    assert event.actor == "user:root"


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("hmac", {"key_id", "secret"}),
        ("client-cert", {"certificate", "private_key", "chain"}),
        ("oauth-client", {"client_id", "client_secret"}),
        ("password", {"password"}),
    ],
)
def test_every_kind_shows_what_proves_it_once(
    town: Town, root: Browser, ids: dict[str, str], kind: str, names: set[str]
) -> None:
    more = {"grant:client_credentials": "on", "name": "Tally"} if kind == "oauth-client" else {}
    done = issue(root, kind, scopes="orders:read", **more)
    assert done.status_code == 201, done.text
    assert shown(done.text).keys() == names
    assert done.headers["cache-control"] == "no-store"


def test_there_is_a_form_for_every_kind(root: Browser) -> None:
    for kind in MACHINE_KINDS:
        page = root.get(f"{PLACE}?kind={kind.value}&subject=service:billing")
        assert page.status_code == 200
        assert f'aria-current="true">{kind.value}<' in page.text
        assert 'value="service:billing"' in page.text
    assert 'aria-current="true">api-key<' in root.get(f"{PLACE}?kind=session").text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("subject", "billing"),
        ("subject", "service:watchword"),
        ("subject", "service:"),
        ("scopes", 'a"b'),
        ("networks", "10.0.0.1/8"),
        ("networks", "here"),
        ("limit", "often"),
        ("expires", "soon"),
        ("name", "x" * 65),
        ("name", "a\u202eb"),
    ],
)
def test_what_cannot_be_read_is_marked_where_it_stands(
    root: Browser, ids: dict[str, str], field: str, value: str
) -> None:
    before = root.get("/console/credentials?kind=api-key").text
    done = issue(root, "api-key", **{"subject": "service:billing", field: value})
    assert done.status_code == 422
    assert f'id="{field}-fault"' in done.text
    assert re.search(rf'id="{field}"[^>]*aria-invalid="true"', done.text)
    assert root.get("/console/credentials?kind=api-key").text.count("<tr>") == before.count("<tr>")


def test_who_is_not_there_or_disabled_gets_nothing(town: Town, root: Browser) -> None:
    assert "There is no service:ghost" in issue(root, "api-key", "service:ghost").text
    town.service("asleep")
    town.do(town.watchword.lifecycle.set_enabled("service:asleep", False, by="test"))
    done = issue(root, "api-key", "service:asleep")
    assert (done.status_code, "is disabled" in done.text) == (422, True)


def test_a_certificate_ends_before_its_authority(root: Browser, ids: dict[str, str]) -> None:
    done = issue(root, "client-cert", expires="36500d")
    assert done.status_code == 422
    assert "shorter" in done.text


def test_clients_need_what_their_grants_need(root: Browser, ids: dict[str, str]) -> None:
    done = issue(root, "oauth-client", **{"grant:authorization_code": "on"})
    assert done.status_code == 422, done.text
    good = issue(root, "oauth-client", redirect_uris="https://app.example/cb", **{"grant:authorization_code": "on"})
    assert good.status_code == 201


def test_nobody_gives_a_right_that_they_do_not_hold(town: Town, ids: dict[str, str]) -> None:
    """Else who may issue keys would issue one that may everything."""
    town.user("issuer", scopes=("admin:credentials:write",))
    browser = operator(town, "issuer")
    taken = issue(browser, "api-key", scopes="admin:audit:read")
    assert taken.status_code == 403
    assert "admin:audit:read" in taken.text
    assert issue(browser, "api-key", scopes="admin:credentials:write").status_code == 201
    assert browser.get(f"{PLACE}?kind=oauth-client").status_code == 403  # clients are another area


def test_nobody_makes_a_password_for_somebody_above_them(town: Town) -> None:
    """Else they could log in as them, and end what they hold."""
    town.user("lower", scopes=("admin:credentials:write",))
    town.do(town.watchword.lifecycle.add_subject("user:upper", by="test"))
    town.issue(Kind.API_KEY, "user:upper", scopes=ALL)
    assert issue(operator(town, "lower"), "password", "user:upper").status_code == 403


def test_a_misread_field_keeps_its_words() -> None:
    with pytest.raises(Misread) as caught:
        read("limit", "often", rate_of)
    assert (caught.value.field, "not a rate" in str(caught.value)) == ("limit", True)
    assert isinstance(caught.value, LifecycleError)
