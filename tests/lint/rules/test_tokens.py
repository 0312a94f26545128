"""Rules about how long tokens, sessions and keys live: each is broken by one configuration, and not by another."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.example import Example, certificate_pem
from watchword.lint.rules.tokens import shown

TLS = '[server.tls]\ncertificate = "server.pem"\nprivate_key = "server.pem"\nclient_ca = "watchword"\n'


def certified(folder: Path, bad: bool) -> None:
    (folder / "server.pem").write_bytes(certificate_pem())


EXAMPLES = [
    Example("WW301", '[tokens]\naccess = "2h" #!\n', '[tokens]\naccess = "1h"\n'),
    Example("WW302", '[tokens]\naccess = "1h"\nrefresh = "1h" #!\n', '[tokens]\naccess = "1h"\nrefresh = "1d"\n'),
    Example("WW303", '[tokens]\nrefresh = "91d" #!\n', '[tokens]\nrefresh = "90d"\n'),
    Example("WW304", '[tokens]\nkey_rotation = "0s" #!\n', '[tokens]\nkey_rotation = "30d"\n'),
    Example("WW304", '[tokens]\nkey_rotation = "730d" #!\n', '[tokens]\nkey_rotation = "365d"\n'),
    Example("WW305", '[tokens]\nstale_feed = "accept" #!\n', '[tokens]\nstale_feed = "refuse"\n'),
    Example("WW306", '[tokens]\nfeed_bound = "10m" #!\n', '[tokens]\nfeed_bound = "5m"\n'),
    Example("WW307", '[tokens]\nrefresh_grace = "1m" #!\n', '[tokens]\nrefresh_grace = "30s"\n'),
    Example(
        "WW308",
        TLS + "[tokens] #!\n",
        TLS + "[tokens]\nbind_to_certificate = true\n",
        before=certified,
    ),
    Example("WW309", '[sessions]\nidle = "7d" #!\nabsolute = "30d"\n', '[sessions]\nidle = "12h"\nabsolute = "30d"\n'),
    Example("WW310", '[sessions]\nabsolute = "60d" #!\n', '[sessions]\nabsolute = "30d"\n'),
    Example("WW311", '[sessions]\nidle = "12h" #!\nabsolute = "12h"\n', '[sessions]\nidle = "1h"\nabsolute = "12h"\n'),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_configuration_breaks_the_rule_and_another_does_not(example: Example, tmp_path: Path) -> None:
    example.check(tmp_path)


@pytest.mark.parametrize(
    ("seconds", "text"), [(86400, "1d"), (90 * 86400, "90d"), (5400, "90m"), (7200, "2h"), (61, "61s"), (0, "0s")]
)
def test_durations_are_shown_as_settings_write_them(seconds: int, text: str) -> None:
    assert shown(seconds) == text
