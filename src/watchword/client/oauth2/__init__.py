"""OAuth 2 for callers: a package a part, and ``OAuth2Auth``, which is all that most need."""

from __future__ import annotations

from watchword.client.oauth2.auth import OAuth2Auth
from watchword.client.oauth2.code import AuthorizationCode
from watchword.client.oauth2.device import DeviceAuthorization, Prompt
from watchword.client.oauth2.dpop import DpopKey
from watchword.client.oauth2.keeping import Keep, KeyringKeep, TokenFile

__all__ = [
    "AuthorizationCode",
    "DeviceAuthorization",
    "DpopKey",
    "Keep",
    "KeyringKeep",
    "OAuth2Auth",
    "Prompt",
    "TokenFile",
]
