"""Judge who is believed about a caller's address."""

from __future__ import annotations

import time
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.codec.forwarded import UNKNOWN, Client, TrustedProxies, strip_identity

OURS = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
PROXIES = TrustedProxies(OURS)


def xff(*values: str, **others: str) -> list[tuple[bytes, bytes]]:
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in values]
    return headers + [(name.replace("_", "-").encode(), value.encode()) for name, value in others.items()]


def test_nobody_is_believed_unless_configured():
    headers = xff("1.2.3.4", x_forwarded_proto="https", x_forwarded_host="evil", forwarded="for=1.2.3.4")
    assert TrustedProxies().client("10.0.0.1", headers) == Client("10.0.0.1")
    assert PROXIES.client("9.9.9.9", headers) == Client("9.9.9.9")
    assert PROXIES.client("", headers) == Client("")
    assert PROXIES.client("testclient", headers) == Client("testclient")


@pytest.mark.parametrize(
    ("values", "address"),
    [
        (["203.0.113.7"], "203.0.113.7"),
        (["1.1.1.1, 203.0.113.7"], "203.0.113.7"),  # the first is the caller's invention
        (["1.1.1.1", "203.0.113.7"], "203.0.113.7"),  # HAProxy adds a field of its own
        (["203.0.113.7, 10.0.0.2"], "203.0.113.7"),
        (["1.1.1.1,203.0.113.7 ,10.0.0.2,\t10.0.0.3"], "203.0.113.7"),
        (["203.0.113.7, fd00::2"], "203.0.113.7"),
        (["2001:DB8::7"], "2001:db8::7"),
        (["[2001:db8::7]:4711"], "2001:db8::7"),
        (["203.0.113.7:4711"], "203.0.113.7"),
        (["::ffff:203.0.113.7"], "203.0.113.7"),
        (["203.0.113.7, ::ffff:10.0.0.2"], "203.0.113.7"),
        (["203.0.113.7,, "], "203.0.113.7"),
        ([""], "10.0.0.1"),
        (["10.0.0.9"], "10.0.0.9"),
        # malformed at the place that a proxy of ours wrote: what was said last stands
        (["203.0.113.7, unknown"], "10.0.0.1"),
        (["203.0.113.7, garbage, 10.0.0.2"], "10.0.0.2"),
        (["203.0.113.7, 999.1.1.1"], "10.0.0.1"),
        (["127.0.0.1 1.1.1.1"], "10.0.0.1"),
        (["203.0.113.7\xa0"], "10.0.0.1"),
    ],
)
def test_x_forwarded_for_is_read_from_its_end(values, address):
    assert PROXIES.client("10.0.0.1", xff(*values)).address == address


def test_cve_2025_59152_rotating_the_field_does_not_change_the_caller():
    seen = {PROXIES.client("10.0.0.1", xff(f"1.2.3.{n}, 198.51.100.1")).address for n in range(200)}
    assert seen == {"198.51.100.1"}


# RFC 7239 sections 4, 5 and 6
@pytest.mark.parametrize(
    ("value", "client"),
    [
        ("for=192.0.2.43", Client("192.0.2.43")),
        ("for=192.0.2.60;proto=http;by=203.0.113.43", Client("192.0.2.60", False)),
        ('For="[2001:db8:cafe::17]:4711"', Client("2001:db8:cafe::17")),
        ("for=192.0.2.43, for=198.51.100.17", Client("198.51.100.17")),
        ("for=192.0.2.43;proto=https;host=A.example, for=10.0.0.2;proto=http", Client("192.0.2.43", True, "a.example")),
        ('for="_gazonk"', Client("10.0.0.1")),
        ("for=unknown", Client("10.0.0.1")),
        ("proto=https", Client("10.0.0.1")),
        ("for=1.1.1.1;for=2.2.2.2", Client("10.0.0.1")),
        ('for="1.1.1.1, for=203.0.113.7', Client("203.0.113.7")),  # a caller's open quote swallows nothing
        ('for="1.1.1.1\\", for=203.0.113.7', Client("203.0.113.7")),
        ("for = 1.1.1.1", Client("10.0.0.1")),
    ],
)
def test_rfc_7239_forwarded(value, client):
    assert PROXIES.client("10.0.0.1", [(b"forwarded", value.encode())]) == client


