"""Secrets come from where the settings say, in one way for all, and no error quotes one."""

from __future__ import annotations

import json
import os
import sys
import time
import types
from pathlib import Path
from typing import Any

import pytest

from watchword.lifecycle.errors import LifecycleError
from watchword.server.config import sources
from watchword.server.config.sources import Source, SourceError, source_of

SECRET = "hunter2-hunter2"


def command(code: str) -> Source:
    return Source("command", command=(sys.executable, "-c", code))


def test_each_kind_gives_the_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text(f" {SECRET}\n")
    (tmp_path / ".env").write_text(f"IN_DOTENV={SECRET}\n")
    (tmp_path / "handed").mkdir()
    (tmp_path / "handed" / "mail").write_text(SECRET)
    monkeypatch.setenv("IN_ENV", SECRET)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "handed"))
    ring = types.SimpleNamespace(get_password=lambda service, name: SECRET if (service, name) == ("a/b", "c") else None)
    monkeypatch.setitem(sys.modules, "keyring", ring)
    for table in (
        {"env": "IN_ENV"},
        {"env": "IN_DOTENV"},
        {"file": "secret"},
        {"file": str(tmp_path / "secret")},
        {"command": [sys.executable, "-c", f"print({SECRET!r})"]},
        {"credential": "mail"},
        {"keyring": "a/b/c"},
    ):
        assert source_of(table).read(tmp_path) == SECRET, table
        assert source_of(json.dumps(table)).read(tmp_path) == SECRET  # as an environment twin has it


def test_the_environment_wins_over_the_dotenv_and_is_what_is_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("BOTH=file\n")
    source = Source("env", "BOTH")
    assert (source.read(tmp_path), source.files(tmp_path)) == ("file", (tmp_path / ".env",))
    monkeypatch.setenv("BOTH", "environment")
    assert (source.read(tmp_path), source.files(tmp_path)) == ("environment", ())
    assert Source("file", "x").files(tmp_path) == (tmp_path / "x",)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/c")
    assert Source("credential", "x").files(tmp_path) == (Path("/run/c/x"),)
    assert command("").files(tmp_path) == Source("keyring", "a/b").files(tmp_path) == ()
    assert [each for each in ("env", "file", "credential", "command", "keyring") if Source(each).at_once] == [
        "env",
        "file",
        "credential",
    ]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (Source("env", "UNSET"), "the variable UNSET is not set"),
        (Source("file", "missing"), "cannot read file 'missing': No such file or directory"),
        (Source("file", "."), "cannot read file '.': Is a directory"),
        (Source("file", "empty"), "file 'empty' is empty"),
        (Source("file", "bytes"), "file 'bytes' is not UTF-8"),
        (Source("file", "long"), "longer than 65536 bytes"),
        (Source("credential", "mail"), "CREDENTIALS_DIRECTORY is not set"),
        (Source("command", command=("/does/not/exist",)), "command '/does/not/exist' failed: No such file"),
        (command(f"print({SECRET!r}); raise SystemExit(3)"), "failed: exit code 3"),
        (command(f"import sys; print({SECRET!r}, file=sys.stderr); raise SystemExit({SECRET!r})"), "exit code 1"),
        (command(f"import sys; sys.stdout.buffer.write(b'\\xff{SECRET}')"), "is not UTF-8"),
        (command("pass"), "is empty"),
        (Source("command", command=("yes", SECRET)), "command 'yes' is longer than 65536 bytes"),  # for ever
        (Source("env", "BYTES"), "env 'BYTES' is not UTF-8"),
        (Source("file", "pipe"), "file 'pipe' is empty"),  # that nobody writes to
        (Source("file", "/dev/zero"), "file '/dev/zero' is longer than 65536 bytes"),
    ],
)
def test_what_cannot_be_had_is_said_and_never_quoted(
    source: Source, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "bytes").write_bytes(b"\xff" + SECRET.encode())
    (tmp_path / "long").write_text(SECRET * 10000)
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setitem(os.environ, "BYTES", f"{SECRET}\udcff")
    with pytest.raises(SourceError) as caught:
        source.read(tmp_path)
    assert said in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_dot_env_gives_what_is_written_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("MAIL='x${HOME}$y'\n")
    assert Source("env", "MAIL").read(tmp_path) == "x${HOME}$y"

    def locked(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied", SECRET)

    monkeypatch.setattr("dotenv.dotenv_values", locked)
    with pytest.raises(SourceError, match=r"^cannot read \.env: Permission denied$"):
        Source("env", "MAIL").read(tmp_path)


def test_a_command_that_leaves_something_running_is_not_waited_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "SECONDS", 0.2)
    with pytest.raises(SourceError, match="took longer"):
        Source("command", command=("/bin/sh", "-c", "echo secret; sleep 60 &")).read(tmp_path)


def test_a_command_that_hangs_is_ended_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, began = tmp_path / "pid", time.monotonic()
    ending = Source("command", command=("/bin/sh", "-c", "sleep 60 & echo $! > pid; wait"))
    monkeypatch.setattr(sources, "SECONDS", 0.2)
    with pytest.raises(SourceError, match="took longer"):
        ending.read(tmp_path)
    assert time.monotonic() - began < 10
    child = int(left.read_text())
    end = time.monotonic() + 10
    while time.monotonic() < end and _runs(child):
        time.sleep(0.01)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_a_keyring_that_asks_somebody_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "SECONDS", 0.05)
    ring: Any = types.SimpleNamespace(get_password=lambda *_: time.sleep(0.3))
    monkeypatch.setitem(sys.modules, "keyring", ring)
    with pytest.raises(SourceError, match="took longer"):
        Source("keyring", "a/b").read(tmp_path)

    def locked(*_: str) -> None:
        raise RuntimeError(SECRET)

    ring.get_password = locked
    monkeypatch.setattr(sources, "SECONDS", 5.0)
    with pytest.raises(SourceError, match="RuntimeError") as caught:
        Source("keyring", "a/b").read(tmp_path)
    assert SECRET not in str(caught.value)
    ring.get_password = lambda *_: None
    with pytest.raises(SourceError, match="no such entry"):
        Source("keyring", "a/b").read(tmp_path)
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(SourceError, match=r"install watchword\[keyring\]"):
        Source("keyring", "a/b").read(tmp_path)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (SECRET, "a secret is not written here"),
        (7, "a secret is not written here"),
        ({}, "one source"),
        ({"env": "A", "file": "b"}, "one source"),
        ({"vault": SECRET}, "one source"),
        ({"file": ""}, "names a place"),
        ({"file": 7}, "names a place"),
        ({"command": "vault read"}, "list of words"),
        ({"command": []}, "list of words"),
        ({"env": SECRET}, "not the name of an environment variable"),
        ({"credential": "../etc/passwd"}, "not the name of a credential"),
        ({"credential": ".."}, "not the name of a credential"),
        ({"keyring": "alone"}, "service/name"),
    ],
)
def test_what_is_no_source_is_refused_without_being_quoted(value: object, said: str) -> None:
    with pytest.raises(LifecycleError) as caught:
        source_of(value)
    assert said in str(caught.value)
    assert SECRET not in str(caught.value) + caught.value.hint
    assert caught.value.hint


def test_a_source_is_shown_by_its_place_alone() -> None:
    assert str(Source("command", command=("vault", "--token", SECRET))) == "command 'vault'"
    assert source_of(Source("env", "A")) == Source("env", "A")
    assert str(Source("file", "secret.txt")) == "file 'secret.txt'"
