"""Draw valid policy trees, with all the redundancy that a normal form takes out."""

from __future__ import annotations

from hypothesis import strategies as st

from watchword.policy.tree import Both, Either, Leaf, Policy, PolicyError, Public, Via, normal

NAMES = ("a", "b", "c", "d-2", "jwt", "api-key")

_leaves = st.sampled_from(NAMES).map(Leaf)
_plain: st.SearchStrategy[Policy] = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: Either(tuple(parts))),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: Both(tuple(parts))),
        st.tuples(inner, inner).map(lambda pair: Via(*pair)),
    ),
    max_leaves=8,
)


def _valid(tree: Policy) -> bool:
    try:
        normal(tree)
    except PolicyError:
        return False
    return True


def private_trees() -> st.SearchStrategy[Policy]:
    """Draw valid trees without ``public``."""
    return _plain.filter(_valid)


def trees() -> st.SearchStrategy[Policy]:
    """Draw valid trees, ``public`` among them."""
    opened = private_trees().map(lambda tree: Either((tree, Public())))
    return st.one_of(private_trees(), opened, st.just(Public()))
