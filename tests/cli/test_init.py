"""``watchword init``: all or nothing, for the owner's eyes alone, never over what is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.cli.desk import Desk, run_in
from watchword.codec.secrets import Sealer
from watchword.server.config.load import load


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_init_writes_what_the_server_needs(tmp_path: Path) -> None:
    said = run_in(tmp_path, "init", "auth")
    folder = tmp_path / "auth"
    assert said.code == 0
    assert tomllib.loads((folder / "watchword.toml").read_text())["store"]["url"] == "sqlite:///watchword.db"
    assert (folder / "watchword.db").is_file()
    name, _, key = (folder / ".env").read_text().strip().partition("=")
    assert name == "WATCHWORD_ROOT_KEY"
    Sealer(key)
    assert key not in said.out + said.err
    assert "cd auth" in said.err
    assert run_in(folder, "list").code == 0


def test_what_it_suggests_can_be_had(tmp_path: Path) -> None:
    run_in(tmp_path, "init")
    file = tmp_path / "watchword.toml"
    fixed, suggested = re.split(r"(?=^# What each place)", file.read_text(), maxsplit=1, flags=re.MULTILINE)
    file.write_text(fixed + re.sub(r"^# (?=\[|\S+ = )", "", suggested, flags=re.MULTILINE))
    settings = load(file)
    assert settings.route[0].accept == "api-key | jwt"
    assert settings.oauth.scopes["orders:read"].en == "See your orders"


def test_root_key_and_database_are_for_the_owner_alone(tmp_path: Path) -> None:
    assert run_in(tmp_path, "init").code == 0
    assert _mode(tmp_path / ".env") == 0o600
    assert _mode(tmp_path / "watchword.db") == 0o600


def test_git_takes_neither_root_key_nor_database(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.pyc")
    assert run_in(tmp_path, "init").code == 0
    assert (tmp_path / ".gitignore").read_text().splitlines() == [
        "*.pyc",
        ".env",
        "watchword.db*",
        "watchword-ephemeral.db*",
    ]


@pytest.mark.parametrize("name", ["watchword.toml", "watchword.db"])
def test_init_overwrites_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    said = run_in(tmp_path, "init")
    assert said.code == 1
    assert f"{name} exists" in said.err
    assert (tmp_path / name).read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_init_keeps_a_root_key_that_is_there(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OTHER=1\nexport WATCHWORD_ROOT_KEY=abc\n")
    said = run_in(tmp_path, "init")
    assert said.code == 1
    assert "holds a root key already" in said.err
    assert [path.name for path in tmp_path.iterdir()] == [".env"]


def test_init_adds_to_an_env_file_and_closes_it_to_others(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OTHER=1")
    (tmp_path / ".env").chmod(0o644)
    assert run_in(tmp_path, "init").code == 0
    lines = (tmp_path / ".env").read_text().splitlines()
    assert lines[0] == "OTHER=1"
    assert lines[1].startswith("WATCHWORD_ROOT_KEY=")
    assert _mode(tmp_path / ".env") == 0o600


@pytest.mark.parametrize("there", [True, False])
def test_init_gives_the_root_key_to_nobody_through_a_link(tmp_path: Path, there: bool) -> None:
    folder, theirs = tmp_path / "auth", tmp_path / "theirs"
    folder.mkdir()
    if there:
        theirs.write_text("")
    (folder / ".env").symlink_to(theirs)
    said = run_in(tmp_path, "init", "auth")
    assert said.code == 1
    assert "leads elsewhere" in said.err
    assert [path.name for path in folder.iterdir()] == [".env"]
    assert not there or theirs.read_text() == ""


def test_init_gives_the_root_key_to_no_other_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("")
    monkeypatch.setattr("os.getuid", lambda: (tmp_path / ".env").stat().st_uid + 1)
    assert run_in(tmp_path, "init").code == 1
    assert (tmp_path / ".env").read_text() == ""


def test_a_failed_init_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchword.cli.init._add_root_key", lambda *_: 1 / 0)
    said = run_in(tmp_path, "init")
    assert said.code == 3
    assert "ZeroDivisionError" in said.err
    assert list(tmp_path.iterdir()) == []


def test_init_into_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("")
    said = run_in(tmp_path, "init", "f")
    assert (said.code, said.out) == (2, "")
    assert "is not a folder" in said.err


def test_init_json_names_the_files(tmp_path: Path) -> None:
    said = run_in(tmp_path, "init", "--json")
    assert said.json == {"config": "watchword.toml", "database": "watchword.db", "root_key": ".env"}
    assert said.err == ""


def test_two_inits_have_two_root_keys(tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert run_in(tmp_path, "init", name).code == 0
    assert (tmp_path / "a" / ".env").read_text() != (tmp_path / "b" / ".env").read_text()


def test_another_root_key_does_not_open_the_database(desk: Desk, tmp_path: Path) -> None:
    assert run_in(tmp_path, "init", "other").code == 0
    (desk.folder / ".env").write_text((tmp_path / "other" / ".env").read_text())
    assert "root key does not fit" in desk.wrong("list")
