"""Judge the reading of addresses."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from watchword.codec.addresses import parsed, plain, within


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
