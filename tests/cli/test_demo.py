"""``watchword demo``: the verb, run as people run it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.cli.desk import Desk
from watchword.demo.twins import SCRIPTS

pytestmark = pytest.mark.processes

VERDICT = re.compile(r"(accepted|refused) +(\S+) +(\d{3}|tls) +(\S+)  +(\S.*)")


def _started(*words: str, folder: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": str(folder)}
    command = [sys.executable, "-m", "watchword", "demo", *words]
    return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_check_is_right_about_every_scheme(tmp_path: Path) -> None:
    begun = time.monotonic()
    process = _started("--check", folder=tmp_path)
    out, err = process.communicate(timeout=90)
    assert process.returncode == 0, (out, err)
    assert time.monotonic() - begun < 60  # on a busy machine; alone it takes a few seconds
    *verdicts, blank, count = out.splitlines()
    assert blank == ""
    matches = [VERDICT.fullmatch(line) for line in verdicts]
    assert None not in matches
    refused = Counter(match[2] for match in matches if match and match[1] == "refused")
    accepted = Counter(match[2] for match in matches if match and match[1] == "accepted")
    assert set(refused) == set(accepted) == set(SCRIPTS)
    assert min(refused.values()) >= 4
    assert refused.total() >= 28
    assert f"{refused.total()} refused; every one is right" in count
    assert "\x1b" not in out + err
    assert "alert" not in err
    assert list(tmp_path.iterdir()) == []


def test_check_as_json_is_one_object_a_line(tmp_path: Path) -> None:
    process = _started("--check", "--json", folder=tmp_path)
    out, err = process.communicate(timeout=90)
    assert process.returncode == 0, (out, err)
    values = [json.loads(line) for line in out.splitlines()]
    assert all(value["right"] for value in values)
    assert {"verdict", "scheme", "status", "reason", "what"} <= set(values[0])
    assert {value["reason"] for value in values if value["verdict"] == "accepted"} == {""}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_told_and_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    process = _started("--listen", "127.0.0.1:0", folder=tmp_path)
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if line.startswith("serving "):
            break
    match = re.search(r"serving https://127\.0\.0\.1:(\d+) until Ctrl-C", said)
    assert match is not None, said
    socket.create_connection(("127.0.0.1", int(match[1])), 5).close()
    assert len(list(tmp_path.iterdir())) == 1
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []
    assert [scheme for scheme in SCRIPTS if f"\n# {scheme}: " not in out] == []


def test_wrong_use_is_told(desk: Desk) -> None:
    assert "is not HOST:PORT" in desk.wrong("demo", "--listen", "nonsense")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        assert "in use" in desk.wrong("demo", "--listen", place, code=3)
