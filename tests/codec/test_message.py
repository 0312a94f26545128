"""Judge what is signed by RFC 4231's vectors, fixed strings, and the hunt for two requests with one message."""

import hashlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from watchword.codec.message import PROFILES, Parts, body_digest, canonical, sign

BODY = b'{"amount":100}'


def parts(**changed: object) -> Parts:
    whole = Parts(
        key_id=b"hk_live_4f",
        timestamp=b"1700000000",
        nonce=b"n-1",
        method="POST",
        authority=b"API.example.com:8443",
        path=b"/orders/%7e1",
        query=b"a=1&b=%20",
        content_type=b"application/json; charset=utf-8",
        body_sha256=body_digest(BODY),
        body=BODY,
    )
    return whole._replace(**changed)  # type: ignore[arg-type]


# RFC 4231 section 4: test cases 1 to 4, 6 and 7 (5 truncates).
_VECTORS = [
    (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (bytes(range(1, 26)), b"\xcd" * 50, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        b"\xaa" * 131,
        b"This is a test using a larger than block-size key and a larger than block-size data. "
        b"The key needs to be hashed before being used by the HMAC algorithm.",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
]


@pytest.mark.parametrize(("key", "data", "expected"), _VECTORS)
def test_rfc_4231_vectors(key: bytes, data: bytes, expected: str) -> None:
    assert sign(key, data) == expected


def test_a_text_secret_is_its_utf_8() -> None:
    assert sign("hs_live_ü", b"m") == sign("hs_live_ü".encode(), b"m")


@pytest.mark.parametrize("secret", ["", b""])
def test_cve_2026_49852_an_empty_secret_signs_nothing(secret: str | bytes) -> None:
    with pytest.raises(ValueError, match="empty"):
        sign(secret, b"m")


def test_v1_is_ten_lines() -> None:
    assert canonical("v1", parts()) == (
        b"watchword-hmac-v1\nhk_live_4f\n1700000000\nn-1\nPOST\napi.example.com:8443\n/orders/%7e1\na=1&b=%20\n"
        b"application/json; charset=utf-8\n" + hashlib.sha256(BODY).hexdigest().encode()
    )


def test_v1_leaves_lines_empty_for_what_is_absent() -> None:
    message = canonical("v1", parts(nonce=b"", query=b"", content_type=b"", body=b"", body_sha256=body_digest(b"")))
    assert message == (
        b"watchword-hmac-v1\nhk_live_4f\n1700000000\n\nPOST\napi.example.com:8443\n/orders/%7e1\n\n\n"
        b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


@pytest.mark.parametrize("evil", [b"\n", b"\r", b"\0"])
@pytest.mark.parametrize("name", ["key_id", "timestamp", "nonce", "authority", "path", "query", "content_type"])
def test_v1_has_no_message_for_a_part_that_breaks_lines(name: str, evil: bytes) -> None:
    assert canonical("v1", parts(**{name: b"x" + evil + b"y"})) is None


@pytest.mark.parametrize("method", ["PO\nST", "POST\r", "PÖST", "\0"])
def test_v1_has_no_message_for_a_method_that_breaks_lines(method: str) -> None:
    assert canonical("v1", parts(method=method)) is None


def test_methods_keep_their_case_and_hosts_do_not() -> None:
    assert canonical("v1", parts(method="post")) != canonical("v1", parts())
    assert canonical("v1", parts(authority=b"api.EXAMPLE.com:8443")) == canonical("v1", parts())


_LINE = st.binary(max_size=6)
_PARTS = st.builds(
    Parts,
    key_id=_LINE,
    timestamp=_LINE,
    nonce=_LINE,
    method=st.text(max_size=4),
    authority=_LINE.map(bytes.lower),
    path=_LINE,
    query=_LINE,
    content_type=_LINE,
    body_sha256=st.text(max_size=4),
    body=st.just(b""),
)


@given(_PARTS, _PARTS)
def test_v1_never_gives_two_requests_one_message(one: Parts, other: Parts) -> None:
    assume(one != other)
    message = canonical("v1", one)
    assert message is None or message != canonical("v1", other)


def test_concat_is_the_articles_own() -> None:
    assert canonical("concat", parts()) == b"POST/orders/%7e1?a=1&b=%20" + BODY + b"1700000000"
    assert canonical("concat", parts(method="GET", query=b"", body=b"")) == b"GET/orders/%7e11700000000"


@pytest.mark.parametrize(
    "changed",
    [
        {"timestamp": b"170000000"},  # the body's last digit would have become the timestamp's first
        {"timestamp": b"17000000000"},
        {"timestamp": "١٧٠٠٠٠٠٠٠٠".encode()},
        {"timestamp": b"+700000000"},
        {"method": "POST/orders"},
        {"method": ""},
        {"method": "PÖST"},
        {"path": b""},
        {"path": b"orders"},
        {"path": b'/orders{"amount"'},
        {"query": b'a={"amount"'},
        {"query": b"a b"},
        {"path": b"/\xc3\xbc"},
        {"method": "GET"},
        {"method": "DELETE"},
        {"body": None},
    ],
)
def test_concat_has_no_message_where_a_boundary_can_be_kept(changed: dict[str, object]) -> None:
    assert canonical("concat", parts(**changed)) is None


@given(st.integers(min_value=1, max_value=len(BODY)))
def test_concat_json_cannot_lend_bytes_to_the_target(cut: int) -> None:
    assert canonical("concat", parts(query=b"a=1&b=%20" + BODY[:cut], body=BODY[cut:])) is None


def test_concat_keeps_its_inherent_hole_which_is_why_it_is_off_by_default() -> None:
    form, moved = parts(query=b"to=bob", body=b"&sum=1"), parts(query=b"to=bob&sum", body=b"=1")
    assert canonical("concat", form) == canonical("concat", moved)
    assert canonical("v1", form) != canonical("v1", moved)


def test_an_unknown_profile_is_an_error() -> None:
    with pytest.raises(KeyError):
        canonical("none", parts())
    assert set(PROFILES) == {"v1", "concat"}
