"""Rules about where secrets lie, and who can read them there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from watchword.codec.shapes import hits, shown
from watchword.lint.case import Case, parts_of
from watchword.lint.files import folder_of, handed_over, readable_by_others, tracked, writable_by_others
from watchword.lint.rule import Rule, Severity, Spot, rule
from watchword.server.config.file import Key
from watchword.server.config.sources import Source

__all__ = ["RULES"]

_NAMED: Final = re.compile(r"(?i)(?:^|[-_])(?:token|password|passwd|secret|api-?key)$")


def _root_key(case: Case) -> tuple[Key, Path] | None:
    """Return the file that holds the root key, and the setting that says so; None where it comes another way."""
    source = _root_source(case)
    path = None if source is None else _file(case, source)
    return None if path is None or source is None else (("root_key", source.kind), path)


def _root_source(case: Case) -> Source | None:
    """Return where the root key comes from, None where the settings do not say it well enough."""
    try:
        return case.settings.root_key.source
    except ValueError:
        return None


def _file(case: Case, source: Source) -> Path | None:
    """Return the file that a secret is read from: its own, or the ``.env`` that has its variable."""
    if source.kind == "file":
        return case.settings.place(source.name)
    if source.kind != "env" or case.environment.get(source.name):
        return None
    dotenv = case.settings.place(".env")
    try:
        text = dotenv.read_text("utf-8", "replace")
    except (OSError, ValueError):
        return None
    return dotenv if re.search(rf"^\s*(?:export\s+)?{source.name}\s*=", text, re.MULTILINE) else None


def _sources(case: Case) -> Iterator[tuple[Key, Source, str]]:
    """Yield where every secret comes from: the setting that says so, the source, what it is."""
    settings = case.settings
    root = _root_source(case)
    if root is not None:
        yield ("root_key", root.kind), root, "the root key"
    if isinstance(settings.store.url, Source):
        yield ("store", "url"), settings.store.url, "the store's URL"
    if settings.mail.source is not None:
        name = "password" if settings.mail.password else "password_env"
        yield ("mail", name), settings.mail.source, "the mail server's password"
    for number, provider in enumerate(settings.provider):
        if provider.source is not None:
            name = "client_secret" if provider.client_secret else "client_secret_env"
            yield ("provider", number, name), provider.source, f"our secret at {provider.title}"
    for number, asked in enumerate(settings.introspection):
        name = "client_secret" if asked.client_secret else "client_secret_env"
        yield ("introspection", number, name), asked.source, "our secret at an introspection endpoint"


def _tls_key(case: Case) -> tuple[Key, Path] | None:
    """Return the file of the TLS key."""
    name = case.settings.server.tls.private_key
    return (("server", "tls", "private_key"), case.settings.place(name)) if name else None


def _kept(case: Case) -> Iterator[tuple[Key, Path, str]]:
    """Yield the files that are to be kept secret: the setting, the file, what it is. Each file once."""
    seen: set[Path] = set()
    for key, source, what in _sources(case):
        path = _file(case, source)
        if path is not None and path not in seen:
            seen.add(path)
            yield key, path, what
    found = _tls_key(case)
    if found is not None:
        yield *found, "the server's private key"
    if case.database is not None:
        yield ("store", "url"), case.database, "the database"


def _readable(key: Key, path: Path, message: str) -> Spot:
    if handed_over(path):
        return Spot(key, message, "defaultMode: 0400   # of the volume", Severity.NOTE)
    return Spot(key, message, f"chmod 600 {path.name}")


@rule(
    "WW501",
    Severity.WARNING,
    "The database's password stands in the file",
    why="Files are copied, mailed and put into git; the environment, or a secrets manager, keeps the password apart.",
    fix="remove url, and set WATCHWORD_STORE__URL",
    sources=("mistake: secrets in code", "ASVS 5.0 13.3.1"),
)
def store_password(case: Case) -> Iterator[Spot]:
    """Check ``store.url`` in the file."""
    key = ("store", "url")
    given = case.settings.store.url
    if case.written(key) and not isinstance(given, Source) and parts_of(given.get_secret_value()).password:
        yield Spot(key, "the URL holds a password")


@rule(
    "WW502",
    Severity.WARNING,
    "The root key lies beside the database",
    why="One copy of the folder, or one backup of it, has both: then every sealed secret is open.",
    fix='[root_key]\ncommand = ["vault", "kv", "get", "-field=root_key", "secret/watchword"]',
    sources=("mistake: secrets in code", "ASVS 5.0 13.3.1", "ASVS 5.0 11.1.1"),
)
def beside(case: Case) -> Iterator[Spot]:
    """Check the folders of root key and database; while one develops it is a note."""
    found, database = _root_key(case), case.database
    folder = None if found is None else folder_of(found[1])
    if found is not None and database is not None and folder is not None and folder == folder_of(database):
        severity = Severity.NOTE if case.development else None
        yield Spot(found[0], f"{found[1].name} is in the folder of {database.name}", severity=severity)


@rule(
    "WW503",
    Severity.ERROR,
    "Everybody on this machine can read a secret",
    why="With the root key and a copy of the database anybody is everybody; with another secret they are this server.",
    fix="chmod 600 .env",
    sources=("ASVS 5.0 13.3.1", "ASVS 5.0 13.3.2"),
)
def secret_mode(case: Case) -> Iterator[Spot]:
    """Check the modes of the files that hold secrets, and of the folders above; in a container it is a note."""
    for key, source, what in _sources(case):
        path = _file(case, source)
        if path is not None and readable_by_others(path):
            yield _readable(key, path, f"{path.name} ({what}) can be read by everybody")


@rule(
    "WW504",
    Severity.ERROR,
    "Everybody on this machine can read the private key",
    why="With it anybody can stand in this server's place.",
    fix="chmod 600 server.key",
    sources=("ASVS 5.0 13.3.2",),
)
def tls_key_mode(case: Case) -> Iterator[Spot]:
    """Check the mode of the TLS key; in a container it is a note."""
    found = _tls_key(case)
    if found is not None and readable_by_others(found[1]):
        yield _readable(*found, f"{found[1].name} can be read by everybody")


@rule(
    "WW505",
    Severity.WARNING,
    "Everybody on this machine can read the database",
    why="It holds the hashes of passwords, to be tried out at leisure, and who did what from where.",
    fix="chmod 600 watchword.db",
    sources=("ASVS 5.0 13.3.2", "ASVS 5.0 14.2.4"),
)
def database_mode(case: Case) -> Iterator[Spot]:
    """Check the mode of the database's file."""
    if case.database is not None and readable_by_others(case.database):
        name = case.database.name
        yield Spot(("store", "url"), f"{name} can be read by everybody", f"chmod 600 {name}")


