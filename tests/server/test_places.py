"""The server's own places, as rules that it judges by itself."""

from __future__ import annotations

from watchword.app import Watchword
from watchword.server.app import every_scheme
from watchword.server.places import own_places


def test_whoami_takes_any_scheme() -> None:
    house = Watchword("memory:")
    [rule] = [each for each in own_places(house) if each.path == "/whoami"]
    assert rule.accept == every_scheme(house)
    assert set(house.compile(rule).policy.schemes) == set(house.schemes)
