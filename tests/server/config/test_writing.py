"""A secret is written where it is read from: as a whole, for its owner, with all else left alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from watchword.server.config.sources import Source, SourceError
from watchword.server.config.writing import writable, write_secret

ENV = "# ours\nOTHER='a b'\nexport ROOT=old  # of before\nROOTS=mine\n\nLAST=x"


def test_a_variable_of_the_dotenv_is_changed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(ENV)
    source = Source("env", "ROOT")
    assert write_secret(source, tmp_path, "new,old") == tmp_path / ".env"
    assert (tmp_path / ".env").read_text() == ENV.replace("old  # of before", "new,old")
    assert source.read(tmp_path) == "new,old"
    write_secret(Source("env", "MORE"), tmp_path, "more")
    assert Source("env", "MORE").read(tmp_path) == "more"
    assert Source("env", "LAST").read(tmp_path) == "x"
    with pytest.raises(SourceError, match="cannot hold this"):
        write_secret(source, tmp_path, "a b")


def test_a_file_is_replaced_for_its_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    os.chmod(tmp_path / "real", 0o640)
    (tmp_path / "link").symlink_to("real")
    assert write_secret(Source("file", "link"), tmp_path, "new") == tmp_path / "real"
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new\n"
    assert stat.S_IMODE((tmp_path / "real").stat().st_mode) == 0o640
    os.chmod(tmp_path / "real", 0o644)
    write_secret(Source("file", "real"), tmp_path, "again")
    assert stat.S_IMODE((tmp_path / "real").stat().st_mode) == 0o640  # not for everybody, whatever it was
    assert sorted(os.listdir(tmp_path)) == ["link", "real"]


def test_what_others_keep_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IN_ENV", "x")
    (tmp_path / ".env").write_text("")
    for source in (Source("env", "IN_ENV"), Source("command", command=("x",)), Source("credential", "x")):
        assert not writable(source, tmp_path)
        with pytest.raises(SourceError, match="cannot be written from here"):
            write_secret(source, tmp_path, "hunter2")
    assert writable(Source("env", "NOT_IN_ENV"), tmp_path)
    assert not writable(Source("env", "NOT_IN_ENV"), tmp_path / "elsewhere")


def test_a_failure_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("watchword.server.config.writing.os.fsync", full)
    with pytest.raises(SourceError, match="cannot write file 'key': No space left on device") as caught:
        write_secret(Source("file", "key"), tmp_path, "hunter2")
    assert "hunter2" not in str(caught.value)
    assert (tmp_path / "key").read_text() == "old"
    assert os.listdir(tmp_path) == ["key"]


def test_what_a_killed_run_left_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("old")
    (tmp_path / "key.new").write_text("half")
    write_secret(Source("file", "key"), tmp_path, "new")
    assert (tmp_path / "key").read_text() == "new\n"
    assert os.listdir(tmp_path) == ["key"]