@rule(
    "WW506",
    Severity.ERROR,
    "Git has a secret",
    why="Whoever clones the repository has it, now and in all of its history. What was there once has leaked.",
    fix="git rm --cached FILE, name it in .gitignore, and replace the secret",
    sources=("mistake: secrets in code", "ASVS 5.0 13.3.1"),
)
def in_git(case: Case) -> Iterator[Spot]:
    """Check the repository around each secret file."""
    for key, path, what in _kept(case):
        if tracked(path):
            fix = f"git rm --cached {path.name}, add {path.name} to .gitignore, and replace {what}"
            yield Spot(key, f"{path.name} ({what}) is in git", fix)


@rule(
    "WW507",
    Severity.ERROR,
    "A credential stands in the configuration",
    why="It is one of ours, whole and with a right checksum: whoever reads the file can use it.",
    fix="remove it, and `watchword revoke` it: it has leaked",
    sources=("mistake: secrets in code", "ASVS 5.0 13.3.1"),
)
def in_the_file(case: Case) -> Iterator[Spot]:
    """Check the text, comments included."""
    for number, line in enumerate(case.text.splitlines(), 1):
        for hit in hits(line.encode("utf-8", "surrogatepass")):
            yield Spot((), f"{hit.shape.what} {shown(hit.text)} stands here", place=case.file, line=number)


@rule(
    "WW508",
    Severity.WARNING,
    "A command is given a secret",
    why="Everybody on the machine sees the words of a running command, and the file holds them.",
    fix="let the command take it from the environment or from its own login",
    sources=("ASVS 5.0 13.3.1", "CWE-214"),
)
def in_a_command(case: Case) -> Iterator[Spot]:
    """Check the words of commands."""
    for key, source, _ in _sources(case):
        words = source.command
        for number, word in enumerate(words[1:], 1):
            name, equals, value = word.partition("=")
            value = value if equals else "".join(words[number + 1 : number + 2])
            told = value and not value.startswith(("-", "@", "/", "env:", "file:", "$"))
            if name.startswith("-") and _NAMED.search(name) and told:
                yield Spot(key, f"{name[:40]} is followed by a secret")


@rule(
    "WW509",
    Severity.ERROR,
    "Everybody on this machine can change what decides",
    why="Who can write the configuration, or the root key, decides who is let in.",
    fix="chmod 644 watchword.toml",
    sources=("ASVS 5.0 13.3.2",),
)
def writable(case: Case) -> Iterator[Spot]:
    """Check who may write the configuration and the files that it names."""
    files: list[tuple[Key, Path]] = [(key, path) for key, path, _ in _kept(case)]
    if case.text:
        files.insert(0, ((), case.settings.place(Path(case.file).name)))
    for key, path in files:
        if writable_by_others(path):
            place = "" if key else case.file
            yield Spot(key, f"{path.name} can be changed by everybody", f"chmod o-w {path.name}", place=place)


RULES: Final[tuple[Rule, ...]] = (
    *(store_password, beside, secret_mode, tls_key_mode, database_mode, in_git, in_the_file, in_a_command),
    writable,
)
