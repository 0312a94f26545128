"""RFC 7515: vectors, and what is remembered. Forged tokens: tests/schemes."""

from __future__ import annotations

import json
import warnings

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.codec.jose.vectors import (
    CLAIMS,
    EC_JWK,
    ES256_TOKEN,
    PAYLOAD,
    RS256_TOKEN,
    RSA_JWK,
)
from tests.tokens import ED, ES, RS, compact, raw_sign, segment
from watchword.codec.jose import Header, SigningKey, VerificationKey, peek, tokens, verify
from watchword.model import reason as why


def test_rfc_7515_appendix_a_2_rs256() -> None:
    assert verify(RS256_TOKEN.encode(), VerificationKey.from_jwk(RSA_JWK)) == CLAIMS


def test_rfc_7515_appendix_a_3_es256() -> None:
    key = VerificationKey.from_jwk(EC_JWK)
    assert verify(ES256_TOKEN.encode(), key) == CLAIMS
    assert verify(ES256_TOKEN.encode(), VerificationKey.from_jwk(RSA_JWK)) is why.BAD_ALGORITHM
    assert verify(RS256_TOKEN.encode(), key) is why.BAD_ALGORITHM


@pytest.mark.parametrize(
    "token",
    [
        # RFC 7515 A.1 (HS256), A.4's header (ES512), A.5 = RFC 7519 section 6.1 (none), RFC 7516 A.1's header (JWE)
        f"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{PAYLOAD}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        "eyJhbGciOiJFUzUxMiJ9.{PAYLOAD}.AdwMgeerwtHoh-l192l60hp9wAHZ"
        "FVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7Xdt",
        f"eyJhbGciOiJub25lIn0.{PAYLOAD}.",
        "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.AAAA.48V1_ALb6US04U3b.5eym8TW_c8SuK0lt.XFBoMYUZodetZdvTiFvSkQ",
    ],
)
def test_rfc_examples_of_algorithms_that_we_do_not_take(token: str) -> None:
    assert peek(token.encode()) is why.BAD_ALGORITHM


def test_rfc_9864_name_of_eddsa_is_the_same_algorithm() -> None:
    token = compact({"alg": "Ed25519", "kid": ED.kid}, CLAIMS, raw_sign(ED))
    assert verify(token, ED.verification) == CLAIMS


@pytest.mark.parametrize("key", [ED, ES, RS], ids=lambda key: key.algorithm)
def test_signing_and_back(key: SigningKey) -> None:
    claims = {"iss": "joe", "näme": "☃", "n": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        token = key.sign(claims, "at+jwt", {"x": 1}).encode()
        again = SigningKey.from_pkcs8(key.to_pkcs8())
        loaded = VerificationKey.from_jwk(json.loads(json.dumps(again.public_jwk())))
        assert verify(token, loaded) == claims
    header = peek(token)
    assert isinstance(header, Header)
    assert (header.algorithm, header.kid, header.typ) == (key.algorithm, key.kid, "at+jwt")
    assert again.kid == key.kid == loaded.kid
    pem = key._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert verify(token, VerificationKey.from_pem(pem, "other")) == claims
    # A caller's headers cannot change what the key says.
    forced = peek(key.sign({}, headers={"alg": "none", "kid": "x", "typ": "y"}).encode())
    assert isinstance(forced, Header)
    assert (forced.algorithm, forced.kid, forced.typ) == (key.algorithm, key.kid, "JWT")


def test_only_proved_headers_are_remembered_and_not_without_bound() -> None:
    tokens._headers.clear()
    stranger = SigningKey.generate()
    for number in range(50):
        token = compact({"alg": "EdDSA", "kid": str(number)}, {}, raw_sign(stranger))
        assert verify(token, ED.verification) is why.BAD_SIGNATURE
    assert len(tokens._headers) == 0
    for number in range(300):
        assert verify(compact({"alg": "EdDSA", "kid": str(number)}, {}, raw_sign(ED)), ED.verification) == {}
    assert 0 < len(tokens._headers) <= 256
    known = next(iter(tokens._headers))
    for tail in (b"", b".", b"..", b".e30", b".e30.", b".e30.AAAA.AAAA.AAAA", b"." + segment(b"{}") + b"."):
        assert isinstance(verify(known + tail, ED.verification), why.Reason)