def test_when_both_fields_disagree_the_caller_is_unknown_and_never_the_proxy():
    both = xff("203.0.113.7", forwarded="for=1.1.1.1")
    assert PROXIES.client("10.0.0.1", both).address == UNKNOWN
    assert PROXIES.client("10.0.0.1", xff("203.0.113.7", forwarded="for=203.0.113.7")).address == "203.0.113.7"
    assert TrustedProxies(OURS, field="x-forwarded-for").client("10.0.0.1", both).address == "203.0.113.7"
    assert TrustedProxies(OURS, field="forwarded").client("10.0.0.1", both).address == "1.1.1.1"
    with pytest.raises(ValueError, match="x-real-ip"):
        TrustedProxies(OURS, field="x-real-ip")


@pytest.mark.parametrize(
    ("protocol", "https"),
    [("https", True), ("HTTPS", True), ("wss", True), ("http", False), ("https,http", False), ("https, https", True)],
)
def test_one_plain_hop_makes_the_way_plain(protocol, https):
    assert PROXIES.client("10.0.0.1", xff("203.0.113.7", x_forwarded_proto=protocol)).https is https
    assert PROXIES.client("10.0.0.1", xff("203.0.113.7")).https is None


def test_any_no_wins_over_a_yes():
    headers = xff("203.0.113.7", x_forwarded_proto="http", forwarded="for=203.0.113.7;proto=https")
    assert PROXIES.client("10.0.0.1", headers).https is False


@pytest.mark.parametrize(
    ("host", "read"),
    [
        ("api.example.com", "api.example.com"),
        ("API.example.com:8443", "api.example.com:8443"),
        ("[::1]:80", "[::1]:80"),
        ("evil, api.example.com", None),
        ("a/b", None),
        ("a@b", None),
        ("a\r\nb", None),
    ],
)
def test_only_one_plain_host_is_believed(host, read):
    assert PROXIES.client("10.0.0.1", xff("203.0.113.7", x_forwarded_host=host)).host == read


def test_endless_lists_are_bounded():
    started = time.perf_counter()
    assert PROXIES.client("10.0.0.1", xff(",".join(["10.0.0.2"] * 1_000_000))).address == "10.0.0.2"
    assert PROXIES.client("10.0.0.1", xff("x" * 10_000_000 + ",203.0.113.7")).address == "203.0.113.7"
    assert PROXIES.client("10.0.0.1", xff("1" * 10_000_000)).address == "10.0.0.1"
    assert PROXIES.client("10.0.0.1", [(b"forwarded", b'for="' * 1_000_000)]).address == "10.0.0.1"
    assert time.perf_counter() - started < 2


def test_no_half_of_an_address_is_read_where_a_list_is_cut():
    whole = "203.0.113.7" + ",10.0.0.2" * 909  # the cut goes through the first
    assert PROXIES.client("10.0.0.1", xff(whole)).address == "10.0.0.2"


@given(st.lists(st.one_of(st.text(max_size=20), st.ip_addresses().map(str)), max_size=6))
def test_what_a_caller_sends_never_moves_it(inventions):
    invented = ",".join(inventions).encode("utf-8", "replace")
    headers = [(b"x-forwarded-for", invented), (b"x-forwarded-for", b"198.51.100.1")]
    assert PROXIES.client("10.0.0.1", headers).address == "198.51.100.1"


def test_cve_2025_64484_identity_fields_are_stripped_in_every_spelling():
    kept = [(b"x-watch", b"1"), (b"x-watchwords", b"1"), (b"authorization", b"1")]
    sent = [
        (b"x-watchword-subject", b"user:root"),
        (b"x_watchword_subject", b"user:root"),
        (b"X-Watchword_Scopes", b"all"),
        (b"x-watchword-assertion", b"1"),
    ]
    assert strip_identity([*sent, *kept]) == kept


def test_who_may_speak_for_others():
    assert PROXIES.trusts("10.1.1.1")
    assert PROXIES.trusts("::ffff:10.1.1.1")
    assert not PROXIES.trusts("11.1.1.1")
    assert not PROXIES.trusts("")
    assert not TrustedProxies().trusts("127.0.0.1")


def test_thousands_of_empty_fields_are_not_remembered():
    proxies = TrustedProxies(OURS)
    for number in range(8):
        empty = [(b"forwarded", b"")] * 2000
        proxies.client("10.0.0.1", [*empty, *xff(f"1.2.3.{number}")])
    assert proxies._remembered.cache_info().currsize == 0
