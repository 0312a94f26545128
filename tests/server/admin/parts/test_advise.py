"""``/admin/v1/advise``: the interview, and what follows from its answers."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from tests.server.admin.operators import asking, problem
from tests.server.live import Live, live

PLACE = "/admin/v1/advise"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("advise"), '[admin]\nlimit = ""\n') as running:
        running.service("ops")
        yield running


@pytest.fixture(scope="module")
def admin(server: Live) -> Iterator[httpx2.Client]:
    with asking(server, "admin:configuration:read") as http:
        yield http


def test_each_question_has_its_options_and_each_option_is_an_answer(admin: httpx2.Client) -> None:
    questions = admin.get(PLACE).json()["questions"]
    assert len(questions) >= 5
    for question in questions:
        for option in question["options"]:
            answers = {question["name"]: option["word"]}
            if question["name"] != "callers":
                answers["callers"] = option["callers"][0]
            assert admin.post(PLACE, json=answers).status_code in (200, 422)


def test_all_seven_are_ranked_with_reasons(admin: httpx2.Client) -> None:
    value = admin.post(PLACE, json={"callers": "machines", "path": "/orders/{id}", "scopes": ["orders:read"]}).json()
    assert len(value["advice"]) == 7
    assert value["answers"]["callers"] == "machines"
    scores = [each["score"] for each in value["advice"]]
    assert scores == sorted(scores, reverse=True)
    assert value["advice"][0]["verdict"] == "advised"
    assert "/orders/{id}" in value["advice"][0]["route_block"]
    assert admin.post(PLACE).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"callers": "robots"}, "callers"),
        ({"callers": 1}, "callers"),
        ({"nothing": "x"}, "nothing"),
        ({"url": "x"}, "url"),
        ({"scopes": "x"}, "scopes"),
        ({"method": "FETCH"}, "method"),
    ],
    ids=str,
)
def test_what_is_no_answer_names_its_question(admin: httpx2.Client, body: dict[str, object], field: str) -> None:
    answer = admin.post(PLACE, json=body)
    assert problem(answer) == (422, "invalid_fields")
    assert [each["field"] for each in answer.json()["errors"]] == [field]


def test_it_is_for_who_may_read_the_configuration(server: Live) -> None:
    with asking(server, "admin:audit:read") as http:
        assert problem(http.get(PLACE)) == problem(http.post(PLACE, json={})) == (403, "insufficient_scope")
