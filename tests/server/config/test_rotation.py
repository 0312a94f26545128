"""``[rotation]`` says when what is due."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchword.codec.secrets import new_root_key
from watchword.lifecycle.operations.rotation import RotationRules
from watchword.server.config.load import ConfigError, load, watchword_of

DAY = 86400


def test_by_default_only_what_is_about_to_end_is_due(tmp_path: Path) -> None:
    config = tmp_path / "watchword.toml"
    config.write_text('[store]\nurl = "memory:"\n')
    rules = watchword_of(load(config), root_key=new_root_key()).operations.rotation.rules
    assert (rules.expiring, rules.overlap) == (14 * DAY, 7 * DAY)
    assert set(rules.ages.values()) == {0}


def test_every_kind_has_an_age(tmp_path: Path) -> None:
    config = tmp_path / "watchword.toml"
    config.write_text('[store]\nurl = "memory:"\n[rotation]\napi_key = "90d"\nroot_key = "365d"\nexpiring = "30d"\n')
    rules = watchword_of(load(config), root_key=new_root_key()).operations.rotation.rules
    assert isinstance(rules, RotationRules)
    assert rules.ages["api-key"] == 90 * DAY
    assert rules.ages["root-key"] == 365 * DAY
    assert rules.ages["oauth-client"] == 0
    assert rules.expiring == 30 * DAY


@pytest.mark.parametrize("line", ['api_key = "soon"', 'overlap = "0s"', 'signing_key = "90d"'])
def test_mistakes_are_named(tmp_path: Path, line: str) -> None:
    config = tmp_path / "watchword.toml"
    config.write_text(f"[rotation]\n{line}\n")
    with pytest.raises(ConfigError, match=r"line 2: rotation\."):
        load(config)
