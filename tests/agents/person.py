"""A person whom an application sends to log in and to agree: a browser without scripts."""

from __future__ import annotations

from html import unescape
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx2

__all__ = ["Person"]

_PAGES = 12  # more than any login takes


class Person:
    """Log in as ``name`` wherever ``site`` asks, agree to what it shows, and say where that leads."""

    def __init__(self, site: str, name: str, password: str, *, agree: bool = True, verify: object = True) -> None:
        self.site = site
        self.agree = agree
        self.seen: list[str] = []  # headings of pages
        self.shown: list[str] = []  # whole pages that asked for consent
        self._fields = {"username": name, "password": password}
        self._http = httpx2.Client(trust_env=False, verify=verify)  # type: ignore[arg-type]

    def __enter__(self) -> Person:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def visit(self, url: str) -> str:
        """Go to ``url`` and on, through every page of the site, until the browser is sent elsewhere; return where."""
        answer = self._http.get(url)
        for _ in range(_PAGES):
            place = self._onward(answer)
            if place is not None:
                if not place.startswith(self.site + "/"):
                    return place
                answer = self._http.get(place)
                continue
            answer = self._submitted(answer)
        raise AssertionError(f"no end: {self.seen}")

    def _onward(self, answer: httpx2.Response) -> str | None:
        if answer.status_code in (302, 303, 307):
            return urljoin(str(answer.url), answer.headers["location"])
        page = _Page(answer.text)
        if page.refresh:
            return urljoin(str(answer.url), page.refresh)
        assert answer.status_code == 200, f"{answer.status_code} at {answer.url}: {answer.text[:2000]}"
        return None

    def _submitted(self, answer: httpx2.Response) -> httpx2.Response:
        page = _Page(answer.text)
        self.seen.append(page.heading)
        assert page.action is not None, answer.text[:2000]
        known = {**page.fields, **{name: value for name, value in self._fields.items() if name in page.fields}}
        if page.action.endswith("/oauth/consent"):
            self.shown.append(answer.text)
            known["decision"] = "allow" if self.agree else "deny"
        place = urljoin(str(answer.url), page.action or str(answer.url))
        origin = f"{urlsplit(place).scheme}://{urlsplit(place).netloc}"
        return self._http.post(place, data=known, headers={"origin": origin})


class _Page(HTMLParser):
    """Read the first form of a page, its heading, and where it refreshes to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.action: str | None = None
        self.refresh = ""
        self.heading = ""
        self._in = False
        self._heading = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "meta" and given.get("http-equiv") == "refresh":
            self.refresh = unescape(given["content"].partition("url=")[2])
        elif tag == "form" and self.action is None and given.get("method", "").lower() == "post":
            self._in, self.action = True, given.get("action", "")
        elif tag == "input" and self._in and "name" in given and "disabled" not in given:
            box = given.get("type") == "checkbox"
            if not box or "checked" in given:
                self.fields[given["name"]] = given.get("value", "on" if box else "")
        elif tag == "h1":
            self._heading = True

    def handle_endtag(self, tag: str) -> None:
        self._in = self._in and tag != "form"
        self._heading = self._heading and tag != "h1"

    def handle_data(self, data: str) -> None:
        self.heading += data if self._heading else ""
