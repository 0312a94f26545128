"""docs/reference/cli.md: every verb is in it, and its examples print what it says."""

from __future__ import annotations

import re
import shlex
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.cli.desk import run_in
from watchword.cli import app

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md"
VOLATILE = re.compile(
    r"(?P<secret>\b(?:ak|hs|cs)_(?:live|test)_[0-9A-Za-z]{36}\b|(?<=\"password\": \")\w{36}|\blk_\w{36}\b)"
    r"|(?P<id>\b(?:key|pwd|eml|crt|cli|sig|ca|hk_live)_[0-9A-Za-z]{20}\b)"
    r"|(?P<time>\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)|(?P<date>\b\d{4}-\d\d-\d\d\b)|(?P<unix>\b1[789]\d{8}\b)"
    r"|(?P<hex>\b[0-9a-f]{16,64}\b)|(?P<nonce>(?<=X-Nonce: )\S+)|(?P<hint>(?<=hint        )\w{4})|(?P<who>cli:\w+)"
    r"|(?P<batch>(?<=up to batch )\d+)|(?P<count>\b\d+ of \d+(?= checkpoints hold))"
    r"|(?P<cost>\b\d+ µs)|(?P<skew>\b\d+(?= s behind))"
)


def _examples() -> list[tuple[str, str]]:
    """Return each command of the page's console blocks with what it prints."""
    found: list[tuple[str, str]] = []
    for block in re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output.rstrip("\n")))
    return found


def _volatile(text: str) -> list[tuple[str, str]]:
    return [(str(match.lastgroup), match[0]) for match in VOLATILE.finditer(text)]


def _settled(text: str) -> str:
    # A user's name is as long as it is, and columns with it.
    return re.sub(r" {2,}", "  ", VOLATILE.sub(lambda match: f"<{match.lastgroup}>", text))


def _run(folder: Path, command: str) -> str:
    words = shlex.split(command)
    stdin = ""
    if "|" in words:
        pipe = words.index("|")
        assert words[:1] == ["echo"], command
        stdin, words = " ".join(words[1:pipe]) + "\n", words[pipe + 1 :]
    assert words[0] == "watchword", command
    said = run_in(folder, *words[1:], stdin=stdin)
    return (said.out + said.err).rstrip("\n")


def test_the_examples_print_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    known: dict[str, str] = {}  # what the page calls it -> what it is called here
    examples = _examples()
    assert len(examples) > 25
    for command, output in examples:
        here = reduce(lambda text, pair: text.replace(*pair), known.items(), command)
        actual = _run(tmp_path, here)
        assert _settled(actual) == _settled(output), command
        for (kind, name), (_, value) in zip(_volatile(output), _volatile(actual), strict=True):
            if kind in ("id", "secret"):
                assert known.setdefault(name, value) == value, (command, name)
        if command == "watchword init":
            _add_route(tmp_path)


def _add_route(folder: Path) -> None:
    """Add the route that the page tells to add."""
    [route] = re.findall(r"```toml\n(\[\[route\]\].*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    with (folder / "watchword.toml").open("a") as file:
        file.write("\n" + route)


def _leaves(command: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    if hasattr(command, "commands"):
        return [leaf for name, sub in command.commands.items() for leaf in _leaves(sub, (*path, name))]
    return [(path, command)]


def test_every_verb_and_every_option_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    missing = []
    for path, command in _leaves(typer.main.get_command(app)):
        if f"watchword {' '.join(path)}" not in text:
            missing.append(" ".join(path))
        missing += [f"{' '.join(path)} {param.opts[0]}" for param in command.params if f"{param.opts[0]}" not in text
                    if param.param_type_name == "option"]  # fmt: skip
    assert missing == []
