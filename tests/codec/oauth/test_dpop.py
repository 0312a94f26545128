"""DPoP proofs: the examples of RFC 9449, then forgeries, then properties."""

from __future__ import annotations

import hmac
import json
from functools import partial
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from tests.tokens import compact, pss_sign, raw_sign, segment
from watchword.codec.jose import SigningKey, peek
from watchword.codec.oauth.dpop import ALGORITHMS, LEEWAY, WINDOW, Proof, normal_url, open_proof
from watchword.codec.strict import from_base64url, to_base64url
from watchword.model.reason import BAD_PROOF, Reason
from watchword.model.verdict import Rejection

HEAD = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQy"
    "VVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19."
)
TOKEN_REQUEST = (  # RFC 9449 figure 2
    HEAD
    + "eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwia"
    "WF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
).encode()
RESOURCE_REQUEST = (  # RFC 9449 figure 12
    HEAD
    + "eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0Z"
    "WRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9."
    "2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
).encode()
THUMBPRINT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"  # RFC 9449 section 6.1
ACCESS_TOKEN = b"Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"

NOW = 1_800_000_000
URL = "https://server.example.com/token"
KEYS = {
    "EdDSA": SigningKey.generate(),
    "ES256": SigningKey.generate("ES256"),
    "RS256": SigningKey(rsa.generate_private_key(65_537, 2_048)),
}
ES = KEYS["ES256"]


def header(key: SigningKey = ES, **members: Any) -> dict[str, Any]:
    jwk = {name: value for name, value in key.public_jwk().items() if name not in {"kid", "use", "alg"}}
    given = {"typ": "dpop+jwt", "alg": key.algorithm, "jwk": jwk, **members}
    return {name: value for name, value in given.items() if value is not ...}


def claims(**more: Any) -> dict[str, Any]:
    given = {"jti": "j1", "htm": "POST", "htu": URL, "iat": NOW, **more}
    return {name: value for name, value in given.items() if value is not ...}


def proof(key: SigningKey = ES, head: dict[str, Any] | None = None, **more: Any) -> bytes:
    return compact(head or header(key), claims(**more), raw_sign(key))


def opened(raw: bytes, method: str = "POST", url: str = URL, now: float = NOW, **more: Any) -> Proof | Rejection:
    return open_proof(raw, method=method, url=url, now=now, **more)


def refused(raw: bytes, *details: str, **more: Any) -> None:
    found = opened(raw, **more)
    assert isinstance(found, Rejection), found
    assert found.reason is BAD_PROOF
    assert not details or found.detail.removeprefix("DPoP proof: ") in details, found.detail


def test_rfc_9449_figure_2_the_token_request() -> None:
    found = opened(TOKEN_REQUEST, now=1_562_262_616)
    assert found == Proof(THUMBPRINT, "-BwC3ESc6acc2lTc", URL, 1_562_262_616, "ES256")


def test_rfc_9449_figure_12_the_resource_request() -> None:
    place = {"method": "GET", "url": "https://resource.example.org/protectedresource", "now": 1_562_262_618}
    found = opened(RESOURCE_REQUEST, access_token=ACCESS_TOKEN, **place)
    assert isinstance(found, Proof)
    assert found.jkt == THUMBPRINT
    refused(RESOURCE_REQUEST, "ath", access_token=ACCESS_TOKEN + b"x", **place)


@pytest.mark.parametrize("algorithm", KEYS)
def test_each_kind_of_key_proves(algorithm: str) -> None:
    key = KEYS[algorithm]
    found = opened(proof(key))
    assert isinstance(found, Proof)
    assert found.jkt == key.verification.thumbprint()
    assert algorithm in ALGORITHMS


def test_rfc_9864_name_of_ed25519() -> None:
    assert isinstance(opened(proof(KEYS["EdDSA"], header(KEYS["EdDSA"], alg="Ed25519"))), Proof)
    assert set(ALGORITHMS) == {*KEYS, "Ed25519", "PS256"}


