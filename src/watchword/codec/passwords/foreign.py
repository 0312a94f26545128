"""Check password hashes that other systems made: bcrypt, PBKDF2 (RFC 8018) and scrypt (RFC 7914), as they wrote them.

They are taken over by an import and replaced by Argon2id at the first login. How costly one may be is bounded, for
whoever checks it pays.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Foreign", "Work", "idle_foreign", "parse"]

_MOST_ROUNDS: Final = 14  # bcrypt: a second or two
_MOST_ITERATIONS: Final = 3_000_000
_MOST_BLOCKS: Final = 2**21  # scrypt: N * r * p, about four seconds
_MOST_MEMORY: Final = 128 * 1024 * 1024  # bytes, scrypt: 128 * N * r
_MOST_SALT: Final = 128  # characters
_BCRYPT_BYTES: Final = 72  # bcrypt takes no more notice of a password
_BCRYPT_ALPHABET: Final = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_DIGESTS: Final = {"sha1": 20, "sha256": 32, "sha512": 64}
_FORMS: Final = "bcrypt ($2a$, $2b$, $2y$), Django, Werkzeug or passlib (pbkdf2, scrypt), or Argon2"


@dataclass(frozen=True, slots=True)
class Work:
    """Say what checking costs: ``units`` of a ``kind``, which add up within the kind."""

    kind: str
    units: int


@dataclass(frozen=True, slots=True)
class Foreign:
    """Hold a hash that another system made: its form, what checking it costs, and how that is done."""

    form: str
    work: Work
    check: Callable[[bytes], bool] = field(repr=False)

    def fits(self, password: str) -> bool:
        """Return whether the password fits, byte for byte as typed: that is how the other system took it."""
        return self.check(password.encode())


def parse(encoded: str) -> Foreign:
    """Read a hash that another system made. Raise ValueError that tells what is wrong, without the hash."""
    for form, read in _READERS:
        match = form.fullmatch(encoded)
        if match is not None:
            return read(match)
    raise ValueError(f"not a password hash that is known: {_FORMS}")


def idle_foreign(kind: str, units: int) -> list[str]:
    """Return hashes that no known password fits and that cost together as much to check as ``units`` of ``kind``."""
    name, *numbers = kind.split()
    if units <= 0:
        return []
    if name == "bcrypt":
        return [_random_bcrypt(rounds) for rounds in range(4, _MOST_ROUNDS + 1) if units >> rounds & 1]
    if name.startswith("pbkdf2-"):
        digest = name.removeprefix("pbkdf2-")
        return [f"pbkdf2:{digest}:{units}${os.urandom(8).hex()}${os.urandom(_DIGESTS[digest]).hex()}"]
    if name == "scrypt":
        return [f"scrypt:{numbers[0]}:{numbers[1]}:{units}${os.urandom(8).hex()}${os.urandom(64).hex()}"]
    raise ValueError("an unknown kind of work")


# --- bcrypt -----------------------------------------------------------------------------------------------------------


def _bcrypt(match: re.Match[str]) -> Foreign:
    wrapped, hashed, rounds = match["django"] == "bcrypt_sha256$", match["hash"], int(match["rounds"])
    if not 4 <= rounds <= _MOST_ROUNDS:
        raise ValueError(f"bcrypt with cost {rounds}: only 4 to {_MOST_ROUNDS} are taken")

    def check(raw: bytes) -> bool:
        if wrapped:  # Django puts SHA-256 before it, so that long passwords count whole
            return _bcrypt_fits(hashlib.sha256(raw).hexdigest().encode(), hashed)
        # A longer password would fit with any tail. It is refused, at the price of one that is not.
        return _bcrypt_fits(raw[:_BCRYPT_BYTES], hashed) and len(raw) <= _BCRYPT_BYTES

    return Foreign("bcrypt_sha256" if wrapped else "bcrypt", Work("bcrypt", 2**rounds), check)


def _bcrypt_fits(raw: bytes, hashed: str) -> bool:
    import bcrypt

    made = bcrypt.hashpw(raw, hashed[:29].encode())  # the scheme, the cost and the salt
    return hmac.compare_digest(made[29:], hashed[29:].encode())


def _random_bcrypt(rounds: int) -> str:
    salt = "".join(_BCRYPT_ALPHABET[byte & 63] for byte in os.urandom(21)) + "."
    return f"$2b${rounds:02}${salt}" + "".join(_BCRYPT_ALPHABET[byte & 63] for byte in os.urandom(30)) + "."


# --- PBKDF2 -----------------------------------------------------------------------------------------------------------


def _pbkdf2(name: str, iterations: int, salt: bytes, expected: bytes) -> Foreign:
    if not 1 <= iterations <= _MOST_ITERATIONS:
        raise ValueError(f"PBKDF2 with {iterations:,} iterations: only 1 to {_MOST_ITERATIONS:,} are taken")
    if len(expected) != _DIGESTS[name]:
        raise ValueError(f"PBKDF2 with a result of {len(expected)} bytes: {_DIGESTS[name]} are {name}'s")

    def check(raw: bytes) -> bool:
        return hmac.compare_digest(hashlib.pbkdf2_hmac(name, raw, salt, iterations), expected)

    return Foreign(f"pbkdf2_{name}", Work(f"pbkdf2-{name}", iterations), check)


def _django_pbkdf2(match: re.Match[str]) -> Foreign:
    return _pbkdf2(match[1], int(match[2]), match[3].encode(), _base64(match[4]))


def _werkzeug_pbkdf2(match: re.Match[str]) -> Foreign:
    return _pbkdf2(match[1], int(match[2]), match[3].encode(), _hex(match[4]))


def _passlib_pbkdf2(match: re.Match[str]) -> Foreign:
    return _pbkdf2(match[1], int(match[2]), _adapted(match[3]), _adapted(match[4]))


# --- scrypt -----------------------------------------------------------------------------------------------------------


def _scrypt(n: int, r: int, p: int, salt: bytes, expected: bytes) -> Foreign:
    if n < 2 or n & (n - 1) or r < 1 or p < 1:
        raise ValueError("scrypt with impossible parameters: N is a power of two, r and p are at least 1")
    if n * r * p > _MOST_BLOCKS or 128 * n * r > _MOST_MEMORY:
        raise ValueError(f"scrypt with N={n}, r={r}, p={p}: more than 128 MiB or four seconds a check are not taken")
    if not 16 <= len(expected) <= 64:
        raise ValueError(f"scrypt with a result of {len(expected)} bytes: 16 to 64 are taken")

    def check(raw: bytes) -> bool:
        memory = 128 * r * (n + p + 2) + 1024 * 1024
        made = hashlib.scrypt(raw, salt=salt, n=n, r=r, p=p, maxmem=memory, dklen=len(expected))
        return hmac.compare_digest(made, expected)

    return Foreign("scrypt", Work(f"scrypt {n} {r}", p), check)


def _django_scrypt(match: re.Match[str]) -> Foreign:
    return _scrypt(int(match[1]), int(match[3]), int(match[4]), match[2].encode(), _base64(match[5]))


def _werkzeug_scrypt(match: re.Match[str]) -> Foreign:
    return _scrypt(int(match[1]), int(match[2]), int(match[3]), match[4].encode(), _hex(match[5]))


def _passlib_scrypt(match: re.Match[str]) -> Foreign:
    exponent = int(match[1])
    return _scrypt(2**exponent, int(match[2]), int(match[3]), _adapted(match[4]), _adapted(match[5]))


# --- texts ------------------------------------------------------------------------------------------------------------


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("the hash is not base64") from None


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ValueError("the hash is not hexadecimal") from None


def _adapted(text: str) -> bytes:
    """Read passlib's base64: "." for "+", and no padding."""
    return _base64(text.replace(".", "+") + "=" * (-len(text) % 4))


