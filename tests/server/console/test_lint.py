"""Findings: what is wrong with the configuration and with what is issued."""

from __future__ import annotations

from tests.server.account.town import Browser, Town

from watchword.model.credential import Kind


def test_findings_name_rule_line_reason_and_remedy(root: Browser) -> None:
    page = root.get("/console/lint").text
    assert "WW114" in page  # there is no route
    assert "watchword.toml" in page
    assert "What mends it:" in page


def test_what_is_issued_is_looked_at_on_demand(town: Town, root: Browser, ids: dict[str, str]) -> None:
    id = town.issue(Kind.API_KEY, "service:billing").credential.id  # it never ends
    assert id not in root.get("/console/lint").text
    done = root.submit("/console/lint")
    assert done.status_code == 200
    assert "WW8" in done.text or id in done.text or "never" in done.text
