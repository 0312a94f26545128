"""Security requirements as OpenAPI 3.1 has them."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from watchword.adapters.openapi import PROBLEM, declare, every, refusals


def test_one_demand_stays_as_it_is() -> None:
    assert every([[{"a": []}, {"b": ["x"]}]]) == [{"a": []}, {"b": ["x"]}]
    assert every([]) == [{}]


def test_two_demands_are_met_by_each_pair() -> None:
    assert every([[{"a": []}, {"b": []}], [{"c": []}]]) == [{"a": [], "c": []}, {"b": [], "c": []}]
    assert every([[{"a": []}, {}], [{"b": []}]]) == [{"a": [], "b": []}, {"b": []}]


def test_scopes_of_one_scheme_are_united_without_repetition() -> None:
    assert every([[{"o": ["x"]}], [{"o": ["y", "x"]}]]) == [{"o": ["x", "y"]}]
    demand: list[dict[str, list[str]]] = [{"o": ["x"]}]
    every([demand, [{"o": ["y"]}]])
    assert demand == [{"o": ["x"]}]  # what was given is left alone


NAMES = st.sampled_from("abc")
DEMANDS = st.lists(
    st.lists(st.dictionaries(NAMES, st.just(list[str]())), min_size=1, max_size=3), min_size=1, max_size=3
)


@given(DEMANDS, st.sets(NAMES))
def test_it_means_and(demands: list[list[dict[str, list[str]]]], held: set[str]) -> None:
    def met(alternatives: list[dict[str, list[str]]]) -> bool:
        return any(set(alternative) <= held for alternative in alternatives)

    assert met(every(demands)) == all(met(demand) for demand in demands)


def test_what_is_used_is_declared_with_its_scopes() -> None:
    document: dict[str, Any] = {"components": {"securitySchemes": {"mine": {"type": "http", "scheme": "x"}}}}
    flow = {"clientCredentials": {"tokenUrl": "/t", "scopes": {"x": "known"}}}
    schemes = {
        "a": {"type": "http", "scheme": "bearer"},
        "o": {"type": "oauth2", "flows": flow},
        "unused": {"type": "x"},
    }
    declare(document, schemes, [{"a": []}, {"o": ["x", "y"]}, {"mine": []}, {}])
    declared = document["components"]["securitySchemes"]
    assert set(declared) == {"mine", "a", "o"}
    assert declared["o"]["flows"]["clientCredentials"]["scopes"] == {"x": "known", "y": ""}
    assert flow["clientCredentials"]["scopes"] == {"x": "known"}
    assert PROBLEM in document["components"]["schemas"]


def test_refusals_name_the_problem() -> None:
    assert set(refusals()) == {"400", "401", "403", "429", "503"}
    assert set(refusals(body=True)) == {"400", "401", "403", "413", "429", "503"}
    for answer in refusals().values():
        assert answer["description"]
        assert answer["content"]["application/problem+json"]["schema"] == {"$ref": f"#/components/schemas/{PROBLEM}"}
