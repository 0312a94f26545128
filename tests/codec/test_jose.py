"""RFC 7515, 7517, 7518, 7638, 8037: vectors first, then keys that must not load. Forged tokens: tests/schemes."""

from __future__ import annotations

import json
import warnings
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.tokens import ED, ES, RS, compact, pss_sign, raw_sign, segment
from watchword.codec import jose
from watchword.codec.jose import (
    Header,
    KeyRefused,
    SigningKey,
    VerificationKey,
    key_set,
    peek,
    verify,
)
from watchword.codec.strict import from_base64url
from watchword.model import reason as why

PAYLOAD = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
CLAIMS = {"iss": "joe", "exp": 1300819380, "http://example.com/is_root": True}

# RFC 7515 appendix A.2
RSA_JWK = {
    "kty": "RSA",
    "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddx"
    "HmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMs"
    "D1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSH"
    "SXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdV"
    "MTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
    "e": "AQAB",
}
RS256_TOKEN = (
    f"eyJhbGciOiJSUzI1NiJ9.{PAYLOAD}."
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5R"
    "Zmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQ"
    "jbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjt"
    "QBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHW"
    "EsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
)
# RFC 7515 appendix A.3
EC_JWK = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
ES256_TOKEN = (
    f"eyJhbGciOiJFUzI1NiJ9.{PAYLOAD}."
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)
# RFC 8037 appendix A.1 to A.5
OKP_JWK = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
OKP_D = b"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
OKP_THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
OKP_SIGNED = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
OKP_SIGNATURE = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"


def test_rfc_7515_appendix_a_2_rs256() -> None:
    assert verify(RS256_TOKEN.encode(), VerificationKey.from_jwk(RSA_JWK)) == CLAIMS


def test_rfc_7515_appendix_a_3_es256() -> None:
    key = VerificationKey.from_jwk(EC_JWK)
    assert verify(ES256_TOKEN.encode(), key) == CLAIMS
    assert verify(ES256_TOKEN.encode(), VerificationKey.from_jwk(RSA_JWK)) is why.BAD_ALGORITHM
    assert verify(RS256_TOKEN.encode(), key) is why.BAD_ALGORITHM


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


def test_only_proved_headers_are_remembered_and_not_without_bound() -> None:
    jose._headers.clear()
    stranger = SigningKey.generate()
    for number in range(50):
        token = compact({"alg": "EdDSA", "kid": str(number)}, {}, raw_sign(stranger))
        assert verify(token, ED.verification) is why.BAD_SIGNATURE
    assert len(jose._headers) == 0
    for number in range(300):
        assert verify(compact({"alg": "EdDSA", "kid": str(number)}, {}, raw_sign(ED)), ED.verification) == {}
    assert 0 < len(jose._headers) <= 256
    known = next(iter(jose._headers))
    for tail in (b"", b".", b"..", b".e30", b".e30.", b".e30.AAAA.AAAA.AAAA", b"." + segment(b"{}") + b"."):
        assert isinstance(verify(known + tail, ED.verification), why.Reason)
