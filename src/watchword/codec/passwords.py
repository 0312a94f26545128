"""Prepare, hash and check passwords: Argon2id (RFC 9106) over what RFC 8265 makes of the text."""

from __future__ import annotations

import base64
import os
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from watchword.model.ports import Unavailable

__all__ = [
    "ALONE",
    "WITH_SECOND_FACTOR",
    "Cost",
    "Overloaded",
    "acceptable",
    "dummy",
    "encode",
    "fits",
    "outdated",
    "prepared",
]

ALONE: Final = 15  # characters at least (NIST SP 800-63B-4 section 3.1.1.2)
WITH_SECOND_FACTOR: Final = 8
_MOST_BYTES: Final = 1024
_SALT: Final = 16  # bytes
_HASH: Final = 32


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
    if not 0 < len(password) <= _MOST_BYTES:
        return None
    if password.isascii():
        return password.encode() if password.isprintable() else None
    mapped = "".join(" " if unicodedata.category(char) == "Zs" else char for char in password)
    if any(unicodedata.category(char) in {"Cc", "Cs"} for char in mapped):
        return None
    raw = unicodedata.normalize("NFC", mapped).encode()
    return raw if len(raw) <= _MOST_BYTES else None


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


def fits(encoded: str, password: str) -> bool:
    """Return whether the password fits the PHC string, at the cost that the string names.

    Raise ValueError when the string is damaged, argon2's VerificationError when hashing itself fails (no memory).
    """
    raw = prepared(password)
    if raw is None:
        return False
    try:
        return _hasher(Cost()).verify(encoded, raw)
    except VerifyMismatchError:
        return False
    except InvalidHashError:
        raise ValueError("the stored password hash is damaged") from None


def outdated(encoded: str, cost: Cost) -> bool:
    """Return whether the hash was made at another cost and should be made again at the next success."""
    found = extract_parameters(encoded)
    wanted = (Type.ID, cost.passes, cost.memory, cost.lanes)
    return (found.type, found.time_cost, found.memory_cost, found.parallelism) != wanted


def dummy(cost: Cost) -> str:
    """Return a PHC string that no known password fits and that costs as much to check as any other.

    Salt and hash are drawn at random, so making it costs nothing.
    """

    def text(length: int) -> str:
        return base64.b64encode(os.urandom(length)).decode().rstrip("=")

    return f"$argon2id$v=19$m={cost.memory},t={cost.passes},p={cost.lanes}${text(_SALT)}${text(_HASH)}"


def acceptable(password: str, least: int = ALONE) -> str | None:
    """Return what is wrong with a new password, None when nothing is.

    ``least`` is its length in characters; there are no rules about which ones (NIST SP 800-63B-4 section 3.1.1.2).
    """
    if len(password.encode("utf-8", "replace")) > _MOST_BYTES:
        return f"Use at most {_MOST_BYTES:,} bytes."
    raw = prepared(password)
    length = 0 if raw is None else len(raw.decode())
    if password and raw is None:
        return "Leave out control characters."
    if length < least:
        return f"Use at least {least} characters; {length} are too few."
    if raw is not None and len(set(raw)) == 1:
        return "Use more than one character over and over."
    return None
