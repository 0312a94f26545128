"""The list of everything, and the way to one of them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.server.account.town import Browser, Town
from tests.server.console.house import operator, recent

from watchword.codec.secrets import new_secret
from watchword.model.credential import Credential, Kind
from watchword.server.console.credentials import seen, words_of


def ids_on(text: str) -> list[str]:
    return re.findall(r'<th scope="row"[^>]*><a href="/console/credential\?id=([^"&]+)', text)


def find(browser: Browser, text: str) -> Any:
    csrf = browser.http.cookies["csrf"]
    return browser.http.post("/console/find", data={"csrf_token": csrf, "q": text})


@pytest.fixture(scope="module")
def many(town: Town) -> list[str]:
    town.service("many")
    made = [town.issue(Kind.API_KEY, "service:many", options={"name": f"Many {n}"}) for n in range(120)]
    return sorted(each.credential.id for each in made)


def test_pages_follow_each_other_until_the_end(root: Browser, many: list[str]) -> None:
    found: list[str] = []
    place = "/console/credentials?subject=service:many"
    for _ in range(4):
        page = root.get(place).text
        found += ids_on(page)
        onward = re.search(r'href="(/console/credentials\?[^"]*)" rel="next"', page)
        if onward is None:
            break
        place = onward[1].replace("&amp;", "&")
    assert found == many


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("subject=service:many&kind=api-key", 50),
        ("subject=service:many&kind=hmac", 0),
        ("subject=service:many&state=active", 50),
        ("subject=service:many&state=revoked", 0),
        ("q=many+1", 31),  # by name, in any case: 1, 10 to 19, 100 to 119
        ("q=service:man", 50),
        ("q=many", 50),
        ("q=nothing-like-that", 0),
        ("kind=nonsense&state=nonsense&subject=service:many", 50),
        ("after=nonsense&subject=service:many", 50),
        ("after=9|x|y&subject=service:many", 50),
    ],
)
def test_filters(root: Browser, many: list[str], query: str, count: int) -> None:
    page = root.get(f"/console/credentials?{query}")
    assert page.status_code == 200
    assert len(ids_on(page.text)) == count


def test_an_empty_list_says_what_to_do(root: Browser, many: list[str]) -> None:
    page = root.get("/console/credentials?subject=service:nobody").text
    assert "None." in page
    assert "Show all" in page


def test_by_id(root: Browser, many: list[str]) -> None:
    assert ids_on(root.get(f"/console/credentials?q={many[0][:10]}").text) == [many[0]]


def test_what_is_typed_leads_to_it(root: Browser, many: list[str]) -> None:
    assert find(root, many[0]).headers["location"] == f"/console/credential?id={many[0]}"
    assert find(root, "service:many").headers["location"] == "/console/subject?id=service%3Amany"
    assert find(root, "many 1").headers["location"] == "/console/credentials?q=many+1"
    assert find(root, " ").headers["location"] == "/console/credentials"
    assert root.get("/console/find").headers["location"] == "/console/credentials"


def test_a_found_secret_leads_to_whose_it_is_and_is_not_burnt(town: Town, root: Browser, many: list[str]) -> None:
    """A secret in the address would be in logs and count as burnt: the form sends it in its content."""
    issued = town.issue(Kind.API_KEY, "service:many")
    secret = issued.material["secret"]
    done = find(root, f" {secret} ")
    assert done.headers["location"] == f"/console/credential?id={issued.credential.id}"
    assert secret not in done.headers["location"]
    with town.client(headers={"x-api-key": secret}) as http:
        assert http.get("/whoami").status_code == 200
    nobodys = new_secret("ak_live_")
    page = find(root, nobodys)
    assert page.status_code == 404
    assert nobodys not in page.text
    assert not any(secret in str(event) or nobodys in str(event) for event in recent(town))


@pytest.mark.parametrize("around", ['"{}"', "X-API-Key: {}", "API_KEY={}", "https://api.example/?key={}", "a {}, b"])
def test_a_secret_is_found_with_what_it_was_copied_with(
    town: Town, root: Browser, many: list[str], around: str
) -> None:
    issued = town.issue(Kind.API_KEY, "service:many")
    done = find(root, around.format(issued.material["secret"]))
    assert done.headers["location"] == f"/console/credential?id={issued.credential.id}"


@pytest.mark.parametrize(
    "text", ["four horses eat the long grass", '"ak_live_cut-off', "WATCHWORD_ROOT_KEY={root}", "{root}"]
)
def test_nothing_typed_is_sent_on_in_an_address_unless_it_is_public(
    town: Town, root: Browser, many: list[str], text: str
) -> None:
    """Passwords, cut secrets, even the root key: what nothing here begins with stands in no address and on no page."""
    typed = text.format(root=town.root_key)
    done = find(root, typed)
    assert done.status_code == (200 if "{root}" in text else 404)
    assert "location" not in done.headers
    assert typed not in done.text
    assert ("rotate root-key" in done.text) is ("{root}" in text)
    assert not any(typed in str(event) for event in recent(town))


def test_a_list_shows_the_areas_that_one_may_read(town: Town, root: Browser, many: list[str]) -> None:
    """Sessions say where people are, clients what they are let into: those are other areas, as in the API."""
    town.user("teller", scopes=("admin:credentials:read", "admin:subjects:read"))
    town.service("several")
    for kind in (Kind.API_KEY, Kind.OAUTH_CLIENT):
        town.issue(kind, "service:several")
    page = operator(town, "teller").get
    assert set(kinds_on(page("/console/credentials?subject=service:several").text)) == {"api-key"}
    assert set(kinds_on(page("/console/subject?id=service:several").text)) == {"api-key"}
    assert set(kinds_on(root.get("/console/credentials?subject=service:several").text)) == {"api-key", "oauth-client"}
    assert page("/console/credentials?kind=oauth-client").status_code == 403
    assert "signing-key" not in page("/console/credentials").text
    assert page("/console/credentials?kind=session").status_code == 200


def kinds_on(text: str) -> list[str]:
    return re.findall(r'data-label="Kind">([^<]*)<', text)


def test_a_secret_in_the_address_is_burnt_here_as_anywhere(town: Town, root: Browser, many: list[str]) -> None:
    issued = town.issue(Kind.API_KEY, "service:many")
    assert root.get(f"/console/credentials?q={issued.material['secret']}").status_code == 400


def test_sessions(root: Browser) -> None:
    page = root.get("/console/sessions").text
    assert "user:root" in page
    assert all(id.startswith("ses_") for id in ids_on(page))
    assert root.get("/console/sessions?kind=refresh").status_code == 200
    assert ids_on(root.get("/console/sessions?subject=user:nobody-here").text) == []


def test_names_are_text(town: Town, root: Browser) -> None:
    """Stored cross-site scripting: what people call their keys is theirs to choose, and is shown to operators."""
    town.service("evil")
    town.issue(Kind.API_KEY, "service:evil", options={"name": "<script>alert(1)</script>"})
    page = root.get("/console/credentials?subject=service:evil").text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


def test_what_is_seen_holds_nothing_that_proves() -> None:
    kept = {"lookup": b"LOOKUP", "secret": b"SECRET", "detail": {"codes": ["C"]}}
    record = Credential("key_1", Kind.API_KEY, "service:a", 1, **kept)  # type: ignore[arg-type]
    assert not any(word in str(seen(record, 2.0)) for word in ("LOOKUP", "SECRET", "codes"))


def test_words_leave_out_what_is_empty() -> None:
    assert words_of(a="", b="x y", c="&") == "b=x+y&c=%26"
