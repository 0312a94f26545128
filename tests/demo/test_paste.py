"""Every line that is printed works when pasted elsewhere, and keeps working."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from watchword.demo.courier import Courier
from watchword.demo.paste import lines, program
from watchword.demo.stage import Stage
from watchword.demo.trial import examples

PROVED = ("api-key", "basic", "jwt", "oauth2", "hmac", "mtls", "session", "mtls & hmac")


@pytest.mark.processes
def test_lines_work_when_pasted_twice(stage: Stage, courier: Courier, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed, so no line of it was tried")
    honest = [pair[0] for pair in examples(stage, courier)]
    found = lines(stage, honest)
    assert [line.scheme for line in found[:8]] == list(PROVED)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WATCHWORD_")}
    for line in [*found, *found[:8]]:
        assert "\n" not in line.text
        done = subprocess.run(
            ["sh", "-c", line.text], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, (line.text, done.stderr)
        if line in found[:8]:
            assert json.loads(done.stdout).get("by") == line.scheme, line.text
    assert "access_token" in json.loads(_output(found[8].text, tmp_path))


def _output(text: str, folder: Path) -> str:
    return subprocess.run(["sh", "-c", text], cwd=folder, capture_output=True, text=True, check=True, timeout=60).stdout


def test_the_program_is_named_so_that_any_folder_will_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = tmp_path / "bin" / "watchword"
    own.parent.mkdir()
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(own)])
    monkeypatch.setenv("PATH", "/nowhere")
    assert program() == str(own)
    monkeypatch.setenv("PATH", str(own.parent))
    assert program() == "watchword"
    other = tmp_path / "other" / "watchword"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(other.parent))
    assert program() == str(own)
    monkeypatch.setattr(sys, "argv", ["-m"])
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert program() == f"{tmp_path / 'python'} -m watchword"


@pytest.mark.parametrize("name", ["api-key", "jwt", "oauth2", "session", "billing.secret"])
def test_files_of_secrets_are_their_owners_alone(stage: Stage, courier: Courier, name: str) -> None:
    if not (stage.folder / name).exists():
        lines(stage, [pair[0] for pair in examples(stage, courier)])
    assert (stage.folder / name).stat().st_mode & 0o077 == 0
