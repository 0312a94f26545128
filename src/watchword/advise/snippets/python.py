"""Write what a caller in Python does, by ``watchword.client``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from watchword.advise.answers import Place

__all__ = ["python"]

# The class that proves the caller, and how it is made.
_AUTH: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "api-key": ("ApiKeyAuth", 'ApiKeyAuth(os.environ["API_KEY"])'),
        "basic": ("BasicAuth", 'BasicAuth(os.environ["API_USER"], os.environ["API_PASSWORD"])'),
        "jwt": ("LoginAuth", 'LoginAuth({url}, os.environ["API_USER"], os.environ["API_PASSWORD"])'),
        "session": ("SessionAuth", 'SessionAuth({url}, os.environ["API_USER"], os.environ["API_PASSWORD"])'),
        "hmac": ("SignatureAuth", 'SignatureAuth(os.environ["HMAC_KEY"], os.environ["HMAC_SECRET"])'),
        "oauth2": (
            "OAuth2Auth",
            "OAuth2Auth.client_credentials(\n"
            '    os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"], {scope}issuer={url}\n'
            ")",
        ),
        "oauth2-person": ("OAuth2Auth", 'OAuth2Auth.code(os.environ["CLIENT_ID"], {scope}issuer={url})'),
    }
)
_MTLS: Final = 'client_certificate("cert.pem", "key.pem")'


def python(kind: str, place: Place) -> str:
    """Return a program: what it needs from the environment is what ``steps`` printed."""
    url = json.dumps(place.base)
    if kind == "mtls":
        name, made, client = "client_certificate", f"tls = {_MTLS}", f"httpx2.Client(base_url={url}, verify=tls)"
        imports = ["import httpx2"]
    else:
        name, call = _AUTH[kind]
        scope = f"scope={json.dumps(' '.join(place.scopes))}, " if place.scopes else ""
        made = f"auth = {call.replace('{url}', url).replace('{scope}', scope)}"
        client = f"httpx2.Client(base_url={url}, auth=auth)"
        imports = ["import os", "", "import httpx2"]
    content = ', json={"item": "tea"}' if place.sends else ""
    lines = [
        *imports,
        f"from watchword.client import {name}",
        "",
        made,
        f"with {client} as api:",
        f"    answer = api.{place.method.lower()}({json.dumps(place.example)}{content})",
        "    answer.raise_for_status()",
        "    print(answer.text)",
    ]
    return "\n".join(lines) + "\n"
