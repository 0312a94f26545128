"""People and services: listed, added."""

from __future__ import annotations

import re

import pytest
from tests.server.account.town import Browser, Town
from tests.server.console.house import recent


def test_a_service_is_added_and_found(town: Town, root: Browser) -> None:
    done = root.submit("/console/subjects/add", kind="service", name="  Invoices ")
    assert done.status_code == 303, done.text
    assert done.headers["location"] == "/console/subject?id=service%3Ainvoices"
    for query in ("q=invo&kind=service", "q=service:inv", "kind=service"):
        assert "service:invoices" in root.get(f"/console/subjects?{query}").text
    assert "service:invoices" not in root.get("/console/subjects?kind=user").text
    assert any(event.action == "add" and event.actor == "user:root" for event in recent(town))


def test_a_person_is_added(root: Browser) -> None:
    assert root.submit("/console/subjects/add", kind="user", name="carla").status_code == 303
    assert "user:carla" in root.get("/console/subjects?q=car").text


@pytest.mark.parametrize("name", ["", "no good name!", "root"])
def test_what_is_no_name_or_taken_is_marked(root: Browser, name: str) -> None:
    done = root.submit("/console/subjects/add", kind="user", name=name)
    assert done.status_code == 422
    assert 'id="name-fault"' in done.text


def test_pages_follow_each_other(town: Town, root: Browser) -> None:
    for number in range(60):
        town.service(f"row{number:02}")
    first = root.get("/console/subjects?q=service:row").text
    onward = re.search(r'href="(/console/subjects\?[^"]*)" rel="next"', first)
    assert onward
    second = root.get(onward[1].replace("&amp;", "&")).text
    assert (first.count('<th scope="row"'), second.count('<th scope="row"')) == (50, 10)
    assert 'rel="next"' not in second


def test_nobody_found(root: Browser) -> None:
    assert "None." in root.get("/console/subjects?q=zzz").text
