"""Which routes stand in each other's way, by the table that the server asks."""

from __future__ import annotations

import time

from watchword.lint.overlaps import Overlaps, Place, sample
from watchword.server.config.settings import RouteTableEntry


def places(*routes: tuple[str, str, str]) -> list[Place]:
    """Return routes of path, policy and methods."""
    return [
        Place(number, RouteTableEntry(path=path, accept=accept, methods=tuple(methods.split())))
        for number, (path, accept, methods) in enumerate(routes)
    ]


def lost(*routes: tuple[str, str, str]) -> list[tuple[int, int, tuple[str, ...], bool]]:
    return [(each.place.number, each.first.number, each.methods, each.whole) for each in Overlaps(places(*routes)).lost]


def test_a_sample_is_of_the_template_alone() -> None:
    assert sample("/orders/{id}/x/{rest:path}") == "/orders/zq7/x/zq7/zq8"


def test_templates_are_tried_in_order() -> None:
    every = ("DELETE", "GET", "PATCH", "POST", "PUT")
    assert lost(("/{rest:path}", "jwt", ""), ("/a/{id}", "jwt", "")) == [
        (1, 0, ("GET", "POST", "PUT", "PATCH", "DELETE"), True)
    ]
    assert lost(("/a/{id}", "jwt", ""), ("/{rest:path}", "jwt", "")) == []
    assert lost(("/{rest:path}", "jwt", "GET"), ("/a/{id}", "jwt", " ".join(every))) == [(1, 0, ("GET",), False)]


def test_exact_paths_come_first_and_named_methods_before_all() -> None:
    assert lost(("/{rest:path}", "jwt", ""), ("/a", "jwt", "")) == []
    assert lost(("/a", "jwt", ""), ("/a", "mtls", "GET")) == [(0, 1, ("GET",), False)]


def test_other_methods_fall_to_other_routes() -> None:
    found = Overlaps(places(("/a", "jwt", "GET POST"), ("/{rest:path}", "public", ""))).left
    assert [(place.number, method, other.number) for place, method, other in found] == [
        (0, "PUT", 1),
        (0, "PATCH", 1),
        (0, "DELETE", 1),
    ]


def test_many_routes_take_no_time() -> None:
    routes = [(f"/a{number}/{{id}}", "jwt", "") for number in range(2000)]
    before = time.process_time()
    assert lost(*routes, *routes) == []  # too many: they are not compared
    assert time.process_time() - before < 5
