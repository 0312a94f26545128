"""Judge DPoP proofs by RFC 9449."""

import hashlib

import pytest

from tests.client.oauth2.world import opened
from watchword.client.oauth2 import DpopKey
from watchword.codec.strict import to_base64url


def test_rfc_9449_section_4_2_a_proof() -> None:
    key = DpopKey(clock=lambda: 1_700_000_000.9)
    header, claims = opened(key.proof("POST", "https://as.example/token?a=b#c", nonce="n", access="tok"))
    assert (header["typ"], header["alg"]) == ("dpop+jwt", "ES256")
    assert set(header["jwk"]) == {"kty", "crv", "x", "y"}
    assert (claims["htm"], claims["htu"], claims["iat"], claims["nonce"]) == (
        "POST",
        "https://as.example/token",
        1_700_000_000,
        "n",
    )
    assert claims["ath"].encode() == to_base64url(hashlib.sha256(b"tok").digest())


def test_each_proof_has_its_own_jti_and_no_more_than_it_needs() -> None:
    key = DpopKey()
    claims = [opened(key.proof("GET", "https://rs.example/x"))[1] for _ in range(20)]
    assert len({each["jti"] for each in claims}) == 20
    assert set(claims[0]) == {"jti", "htm", "htu", "iat"}


def test_a_key_is_written_down_and_read_again() -> None:
    key = DpopKey()
    again = DpopKey.from_text(key.to_text())
    assert again.thumbprint == key.thumbprint
    assert (
        opened(again.proof("GET", "https://rs.example"))[0]["jwk"]
        == opened(key.proof("GET", "https://rs.example"))[0]["jwk"]
    )


@pytest.mark.parametrize("text", ["", "x", "AAAA", "é"])
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(ValueError):
        DpopKey.from_text(text)


def test_the_private_key_stays_out_of_the_repr() -> None:
    key = DpopKey()
    assert repr(key) == f"DpopKey({key.thumbprint!r})"
