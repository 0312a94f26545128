"""Certificates that JSON Web Keys bring with them: RFC 7517 section 4.7."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from tests.certificates import make
from watchword.codec.jose import KeyRefused, SigningKey
from watchword.codec.oauth.x5c import certificate_of, jwks_of, self_signed_in

RFC_7517_B: dict[str, Any] = {
    "kty": "RSA",
    "use": "sig",
    "kid": "1b94c",
    "n": "vrjOfz9Ccdgx5nQudyhdoR17V-IubWMeOZCwX_jj0hgAsz2J_pqYW08PLbK_PdiVGKPrqzmDIsLI7sA25VEnHU1uCLNwBuUiCO11_-7dYb"
    "sr4iJmG0Qu2j8DsVyT1azpJC_NG84Ty5KKthuCaPod7iI7w0LK9orSMhBEwwZDCxTWq4aYWAchc8t-emd9qOvWtVMDC2BXksRngh6X5bUYLy6AyHKv"
    "j-nUy1wgzjYQDwHMTplCoLtU-o-8SNnZ1tmRoGE9uJkBLdh5gFENabWnU5m1ZqZPdwS-qo-meMvVfJb6jJVWRpl2SUtCnYG2C32qvbWbjZ_jBPD5eu"
    "nqsIo1vQ",
    "e": "AQAB",
    "x5c": [
        "MIIDQjCCAiqgAwIBAgIGATz/FuLiMA0GCSqGSIb3DQEBBQUAMGIxCzAJBgNVBAYTAlVTMQswCQYDVQQIEwJDTzEPMA0GA1UEBxMGRGVudmVyMR"
        "wwGgYDVQQKExNQaW5nIElkZW50aXR5IENvcnAuMRcwFQYDVQQDEw5CcmlhbiBDYW1wYmVsbDAeFw0xMzAyMjEyMzI5MTVaFw0xODA4MTQyMjI5"
        "MTVaMGIxCzAJBgNVBAYTAlVTMQswCQYDVQQIEwJDTzEPMA0GA1UEBxMGRGVudmVyMRwwGgYDVQQKExNQaW5nIElkZW50aXR5IENvcnAuMRcwFQ"
        "YDVQQDEw5CcmlhbiBDYW1wYmVsbDCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBAL64zn8/QnHYMeZ0LncoXaEde1fiLm1jHjmQsF/4"
        "49IYALM9if6amFtPDy2yvz3YlRij66s5gyLCyO7ANuVRJx1NbgizcAblIgjtdf/u3WG7K+IiZhtELto/A7Fck9Ws6SQvzRvOE8uSirYbgmj6He"
        "4iO8NCyvaK0jIQRMMGQwsU1quGmFgHIXPLfnpnfajr1rVTAwtgV5LEZ4Iel+W1GC8ugMhyr4/p1MtcIM42EA8BzE6ZQqC7VPqPvEjZ2dbZkaBh"
        "PbiZAS3YeYBRDWm1p1OZtWamT3cEvqqPpnjL1XyW+oyVVkaZdklLQp2Btgt9qr21m42f4wTw+Xrp6rCKNb0CAwEAATANBgkqhkiG9w0BAQUFAA"
        "OCAQEAh8zGlfSlcI0o3rYDPBB07aXNswb4ECNIKG0CETTUxmXl9KUL+9gGlqCz5iWLOgWsnrcKcY0vXPG9J1r9AqBNTqNgHq2G03X09266X5Cp"
        "Oe1zFo+Owb1zxtp3PehFdfQJ610CDLEaS9V9Rqp17hCyybEpOGVwe8fnk+fbEL2Bo3UPGrpsHzUoaGpDftmWssZkhpBJKVMJyf/RuP2SmmaIzm"
        "nw9JiSlYhzo4tpzd5rFXhjRbg4zW9C+2qok+2+qDM1iJ684gPHMIY8aLWrdgQTxkumGmTqgawR+N5MDtdPTEQ0XfIBc2cJEUyMTY5MPvACWpkA"
        "6SdS4xSvdXK3IVfOWA=="
    ],
}
OWN = make(common="app")
JWK = jwks_of(OWN.pem)["keys"][0]
OTHER = jwks_of(make(common="app").pem)["keys"][0]


def refused(jwk: dict[str, Any]) -> str:
    with pytest.raises(KeyRefused) as caught:
        certificate_of(jwk)
    assert self_signed_in({"keys": [jwk, OTHER]}) == self_signed_in({"keys": [OTHER]})
    return str(caught.value)


def test_rfc_7517_appendix_b() -> None:
    found = certificate_of(RFC_7517_B)
    assert found is not None
    assert found.common_names == ("Brian Campbell",)
    assert self_signed_in({"keys": [RFC_7517_B]}) == []  # by SHA-1
    assert "another key" in refused({**RFC_7517_B, "n": RFC_7517_B["n"].replace("vrj", "vrk")})


def test_a_key_without_certificates() -> None:
    assert certificate_of(SigningKey.generate().public_jwk()) is None
    assert self_signed_in({"keys": [SigningKey.generate().public_jwk()]}) == []


def test_pem_becomes_keys_with_their_certificates() -> None:
    two = jwks_of(OWN.pem + make(common="next").pem)
    assert [each.common_names for each in self_signed_in(two)] == [("app",), ("next",)]
    assert {"d", "p"}.isdisjoint(two["keys"][0])
    assert jwks_of(OWN.key_pem + OWN.pem) == {"keys": [JWK]}
    large = make(key=ec.generate_private_key(ec.SECP384R1()))
    for pem in (b"", OWN.key_pem, large.pem, OWN.pem[:200] + b"\n-----END CERTIFICATE-----\n"):
        with pytest.raises(KeyRefused) as caught:
            jwks_of(pem)
        assert "PRIVATE" not in str(caught.value)


def test_the_certificate_is_the_keys() -> None:
    assert "another key" in refused({**JWK, "x5c": OTHER["x5c"]})
    assert "another key" in refused({**SigningKey.generate().public_jwk(), "x5c": JWK["x5c"]})
    beside = {**JWK, "x5c": JWK["x5c"] + OTHER["x5c"]}
    found = certificate_of(beside)
    assert found is not None
    assert found.parsed == OWN.certificate
    assert "another key" in refused({**JWK, "x5c": OTHER["x5c"] + JWK["x5c"]})


def test_a_private_key_is_refused_with_its_certificate() -> None:
    numbers = OWN.key.private_numbers().private_value.to_bytes(32, "big")
    assert "public key" in refused({**JWK, "d": urlsafe_b64encode(numbers).rstrip(b"=").decode()})


@pytest.mark.parametrize(
    "x5c",
    [
        *(None, "", JWK["x5c"][0], {}, [], [None], [""], ["!"], [b"x"], [["x"]], 7),
        [urlsafe_b64encode(b"\xff" * 30).decode()],
        [b64encode(b"\x30\x03\x02\x01\x01").decode()],
        [JWK["x5c"][0] + "\n"],
        [JWK["x5c"][0][:-8]],
        JWK["x5c"] * 9,
        [JWK["x5c"][0] + "A" * 20_000],
        [*JWK["x5c"], "nothing"],
        [f"-----BEGIN CERTIFICATE-----{JWK['x5c'][0]}-----END CERTIFICATE-----"],
    ],
)
def test_what_is_no_list_of_certificates_is_refused(x5c: Any) -> None:
    assert "x5c" in refused({**JWK, "x5c": x5c})


def test_what_others_signed_is_not_self_signed() -> None:
    authority = make(common="app", ca=True)
    issued = jwks_of(make(authority, common="app").pem)["keys"][0]  # by a key of the same name
    assert certificate_of(issued) is not None
    der = bytearray(OWN.der)
    der[-1] ^= 1
    forged = {**JWK, "x5c": [b64encode(bytes(der)).decode()]}
    assert certificate_of(forged) is not None
    assert self_signed_in({"keys": [issued, forged, JWK]}) == [certificate_of(JWK)]


@given(
    st.recursive(st.none() | st.text() | st.integers(), lambda each: st.lists(each) | st.dictionaries(st.text(), each))
)
def test_whatever_stands_there_nothing_breaks(value: Any) -> None:
    assert self_signed_in(value) == self_signed_in({"keys": value}) == []
    assert self_signed_in({"keys": [{**JWK, "x5c": value}, value]}) == []
