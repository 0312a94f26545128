"""Read what came as JSON, one field at a time; what is wrong with one is said with its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from watchword.lifecycle.clients.book import Bounds
from watchword.lifecycle.clients.fields import FieldError
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.values import duration_of, networks_of, rate_of, scopes_of
from watchword.stores.rows import storable

__all__ = ["DAY", "FLAGS", "Fields", "bounds_of", "read"]

DAY: Final = 86_400
"""Seconds."""

FLAGS: Final = {"": False, "false": False, "true": True}
"""What a flag of the query may be."""

_LONGEST: Final = 36_600 * DAY
_MOST_TEXTS: Final = 1_000
_LONGEST_TEXT: Final = 4_096

T = TypeVar("T")


class Fields:
    """Take fields out of an object; ``done`` refuses what nobody took, which is a slip of the pen."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._left = dict(values)

    def __contains__(self, name: str) -> bool:
        return name in self._left

    def left(self) -> dict[str, Any]:
        """Return what nobody took yet, taken by that."""
        rest, self._left = self._left, {}
        return rest

    def any(self, name: str) -> Any:
        """Return whatever is there, None where nothing is."""
        return self._left.pop(name, None)

    def text(self, name: str, default: str | None = None, *, most: int = _LONGEST_TEXT) -> str:
        """Return a text; without ``default`` it is needed, and not empty."""
        value = self._left.pop(name, None)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or (default is None and not value.strip()) or not storable(value):
            raise FieldError(name, f"{name}: a text is needed")
        if len(value) > most:
            raise FieldError(name, f"{name}: {most:,} characters at most")
        return value

    def texts(self, name: str, default: Iterable[str] = ()) -> list[str]:
        """Return a list of texts; null is an empty one."""
        value = self._left.pop(name, default)
        value = [] if value is None else value
        if not isinstance(value, list | tuple) or len(value) > _MOST_TEXTS:
            raise FieldError(name, f"{name}: a list of texts")
        if not all(isinstance(each, str) and storable(each) for each in value):
            raise FieldError(name, f"{name}: a list of texts")
        return list(value)

    def flag(self, name: str) -> bool:
        """Return whether it is true; what is not there is not."""
        value = self._left.pop(name, False)
        if not isinstance(value, bool):
            raise FieldError(name, f"{name}: true or false")
        return value

    def one_of(self, name: str, words: Iterable[str], default: str | None = None) -> str:
        """Return one of some words."""
        words = list(words)
        value = self._left.pop(name, default)
        if value not in words:
            raise FieldError(name, f"{name}: one of {', '.join(words)}")
        return str(value)

    def duration(self, name: str, default: str, *, zero: bool = False) -> int:
        """Return seconds of a text such as "24h"; with ``zero`` also of "0s"."""
        value = self._left.pop(name, default)
        if not isinstance(value, str):
            raise FieldError(name, f"{name}: a duration is a text", "such as 24h")
        return 0 if zero and value.strip() in ("0", "0s") else read(name, value, duration_of)

    def done(self) -> None:
        """Refuse the fields that nobody took."""
        if self._left:
            name = min(self._left)[:60]
            raise FieldError(name, f"there is no field {name!r}")


def bounds_of(fields: Fields, now: float) -> Bounds:
    """Take out what every credential has. null takes a limit or an end away."""
    given: dict[str, Any] = {}
    if "scopes" in fields:  # one text may hold several: whoever judges them has to see each
        given["scopes"] = read("scopes", fields.texts("scopes"), scopes_of)
    if "networks" in fields:
        given["networks"] = read("networks", fields.texts("networks"), networks_of)
    for name, none in (("limit", "no_limit"), ("expires_at", "no_end")):
        if name in fields:
            value = fields.any(name)
            given[none if value is None else name] = True if value is None else value
    if "limit" in given:
        given["limit"] = read("limit", given["limit"], rate_of)
    if "expires_at" in given:
        given["expires_at"] = _moment(given["expires_at"], now)
    return Bounds(**given)


def read(name: str, value: Any, reader: Callable[[Any], T]) -> T:
    """Return ``reader(value)``; where that is wrong, say in which field."""
    try:
        return reader(value)
    except FieldError:
        raise
    except (LifecycleError, TypeError, AttributeError) as error:
        raise FieldError(name, f"{name}: {error}", getattr(error, "hint", "")) from None


def _moment(value: Any, now: float) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not now < value < now + _LONGEST:
        raise FieldError("expires_at", "expires_at: Unix seconds, in the future")
    return value
