"""Rules about running it: each is broken by one configuration, and not by another."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.example import Example
from watchword.lint import Severity

PUBLIC = 'issuer = "https://auth.example.com"\n'
LASTING = '[store]\nurl = "sqlite:////var/lib/watchword/watchword.db"\n'

EXAMPLES = [
    Example("WW901", PUBLIC + '[store]\nurl = "memory:" #!\n', PUBLIC + LASTING),
    Example("WW901", '[store]\nurl = "memory:" #!\n', LASTING, Severity.NOTE),
    Example("WW902", "burn_url_credentials = false #!\n", "burn_url_credentials = true\n"),
    Example("WW903", "[server]\nmax_body = 268435456 #!\n", "[server]\nmax_body = 1048576\n"),
    Example("WW904", PUBLIC + '[store]\nurl = "sqlite:////tmp/watchword.db" #!\n', PUBLIC + LASTING),
    Example("WW904", '[store]\nurl = "sqlite:////dev/shm/ww/watchword.db" #!\n', LASTING, Severity.NOTE),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_configuration_breaks_the_rule_and_another_does_not(example: Example, tmp_path: Path) -> None:
    example.check(tmp_path)
