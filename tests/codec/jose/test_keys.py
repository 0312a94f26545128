"""RFC 7517, 7518, 7638, 8037: vectors first, then keys that must not load."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.codec.jose.vectors import (
    CLAIMS,
    EC_JWK,
    OKP_D,
    OKP_JWK,
    OKP_SIGNATURE,
    OKP_SIGNED,
    OKP_THUMBPRINT,
    RSA_JWK,
)
from tests.tokens import ED, ES, RS, compact, pss_sign, raw_sign
from watchword.codec.jose import KeyRefused, SigningKey, VerificationKey, key_set, verify
from watchword.codec.strict import from_base64url
from watchword.model import reason as why


def test_rfc_8037_appendix_a_signs_and_verifies() -> None:
    key = SigningKey(ed25519.Ed25519PrivateKey.from_private_bytes(from_base64url(OKP_D)))
    assert key.kid == OKP_THUMBPRINT  # A.3, RFC 7638
    assert key.public_jwk() == {**OKP_JWK, "kid": OKP_THUMBPRINT, "use": "sig", "alg": "EdDSA"}  # A.2
    signature = from_base64url(OKP_SIGNATURE.encode())
    assert raw_sign(key)(OKP_SIGNED.encode()) == signature  # A.4
    assert key.verification.verifies(OKP_SIGNED.encode(), signature)  # A.5
    assert verify(f"{OKP_SIGNED}.{OKP_SIGNATURE}".encode(), key.verification) is why.MALFORMED_CREDENTIAL  # no JSON


def test_rfc_7638_section_3_1_thumbprint() -> None:
    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAt"
        "VT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64"
        "tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FD"
        "W2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n9"
        "1CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    key = VerificationKey.from_jwk({"kty": "RSA", "n": n, "e": "AQAB"})
    assert key.kid == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_rfc_7518_section_3_5_an_rsa_key_says_that_it_is_for_ps256() -> None:
    jwk = {name: value for name, value in RS.public_jwk().items() if name != "alg"}
    plain, pss = VerificationKey.from_jwk(jwk), VerificationKey.from_jwk({**jwk, "alg": "PS256"})
    assert (plain.algorithm, pss.algorithm) == ("RS256", "PS256")
    assert pss.thumbprint() == plain.thumbprint()
    assert VerificationKey.from_jwk(pss.public_jwk()).algorithm == "PS256"
    for alg, sign, right, wrong in (("PS256", pss_sign(RS), pss, plain), ("RS256", raw_sign(RS), plain, pss)):
        token = compact({"alg": alg, "kid": RS.kid}, CLAIMS, sign)
        assert verify(token, right) == CLAIMS
        assert verify(token, wrong) is why.BAD_ALGORITHM, "CVE-2026-22817: the key decides, not the token"
    assert verify(compact({"alg": "PS256"}, CLAIMS, raw_sign(RS)), pss) is why.BAD_SIGNATURE
    assert verify(compact({"alg": "RS256"}, CLAIMS, pss_sign(RS)), plain) is why.BAD_SIGNATURE


def test_no_key_shows_itself() -> None:
    for key in (ED, ES, RS):
        shown = repr(key) + str(key.verification)
        assert key.kid in shown
        assert len(shown) < 300
    assert not {"d", "p", "q", "dp", "dq", "qi"} & (ED.public_jwk() | ES.public_jwk() | RS.public_jwk()).keys()


PRIVATE = {"d": OKP_D.decode()}


@pytest.mark.parametrize(
    "jwk",
    [
        {},
        {"kty": "oct", "k": "AAAA"},
        {"kty": "oct", "k": ""},
        {"kty": "none"},
        {"kty": ["OKP"]},
        {**OKP_JWK, **PRIVATE},
        {**OKP_JWK, "k": "AAAA"},
        {**RSA_JWK, "p": "AAAA"},
        {**OKP_JWK, "use": "enc"},
        {**OKP_JWK, "use": None},
        {**OKP_JWK, "key_ops": ["sign"]},
        {**OKP_JWK, "key_ops": ["verify", "sign"]},
        {**OKP_JWK, "alg": "ES256"},
        {**OKP_JWK, "alg": "none"},
        {**OKP_JWK, "alg": None},
        {**OKP_JWK, "alg": ["EdDSA"]},
        {**EC_JWK, "alg": "EdDSA"},
        {**RSA_JWK, "alg": "HS256"},
        {**RSA_JWK, "alg": "PS512"},
        {**RSA_JWK, "e": "AgAAAAE"},  # longer ones make checking a signature hundreds of times as slow
        {**EC_JWK, "alg": "PS256"},
        {**OKP_JWK, "kid": 1},
        {**OKP_JWK, "kid": ""},
        {**OKP_JWK, "kid": "k" * 257},
        {**OKP_JWK, "crv": "Ed448"},
        {**OKP_JWK, "crv": "X25519"},
        {**OKP_JWK, "x": "AAAA"},
        {**OKP_JWK, "x": 1},
        {**OKP_JWK, "kty": "EC"},
        {**EC_JWK, "crv": "P-384"},
        {**EC_JWK, "crv": "secp256k1"},
        {**EC_JWK, "y": EC_JWK["x"]},
        {**EC_JWK, "y": ""},
        {**RSA_JWK, "e": "AA"},
        {**RSA_JWK, "n": "AQAB"},
        {**RSA_JWK, "n": ""},
        {name: value for name, value in RSA_JWK.items() if name != "e"},
    ],
)
def test_cve_2026_22817_keys_that_do_not_load(jwk: dict[str, Any]) -> None:
    with pytest.raises(KeyRefused) as refused:
        VerificationKey.from_jwk(jwk)
    assert OKP_D.decode() not in str(refused.value)


def test_keys_of_other_kinds_and_sizes() -> None:
    for key in (
        rsa.generate_private_key(65_537, 1_024),  # noqa: S505
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP256K1()),
        ed448.Ed448PrivateKey.generate(),
        x25519.X25519PrivateKey.generate(),
    ):
        with pytest.raises(KeyRefused):
            VerificationKey(key.public_key())  # type: ignore[arg-type]
        with pytest.raises(KeyRefused):
            SigningKey.from_pkcs8(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
        with pytest.raises(KeyRefused):
            VerificationKey.from_pem(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    for junk in (b"", b"junk", ED.to_pkcs8()):
        with pytest.raises(KeyRefused):
            VerificationKey.from_pem(junk)
        with pytest.raises(KeyRefused):
            SigningKey.from_pkcs8(junk[:-1])
    with pytest.raises(KeyRefused):
        SigningKey.generate("HS256")


def test_rfc_7517_section_5_a_set_leaves_out_what_it_does_not_know() -> None:
    keys: list[Any] = [
        {**OKP_JWK, "kid": "a"},
        {**EC_JWK, "kid": "a"},  # a second key of this name
        {**EC_JWK, "kid": "b", "alg": "ES256", "x5t": "AAAA"},
        {**RSA_JWK, "kid": "c", "alg": "RSA-OAEP"},
        {"kty": "oct", "k": "AAAA", "kid": "d"},
        "junk",
        None,
        RSA_JWK,
    ]
    loaded = key_set(json.dumps({"keys": keys}).encode())
    assert loaded is not None
    rsa_kid = VerificationKey.from_jwk(RSA_JWK).kid
    assert {kid: key.algorithm for kid, key in loaded.items()} == {"a": "EdDSA", "b": "ES256", rsa_kid: "RS256"}
    for raw in (b"", b"[]", b"{}", b'{"keys":{}}', b'{"keys":[],"keys":[]}'):
        assert key_set(raw) is None
    assert key_set(b'{"keys":[]}') == {}
