"""Keys that a sender publishes: GitHub's own example first, then who else might sign."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.house import Clock

from watchword.model.ports import Fetched, Unavailable
from watchword.server.leaks.published import PublishedKeys

# From the documentation of GitHub's partner programme: a key, a message and its signature.
NAME = "f9525bf080f75b3506ca1ead061add62b8633a346606dc5fe544e29231c6ee0d"
KEY = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEsz9ugWDj5jK5ELBK42ynytbo38gP
HzZFI03Exwz8Lh/tCfL3YxwMdLjB+bMznsanlhK0RwcGP3IDb34kQDIo3Q==
-----END PUBLIC KEY-----
"""
MESSAGE = (
    b'[{"token":"NMIfyYncKcRALEXAMPLE","type":"mycompany_api_token","url":"https://github.com/octocat/Hello-World/'
    b'blob/12345600b9cbe38a219f39a9941c9319b600c002/foo/bar.txt","source":"content"}]'
)
SIGNATURE = "MEUCIQDfLvT8/zM8F1aB3cM0ZwyeWF1m5YR6IhcUIv1OKQYL0wIgBZ5lVXB3gHK+dT8+xt0WgRVLqvsTPFiDO9QP/7eJ4yE="


def listed(**keys: str) -> bytes:
    return json.dumps(
        {"public_keys": [{"key_identifier": name, "key": key, "is_current": True} for name, key in keys.items()]}
    ).encode()


def pem(key: Any) -> str:
    text: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return text.decode()


def signature(key: ec.EllipticCurvePrivateKey, content: bytes, digest: Any = None) -> str:
    return base64.b64encode(key.sign(content, ec.ECDSA(digest or SHA256()))).decode()


class Publisher:
    """Be what answers at the URL of the keys."""

    def __init__(self, body: bytes, status: int = 200) -> None:
        self.body, self.status, self.asked, self.broken = body, status, 0, False

    def __call__(self, url: str, **more: Any) -> Fetched:
        self.asked += 1
        if self.broken:
            raise Unavailable("away")
        return Fetched(self.status, self.body)


def signed(keys: PublishedKeys, name: str = NAME, mark: str = SIGNATURE, content: bytes = MESSAGE) -> bool:
    return asyncio.run(keys.signed(name, mark, content))


def test_the_example_of_the_documentation_is_believed() -> None:
    assert signed(PublishedKeys("https://x", Publisher(listed(**{NAME: KEY}))))


@pytest.mark.parametrize(
    ("name", "mark", "content"),
    [
        (NAME, SIGNATURE, MESSAGE + b"\n"),
        (NAME, SIGNATURE, MESSAGE.replace(b"EXAMPLE", b"EXAMPLF")),
        (NAME, SIGNATURE[:-4], MESSAGE),
        (NAME, SIGNATURE + "\n", MESSAGE),
        (NAME, base64.b64encode(bytes(64)).decode(), MESSAGE),
        (NAME, "MAYCAQACAQA=", MESSAGE),  # r = s = 0 (CVE-2022-21449)
        (NAME, "", MESSAGE),
        (NAME, "x" * 100_000, MESSAGE),
        (NAME, "\u00e4", MESSAGE),
        ("0" * 64, SIGNATURE, MESSAGE),
        ("", SIGNATURE, MESSAGE),
        ("../" + NAME, SIGNATURE, MESSAGE),
        ("x" * 200, SIGNATURE, MESSAGE),
    ],
    ids=range(13),
)
def test_what_is_not_signed_is_not_believed(name: str, mark: str, content: bytes) -> None:
    assert not signed(PublishedKeys("https://x", Publisher(listed(**{NAME: KEY}))), name, mark, content)


def test_another_key_another_digest_another_curve() -> None:
    own, other, large = (ec.generate_private_key(curve) for curve in (ec.SECP256R1(), ec.SECP256R1(), ec.SECP384R1()))
    body = listed(own=pem(own), large=pem(large), strange=pem(ed25519.Ed25519PrivateKey.generate()), broken="x")
    keys = PublishedKeys("https://x", Publisher(body))
    assert signed(keys, "own", signature(own, b"a"), b"a")
    assert not signed(keys, "own", signature(other, b"a"), b"a")
    assert not signed(keys, "own", signature(own, b"a", SHA384()), b"a")
    assert not signed(keys, "large", signature(large, b"a"), b"a")
    assert not signed(keys, "broken", signature(own, b"a"), b"a")


def test_keys_are_fetched_seldom_whoever_asks() -> None:
    clock, publisher = Clock(), Publisher(listed(**{NAME: KEY}))
    keys = PublishedKeys("https://x", publisher, clock)
    for number in range(200):
        assert not signed(keys, f"unknown-{number}")
        assert signed(keys)
    assert publisher.asked == 1
    clock.now += 61
    assert not signed(keys, "unknown")
    assert publisher.asked == 2
    clock.now += 3_601
    assert signed(keys)
    assert publisher.asked == 3


def test_who_comes_while_the_first_keys_are_fetched_waits_for_them() -> None:
    """GitHub tells of several repositories at once: none of them is sent away."""
    publisher = Publisher(listed(**{NAME: KEY}))

    async def slowly(url: str, **more: Any) -> Fetched:
        await asyncio.sleep(0)
        return publisher(url)

    async def play() -> list[bool]:
        keys = PublishedKeys("https://x", slowly)
        return await asyncio.gather(*(keys.signed(NAME, SIGNATURE, MESSAGE) for _ in range(5)))

    assert asyncio.run(play()) == [True] * 5
    assert publisher.asked == 1


def test_a_key_that_is_published_no_more_is_believed_no_more() -> None:
    clock, publisher = Clock(), Publisher(listed(**{NAME: KEY}))
    keys = PublishedKeys("https://x", publisher, clock)
    assert signed(keys)
    publisher.body = listed(other=pem(ec.generate_private_key(ec.SECP256R1())))
    clock.now += 3_601
    assert not signed(keys)


def test_an_outage_changes_nothing_for_a_day() -> None:
    clock, publisher = Clock(), Publisher(listed(**{NAME: KEY}))
    keys = PublishedKeys("https://x", publisher, clock)
    assert signed(keys)
    publisher.broken = True
    for _ in range(20):
        clock.now += 3_700
        assert signed(keys)
    clock.now += 86_400
    with pytest.raises(Unavailable):
        signed(keys)
    with pytest.raises(Unavailable):  # nor within the minute in which nobody tries again
        signed(keys)
    publisher.broken = False
    clock.now += 61
    assert signed(keys)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"public_keys": {}}',
        b'{"public_keys": [1, null, {}]}',
        b"[" * 100_000,
        b'{"public_keys": 5}',
        b"\xff",
    ],
    ids=range(8),
)
def test_a_list_that_is_none_is_an_outage(body: bytes) -> None:
    for status in (200, 302, 500):
        with pytest.raises(Unavailable):
            signed(PublishedKeys("https://x", Publisher(body, status)))


def test_a_clock_that_goes_back_fetches_again() -> None:
    clock, publisher = Clock(), Publisher(listed(**{NAME: KEY}))
    keys = PublishedKeys("https://x", publisher, clock)
    assert signed(keys)
    clock.now -= 10_000
    assert signed(keys)
    assert publisher.asked == 2
