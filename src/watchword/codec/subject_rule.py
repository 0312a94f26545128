"""Say which name of a client certificate is its subject, by a rule.

A rule is one or more steps joined by ``|``, tried in order; the first whose name the certificate carries decides:

- ``dns:service``, ``email:user``, ``cn:service``, ``uri:service``: the certificate's one DNS name, mail address, common
  name or URI is the name of a service or user;
- ``uri:service:spiffe://prod.example/``: likewise, after the text behind the second colon was taken off its front;
- ``urn``: the one URI is of our own form, ``urn:watchword:service:billing`` for the subject "service:billing", with
  what a URI cannot hold percent-encoded (RFC 3986 section 2.1). Certificates of our own CA are named so.

Two values of the kind asked for are ambiguous and name nobody. DNS names, addresses and common names are read in lower
case; URIs are taken as they are. A name that is not of the one spelling that accounts have names nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final
from urllib.parse import quote, unquote

from watchword.codec.names import normal_name
from watchword.codec.x509 import ClientCertificate

__all__ = ["OWN_RULE", "SubjectRule", "parse_rule", "subject_of", "subject_uri"]

_URN: Final = "urn:watchword:"
_TYPES: Final = ("user", "service")
_NAMES: Final[Mapping[str, Callable[[ClientCertificate], tuple[str, ...]]]] = {
    "urn": lambda certificate: certificate.uris,
    "uri": lambda certificate: certificate.uris,
    "dns": lambda certificate: certificate.dns_names,
    "email": lambda certificate: certificate.emails,
    "cn": lambda certificate: certificate.common_names,
}


@dataclass(frozen=True, slots=True)
class _Step:
    name: str
    type: str = ""
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class SubjectRule:
    """Hold a parsed rule; ``str`` gives its text back."""

    steps: tuple[_Step, ...]

    def __str__(self) -> str:
        return " | ".join(":".join(part for part in (step.name, step.type, step.prefix) if part) for step in self.steps)


def parse_rule(text: str) -> SubjectRule:
    """Parse a rule. Raise ValueError that names the position and the nearest right word."""
    steps = []
    position = 0
    for part in text.split("|"):
        steps.append(_parse_step(part.strip(), position + len(part) - len(part.lstrip())))
        position += len(part) + 1
    return SubjectRule(tuple(steps))


def _parse_step(text: str, position: int) -> _Step:
    name, _, rest = text.partition(":")
    kind, _, prefix = rest.partition(":")
    _expect(name, tuple(_NAMES), position)
    if name == "urn":
        if rest:
            raise ValueError(f"subject rule, position {position}: 'urn' stands alone, its URI says the type")
        return _Step(name)
    _expect(kind, _TYPES, position + len(name) + 1)
    return _Step(name, kind, prefix)


def _expect(word: str, words: tuple[str, ...], position: int) -> None:
    if word not in words:
        near = get_close_matches(word, words, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(words)}"
        raise ValueError(f"subject rule, position {position}: unknown word {word!r}; {hint}")


def subject_of(certificate: ClientCertificate, rule: SubjectRule) -> str | None:
    """Return the subject, such as "service:billing", or None when the certificate names none or more than one."""
    for step in rule.steps:
        values = _NAMES[step.name](certificate)
        if len(values) > 1:
            return None
        if values and values[0].startswith(step.prefix):
            return _subject(step, values[0].removeprefix(step.prefix))
    return None


def _subject(step: _Step, value: str) -> str | None:
    if step.name == "urn":
        return _from_uri(value)
    name = value.lower() if step.name != "uri" and value.isascii() else value
    if normal_name(name) != name or "*" in name:  # folding more could make one name of two that the CA tells apart
        return None
    return f"{step.type}:{name}"


def subject_uri(subject: str) -> str:
    """Return the URI that names ``subject`` in certificates of our own CA."""
    kind, _, name = subject.partition(":")
    if kind not in _TYPES or not name:
        raise ValueError(f"not a subject: {subject!r}; write user:NAME or service:NAME")
    return f"{_URN}{kind}:{quote(name, safe='!$&*+=@')}"


def _from_uri(uri: str) -> str | None:
    try:
        subject = unquote(uri.removeprefix(_URN), errors="strict")
        canonical = subject_uri(subject) == uri
    except ValueError:
        return None
    name = subject.partition(":")[2]
    return subject if canonical and normal_name(name) == name else None


OWN_RULE: Final = parse_rule("urn")
