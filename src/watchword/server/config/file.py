"""Say where in the configuration something is wrong, what is wrong with it, and which word was meant."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TypeAlias, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

__all__ = [
    "NOT_A_TWIN",
    "ConfigError",
    "Key",
    "Problem",
    "key_lines",
    "known_keys",
    "nearest",
    "outside_strings",
    "place_of",
    "problems_of",
    "read_toml",
    "stamp",
    "stray_names",
    "twin",
]

Key: TypeAlias = tuple[str | int, ...]

PREFIX: Final = "WATCHWORD_"
NOT_A_TWIN: Final = "WATCHWORD_ROOT_KEY"  # holds the key itself, not the table [root_key]
_HEADER: Final = re.compile(r"\s*(\[\[?)\s*([^\]#]+?)\s*\]\]?\s*(?:#.*)?$")
_PART: Final = re.compile(r"""\"([^\"]*)\"|'([^']*)'|([^\s.\"']+)""")
_ASSIGNMENT: Final = re.compile(r"""\s*((?:\"[^\"]*\"|'[^']*'|[A-Za-z0-9_\-. ])+?)\s*=""")
_LINE: Final = re.compile(r"line (\d+)")
_NUMBER: Final = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Problem:
    """Point at one mistake: where (file and line, or the environment variable), which key, what, and what to do."""

    place: str
    key: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        key = f"{self.key}: " if self.key else ""
        return f"{self.place}: {key}{self.message}" + (f" ({self.hint})" if self.hint else "")


class ConfigError(ValueError):
    """Refuse a configuration and name everything that is wrong with it in ``problems``, never a secret."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def read_toml(path: Path) -> tuple[dict[str, Any], str]:
    """Return the file's content and its text. Raise ConfigError that names the line."""
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        raise ConfigError([Problem(str(path), "", "there is no such file", "make one with `watchword init`")]) from None
    except (OSError, UnicodeDecodeError) as error:
        what = error.strerror or "it cannot be read" if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError([Problem(str(path), "", str(what))]) from None
    try:
        return tomllib.loads(text), text
    except tomllib.TOMLDecodeError as error:
        line = _LINE.search(str(error))
        place = f"{path}, line {line[1] if line else max(1, text.count(chr(10)))}"
        raise ConfigError([Problem(place, "", f"not TOML: {_unquoted(str(error))}")]) from None
    except RecursionError:
        raise ConfigError([Problem(str(path), "", "one value lies too deep in others")]) from None


def _unquoted(message: str) -> str:
    """Return the parser's message without the characters that it quotes: they may be of a secret."""
    return re.sub(r"['\"].*['\"]", "…", message)


def stamp(path: Path) -> tuple[int, int, int] | None:
    """Return what is different when a file has changed, None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def key_lines(text: str) -> dict[Key, int]:
    """Return the line (from 1) of each key and table header that stands in the text."""
    found: dict[Key, int] = {}
    counts: dict[Key, int] = {}
    table: Key = ()
    for number, line in outside_strings(text):
        header = _HEADER.match(line)
        if header is not None:
            table = _parts(header[2])
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                found.setdefault(table, number)
                table = (*table, counts[table])
            found.setdefault(table, number)
            continue
        assignment = _ASSIGNMENT.match(line)
        if assignment is not None:
            key = (*table, *_parts(assignment[1]))
            for end in range(len(table) + 1, len(key) + 1):
                found.setdefault(key[:end], number)
    return found


def outside_strings(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that do not begin inside a multi-line string."""
    inside = ""
    for number, line in enumerate(text.splitlines(), 1):
        if not inside:
            yield number, line
        for mark in ('"""', "'''"):
            if line.count(mark) % 2 and (not inside or inside == mark):
                inside = "" if inside else mark


def _parts(dotted: str) -> Key:
    return tuple("".join(part) for part in _PART.findall(dotted))


def place_of(key: Key, lines: Mapping[Key, int]) -> int | None:
    """Return the line of the key, or of the nearest thing around it."""
    for end in range(len(key), 0, -1):
        if key[:end] in lines:
            return lines[key[:end]]
    return None


