"""Hold the scripts: for each scheme its honest request, then its forged twins, each false in one thing only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from watchword.demo.script import Cast, Script
from watchword.demo.twins.certificates import certificates
from watchword.demo.twins.keys import api_keys, signatures
from watchword.demo.twins.people import passwords, sessions
from watchword.demo.twins.tokens import access_tokens, own_tokens

__all__ = ["SCRIPTS"]

SCRIPTS: Final[Mapping[str, Callable[[Cast], Script]]] = {
    "api-key": api_keys,
    "basic": passwords,
    "jwt": own_tokens,
    "oauth2": access_tokens,
    "hmac": signatures,
    "mtls": certificates,
    "session": sessions,
}
