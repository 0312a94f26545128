"""Make and check one-time codes: TOTP (RFC 6238) and the recovery codes that stand in for a lost factor."""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pyotp.totp import TOTP

__all__ = ["Totp", "new_recovery_code", "new_totp_secret", "recovery_code_of", "totp_svg"]

_ALGORITHMS: Final = {"SHA1": "sha1", "SHA256": "sha256", "SHA512": "sha512"}
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # 32 characters that nobody takes for another
_LIKENESS: Final = str.maketrans({"o": "0", "i": "1", "l": "1", " ": None, "-": None, "\u2010": None, "\u2011": None})
_LENGTH: Final = 16  # 80 bits
_GROUP: Final = 4
_LONGEST: Final = 64  # characters that are looked at
_CODE: Final = re.compile(f"[{_ALPHABET}]{{{_LENGTH}}}")


@dataclass(frozen=True, slots=True)
class Totp:
    """Hold one authenticator app's secret (base32) and how its codes are made; ``period`` in seconds."""

    secret: str = field(repr=False)
    digits: int = 6
    period: int = 30
    algorithm: str = "SHA1"

    def code(self, step: int) -> str:
        """Return the code of one time step: Unix seconds divided by the period, rounded down."""
        return self._generator().generate_otp(step)

    def step_of(self, code: str, now: float, *, window: int = 1, after: int = -1) -> int | None:
        """Return the earliest step later than ``after`` whose code this is, None when it is none's.

        Steps up to ``window`` before and after the present one count (RFC 6238 section 5.2). All are compared, each in
        constant time. White space in the code is ignored, as apps show it in groups.
        """
        typed = "".join(code.split()) if len(code) <= _LONGEST else ""
        if len(typed) != self.digits or not (typed.isascii() and typed.isdigit()):
            return None
        present = int(now) // self.period
        found = None
        for step in range(max(present + window, 0), max(present - window, 0) - 1, -1):
            if hmac.compare_digest(self.code(step), typed) and step > after:
                found = step
        return found

    def uri(self, account: str, issuer: str) -> str:
        """Return the ``otpauth://`` URI that an app reads from a QR picture."""
        return self._generator().provisioning_uri(name=account, issuer_name=issuer)

    def _generator(self) -> TOTP:
        import hashlib

        from pyotp.totp import TOTP

        digest = getattr(hashlib, _ALGORITHMS[self.algorithm])
        return TOTP(self.secret, digits=self.digits, digest=digest, interval=self.period)


def new_totp_secret() -> str:
    """Return 160 random bits in base32, the length that RFC 4226 section 4 recommends."""
    from pyotp import random_base32

    return random_base32(32)


def totp_svg(uri: str, label: str = "QR code for an authenticator app") -> str:
    """Return a QR picture (ISO/IEC 18004) of the URI as an SVG element to put into a page.

    It has its own white ground, so that it can be read on a dark page too, and neither style attributes nor links:
    a strict Content-Security-Policy shows it. Its size is the page's choice (class ``qr``).
    """
    from io import BytesIO

    import segno

    out = BytesIO()
    segno.make(uri, error="m", micro=False).save(
        out,
        kind="svg",
        xmldecl=False,
        svgclass="qr",
        lineclass=None,
        omitsize=True,
        title=label,
        dark="#000",
        light="#fff",
        nl=False,
    )
    return out.getvalue().decode().replace("<svg ", '<svg role="img" ', 1)


def new_recovery_code() -> str:
    """Return a new recovery code: 80 random bits in four groups, such as ``4k7q-…``."""
    drawn = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    return "-".join(drawn[place : place + _GROUP] for place in range(0, _LENGTH, _GROUP))


def recovery_code_of(text: str) -> str | None:
    """Return the one spelling of a recovery code as typed, None when it can be none.

    Capitals, spaces and hyphens do not matter, and o, i and l are read as the digits that they look like.
    """
    spelt = text[: _LONGEST + 1].lower().translate(_LIKENESS) if len(text) <= _LONGEST else ""
    return spelt if _CODE.fullmatch(spelt) else None
