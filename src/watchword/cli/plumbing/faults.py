"""Turn what went wrong into a sentence, a hint and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import typer

from watchword.cli.plumbing.shell import BROKEN, WRONG_USAGE, Stop, nearest

__all__ = ["stop_for"]


def stop_for(error: Exception) -> Stop:
    """Return how to tell of ``error``: a mistake in usage, a store that cannot be reached, or a fault of our own."""
    if isinstance(error, Stop):
        return error
    if isinstance(error, typer.TyperException):
        return _usage(error)
    return _known(error) or _fault(error)


def _usage(error: typer.TyperException) -> Stop:
    """Tell what was wrong with the words of the command."""
    ctx: Any = getattr(error, "ctx", None)
    path = ctx.command_path if ctx is not None else "watchword"
    message, hint, verb = error.format_message(), f"`{path} --help` tells more", path.removeprefix("watchword ")
    option = getattr(error, "option_name", None)
    if message.startswith("No such option") and option is not None:
        message = f"there is no option {option[:40]}"
        near = _nearest_option(option, ctx, getattr(error, "possibilities", None) or ())
        hint = f"did you mean {near}?" if near else hint
    elif type(error).__name__ == "MissingParameter":
        param: Any = getattr(error, "param", None)
        missing = param.opts[0] if param.param_type_name == "option" else param.metavar or param.name.upper()
        message = f"{verb}: {missing} is missing"
        hint = _example(ctx) or hint
    elif type(error).__name__ == "BadParameter" and getattr(error, "param", None) is not None:
        message = _bad_value(getattr(error, "param", None), error.message)
    elif message.startswith("Got unexpected extra argument"):
        message = f"{verb}: {message[0].lower()}{message[1:]}"
    return Stop(message.rstrip("."), hint, WRONG_USAGE)


def _bad_value(param: Any, message: str) -> str:
    name = param.opts[0] if param.param_type_name == "option" else param.metavar
    if "valid integer" in message:
        return f"{name}: a whole number is needed"
    return f"{name}: {message.replace('Input should be', 'it should be')}"


def _nearest_option(option: str, ctx: Any, possible: Sequence[str]) -> str | None:
    known = [opt for param in ctx.command.params for opt in param.opts] if ctx is not None else list(possible)
    return nearest(option, [*possible, *known], 0.6)


def _example(ctx: Any) -> str:
    epilog = (ctx.command.epilog or "").strip() if ctx is not None else ""
    return f"such as: {epilog.splitlines()[0].strip().removeprefix('$ ')}" if epilog else ""


def _known(error: Exception) -> Stop | None:
    from watchword.lifecycle.errors import LifecycleError
    from watchword.model.ports import Unavailable
    from watchword.policy import PolicyError
    from watchword.stores.schema import SchemaOutdated

    if isinstance(error, LifecycleError):
        return Stop(str(error), error.hint)
    if isinstance(error, PolicyError):
        return Stop(f"policy: {error}")
    if isinstance(error, SchemaOutdated):
        return Stop(str(error))
    if isinstance(error, Unavailable):
        return Stop(str(error), "is it running, and is `store.url` right?", BROKEN)
    if isinstance(error, ModuleNotFoundError):
        return Stop(f"{error.name} is not installed", "install watchword[server], or the extra that names it")
    if isinstance(error, PermissionError | FileNotFoundError | IsADirectoryError | NotADirectoryError):
        return Stop(f"{error.filename}: {error.strerror}")
    if isinstance(error, OSError):
        return Stop(f"{error.strerror or type(error).__name__}", code=BROKEN)
    return None


def _fault(error: Exception) -> Stop:
    """Tell of a fault of our own by kind and place: its text may quote a secret."""
    if sys.flags.dev_mode:
        traceback.print_exception(error)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{type(error).__name__} at {os.path.basename(frame.filename)}:{frame.lineno}"
    return Stop(
        f"this is a fault in Watchword: {where}", "`python -X dev -m watchword …` shows more; please report it", BROKEN
    )
