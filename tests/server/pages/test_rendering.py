"""Pages escape what they show, load nothing from elsewhere, and look as the operator wants."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from tests.server.live import live
from tests.server.pages.texts import ROOT, TEMPLATES

from watchword.server.config.load import ConfigError, load
from watchword.server.pages.language import SPOKEN
from watchword.server.pages.rendering import Pages, pages_of

STATIC = ROOT / "server" / "static"


def text_of(pages: Pages, name: str, /, **values: Any) -> str:
    return bytes(pages.page(name, **values).body).decode()


def test_what_is_shown_is_escaped() -> None:
    page = text_of(Pages(), "login/login.html", username='"><script>x</script>', csrf_token="0", next="", message="<b>")
    assert "<script>x" not in page
    assert "<b>" not in page


def test_values_may_have_any_name() -> None:
    assert "CI" in text_of(
        Pages(), "account/key.html", name="CI", status=1, headers=2, secret="ak_x", scopes=[], expires_at=0
    )


def test_a_page_loads_from_this_site_alone_and_scripts_only_where_they_are_needed() -> None:
    pages = Pages()
    plain = dict(pages.page("account/welcome.html").raw_headers)
    scripted = dict(pages.page("login/login.html", script=True).raw_headers)
    assert plain[b"content-security-policy"] == (
        b"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; "
        b"base-uri 'none'"
    )
    assert scripted[b"content-security-policy"].endswith(b"; script-src 'self'; connect-src 'self'")
    assert plain[b"cache-control"] == b"no-store"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_nothing_is_inline_and_nothing_comes_from_elsewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|https?://|//[a-z]", text)
    assert not re.search(r"<script(?! src=)", text)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_what_can_be_typed_into_has_a_label_and_says_what_it_is_for(path: Path) -> None:
    text = re.sub(r"\{[{%].*?[}%]\}", "", path.read_text(encoding="utf-8"), flags=re.S)
    for tag in re.findall(r"<(?:input|select)\b[^>]*>", text):
        if 'type="hidden"' in tag or 'type="checkbox"' in tag:
            continue
        id = re.search(r'\bid="([^"]*)"', tag)
        assert "aria-label" in tag or (id and f'for="{id[1]}"' in text), tag
        assert "autocomplete=" in tag or tag.startswith("<select"), tag


def test_the_language_is_the_readers() -> None:
    token = SPOKEN.set("de")
    try:
        page = Pages().page("account/welcome.html")
    finally:
        SPOKEN.reset(token)
    assert '<html lang="de">' in bytes(page.body).decode()
    assert "Willkommen" in bytes(page.body).decode()
    assert dict(page.raw_headers)[b"content-language"] == b"de"


def static(pages: Pages, name: str) -> Any:
    scope = {"type": "http", "method": "GET", "path": f"/static/{name}", "headers": [], "path_params": {"name": name}}
    return asyncio.run(pages.static(Request(scope)))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("watchword.css", b"text/css; charset=utf-8"),
        ("webauthn.js", b"text/javascript; charset=utf-8"),
        ("mark.svg", b"image/svg+xml"),
    ],
)
def test_files_have_their_media_type(name: str, kind: bytes) -> None:
    response = static(Pages(), name)
    assert response.status_code == 200
    assert response.body == (STATIC / name).read_bytes()
    assert dict(response.raw_headers)[b"content-type"] == kind


@pytest.mark.parametrize("name", ["theme.css", "nothing.css", "../rendering.py", "", ".."])
def test_what_is_no_file_of_ours_is_not_there(name: str) -> None:
    assert static(Pages(), name).status_code == 404


def test_a_file_has_another_address_when_it_changes(tmp_path: Path) -> None:
    theme = tmp_path / "brand.css"
    places = []
    for color in ("red", "blue"):
        theme.write_text(f":root {{ --accent: {color}; }}")
        places.append(re.findall(r"/static/theme\.css\?v=\w+", text_of(Pages(theme=theme), "account/welcome.html")))
    assert len(places[0]) == len(places[1]) == 1
    assert places[0] != places[1]


def test_offers_are_made_only_where_there_is_something() -> None:
    none = text_of(Pages(), "login/login.html", username="", next="")
    assert "/sign-up" not in none
    assert "/reset" not in none
    both = text_of(Pages(offers=("sign-up", "reset")), "login/login.html", username="", next="")
    assert '<a href="/sign-up">' in both
    assert '<a href="/reset">' in both


def test_the_settings_name_and_dress_the_pages(tmp_path: Path) -> None:
    (tmp_path / "brand.css").write_text(":root { --accent: #604; }")
    toml = '[pages]\nname = "Ledger & Co"\ntheme = "brand.css"\n[accounts]\nsign_up = "open"\n'
    with live(tmp_path, toml) as server, server.client() as http:
        page = http.get("/login").text
        assert "<span>Ledger &amp; Co</span>" in page
        assert page.index("watchword.css") < page.index("theme.css")
        assert http.get("/static/theme.css").text == ":root { --accent: #604; }"
        assert '<a href="/sign-up">' in page
        assert '<a href="/reset">' not in page  # nobody could be sent a link
        assert "Anmelden" in http.get("/login", headers={"accept-language": "de"}).text


def test_a_theme_that_is_missing_is_said_before_the_server_starts(tmp_path: Path) -> None:
    config = tmp_path / "watchword.toml"
    config.write_text('[pages]\ntheme = "none.css"\n')
    with pytest.raises(ConfigError, match=r"none\.css"):
        load(config)


def test_pages_of_no_settings_are_ours(tmp_path: Path) -> None:
    config = tmp_path / "watchword.toml"
    config.write_text("")
    assert "<span>Watchword</span>" in text_of(pages_of(load(config)), "account/welcome.html")
