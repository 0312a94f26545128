"""Sender-bound tokens: the thumbprint of RFC 8705, and what is bound to anything else or to nobody."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.codec.claims import certificate_confirmation, unconfirmed
from watchword.model.reason import BAD_TYPE, UNCONFIRMED

# RFC 8705 appendix A, figures 5 and 6
THUMBPRINT = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"
CERTIFICATE = base64.b64decode(
    "MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAxODEyMzcwOVoXDTIyMDUwMjEyMzcwOVowDzENMAsGA1UEAwwE"
    "bXRsczBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ/Au08/coZwxS7LfA4vOLS9WuneIXhbGG"
    "WvsDSb0tH6IxLm8wCgYIKoZIzj0EAwIDSQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+hlV/PpQEKTWUVeORWz83AiEA5x2eXZOVbUlJSGQgjwD5vaUa"
    "KlLR50Q2DmFfQj1L+SY="
)


def test_rfc_8705_appendix_a() -> None:
    assert certificate_confirmation(CERTIFICATE) == {"x5t#S256": THUMBPRINT}
    assert unconfirmed({"x5t#S256": THUMBPRINT}, CERTIFICATE) is None


@pytest.mark.parametrize("certificate", [None, b"", CERTIFICATE[:-1], CERTIFICATE + b"\0"])
def test_another_connection_proves_nothing(certificate: bytes | None) -> None:
    assert unconfirmed({"x5t#S256": THUMBPRINT}, certificate) is UNCONFIRMED


@pytest.mark.parametrize(
    "value", [THUMBPRINT + "=", THUMBPRINT[:-1], THUMBPRINT.lower(), "", "é\ud800", THUMBPRINT + " "]
)
def test_a_thumbprint_is_compared_whole(value: str) -> None:
    assert unconfirmed({"x5t#S256": value}, CERTIFICATE) is UNCONFIRMED


@pytest.mark.parametrize(
    "cnf",
    [
        None,
        {},
        [],
        THUMBPRINT,
        {"x5t#S256": THUMBPRINT, "jkt": "x"},
        {"x5t#S256": [THUMBPRINT]},
        {"x5t": THUMBPRINT},
        {"kid": "x"},
    ],
)
def test_a_confirmation_that_nobody_looks_at_is_not_passed_over(cnf: Any) -> None:
    assert unconfirmed(cnf, CERTIFICATE) is BAD_TYPE


JKT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"  # RFC 9449 section 6.1


def test_rfc_9449_section_6_1_only_the_proved_key_confirms() -> None:
    assert unconfirmed({"jkt": JKT}, None, JKT) is None
    for proved in ("", JKT[:-1], JKT + "=", JKT.lower(), "x" * 43):
        assert unconfirmed({"jkt": JKT}, CERTIFICATE, proved) is UNCONFIRMED
    assert unconfirmed({"jkt": ""}, CERTIFICATE, "") is UNCONFIRMED
    assert unconfirmed({"x5t#S256": THUMBPRINT}, None, THUMBPRINT) is UNCONFIRMED


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_only_the_same_certificate_confirms(one: bytes, other: bytes) -> None:
    assert (unconfirmed(certificate_confirmation(one), other) is None) == (one == other)