def test_rfc_7518_section_3_5_a_bare_rsa_key_is_for_what_the_header_says() -> None:
    key = KEYS["RS256"]
    bare = header(key, alg="PS256")
    for head in (bare, {**bare, "jwk": {**bare["jwk"], "alg": "PS256"}}):
        found = opened(compact(head, claims(), pss_sign(key)))
        assert isinstance(found, Proof)
        assert (found.algorithm, found.jkt) == ("PS256", key.verification.thumbprint())
    refused(compact(bare, claims(), raw_sign(key)), "bad_signature")
    refused(compact(header(key), claims(), pss_sign(key)), "bad_signature")
    refused(compact({**bare, "jwk": {**bare["jwk"], "alg": "RS256"}}, claims(), pss_sign(key)), "bad_algorithm")


def test_an_rsa_key_with_an_endless_exponent_is_refused_before_it_is_used() -> None:
    key = KEYS["RS256"]
    unfit = "a key must be Ed25519, EC P-256, or RSA of 2048 to 8192 bits"
    for e, reason in ((2**32 + 1, "bad_signature"), (2**33 + 1, unfit), (2**2000 + 1, unfit)):
        jwk = {**header(key)["jwk"], "e": to_base64url(e.to_bytes((e.bit_length() + 7) // 8)).decode()}
        refused(proof(key, header(key, jwk=jwk)), reason)


def test_what_web_crypto_exports_is_a_key() -> None:
    jwk = {**header()["jwk"], "ext": True, "key_ops": ["verify"]}
    assert isinstance(opened(proof(head=header(jwk=jwk))), Proof)


def test_the_nonce_is_handed_on() -> None:
    found = opened(proof(nonce="n-1"))
    assert isinstance(found, Proof)
    assert found.nonce == "n-1"
    assert "n-1" not in repr(found)
    for bad in ("", 1, None, ["n"], "n" * 256):
        if bad is not None:
            refused(proof(nonce=bad), "nonce")


# --- MUST 9, 10, 12: the header --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "", None, ...])
def test_must_9_cve_2020_26244_alg_none(name: Any) -> None:
    refused(compact(header(alg=name), claims(), lambda signed: b""))
    refused(compact(header(alg=name), claims(), raw_sign(ES)), "bad_algorithm")


@pytest.mark.parametrize("algorithm", KEYS)
@pytest.mark.parametrize("mac", ["HS256", "HS384", "HS512"])
def test_must_9_cve_2022_29217_public_key_as_hmac_secret(algorithm: str, mac: str) -> None:
    key = KEYS[algorithm]
    public = key._key.public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    ssh = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    jwk = json.dumps(key.public_jwk()).encode()
    for secret in (pem, der, ssh, jwk, b"\xef\xbb\xbf" + jwk, b"", b"secret"):
        mac_of = partial(_mac, secret, mac.replace("HS", "sha"))
        refused(compact(header(key, alg=mac), claims(), mac_of), "bad_algorithm")


def _mac(secret: bytes, hashed: str, signed: bytes) -> bytes:
    return hmac.digest(secret, signed, hashed)


def test_cve_2026_48523_the_algorithm_is_the_keys() -> None:
    for algorithm, key in KEYS.items():
        for other in {*KEYS, "ES384", "PS256", "ES256K", "RS1"} - {algorithm}:
            reason = "bad_signature" if (algorithm, other) == ("RS256", "PS256") else "bad_algorithm"
            refused(compact(header(key, alg=other), claims(), raw_sign(key)), reason)


def test_must_10_the_type_is_dpop_jwt() -> None:
    for typ in ("JWT", "jwt", "at+jwt", "dpop", "dpop+jw", "dpop+jwt2", " dpop+jwt", "", ...):
        refused(proof(head=header(typ=typ)), "typ")
    for typ in (1, ["dpop+jwt"], None):
        refused(proof(head=header(typ=typ)))
    assert isinstance(opened(proof(head=header(typ="application/dpop+jwt"))), Proof)  # RFC 7515 section 4.1.9


@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi", "oth", "k"])
def test_must_12_private_members_are_refused(member: str) -> None:
    refused(
        proof(head=header(jwk={**header()["jwk"], member: "AA"})), "a JWK must be a public key of type OKP, EC or RSA"
    )


@pytest.mark.parametrize(
    "members",
    [
        {"jku": "https://evil.example/jwks"},
        {"x5u": "https://evil.example/x5u"},
        {"x5c": ["AA"]},
        {"crit": ["x"]},
        {"crit": []},
        {"b64": False},
        {"zip": "DEF"},
        {"enc": "A256GCM"},
        {"p2c": 10**9},
    ],
)
def test_must_12_no_other_way_to_bring_a_key_and_no_extension(members: dict[str, Any]) -> None:
    refused(proof(head=header(**members)))


@pytest.mark.parametrize(
    "jwk",
    [
        ...,
        None,
        {},
        [],
        "x",
        {"kty": "oct", "k": "AA"},
        {"kty": "oct"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "P-384", "x": "A" * 64, "y": "A" * 64},
        {"kty": "OKP", "crv": "X25519", "x": "A" * 43},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "n": "A" * 4000, "e": "AQAB"},
        {"kty": ["EC"]},
    ],
)
def test_what_is_no_fit_key_is_refused(jwk: Any) -> None:
    refused(proof(head=header(jwk=jwk)))


def test_the_jwk_of_another_use_is_refused() -> None:
    for members in ({"use": "enc"}, {"key_ops": ["sign"]}, {"alg": "RS256"}, {"alg": "HS256"}):
        refused(proof(head=header(jwk={**header()["jwk"], **members})))


def test_the_invalid_curve_point_is_refused() -> None:
    x, y = (to_base64url(b"\1" * 32).decode() for _ in range(2))
    refused(proof(head=header(jwk={"kty": "EC", "crv": "P-256", "x": x, "y": y})))


def test_the_signature_is_of_the_key_that_was_brought() -> None:
    other = SigningKey(ec.generate_private_key(ec.SECP256R1()))
    refused(compact(header(ES), claims(), raw_sign(other)), "bad_signature")
    raw = proof()
    for cut in (raw[:-1], raw[:-10], raw + b"A", raw + b"=", raw.rpartition(b".")[0], raw.rpartition(b".")[0] + b"."):
        refused(cut)
    refused(raw.replace(b".", b"..", 1))
    assert isinstance(opened(proof(x="A" * 5_000)), Proof)
    refused(proof(x="A" * 6_000), "no compact JWS")
    refused(b"A" * 22_000)  # an oversized signature once overflowed (HAProxy)
    refused(raw.rpartition(b".")[0] + b"." + b"A" * 8_000)


def test_what_strangers_sign_is_not_remembered_as_a_header_of_ours() -> None:
    raw = proof()
    assert isinstance(opened(raw), Proof)
    assert isinstance(peek(raw), Reason), "a header with a key in it would pass for that of a token"


# --- the claims -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["jti", "htm", "htu", "iat"])
def test_each_claim_is_required(name: str) -> None:
    refused(proof(**{name: ...}))
    for bad in (None, [], {}, True, 1.5 if name != "iat" else "1"):
        refused(proof(**{name: bad}))


def test_the_jti_is_bounded() -> None:
    assert isinstance(opened(proof(jti="j" * 255)), Proof)
    for bad in ("", "j" * 256, "a\nb", "a\0"):
        refused(proof(jti=bad), "claims")


def test_the_method_is_compared_exactly() -> None:
    for bad in ("GET", "post", "POST ", ""):
        refused(proof(htm=bad), "htm")


def test_the_window() -> None:
    for iat in (NOW - WINDOW, NOW, NOW + LEEWAY, NOW + 0.5):
        assert isinstance(opened(proof(iat=iat)), Proof)
    for iat in (NOW - WINDOW - 1, NOW + LEEWAY + 1, 0, -1, 1e300):
        refused(proof(iat=iat), "iat")
    raw = compact(header(), b'{"jti":"j","htm":"POST","htu":"%s","iat":NaN}' % URL.encode(), raw_sign(ES))
    refused(raw, "malformed")
    refused(proof(exp=NOW - 1), "iat")
    refused(proof(nbf=NOW + 100), "iat")


def test_a_claim_that_comes_twice_is_refused() -> None:
    payload = json.dumps(claims()).replace("{", '{"htu":"https://evil.example/",', 1).encode()
    refused(compact(header(), payload, raw_sign(ES)), "malformed")


def test_must_17_ath_is_required_with_an_access_token() -> None:
    right = to_base64url(sha256(b"token").digest()).decode()
    assert isinstance(opened(proof(ath=right), access_token=b"token"), Proof)
    for bad in (..., None, "", right + "=", right[:-1], right.lower(), [right], "é", 1):
        refused(proof(ath=bad), "ath", access_token=b"token")
    refused(proof(ath=right), "ath", access_token=b"token2")


# --- the URL ---------------------------------------------------------------------------------------------------------

SAME = (
    URL,
    "HTTPS://server.example.com/token",
    "https://SERVER.Example.com/token",
    "https://server.example.com:443/token",
    "https://server.example.com:/token",
    "https://server.example.com/%74oken",
    "https://server.example.com/a/../token",
    "https://server.example.com/./token",
    "https://server.example.com/%2e%2E/token",
    "https://server.example.com/token?a=b",
    "https://server.example.com/token#f",
    "https://server.example.com/token?",
)
OTHER = (
    "http://server.example.com/token",
    "https://server.example.com:444/token",
    "https://server.example.com:80/token",
    "https://server.example.com/token/",
    "https://server.example.com/Token",
    "https://server.example.com/to%2Fken",
    "https://server.example.com//token",
    "https://server.example.com/token;x",
    "https://server.example.com/token%3Fa",
    "https://server.example.com",
    "https://server.example.com.evil.example/token",
    "https://evil.example/token",
    "https://user@server.example.com/token",
    "https://server.example.com@evil.example/token",
    "https://evil.example\\@server.example.com/token",
    "https:/server.example.com/token",
    "https:///token",
    "//server.example.com/token",
    "/token",
    "token",
    "",
    "https://server.example.com/tok\ten",
    "https://server.example.com/token\n",
    " https://server.example.com/token",
    "https://server.example.com/token%",
    "https://server.example.com/%zz",
    "https://server.example.com:x/token",
    "https://server.example.com:99999/token",
    "https://sérver.example.com/token",
    "https://server.example.com/tokén",
    "https://server%2eexample.com/token",
    "ftp://server.example.com/token",
    "https://[server.example.com/token",
    URL + "?" + "a" * 5_000,
)


@pytest.mark.parametrize("htu", SAME)
def test_rfc_3986_section_6_2_the_same_place_in_another_spelling(htu: str) -> None:
    found = opened(proof(htu=htu))
    assert isinstance(found, Proof)
    assert found.url == URL, "replays are found by the place in its normal form (MUST 17)"


@pytest.mark.parametrize("htu", OTHER)
def test_another_place_is_another_place(htu: str) -> None:
    refused(proof(htu=htu), "htu")


def test_ports_and_addresses() -> None:
    assert normal_url("http://127.0.0.1:80") == "http://127.0.0.1/"
    assert normal_url("http://127.0.0.1:8000/x") == "http://127.0.0.1:8000/x"
    assert normal_url("https://[2001:DB8::1]:443/x") == "https://[2001:db8::1]/x"
    assert normal_url("https://[2001:db8::1]:8443/x") == "https://[2001:db8::1]:8443/x"


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/a/b/c/./../../g", "/a/g"),  # RFC 3986 section 5.2.4
        ("/mid/content=5/../6", "/mid/6"),
        ("/..", "/"),
        ("/../..", "/"),
        ("/a/.", "/a/"),
        ("/a/..", "/"),
        ("/a//../b", "/a/b"),
        ("/...", "/..."),
        ("/%7euser/%3a%2F", "/~user/%3A%2F"),
        ("/%252e", "/%252e"),
    ],
)
def test_paths(path: str, wanted: str) -> None:
    assert normal_url("https://a.example" + path) == "https://a.example" + wanted


@given(st.text(max_size=60))
def test_the_normal_form_of_anything_is_its_own_normal_form(text: str) -> None:
    for url in (text, "https://" + text, "https://a.example/" + text):
        once = normal_url(url)
        assert once is None or normal_url(once) == once


@given(st.binary(max_size=300))
def test_rubbish_is_refused(raw: bytes) -> None:
    assert isinstance(opened(raw), Rejection)
    assert isinstance(opened(segment(header()) + b"." + raw), Rejection)


def test_no_text_of_a_refusal_quotes_the_proof() -> None:
    for raw in (proof(htu="https://secret.example/"), proof(head=header(typ="secret")), proof(jti="s" * 300)):
        found = opened(raw)
        assert isinstance(found, Rejection)
        assert "secret" not in found.detail
        assert "sss" not in found.detail


def test_the_header_is_what_the_rfc_has() -> None:
    assert json.loads(from_base64url(HEAD.rstrip(".").encode()))["jwk"]["crv"] == "P-256"
