"""``[metrics]`` and ``[otel]``."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchword.server.config.load import ConfigError, Settings, load


def settings(folder: Path, text: str) -> Settings:
    (folder / "watchword.toml").write_text(text)
    return load(folder / "watchword.toml")


def test_nothing_is_sent_and_nobody_else_is_told_unless_it_is_said(tmp_path: Path) -> None:
    plain = settings(tmp_path, "")
    assert (plain.metrics.networks, plain.metrics.accept, plain.otel.endpoint) == ((), "", "")


@pytest.mark.parametrize("url", ["http://otel-collector:4318", "https://otel.example.com/tenant"])
def test_a_collector_may_be_in_ones_own_network(tmp_path: Path, url: str) -> None:
    assert settings(tmp_path, f'[otel]\nendpoint = "{url}"\nshare = 0.5\n').otel.endpoint == url


@pytest.mark.parametrize(
    "text",
    [
        '[otel]\nendpoint = "collector:4318"',
        '[otel]\nendpoint = "http://"',
        '[otel]\nendpoint = "http://key@collector"',
        "[otel]\nshare = 1.5",
        '[otel]\nservice = ""',
        '[metrics]\nnetworks = ["10.0.0.1/8"]',
        '[metrics]\naccept = "no-such-scheme"',
        "[metrics]\nopen = true",
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError):
        settings(tmp_path, text)
