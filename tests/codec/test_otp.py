"""One-time codes: every vector of RFC 6238 appendix B, then what a code must not be taken for."""

from __future__ import annotations

import base64
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.codec.otp import Totp, new_recovery_code, new_totp_secret, recovery_code_of, totp_svg

# RFC 6238 appendix B; the seeds are those of its reference code (erratum 2866: each as long as the hash).
SEEDS = {
    "SHA1": b"12345678901234567890",
    "SHA256": b"12345678901234567890123456789012",
    "SHA512": b"1234567890123456789012345678901234567890123456789012345678901234",
}
APPENDIX_B = [
    (59, "94287082", "46119246", "90693936"),
    (1111111109, "07081804", "68084774", "25091201"),
    (1111111111, "14050471", "67062674", "99943326"),
    (1234567890, "89005924", "91819424", "93441116"),
    (2000000000, "69279037", "90698825", "38618901"),
    (20000000000, "65353130", "77737706", "47863826"),
]
NOW = 1_800_000_000


def totp(secret: str | None = None) -> Totp:
    return Totp(secret or new_totp_secret())


@pytest.mark.parametrize("row", APPENDIX_B, ids=lambda row: str(row[0]))
def test_rfc_6238_appendix_b(row: tuple[int, str, str, str]) -> None:
    for algorithm, expected in zip(SEEDS, row[1:], strict=True):
        made = Totp(base64.b32encode(SEEDS[algorithm]).decode(), digits=8, algorithm=algorithm)
        assert made.code(row[0] // 30) == expected
        assert made.step_of(expected, row[0]) == row[0] // 30


# RFC 4226 appendix D: the same truncation, by counter.
RFC_4226 = ("755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489")


@pytest.mark.parametrize("counter", range(10))
def test_rfc_4226_appendix_d(counter: int) -> None:
    assert Totp(base64.b32encode(SEEDS["SHA1"]).decode()).code(counter) == RFC_4226[counter]


@pytest.mark.parametrize(("late", "accepted"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_one_step_either_way_is_accepted_and_no_more(late: int, accepted: bool) -> None:
    made = totp()
    step = NOW // 30 + late
    assert (made.step_of(made.code(step), NOW) == step) is accepted


def test_a_step_that_was_used_is_none_and_neither_is_one_before() -> None:
    made = totp()
    step = NOW // 30
    assert made.step_of(made.code(step), NOW, after=step) is None
    assert made.step_of(made.code(step - 1), NOW, after=step) is None
    assert made.step_of(made.code(step + 1), NOW, after=step) == step + 1


def test_a_code_that_fits_two_steps_is_still_good_once_for_the_later() -> None:
    class Same(Totp):
        def code(self, step: int) -> str:
            return "123456"

    same = Same(new_totp_secret())
    step = NOW // 30
    assert [same.step_of("123456", NOW, after=last) for last in (step - 2, step - 1, step, step + 1)] == [
        step - 1,
        step,
        step + 1,
        None,
    ]


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "12345",
        "1234567",
        "١٢٣٤٥٦",
        "123456",
        "12 34 5",
        "-12345",
        "+12345",
        "1e5",
        "0x1234",
        "12345\x00",
        "9" * 10_000,
    ],
)
def test_what_is_no_code(typed: str) -> None:
    made = totp(base64.b32encode(SEEDS["SHA1"]).decode())
    assert made.step_of(typed, NOW) is None


def test_a_code_as_apps_show_it() -> None:
    made = totp()
    code = made.code(NOW // 30)
    assert made.step_of(f" {code[:3]} {code[3:]}\n", NOW) == NOW // 30


def test_right_after_the_epoch_there_is_no_step_before() -> None:
    made = totp()
    assert made.step_of(made.code(0), 5) == 0


def test_a_secret_is_160_bits_and_new() -> None:
    secrets = {new_totp_secret() for _ in range(50)}
    assert len(secrets) == 50
    assert {len(base64.b32decode(each)) for each in secrets} == {20}


def test_the_uri_says_what_an_app_needs() -> None:
    uri = totp("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP").uri("alice@example.com", "Acme: Co")
    assert uri.startswith("otpauth://totp/Acme%3A%20Co:alice%40example.com?")
    assert "secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP" in uri
    assert "issuer=Acme%3A%20Co" in uri


def test_a_secret_is_in_no_representation() -> None:
    made = totp()
    assert made.secret not in repr(made)


def test_the_picture_is_an_element_that_a_strict_policy_shows() -> None:
    picture = totp_svg(totp().uri("alice", "Acme"), "QR <code>")
    root = ElementTree.fromstring(picture)  # noqa: S314 - our own
    assert root.tag.endswith("svg")
    assert root.get("role") == "img"
    assert next(iter(root)).text == "QR <code>"
    assert not re.search(r"style|href|data:|<script|\bon\w+=", picture)
    assert root.get("width") is None  # its size is the style sheet's
    fills = {each.get("fill") for each in root.iter()}
    assert "#fff" in fills  # its own ground, where the page is dark


def test_the_picture_says_the_uri() -> None:
    """Two URIs make two pictures; a decoder reads them in the browser tests."""
    assert totp_svg("otpauth://totp/a?secret=A") != totp_svg("otpauth://totp/a?secret=B")


def test_recovery_codes_are_80_bits_in_groups() -> None:
    codes = {new_recovery_code() for _ in range(200)}
    assert len(codes) == 200
    assert all(re.fullmatch(r"([0-9a-hjkmnp-tv-z]{4}-){3}[0-9a-hjkmnp-tv-z]{4}", each) for each in codes)
    assert {char for each in codes for char in each} == set("0123456789abcdefghjkmnpqrstvwxyz-")


@pytest.mark.parametrize("spell", [str.upper, lambda code: code.replace("-", ""), lambda code: code.replace("-", " ")])
def test_a_recovery_code_has_one_spelling(spell: object) -> None:
    code = new_recovery_code()
    assert recovery_code_of(spell(code)) == code.replace("-", "")  # type: ignore[operator]


def test_what_a_recovery_code_looks_like_is_what_it_is() -> None:
    assert recovery_code_of("oOiI-lLab-cdef-ghjk") == "001111abcdefghjk"


@pytest.mark.parametrize("text", ["", "abcd", "u" * 16, "a" * 17, "é" * 16, "-" * 64, "a" * 100_000, "\ud800" * 16])
def test_what_is_no_recovery_code(text: str) -> None:
    assert recovery_code_of(text) is None


@given(st.text(max_size=80))
def test_spelling_a_recovery_code_twice_changes_nothing(text: str) -> None:
    once = recovery_code_of(text)
    assert once is None or recovery_code_of(once) == once
