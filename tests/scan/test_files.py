"""Walking: nothing is followed, nothing blocks, what cannot be read is said."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from watchword.codec.secrets import new_secret
from watchword.scan.allowed import Allowed
from watchword.scan.files import files
from watchword.scan.finding import Finding, Unread
from watchword.scan.look import Look

TEXT = new_secret("ak_live_")


def seen(root: Path, *ignored: str) -> tuple[list[str], list[Unread]]:
    found = list(files(root, Look(), Allowed.of(ignored)))
    return [each.path for each in found if isinstance(each, Finding)], [
        each for each in found if isinstance(each, Unread)
    ]


def test_folders_are_read_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b/c", "a", "b/a", ".hidden/x", "z"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(TEXT)
    paths, unread = seen(tmp_path)
    assert paths == [f"{tmp_path}/{name}" for name in ("a", "z", ".hidden/x", "b/a", "b/c")]
    assert unread == []
    monkeypatch.chdir(tmp_path)
    assert seen(Path(), "b/", "z")[0] == ["a", ".hidden/x"]
    assert seen(Path("b"))[0] == ["b/a", "b/c"]
    assert seen(Path("b/c"))[0] == ["b/c"]


def test_nothing_is_followed_and_nothing_blocks(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").write_text(TEXT)
    (tmp_path / "in" / "link").symlink_to(tmp_path / "out")
    (tmp_path / "in" / "round").symlink_to(tmp_path / "in")
    os.mkfifo(tmp_path / "in" / "pipe")
    assert seen(tmp_path / "in") == ([], [])
    assert seen(tmp_path / "in" / "pipe") == ([], [])


@contextmanager
def _bound_by_modes() -> Iterator[None]:
    """Be somebody whom modes bind: root reads everything, so it is nobody for as long."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65_534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_what_cannot_be_read_is_said() -> None:
    with TemporaryDirectory() as folder:  # pytest's own are closed to others as a whole
        closed = Path(folder, "a")
        closed.write_text(TEXT)
        assert seen(Path(folder))[0] == [str(closed)]
        Path(folder).chmod(0o755)
        closed.chmod(0)
        with _bound_by_modes():
            _, (unread,) = seen(Path(folder))
    assert (unread.path, unread.refused) == (str(closed), True)


def test_what_is_gone_is_said(tmp_path: Path) -> None:
    _, (unread,) = seen(tmp_path / "nowhere")
    assert "No such file" in unread.why


def test_the_objects_of_git_are_not_read_as_files(tmp_path: Path) -> None:
    for name in (".git/objects/aa/bb", ".git/config", "objects/a"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(TEXT)
    assert [path.removeprefix(f"{tmp_path}/") for path in seen(tmp_path)[0]] == [".git/config", "objects/a"]


def test_a_private_env_is_where_secrets_belong(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text(TEXT)
    env.chmod(0o600)
    assert seen(tmp_path)[0] == []
    assert seen(env)[0] == [str(env)]
    env.chmod(0o640)
    assert seen(tmp_path)[0] == [str(env)]


def test_names_that_are_no_text_are_read(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff\n\x1b[31m"
    with open(name, "w") as file:
        file.write(TEXT)
    (path,), _ = seen(tmp_path)
    assert os.fsencode(path) == name
