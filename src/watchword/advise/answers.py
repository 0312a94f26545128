"""Ask ten short questions: who calls, what is at stake, what is yours, what you can afford. Each is a row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

__all__ = ["QUESTIONS", "Answers", "NoAnswer", "Option", "Place", "Question", "options_of"]


class NoAnswer(ValueError):
    """Say which question was not answered by any of its options."""

    def __init__(self, question: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.question = question
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Option:
    """Be one answer: the word for programs, and what people read. ``callers`` are those that it makes sense for."""

    word: str
    text: str
    callers: tuple[str, ...] = ("people", "machines", "both")


@dataclass(frozen=True, slots=True)
class Question:
    """Ask one thing. ``name`` is the answer's, and the flag's; ``default`` the word where nobody answers."""

    name: str
    text: str
    options: tuple[Option, ...]
    default: str


_PEOPLE: Final = ("people", "both")

QUESTIONS: Final[tuple[Question, ...]] = (
    Question(
        "callers",
        "Who calls?",
        (
            Option("people", "people"),
            Option("machines", "machines: services, jobs, devices"),
            Option("both", "both, at the same place"),
        ),
        "machines",
    ),
    Question(
        "through",
        "By what do they call?",
        (
            Option("server", "a program: a service, a job, a script"),
            Option("browser", "web pages of your own", _PEOPLE),
            Option("app", "an app, or a single-page application, of your own", _PEOPLE),
            Option("third-party", "an application of somebody else"),
            Option("agent", "an AI agent, or an MCP client"),
            Option("legacy", "something old that only knows name and password"),
        ),
        "server",
    ),
    Question(
        "sensitivity",
        "What is at stake when somebody else gets in?",
        (
            Option("low", "little: what is public anyhow, or is easily made again"),
            Option("medium", "something: business data, costs"),
            Option("high", "much: money, health, other people's data, control of something"),
        ),
        "medium",
    ),
    Question(
        "ends",
        "Whose is the calling end?",
        (Option("theirs", "somebody else's: another company, the public"), Option("ours", "yours, too")),
        "theirs",
    ),
    Question(
        "network",
        "Do you trust the network, and everything that ends TLS on the way?",
        (
            Option("trusted", "yes: one hop of TLS, or a network of your own"),
            Option("untrusted", "no: proxies, gateways, logs of others see requests in the clear"),
        ),
        "trusted",
    ),
    Question(
        "certificates",
        "Can both ends handle client certificates?",
        (Option("no", "no, or not gladly"), Option("yes", "yes: somebody renews them, TLS ends at your server")),
        "no",
    ),
    Question(
        "complexity",
        "How much may it take to run, for you and for callers?",
        (
            Option("little", "little: it must be done in an afternoon"),
            Option("some", "some: a library, a clock, a job that rotates"),
            Option("much", "much: a team that runs such things"),
        ),
        "some",
    ),
    Question(
        "provider",
        "Do the callers already log in somewhere?",
        (
            Option("none", "no, or only with you"),
            Option("outside", "yes: an identity provider that you want to rely on"),
        ),
        "none",
    ),
    Question(
        "revocation",
        "How soon must somebody be out whom you throw out?",
        (
            Option("at-once", "at once"),
            Option("minutes", "within minutes"),
            Option("hours", "within hours"),
        ),
        "minutes",
    ),
    Question(
        "offline",
        "Must services judge a caller without asking anybody?",
        (
            Option("no", "no: one service, or they can ask"),
            Option("yes", "yes: many services, regions, edges"),
        ),
        "no",
    ),
)


def options_of(question: Question, callers: str) -> tuple[Option, ...]:
    """Return the options that make sense for these callers."""
    return tuple(option for option in question.options if callers in option.callers)


@dataclass(frozen=True, slots=True)
class Answers:
    """Hold one answer to each question, by its word."""

    callers: str = "machines"
    through: str = "server"
    sensitivity: str = "medium"
    ends: str = "theirs"
    network: str = "trusted"
    certificates: str = "no"
    complexity: str = "some"
    provider: str = "none"
    revocation: str = "minutes"
    offline: str = "no"

    def __post_init__(self) -> None:
        for question in QUESTIONS:
            given = getattr(self, question.name)
            options = options_of(question, self.callers)
            if given not in [option.word for option in options]:
                known = given in [option.word for option in question.options]
                said = f"{self.callers} call by no {given}" if known else f"{str(given)[:40]!r} is no answer"
                hint = f"one of: {', '.join(option.word for option in options)}"
                raise NoAnswer(question.name, f"{question.name}: {said}", hint)

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Answers:
        """Read answers that came as JSON; what is left out has its default. Raise NoAnswer."""
        known = {each.name for each in fields(cls)}
        for name in value:
            if name not in known:
                raise NoAnswer(str(name)[:40], "there is no such question", f"one of: {', '.join(sorted(known))}")
        return cls(**value)

    def value(self) -> dict[str, str]:
        """Return the answers as JSON."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


_PATH: Final = re.compile(r"/[!$&'()*+,\-./0-9:;=@A-Z_a-z~{}%]*")
_URL: Final = re.compile(r"https?://[A-Za-z0-9.\[\]:_-]+(?:/[A-Za-z0-9._~/-]*)?")
_SCOPE: Final = re.compile(r"[\x21\x23-\x26\x28-\x5b\x5d-\x5f\x61-\x7e]+")  # no quote of any kind, no backslash
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class Place:
    """Hold what is to be guarded: the API's ``url``, a path such as ``/orders/{id}``, a method, and scopes."""

    url: str = "https://api.example.com"
    path: str = "/orders"
    method: str = "GET"
    scopes: tuple[str, ...] = field(default=("orders:read",))

    def __post_init__(self) -> None:
        if not _URL.fullmatch(self.url):
            raise NoAnswer("url", f"{self.url[:_SHOWN]!r} is not the URL of an API", "such as https://api.example.com")
        if not _PATH.fullmatch(self.path):
            raise NoAnswer("path", f"{self.path[:_SHOWN]!r} is not a path", "such as /orders or /orders/{id}")
        if self.method not in _METHODS:
            raise NoAnswer("method", f"{self.method[:_SHOWN]!r} is not a method", f"one of: {', '.join(_METHODS)}")
        for scope in self.scopes:
            if not _SCOPE.fullmatch(scope):
                raise NoAnswer("scope", f"{scope[:_SHOWN]!r} is not a scope", "such as orders:read")

    @property
    def base(self) -> str:
        """Return the URL without a slash at its end."""
        return self.url.rstrip("/")

    @property
    def example(self) -> str:
        """Return a path that falls under the template."""
        return re.sub(r"\{[^{}]*\}", "1", self.path)

    @property
    def sends(self) -> bool:
        """Tell whether a request has content."""
        return self.method in ("POST", "PUT", "PATCH")
