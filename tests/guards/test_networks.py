"""Judge where callers may come from."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from watchword.guards.networks import Networks
from watchword.model.request import Peer, Request
from watchword.model.verdict import Constraints, Principal


def ask(address: str, route: list[str], own: list[str] | None = None):
    who = None
    if own is not None:
        bounds = Constraints(tuple(ip_network(text) for text in own))
        who = Principal("service:a", "api-key", "key_1", constraints=bounds)
    request = Request("GET", b"/", b"", [], Peer(address))
    return Networks(ip_network(text) for text in route).check(request, who)


@pytest.mark.parametrize("address", ["10.1.2.3", "2001:db8::1", "", "nonsense"])
def test_where_nothing_is_demanded_anybody_may_come(address):
    assert ask(address, []) == ()
    assert ask(address, [], []) == ()


@pytest.mark.parametrize(
    ("address", "networks"),
    [
        ("10.1.2.3", ["10.0.0.0/8"]),
        ("::ffff:10.1.2.3", ["10.0.0.0/8"]),
        ("10.1.2.3", ["::ffff:10.0.0.0/104"]),
        ("2001:db8::1", ["10.0.0.0/8", "2001:db8::/32"]),
        ("192.0.2.1", ["192.0.2.1/32"]),
    ],
)
def test_inside(address, networks):
    assert ask(address, networks) == ()
    assert ask(address, [], networks) == ()
    assert ask(address, networks, networks) == ()


@pytest.mark.parametrize(
    ("address", "networks"),
    [
        ("11.1.2.3", ["10.0.0.0/8"]),
        ("::ffff:11.1.2.3", ["10.0.0.0/8"]),
        ("::10.1.2.3", ["10.0.0.0/8"]),  # IPv4-compatible is not IPv4-mapped
        ("10.1.2.3", ["::/0"]),
        ("2001:db8::1", ["0.0.0.0/0"]),
        ("", ["0.0.0.0/0", "::/0"]),
        ("nonsense", ["0.0.0.0/0", "::/0"]),
        ("10.1.2.3, 1.1.1.1", ["0.0.0.0/0"]),
        ("1" * 100_000, ["0.0.0.0/0"]),
        ("192.0.2.2", ["192.0.2.1/32"]),
    ],
)
def test_outside_or_unknown(address, networks):
    for answer in (ask(address, networks), ask(address, [], networks), ask(address, networks, [])):
        assert answer.reason.code == "network_not_allowed"
        assert answer.reason.status == 403


def test_the_route_and_the_credential_must_both_agree():
    assert ask("10.1.2.3", ["10.0.0.0/8"], ["10.1.0.0/16"]) == ()
    assert "credential" in ask("10.2.2.3", ["10.0.0.0/8"], ["10.1.0.0/16"]).detail
    assert "route" in ask("10.1.2.3", ["192.0.2.0/24"], ["10.1.0.0/16"]).detail
