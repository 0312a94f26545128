"""Syslog: RFC 5424's own form, and nothing that a caller chose can break out of it."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.server.watching.syslog import Place, framed, message, place_of

FORM = re.compile(
    rb"<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) ([\x21-\x7e]{1,255}) watchword (\d+) "
    rb"([\x21-\x7e]{1,32}) - (.*)"
)  # RFC 5424 section 6
EVENT = {"position": 100001, "at": 1_790_000_000.25, "action": "decide", "outcome": "refused", "reason": "expired"}


def test_a_message_has_the_form_of_rfc_5424() -> None:
    text = message(EVENT, host="auth-1", facility=13, process=42)
    found = FORM.fullmatch(text)
    assert found is not None
    assert found.groups()[:5] == (b"108", b"2026-09-21T14:13:20.250000Z", b"auth-1", b"42", b"decide")
    assert json.loads(found[6]) == EVENT


@pytest.mark.parametrize(
    ("outcome", "severity"), [("accepted", 6), ("done", 5), ("refused", 4), ("broken", 3), ("", 5)]
)
def test_severity_is_the_outcomes(outcome: str, severity: int) -> None:
    text = message({**EVENT, "outcome": outcome}, host="h", facility=4, process=1)
    assert text.startswith(b"<%d>1 " % (32 + severity))


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=300))
def test_whatever_callers_send_a_message_is_one_line_of_ascii(path: str, action: str, host: str) -> None:
    value = {**EVENT, "path": path, "action": action}
    found = FORM.fullmatch(message(value, host=host, facility=13, process=1))
    assert found is not None
    assert json.loads(found[6])["path"] == path


def test_a_frame_counts_octets() -> None:
    """RFC 5425 section 4.3: MSG-LEN SP SYSLOG-MSG."""
    assert framed(b"<108>1 x") == b"8 <108>1 x"


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("unix:///dev/log", Place("unix", "/dev/log")),
        ("udp://logs.example", Place("udp", "logs.example", 514)),
        ("tcp://[::1]:10514", Place("tcp", "::1", 10514)),
        ("tls://logs.example", Place("tls", "logs.example", 6514)),
    ],
)
def test_places(address: str, place: Place) -> None:
    assert place_of(address) == place


@pytest.mark.parametrize(
    "address", ["logs.example", "http://x", "unix://host/x", "udp://", "tls://x:99999", "tcp://x/y", "tcp://a@x"]
)
def test_what_is_no_place(address: str) -> None:
    with pytest.raises(ValueError, match="no place for syslog"):
        place_of(address)
