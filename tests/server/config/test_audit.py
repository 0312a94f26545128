"""``[audit]``, ``[alerts]`` and ``[[alert]]``: what a house is told by them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from watchword.codec.secrets import new_root_key
from watchword.lifecycle.operations.alerts import RULES
from watchword.lifecycle.operations.checkpoints import CheckpointRules
from watchword.server.config.load import ConfigError, load, watchword_of


def house(tmp_path: Path, toml: str) -> Any:
    (tmp_path / "watchword.toml").write_text(toml)
    return watchword_of(load(tmp_path / "watchword.toml"), root_key=new_root_key())


def test_defaults(tmp_path: Path) -> None:
    made = house(tmp_path, "")
    assert made.operations.checkpoints.rules == CheckpointRules(every=900, keep=400 * 86400)
    rules = made.operations.alerts.rules
    assert (rules.rules, rules.receivers, rules.least) == (RULES, (), "low")


def test_everything_said(tmp_path: Path) -> None:
    made = house(
        tmp_path,
        """
        [audit]
        keep = "0s"
        checkpoint = "0s"
        accesses = "refused"
        [alerts]
        webhook = "http://127.0.0.1:9/x"
        webhook_key = "hk_live_x"
        email = ["ops@example.com"]
        least = "high"
        [[alert]]
        rule = "new-network"
        within = "7d"
        repeat = "0s"
        """,
    )
    assert made.operations.checkpoints.rules == CheckpointRules(every=0, keep=0)
    rules = made.operations.alerts.rules
    assert (rules.receivers, rules.least) == (("webhook", "email"), "high")
    assert (rules.rules["new-network"].within, rules.rules["new-network"].repeat) == (7 * 86400, 0)


def test_a_ca_that_is_not_there_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"line 3: audit\.syslog\.ca: there is no file"):
        house(tmp_path, '[audit.syslog]\naddress = "tls://logs.example"\nca = "missing.pem"\n')


def test_log_records_need_what_makes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from watchword.server.config import load as module

    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="OpenTelemetry is not installed"):
        house(tmp_path, "[audit]\notel = true\n")
