"""Shapes: what is ours by its look, and how much of it may be shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.codec.shapes.planted import refresh_token, secret, secrets
from watchword.codec.jose import SigningKey
from watchword.codec.secrets import new_id, new_root_key, new_secret
from watchword.codec.shapes import JWT, ROOT_KEY, SHAPES, ends_at, fingerprint, shape_of, shown

SRC = Path(__file__).resolve().parents[3] / "src" / "watchword"


def jwt(kid: str, typ: str = "at+jwt", **claims: str) -> str:
    said = {"sub": "user:alice", "exp": 1_800_000_600, "jti": "jti_1", **claims}
    return SigningKey.generate("EdDSA", kid=kid).sign({name: each for name, each in said.items() if each}, typ)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.prefix)
def test_each_secret_is_known_by_its_look(shape: object) -> None:
    one = next(each for each in SHAPES if each is shape)
    text = secret(one.name, one.prefix)
    assert shape_of(text) is one
    for other in (text[:-1], text + "0", text.swapcase(), f"{text[:-1]}{'0' if text[-1] != '0' else '1'}"):
        assert shape_of(other) is not one


def test_every_prefix_that_the_source_gives_a_checksum_is_known() -> None:
    """Whoever makes a new kind of secret has to say whether ``scan`` finds it."""
    known = {shape.prefix for shape in SHAPES}
    handles = {"par_", "cns_", "wd_"}  # they name a step of one browser's, and prove nothing by themselves
    made = set()
    for path in SRC.rglob("*.py"):
        text = path.read_text()
        for argument in re.findall(r"(?<!def )new_secret\(f?([^)]*)\)", text):
            word = argument.strip()
            if not word.startswith('"'):
                found = re.search(rf'^{re.escape(word)}: Final = "(\w+)"', text, re.MULTILINE)
                word = f'"{found[1]}"' if found else word
            made.add(word.strip('"'))
    spelled = {each for each in made if re.fullmatch(r"[a-z]+_(?:[a-z]+_)?", each)}
    assert spelled >= {"ws_", "cs_live_", "lk_", "ac_"}
    assert spelled - known - handles == set()


def test_an_access_token_is_known_by_the_key_that_it_names() -> None:
    ours = jwt(new_id("sig_"))
    assert shape_of(ours) is JWT
    assert ends_at(ours) == 1_800_000_600
    assert shape_of(jwt("2026-01")) is None
    assert shape_of(jwt(new_id("sig_"), "watchword-checkpoint+jwt")) is None  # as the audit keeps them
    assert shape_of(jwt(new_id("sig_"), "JWT", jti="")) is None  # an id_token
    assert shape_of("eyJ.eyJ.x") is None
    assert ends_at("eyJ") is None


def test_a_root_key_is_known_by_its_length_alone() -> None:
    assert shape_of(new_root_key()) is ROOT_KEY
    assert shape_of(new_root_key()[:-1]) is None
    assert shape_of(new_root_key()[:-1] + "B") is None  # no 32 bytes end so


def test_no_more_than_the_prefix_and_four_characters_are_shown() -> None:
    for text in [*secrets(), jwt(new_id("sig_")), new_root_key(), new_secret("")]:
        said = shown(text)
        prefix, _, last = said.partition("\u2026")
        assert text.startswith(prefix)
        assert text.endswith(last)
        assert (len(last), len(prefix) <= 8) == (4, True)


def test_a_fingerprint_is_no_lookup() -> None:
    from watchword.codec.secrets import digest

    text = new_secret("ak_live_")
    assert re.fullmatch(r"[0-9a-f]{16}", fingerprint(text))
    assert not digest(text).hex().startswith(fingerprint(text))


@given(st.text())
def test_any_text_has_a_shape_or_none(text: str) -> None:
    shape_of(text)
    assert len(shown(text)) <= 13


def test_a_refresh_token_needs_both_checksums() -> None:
    text = refresh_token()
    family, proof, generation, last = text.split(".")
    assert shape_of(".".join([family, new_secret(""), generation, last])) is not None
    assert shape_of(".".join([family, proof[::-1], generation, last])) is None
    assert shape_of(".".join([family, proof, generation, last[::-1]])) is None
