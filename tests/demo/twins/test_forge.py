"""Forged tokens are what they are said to be: otherwise a refusal would prove nothing."""

from __future__ import annotations

import json
import time

import pytest

from watchword.codec.jose import SigningKey, verify
from watchword.codec.strict import from_base64url
from watchword.demo.twins.forge import Forge
from watchword.model.reason import BAD_ALGORITHM, BAD_SIGNATURE

KEY = SigningKey.generate(kid="sig_1")


@pytest.fixture
def forge() -> Forge:
    return Forge(KEY.sign({"sub": "user:alice", "exp": int(time.time()) + 60}), KEY)


def _header(token: str) -> dict[str, object]:
    return json.loads(from_base64url(token.split(".", maxsplit=1)[0].encode()))  # type: ignore[no-any-return]


def test_what_the_issuer_signs_is_rightly_signed(forge: Forge) -> None:
    claims = verify(forge.issued(sub="user:bob", exp=None).encode(), KEY.verification)
    assert claims == {"sub": "user:bob"}
    assert _header(forge.issued(typ="at+jwt"))["typ"] == "at+jwt"


def test_what_others_make_is_not(forge: Forge) -> None:
    assert verify(forge.edited(sub="user:root").encode(), KEY.verification) is BAD_SIGNATURE
    assert verify(forge.stranger().encode(), KEY.verification) is BAD_SIGNATURE
    assert verify(forge.cut().encode(), KEY.verification) is BAD_SIGNATURE
    for token in (forge.unsigned(), forge.public_key_as_secret(), forge.headed(alg="ES256"), forge.encrypted()):
        assert verify(token.encode(), KEY.verification) is BAD_ALGORITHM


def test_each_twin_says_what_it_is(forge: Forge) -> None:
    assert _header(forge.unsigned())["alg"] == "none"
    assert forge.unsigned().endswith(".")
    assert _header(forge.public_key_as_secret())["alg"] == "HS256"
    assert "jwk" in _header(forge.stranger(jwk=True))
    assert _header(forge.stranger("ES256"))["kid"] == "sig_1"
    assert forge.encrypted().count(".") == 4
