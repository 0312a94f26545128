"""Who may read or write a file, and whether git has it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from watchword.lint.files import handed_over, readable_by_others, tracked, writable_by_others


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Return a folder that others get to: those of tests are closed."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("mode", "reads", "writes"),
    [(0o600, False, False), (0o640, False, False), (0o644, True, False), (0o602, False, True)],
)
def test_modes(mode: int, reads: bool, writes: bool, open_folder: Path) -> None:
    path = open_folder / "key"
    path.write_text("x")
    path.chmod(mode)
    assert (readable_by_others(path), writable_by_others(path)) == (reads, writes)


def test_a_closed_folder_keeps_others_out(open_folder: Path) -> None:
    inner = open_folder / "inner"
    inner.mkdir(mode=0o755)
    path = inner / "key"
    path.write_text("x")
    path.chmod(0o666)
    assert readable_by_others(path)
    open_folder.chmod(0o700)
    assert not readable_by_others(path)
    assert not writable_by_others(path)


def test_what_a_link_leads_to_counts(open_folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "key"  # in a folder that is closed
    secret.write_text("x")
    secret.chmod(0o644)
    (open_folder / "key").symlink_to(secret)
    assert not readable_by_others(open_folder / "key")


def test_what_an_orchestrator_hands_over(tmp_path: Path) -> None:
    assert handed_over(Path("/run/secrets/root_key"))
    assert not handed_over(Path("/run/secrets-of-mine/root_key"))
    assert not handed_over(tmp_path / "root_key")
    (tmp_path / "..data").mkdir()
    assert handed_over(tmp_path / "root_key")
    assert not handed_over(Path("\0"))


def test_modes_say_nothing_on_windows(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = open_folder / "key"
    path.write_text("x")
    path.chmod(0o666)
    assert readable_by_others(path)
    monkeypatch.setattr("watchword.lint.files.os.name", "nt")
    assert not readable_by_others(path)


def test_what_is_not_there_is_nobodys(tmp_path: Path) -> None:
    path = tmp_path / "nothing"
    assert not readable_by_others(path)
    assert not writable_by_others(path)
    assert not tracked(path)


def test_git_has_what_was_added_and_nothing_else(tmp_path: Path) -> None:
    for name in (".env", "my.env", "deep/.env", "root.key"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    git(tmp_path, "init", "-q")
    assert not tracked(tmp_path / ".env")
    git(tmp_path, "add", "my.env", "deep/.env")
    assert tracked(tmp_path / "my.env")
    assert tracked(tmp_path / "deep/.env")
    assert not tracked(tmp_path / ".env")  # the end of another name is not this one
    assert not tracked(tmp_path / "root.key")
    git(tmp_path, "add", ".env")
    git(tmp_path, "rm", "-q", "--cached", "my.env")
    assert tracked(tmp_path / ".env")
    assert not tracked(tmp_path / "my.env")


def test_marks_of_an_entry_hide_nothing(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    for name, mark in (("root.key", "--assume-unchanged"), (".env", "--skip-worktree")):
        (tmp_path / name).write_text("x")
        git(tmp_path, "add", name)
        git(tmp_path, "update-index", mark, name)  # the latter makes an entry of another form
        assert tracked(tmp_path / name)
        assert not tracked(tmp_path / name[1:])


def test_a_second_working_tree_has_an_index_of_its_own(tmp_path: Path) -> None:
    main, other = tmp_path / "main", tmp_path / "other"
    main.mkdir()
    (main / "root.key").write_text("x")
    git(main, "init", "-q")
    git(main, "add", "root.key")
    git(main, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "x")
    git(main, "worktree", "add", "-q", str(other))
    assert tracked(other / "root.key")
    git(other, "rm", "-q", "--cached", "root.key")
    assert not tracked(other / "root.key")
    assert tracked(main / "root.key")


def test_an_index_that_is_none_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "index").write_bytes(b"\x00\x04.env\x00")
    assert not tracked(tmp_path / ".env")
