"""Why a request would be let in or not; and nothing comes of having asked."""

from __future__ import annotations

import pytest
from tests.server.account.town import Browser, Town

from watchword.model.credential import Kind

PLACE = "/console/explain"


def test_a_request_that_is_let_in(town: Town, root: Browser, ids: dict[str, str]) -> None:
    issued = town.issue(Kind.API_KEY, "service:billing")
    secret = issued.material["secret"]
    done = root.submit(PLACE, method="GET", url=f"{town.url}/whoami", headers=f"X-API-Key: {secret}")
    assert done.status_code == 200, done.text
    result = done.text.split('id="result"')[1].split("<form")[0]
    assert issued.credential.id in result
    assert "this decided" in result
    assert secret not in result
    assert town.do(town.watchword.store.credential(issued.credential.id)).last_used_at is None  # type: ignore[union-attr]


def test_a_request_that_is_not(town: Town, root: Browser) -> None:
    done = root.submit(PLACE, method="GET", url=f"{town.url}/whoami", headers="X-API-Key: ak_live_nonsense")
    result = done.text.split('id="result"')[1].split("<form")[0]
    assert "401" in result
    assert "What the caller sees" in result


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"url": "nonsense"}, "url"),
        ({"url": "http://a/", "address": "here"}, "address"),
        ({"url": "http://a/", "headers": "not a field: x"}, "headers"),
        ({"url": "http://a/", "certificate": "x"}, "certificate"),
    ],
)
def test_what_no_caller_can_send_is_marked(root: Browser, fields: dict[str, str], field: str) -> None:
    done = root.submit(PLACE, method="GET", **fields)
    assert done.status_code == 422
    assert f'href="#{field}"' in done.text
