"""``[leaks]``: off unless it is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchword.server.config.file import ConfigError
from watchword.server.config.load import load


def settings(tmp_path: Path, toml: str) -> object:
    path = tmp_path / "watchword.toml"
    path.write_text(toml)
    return load(path).leaks.github


def test_a_table_turns_it_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings(tmp_path, "") is None
    github = settings(tmp_path, "[leaks.github]\n")
    assert getattr(github, "keys_url", "").startswith("https://api.github.com/")
    monkeypatch.setenv("WATCHWORD_LEAKS__GITHUB__KEYS_URL", "https://keys.example/x")
    assert getattr(settings(tmp_path, ""), "keys_url", "") == "https://keys.example/x"


@pytest.mark.parametrize("line", ['keys_url = "http://keys.example/x"', 'keys_url = "x"', 'key = "https://x"'])
def test_what_is_wrong_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigError, match="leaks"):
        settings(tmp_path, f"[leaks.github]\n{line}\n")
