"""Secrets: random, recognisable, digested or sealed to their row."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from watchword.codec.secrets import (
    Sealer,
    SealingError,
    _random,
    derived_secret,
    digest,
    new_id,
    new_root_key,
    new_secret,
    well_formed,
)

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ROOT = base64.urlsafe_b64encode(bytes(range(32))).decode().rstrip("=")


def test_fips_180_4_the_digest_is_sha_256() -> None:
    assert digest("abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest(b"abc") == digest("abc")
    assert digest("é") == hashlib.sha256(b"\xc3\xa9").digest()


def test_a_secret_has_its_prefix_178_random_bits_and_a_checksum() -> None:
    secret = new_secret("ak_live_")
    assert re.fullmatch(r"ak_live_[0-9A-Za-z]{36}", secret)
    assert 62**30 > 2**178
    value = sum(ALPHABET.index(char) * 62 ** (5 - place) for place, char in enumerate(secret[-6:]))
    assert value == zlib.crc32(secret[:-6].encode())
    assert re.fullmatch(r"key_[0-9A-Za-z]{20}", new_id("key_"))


def test_none_comes_twice_and_every_character_comes() -> None:
    secrets = [new_secret("") for _ in range(3000)]
    assert len(set(secrets)) == 3000
    assert set("".join(secret[:30] for secret in secrets)) == set(ALPHABET)
    assert len({new_id("") for _ in range(3000)}) == 3000


def test_no_character_is_likelier_than_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchword.codec.secrets.os.urandom", lambda size: bytes(range(256)))
    drawn = _random(248)
    assert {drawn.count(letter) for letter in ALPHABET} == {4}  # and eight bytes of 256 stood for none
    assert len(_random(249)) == 249


def test_only_whole_secrets_of_the_prefix_are_well_formed() -> None:
    secret = new_secret("ak_live_")
    assert well_formed(secret, "ak_live_")
    assert well_formed(secret.encode(), b"ak_live_")
    assert not well_formed(secret, "ak_test_")
    assert not well_formed("ak_test_" + secret[8:], "ak_test_")  # the prefix is under the checksum
    for spoilt in ("", "ak_live_", secret[:-1], secret + "0", secret.swapcase(), " " + secret, secret + "\n"):
        assert not well_formed(spoilt, "ak_live_")
    for place in range(8, len(secret)):
        other = "0" if secret[place] != "0" else "1"
        assert not well_formed(secret[:place] + other + secret[place + 1 :], "ak_live_")


@given(st.one_of(st.text(max_size=60), st.binary(max_size=60)))
def test_any_text_is_judged_without_breaking(text: str | bytes) -> None:
    assert not well_formed(text, "ak_live_")


def test_a_root_key_is_256_bits_in_base64url() -> None:
    key = new_root_key()
    assert len(base64.urlsafe_b64decode(key + "=")) == 32
    assert new_root_key() != key
    padded = Sealer(key + "=")
    assert padded.open(Sealer(f" {key}\n").seal(b"x", "c"), "c") == b"x"


@pytest.mark.parametrize("key", ["", "short", ROOT[:-1], ROOT + "AA", "é" * 43, "!" * 43, "A" * 44 + "=", "0" * 64])
def test_a_wrong_root_key_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(ValueError, match="32 bytes in base64url") as caught:
        Sealer(key)
    assert not key or key not in str(caught.value)


def test_rfc_5869_keys_are_derived_for_one_purpose_each() -> None:
    sealer = Sealer(ROOT)
    expected = HKDF(SHA256(), 32, salt=None, info=b"watchword:csrf").derive(bytes(range(32)))
    assert sealer.derive("csrf") == expected
    assert len({sealer.derive(purpose) for purpose in ("csrf", "seal", "csrf2", "")}) == 4


def test_what_was_sealed_opens_for_its_row_alone() -> None:
    sealer = Sealer(ROOT)
    sealed = sealer.seal(b"hs_live_secret", "credential:hk_1")
    assert b"secret" not in sealed
    assert sealer.open(sealed, "credential:hk_1") == b"hs_live_secret"
    assert sealer.seal(b"hs_live_secret", "credential:hk_1") != sealed  # a new nonce each time
    for context in ("credential:hk_2", "", "credential:hk_1 "):
        with pytest.raises(SealingError):
            sealer.open(sealed, context)
    with pytest.raises(SealingError, match="another root key"):
        Sealer(new_root_key()).open(sealed, "credential:hk_1")


@given(st.binary(max_size=100), st.integers(0, 200), st.integers(1, 255))
def test_any_altered_byte_is_found(plaintext: bytes, place: int, change: int) -> None:
    sealer = Sealer(ROOT)
    sealed = bytearray(sealer.seal(plaintext, "row"))
    sealed[place % len(sealed)] ^= change
    with pytest.raises(SealingError):
        sealer.open(bytes(sealed), "row")


def test_any_cut_is_found() -> None:
    sealer = Sealer(ROOT)
    sealed = sealer.seal(b"secret", "row")
    for cut in range(len(sealed)):
        with pytest.raises(SealingError):
            sealer.open(sealed[:cut], "row")
    with pytest.raises(SealingError):
        sealer.open(sealed + b"\0", "row")


def test_the_sealer_does_not_show_its_key() -> None:
    sealer = Sealer(ROOT)
    assert repr(sealer) == f"Sealer(key id {sealer.key_id})"
    assert re.fullmatch(r"[0-9a-f]{8}", sealer.key_id)
    assert ROOT not in repr(sealer)


@given(st.binary(), st.binary(), st.sampled_from(["", "rt_"]))
def test_a_derived_secret_is_the_same_each_time_and_of_the_form_of_all(key: bytes, text: bytes, prefix: str) -> None:
    made = derived_secret(key, text, prefix)
    assert well_formed(made, prefix)
    assert derived_secret(key, text, prefix) == made
    assert derived_secret(key + b"k", text, prefix) != made
    assert derived_secret(key, text + b"t", prefix) != made


def test_a_derived_secret_is_the_hmac_of_rfc_4231_case_2_in_base62() -> None:
    mac = int("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", 16)
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    value = 0
    for character in derived_secret(b"Jefe", b"what do ya want for nothing?")[:30]:
        value = value * 62 + alphabet.index(character)
    assert value == mac % 62**30


OLD, NEW = new_root_key(), new_root_key()


def test_while_a_root_key_is_replaced_one_seals_and_all_open() -> None:
    before, both = Sealer(OLD), Sealer(f"{OLD},{NEW}")
    sealed = before.seal(b"x", "row")
    assert both.key_ids == (before.key_id, Sealer(NEW).key_id)
    assert both.sealed_by(both.seal(b"x", "row")) == before.key_id  # the first one seals, until it is told otherwise
    both.use(Sealer(NEW).key_id)
    assert both.open(sealed, "row") == b"x"
    assert Sealer(NEW).open(both.seal(b"y", "row"), "row") == b"y"
    assert Sealer(f"\n {NEW}\n{OLD} ").open(sealed, "row") == b"x"  # as lines of a file


def test_what_is_derived_stays_when_the_root_key_changes() -> None:
    before, after = Sealer(OLD), Sealer(NEW)
    mac, derived = after.mac("csrf"), before.derive("csrf")
    assert mac(b"text") != before.mac("csrf")(b"text")
    after.use(after.key_id, before.seed)
    assert after.derive("csrf") == derived
    assert mac(b"text") == before.mac("csrf")(b"text")  # also what was handed out before
    assert Sealer(NEW).open(after.seal(b"x", "row"), "row") == b"x"  # what seals follows from the root key alone


def test_a_root_key_that_is_not_given_is_named_by_its_id_alone() -> None:
    sealer = Sealer(OLD)
    with pytest.raises(ValueError, match=f"sealed by {Sealer(NEW).key_id}: given is {sealer.key_id}") as caught:
        sealer.use(Sealer(NEW).key_id)
    assert OLD not in str(caught.value)
    with pytest.raises(ValueError, match=f"root key {sealer.key_id}"):
        sealer.take(NEW)  # without the one that seals
    assert sealer.open(sealer.seal(b"x", "row"), "row") == b"x"
    sealer.take(f"{NEW},{OLD}")
    assert sealer.key_id == Sealer(OLD).key_id


def test_an_unknown_root_key_is_looked_for_once_a_second() -> None:
    sealer, asked = Sealer(OLD), list[None]()
    sealed = Sealer(NEW).seal(b"x", "row")

    def reread() -> str:
        asked.append(None)
        return f"{NEW},{OLD}" if len(asked) > 1 else "nonsense"

    sealer.reread = reread
    for _ in range(3):
        with pytest.raises(SealingError, match="another root key"):
            sealer.open(sealed, "row")
    assert len(asked) == 1
    sealer._asked_at -= 1.0
    assert sealer.open(sealed, "row") == b"x"
    assert sealer.key_id == Sealer(OLD).key_id
    sealer._asked_at -= 1.0
    with pytest.raises(SealingError):  # what was never sealed by us is no reason to look
        sealer.open(b"\x02" + sealed[1:], "row")
    assert len(asked) == 2
