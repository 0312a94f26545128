"""Make secrets of every shape, and hide them."""

from __future__ import annotations

import base64
import random
import string
from typing import Final

from watchword.codec.secrets import new_id, new_secret
from watchword.codec.shapes import SHAPES

AROUND: Final = string.ascii_letters + string.digits + "+/-_=\n\"' ,;:."


def refresh_token() -> str:
    return f"rt_{new_id('')}.{new_secret('')}.{random.randrange(10**9)}.{new_secret('')}"


def secret(name: str, prefix: str) -> str:
    return refresh_token() if name == "refresh" else new_secret(prefix)


def secrets() -> list[str]:
    """Return one of every shape."""
    return [secret(shape.name, shape.prefix) for shape in SHAPES]


def hidden(text: str, before: str, after: str, how: int) -> bytes:
    """Return the text among others, as it is or encoded, which ``how`` (0 to 4) says."""
    raw = f"{before}{text}{after}"
    if how == 0:
        return raw.encode()
    if how in (1, 2):
        return (base64.b64encode if how == 1 else base64.urlsafe_b64encode)(raw.encode())
    return b"-" * (len(before) % 3) + raw.encode("utf-16-le" if how == 3 else "utf-16-be")
