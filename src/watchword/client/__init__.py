"""Call an API that Watchword guards: one class a scheme, for httpx2, httpx and, by ``.requests``, for requests."""

from __future__ import annotations

from watchword.client.api_key import ApiKeyAuth
from watchword.client.basic import BasicAuth
from watchword.client.login import LoginAuth
from watchword.client.oauth2 import OAuth2Auth
from watchword.client.session import SessionAuth
from watchword.client.signature import SignatureAuth
from watchword.client.tls import client_certificate
from watchword.client.transport import AuthenticationFailed

__all__ = [
    "ApiKeyAuth",
    "AuthenticationFailed",
    "BasicAuth",
    "LoginAuth",
    "OAuth2Auth",
    "SessionAuth",
    "SignatureAuth",
    "client_certificate",
]
