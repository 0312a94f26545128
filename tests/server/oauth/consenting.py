"""Answer the consent page as a person in a browser does, for tests."""

from __future__ import annotations

import html
import re
from typing import Any

import httpx2
from tests.server.live import Live
from tests.server.oauth.flow import App

__all__ = ["Native", "answered", "form_of"]


class Native(App):
    """Hold a program on a person's machine, which answers come to by a port of its own."""

    def __init__(self, server: Live, **options: Any) -> None:
        given = {"first_party": False, "public": True, "redirect_uris": ["http://127.0.0.1/native"], **options}
        super().__init__(server, **given)

    def request(self, **more: str | None) -> dict[str, str]:
        return super().request(**{"redirect_uri": "http://127.0.0.1:4711/native", **more})


def form_of(page: httpx2.Response) -> dict[str, str]:
    """Return the fields of the form that the page shows, every box ticked."""
    assert page.status_code == 200, page.text
    assert 'action="/oauth/consent"' in page.text, page.text
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
    boxes = re.findall(r'<input type="checkbox" name="([^"]+)" checked>', page.text)
    return {**{name: html.unescape(value) for name, value in hidden}, **dict.fromkeys(map(html.unescape, boxes), "on")}


def answered(
    http: httpx2.Client, page: httpx2.Response, decision: str = "allow", **change: str | None
) -> httpx2.Response:
    """Send the form back."""
    fields: dict[str, str | None] = {**form_of(page), "decision": decision, **change}
    data = {name: value for name, value in fields.items() if value is not None}
    return http.post("/oauth/consent", data=data, headers={"origin": str(http.base_url).rstrip("/")})
