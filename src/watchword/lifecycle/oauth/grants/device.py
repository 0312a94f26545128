"""Give a device what a person approved elsewhere (RFC 8628 section 3.4)."""

from __future__ import annotations

from typing import Final

from watchword.lifecycle.oauth.devices import Devices
from watchword.lifecycle.oauth.grants.response import family_response
from watchword.lifecycle.oauth.terms import Asking, Given, Refused, refused
from watchword.lifecycle.tokens import Terms, Tokens
from watchword.model.reason import MALFORMED_REQUEST

__all__ = ["DEVICE_GRANT", "DeviceCode"]

DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
"""The ``grant_type`` by which a device asks again and again."""


class DeviceCode:
    """Answer the device grant."""

    name = DEVICE_GRANT
    anybodys = True

    def __init__(self, devices: Devices, tokens: Tokens) -> None:
        self._devices = devices
        self._tokens = tokens

    async def answer(self, asking: Asking) -> Given:
        """Return tokens of who approved, or how to go on asking."""
        code = asking.form.get("device_code", "")
        if not code:
            return refused(MALFORMED_REQUEST, "device_code", "invalid_request")
        details = asking.form.get("authorization_details", "")
        given = await self._devices.redeem(code, asking.client, asking.cnf, asking.resources, details)
        if isinstance(given, Refused):
            return given
        scopes = given.refreshed.family.scopes
        terms = Terms(scopes, given.audience, asking.cnf, details=given.details)
        return await family_response(self._tokens, given.refreshed, asking.client, terms)
