"""Prepare, hash and check passwords: Argon2id (RFC 9106) over what RFC 8265 makes of the text."""

from __future__ import annotations

import base64
import os
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from watchword.codec.passwords.foreign import Foreign, Work, idle_foreign, parse
from watchword.model.ports import Unavailable

__all__ = [
    "ALONE",
    "MOST_BYTES",
    "WITH_SECOND_FACTOR",
    "Cost",
    "Overloaded",
    "Work",
    "adopted",
    "dummy",
    "encode",
    "fits",
    "idle",
    "outdated",
    "prepared",
    "together",
    "work",
]

ALONE: Final = 15  # characters at least (NIST SP 800-63B-4 section 3.1.1.2)
WITH_SECOND_FACTOR: Final = 8
MOST_BYTES: Final = 1024
"""Bytes of the longest password; none is cut off."""
_SALT: Final = 16  # bytes
_HASH: Final = 32
_ARGON2: Final = "$argon2"
_DAMAGED: Final = "the stored password hash is damaged"
_MOST_MEMORY: Final = 256 * 1024  # KiB, of a hash that another system made
_MOST_PASSES: Final = 16


@dataclass(frozen=True, slots=True)
class Cost:
    """Say what one hash costs: ``memory`` in KiB (at least 8 a lane), passes over it, and lanes.

    The defaults are OWASP's for Argon2id: 19 MiB, two passes, one lane.
    """

    memory: int = 19 * 1024
    passes: int = 2
    lanes: int = 1


class Overloaded(Unavailable):
    """Say that no more passwords are taken in at the moment; try again in ``retry_after`` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("too many passwords are waiting to be hashed")
        self.retry_after = retry_after


def prepared(password: str) -> bytes | None:
    """Return the bytes to hash: OpaqueString of RFC 8265 section 4.2, in UTF-8.

    None when it cannot be a password: empty, over 1,024 bytes (never cut off), or with control characters
    (RFC 7617 section 2 forbids them) or lone surrogates.
    """
    if not 0 < len(password) <= MOST_BYTES:
        return None
    if password.isascii():
        return password.encode() if password.isprintable() else None
    mapped = "".join(" " if unicodedata.category(char) == "Zs" else char for char in password)
    if any(unicodedata.category(char) in {"Cc", "Cs"} for char in mapped):
        return None
    raw = unicodedata.normalize("NFC", mapped).encode()
    return raw if len(raw) <= MOST_BYTES else None


@lru_cache(maxsize=16)
def _hasher(cost: Cost) -> PasswordHasher:
    return PasswordHasher(
        time_cost=cost.passes,
        memory_cost=cost.memory,
        parallelism=cost.lanes,
        hash_len=_HASH,
        salt_len=_SALT,
        type=Type.ID,
    )


def encode(password: str, cost: Cost) -> str:
    """Return the PHC string of a new hash. Raise ValueError for what ``prepared`` refuses."""
    raw = prepared(password)
    if raw is None:
        raise ValueError("a password has 1 to 1,024 bytes and no control characters")
    return _hasher(cost).hash(raw)


def together(hashes: Iterable[str]) -> str:
    """Return several hashes as one that a password fits when it fits any of them, at the price of all."""
    return "\n".join(hashes)


def fits(encoded: str, password: str) -> bool:
    """Return whether the password fits the stored hash, at the cost that the hash names.

    It is a PHC string of Argon2, what another system made, or several ``together``. Raise ValueError when it is
    damaged, argon2's VerificationError when hashing itself fails (no memory).
    """
    raw = prepared(password)
    return raw is not None and any([_fits(each, raw, password) for each in encoded.split("\n")])  # noqa: C419 - all


def _fits(encoded: str, raw: bytes, password: str) -> bool:
    if not encoded.startswith(_ARGON2):
        return _parsed(encoded).fits(password)
    try:
        return _hasher(Cost()).verify(encoded, raw)
    except VerifyMismatchError:
        return False
    except InvalidHashError:
        raise ValueError(_DAMAGED) from None


def outdated(encoded: str, cost: Cost) -> bool:
    """Return whether the hash was made otherwise, and should be made again at the next success."""
    return not encoded.startswith(_ARGON2) or work(encoded).kind != _kind("id", cost.memory, cost.passes, cost.lanes)


def work(encoded: str) -> Work:
    """Return what checking a stored hash costs. Raise ValueError when it is damaged."""
    if not encoded.startswith(_ARGON2):
        return _parsed(encoded).work
    try:
        found = extract_parameters(encoded)
    except ValueError:  # its text may quote the hash
        raise ValueError(_DAMAGED) from None
    return Work(_kind(found.type.name.lower(), found.memory_cost, found.time_cost, found.parallelism), 1)


def _parsed(encoded: str) -> Foreign:
    try:
        return parse(encoded)
    except ValueError:
        raise ValueError(_DAMAGED) from None


def _kind(type_: str, memory: int, passes: int, lanes: int) -> str:
    return f"argon2{type_} {memory} {passes} {lanes}"


def idle(kind: str, units: int) -> list[str]:
    """Return hashes that no known password fits and that cost together as much to check as ``units`` of ``kind``.

    Salts and results are drawn at random, so making them costs nothing.
    """
    name, *numbers = kind.split()
    if not name.startswith("argon2"):
        return idle_foreign(kind, units)
    memory, passes, lanes = map(int, numbers)
    return [_random(name, Cost(memory, passes, lanes)) for _ in range(units)]


def dummy(cost: Cost) -> str:
    """Return a PHC string that no known password fits and that costs as much to check as any other of this cost."""
    return _random("argon2id", cost)


def _random(name: str, cost: Cost) -> str:
    def text(length: int) -> str:
        return base64.b64encode(os.urandom(length)).decode().rstrip("=")

    return f"${name}$v=19$m={cost.memory},t={cost.passes},p={cost.lanes}${text(_SALT)}${text(_HASH)}"


def adopted(encoded: str) -> str:
    """Return another system's hash as it is stored. Raise ValueError, without the hash, for what is not taken.

    Argon2 is taken as a PHC string, or as Django writes it; up to 256 MiB, 16 passes and 16 lanes.
    """
    text = encoded.strip().removeprefix("argon2") if encoded.strip().startswith("argon2$argon2") else encoded.strip()
    if not text.startswith(_ARGON2):
        parse(text)
        return text.removeprefix("bcrypt$")
    try:
        found = extract_parameters(text)
    except ValueError:
        raise ValueError("a damaged Argon2 hash") from None
    if found.memory_cost > _MOST_MEMORY or found.time_cost > _MOST_PASSES or found.parallelism > _MOST_PASSES:
        raise ValueError("Argon2 with more than 256 MiB, 16 passes or 16 lanes is not taken")
    return text
