"""Say where a secret comes from, in one way for every secret: the file holds the place, never the secret.

``{ env = "NAME" }``: a variable, of the environment or else of the ``.env`` beside the settings; ``{ file = "…" }``;
``{ command = ["vault", …] }``: what it prints; ``{ credential = "name" }``: what the service manager hands over
(systemd, $CREDENTIALS_DIRECTORY); ``{ keyring = "service/name" }``: the operating system's keyring.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Annotated, Any, Final

from pydantic import BeforeValidator
from pydantic_settings import NoDecode

from watchword.lifecycle.errors import LifecycleError

__all__ = ["SECONDS", "SecretSource", "Source", "SourceError", "source_of"]

SECONDS: Final = 30.0
"""How long a command, or a keyring that asks somebody, may take."""

_LONGEST: Final = 65_536  # bytes of a secret
_KINDS: Final = ("env", "file", "command", "credential", "keyring")
_VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]*")
_NAME: Final = re.compile(r"[A-Za-z0-9_.@:-]{1,255}")
_EXAMPLE: Final = 'such as { file = "secret.txt" }, { command = ["vault", …] } or { env = "NAME" }'


class SourceError(ValueError):
    """Say why a secret could not be had, without a word of it."""


@dataclass(frozen=True, slots=True)
class Source:
    """Name one place; ``kind`` is "env", "file", "command", "credential" or "keyring"."""

    kind: str
    name: str = ""
    command: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind} {(self.command[0] if self.command else self.name)[:80]!r}"

    def read(self, folder: Path) -> str:
        """Return the secret, without white space around it; relative files are in ``folder``. Raise SourceError."""
        try:
            text = _READ[self.kind](self, folder)
            text.encode()
        except UnicodeError:  # its text would quote the secret
            raise SourceError(f"{self} is not UTF-8") from None
        if not text.strip():
            raise SourceError(f"{self} is empty")
        if len(text) > _LONGEST:
            raise SourceError(f"{self} is longer than {_LONGEST} bytes")
        return text.strip()

    def files(self, folder: Path) -> tuple[Path, ...]:
        """Return the files that it is read from: when they change, it is time to read again."""
        if self.kind == "env":
            return () if os.environ.get(self.name) else (folder / ".env",)
        if self.kind == "file":
            return (folder / self.name,)
        return (_credential_file(self),) if self.kind == "credential" and _credentials() else ()

    @property
    def at_once(self) -> bool:
        """Return whether reading takes no time and asks nobody."""
        return self.kind in ("env", "file", "credential")


def _environment(source: Source, folder: Path) -> str:
    if os.environ.get(source.name):
        return os.environ[source.name]
    dotenv = folder / ".env"
    if dotenv.is_file():
        from dotenv import dotenv_values

        try:
            found = dotenv_values(dotenv, interpolate=False).get(source.name)  # a secret is what is written there
        except OSError as error:
            raise SourceError(f"cannot read {dotenv.name}: {error.strerror}") from None
        if found:
            return found
    raise SourceError(f"the variable {source.name} is not set")


def _file(source: Source, folder: Path) -> str:
    return _content(folder / source.name, source)


def _credential(source: Source, _folder: Path) -> str:
    if not _credentials():
        raise SourceError(f"{source}: CREDENTIALS_DIRECTORY is not set: the service manager hands nothing over")
    return _content(_credential_file(source), source)


def _credentials() -> str:
    return os.environ.get("CREDENTIALS_DIRECTORY", "")


def _credential_file(source: Source) -> Path:
    return Path(_credentials()) / source.name


def _content(path: Path, source: Source) -> str:
    """Read a file, and wait for nothing: it may be a pipe that nobody writes to."""
    text = b""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            while len(text) <= _LONGEST and (part := os.read(descriptor, _LONGEST + 1)):
                text += part
        finally:
            os.close(descriptor)
        return text.decode()
    except OSError as error:
        raise SourceError(f"cannot read {source}: {error.strerror}") from None


def _command(source: Source, folder: Path) -> str:
    """Run it in a group of its own, so that what it started ends with it."""
    try:
        with subprocess.Popen(  # noqa: S603 - the operator's own words, and no shell
            source.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            start_new_session=True,
        ) as process:
            try:
                output = _printed(process, time.monotonic() + SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise SourceError(f"{source} failed: it took longer than {SECONDS:.0f} s") from None
            if len(output) > _LONGEST:
                os.killpg(process.pid, signal.SIGKILL)
                raise SourceError(f"{source} is longer than {_LONGEST} bytes")
    except OSError as error:
        raise SourceError(f"{source} failed: {error.strerror or type(error).__name__}") from None
    if process.returncode:
        raise SourceError(f"{source} failed: exit code {process.returncode}")
    return output.decode()


def _printed(process: subprocess.Popen[bytes], end: float) -> bytes:
    """Return what it prints until it ends, and no more than is too much. Raise TimeoutExpired."""
    output = b""
    with selectors.DefaultSelector() as waiting:
        descriptor = process.stdout.fileno() if process.stdout is not None else -1
        waiting.register(descriptor, selectors.EVENT_READ)
        while len(output) <= _LONGEST:
            if not waiting.select(max(0.0, end - time.monotonic())):
                raise subprocess.TimeoutExpired(process.args, SECONDS)
            part = os.read(descriptor, _LONGEST)
            if not part:
                process.wait(max(0.0, end - time.monotonic()))
                break
            output += part
    return output


def _keyring(source: Source, _folder: Path) -> str:
    try:
        import keyring
    except ModuleNotFoundError:
        raise SourceError(f"{source}: install watchword[keyring]") from None
    service, _, name = source.name.rpartition("/")
    found: list[Any] = []

    def ask() -> None:
        try:
            found.append(keyring.get_password(service, name))
        except Exception as error:  # backends raise what they like, and may quote
            found.append(error)

    asking = Thread(target=ask, daemon=True)
    asking.start()
    asking.join(SECONDS)
    if not found:
        raise SourceError(f"{source} failed: it took longer than {SECONDS:.0f} s")
    if isinstance(found[0], Exception):
        raise SourceError(f"{source} failed: {type(found[0]).__name__}")
    if found[0] is None:
        raise SourceError(f"{source}: there is no such entry")
    return str(found[0])


_READ: Final = {
    "env": _environment,
    "file": _file,
    "command": _command,
    "credential": _credential,
    "keyring": _keyring,
}


def source_of(value: object) -> Source:
    """Return the source that a table of one key names. Raise LifecycleError, without the value."""
    if isinstance(value, Source):
        return value
    if isinstance(value, str):
        value = _decoded(value)
    if not isinstance(value, Mapping):
        raise LifecycleError("a secret is not written here, but where it is", _EXAMPLE)
    if len(value) != 1 or next(iter(value)) not in _KINDS:
        known = ", ".join(_KINDS)
        raise LifecycleError(f"a secret has one source: {known}", _EXAMPLE)
    ((kind, named),) = value.items()
    if kind == "command":
        if not isinstance(named, list | tuple) or not named or not all(isinstance(each, str) for each in named):
            raise LifecycleError("command is a list of words", 'such as ["vault", "read", "-field=key", "secret/x"]')
        return Source(kind, command=tuple(named))
    if not isinstance(named, str) or not named:
        raise LifecycleError(f"{kind} names a place", _EXAMPLE)
    _check(kind, named)
    return Source(kind, named)


def _decoded(text: str) -> object:
    """Read an environment twin; a text that is no table is nothing to go on with, and may be the secret itself."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _check(kind: str, named: str) -> None:
    if kind == "env" and not _VARIABLE.fullmatch(named):
        hint = "capital letters, digits and _; never the secret itself"
        raise LifecycleError("not the name of an environment variable", hint)
    if kind == "credential" and (not _NAME.fullmatch(named) or named.startswith(".")):
        raise LifecycleError("not the name of a credential", "letters, digits, _, ., @, : and -")
    if kind == "keyring" and not all(named.rpartition("/")[::2]):
        raise LifecycleError("a keyring entry is service/name", 'such as { keyring = "watchword/mail" }')


SecretSource = Annotated[Source | None, NoDecode, BeforeValidator(lambda value: source_of(value) if value else None)]
"""What a setting is that names where a secret comes from; None where it is not set."""
