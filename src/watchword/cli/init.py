"""``init``: a configuration, a database with its own keys, and a root key."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final

import typer

from watchword.cli.plumbing.house import within
from watchword.cli.plumbing.output import note, print_record
from watchword.cli.plumbing.shell import CONFIG, REFUSED, Stop, VerbCommand, asked

__all__ = ["register"]

ROOT_KEY: Final = "WATCHWORD_ROOT_KEY"
DATABASE: Final = "watchword.db"
_ENTRIES: Final = (".env", "watchword.db*", "watchword-ephemeral.db*")

_TEXT: Final = """\
# Watchword's configuration. Every setting is in docs/reference/settings.md; each has an
# environment twin, such as WATCHWORD_SERVER__LISTEN. An unknown setting is an error.

# What callers know this server as: it stands in tokens, so settle it before issuing any.
# issuer = "https://auth.example.com"

[server]
listen = "127.0.0.1:8000"
# trusted_proxies = ["10.0.0.0/8"]    # only these may speak for a caller's address

# [server.tls]
# certificate = "server.pem"
# private_key = "server.key"
# client_ca = "watchword"             # ask for client certificates of our own CA

[store]
url = "sqlite:///watchword.db"        # or postgresql://user:password@host/database

[root_key]
env = "WATCHWORD_ROOT_KEY"            # it is in .env; or file = "…", or command = ["vault", …]

# What each place of your API demands. A place that no route names is refused.
#
# [[route]]
# path = "/orders/{id}"
# methods = ["GET"]
# accept = "api-key | jwt"            # either; "mtls & hmac" is both, "jwt via api-key" a user in an app
# scopes = ["orders:read"]
# limit = "600/min"                   # for each credential

# What applications of others may do for people, in the words that those are asked with.
#
# [oauth.scopes]
# "orders:read" = "See your orders"
"""


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("init", cls=VerbCommand, epilog="""
    $ watchword init
    $ watchword init auth
    """)(init)  # fmt: skip


def init(
    ctx: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Where; made when missing.", show_default=False)
    ] = Path(),
) -> None:
    """Write a configuration, a database and a root key.

    The root key goes into .env, mode 0600; git is told to leave it and the database alone. Nothing that exists is
    overwritten.
    """
    _refuse_overwriting(folder)
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    from watchword.codec.secrets import new_root_key

    root_key = new_root_key()
    made: list[Path] = []
    before = set(folder.iterdir())
    try:
        _write_new(folder / CONFIG, _TEXT, 0o644, made)
        _make_database(folder / DATABASE, root_key)
        _add_root_key(folder / ".env", root_key, made)
    except BaseException:
        _take_back(set(folder.iterdir()) - before, made)
        raise
    _ignore(folder / ".gitignore")
    _print(ctx, folder)


def _print(ctx: typer.Context, folder: Path) -> None:
    names = {"config": folder / CONFIG, "database": folder / DATABASE, "root_key": folder / ".env"}
    value = {name: str(path) for name, path in names.items()}
    rows = [
        ("config", value["config"]),
        ("database", value["database"]),
        ("root key", f"{value['root_key']} (mode 0600)"),
    ]
    print_record(asked(ctx), value, rows, f"Watchword is set up in {folder if folder != Path() else 'this folder'}")
    if asked(ctx).json:
        return
    lines = [] if folder == Path() else [f"  cd {folder}"]
    lines += [
        "  watchword service add billing",
        "  watchword issue api-key --for service:billing --scope orders:read",
        "  watchword serve",
    ]
    note("\nNext:")
    for line in lines:
        note(line)
    note("\nKeep a copy of the root key where you keep secrets: without it the database is of no use.")


def _refuse_overwriting(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise Stop(f"{folder} is not a folder", "name one with `watchword init DIR`")
    for name in (CONFIG, DATABASE):
        if (folder / name).exists() or (folder / name).is_symlink():
            hint = "choose another folder with `watchword init DIR`, or move it away"
            raise Stop(f"{folder / name} exists and is not overwritten", hint, REFUSED)
    env = folder / ".env"
    if env.is_symlink() or (env.exists() and hasattr(os, "getuid") and env.stat().st_uid != os.getuid()):
        hint = "the root key would be theirs: choose another folder, or remove it"  # mode 0600 keeps no owner out
        raise Stop(f"{env} leads elsewhere or belongs to somebody else", hint, REFUSED)
    if env.exists() and re.search(rf"^\s*(?:export\s+)?{ROOT_KEY}\s*=", env.read_text(encoding="utf-8"), re.MULTILINE):
        hint = "it opens some database: choose another folder, or move it away"
        raise Stop(f"{env} holds a root key already and is not overwritten", hint, REFUSED)


def _write_new(path: Path, text: str, mode: int, made: list[Path]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    made.append(path)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _take_back(appeared: set[Path], made: list[Path]) -> None:
    """Remove what was made: none of it is of use without the rest."""
    for path in {*made, *(each for each in appeared if any(each.match(entry) for entry in _ENTRIES[1:]))}:
        with suppress(OSError):
            if path.is_dir():
                for inner in path.iterdir():
                    inner.unlink()
                path.rmdir()
            else:
                path.unlink()


def _make_database(path: Path, root_key: str) -> None:
    from urllib.parse import quote

    from watchword.app import Watchword

    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))

    async def nothing(house: Watchword) -> None:
        """Do no more than starting does: tables, signing key, certificate authority."""

    import asyncio

    house = Watchword("sqlite:///" + quote(str(path.resolve())), root_key=root_key, workers=1)
    asyncio.run(within(house, nothing))


def _add_root_key(path: Path, root_key: str, made: list[Path]) -> None:
    """Write the root key into ``.env``: what stands there stays, and only the owner may read it."""
    line = f"{ROOT_KEY}={root_key}\n"
    if not path.exists():
        _write_new(path, line, 0o600, made)
        return
    path.chmod(0o600)
    text = path.read_text(encoding="utf-8")
    with path.open("a", encoding="utf-8") as file:
        file.write(line if not text or text.endswith("\n") else "\n" + line)


def _ignore(path: Path) -> None:
    """Keep git from taking the root key and the database."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    missing = [entry for entry in _ENTRIES if entry not in text.splitlines()]
    if missing:
        with path.open("a", encoding="utf-8") as file:
            file.write(("" if not text or text.endswith("\n") else "\n") + "".join(f"{entry}\n" for entry in missing))
