"""The policy as a tree: the way that decided is the first alternative that is wholly presented."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchword.explanation.result import Node
from watchword.explanation.tree import tree_of
from watchword.explanation.walk import Leaf, Walked
from watchword.model.reason import NO_CREDENTIAL
from watchword.model.verdict import Allow, Principal, Rejection
from watchword.policy import alternatives, names, parse

SOMEBODY = Principal("user:a", "x", "id")
NAMES = ("basic", "api-key", "hmac", "jwt", "mtls", "session")
POLICIES = [
    "api-key", "api-key | hmac", "mtls & hmac", "jwt via mtls | mtls & api-key", "(api-key | basic) & hmac",
    "session via (hmac | api-key) | basic", "api-key | public", "mtls & (jwt via hmac | session) | basic",
]  # fmt: skip


def _walked(presented: set[str], policy: Any, *, reached: bool = True) -> Walked:
    leaves = {name: Leaf("presented" if name in presented else "absent") for name in names(policy)}
    return Walked(Allow(None), 1.0, [], leaves, reached, policy)


def _deciding(node: Node) -> list[str]:
    if not node.decided:
        return []
    return [node.name] if node.kind == "scheme" else [name for part in node.parts for name in _deciding(part)]


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(POLICIES), st.sets(st.sampled_from(NAMES)))
def test_the_marked_schemes_are_those_of_the_first_whole_alternative(text: str, presented: set[str]) -> None:
    policy = parse(text)
    whole = [tree for tree in alternatives(policy) if set(names(tree)) <= presented]
    walked = _walked(presented, policy)
    walked.policy = SOMEBODY if whole else Rejection(NO_CREDENTIAL)
    tree = tree_of(policy, walked)
    assert set(_deciding(tree)) == (set(names(whole[0])) if whole else set())
    assert tree.decided is bool(whole)


def test_a_scheme_that_stands_twice_is_marked_where_it_decided() -> None:
    policy = parse("jwt via mtls | mtls & api-key")
    walked = _walked({"mtls", "api-key"}, policy)
    walked.policy = SOMEBODY
    via, both = tree_of(policy, walked).parts
    assert not via.parts[1].decided
    assert both.parts[0].decided


def test_public_decides_where_nothing_is_presented() -> None:
    policy = parse("api-key | public")
    walked = _walked(set(), policy)
    walked.policy = None
    assert [part.decided for part in tree_of(policy, walked).parts] == [False, True]
    walked.policy = Rejection(NO_CREDENTIAL)
    assert not tree_of(policy, walked).decided


def test_nothing_decided_where_the_policy_was_not_reached() -> None:
    policy = parse("api-key | hmac")
    assert not tree_of(policy, _walked({"api-key"}, policy, reached=False)).decided


@pytest.mark.parametrize(
    ("verdict", "outcome", "reason"),
    [
        (SOMEBODY, "proved", ""),
        (Rejection(NO_CREDENTIAL, "why"), "refused", "no_credential"),
        (ValueError("a secret"), "broken", "broken"),
        (None, "not asked", ""),
    ],
)
def test_a_leaf_says_what_its_scheme_said(verdict: Any, outcome: str, reason: str) -> None:
    walked = _walked({"basic"}, parse("basic"))
    walked.leaves["basic"].verdict = verdict
    node = tree_of(parse("basic"), walked)
    assert (node.outcome, node.reason) == (outcome, reason)
    assert "a secret" not in str(node)
