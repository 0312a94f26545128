"""Read the values that settings are made of: texts held to their form, with a hint where they are not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict
from pydantic_settings import NoDecode

from watchword.assembly import ENTRY_POINTS
from watchword.codec.claims import claim_rule
from watchword.keyring import checked_url
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.values import duration_of, networks_of, rate_of, scopes_of
from watchword.policy import parse

__all__ = [
    "ClaimRule",
    "Duration",
    "Grace",
    "Networks",
    "PathText",
    "PolicyText",
    "RateText",
    "Scopes",
    "Table",
    "UrlText",
    "Variable",
    "Words",
    "address_of",
    "at_most",
    "checked",
    "listed",
    "seldom",
]

_DAY: Final = 86400
_SCHEMES: Final = ("api-key", "basic", "hmac", "jwt", "mtls", "oauth2", "session")
_VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]*")


def _duration(value: object) -> object:
    """Read "15m" as seconds; "0s" is none at all."""
    if not isinstance(value, str):
        raise LifecycleError("a duration is a text", "such as 30s, 15m, 12h or 90d")
    return 0 if re.fullmatch(r"0+[a-z]*", value) else duration_of(value)


def _positive(value: object) -> object:
    seconds = _duration(value)
    if not seconds:
        raise LifecycleError("it cannot be nothing", "such as 30s, 15m, 12h or 90d")
    return seconds


def at_most(longest: str) -> AfterValidator:
    """Hold a duration to ``longest``, such as "2d"."""

    def validate(seconds: int) -> int:
        if seconds > duration_of(longest):
            raise LifecycleError(f"it is {longest} at most", f"such as {longest}")
        return seconds

    return AfterValidator(validate)


def seldom(seconds: int) -> int:
    """Hold how often something is replaced to a day at least, or never at all."""
    if 0 < seconds < _DAY:
        raise LifecycleError("once a day is the most often", "such as 30d, 90d, or 0s for never")
    return seconds


def listed(value: object) -> object:
    """Read an environment twin: JSON, or words with commas between."""
    if not isinstance(value, str):
        return value
    if value.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError("not JSON") from None
    return [word.strip() for word in value.split(",") if word.strip()]


def _networks(value: object) -> object:
    return (
        networks_of(value)
        if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)
        else value
    )


def _policy(text: str) -> None:
    try:
        parse(text, _SCHEMES)
    except ValueError:  # a package's own scheme is known only once it is loaded; then the gate names what is unknown
        if not entry_points(group=ENTRY_POINTS):  # asked seldom: it reads what every installed package says
            raise
        parse(text, None)


def _scopes(value: object) -> object:
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        scopes_of(value)
        return [word for text in value for word in text.split()]
    return value


def _path(value: str) -> None:
    if not value.startswith("/"):
        raise LifecycleError("a path starts with /", f"write /{value[:60]}")


def _variable(value: str) -> None:
    if not _VARIABLE.fullmatch(value):
        hint = "capital letters, digits and _; never the secret itself"
        raise LifecycleError("not the name of an environment variable", hint)


def checked(check: Callable[[str], object]) -> BeforeValidator:
    """Hold a text, if it is not empty, to ``check``, which raises ValueError, and keep the text."""

    def validate(value: object) -> object:
        if isinstance(value, str) and value:
            check(value)
        return value

    return BeforeValidator(validate)


def address_of(listen: str) -> tuple[str, int]:
    """Return host and port of "127.0.0.1:8000" or "[::1]:8000". Raise LifecycleError."""
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9A-Za-z.-]*)):(\d{1,5})", listen.strip())
    if match is None or int(match[3]) > 65535:
        raise LifecycleError(f"{listen[:60]!r} is not HOST:PORT", "such as 127.0.0.1:8000 or [::1]:8000")
    return match[1] or match[2] or "0.0.0.0", int(match[3])  # noqa: S104 - ":8000" asks for every address


Duration = Annotated[int, BeforeValidator(_positive)]
Grace = Annotated[int, BeforeValidator(_duration)]
RateText = Annotated[str, checked(rate_of)]
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed)]
Networks = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_networks), BeforeValidator(listed)]
Scopes = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_scopes), BeforeValidator(listed)]
UrlText = Annotated[str, checked(checked_url)]
PathText = Annotated[str, checked(_path)]
PolicyText = Annotated[str, checked(_policy)]
Variable = Annotated[str, checked(_variable)]
ClaimRule = Annotated[str, checked(claim_rule)]


class Table(BaseModel):
    """Hold one table of the file; an unknown key is an error."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
