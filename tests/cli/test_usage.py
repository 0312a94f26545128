"""``watchword usage``: how often, by whom, from where."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.cli.desk import Desk
from watchword.cli.usage import sparkline
from watchword.model.usage import Observed, Origin, Part, Point, Tally
from watchword.stores.sqlite import SqliteStore

pytestmark = pytest.mark.filterwarnings("error")


def counted(desk: Desk, credential: str, *, ago: int = 0, decisions: int = 3, verdict: str = "accepted") -> None:
    async def play() -> None:
        async with SqliteStore(desk.folder / "watchword.db") as store:
            start = (int(time.time()) - ago) // 60 * 60
            reason = "" if verdict == "accepted" else "expired"
            route, network = "GET /orders/{id}", "192.0.2.0/24"
            one = Tally(start, credential, "service:billing", "api-key", route, network, verdict, reason, decisions)
            origins = [Origin(credential, network, start, start)]
            named = {"route": route, "network": network, "credential": credential, "subject": "service:billing"}
            parts = [Part(start, kind, name, verdict, decisions) for kind, name in named.items()]
            await store.append((), Observed([one], origins, [Point(start, "api-key", verdict, decisions)], parts))

    asyncio.run(play())


def test_usage_of_one_credential_as_json(desk: Desk) -> None:
    id = desk.issued("api-key", "service:billing")["id"]
    counted(desk, id)
    counted(desk, id, verdict="refused", decisions=2)
    value = desk.done("usage", id, "--json").json
    assert (value["id"], value["subject"], value["by"]) == (id, "service:billing", "hour")
    assert (value["decisions"], value["accepted"], value["refused"], value["broken"]) == (5, 3, 2, 0)
    assert value["routes"][0] == {"route": "GET /orders/{id}", "verdict": "accepted", "decisions": 3}
    assert value["reasons"] == [{"reason": "expired", "verdict": "refused", "decisions": 2}]
    assert [each["network"] for each in value["origins"]] == ["192.0.2.0/24"]
    assert sum(each["decisions"] for each in value["points"]) == 5


def test_usage_of_all_and_of_a_subject_for_people(desk: Desk) -> None:
    id = desk.issued("api-key", "service:billing")["id"]
    counted(desk, id, decisions=1234)
    for words in ([], ["service:billing"]):
        said = desk.done("usage", *words)
        assert "1,234" in said.out
        assert "█" in said.out
        assert id in said.out
        assert "GET /orders/{id}" in said.out
    assert desk.done("usage", "service:billing", "--json").json["decisions"] == 1234


def test_since_and_by_bound_what_is_told(desk: Desk) -> None:
    id = desk.issued("api-key", "service:billing")["id"]
    counted(desk, id, ago=2 * 86400)
    assert desk.done("usage", id, "--since", "1h", "--json").json["decisions"] == 0
    value = desk.done("usage", id, "--since", "7d", "--by", "day", "--json").json
    assert (value["decisions"], value["by"]) == (3, "day")
    assert "nothing" in desk.done("usage", id, "--since", "1h").err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--since", "91d"], "90 days"),
        (["--by", "minute"], "--since 2h"),
        (["--by", "hour", "--since", "30d"], "--since 7d"),
        (["--by", "hours"], "did you mean hour?"),
        (["key_nobody"], "there is no credential"),
        (["service:nobody"], "service:nobody"),
        (["--since", "soon"], "--since"),
    ],
)
def test_what_cannot_be_told_is_said(desk: Desk, words: list[str], said: str) -> None:
    assert said in desk.wrong("usage", *words)


def test_a_secret_typed_instead_of_an_id_is_not_repeated(desk: Desk) -> None:
    secret = desk.issued("api-key", "service:billing")["secret"]
    said = desk.wrong("usage", secret)
    assert secret not in said
    assert "its id is key_" in said


def test_a_line_of_bars_is_short_and_shows_the_least() -> None:
    assert sparkline([0, 1, 1000]) == "▁▂█"
    assert sparkline([0, 0]) == "▁▁"
    assert sparkline([]) == ""
    assert len(sparkline([1] * 721)) <= 60
