"""What every verb shares: options, help with examples, exit codes, errors that say how to mend them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

import typer
from typer.core import TyperCommand, TyperGroup

__all__ = [
    "BROKEN",
    "DONE",
    "INTERRUPTED",
    "REFUSED",
    "WRONG_USAGE",
    "Asked",
    "Stop",
    "VerbCommand",
    "VerbGroup",
    "asked",
    "group",
    "nearest",
]

DONE: Final = 0
REFUSED: Final = 1
WRONG_USAGE: Final = 2
BROKEN: Final = 3
INTERRUPTED: Final = 130

CONFIG: Final = "watchword.toml"

# Words that people bring from elsewhere.
_OTHER_WORDS: Final[Mapping[str, str]] = {
    "cat": "show", "create": "issue", "curl": "call", "delete": "revoke", "get": "show", "info": "show",
    "key": "issue", "keys": "list", "log": "audit", "logs": "audit", "ls": "list", "new": "issue", "remove": "revoke",
    "rm": "revoke", "run": "serve", "server": "serve", "setup": "init", "start": "serve", "upgrade": "migrate",
    "users": "user", "services": "service", "why": "explain",
}  # fmt: skip


class Stop(Exception):
    """End a verb: what was wrong, a hint that mends it, and the exit code."""

    def __init__(self, message: str, hint: str = "", code: int = WRONG_USAGE) -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code


@dataclass(slots=True)
class Asked:
    """Hold what was asked for beside the verb."""

    config: Path | None = None
    json: bool = False
    seen: set[str] = field(default_factory=set)


def asked(ctx: typer.Context) -> Asked:
    """Return what was asked for beside the verb."""
    found = ctx.find_object(Asked)
    return Asked() if found is None else found


def nearest(word: str, words: Iterable[str], cutoff: float = 0.5) -> str | None:
    """Return the nearest of ``words``, or None; capitals are no difference."""
    known = {each.lower(): each for each in words}
    near = get_close_matches(word.lower(), known, 1, cutoff)
    return known[near[0]] if near else None


def _take_config(ctx: typer.Context, value: Path | None) -> None:
    if value is not None:
        asked(ctx).config = value


def _take_json(ctx: typer.Context, value: bool) -> None:
    if value:
        asked(ctx).json = True


def _common(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help=f"The configuration; default {CONFIG}.",
            callback=_take_config,
            expose_value=False,
            show_default=False,
        ),
    ] = None,
    json: Annotated[
        bool,
        typer.Option("--json", help="Print JSON: one object, or one a line.", callback=_take_json, expose_value=False),
    ] = False,
) -> None:
    """Stand for the options that may come before the verb and after it."""


@cache
def _common_params() -> tuple[Any, ...]:
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command()(_common)
    return tuple(typer.main.get_command(alone).params)


class _Helpful:
    """Format help in the order in which people read: what it does, examples, then the options."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Name what must be given as it is written in the documentation."""
        needed = [f"{param.opts[0]} {param.metavar}" for param in self.params if _needed_option(param)]
        arguments = [param.metavar for param in self.params if param.param_type_name == "argument"]
        verb = ["VERB …"] if isinstance(self, VerbGroup) else []
        return [*arguments, *needed, "[OPTIONS]", *verb]

    params: list[Any]
    epilog: str | None

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Print nothing: the examples came before the options."""

    def _examples(self, formatter: Any) -> None:
        if self.epilog:
            with formatter.section("Examples"):
                for line in self.epilog.strip().splitlines():
                    formatter.write(f"  {line.strip()}\n")

    def _options(self, ctx: Any, formatter: Any) -> None:
        own: dict[str, list[Any]] = {"Arguments": [], "Options": [], "Everywhere": []}
        common = {param.name for param in _common_params()} | {"help", "install_completion", "show_completion"}
        for param in [*self.params, ctx.command.get_help_option(ctx)]:
            if param.param_type_name == "argument":
                own["Arguments"].append((param.metavar, param.help or ""))
                continue
            record = param.get_help_record(ctx)
            if record is not None:
                kind = "Everywhere" if param.name in common else param.param_type_name.title() + "s"
                own[kind].append(record)
        for title, records in own.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records, col_max=28)


def _needed_option(param: Any) -> bool:
    return param.param_type_name == "option" and bool(param.required)


class VerbCommand(_Helpful, TyperCommand):
    """Be one verb."""

    def __init__(self, *args: Any, params: list[Any] | None = None, **rest: Any) -> None:
        super().__init__(*args, params=[*(params or ()), *_common_params()], **rest)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Print the examples, then arguments and options."""
        self._examples(formatter)
        self._options(ctx, formatter)


class VerbGroup(_Helpful, TyperGroup):
    """Be a group of verbs; ``chapters`` orders them in the help."""

    chapters: ClassVar[Mapping[str, Sequence[str]]] = {}

    def __init__(self, *, params: list[Any] | None = None, **rest: Any) -> None:
        super().__init__(params=[*(params or ()), *_common_params()], **(rest | {"subcommand_metavar": "VERB …"}))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Print the verbs, then examples and options."""
        chaptered = [name for names in self.chapters.values() for name in names]
        others = [name for name in self.commands if name not in chaptered]
        for title, names in {**self.chapters, "Verbs": others}.items():
            rows = [
                (name, self.commands[name].get_short_help_str(limit=200)) for name in names if name in self.commands
            ]
            if rows:
                with formatter.section(title):
                    formatter.write_dl([(name.ljust(10), text) for name, text in rows])
        self._examples(formatter)
        self._options(ctx, formatter)

    def invoke(self, ctx: Any) -> Any:
        """Run the verb, or ask for one."""
        if not ctx._protected_args and not self.invoke_without_command:
            raise Stop(
                f"{ctx.command_path.removeprefix('watchword ')}: say what to do", f"one of: {', '.join(self.commands)}"
            )
        return super().invoke(ctx)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the verb, or name the nearest one."""
        word = args[0]
        if self.get_command(ctx, word) is None and not word.startswith("-"):
            near = _OTHER_WORDS.get(word.lower())
            if near not in self.commands:
                near = nearest(word, self.commands)
            hint = f"did you mean `{ctx.command_path} {near}`?" if near else f"one of: {', '.join(self.commands)}"
            raise Stop(f"there is no verb {word[:40]!r}", hint)
        return super().resolve_command(ctx, args)


def group(help: str, *examples: str) -> typer.Typer:
    """Return a group of verbs to be added to the command line."""
    shown = "\n".join(f"$ watchword {each}" for each in examples)
    return typer.Typer(
        cls=VerbGroup, help=help, epilog=shown, rich_markup_mode=None, no_args_is_help=False, add_completion=False
    )


def report(stop: Stop) -> int:
    """Say on stderr what was wrong and how to mend it; return the exit code."""
    from watchword.cli.plumbing.output import clean, colour

    said, *more = map(clean, str(stop).split("\n"))
    lines = [f"{colour('watchword:', 'red', sys.stderr)} {said}", *(f"  {line}" for line in more)]
    if stop.hint:
        lines.append(f"  {clean(stop.hint)}")
    print("\n".join(lines), file=sys.stderr)
    return stop.code
