"""Forge a signed token in every way that once worked somewhere; each forgery has the name of its advisory."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from cryptography.hazmat.primitives import serialization

from tests.tokens import compact, raw_sign, segment
from watchword.codec.jose import SigningKey

__all__ = ["forgeries"]

_ALGORITHMS = ("EdDSA", "ES256", "RS256", "PS256", "ES384", "ES256K", "RS1", "HS256")


def forgeries(
    key: SigningKey, typ: str, claims: Mapping[str, Any], brings: Mapping[str, Any] | None = None
) -> Iterator[tuple[str, str]]:
    """Yield forgeries of what ``key`` would sign. ``brings`` are members that an honest header has besides."""
    head = {"alg": key.algorithm, "kid": key.kid, "typ": typ, **(brings or {})}
    honest = compact(head, claims, raw_sign(key))
    for name, raw in (*_unsigned(head, claims, key), *_macs(head, claims, key), *_strangers(head, claims, key)):
        yield name, raw.decode("latin-1")
    yield from _spelled(honest, head, claims, key)


def _unsigned(head: Mapping[str, Any], claims: Any, key: SigningKey) -> Iterator[tuple[str, bytes]]:
    for alg in ("none", "None", "NONE", "nOnE", "", None):
        yield f"CVE-2026-28802 alg {alg!r}", compact({**head, "alg": alg}, claims, lambda _: b"")
        yield f"CVE-2026-28802 alg {alg!r}, signed", compact({**head, "alg": alg}, claims, raw_sign(key))
    rest = {name: value for name, value in head.items() if name != "alg"}
    yield "CVE-2020-26244 no alg", compact(rest, claims, raw_sign(key))


def _macs(head: Mapping[str, Any], claims: Any, key: SigningKey) -> Iterator[tuple[str, bytes]]:
    held: Any = key._key.public_key()
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = held.public_bytes(serialization.Encoding.PEM, spki)
    jwk = json.dumps(key.public_jwk()).encode()
    secrets = {
        "CVE-2022-29217 PEM": pem,
        "CVE-2022-29217 PEM, stripped": pem.strip(),
        "CVE-2024-37568 DER": held.public_bytes(serialization.Encoding.DER, spki),
        "CVE-2024-33663 OpenSSH": held.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH),
        "CVE-2026-48526 JWK": jwk,
        "CVE-2026-48526 JWK behind a byte order mark": b"\xef\xbb\xbf" + jwk,
        "CVE-2026-49852 empty": b"",
    }
    for name, secret in secrets.items():
        for alg in ("HS256", "HS384", "HS512"):
            mac = partial(_mac, secret, alg.replace("HS", "sha"))
            yield f"{name} as {alg} secret", compact({**head, "alg": alg}, claims, mac)


def _mac(secret: bytes, hashed: str, signed: bytes) -> bytes:
    return hmac.digest(secret, signed, hashed)


def _strangers(head: Mapping[str, Any], claims: Any, key: SigningKey) -> Iterator[tuple[str, bytes]]:
    mallory = SigningKey.generate(key.algorithm)
    sign = raw_sign(mallory)
    yield "another key under the right kid", compact(head, claims, sign)
    if "jwk" not in head:
        for kid in (key.kid, mallory.kid, None):
            brought = {**head, "kid": kid, "jwk": mallory.public_jwk()}
            yield f"CVE-2026-27962 jwk, kid {kid == key.kid}", compact(brought, claims, sign)
    for name, value in (("jku", "https://evil.example/"), ("x5u", "https://evil.example/"), ("x5c", ["AA"])):
        yield f"CVE-2026-27962 {name}", compact({**head, name: value}, claims, sign)
        yield f"CVE-2026-27962 {name}, rightly signed", compact({**head, name: value}, claims, raw_sign(key))
    for alg in _ALGORITHMS:
        if alg != key.algorithm:
            yield f"CVE-2026-48523 alg {alg}", compact({**head, "alg": alg}, claims, raw_sign(key))


def _spelled(honest: bytes, head: Mapping[str, Any], claims: Any, key: SigningKey) -> Iterator[tuple[str, str]]:
    sign, text = raw_sign(key), honest.decode()
    for name, member in {
        "CVE-2025-59420 unknown crit": {"crit": ["x"], "x": 1},
        "CVE-2025-59420 empty crit": {"crit": []},
        "CVE-2025-59420 crit of a known member": {"crit": ["alg"]},
        "CVE-2026-48990 b64": {"b64": False, "crit": ["b64"]},
        "CVE-2024-28102 zip": {"zip": "DEF"},
        "CVE-2026-27932 p2c": {"p2c": 10**9, "p2s": "AA"},
        "enc": {"enc": "A256GCM"},
    }.items():
        yield name, compact({**head, **member}, claims, sign).decode()
    front, payload, signature = text.split(".")
    name = next(iter(claims))
    twice = json.dumps(dict(claims)).replace("{", f'{{"{name}":"x",', 1).encode()
    yield "CVE-2022-39227 a claim twice", compact(head, twice, sign).decode()
    yield "CVE-2022-39227 JSON around it", f'{{"{text}":0}}'
    yield "no signature", f"{front}.{payload}."
    yield "two segments", f"{front}.{payload}"
    yield "five segments", f"{front}.{payload}.{signature}.{payload}.{signature}"
    yield "CVE-2026-34986 as if encrypted", f"{segment({'alg': 'dir', 'enc': 'A256GCM'}).decode()}..AA.{payload}.AA"
    yield "cut short", text[:-2]
    yield "HAProxy 2026 oversized signature", f"{front}.{payload}.{'A' * 22_000}"
    for name, variant in {
        "padded": text + "=",
        "padded inside": f"{front}=.{payload}.{signature}",
        "longer": text + "A",
        "a space inside": f"{front}. {payload}.{signature}",
        "a line break behind": text + "\n",
    }.items():
        yield f"GHSA-5jhw-7jv7-qcqq {name}", variant
    changed = {**claims, "sub": "user:root"}
    yield "claims changed under the signature", f"{front}.{segment(changed).decode()}.{signature}"
    yield "wholly empty", ""
    yield "dots", ".."
