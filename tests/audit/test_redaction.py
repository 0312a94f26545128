"""Secrets in what callers choose; tests/audit/test_noting.py has them in whole events."""

from __future__ import annotations

import pytest

from tests.codec.shapes.planted import secrets
from watchword.audit.redaction import place, redact
from watchword.codec.secrets import new_secret


@pytest.mark.parametrize("prefix", ["ak_live_", "hs_test_", "ws_", "cs_live_", "lk_", "ac_", "at_", "dc_"])
def test_a_secret_is_redacted_under_any_encoding(prefix: str) -> None:
    secret = new_secret(prefix)
    assert redact(f"a {secret} b") == "a [redacted] b"
    encoded = "".join(f"%{byte:02x}" for byte in secret.encode())
    for text in (secret, encoded, encoded.replace("%", "%25"), encoded.replace("%", "%2525")):
        assert place(b"/" + text.encode()) == "/[redacted]"


def test_every_secret_with_a_checksum_is_redacted() -> None:
    for text in secrets():
        assert text[-30:] not in redact(f"x{text}y")


def test_what_is_no_text_is_shown_escaped_and_cut() -> None:
    assert place(b"/\xff") == "/\\xff"
    assert len(place(b"/" + b"a" * 5000)) == 512


def test_urls_with_passwords_are_redacted() -> None:
    assert "hunter2" not in redact("https://alice:hunter2@example.com/")
