"""Be a person at a browser, by HTTP: log in, agree, follow where one is sent. For tests of what applications do."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import httpx2

__all__ = ["Person"]

_STEPS = 16


class _Forms(HTMLParser):
    """Read the forms of a page: where each goes, and what it sends when nobody changes anything."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []
        self.buttons: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and given.get("method", "").lower() == "post":
            self.forms.append((given.get("action", ""), {}))
        if not self.forms or not given.get("name"):
            return
        if tag == "input" and (given.get("type") != "checkbox" or "checked" in given) and "disabled" not in given:
            self.forms[-1][1][given["name"]] = given.get("value", "on" if given.get("type") == "checkbox" else "")
        if tag == "button":
            self.buttons.setdefault(given["name"], given.get("value", ""))  # the first one is the one that agrees


class Person:
    """Hold one browser and whose it is. ``decision`` is what is pressed where an application asks."""

    def __init__(self, issuer: str, name: str, password: str, *, decision: str = "allow", **client: Any) -> None:
        self.issuer = issuer
        self.name = name
        self.password = password
        self.decision = decision
        self.pages: list[str] = []
        self.http = httpx2.Client(trust_env=False, timeout=20, **client)

    def close(self) -> None:
        """Close the browser."""
        self.http.close()

    def visit(self, url: str, *, leave: bool = True, **fields: str) -> str:
        """Go there and do what the pages ask; return where the browser was sent to outside, or the last page.

        With ``leave`` the place outside is visited, too, without the browser's cookies. ``fields`` fill in forms.
        """
        page = self._get(url)
        for _ in range(_STEPS):
            place = _onward(page)
            if place is not None:
                place = urljoin(str(page.url), place)
                if not place.startswith(self.issuer + "/"):
                    if leave:
                        self.pages.append(httpx2.get(place, trust_env=False, timeout=20).text)
                    return place
                page = self._get(place)
                continue
            self.pages.append(page.text)
            reader = _Forms()
            reader.feed(page.text)
            wanted = [
                (action, form) for action, form in reader.forms if not action.startswith(("/logout", "/language"))
            ]
            if not wanted:
                return page.text
            page = self._post(page, *wanted[0], fields, reader.buttons)
        raise AssertionError(f"going round in circles: {page.url}")

    def _get(self, url: str) -> httpx2.Response:
        return self.http.get(url)

    def _post(
        self, page: httpx2.Response, action: str, form: dict[str, str], fields: dict[str, str], buttons: dict[str, str]
    ) -> httpx2.Response:
        place = urljoin(str(page.url), action) if action else str(page.url)
        known = {"username": self.name, "password": self.password, **fields}
        form = {**form, **{name: known[name] for name in form if name in known}}
        if "decision" in buttons:
            form["decision"] = self.decision
        else:
            form.update(buttons)
        return self.http.post(place, data=form, headers={"origin": self.issuer})


def _onward(page: httpx2.Response) -> str | None:
    """Return where a page sends the browser, None where it stays."""
    place = page.headers.get("location")
    if place is not None:
        return place
    refresh = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', page.text)
    return html.unescape(refresh[1]) if refresh else None
