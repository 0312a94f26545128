"""Say what a signed request must sign, and where what the caller signed differs first."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from watchword.audit import redact
from watchword.codec.message import DEFAULT_PROFILE, Parts, body_digest, canonical
from watchword.explanation.variants import Fit, fitting
from watchword.model.credential import Credential, Kind
from watchword.model.request import Request

if TYPE_CHECKING:
    from watchword.app import Watchword

__all__ = ["Difference", "Signing", "difference", "signing_of"]

_LINES: Final[Mapping[str, tuple[str, ...]]] = {
    "v1": (
        "profile", "key id", "timestamp", "nonce", "method",
        "host", "path", "query", "content type", "content's digest",
    ),
}  # fmt: skip
_AROUND: Final = 24  # characters shown before and after the place
_LONGEST: Final = 64 * 1024  # characters of a text that are shown


@dataclass(frozen=True, slots=True)
class Difference:
    """Hold the first place in which two texts differ: line and column from 1, what the line is, the text around.

    ``ours`` and ``theirs`` begin at the same column; ``marker`` is how many characters before it they show.
    """

    line: int
    column: int
    what: str
    ours: str
    theirs: str
    marker: int

    def value(self) -> dict[str, Any]:
        """Return the difference as JSON."""
        return {
            "line": self.line, "column": self.column, "what": self.what or None, "ours": redact(self.ours),
            "theirs": redact(self.theirs), "marker": self.marker,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Signing:
    """Hold what a request must sign: the text (None: no signature can name the request), and what the caller signed.

    ``fits`` says what the caller's signature is a signature of; ``skew`` is how many seconds the caller's clock is
    behind ours (negative: ahead), None where no timestamp came.
    """

    key_id: str
    profile: str
    text: str | None
    timestamp_given: bool
    right: bool | None = None
    skew: float | None = None
    theirs: str | None = None
    differs: Difference | None = None
    fits: tuple[Fit, ...] = ()

    def value(self) -> dict[str, Any]:
        """Return it as JSON. The right signature is not in it: who may ask why is not who may sign."""
        return {
            "key_id": self.key_id, "profile": self.profile,
            "string_to_sign": None if self.text is None else redact(self.text[:_LONGEST]),
            "timestamp_given": self.timestamp_given, "right": self.right, "skew": self.skew,
            "string_signed": None if self.theirs is None else redact(self.theirs[:_LONGEST]),
            "differs": self.differs.value() if self.differs else None,
            "fits": [{"words": fit.words, "string": redact(fit.text[:_LONGEST])} for fit in self.fits],
        }  # fmt: skip


async def signing_of(house: Watchword, request: Request, theirs: str | None, body: bytes) -> Signing | None:
    """Return what the request must sign; None when it does not name a signing key on record.

    ``theirs`` is what the caller signed, where that is known. Where only a signature is known, what it may be a
    signature of is tried: the mistakes that callers make, one and two at a time.
    """
    key_id = request.fields.get(b"x-api-key", b"")
    if not key_id.startswith(b"hk_"):
        return None
    record = await house.store.credential(key_id.decode("ascii", "replace"))
    if record is None or record.kind is not Kind.HMAC:
        return None
    profile = str(record.detail.get("profile", DEFAULT_PROFILE))
    now = house.clock()
    parts = _parts(request, key_id, now, body)
    message = canonical(profile, parts)
    stamp = request.fields.get(b"x-timestamp", b"")
    skew = now - int(stamp) if stamp.isdigit() and len(stamp) <= 12 else None
    text = None if message is None else message.decode("utf-8", "backslashreplace")
    right, fits = _compared(house, record, request, parts, message)
    if theirs is None and fits and not right:
        theirs = fits[0].text
    differs = None if text is None or theirs is None else difference(text, theirs, profile)
    given = b"x-timestamp" in request.fields
    return Signing(record.id, profile, text, given, right, skew, theirs, differs, () if right else fits)


def _parts(request: Request, key_id: bytes, now: float, body: bytes) -> Parts:
    fields = request.fields
    stated = fields.get(b"x-content-sha256", b"").decode("latin-1") if request.body is None else ""
    return Parts(
        key_id,
        fields.get(b"x-timestamp", str(int(now)).encode()),
        fields.get(b"x-nonce", b""),
        request.method,
        fields.get(b"host", b""),
        request.path,
        request.query,
        fields.get(b"content-type", b""),
        stated or body_digest(body),
        body,
    )


def _compared(
    house: Watchword, record: Credential, request: Request, parts: Parts, message: bytes | None
) -> tuple[bool | None, tuple[Fit, ...]]:
    """Return whether the signature is right, and what else it may be a signature of; None where there is none."""
    signature = request.fields.get(b"x-signature", b"")
    if not signature:
        return None, ()
    secret = house.sealer.open(record.secret, f"credential:{record.id}")
    if message is not None and hmac.compare_digest(hmac.digest(secret, message, "sha256").hex().encode(), signature):
        return True, ()
    return False, fitting(str(record.detail.get("profile", DEFAULT_PROFILE)), parts, secret, signature)


def difference(ours: str, theirs: str, profile: str = DEFAULT_PROFILE) -> Difference | None:
    """Return where two texts differ first, None where they do not."""
    if ours == theirs:
        return None
    at = next((place for place, (one, other) in enumerate(zip(ours, theirs, strict=False)) if one != other), None)
    if at is None:
        at = min(len(ours), len(theirs))
    line = ours.count("\n", 0, at)
    begins = ours.rfind("\n", 0, at) + 1
    names = _LINES.get(profile, ())
    start = max(begins, at - _AROUND)
    return Difference(
        line + 1,
        at - begins + 1,
        names[line] if line < len(names) else "",
        _around(ours, start, at),
        _around(theirs, start, at),
        at - start,
    )


def _around(text: str, start: int, at: int) -> str:
    """Return the text about a place, its line breaks made visible, since one of them may be what differs."""
    shown = text[start : at + _AROUND]
    return "".join({"\n": "⏎", "\r": "␍", "\t": "␉"}.get(char, char) for char in shown)
