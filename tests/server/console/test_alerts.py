"""What looks like a leak, until somebody has looked."""

from __future__ import annotations

import re
from typing import Any

from tests.server.account.town import Browser, Town
from tests.server.console.house import follow, operator, recent

from watchword.model.alerts import Alert


def acknowledge(browser: Browser, id: str) -> Any:
    csrf = browser.http.cookies["csrf"]
    return browser.http.post(f"/console/alerts/acknowledge?id={id}", data={"csrf_token": csrf})


def raise_one(town: Town, id: str, at: int = 1_900_000_000) -> None:
    detail = {"told": "used from <elsewhere>", "advice": "ask its owner", "network": "192.0.2.0/24"}
    alert = Alert(id, at, "new-network", "high", f"key-{id}", "key_x", "service:x", "192.0.2.7", detail)
    assert town.do(town.watchword.operations.alerts.raised(alert))


def test_an_alert_is_shown_until_somebody_has_looked(town: Town, root: Browser) -> None:
    raise_one(town, "alr_first")
    for place in ("/console", "/console/alerts"):
        page = root.get(place).text
        assert "used from &lt;elsewhere&gt;" in page
        assert "ask its owner" in page
    assert "alr_first" not in follow(root, acknowledge(root, "alr_first")).text
    whole = root.get("/console/alerts?all=1").text
    assert "looked at by user:root" in whole
    assert acknowledge(root, "alr_first").status_code == 303  # once more is no harm
    assert acknowledge(root, "alr_nope").status_code == 409
    assert any(event.action == "acknowledge" and event.actor == "user:root" for event in recent(town))


def test_who_may_only_read_has_no_button(town: Town) -> None:
    raise_one(town, "alr_second")
    town.user("reader", scopes=("admin:alerts:read",))
    browser = operator(town, "reader")
    assert "used from" in browser.get("/console/alerts").text
    assert "/console/alerts/acknowledge" not in browser.get("/console/alerts").text
    assert acknowledge(browser, "alr_second").status_code == 403


def test_pages_follow_each_other(town: Town, root: Browser) -> None:
    for number in range(55):
        raise_one(town, f"alr_many{number:02}", at=1_800_000_000 + number)
    first = root.get("/console/alerts?all=1").text
    onward = re.search(r'href="(/console/alerts\?[^"]*)" rel="next"', first)
    assert onward
    second = root.get(onward[1].replace("&amp;", "&")).text
    shown = [re.findall(r'acknowledge\?id=([^"&]+)', page) for page in (first, second)]
    assert not set(shown[0]) & set(shown[1])
    assert {f"alr_many{number:02}" for number in range(55)} <= {*shown[0], *shown[1]}


def test_what_alerts_say_is_said_in_german() -> None:
    from watchword.lifecycle.operations.alerts.rules import RULES
    from watchword.server.pages.language import catalogue

    said = {text for rule in RULES.values() for text in (rule.told, rule.advice)}
    assert sorted(said - catalogue("de").keys()) == []
