"""Each advised Python snippet runs, against a server that is guarded by the advised block."""

from __future__ import annotations

import json
import webbrowser
from pathlib import Path

import pytest

from tests.advise.snippets.served import KINDS, Served
from watchword.advise.snippets import python


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_let_in_as_the_scheme_that_was_advised(
    served: Served,
    desk: Path,
    kind: str,
    method: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in served.variables(kind).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(desk)
    person = served.person()
    monkeypatch.setenv("BROWSER", "somebody's")
    monkeypatch.setattr(webbrowser, "open", person.visit)
    advice = served.advice[kind, method]
    try:
        exec(compile(advice.snippet["python"], kind, "exec"), {"__name__": "snippet"})  # noqa: S102 - ours
    finally:
        person.close()
    told = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert (told["scheme"], told["method"]) == (advice.scheme, method)
    assert told["subject"] == ("user:alice" if KINDS[kind][1].callers == "people" else "service:billing")
    assert (json.loads(told["content"]) if told["content"] else None) == ({"item": "tea"} if method == "POST" else None)


def test_no_secret_stands_in_it(served: Served) -> None:
    for (kind, _), advice in served.advice.items():
        for value in served.environment[kind].values():
            assert value not in advice.snippet["python"] or value in ("alice", "billing")


def test_a_place_without_scopes_asks_for_none(served: Served) -> None:
    place = served.place("oauth2", "GET")
    assert "scope" not in python("oauth2", type(place)(place.url, place.path, "GET", ()))
