"""Answer the consent page as a person in a browser does, for tests."""

from __future__ import annotations

import html
import re

import httpx2

__all__ = ["answered", "form_of"]


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
