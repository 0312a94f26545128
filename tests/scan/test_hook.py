"""The hook: written once, never over somebody else's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from watchword.codec.secrets import new_secret
from watchword.scan.history import NoGit
from watchword.scan.hook import HookExists, install_hook


def test_it_is_written_where_git_looks(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "deep").mkdir()
    path = install_hook(tmp_path / "deep", "/a b/python")
    assert path == tmp_path / ".git" / "hooks" / "pre-commit"
    assert path.read_text().splitlines()[-1] == "exec '/a b/python' -P -m watchword.scan --staged"
    assert os.access(path, os.X_OK)
    assert install_hook(tmp_path, "/other/python") == path
    assert "/other/python" in path.read_text()


def test_it_runs_nothing_of_the_repository(tmp_path: Path) -> None:
    """A file of the name of a module that the scan imports lies in many a repository, and in some on purpose."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    path = install_hook(tmp_path, sys.executable)
    (tmp_path / "argparse.py").write_text("raise SystemExit(0)\n")
    (tmp_path / "a").write_text(new_secret("ak_live_"))
    subprocess.run(["git", "-C", str(tmp_path), "add", "a"], check=True)
    assert subprocess.run([str(path)], cwd=tmp_path, capture_output=True, check=False).returncode == 1


def test_a_folder_of_hooks_of_ones_own_is_respected(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    subprocess.run(["git", "-C", str(tmp_path), "config", "core.hooksPath", ".githooks"], check=True)
    assert install_hook(tmp_path, "python") == tmp_path / ".githooks" / "pre-commit"


def test_somebody_elses_stays(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    hook = tmp_path / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\n")
    with pytest.raises(HookExists):
        install_hook(tmp_path, "python")
    assert hook.read_text() == "#!/bin/sh\n"
    with pytest.raises(NoGit):
        install_hook(tmp_path.parent, "python")
