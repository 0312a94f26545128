"""The tree, its normal form and its text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.trees import private_trees, trees
from watchword.policy.syntax import parse
from watchword.policy.tree import Both, Either, Leaf, Policy, PolicyError, Public, Via, names, normal, render

A, B, C = Leaf("a"), Leaf("b"), Leaf("c")


@given(trees())
def test_text_and_tree_are_one(tree: Policy) -> None:
    assert parse(render(tree)) == normal(tree)


@given(trees())
def test_normal_form_is_final(tree: Policy) -> None:
    assert normal(normal(tree)) == normal(tree)
    assert render(normal(tree)) == render(tree) == render(parse(render(tree))) == str(normal(tree))


@given(private_trees(), private_trees(), private_trees())
def test_either_and_both_are_associative(one: Policy, two: Policy, three: Policy) -> None:
    for kind in (Either, Both):
        left = normal(kind((kind((one, two)), three)))
        right = normal(kind((one, kind((two, three)))))
        assert left == right == normal(kind((one, two, three)))


@given(private_trees())
def test_either_and_both_are_idempotent(tree: Policy) -> None:
    assert normal(Either((tree, tree))) == normal(Both((tree, tree))) == normal(tree)


@given(trees())
def test_no_parenthesis_can_be_left_out(tree: Policy) -> None:
    text = render(tree)
    for opened in (at for at, char in enumerate(text) if char == "("):
        depth, closed = 1, opened + 1
        while depth:
            depth += {"(": 1, ")": -1}.get(text[closed], 0)
            closed += 1
        without = text[:opened] + text[opened + 1 : closed - 1] + text[closed:]
        try:
            other = parse(without)
        except PolicyError:
            continue
        assert other != normal(tree)


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        (Either((A, Both((B, C)))), "a | b & c"),
        (Both((Either((A, B)), C)), "(a | b) & c"),
        (Both((A, Via(B, C))), "a & b via c"),
        (Via(Both((A, B)), C), "(a & b) via c"),
        (Via(A, Either((B, C))), "a via (b | c)"),
        (Either((Either((A, Public())), Public())), "a | public"),
        (Either((Either((A, B)), A)), "a | b"),
        (Public(), "public"),
    ],
)
def test_text_is_canonical(tree: Policy, text: str) -> None:
    assert render(tree) == str(tree) == text


def test_names_come_in_the_order_of_the_text_and_once() -> None:
    assert names(parse("c & a via b | a | public")) == ("c", "a", "b")


@pytest.mark.parametrize("name", ["", "A", "1a", "a_b", "a b", "public", "via", "a\n", "ä"])
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(PolicyError):
        Leaf(name)


@pytest.mark.parametrize("kind", [Either, Both])
def test_an_operator_needs_a_part(kind: type[Either | Both]) -> None:
    with pytest.raises(PolicyError, match="at least one"):
        kind(())


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        (Both((A, Public())), 'found "public" under "&"'),
        (Both((A, Either((B, Public())))), 'found "public" under "&"'),
        (Via(Public(), A), 'found "public" under "via"'),
        (Either((Public(), A)), 'found "public" before another alternative'),
        (Either((Either((A, Public())), B)), 'found "public" before another alternative'),
        (Via(Via(A, B), C), 'found "via" within "via"'),
        (Via(A, Both((B, Via(C, Leaf("d"))))), 'found "via" within "via"'),
        (Via(A, A), 'found "a" on both sides of "via"'),
        (Via(Either((A, B)), Either((C, B))), 'found "b" on both sides of "via"'),
    ],
)
def test_what_must_not_be_joined_is_refused(tree: Policy, said: str) -> None:
    with pytest.raises(PolicyError, match=said):
        normal(tree)


def test_hostile_trees_are_bounded() -> None:
    deep: Policy = A
    for _ in range(5000):
        deep = Either((deep,))
    with pytest.raises(PolicyError, match="at most 32 levels"):
        normal(deep)
    shared: Policy = A
    for _ in range(30):  # 2**30 leaves if it were walked
        shared = Both((shared, shared))
    with pytest.raises(PolicyError, match="at most 32"):
        normal(shared)
    with pytest.raises(PolicyError, match="at most 1000"):
        normal(Both(tuple(Leaf(f"n{number}-{'x' * 40}") for number in range(32))))


@given(st.integers(1, 32))
def test_any_number_of_schemes_up_to_the_bound(count: int) -> None:
    tree = Either(tuple(Leaf(f"s{number}") for number in range(count)))
    assert len(names(parse(render(tree)))) == count