def twin(key: Key) -> str:
    """Return the name of the key's environment twin: ``WATCHWORD_SERVER__LISTEN``."""
    return PREFIX + "__".join(str(part) for part in key if not isinstance(part, int)).upper()


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models that an annotation names, such as the Route of ``tuple[Route, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)


def known_keys(model: type[BaseModel], place: Key = ()) -> dict[Key, FieldInfo]:
    """Return every key of the settings, tables included."""
    found: dict[Key, FieldInfo] = {}
    for name, field in model.model_fields.items():
        key = (*place, field.alias or name)
        found[key] = field
        for inner in models_in(field.annotation):
            found |= known_keys(inner, key)
    return found


def nearest(word: str, words: Iterable[str]) -> str:
    """Return "did you mean …?", or the words there are when none is near."""
    every = sorted(words)
    near = get_close_matches(word.lower(), every, 1, 0.5)
    return f"did you mean {near[0]}?" if near else "known are " + ", ".join(every)


def problems_of(
    error: ValidationError, model: type[BaseModel], path: Path | None, lines: Mapping[Key, int]
) -> list[Problem]:
    """Return pydantic's findings as problems, with their places, without the values."""
    known = known_keys(model)
    problems = []
    for found in error.errors(include_url=False, include_input=False):
        problems.append(_problem(found, *_sorted(found, known), known, path, lines))
    return problems


def _sorted(found: Any, known: Mapping[Key, FieldInfo]) -> tuple[Key, Key]:
    """Return the key that was written, and the setting that it is: without numbers and without names of one's own.

    Left out is what pydantic says of its own parts.
    """
    written: list[str | int] = []
    setting: Key = ()
    named, last = False, len(found["loc"]) - 1
    for place, part in enumerate(found["loc"]):
        if isinstance(part, int) or named:
            named = False
            written.append(part)
        elif (*setting, part) in known or (place == last and found["type"] == "extra_forbidden"):
            setting = (*setting, part)
            written.append(part)
            named = setting in known and get_origin(known[setting].annotation) is dict
    return tuple(written), setting


def _problem(
    found: Any, key: Key, setting: Key, known: Mapping[Key, FieldInfo], path: Path | None, lines: Mapping[Key, int]
) -> Problem:
    name = ".".join(str(part + 1) if isinstance(part, int) else _shown(part) for part in key)
    place = _place(key, path, lines)
    if found["type"] == "extra_forbidden":
        siblings = [str(each[-1]) for each in known if each[:-1] == setting[:-1]]
        elsewhere = [".".join(map(str, each)) for each in known if each[-1] == key[-1]]
        hint = f"did you mean {min(elsewhere)}?" if elsewhere else nearest(str(key[-1]), siblings)
        return Problem(place, name, "unknown setting", hint)
    if found["type"] == "tuple_type":
        tables = setting in known and any(models_in(known[setting].annotation))
        return Problem(place, name, "it must be a list", f"write [[{name}]], once for each" if tables else "")
    context = found.get("ctx", {}).get("error")
    hint = str(getattr(context, "hint", ""))
    message = str(context) if context is not None else str(found["msg"])
    return Problem(place, name, message[:1].lower() + message[1:], hint)


def _shown(part: str) -> str:
    return part if len(part) <= 60 and part.isprintable() else part[:60].encode("ascii", "backslashreplace").decode()


def _place(key: Key, path: Path | None, lines: Mapping[Key, int]) -> str:
    names = [twin(key[:end]) for end in range(len(key), 0, -1)]
    given = {name.upper() for name in os.environ} - {NOT_A_TWIN}
    for name in names:
        if name in given:
            return name
    line = place_of(key, lines)
    if path is None:
        return "the settings"
    return f"{path}, line {line}" if line is not None else str(path)


def stray_names(known: Mapping[Key, FieldInfo], allowed: Iterable[str]) -> list[Problem]:
    """Return a problem for each WATCHWORD_… variable of the environment that names no setting."""
    every = {twin(key) for key in known} | set(allowed)
    return [
        Problem(name, "", "unknown setting", f"did you mean {get_close_matches(name.upper(), every, 1, 0)[0]}?")
        for name in sorted(os.environ)
        if name.upper().startswith(PREFIX) and name.upper() not in every
    ]
