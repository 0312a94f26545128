"""``watchword audit``: what happened, and proof that nothing was changed."""

from __future__ import annotations

import fcntl
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.desk import Desk
from watchword.cli import audit as verb
from watchword.cli.plumbing import evidence
from watchword.model.records import Event

pytestmark = pytest.mark.filterwarnings("error")


def test_audit_is_oldest_first_and_keeps_the_newest(desk: Desk) -> None:
    ids = [desk.issued("api-key", "service:billing")["id"] for _ in range(3)]
    events = desk.done("audit", "--json", "--limit", "2").lines
    assert [each["credential"] for each in events] == ids[1:]
    assert events[0]["position"] < events[1]["position"]


def test_since_leaves_out_what_is_older(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert desk.done("audit", "--since", "1h", "--json").lines
    now = time.time()
    monkeypatch.setattr(verb.time, "time", lambda: now + 7200)
    assert desk.done("audit", "--since", "1h", "--json").lines == []


def test_verify_finds_a_whole_log_whole(desk: Desk) -> None:
    said = desk.done("audit", "--verify", "--json").json
    assert (said["intact"], said["flaws"], said["unsigned"]) == (True, [], 0)
    assert said["checkpoints"]["hold"] == said["checkpoints"]["count"] > 0


def test_verify_exits_1_when_an_event_was_edited(desk: Desk) -> None:
    desk.issued("api-key", "service:billing")
    connection = sqlite3.connect(desk.folder / "watchword.db")
    changed = connection.execute("UPDATE audit SET events = replace(events, 'service:billing', 'service:forged')")
    assert changed.rowcount > 0
    connection.commit()
    connection.close()
    said = desk.run("audit", "--verify")
    assert said.code == 1
    assert "was altered" in said.out
    value = desk.run("audit", "--verify", "--json").json
    assert value["intact"] is False
    assert value["flaws"]


def test_a_reference_finds_its_decision_or_exits_1(desk: Desk) -> None:
    assert desk.run("audit", "--reference", "0123456789abcdef").code == 1


def test_filters_leave_what_is_asked_for(desk: Desk) -> None:
    id = desk.issued("api-key", "service:billing")["id"]
    desk.issued("api-key", "service:billing")
    desk.done("revoke", id, "--reason", "left")
    about = desk.done("audit", "--json", "--credential", id).lines
    assert [each["action"] for each in about] == ["issue", "revoke"]
    assert {each["action"] for each in desk.done("audit", "--json", "--action", "revoke").lines} == {"revoke"}
    of = desk.done("audit", "--json", "--subject", "user:alice").lines
    assert of
    assert {"user:alice"} >= {each["subject"] for each in of}
    assert desk.done("audit", "--json", "--outcome", "refused").lines == []
    assert desk.done("audit", "--json", "--reason", "expired").lines == []


def test_a_checkpoint_that_was_kept_elsewhere_proves_the_log(desk: Desk, tmp_path: Path) -> None:
    desk.issued("api-key", "service:billing")
    kept = tmp_path / "kept.jsonl"
    kept.write_text(desk.done("audit", "--checkpoint", "--json").out)
    value = json.loads(kept.read_text())
    assert value["key"]["crv"] == "Ed25519"
    assert "d" not in value["key"]
    assert desk.done("audit", "--verify", "--against", str(kept)).out.startswith("the audit log is whole")
    connection = sqlite3.connect(desk.folder / "watchword.db")
    connection.execute("DELETE FROM checkpoint")
    connection.commit()
    connection.close()
    said = desk.run("audit", "--verify", "--against", str(kept), "--json")
    assert said.code == 1
    assert said.json["flaws"][-1]["problem"] == "is not the one that was kept elsewhere"


def test_an_export_goes_on_where_it_was_left(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    first = desk.done("audit", "--export", str(file), "--json").json["exported"]
    assert first > 0
    assert oct(file.stat().st_mode)[-3:] == "600"
    assert desk.done("audit", "--export", str(file), "--json").json["exported"] == 0
    desk.issued("api-key", "service:billing")
    with file.open("a") as end:
        end.write('{"position": 99999999999, "at')  # as a crash would leave it
    assert desk.done("audit", "--export", str(file), "--json").json["exported"] == 1
    printed = desk.done("audit", "--export", "-").out
    assert file.read_text() == printed
    positions = [json.loads(line)["position"] for line in printed.splitlines()]
    assert positions == sorted(set(positions))


def test_an_export_of_another_log_is_not_gone_on_with(desk: Desk, tmp_path: Path) -> None:
    """Nor that of a database that was put back to what it was: its new events have old positions."""
    file = tmp_path / "audit.jsonl"
    file.write_text('{"position": 99999900000, "at": 1.0}\n')
    said = desk.run("audit", "--export", str(file))
    assert said.code == 1
    assert "ends behind the end of the log" in said.err
    assert len(file.read_text().splitlines()) == 1


def test_two_exports_do_not_write_one_file_at_once(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    with file.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "somebody is writing" in desk.run("audit", "--export", str(file)).err
    assert desk.done("audit", "--export", str(file), "--json").json["exported"] > 0


def test_an_export_does_not_touch_another_file(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear Ada,\nall is well.\n")
    assert "something else" in desk.wrong("audit", "--export", str(file))
    assert file.read_text() == "Dear Ada,\nall is well.\n"
    file.write_text("no line at all")
    assert "something else" in desk.wrong("audit", "--export", str(file))
    assert file.read_text() == "no line at all"


def test_on_a_terminal_what_takes_long_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(evidence, "_TOLD", 0.001)
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with evidence._taking_time("reading the log"):
        while "reading the log: 0 s" not in terminal.getvalue():
            time.sleep(0.001)
    assert terminal.getvalue().endswith("\r\x1b[K")
    monkeypatch.setattr(sys, "stderr", file := io.StringIO())
    with evidence._taking_time("reading the log"):
        pass
    assert file.getvalue() == ""


def test_refusals_show_their_reason() -> None:
    event = Event(0.0, "decide", "refused", reason="bad_signature", method="GET", path="/x", scheme="hmac")
    assert verb._outcome(event) == "refused: bad_signature"
    assert verb._what(event) == "GET /x"


def test_hostile_paths_cannot_move_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    from watchword.cli.plumbing.shell import Asked

    event = Event(0.0, "decide", "refused", reason="no_route", method="GET", path="/\x1b[2J\r\nforged line", scheme="")
    verb._print(Asked(), [(1, event)])
    verb._print_line(Asked(), 1, event)
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\r" not in out
    assert out.count("\n") == 3


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--since", "1x"), "--since: unknown unit"),
        (("--verify", "--follow"), "exclude each other"),
        (("--limit", "x"), "--limit"),
        (("--checkpoint", "--export", "-"), "exclude each other"),
        (("--against", "x"), "--against goes with --verify"),
        (("--verify", "--against", "missing"), "cannot be read"),
        (("--outcome", "acepted"), "did you mean accepted?"),
        (("--reason", "wrong-secret"), "did you mean wrong_secret?"),
        (("--export", "/nowhere/x"), "--export"),
    ],
)
def test_mistakes(desk: Desk, words: tuple[str, ...], what: str) -> None:
    assert what in desk.wrong("audit", *words)


@pytest.mark.processes
def test_follow_prints_what_comes_and_ctrl_c_ends_it_quietly(desk: Desk) -> None:
    command = [sys.executable, "-m", "watchword", "audit", "--follow", "--json", "--limit", "1"]
    process: Any = subprocess.Popen(
        command, cwd=desk.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ.copy()
    )
    try:
        assert '"add"' in process.stdout.readline()
        id = desk.issued("api-key", "service:billing")["id"]
        assert id in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 130
    assert err == ""


def test_a_narrow_terminal_gets_lines_that_fold_and_lose_nothing(
    desk: Desk, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from watchword.cli.plumbing.shell import Asked

    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    event = Event(0.0, "decide", "refused", "wrong_secret", "0011223344556677", "basic", path="/orders", method="GET")
    verb._print(Asked(), [(1, event)])
    [line] = capsys.readouterr().out.splitlines()
    assert all(part in line for part in ("refused: wrong_secret", "GET /orders", "basic", "0011223344556677"))
