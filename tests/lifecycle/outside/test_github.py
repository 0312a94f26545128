"""GitHub's API, as it answers and as it does not."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from watchword.lifecycle.outside.github import GITHUB, github_metadata, outsider_of_github
from watchword.lifecycle.outside.identities import Outsider
from watchword.model.ports import Fetched, Unavailable
from watchword.model.verdict import Rejection


def ask(issuer: str, answers: dict[str, tuple[int, Any]]) -> Outsider | Rejection:
    def fetch(url: str, *, data: Any = None, headers: Any = None) -> Fetched:
        assert headers["authorization"] == "Bearer t"
        status, value = answers[url]
        return Fetched(status, value if isinstance(value, bytes) else json.dumps(value).encode())

    return asyncio.run(outsider_of_github(fetch, "hub", issuer, "t"))


def test_github_com() -> None:
    found = ask(
        GITHUB,
        {
            "https://api.github.com/user": (200, {"id": 9, "login": "mona", "name": "Mona"}),
            "https://api.github.com/user/emails": (200, [{"email": "m@x.example", "primary": True, "verified": True}]),
        },
    )
    assert found == Outsider("hub", GITHUB, "9", "m@x.example", "mona", "Mona")


@pytest.mark.parametrize("emails", [(404, {}), (200, b"["), (200, [5]), (200, {}), (200, [{"primary": True}])])
def test_without_an_address_the_login_is_shown(emails: tuple[int, Any]) -> None:
    base = "https://git.example"
    user = (200, {"id": 9, "login": "mona"})
    found = ask(base, {f"{base}/api/v3/user": user, f"{base}/api/v3/user/emails": emails})
    assert found == Outsider("hub", base, "9", "mona", "mona")


def test_no_answer_is_broken_not_refused() -> None:
    with pytest.raises(Unavailable):
        ask(GITHUB, {"https://api.github.com/user": (401, {})})


def test_endpoints() -> None:
    assert github_metadata(GITHUB).token_endpoint == "https://github.com/login/oauth/access_token"
