"""The command line as a process: exit codes, help, speed; never a traceback."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.desk import Desk, run_in
from watchword import __version__
from watchword.cli import main
from watchword.cli.plumbing.shell import Stop


def _process(folder: Path, *words: str, **options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "watchword", *words]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=60, env={**os.environ, **options}
    )


def test_version(tmp_path: Path) -> None:
    assert run_in(tmp_path, "--version").out == f"watchword {__version__}\n"


def test_no_verb_shows_the_help_on_stderr(tmp_path: Path) -> None:
    said = run_in(tmp_path)
    assert (said.code, said.out) == (2, "")
    assert "Credentials, all kinds alike" in said.err


@pytest.mark.parametrize(
    ("word", "near"), [("isue", "issue"), ("ls", "list"), ("create", "issue"), ("AUDIT", "audit"), ("delete", "revoke")]
)
def test_an_unknown_verb_names_the_nearest(tmp_path: Path, word: str, near: str) -> None:
    said = run_in(tmp_path, word)
    assert said.code == 2
    assert f"did you mean `watchword {near}`?" in said.err


def test_a_verb_like_no_other_lists_them(tmp_path: Path) -> None:
    assert "one of: init, serve" in run_in(tmp_path, "zzzzzz").err


def test_common_options_go_before_and_after_the_verb(desk: Desk, tmp_path: Path) -> None:
    config = str(desk.folder / "watchword.toml")
    before = run_in(tmp_path, "--config", config, "--json", "user", "list")
    after = run_in(tmp_path, "user", "list", "--json", "--config", config)
    assert before.lines == after.lines != []


def test_config_may_be_named_by_the_environment(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHWORD_CONFIG", str(desk.folder / "watchword.toml"))
    assert "user:alice" in run_in(tmp_path, "user", "list").out


@pytest.mark.parametrize("words", [(), ("--config", "nowhere.toml")])
def test_without_a_configuration_init_is_named(tmp_path: Path, words: tuple[str, ...]) -> None:
    said = run_in(tmp_path, *words, "list")
    assert said.code == 2
    assert "watchword init" in said.err


def test_callers_secrets_in_the_environment_are_no_settings(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHWORD_SECRET", "s")
    monkeypatch.setenv("WATCHWORD_PROFILE_CI__SECRET", "s")
    desk.done("list")


def test_an_unknown_setting_names_the_nearest(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHWORD_SERVER__LISEN", "x")
    assert "did you mean WATCHWORD_SERVER__LISTEN?" in desk.wrong("list")


def test_a_store_that_cannot_be_reached_exits_3(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHWORD_STORE__URL", "postgresql://user:hushhush@127.0.0.1:1/watchword")
    for words in (("list",), ("audit", "--verify"), ("user", "add", "bob")):
        said = desk.wrong(*words, code=3)
        assert "hushhush" not in said


@pytest.mark.postgres
def test_the_verbs_work_on_postgresql(desk: Desk, monkeypatch: pytest.MonkeyPatch, postgres_url: str) -> None:
    monkeypatch.setenv("WATCHWORD_STORE__URL", postgres_url)
    desk.done("user", "add", "carol")
    key = desk.issued("api-key", "user:carol")
    asked = ("explain", "GET", "http://api.test/whoami", "-H", f"Authorization: Bearer {key['secret']}")
    assert "accepted: user:carol" in desk.done(*asked).out
    assert desk.done("rotate", key["id"], "--json").json["replaces"] == key["id"]
    desk.done("revoke", key["id"], "--reason", "test")
    assert [each["subject"] for each in desk.done("user", "list", "--json").lines] == ["user:carol"]
    assert desk.done("audit", "--verify", "--json").json["intact"]


def test_every_verb_has_help_with_an_example(tmp_path: Path) -> None:
    import typer

    from watchword.cli import app

    def walk(command: object, path: tuple[str, ...]) -> list[tuple[str, ...]]:
        inner = getattr(command, "commands", None)
        if inner is None:
            return [path]
        return [path, *(each for name, sub in inner.items() for each in walk(sub, (*path, name)))]

    for path in walk(typer.main.get_command(app), ()):
        said = run_in(tmp_path, *path, "--help")
        assert said.code == 0, path
        assert said.out.startswith("Usage: watchword"), path
        assert "\nExamples:\n" in said.out, path
        assert max(map(len, said.out.splitlines())) <= 80, path
        assert not any(line.rstrip().endswith("...") for line in said.out.splitlines()), path


def test_a_fault_is_named_without_traceback_or_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("ak_live_secret in the text")

    monkeypatch.setattr("watchword.cli.init._refuse_overwriting", fail)
    said = run_in(tmp_path, "init")
    assert said.code == 3
    assert "RuntimeError at test_main.py" in said.err
    assert "ak_live" not in said.err


def test_ctrl_c_exits_130_quietly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("watchword.cli.init._refuse_overwriting", interrupt)
    said = run_in(tmp_path, "init")
    assert (said.code, said.out, said.err) == (130, "", "")


def test_a_stop_is_one_sentence_and_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise Stop("what", "how", 1)

    monkeypatch.setattr("watchword.cli.init._refuse_overwriting", stop)
    said = run_in(tmp_path, "init")
    assert (said.code, said.err) == (1, "watchword: what\n  how\n")


def test_main_takes_the_arguments_of_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["watchword", "--version"])
    assert main() == 0
    assert capsys.readouterr().out.startswith("watchword ")


@pytest.mark.processes
def test_exit_codes_of_the_process(desk: Desk) -> None:
    assert _process(desk.folder, "list").returncode == 0
    assert _process(desk.folder, "init").returncode == 1
    wrong = _process(desk.folder, "issue", "api-kye", "--for", "user:alice")
    assert wrong.returncode == 2
    assert wrong.stderr == "watchword: there is no kind 'api-kye'\n  did you mean api-key?\n"
    assert _process(desk.folder, "call", "http://127.0.0.1:1/").returncode == 3


@pytest.mark.processes
def test_a_reader_that_goes_away_is_no_fault(desk: Desk) -> None:
    script = f"{sys.executable} -m watchword list --json | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], cwd=desk.folder, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


@pytest.mark.processes
def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom watchword.cli import main\nmain(['--help'])\n"
        "heavy = {'rich', 'sqlalchemy', 'joserfc', 'cryptography', 'pydantic', 'httpx2', 'asyncio', 'starlette'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "HEAVY []"


@pytest.mark.processes
def test_help_costs_little_more_than_typer_itself(tmp_path: Path) -> None:
    def took(*command: str) -> float:
        """Return CPU seconds: those do not grow when other processes want the machine."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    pairs = [(took("-m", "watchword", "--help"), took("-c", "import typer")) for _ in range(4)]
    assert min(ours for ours, _ in pairs) < 3 * min(theirs for _, theirs in pairs)
