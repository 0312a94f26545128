"""Share what is kept with other processes: one at a time changes it, and what is forgotten is gone for all."""

from __future__ import annotations

import time
from typing import Final

from watchword.client.flight import Renewal
from watchword.client.oauth2.asking import accepted, pause
from watchword.client.oauth2.discovery import server_found
from watchword.client.oauth2.endpoint import Desk
from watchword.client.oauth2.granted import revocable
from watchword.client.oauth2.keeping import Keep
from watchword.client.oauth2.metadata import usable_issuer
from watchword.client.transport import AuthenticationFailed

__all__ = ["NOT_REVOKED", "alone", "forgotten"]

NOT_REVOKED: Final = "not_revoked"
"""The ``type`` of the failure of who is forgotten here, while the tokens may still be good."""

_PATIENCE: Final = 330.0  # seconds to wait for another process that holds the lock: it may be logging a person in
_LOCK_EVERY: Final = 0.1  # seconds


def alone(keep: Keep) -> Renewal[None]:
    """Wait until no other process changes what is kept, and take the lock. Raises AuthenticationFailed."""
    waited = time.monotonic()
    while not keep.take():
        if time.monotonic() - waited > _PATIENCE:
            raise AuthenticationFailed("another process has been getting a token for minutes", type="timeout")
        yield pause(_LOCK_EVERY)


def forgotten(desk: Desk, keep: Keep) -> Renewal[bool]:
    """Delete what is kept and have the server that gave it revoke it (RFC 7009); return whether there was something.

    Raises AuthenticationFailed when it cannot be deleted, and with the type NOT_REVOKED when it is, but not revoked.
    """
    yield from alone(keep)
    unread, text = None, None
    try:
        try:
            text = keep.load()
        except AuthenticationFailed as failed:  # such as a file that others may read: it goes all the more
            unread = failed
        there = keep.forget()
    finally:
        keep.give_back()
    if not there:
        return False
    try:
        if unread is not None:
            raise unread
        yield from _revoked(desk, *revocable(text))
    except AuthenticationFailed as failed:
        raise AuthenticationFailed(str(failed), failed.status, NOT_REVOKED) from None
    return True


def _revoked(desk: Desk, issuer: str, token: str) -> Renewal[None]:
    if not token or not usable_issuer(issuer):
        raise AuthenticationFailed("it does not say which server gave it")
    server = yield from server_found(issuer, mtls=desk.client.mtls)
    if not server.revocation_endpoint:
        raise AuthenticationFailed(f"{issuer} has no revocation_endpoint")
    reply = yield from desk.post(server, server.revocation_endpoint, {"token": token}, bound=False)
    accepted("the server refused", reply)
