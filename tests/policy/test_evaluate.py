"""What a policy decides, by laws on fake schemes: each reads its own mark from the request and proves what it says."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.trees import NAMES, private_trees, trees
from watchword.model.reason import MALFORMED_CREDENTIAL, NO_CREDENTIAL, SUBJECT_MISMATCH, WRONG_SECRET
from watchword.model.request import Peer, Request
from watchword.model.verdict import Challenge, Principal, Rejection
from watchword.policy.compiled import compile
from watchword.policy.tree import Both, Either, Leaf, Policy, Public, Via, has_public

REQUEST = Request("GET", b"/", b"", (), Peer())
MALFORMED = Rejection(MALFORMED_CREDENTIAL)
WRONG = Rejection(WRONG_SECRET)
SAID: dict[str, Any] = {"absent": None, "malformed": MALFORMED}


class Broken(Exception):
    """Stand for a store that is down."""


@dataclass
class Fake:
    """Act as one scheme in one state; note what was asked of it."""

    name: str
    state: str = "good"
    subject: str = "service:b"
    later: bool = False
    needs_body: bool = False
    log: list[str] = field(default_factory=list)

    def read(self, request: Request) -> Any:
        if self.state == "unreadable":
            raise Broken(self.name)
        return SAID.get(self.state, f"credential of {self.name}")

    def verify(self, credential: Any, request: Request) -> Any:
        assert credential == f"credential of {self.name}"
        self.log.append(self.name)
        return self._later() if self.later else self._now()

    async def _later(self) -> Any:
        await asyncio.sleep(0)
        return self._now()

    def _now(self) -> Any:
        if self.state == "broken":
            raise Broken(self.name)
        answers = {"wrong": WRONG, "silent": None, "strange": "yes"}
        good = Principal(self.subject, self.name, f"id-{self.name}", frozenset({"r"}))
        return answers.get(self.state, good)

    def challenge(self, rejection: Rejection | None) -> Challenge | None:
        return None

    def describe(self) -> dict[str, Any]:
        return {"type": "http"}


def judge(policy: Policy | str, **fakes: Any) -> Any:
    """Return the verdict; schemes that are not given are absent."""
    found = compile(policy, crowd(**fakes)).evaluate(REQUEST)
    return asyncio.run(_awaited(found)) if inspect.isawaitable(found) else found


async def _awaited(found: Any) -> Any:
    return await found


def crowd(log: list[str] | None = None, **given_: Any) -> dict[str, Any]:
    """Return fakes for all names, absent unless given as a state or as (state, subject)."""
    fakes: dict[str, Any] = {}
    for name in NAMES:
        said = given_.get(name.replace("-", "_"), "absent")
        state, subject = said if isinstance(said, tuple) else (said, "service:b")
        fakes[name] = Fake(
            name, state.removesuffix("!"), subject, later=state.endswith("!"), log=[] if log is None else log
        )
    return fakes


# A state that ends in "!" is answered by an awaitable.
_states = st.sampled_from(["absent", "absent", "malformed", "good", "good", "good!", "wrong", "wrong!"])
_worlds = st.fixed_dictionaries({name.replace("-", "_"): _states for name in NAMES})


def outcome(policy: Policy | str, world: dict[str, Any]) -> Any:
    verdict = judge(policy, **world)
    return verdict.subject if isinstance(verdict, Principal) else verdict and verdict.reason


@given(private_trees(), private_trees(), _worlds)
def test_the_first_presented_alternative_decides(one: Policy, two: Policy, world: dict[str, Any]) -> None:
    alone = judge(one, **world)
    either = judge(Either((one, two)), **world)
    if isinstance(alone, Principal) or alone.reason is not NO_CREDENTIAL:
        assert either == alone
    elif outcome(two, world) is not NO_CREDENTIAL:
        assert either == judge(two, **world)
    else:
        assert either.reason is NO_CREDENTIAL


@given(private_trees(), private_trees(), _worlds)
def test_both_accept_alike_in_either_order(one: Policy, two: Policy, world: dict[str, Any]) -> None:
    left, right = judge(Both((one, two)), **world), judge(Both((two, one)), **world)
    assert isinstance(left, Principal) == isinstance(right, Principal)
    if isinstance(left, Principal):
        assert left.subject == right.subject
        assert left.scopes == right.scopes
        assert isinstance(judge(one, **world), Principal)
        assert isinstance(judge(two, **world), Principal)


def chosen(tree: Policy, world: dict[str, Any]) -> list[str] | None:
    """Return the schemes that decide, read straight off the tree, or None when none is wholly presented."""
    match tree:
        case Leaf(name):
            return None if world[name.replace("-", "_")] == "absent" else [name]
        case Either(parts):
            return next((found for part in parts if (found := chosen(part, world)) is not None), None)
        case Both(parts):
            found = [chosen(part, world) for part in parts]
        case Via(user, application):
            found = [chosen(user, world), chosen(application, world)]
        case _:
            return None
    return None if None in found else [name for part in found if part for name in part]


@given(trees(), _worlds)
def test_the_tree_as_written_decides(tree: Policy, world: dict[str, Any]) -> None:
    found = chosen(tree, world)
    states = {world[name.replace("-", "_")].removesuffix("!") for name in found or ()}
    expected: Any = "service:b"
    if found is None:
        expected = None if has_public(tree) else NO_CREDENTIAL
    elif "malformed" in states:
        expected = MALFORMED_CREDENTIAL
    elif "wrong" in states:
        expected = WRONG_SECRET
    assert outcome(tree, world) == expected


@given(private_trees(), _worlds)
def test_a_policy_joined_with_itself_is_itself(tree: Policy, world: dict[str, Any]) -> None:
    assert judge(Either((tree, tree)), **world) == judge(Both((tree, tree)), **world) == judge(tree, **world)


@given(private_trees(), _worlds)
def test_public_lets_in_only_what_would_lack_a_credential(tree: Policy, world: dict[str, Any]) -> None:
    opened, closed = judge(Either((tree, Public())), **world), judge(tree, **world)
    assert opened == (None if isinstance(closed, Rejection) and closed.reason is NO_CREDENTIAL else closed)


@given(private_trees(), _worlds)
def test_no_credential_is_verified_twice(tree: Policy, world: dict[str, Any]) -> None:
    log: list[str] = []
    found = compile(tree, crowd(log, **world)).evaluate(REQUEST)
    if inspect.isawaitable(found):
        asyncio.run(_awaited(found))
    assert len(log) == len(set(log))


@given(private_trees(), _worlds, st.sampled_from(NAMES), st.sampled_from(["broken", "broken!", "unreadable"]))
def test_an_exception_is_never_a_verdict(tree: Policy, world: dict[str, Any], name: str, how: str) -> None:
    asked: list[str] = []
    world = world | {name.replace("-", "_"): how}
    fakes = crowd(asked, **world)
    try:
        found = compile(tree, fakes).evaluate(REQUEST)
        verdict = asyncio.run(_awaited(found)) if inspect.isawaitable(found) else found
    except Broken as error:
        verdict = error
    if name in asked:
        assert isinstance(verdict, Broken)
    if isinstance(verdict, Principal):
        assert f"id-{name}" not in verdict.credential.split("+")


@given(_worlds)
def test_awaitables_decide_as_values_do(world: dict[str, Any]) -> None:
    now = {name: state.removesuffix("!") for name, state in world.items()}
    for text in ("a", "a | b | c", "a & b & c", "a | b & c via jwt | (api-key | jwt) & d-2 | public"):
        assert judge(text, **world) == judge(text, **now)


@pytest.mark.parametrize(
    ("policy", "world", "expected"),
    [
        ("a | b", {"a": "good", "b": ("good", "user:x")}, "service:b"),
        ("b | a", {"a": "good", "b": ("good", "user:x")}, "user:x"),
        ("a | b", {"a": "wrong", "b": "good"}, WRONG_SECRET),
        ("a | b", {"a": "malformed", "b": "good"}, MALFORMED_CREDENTIAL),
        ("a | b", {}, NO_CREDENTIAL),
        ("a | public", {}, None),
        ("a | public", {"a": "wrong"}, WRONG_SECRET),
        ("a | public", {"a": "malformed"}, MALFORMED_CREDENTIAL),
        ("public", {"a": "wrong"}, None),
        ("a & b", {"a": "good", "b": "wrong"}, WRONG_SECRET),
        ("a & b", {"a": "good", "b": ("good", "user:x")}, SUBJECT_MISMATCH),
        ("a & b | c", {"a": "good", "b": "wrong", "c": "good"}, WRONG_SECRET),
        ("a & b | c", {"a": "malformed", "b": "good", "c": "good"}, MALFORMED_CREDENTIAL),
        ("a & b | c", {"a": "malformed", "c": "good"}, "service:b"),
        ("a & b | public", {"a": "wrong"}, None),
        ("a via b", {"a": ("good", "user:x"), "b": "good"}, "user:x"),
        ("a via b", {"a": ("good", "user:x")}, NO_CREDENTIAL),
        ("a via b", {"a": ("good", "user:x"), "b": "wrong"}, WRONG_SECRET),
        ("(a | b) & c", {"a": "wrong", "b": "good", "c": "good"}, WRONG_SECRET),
        ("(a | b) & c", {"b": "good", "c": "good"}, "service:b"),
        ("(a | b) & (a | c)", {"a": "good"}, "service:b"),
    ],
)
def test_verdicts(policy: str, world: dict[str, Any], expected: Any) -> None:
    assert outcome(policy, world) == expected


def test_what_is_missing_is_named_to_the_audit() -> None:
    assert judge("a & b | c", b="good") == Rejection(NO_CREDENTIAL, "a & b: a is missing")
    assert judge("c | (a | b) & jwt & d-2", b="good") == Rejection(NO_CREDENTIAL, "b & jwt & d-2: jwt, d-2 is missing")
    assert judge("a & b | c") == Rejection(NO_CREDENTIAL)


def test_a_conjunction_is_recorded_in_the_order_of_the_text() -> None:
    both = judge("b & a", a="good", b="good!")
    assert (both.scheme, both.credential) == ("b & a", "id-b+id-a")
    through = judge("(a | b) & c via jwt", b=("good", "user:x"), c=("good", "user:x"), jwt="good")
    assert (through.subject, through.actor) == ("user:x", "service:b")
    assert (through.scheme, through.credential) == ("b & c via jwt", "id-b+id-c+id-jwt")
    again = judge("a & a via b", a=("good", "user:x"), b="good")
    assert again.credential == "id-a+id-b"


def test_nothing_is_verified_beside_a_malformed_credential() -> None:
    log: list[str] = []
    assert compile("a & b", crowd(log, a="good", b="malformed")).evaluate(REQUEST) == MALFORMED
    assert log == []


def test_a_refused_part_spares_the_rest() -> None:
    log: list[str] = []
    assert compile("a & b", crowd(log, a="wrong", b="good")).evaluate(REQUEST) == WRONG
    assert log == ["a"]


@pytest.mark.parametrize("policy", ["a", "a | b", "a & b", "a via b", "a | a & b | public"])
@pytest.mark.parametrize("state", ["silent", "strange", "silent!", "strange!"])
def test_a_scheme_that_gives_no_verdict_never_lets_anyone_in(policy: str, state: str) -> None:
    with pytest.raises(TypeError, match="a scheme answered with"):
        judge(policy, a=state, b="good")


@pytest.mark.parametrize("policy", ["a", "a | b", "a & b"])
def test_a_verdict_of_another_class_is_none(policy: str) -> None:
    class Lenient(Rejection):  # callers compare classes, so this would pass for "not refused"
        __slots__ = ()

    fakes = crowd(a="good", b="good")
    fakes["a"].verify = lambda credential, request: Lenient(WRONG_SECRET)
    with pytest.raises(TypeError, match="Lenient"):
        compile(policy, fakes).evaluate(REQUEST)


@pytest.mark.parametrize("policy", ["a", "a | b", "a & b", "a via b", "c | a & b | public"])
def test_schemes_that_answer_at_once_are_answered_at_once(policy: str) -> None:
    assert isinstance(compile(policy, crowd(a="good", b="good")).evaluate(REQUEST), Principal)


def test_one_proof_is_handed_on_as_it_is() -> None:
    who = Principal("service:b", "a", "id-a")
    fakes = crowd(a="good")
    fakes["a"].verify = lambda credential, request: who
    for policy in ("a", "b | a", "a | public", "b & c | a"):
        assert compile(policy, fakes).evaluate(REQUEST) is who
