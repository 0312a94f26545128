"""``watchword lint``, and how ``watchword serve`` heeds it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.desk import Desk
from watchword.lint import RULES

PLAIN = "\n[passwords]\nplaintext = true\n"
EVERYWHERE = ("127.0.0.1:8000", "0.0.0.0:8000")


def settle(desk: Desk, *pairs: tuple[str, str], more: str = "") -> None:
    path = desk.folder / "watchword.toml"
    text = path.read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text + more)


def line_of(desk: Desk, part: str) -> int:
    lines = (desk.folder / "watchword.toml").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if part in line)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return what the server was started with; it is not."""
    taken: list[Any] = []
    monkeypatch.setattr("watchword.server.serve.serve", lambda *given: taken.append(given))
    return taken


def test_what_init_writes_has_neither_errors_nor_warnings(desk: Desk) -> None:
    said = desk.done("lint")
    assert " error " not in said.out
    assert " warning " not in said.out
    assert desk.run("lint", "--strict").code == 1  # notes are counted then
    assert desk.done("lint", "--store").code == 0


def test_a_finding_has_place_severity_rule_reason_and_fix(desk: Desk) -> None:
    settle(desk, EVERYWHERE, more=PLAIN)
    said = desk.run("lint")
    assert said.code == 1
    where = f"watchword.toml:{line_of(desk, 'plaintext')}"
    first = said.out[said.out.index(f"{where}: error WW201") :].splitlines()
    assert first[0] == f"{where}: error WW201: passwords are accepted without TLS"
    assert first[1].startswith("  why  Everybody between")
    assert first[2].startswith("  fix  remove plaintext = true")
    assert said.err.startswith("3 errors, ")


def test_programs_read_one_object_a_line(desk: Desk) -> None:
    settle(desk, EVERYWHERE)
    said = desk.run("lint", "--json")
    assert said.code == 1
    found = next(each for each in said.lines if each["rule"] == "WW202")
    assert (found["severity"], found["file"], found["line"]) == ("error", "watchword.toml", line_of(desk, "listen"))
    assert (found["key"], found["fix"].splitlines()[0]) == ("server.listen", "[server.tls]")


def test_rules_can_be_passed_over(desk: Desk) -> None:
    settle(desk, EVERYWHERE)
    said = desk.run("lint", "--allow", "ww202", "--allow", "WW502,WW114", "--allow", "WW904, WW909")
    assert (said.code, "WW202" in said.out) == (0, False)
    assert "allowed" in said.err
    assert "there is no rule 'WW777'" in desk.wrong("lint", "--allow", "WW777")


