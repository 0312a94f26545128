"""Values of settings: what is read, and what is refused with a hint."""

from __future__ import annotations

import pytest

from watchword.lifecycle.errors import LifecycleError
from watchword.server.config import values
from watchword.server.config.settings import RouteTableEntry
from watchword.server.config.values import address_of


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8000", ("127.0.0.1", 8000)),
        ("[::1]:0", ("::1", 0)),
        (":8000", ("0.0.0.0", 8000)),  # noqa: S104
        ("auth.example.com:443", ("auth.example.com", 443)),
    ],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert address_of(text) == address


@pytest.mark.parametrize("text", ["", "8000", "::1:8000", "127.0.0.1", "127.0.0.1:", "a:70000", "a b:1", "http://a:1"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(LifecycleError):
        address_of(text)


def test_a_thousand_routes_do_not_look_through_all_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """That takes 20 ms a time; only a scheme that is unknown needs it."""
    asked: list[str] = []
    monkeypatch.setattr(values, "entry_points", lambda group: asked.append(group) or asked[1:])
    RouteTableEntry(path="/a", accept="api-key & jwt")
    assert asked == []
    with pytest.raises(ValueError, match="ticket"):
        RouteTableEntry(path="/a", accept="ticket")
    monkeypatch.setattr(values, "entry_points", lambda group: ["ticket"])
    assert RouteTableEntry(path="/a", accept="ticket").accept == "ticket"
