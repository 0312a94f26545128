"""Judge header fields by the vectors of RFC 9110, 7617 and 6265, then by injection."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.codec.fields import (
    DUPLICATE,
    parse_authorization,
    parse_basic,
    parse_date,
    read_cookie,
    render_basic,
    render_challenge,
    render_date,
)
from watchword.model.verdict import Challenge


@pytest.mark.parametrize(
    ("value", "scheme", "credentials"),
    [
        (b"Bearer abc", b"bearer", b"abc"),
        (b"BASIC QWxhZGRpbjpvcGVuIHNlc2FtZQ==", b"basic", b"QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        (b"Bearer   two  words ", b"bearer", b"two  words"),
        (b"Negotiate", b"negotiate", b""),
        (b"", b"", b""),
        (b"Bearer\tabc", b"bearer\tabc", b""),
    ],
)
def test_rfc_9110_authorization_splits_at_the_first_space(value: bytes, scheme: bytes, credentials: bytes) -> None:
    assert parse_authorization(value) == (scheme, credentials)


def test_rfc_7617_section_2_vector() -> None:
    assert parse_basic(b"QWxhZGRpbjpvcGVuIHNlc2FtZQ==") == ("Aladdin", "open sesame")
    assert render_basic("Aladdin", "open sesame") == b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="


def test_rfc_7617_section_2_1_vector_in_utf_8() -> None:
    assert parse_basic(b"dGVzdDoxMjPCow==") == ("test", "123£")
    assert render_basic("test", "123£") == b"Basic dGVzdDoxMjPCow=="


def test_the_password_keeps_its_colons() -> None:
    assert parse_basic(b"YTpiOmM6") == ("a", "b:c:")


@pytest.mark.parametrize(
    "credentials",
    [
        b"",
        b"QWxhZGRpbg==",  # no colon
        b"OnB3",  # no user-id
        b"QWxhZGRpbjpvcGVuIHNlc2FtZQ",  # padding missing
        b"QWxhZGRpbjpvcGVuIHNlc2FtZQ=",
        b"QWxhZGRpbjpvcGVuIHNlc2FtZR==",  # not canonical: the same pair in another spelling
        b"QWxhZGRpbjpvcGVuIHNlc2FtZQ===",
        b"QWxh ZGRpbjpvcGVuIHNlc2FtZQ==",
        b"QWxh\nZGRpbjpvcGVuIHNlc2FtZQ==",
        b"YTpi-_8=",  # base64url
        b"dGVzdDoxMjOj",  # ISO 8859-1, not UTF-8
        b"YQA6Yg==",  # NUL in the user-id
        b"YTpiCg==",  # newline in the password
        b"YTpifw==",  # DEL
        b"YTpiwoU=",  # C1 control U+0085
        "YTpi\u00e9".encode(),
    ],
)
def test_malformed_basic_is_none(credentials: bytes) -> None:
    assert parse_basic(credentials) is None


@pytest.mark.parametrize(("user", "password"), [("a:b", "c"), ("", "c"), ("a", "b\n"), ("a\0", "b")])
def test_basic_refuses_to_print_what_it_cannot_carry(user: str, password: str) -> None:
    with pytest.raises(ValueError, match="Basic cannot carry") as caught:
        render_basic(user, password)
    assert repr(user) not in str(caught.value)


_TEXT = st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cc", "Cs"]))


@given(_TEXT.filter(lambda text: text and ":" not in text), _TEXT)
def test_basic_round_trips(user: str, password: str) -> None:
    assert parse_basic(render_basic(user, password)[6:]) == (user, password)


@given(st.binary(max_size=60))
def test_basic_never_raises(credentials: bytes) -> None:
    parsed = parse_basic(credentials)
    assert parsed is None or render_basic(*parsed) == b"Basic " + credentials


def test_challenge_is_rendered_with_quoted_strings() -> None:
    challenge = Challenge("Bearer", (("realm", "example"), ("error", "invalid_token")))
    assert render_challenge(challenge) == b'Bearer realm="example", error="invalid_token"'
    assert render_challenge(Challenge("Negotiate")) == b"Negotiate"


def test_challenge_values_are_escaped() -> None:
    rendered = render_challenge(Challenge("Basic", (("realm", 'a"b\\c'),)))
    assert rendered == rb'Basic realm="a\"b\\c"'


@pytest.mark.parametrize("evil", ["x\r\nSet-Cookie: a=b", "x\nb", "x\0", 'x", error="none', "x\u2028y", "ü", "\x7f"])
def test_no_header_injection_through_a_challenge(evil: str) -> None:
    rendered = render_challenge(Challenge("Bearer", (("error_description", evil),)))
    assert all(0x20 <= byte < 0x7F for byte in rendered)
    inside = rendered.removeprefix(b'Bearer error_description="').removesuffix(b'"')
    assert b'"' not in inside.replace(b"\\\\", b"").replace(b'\\"', b"")


@pytest.mark.parametrize(
    "challenge",
    [
        Challenge("Be arer"),
        Challenge(""),
        Challenge("Bearer\r\nX: y"),
        Challenge("Bearer", (("re=alm", "x"),)),
        Challenge("Bearer", (("réalm", "x"),)),
    ],
)
def test_names_that_are_no_tokens_are_the_programs_fault(challenge: Challenge) -> None:
    with pytest.raises(ValueError, match="tokens"):
        render_challenge(challenge)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (b"__Host-session=abc", b"abc"),
        (b"a=b; __Host-session=abc; c=d", b"abc"),
        (b"a=b;__Host-session=abc", b"abc"),
        (b"__Host-session=a=b==", b"a=b=="),
        (b"__Host-session=", b""),
        (b'__Host-session="abc"', b'"abc"'),
        (b"x__Host-session=abc", None),
        (b"__Host-sessions=abc", None),
        (b"__host-session=abc", None),
        (b"__Host-session", None),
        (b"__Host-session =abc", None),
        (b"a=__Host-session", None),
        (b"", None),
        (b"; ;;", None),
    ],
)
def test_cookie_names_match_exactly(header: bytes, value: bytes | None) -> None:
    assert read_cookie(header, b"__Host-session") == value


def test_cve_2023_23934_nameless_cookie_is_ignored() -> None:
    assert read_cookie(b"=__Host-session=evil", b"__Host-session") is None
    assert read_cookie(b"=__Host-session=evil; __Host-session=good", b"__Host-session") == b"good"


@pytest.mark.parametrize("header", [b"s=a; s=b", b"s=a; x=y; s=a", b"s=;s="])
def test_a_second_cookie_of_the_name_is_told(header: bytes) -> None:
    assert read_cookie(header, b"s") is DUPLICATE


@given(st.binary(max_size=80))
def test_cookie_reading_never_raises(header: bytes) -> None:
    found = read_cookie(header, b"s")
    assert found is None or found is DUPLICATE or b"s=" + found in header


def test_rfc_9110_section_5_6_7_date() -> None:
    assert render_date(784111777) == b"Sun, 06 Nov 1994 08:49:37 GMT"
    assert render_date(784111777.9) == b"Sun, 06 Nov 1994 08:49:37 GMT"
    assert parse_date(b"Sun, 06 Nov 1994 08:49:37 GMT") == 784111777


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"Sunday, 06-Nov-94 08:49:37 GMT",
        b"Sun Nov  6 08:49:37 1994",
        b"Mon, 06 Nov 1994 08:49:37 GMT",  # not a Monday
        b"Sun, 06 Nov 1994 08:49:37 UTC",
        b"Sun, 06 Nov 1994 08:49:61 GMT",
        b"Sun, 36 Nov 1994 08:49:37 GMT",
        b"Sun, 06 nov 1994 08:49:37 GMT",
        b"Sun, -6 Nov 1994 08:49:37 GMT",
        b"Sun, 00 Nov 1994 08:49:37 GMT",
        b"Sun, 06 Nov 0000 08:49:37 GMT",
    ],
)
def test_other_dates_are_none(value: bytes) -> None:
    assert parse_date(value) is None


@given(st.integers(min_value=0, max_value=253402300799))
def test_dates_round_trip(at: int) -> None:
    assert parse_date(render_date(at)) == at


@given(st.binary(min_size=29, max_size=29))
def test_date_parsing_never_raises(value: bytes) -> None:
    assert parse_date(value) is None