def test_the_environment_is_the_place_of_what_it_says(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHWORD_TOKENS__ACCESS", "12h")
    said = desk.run("lint")
    assert "WATCHWORD_TOKENS__ACCESS: warning WW301: access tokens live 12h" in said.out


def test_what_is_issued_is_looked_at_with_store(desk: Desk) -> None:
    issued = desk.issued("api-key", "service:billing")
    assert desk.done("lint").code == 0
    said = desk.run("lint", "--store")
    assert said.code == 1
    assert f"{issued['id']}: warning WW801: api-key of service:billing: it never ends" in said.out


def test_who_only_looks_makes_no_database(desk: Desk) -> None:
    for path in desk.folder.glob("watchword.db*"):
        path.unlink()
    assert "there is no database" in desk.wrong("lint", "--store")
    assert list(desk.folder.glob("watchword.db*")) == []


def test_an_unusable_configuration_is_told_as_findings(desk: Desk) -> None:
    settle(desk, ("listen =", "lisen ="))
    said = desk.run("lint", "--json")
    assert said.code == 2
    [found] = said.lines
    assert (found["rule"], found["line"], found["fix"]) == ("WW001", 8, "did you mean listen?")
    assert "no configuration" in Desk(desk.folder.parent).wrong("lint")


def test_sarif_is_what_code_hosts_read(desk: Desk) -> None:
    settle(desk, EVERYWHERE)
    issued = desk.issued("api-key", "service:billing")
    said = desk.run("lint", "--store", "--sarif", "lint.sarif")
    assert said.code == 1
    log = json.loads((desk.folder / "lint.sarif").read_text())
    [run] = log["runs"]
    assert [each["id"] for each in run["tool"]["driver"]["rules"]] == list(RULES)
    found = {each["ruleId"]: each for each in run["results"]}
    place = found["WW202"]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "watchword.toml"
    assert place["region"]["startLine"] == line_of(desk, "listen")
    assert found["WW202"]["level"] == "error"
    # What is issued has no line: it is told of the file, so that hosts show it at all.
    assert issued["id"] in found["WW801"]["message"]["text"]
    assert found["WW801"]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "watchword.toml"
    prints = [each["partialFingerprints"]["watchword/v1"] for each in run["results"]]
    assert len(set(prints)) == len(prints)
    assert json.loads(desk.run("lint", "--sarif", "-").out)["version"] == "2.1.0"
    assert "--sarif" in desk.run("lint", "--sarif", "no/such/folder/x").err


def test_a_fingerprint_stays_when_lines_move(desk: Desk) -> None:
    settle(desk, EVERYWHERE)

    def prints() -> set[str]:
        log = json.loads(desk.run("lint", "--sarif", "-").out)
        return {each["partialFingerprints"]["watchword/v1"] for each in log["runs"][0]["results"]}

    before = prints()
    settle(desk, ("[server]", "# one more line\n\n[server]"))
    assert prints() == before


def test_all_rules_are_shown(desk: Desk) -> None:
    assert [each["rule"] for each in desk.done("lint", "--rules", "--json").lines] == list(RULES)
    assert "WW201" in Desk(desk.folder.parent).done("lint", "--rules").out  # no configuration is needed


def test_serve_refuses_errors_by_rule_line_and_fix(desk: Desk, started: list[Any]) -> None:
    settle(desk, EVERYWHERE, more=PLAIN)
    said = desk.wrong("serve", code=1)
    assert started == []
    assert "the configuration is dangerous" in said
    assert f"watchword.toml:{line_of(desk, 'listen')}: error WW202" in said
    assert "fix: remove plaintext = true" in said
    for name in ("WW201", "WW202", "WW207"):
        assert f"--allow {name}" in said
    assert "warning" not in said


def test_serve_refuses_what_listen_makes_of_it(desk: Desk, started: list[Any]) -> None:
    assert "WW202" in desk.wrong("serve", "--listen", "0.0.0.0:0", code=1)
    settle(desk, EVERYWHERE)
    desk.done("serve", "--listen", "127.0.0.1:0")
    assert len(started) == 1


def test_what_serve_is_allowed_is_in_the_audit(desk: Desk, started: list[Any]) -> None:
    settle(desk, EVERYWHERE)
    desk.done("serve", "--allow", "WW202")
    assert len(started) == 1
    [event] = [each for each in desk.done("audit", "--json").lines if each["action"] == "allow"]
    assert event["actor"].startswith("cli:")
    assert event["detail"].startswith(f"WW202 at watchword.toml, line {line_of(desk, 'listen')}: ")
    assert event["detail"].endswith("(by --allow WW202)")
    assert "whole" in desk.done("audit", "--verify").out


def test_what_the_file_allows_is_in_the_audit_too(desk: Desk, started: list[Any]) -> None:
    settle(desk, EVERYWHERE, ('0.0.0.0:8000"', '0.0.0.0:8000"  # lint: allow WW202 a container of its own'))
    desk.done("serve")
    [event] = [each for each in desk.done("audit", "--json").lines if each["action"] == "allow"]
    assert event["detail"].endswith(f"(by watchword.toml, line {line_of(desk, 'listen')})")


def test_serve_leaves_no_trace_where_nothing_was_allowed(desk: Desk, started: list[Any]) -> None:
    desk.done("serve", "--allow", "WW202")
    assert [each for each in desk.done("audit", "--json").lines if each["action"] == "allow"] == []


def test_serve_counts_warnings(desk: Desk, started: list[Any]) -> None:
    settle(desk, more='\n[tokens]\naccess = "2h"\n')
    assert "1 warning about the configuration: `watchword lint` tells" in desk.done("serve").err


def test_a_message_moves_no_cursor(desk: Desk, tmp_path: Path) -> None:
    settle(desk, more='\n[[route]]\npath = "/\\u001b[2J/:id"\naccept = "jwt"\n')
    said = desk.run("lint")
    assert "WW116" in said.out
    assert "\x1b" not in said.out + said.err