_SALT: Final = rf"([^$\s]{{1,{_MOST_SALT}}})"
_READERS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Foreign]], ...]] = (
    (
        re.compile(r"(?P<django>bcrypt_sha256\$|bcrypt\$|)(?P<hash>\$2[aby]\$(?P<rounds>\d\d)\$[./A-Za-z0-9]{53})"),
        _bcrypt,
    ),
    (re.compile(rf"pbkdf2_(sha1|sha256)\$(\d{{1,9}})\${_SALT}\$([A-Za-z0-9+/]{{1,88}}={{0,2}})"), _django_pbkdf2),
    (re.compile(rf"pbkdf2:(sha1|sha256|sha512):(\d{{1,9}})\${_SALT}\$([0-9a-f]{{2,128}})"), _werkzeug_pbkdf2),
    (
        re.compile(r"\$pbkdf2-(sha256|sha512)\$(\d{1,9})\$([A-Za-z0-9./]{1,128})\$([A-Za-z0-9./]{1,88})"),
        _passlib_pbkdf2,
    ),
    (
        re.compile(rf"scrypt\$(\d{{1,9}})\${_SALT}\$(\d{{1,4}})\$(\d{{1,4}})\$([A-Za-z0-9+/]{{1,88}}={{0,2}})"),
        _django_scrypt,
    ),
    (re.compile(rf"scrypt:(\d{{1,9}}):(\d{{1,4}}):(\d{{1,4}})\${_SALT}\$([0-9a-f]{{2,128}})"), _werkzeug_scrypt),
    (
        re.compile(r"\$scrypt\$ln=(\d{1,2}),r=(\d{1,4}),p=(\d{1,4})\$([A-Za-z0-9./+]{1,128})\$([A-Za-z0-9./+]{1,88})"),
        _passlib_scrypt,
    ),
)
