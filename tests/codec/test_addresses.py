"""Judge the reading of addresses."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.codec.addresses import parsed, plain, special_use, within


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("::FFFF:0a00:0001", "10.0.0.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_each_address_has_one_form(text, address):
    assert parsed(text) == ip_address(address)


@pytest.mark.parametrize("text", ["", "testclient", "10.0.0", "010.0.0.1", "10.0.0.1:80", "1" * 10_000, "10.0.0.1\n"])
def test_what_is_no_address(text):
    assert parsed(text) is None
    assert not within(parsed(text), (ip_network("0.0.0.0/0"), ip_network("::/0")))


def test_mapped_networks_mean_ipv4():
    networks = plain((ip_network("::ffff:10.0.0.0/104"), ip_network("2001:db8::/32")))
    assert networks == (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))
    assert within(parsed("10.1.2.3"), networks)
    assert within(parsed("2001:db8::5"), networks)
    assert not within(parsed("11.0.0.1"), networks)
    assert not within(parsed("10.0.0.1"), (ip_network("::/0"),))


INSIDE = (
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254"),  # noqa: S104
    *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.9", "192.0.0.192", "192.0.2.1", "192.31.196.1"),
    *("192.88.99.1", "192.168.1.1", "192.175.48.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1"),
    *("224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
    *("::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1"),
    *("64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:7f00:1::"),
    *("2001:db8::1", "2001:10::1", "2001:20::1", "2002:7f00:1::1", "2002:a9fe:a9fe::1", "2620:4f:8000::1", "3fff::1"),
    *("5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1", "4000::1"),
    *("", "x", "127.1", "2130706433", "0x7f000001", "8.8.8.8%1", "2606:4700::1%eth0", " 8.8.8.8"),
)
OUTSIDE = ("8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "198.20.0.1", "223.255.255.255", "192.0.1.1")
OUTSIDE_6 = ("2606:4700:4700::1111", "2a00:1450:4001:80b::200e", "2001:4860:4860::8888", "64:ff9b::8.8.8.8")


@pytest.mark.parametrize("address", INSIDE)
def test_must_21_addresses_inside(address: str) -> None:
    assert special_use(address)


@pytest.mark.parametrize("address", [*OUTSIDE, *OUTSIDE_6])
def test_addresses_outside(address: str) -> None:
    assert not special_use(address)


@given(st.ip_addresses())
def test_what_is_not_of_the_whole_internet_is_special(address: object) -> None:
    if not address.is_global:  # type: ignore[attr-defined]
        assert special_use(str(address))


@given(st.ip_addresses(v=4))
def test_no_form_of_ipv4_in_ipv6_leads_further_than_the_address(address: object) -> None:
    text = str(address)
    assert special_use(f"64:ff9b::{text}") == special_use(text)
    assert special_use(f"::ffff:{text}")
    assert special_use(f"::{text}")
