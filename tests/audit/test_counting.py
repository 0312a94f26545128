"""The names that counts are kept under: few, short, and without what callers made up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.audit.counting import REST, Crowd, Names, fitting, method_of, network_of, shape_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("255.255.255.255", "255.255.255.0/24"),
        ("2001:db8:1:2::5", "2001:db8:1::/48"),
        ("2001:DB8:1:FFFF::5", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("", ""),
        ("unknown", "unknown"),
        ("/run/watchword.sock", "unknown"),
        ("1.2.3.4.5", "unknown"),
        ("192.0.2.1\0", "unknown"),
    ],
)
def test_a_network_is_what_one_household_or_site_has(address: str, network: str) -> None:
    assert network_of(address) == network


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/orders", "GET /orders"),
        ("/", "GET /"),
        ("/orders/17", "GET /orders/{…}"),
        ("/orders/17/lines/3", "GET /orders/{…}/lines/{…}"),
        ("/admin/v1/clients/cli_5bX0", "GET /admin/v1/clients/{…}"),
        ("/.well-known/oauth-authorization-server", "GET /.well-known/oauth-authorization-server"),
        ("/users/550e8400-e29b-41d4-a716-446655440000", "GET /users/{…}"),
        ("/getOrders", "GET /getOrders"),
        ("/aBcDeFgHiJ", "GET /{…}"),
        ("/" + "a" * 33, "GET /{…}"),
        ("/a%20b", "GET /{…}"),
        ("/[redacted]", "GET /{…}"),
        ("/a/b/c/d/e/f/g/h/i/j", "GET /a/b/c/d/e/f/g/h/…"),
        ("*", "GET {…}"),
    ],
)
def test_a_path_is_told_without_what_looks_like_an_id(path: str, shape: str) -> None:
    assert shape_of("GET", path) == shape


def test_methods_that_nobody_knows_are_one() -> None:
    assert (method_of("DELETE"), method_of("delete"), method_of("X" * 30)) == ("DELETE", REST, REST)


@pytest.mark.parametrize(("text", "kept"), [("a" * 8, True), ("a" * 9, False), ("é" * 5, False), ("\0", False)])
def test_a_name_fits_or_is_not_said(text: str, kept: bool) -> None:
    assert fitting(text, 8) == (text if kept else REST)
    assert fitting("\ud800", 8) == REST


def test_one_credential_names_so_many_places_and_no_more() -> None:
    crowd = Crowd(each=10)
    pairs = {crowd.place(60, "key_1", f"GET /{n}", "192.0.2.0/24") for n in range(1000)}
    assert len(pairs) == 16
    assert (REST, REST) in pairs
    assert crowd.place(60, "key_1", "GET /3", "192.0.2.0/24") == ("GET /3", "192.0.2.0/24"), "what is named stays so"
    assert crowd.place(60, "key_2", "GET /999", "192.0.2.0/24") == ("GET /999", "192.0.2.0/24"), (
        "others are not crowded"
    )


def test_many_networks_leave_the_route_said() -> None:
    crowd = Crowd(each=10)
    found = [crowd.place(60, "", "GET /orders", f"192.0.{n}.0/24") for n in range(200)]
    assert found[9][1] == "192.0.9.0/24"
    assert set(found[10:]) == {("GET /orders", REST)}


def test_all_together_name_so_many_and_no_more() -> None:
    crowd = Crowd(each=10, total=50)
    for n in range(1000):
        crowd.place(60, f"key_{n}", "GET /", "192.0.2.0/24")
    assert crowd.place(60, "key_1000", "GET /", "192.0.2.0/24") == (REST, REST)
    assert crowd.place(120, "key_1000", "GET /", "192.0.2.0/24") == ("GET /", "192.0.2.0/24"), "a new minute, new names"
    assert crowd.place(60, "key_1", "GET /", "192.0.2.0/24") == ("GET /", "192.0.2.0/24"), "a late one counts, too"


def test_each_kind_has_so_many_names_a_minute() -> None:
    names = Names(each=3)
    assert [names.name(60, "route", f"GET /{n}") for n in range(5)] == ["GET /0", "GET /1", "GET /2", REST, REST]
    assert names.name(60, "route", "GET /1") == "GET /1"
    assert names.name(60, "network", "192.0.2.0/24") == "192.0.2.0/24"
    assert names.name(120, "route", "GET /9") == "GET /9"


@given(st.text(max_size=80), st.text(max_size=40))
def test_any_method_path_and_address_has_a_short_name(path: str, text: str) -> None:
    shape = shape_of(text, path)
    assert len(shape) <= 9 * 40
    assert set(shape) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/{}…_.~- ")
    assert len(network_of(text)) <= 44
