"""Rules about running it: each is broken by one configuration, and not by another."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.example import Example
from watchword.lifecycle.operations.alerts import RULES as ALERTS
from watchword.lint import Severity

PUBLIC = 'issuer = "https://auth.example.com"\n'
ALERT = next(iter(ALERTS))
TOLD = '[alerts]\nemail = ["ops@example.com"]\n'
LASTING = '[store]\nurl = "sqlite:////var/lib/watchword/watchword.db"\n'

EXAMPLES = [
    Example("WW901", PUBLIC + '[store]\nurl = "memory:" #!\n', PUBLIC + LASTING),
    Example("WW901", '[store]\nurl = "memory:" #!\n', LASTING, Severity.NOTE),
    Example("WW902", "burn_url_credentials = false #!\n", "burn_url_credentials = true\n"),
    Example("WW903", "[server]\nmax_body = 268435456 #!\n", "[server]\nmax_body = 1048576\n"),
    Example("WW904", PUBLIC + '[store]\nurl = "sqlite:////tmp/watchword.db" #!\n', PUBLIC + LASTING),
    Example("WW904", '[store]\nurl = "sqlite:////dev/shm/ww/watchword.db" #!\n', LASTING, Severity.NOTE),
    Example("WW905", '[audit]\naccesses = "refused" #!\n', '[audit]\naccesses = "full"\n'),
    Example("WW905", '[audit]\naccesses = "sampled" #!\n', "", Severity.NOTE),
    Example("WW906", '[audit]\nkeep = "30d" #!\n', '[audit]\nkeep = "90d"\n'),
    Example("WW906", '[audit]\nkeep = "89d" #!\n', '[audit]\nkeep = "0s"\n'),
    Example("WW907", '[audit]\ncheckpoint = "0s" #!\n', '[audit]\ncheckpoint = "1h"\n'),
    Example("WW907", '[audit]\ncheckpoint = "7d" #!\n', '[audit]\ncheckpoint = "1d"\n'),
    Example(
        "WW908",
        '[audit.syslog]\naddress = "udp://logs.example.com:514" #!\n',
        '[audit.syslog]\naddress = "tls://logs.example.com:6514"\n',
    ),
    Example(
        "WW908",
        '[audit.syslog]\naddress = "tcp://logs.example.com:601" #!\n',
        '[audit.syslog]\naddress = "udp://127.0.0.1:514"\n',
    ),
    Example("WW909", PUBLIC + "[alerts] #!\n", PUBLIC + TOLD),
    Example("WW909", PUBLIC + "[alerts] #!\n", "[alerts]\n"),
    Example("WW910", '[metrics]\nnetworks = ["0.0.0.0/0"] #!\n', '[metrics]\nnetworks = ["10.0.0.0/8"]\n'),
    Example("WW910", '[metrics]\nnetworks = ["::/0"] #!\n', '[metrics]\nnetworks = ["::/0"]\naccept = "api-key"\n'),
    Example("WW911", f'[[alert]]\nrule = "{ALERT}"\non = false #!\n', f'[[alert]]\nrule = "{ALERT}"\ncount = 9\n'),
    Example("WW911", '[alerts]\nleast = "high" #!\n', '[alerts]\nleast = "medium"\n'),
    Example(
        "WW912",
        '[otel]\nendpoint = "http://otel.example.com:4318" #!\n',
        '[otel]\nendpoint = "https://otel.example.com:4318"\n',
    ),
    Example("WW912", '[otel]\nendpoint = "http://10.0.0.9:4318" #!\n', '[otel]\nendpoint = "http://127.0.0.1:4318"\n'),
    Example(
        "WW913",
        PUBLIC + "[audit] #!\n",
        PUBLIC + '[audit.syslog]\naddress = "tls://logs.example.com:6514"\n',
    ),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_configuration_breaks_the_rule_and_another_does_not(example: Example, tmp_path: Path) -> None:
    example.check(tmp_path)
