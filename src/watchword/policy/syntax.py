"""Policy text to tree: ``via`` binds tightest, then ``&``, then ``|``; parentheses and whitespace are free."""

from __future__ import annotations

import re
from collections.abc import Collection
from difflib import get_close_matches
from typing import Final, NamedTuple

from watchword.policy.tree import (
    MAX_LEAVES,
    MAX_TEXT,
    Both,
    Either,
    Leaf,
    Policy,
    PolicyError,
    Public,
    Via,
    fault,
    normal,
)

__all__ = ["parse", "unknown"]

_TOKEN: Final = re.compile(r"[ \t\r\n]+|([a-z][a-z0-9-]*|[|&()])")
_WORD: Final = re.compile(r"\w[\w.-]*")
_END: Final = ""
_OPERATORS: Final = {"or": "|", "and": "&", ",": "|", "+": "&", "through": "via"}
_MAX_PARENTHESES: Final = 32


class _Token(NamedTuple):
    text: str
    at: int


def parse(text: str, known: Collection[str] | None = None) -> Policy:
    """Return the normal tree of a policy text of at most 1000 characters and 32 scheme names.

    ``known`` are the scheme names there are; None accepts any. Raise PolicyError, which points at the place.
    """
    if len(text) > MAX_TEXT:
        raise PolicyError(f"{len(text)} characters", f"a policy of at most {MAX_TEXT}")
    return _Parser(text, known).policy()


def unknown(name: str, known: Collection[str], *, text: str | None = None, at: int = 0) -> PolicyError:
    """Return the error for a name that is no scheme; its hint is the nearest known name."""
    words = sorted({*known, "public"})
    near = get_close_matches(name.lower(), words, n=1)
    hint = f'did you mean "{near[0]}"?' if near else ""
    return PolicyError(f'"{_shown(name)}"', f"a scheme ({', '.join(words)})", hint=hint, text=text, at=at)


def _shown(text: str) -> str:
    clipped = text if len(text) <= 40 else text[:39] + "…"
    return "".join(char if char.isprintable() else "?" for char in clipped)


class _Parser:
    """Descend recursively, one method a level of binding."""

    def __init__(self, text: str, known: Collection[str] | None) -> None:
        self.text = text
        self.known = known
        self.open = 0
        self.leaves = 0
        self.publics: list[int] = []
        self.tokens = self._tokens()
        self.position = 0

    def _tokens(self) -> list[_Token]:
        tokens, at = [], 0
        while at < len(self.text):
            match = _TOKEN.match(self.text, at)
            if match is None:
                raise self._strange(at)
            if match[1]:
                tokens.append(_Token(match[1], at))
            at = match.end()
        tokens.append(_Token(_END, len(self.text)))
        return tokens

    def _strange(self, at: int) -> PolicyError:
        word = _WORD.match(self.text, at)
        found = word[0] if word else self.text[at]
        if found in _OPERATORS:
            return self._error(found, 'a scheme, "|", "&", "via" or a parenthesis', at, _operator_hint(found))
        if self.known is not None and word:
            return unknown(found, self.known, text=self.text, at=at)
        hint = "names are written in lower case" if found != found.lower() else ""
        return self._error(found, "a scheme name of a-z, 0-9 and -", at, hint)

    def _error(self, found: str, expected: str, at: int, hint: str = "") -> PolicyError:
        shown = f'"{_shown(found)}"' if found else "the end"
        return PolicyError(shown, expected, hint=hint, text=self.text, at=at)

    @property
    def _next(self) -> _Token:
        return self.tokens[self.position]

    def _take(self, text: str) -> _Token | None:
        token = self._next
        if token.text != text:
            return None
        self.position += 1
        return token

    def policy(self) -> Policy:
        tree = self._either()
        found, at = self._next
        if found:
            hint = "this parenthesis was never opened" if found == ")" else _operator_hint(found)
            raise self._error(found, '"|", "&", "via" or the end', at, hint)
        return normal(tree)

    def _either(self) -> Policy:
        first = len(self.publics)
        parts = [self._both()]
        while self._take("|"):
            before = len(self.publics)
            parts.append(self._both())
            if before > first and not isinstance(parts[-1], Public):
                tree = Either((Public(), parts[-1]))
                raise self._joined_wrongly(tree, self.publics[first])
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _both(self) -> Policy:
        first, start = len(self.publics), self._next.at
        parts = [self._via()]
        while self._take("&"):
            parts.append(self._via())
        if len(parts) == 1:
            return parts[0]
        return self._checked(Both(tuple(parts)), first, start)

    def _via(self) -> Policy:
        first = len(self.publics)
        user = self._atom()
        via = self._take("via")
        if via is None:
            return user
        tree = self._checked(Via(user, self._atom()), first, via.at)
        again = self._take("via")
        if again:
            raise self._joined_wrongly(Via(tree, tree), again.at)
        return tree

    def _checked(self, tree: Policy, first: int, at: int) -> Policy:
        if fault(tree):
            raise self._joined_wrongly(tree, self.publics[first] if len(self.publics) > first else at)
        return tree

    def _joined_wrongly(self, tree: Policy, at: int) -> PolicyError:
        found, expected, hint = fault(tree) or ("", "", "")
        return PolicyError(found, expected, hint=hint, text=self.text, at=at)

    def _atom(self) -> Policy:
        opened = self._take("(")
        if opened:
            return self._group(opened.at)
        found, at = self._next
        if found in ("", "|", "&", ")", "via"):
            raise self._error(found, 'a scheme, "public" or "("', at)
        self.position += 1
        self.leaves += 1
        if self.leaves > MAX_LEAVES:
            raise self._error(found, f"at most {MAX_LEAVES} schemes", at)
        if found == "public":
            self.publics.append(at)
            return Public()
        if self.known is not None and found not in self.known:
            raise unknown(found, self.known, text=self.text, at=at)
        return Leaf(found)

    def _group(self, at: int) -> Policy:
        self.open += 1
        if self.open > _MAX_PARENTHESES:
            raise self._error("(", f"at most {_MAX_PARENTHESES} open parentheses", at)
        tree = self._either()
        if not self._take(")"):
            found = self._next
            hint = _operator_hint(found.text) or f'for the "(" in column {at - self.text.rfind(chr(10), 0, at)}'
            raise self._error(found.text, '")", "|", "&" or "via"', found.at, hint)
        self.open -= 1
        return tree


def _operator_hint(found: str) -> str:
    if found in _OPERATORS:
        return f'write "{_OPERATORS[found]}"'
    return "schemes are joined by an operator" if found[:1].isalpha() and found != "via" else ""
