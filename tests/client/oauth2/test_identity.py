"""Judge how clients prove themselves by RFC 6749 section 2.3, RFC 7523 and RFC 8705."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from tests.client.oauth2.world import ISSUER, assertion
from watchword.client.oauth2.identity import client_of
from watchword.client.oauth2.metadata import Server
from watchword.codec.jose import VerificationKey, peek

SERVER = Server(ISSUER, f"{ISSUER}/token")


def pem(key: object) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[attr-defined]


def test_rfc_6749_section_2_3_1_id_and_secret_are_form_encoded() -> None:
    headers, form = client_of("a:b", "c d", None, None, False).proved(SERVER)
    assert headers == {"Authorization": "Basic YSUzQWI6Yytk"}  # a%3Ab:c+d
    assert form == {}


def test_a_secret_is_posted_where_the_server_takes_it_there_alone() -> None:
    proved = client_of("a", "s", None, None, False).proved(Server(ISSUER, f"{ISSUER}/token", posts_secret=True))
    assert proved == ({}, {"client_id": "a", "client_secret": "s"})


@pytest.mark.parametrize("mtls", [False, True])
def test_without_a_secret_there_is_the_id(mtls: bool) -> None:
    assert client_of("a", None, None, None, mtls).proved(SERVER) == ({}, {"client_id": "a"})


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (rsa.generate_private_key(65537, 2048), "RS256"),
    ],
    ids=["ed25519", "p256", "rsa"],
)
def test_must_15_an_assertion_is_for_the_issuer_alone(key: object, algorithm: str) -> None:
    client = client_of("cli", None, pem(key), "k1", False)
    first, second = client.proved(SERVER)[1], client.proved(SERVER)[1]
    verification = VerificationKey(key.public_key(), "k1")  # type: ignore[attr-defined]
    claims = assertion(first["client_assertion"], verification)
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("cli", "cli", ISSUER)
    assert 0 < claims["exp"] - claims["iat"] <= 300
    assert claims["jti"] != assertion(second["client_assertion"], verification)["jti"]
    header = peek(first["client_assertion"].encode())
    assert (header.algorithm, header.kid) == (algorithm, "k1")  # type: ignore[union-attr]
    assert first["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def test_without_an_issuer_an_assertion_is_for_the_token_endpoint() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    form = client_of("cli", None, pem(key).decode(), None, False).proved(Server("", f"{ISSUER}/token"))[1]
    assert assertion(form["client_assertion"], VerificationKey(key.public_key()))["aud"] == f"{ISSUER}/token"


def test_one_proof_and_no_more() -> None:
    with pytest.raises(ValueError, match="one way"):
        client_of("a", "s", b"x", None, False)
    with pytest.raises(ValueError, match="one way"):
        client_of("a", "s", None, None, True)
    with pytest.raises(ValueError, match="has an id"):
        client_of("", "s", None, None, False)


def test_keys_that_cannot_be_used_are_not_quoted() -> None:
    locked = ed25519.Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hush")
    )
    for bad in (b"-----BEGIN PRIVATE KEY-----\nhush\n", "hush", locked):
        with pytest.raises(ValueError) as caught:
            client_of("a", None, bad, None, False)
        assert "hush" not in str(caught.value)
        assert caught.value.__cause__ is None


def test_the_secret_stays_out_of_the_repr() -> None:
    assert "hush" not in repr(client_of("a", "hush", None, None, False))
