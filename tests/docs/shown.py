"""Compare what a page shows with what came: loosely where it must be, remembering what stood for what.

``…`` stands for anything in a line, a line of its own for any lines. Dates and Unix times are whatever they are. A
shortened secret or id (``ak_live_7Hq…``) and a reference (16 hexadecimal digits) stand for the real one: the same text
further down the page means the same one, in commands too.
"""

from __future__ import annotations

import re
from typing import Final

from tests.docs.page import Faulty

__all__ = ["Memory"]

_PREFIXES: Final = (
    "ak_live_", "ak_test_", "hk_live_", "hk_test_", "hs_live_", "hs_test_",
    "alr_", "key_", "pwd_", "crt_", "cli_", "cs_", "ses_", "fam_", "sig_", "ca_", "rt_", "jti_", "eyJ",
)  # fmt: skip
_TOKEN: Final = re.compile(
    rf"(?<![A-Za-z0-9_])(?:(?:{'|'.join(_PREFIXES)})[A-Za-z0-9._-]*…|[0-9a-f]{{16}}(?![0-9a-f]))"
)
_PIECE: Final = re.compile(
    rf"(?P<token>{_TOKEN.pattern})"
    r"|(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)|(?P<day>\d{4}-\d\d-\d\d)|(?P<unix>(?<!\d)1[789]\d{8}(?!\d))"
    r"|(?P<any>…)|(?P<space>[ \t]+)"
)
_PATTERNS: Final = {
    "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    "day": r"\d{4}-\d\d-\d\d",
    "unix": r"\d{10}",
    "any": r"[^\n]*",
    "space": r"[ \t]+",
}


class Memory:
    """Know what each shortened secret, id and reference of a page stands for."""

    def __init__(self) -> None:
        self._real: dict[str, str] = {}

    def spelled_out(self, text: str) -> str:
        """Return ``text`` with every shortened thing replaced by the real one that the page saw before."""
        return _TOKEN.sub(lambda match: self._real.get(match[0], match[0]), text)

    def compare(self, shown: str, came: str) -> None:
        """Raise Faulty when what came is not what the page shows."""
        lines = [line.rstrip() for line in shown.strip("\n").splitlines()]
        met: list[str] = []
        pattern = "".join(self._line(line, met) for line in lines)
        came = "".join(f"{line.rstrip()}\n" for line in came.strip("\n").splitlines())
        match = re.fullmatch(pattern, came)
        if match is None:
            raise Faulty(f"the page shows\n\n{shown}\n\nand this came\n\n{came}")
        for number, token in enumerate(met):
            self._real[token] = match[f"t{number}"]

    def _line(self, line: str, met: list[str]) -> str:
        if line.strip() == "…":
            return r"(?:[^\n]*\n)*?"
        parts, end = [], 0
        for piece in _PIECE.finditer(line):
            parts.append(re.escape(line[end : piece.start()]))
            parts.append(self._pattern(piece, met))
            end = piece.end()
        return "".join([*parts, re.escape(line[end:])]) + r"\n"

    def _pattern(self, piece: re.Match[str], met: list[str]) -> str:
        kind = piece.lastgroup or ""
        if kind != "token":
            return _PATTERNS[kind]
        token = piece[0]
        if token in self._real:
            return re.escape(self._real[token])
        if token in met:
            return f"(?P=t{met.index(token)})"
        met.append(token)
        prefix = next((each for each in _PREFIXES if token.startswith(each)), "")
        of = r"[A-Za-z0-9._-]+" if prefix else r"[0-9a-f]{16}"
        return f"(?P<t{len(met) - 1}>{prefix}{of})"
