"""``python -m watchword.scan``: with the plain library alone, and fast."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from watchword.codec.secrets import new_secret
from watchword.scan.__main__ import main


def test_exit_codes_and_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = new_secret("ak_live_")
    assert main([str(tmp_path)]) == 0
    (tmp_path / "a\x1b[31m").write_text(text)
    assert main([str(tmp_path), "--sarif", str(tmp_path / "out")]) == 1
    said = capsys.readouterr()
    assert "\x1b" not in said.out
    assert "API key ak_live_\u2026" in said.out
    assert text not in said.out + said.err + (tmp_path / "out").read_text()
    assert main([str(tmp_path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["kind"] == "api-key"
    assert main([str(tmp_path / "nowhere")]) == 2
    assert main(["--staged", "/"]) == 2


def test_it_needs_neither_server_nor_command_line(tmp_path: Path) -> None:
    """What the extras bring is not imported, nor anything that takes long."""
    code = (
        "import sys, watchword.scan.__main__ as scan; scan.main([sys.argv[1]]); "
        "print(sorted({'typer','pydantic','sqlalchemy','joserfc','starlette','asyncio','httpx2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_published_hook_refuses_a_secret_and_runs_nothing_of_the_repository(tmp_path: Path) -> None:
    """What .pre-commit-hooks.yaml says is run as pre-commit runs it: in the repository, by the hook's own Python."""
    published = Path(__file__).resolve().parents[2] / ".pre-commit-hooks.yaml"
    [entry] = re.findall(r"^ +entry: (.+)$", published.read_text(), re.MULTILINE)
    python, *words = entry.split()
    assert python == "python"
    (tmp_path / "watchword").mkdir()
    (tmp_path / "watchword" / "__init__.py").write_text("raise SystemExit(0)")
    (tmp_path / "deploy.sh").write_text(f"KEY={new_secret('ak_live_')}")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    subprocess.run(["git", "-C", tmp_path, "add", "."], check=True)
    done = subprocess.run([sys.executable, *words], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, "deploy.sh:1" in done.stdout) == (1, True), done
    subprocess.run(["git", "-C", tmp_path, "rm", "-q", "--cached", "deploy.sh"], check=True)
    assert subprocess.run([sys.executable, *words], cwd=tmp_path).returncode == 0
