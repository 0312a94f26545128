"""The policy as a value: its tree, its one normal form, its text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

__all__ = [
    "MAX_LEAVES",
    "MAX_TEXT",
    "RESERVED",
    "Both",
    "Either",
    "Leaf",
    "Policy",
    "PolicyError",
    "Public",
    "Via",
    "fault",
    "has_public",
    "names",
    "normal",
    "render",
]

MAX_TEXT: Final = 1000  # characters
MAX_LEAVES: Final = 32  # bounds the depth of every normal tree too, so recursion over one is safe
RESERVED: Final = frozenset({"public", "via"})
_NAME: Final = re.compile(r"[a-z][a-z0-9-]*")
_CLIP: Final = 60


class PolicyError(ValueError):
    """Say where a policy is wrong, what was found there and what was expected.

    ``line`` and ``column`` are 1-based, 0 when the policy was not given as text. ``hint`` is advice, or "".
    """

    def __init__(self, found: str, expected: str, *, hint: str = "", text: str | None = None, at: int = 0) -> None:
        self.found = found
        self.expected = expected
        self.hint = hint
        self.line: int = 0
        self.column: int = 0
        message = f"found {found}, expected {expected}" + (f"; {hint}" if hint else "")
        if text is not None:
            self.line = text.count("\n", 0, at) + 1
            self.column = at - text.rfind("\n", 0, at)
            line = f"line {self.line}, " if "\n" in text else ""
            message = f"{line}column {self.column}: {message}\n{_caret(text, self.line, self.column)}"
        super().__init__(message)


def _caret(text: str, line: int, column: int) -> str:
    shown = "".join(char if char.isprintable() else " " for char in text.split("\n")[line - 1])
    start = max(0, column - 1 - _CLIP // 2)
    return f"  {shown[start : start + _CLIP]}\n  {' ' * (column - 1 - start)}^"


@dataclass(frozen=True, slots=True)
class Leaf:
    """Accept what the scheme of this name proves."""

    name: str

    def __post_init__(self) -> None:
        if self.name in RESERVED or not _NAME.fullmatch(self.name):
            raise PolicyError(repr(self.name), "a scheme name of a-z, 0-9 and -, not public or via")

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Either:
    """Let the first presented alternative decide: ``a | b``."""

    parts: tuple[Policy, ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise PolicyError('"|" without alternatives', "at least one")

    def __str__(self) -> str:
        return render(self)


@dataclass(frozen=True, slots=True)
class Both:
    """Demand every part, all proving the same subject: ``a & b``."""

    parts: tuple[Policy, ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise PolicyError('"&" without parts', "at least one")

    def __str__(self) -> str:
        return render(self)


@dataclass(frozen=True, slots=True)
class Via:
    """Let ``user`` act through ``application``: ``a via b``."""

    user: Policy
    application: Policy

    def __str__(self) -> str:
        return render(self)


@dataclass(frozen=True, slots=True)
class Public:
    """Let anyone in who presents nothing."""

    def __str__(self) -> str:
        return "public"


Policy: TypeAlias = Leaf | Either | Both | Via | Public


def _children(policy: Policy) -> tuple[Policy, ...]:
    match policy:
        case Either(parts) | Both(parts):
            return parts
        case Via(user, application):
            return (user, application)
        case _:
            return ()


def names(policy: Policy) -> tuple[str, ...]:
    """Return the scheme names in the order of the text, each once."""
    if isinstance(policy, Leaf):
        return (policy.name,)
    return tuple(dict.fromkeys(name for part in _children(policy) for name in names(part)))


def _holds(policy: Policy, kind: type[Via | Public]) -> bool:
    return isinstance(policy, kind) or any(_holds(part, kind) for part in _children(policy))


def has_public(policy: Policy) -> bool:
    """Return whether ``public`` occurs anywhere."""
    return _holds(policy, Public)


def fault(policy: Policy) -> tuple[str, str, str] | None:
    """Return (found, expected, hint) when the topmost operator must not join these operands, else None.

    ``public`` inside a conjunction would make a proof optional without saying so. A chain of ``via`` would name
    two applications, and a principal has one actor. A scheme on both sides of ``via`` would let the user's own
    credential stand for the application.
    """
    if isinstance(policy, Either):
        if any(isinstance(part, Public) for part in policy.parts[:-1]):
            return '"public" before another alternative', '"public" last', "it matches only when nothing is presented"
        return None
    if isinstance(policy, Both | Via) and has_public(policy):
        operator = "&" if isinstance(policy, Both) else "via"
        hint = 'a proof that anyone may leave out is written with "|" at the top'
        return f'"public" under "{operator}"', '"public" alone or as the last alternative of all', hint
    if isinstance(policy, Via):
        if _holds(policy.user, Via) or _holds(policy.application, Via):
            return '"via" within "via"', "one user and one application", "a chain of applications has no meaning here"
        shared = sorted({*names(policy.user)} & {*names(policy.application)})
        if shared:
            hint = "one credential cannot prove both the user and the application"
            return f'"{shared[0]}" on both sides of "via"', "different schemes on its sides", hint
    return None


def normal(policy: Policy) -> Policy:
    """Return the normal form: nested same operators flattened, duplicates dropped, single parts unwrapped.

    Raise PolicyError when the tree is too large or joins what must not be joined.
    """
    tree = _Normal().of(policy, 0)
    if len(_text(tree)) > MAX_TEXT:
        raise PolicyError(f"{len(_text(tree))} characters", f"at most {MAX_TEXT}")
    return tree


class _Normal:
    """Count leaves while normalising, so that a tree that shares its branches cannot explode."""

    __slots__ = ("leaves",)

    def __init__(self) -> None:
        self.leaves = 0

    def of(self, policy: Policy, depth: int) -> Policy:
        if depth > MAX_LEAVES:
            raise PolicyError("deeper nesting", f"at most {MAX_LEAVES} levels")
        tree: Policy
        match policy:
            case Leaf() | Public():
                self.leaves += 1
                if self.leaves > MAX_LEAVES:
                    raise PolicyError("more schemes", f"at most {MAX_LEAVES}")
                return policy
            case Either(parts):
                flat = _flat(Either, [self.of(part, depth + 1) for part in parts])
                tree = flat[0] if len(flat) == 1 else Either(flat)
            case Both(parts):
                flat = _flat(Both, [self.of(part, depth + 1) for part in parts])
                tree = flat[0] if len(flat) == 1 else Both(flat)
            case Via(user, application):
                tree = Via(self.of(user, depth + 1), self.of(application, depth + 1))
        wrong = fault(tree)
        if wrong:
            raise PolicyError(wrong[0], wrong[1], hint=wrong[2])
        return tree


def _flat(kind: type[Either | Both], parts: Iterable[Policy]) -> tuple[Policy, ...]:
    seen: dict[Policy, None] = {}
    for part in parts:
        seen.update(
            dict.fromkeys(part.parts if isinstance(part, Either | Both) and isinstance(part, kind) else (part,))
        )
    return tuple(seen)


def render(policy: Policy) -> str:
    """Return the canonical text of the normal form, with no parenthesis more than needed."""
    return _text(normal(policy))


def _text(policy: Policy) -> str:
    match policy:
        case Leaf(name):
            return name
        case Public():
            return "public"
        case Either(parts):
            return " | ".join(_text(part) for part in parts)
        case Both(parts):
            return " & ".join(_enclosed(part, Either) for part in parts)
        case Via(user, application):
            return f"{_enclosed(user, (Either, Both))} via {_enclosed(application, (Either, Both))}"


def _enclosed(policy: Policy, looser: type[Either] | tuple[type[Either], type[Both]]) -> str:
    return f"({_text(policy)})" if isinstance(policy, looser) else _text(policy)
