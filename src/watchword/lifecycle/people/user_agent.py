"""Read from a User-Agent field which browser and which system it claims, for people to recognise their own devices.

Nothing is decided by it: anybody can claim anything (RFC 9110 section 10.1.5). A few families are known, as any browser
of today names several others that came before it; what is not known is nothing.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["device_of"]

# The first that is found counts: those that claim to be another come before it.
_BROWSERS: Final = (
    ("Edge", re.compile(r"\bEdg(?:e|A|iOS)?/")),
    ("Opera", re.compile(r"\b(?:OPR|Opera)/")),
    ("Samsung Internet", re.compile(r"\bSamsungBrowser/")),
    ("Firefox", re.compile(r"\b(?:Firefox|FxiOS)/")),
    ("Chrome", re.compile(r"\b(?:Chrome|Chromium|CriOS|HeadlessChrome)/")),
    ("Safari", re.compile(r"\bVersion/[\d.]+ .*\bSafari/")),
)
_SYSTEMS: Final = (
    ("iPhone", re.compile(r"\biPhone\b")),
    ("iPad", re.compile(r"\biPad\b")),
    ("Android", re.compile(r"\bAndroid\b")),
    ("ChromeOS", re.compile(r"\bCrOS\b")),
    ("Windows", re.compile(r"\bWindows NT\b")),
    ("macOS", re.compile(r"\bMacintosh\b|\bMac OS X\b")),
    ("Linux", re.compile(r"\bLinux\b|\bX11\b")),
)
_PRODUCT: Final = re.compile(r"([A-Za-z][A-Za-z0-9_.-]{0,31})(?:/|$)")


def device_of(agent: str) -> str:
    """Return such as "Firefox, Linux" or "curl"; "" where nothing is known."""
    browser = _first(_BROWSERS, agent)
    system = _first(_SYSTEMS, agent)
    if browser and system:
        return f"{browser}, {system}"
    if browser or system:
        return browser or system
    product = _PRODUCT.match(agent)
    return product[1] if product and product[1] != "Mozilla" else ""


def _first(families: tuple[tuple[str, re.Pattern[str]], ...], agent: str) -> str:
    return next((name for name, pattern in families if pattern.search(agent)), "")
