"""Write what a checkpoint says of the audit as a JWS (RFC 7515), and read it back when its signature holds.

The payload is ``{"number", "iat", "previous", "from", "to", "rows", "digest", "ends", "cut_by", "cut"?}``: SHA-256 of
the statement before it, the batches that it is about, the digest over them, where each writer's chain stood, and which
statement says where the log was cut off (0: it was not). The type in the header keeps everything else that the same key
signs from being taken for one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from watchword.codec.jose import Header, SigningKey, Token, VerificationKey, open_token, peek
from watchword.model.evidence import Checkpoint, Cut, Span

__all__ = ["TYPE", "Statement", "digest_of", "key_named", "opened", "signed"]

TYPE: Final = "watchword-checkpoint+jwt"


@dataclass(frozen=True, slots=True)
class Statement:
    """Hold what one checkpoint says: of which batches, after which statement, and where the log was cut off."""

    span: Span
    previous: str
    cut_by: int = 0
    cut: Cut | None = None
    kid: str = ""


def digest_of(statement: str) -> str:
    """Return how the next statement names this one: SHA-256 of its text, hexadecimal; "" for none."""
    return sha256(statement.encode()).hexdigest() if statement else ""


def signed(statement: Statement, key: SigningKey) -> Checkpoint:
    """Return the checkpoint that says so."""
    span, cut = statement.span, statement.cut
    claims: dict[str, Any] = {
        "number": span.number,
        "iat": span.at,
        "previous": statement.previous,
        "from": span.start,
        "to": span.end,
        "rows": span.count,
        "digest": span.digest.hex(),
        "ends": _written(span.ends),
        "cut_by": statement.cut_by,
    }
    if cut is not None:
        claims["cut"] = {"to": cut.position, "base": cut.base, "ends": _written(cut.ends)}
    return Checkpoint(span.number, span.at, key.sign(claims, TYPE))


def key_named(checkpoint: Checkpoint) -> str:
    """Return the id of the key that the checkpoint says it is signed by, "" when it says none."""
    header = peek(checkpoint.statement.encode("ascii", "replace"))
    return (header.kid or "") if isinstance(header, Header) else ""


def opened(checkpoint: Checkpoint, key: VerificationKey) -> Statement | None:
    """Return what the checkpoint says; None when its signature does not hold, or its row says something else."""
    text = checkpoint.statement.encode("ascii", "replace")
    header = peek(text)
    if not isinstance(header, Header) or header.typ != TYPE:
        return None
    token = open_token(text, header)
    if not isinstance(token, Token) or token.refusal(key) is not None:
        return None
    try:
        statement = _read(token.claims, header.kid or "")
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    said = statement.span
    return statement if (said.number, said.at) == (checkpoint.number, checkpoint.at) else None


def _read(claims: Mapping[str, Any], kid: str) -> Statement:
    span = Span(
        int(claims["number"]),
        int(claims["iat"]),
        int(claims["from"]),
        int(claims["to"]),
        int(claims["rows"]),
        bytes.fromhex(claims["digest"]),
        _ends(claims["ends"]),
    )
    cut, previous = claims.get("cut"), claims["previous"]
    if not isinstance(previous, str):
        raise TypeError("previous")
    where = None if cut is None else Cut(int(cut["to"]), int(cut["base"]), _ends(cut["ends"]))
    return Statement(span, previous, int(claims["cut_by"]), where, kid)


def _written(ends: Mapping[str, tuple[int, bytes]]) -> dict[str, list[Any]]:
    return {writer: [number, digest.hex()] for writer, (number, digest) in sorted(ends.items())}


def _ends(written: Mapping[str, Any]) -> dict[str, tuple[int, bytes]]:
    return {str(writer): (int(end[0]), bytes.fromhex(end[1])) for writer, end in written.items()}
