"""Show credentials: the same fields for every kind, and what a kind has besides. Never a secret."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from watchword.cli.plumbing.output import moment, note, print_record, warn
from watchword.cli.plumbing.shell import Asked, Stop

if TYPE_CHECKING:
    from watchword.lifecycle.verbs import Issued
    from watchword.model.credential import Credential

__all__ = ["check_folder", "print_issued", "rows_of", "value_of"]

_FILES: Final = {"certificate": "cert.pem", "private_key": "key.pem", "chain": "chain.pem"}
_TIMES: Final = (
    "created_at", "not_before", "expires_at", "retire_at", "revoked_at", "last_used_at", "overlap_ends_at",
    "replaced_last_used_at",
)  # fmt: skip
_SECRETS: Final = ("secret", "client_secret", "password", "private_key")


def value_of(record: Credential) -> dict[str, Any]:
    """Return the record as JSON values; times are Unix seconds."""
    from watchword.lifecycle.operations.shown import credential_value

    return credential_value(record, time.time())


def rows_of(value: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the rows that people see: times spelled out, what is false or empty left out."""
    rows = []
    for name, content in value.items():
        if content is False or (name in ("kid", "client_id") and content == value["id"]):
            continue
        rows.append((name.replace("_", " "), moment(content) if name in _TIMES else content))
    return rows


def check_folder(folder: Path | None) -> None:
    """Stop when ``folder`` cannot take new files, before anything is issued."""
    if folder is None:
        return
    for name in _FILES.values():
        if (folder / name).exists():
            raise Stop(f"{folder / name} exists already", "name another folder with --out")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Stop(f"--out: {folder}: {error.strerror}") from None


def print_issued(asked: Asked, issued: Issued, title: str, out: Path | None = None, **more: Any) -> None:
    """Print a new credential and, once, what proves it; with ``out`` write that into files instead."""
    record, material = issued.credential, dict(issued.material)
    if out is not None:
        material = {name: str(_write(out / _FILES[name], text)) for name, text in material.items()}
    from watchword.lifecycle.operations.shown import SHOWN

    value = value_of(record)
    short = {name: value[name] for name in ("id", "kind", "subject", "scopes", "expires_at", "networks", "limit")}
    kept = {name: value[name] for name in SHOWN if name in value and name != "hint"}
    facts = short | {"created_at": record.created_at} | kept | more
    people = {name: content for name, content in facts.items() if name not in ("kind", "subject", "created_at")}
    shown = [pair for pair in rows_of(people) if pair[0].replace(" ", "_") not in material]
    if record.id in material.values():  # the id is part of what proves it, and is shown there
        shown = [pair for pair in shown if pair[0] != "id"]
    proof = [pair for pair in rows_of(material | {"id": ""}) if pair[0] != "id"]
    print_record(asked, facts | material, [*proof, *shown], title)
    if asked.json:
        return
    if out is not None:
        note(f"written with mode 0600 into {out}")
    elif any(name in material for name in _SECRETS):
        warn("Keep the secret now: it is not shown again.")


def _write(path: Path, text: str) -> Path:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
    return path
