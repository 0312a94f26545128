"""The first page: what goes on, and how to begin where nothing does."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.server.account.town import Browser, Town
from tests.server.console.house import eventually, house, operator

from watchword.model.credential import Credential, Kind
from watchword.model.records import Add
from watchword.model.usage import Grain, Point
from watchword.server.console.credentials import end_of
from watchword.server.console.overview import SPANS, charts_of, span_of

DAY = 86400


def test_an_empty_house_teaches(tmp_path: Path) -> None:
    with house(tmp_path) as server:
        browser = operator(server)
        page = browser.get("/console").text
        assert "watchword issue api-key" in page
        assert "/console/subjects/add" in page
        assert "/console/credentials/issue" in page
        server.service("billing")
        server.issue(Kind.API_KEY, "service:billing")
        assert "watchword issue api-key" not in browser.get("/console").text


def test_traffic_by_verdict_and_scheme(town: Town, root: Browser, ids: dict[str, str]) -> None:
    secret = town.issue(Kind.API_KEY, "service:billing").material["secret"]
    with town.client() as http:
        assert http.get("/whoami", headers={"x-api-key": secret}).status_code == 200
        assert http.get("/whoami").status_code == 401
    eventually(lambda: "bar-refused" in root.get("/console").text)
    page = root.get("/console").text
    assert '<rect class="bar-accepted"' in page
    assert '<rect class="bar-refused"' in page
    assert "api-key" in page
    for span in (*SPANS, "x"):
        assert root.get(f"/console?span={span}").status_code == 200


def test_what_ends_soon_is_idle_or_fails(town: Town, root: Browser, ids: dict[str, str]) -> None:
    now = int(town.watchword.clock())
    soon = Credential("key_000soon", Kind.API_KEY, "service:billing", now - DAY, expires_at=now + DAY)
    late = Credential("key_000late", Kind.API_KEY, "service:billing", now - DAY, expires_at=now + 99 * DAY)
    idle = Credential("key_000idle", Kind.API_KEY, "service:billing", now - 200 * DAY)
    town.do(town.watchword.store.write(Add(soon), Add(late), Add(idle)))
    secret = town.issue(Kind.API_KEY, "service:billing", networks=["192.0.2.0/24"])
    with town.client(headers={"x-api-key": secret.material["secret"]}) as http:
        assert {http.get("/whoami").status_code for _ in range(9)} <= {401, 403}
    eventually(lambda: secret.credential.id in root.get("/console").text.split('id="failing"')[1])
    page = root.get("/console").text
    ending, idle_part = page.split('id="ending"')[1].split('id="idle"')
    assert "key_000soon" in ending
    assert "key_000late" not in ending
    unused, failing = idle_part.split('id="failing"')
    assert "key_000idle" in unused
    assert secret.credential.id in failing


@pytest.mark.parametrize("scope", ["usage", "credentials", "alerts", "audit"])
def test_each_part_takes_its_own_scope(town: Town, scope: str) -> None:
    town.user(f"only-{scope}", scopes=(f"admin:{scope}:read",))
    page = operator(town, f"only-{scope}").get("/console").text
    assert ('id="traffic"' in page) is (scope == "usage")
    assert ('id="ending"' in page) is (scope == "credentials")


def test_a_span_ends_with_the_present_bar() -> None:
    since, until, grain = span_of("24h", 1_900_000_123.0)
    assert (until - since, grain) == (DAY, Grain.HOUR)
    assert since % grain == until % grain == 0
    assert until - grain <= 1_900_000_123 < until
    assert span_of("x", 1.9e9) == span_of("24h", 1.9e9)


def test_points_become_two_charts() -> None:
    points = [Point(0, "api-key", "accepted", 3), Point(60, "jwt", "refused", 1)]
    verdicts, schemes = charts_of(points, 0, 120, 60)
    assert verdicts.series == (("accepted", 3), ("refused", 1))
    assert schemes.series == (("api-key", 3), ("jwt", 1))
    assert verdicts.total == schemes.total == 4


def test_the_authority_ends_with_its_certificate(tmp_path: Path) -> None:
    """Its record has no end of its own; what it vouches for ends with it, and that is to be seen before."""
    now = [1_900_000_000.0]
    with house(tmp_path, clock=lambda: now[0]) as server:
        (authority,) = server.do(server.watchword.store.credentials(kind=Kind.CA))
        end = end_of(authority)
        assert authority.expires_at is None
        assert end is not None
        assert authority.id not in operator(server).get("/console").text
        now[0] = end - 20 * 86400
        browser = operator(server)
        assert authority.id in browser.get("/console").text.partition('id="idle"')[0]
        row = browser.get(f"/console/credentials?q={authority.id}").text
        assert f"{datetime.fromtimestamp(end, UTC):%Y-%m-%d}" in row
