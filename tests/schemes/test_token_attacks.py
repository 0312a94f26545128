"""One attack matrix over every place that lets a signed token in (CVE-2026-11800); advisories name the tests."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tokens import (
    ED,
    ENTRIES,
    ES,
    MALLORY,
    NOW,
    RS,
    Entry,
    entry,
    not_accepted,
    raw_sign,
    refused,
    segment,
)
from watchword.codec.jose import SigningKey
from watchword.model import reason as why
from watchword.model.verdict import Principal


@pytest.fixture(params=ENTRIES)
def place(request: pytest.FixtureRequest) -> Entry:
    built = entry(request.param)
    assert isinstance(built.verdict(built.token()), Principal), "the honest twin must pass, or a refusal proves nothing"
    built.verdicts.clear()
    return built


def public_texts(key: SigningKey) -> Iterator[bytes]:
    public: Any = key.verification._wrapped.public_key
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    jwk = json.dumps(key.public_jwk()).encode()
    yield from (pem, pem.strip(), b"\xef\xbb\xbf" + pem, b"\n " + pem + b"\t\n", pem.replace(b"\n", b"\r\n"))
    yield public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    yield public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    yield from (jwk, b"\xef\xbb\xbf" + jwk, b"  " + jwk + b"\n", json.dumps({"keys": [key.public_jwk()]}).encode())
    yield json.dumps(key.public_jwk(), separators=(",", ":")).encode()


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_cve_2022_29217_2024_33663_2024_37568_2026_48526_public_key_as_hmac_secret(
    place: Entry, algorithm: str
) -> None:
    digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[algorithm]
    for text in public_texts(place.key):
        forged = place.forged(place.header(alg=algorithm), sign=lambda m, k=text: hmac.new(k, m, digest).digest())
        refused(place, forged, why.BAD_ALGORITHM)


def test_cve_2026_49852_empty_hmac_secret(place: Entry) -> None:
    for secret in (b"", b"\0", b"null", b"None"):
        forged = place.forged(place.header(alg="HS256"), sign=lambda m, k=secret: hmac.new(k, m, "sha256").digest())
        refused(place, forged, why.BAD_ALGORITHM)


def test_cve_2026_48523_39999_22817_22818_header_names_another_algorithm(place: Entry) -> None:
    names = {
        "EdDSA",
        "Ed25519",
        "Ed448",
        "ES256",
        "ES384",
        "ES512",
        "ES256K",
        "RS256",
        "RS384",
        "PS256",
        "HS256",
        "dir",
        "RSA-OAEP",
    }
    names |= {name.lower() for name in names}
    for name in names - {place.key.algorithm} - ({"Ed25519"} if place.key.algorithm == "EdDSA" else set()):
        for signer in (place.key, ED, ES, RS, MALLORY):
            refused(place, place.forged(place.header(alg=name), sign=raw_sign(signer)), why.BAD_ALGORITHM)


def test_cve_2026_28802_2020_26244_algorithm_none(place: Entry) -> None:
    for name in ("none", "None", "NONE", "nOnE", "", " none", None, 0, [], ["none"], {"alg": "none"}):
        for signature in (b"", b"x", b"." * 64):
            refused(place, place.forged(place.header(alg=name), sign=lambda _, s=signature: s))
    header = place.header()
    del header["alg"]
    refused(place, place.forged(header), why.BAD_ALGORITHM)
    refused(place, place.forged(header, sign=lambda _: b""), why.BAD_ALGORITHM)


def test_cve_2026_27962_key_inside_the_token(place: Entry) -> None:
    jwk = MALLORY.public_jwk()
    for member in (
        {"jwk": jwk},
        {"jwk": jwk, "kid": MALLORY.kid},
        {"jku": "https://evil.example/jwks"},
        {"x5u": "https://evil.example/cert.pem"},
        {"x5c": [base64.b64encode(b"certificate").decode()]},
    ):
        for signer in (MALLORY, place.key):
            refused(place, place.forged(place.header(alg=signer.algorithm, **member), sign=raw_sign(signer)))
    refused(place, place.forged(place.header(alg="EdDSA", kid=MALLORY.kid), sign=raw_sign(MALLORY)), why.UNKNOWN_KEY)
    header = place.header()
    del header["kid"]
    refused(place, place.forged(header, sign=raw_sign(MALLORY)))


def test_cve_2025_59420_2026_32597_critical_extensions(place: Entry) -> None:
    for crit in ([], ["x"], ["exp"], ["alg"], ["b64"], ["x", "x"], "x", None, {}, 1):
        refused(place, place.forged(place.header(crit=crit, x=1)), why.UNKNOWN_CRITICAL)
    raw = json.dumps(place.header()).encode()
    for twice in (b'{"crit":[],"crit":["x"],' + raw[1:], b'{"alg":"none",' + raw[1:], raw[:-1] + b',"kid":"other"}'):
        refused(place, place.forged(twice), why.MALFORMED_CREDENTIAL)


def test_cve_2026_48990_unencoded_payload(place: Entry) -> None:
    for b64 in (False, True, None):
        refused(place, place.forged(place.header(b64=b64)), why.UNKNOWN_CRITICAL)
        refused(place, place.forged(place.header(b64=b64, crit=["b64"])), why.UNKNOWN_CRITICAL)
    signed = segment(place.header(b64=False, crit=["b64"])) + b"." + json.dumps(place.claims).encode()
    not_accepted(place, signed + b"." + segment(raw_sign(place.key)(signed)))
    not_accepted(place, segment(place.header()) + b"." + b"A" * 2_000_000 + b"." + segment(b"x" * 64))


def test_cve_2026_27932_pbes2_count(place: Entry) -> None:
    started = time.perf_counter()
    header = {"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2s": "AAAA", "p2c": 1_000_000_000, "typ": place.typ}
    refused(place, b".".join([segment(header), b"AAAA", b"AAAA", b"AAAA", b"AAAA"]), why.BAD_ALGORITHM)
    refused(place, place.forged(place.header(p2c=1_000_000_000, p2s="AAAA")), why.BAD_ALGORITHM)
    assert time.perf_counter() - started < 1


def test_cve_2024_28102_33664_decompression_bomb(place: Entry) -> None:
    bomb = zlib.compress(b" " * 10_000_000)[2:-4]
    tracemalloc.start()
    try:
        refused(place, place.forged(place.header(zip="DEF"), payload=bomb), why.BAD_ALGORITHM)
        encrypted = segment({"alg": "dir", "enc": "A128GCM", "zip": "DEF", "typ": place.typ})
        refused(place, b".".join([encrypted, b"AAAA", b"AAAA", segment(bomb), b"AAAA"]))
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_cve_2026_34986_malformed_encryption(place: Entry) -> None:
    head = segment({"alg": "RSA-OAEP", "enc": "A128GCM", "typ": place.typ})
    for token in (
        head + b"....",
        head + b"..AAAA.AAAA.AAAA",
        head + b".AAAA.AAAA.AAAA.",
        b"....",
        b"AAAA.AAAA.AAAA.AAAA.AAAA",
    ):
        refused(place, token, why.BAD_ALGORITHM, why.MALFORMED_CREDENTIAL)
    honest = place.token().encode()
    for token in (honest + b".AAAA.AAAA", honest + b"..", b"AAAA.AAAA." + honest):
        refused(place, token)


def test_cve_2022_39227_mixed_serialization(place: Entry) -> None:
    header, payload, signature = place.token().split(".")
    other = segment(place.changed(sub="user:root")).decode()
    general = {"payload": other, "signatures": [{"protected": header, "signature": signature}]}
    flattened = {"payload": other, "protected": header, "signature": signature}
    for value in (general, flattened, {**flattened, "payload": payload}):
        text = json.dumps(value)
        for token in (
            text,
            segment(text.encode()).decode(),
            f"{text}.{payload}.{signature}",
            f"{header}.{text}.{signature}",
        ):
            not_accepted(place, token)
    mixed = '{"protected":"' + header + '","payload":"' + other + '","x":".' + payload + "." + signature + '"}'
    not_accepted(place, mixed)
    refused(place, f"{header}.{other}.{signature}", why.BAD_SIGNATURE)


def test_ghsa_5jhw_7jv7_qcqq_one_spelling_of_a_token(place: Entry) -> None:
    token = place.token()
    assert isinstance(place.verdict(token), Principal)
    place.revocations.add("token:t1", NOW, NOW + 600)
    place.verdicts.clear()
    refused(place, token, why.REVOKED)
    place.revocations = place.scheme._revocations = type(place.revocations)()  # so that only the spelling is judged
    for at in range(3):
        for tail in ("=", "==", "===", "\n", "\r\n", "\t", "A", "A==", "%3D", "\0", "é"):
            parts = token.split(".")
            parts[at] += tail
            not_accepted(place, ".".join(parts).encode())
            parts[at] = tail + token.split(".")[at]
            not_accepted(place, ".".join(parts).encode())
    for swapped in (token.replace("-", "+"), token.replace("_", "/")):
        if swapped != token:
            not_accepted(place, swapped)


def test_trailing_bits_of_base64url(place: Entry) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    parts = place.token().split(".")
    for at in range(3):
        for char in alphabet:
            other = [*parts]
            other[at] = parts[at][:-1] + char
            if char != parts[at][-1]:
                not_accepted(place, ".".join(other))


def test_cve_2026_27840_truncated_token(place: Entry) -> None:
    token = place.token()
    for length in range(len(token)):
        not_accepted(place, token[:length])
    for cut in range(1, len(token), 7):
        not_accepted(place, token[cut:])


def test_haproxy_2026_oversized_signature(place: Entry) -> None:
    signed = place.token().rpartition(".")[0].encode()
    for size in (0, 1, 63, 65, 96, 128, 255, 257, 22_000):
        refused(place, signed + b"." + segment(b"\x01" * size), why.BAD_SIGNATURE, why.MALFORMED_CREDENTIAL)


def test_es256_signature_is_raw_and_in_range() -> None:
    for name in ("jwt ES256", "oauth2 ES256"):
        place = entry(name)
        signed = place.token().rpartition(".")[0].encode()
        raw = raw_sign(ES)(signed)
        from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

        der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
        order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
        zero, whole = bytes(32), order.to_bytes(32)
        for signature in (
            der,
            zero + zero,
            raw[:32] + zero,
            zero + raw[32:],
            whole + whole,
            b"\xff" * 64,
            whole + raw[32:],
        ):
            refused(place, signed + b"." + segment(signature), why.BAD_SIGNATURE)


def test_nothing_deep_or_odd_raises(place: Entry) -> None:
    deep = 7_000
    for payload in (
        b"[" * deep,
        b'{"a":' * 2_000,
        b'{"a":' + b"[" * 40 + b"]" * 40 + b"}",
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{",
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b"1" * 5_000,
    ):
        refused(place, place.forged(place.header(), payload), why.MALFORMED_CREDENTIAL)
        refused(place, place.forged(payload), why.MALFORMED_CREDENTIAL)
    twice = json.dumps(place.claims).encode()[:-1] + b',"sub":"user:root"}'
    refused(place, place.forged(place.header(), twice), why.MALFORMED_CREDENTIAL)
    refused(
        place, place.forged(place.header(), json.dumps(place.claims).encode().replace(b"{", b'{"x":{"a":1,"a":2},', 1))
    )
    for kid in ("", " " * 3, "../../etc/passwd", "' OR 1=1 --", "k" * 5_000, 1, None, [], {}, "\0", "\ud800"):
        not_accepted(place, place.forged(place.header(kid=kid), sign=raw_sign(MALLORY)))
    refused(place, place.token(x="y" * 20_000), why.MALFORMED_CREDENTIAL)


@pytest.mark.parametrize("name", ["jwt own", "oauth2 own", "jwt ES256", "oauth2 RS256"])
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_one_character_changed_is_refused(name: str, data: st.DataObject) -> None:
    place = entry(name)
    token = bytearray(place.token().encode())
    at = data.draw(st.integers(0, len(token) - 1))
    char = data.draw(st.integers(0, 255).filter(lambda code: code != token[at]))
    token[at] = char
    not_accepted(place, bytes(token))


JUNK = entry("jwt own"), entry("oauth2 own")


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=50), st.binary(max_size=70))
def test_random_bytes_never_raise(one: bytes, two: bytes, three: bytes) -> None:
    for place in JUNK:
        for token in (one, one + b"." + two + b"." + three, segment(one) + b"." + segment(two) + b"." + segment(three)):
            not_accepted(place, token)
        good = place.token().split(".")
        not_accepted(place, f"{good[0]}.".encode() + segment(two) + b"." + segment(three))
        not_accepted(place, place.forged(place.header(), one))
