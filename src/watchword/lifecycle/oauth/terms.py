"""Name what a token request is made of, and what it is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias

from watchword.model.credential import Credential
from watchword.model.reason import Reason
from watchword.model.request import Request
from watchword.model.verdict import Headers, Rejection

__all__ = ["NO_SENDER", "Asking", "Given", "Grant", "Refused", "Sender", "family_cnf", "refused"]


@dataclass(frozen=True, slots=True)
class Sender:
    """Say what a token request proved possession of.

    ``certificate`` is the client certificate of its connection (DER), ``jkt`` the thumbprint (RFC 7638) of the key of
    its DPoP proof (RFC 9449), "" without one. Both are verified already.
    """

    certificate: bytes | None = None
    jkt: str = ""


NO_SENDER: Final = Sender()


@dataclass(frozen=True, slots=True)
class Asking:
    """Hold one token request of an authenticated client.

    ``form`` is without ``resource`` and ``audience``, which may come several times. ``resources`` are known, and the
    client may ask for them (RFC 8707); ``audiences`` (RFC 8693) are as sent. ``cnf`` is what the tokens are bound to.
    """

    request: Request
    form: Mapping[str, str] = field(repr=False)
    client: Credential
    sender: Sender = NO_SENDER
    cnf: Mapping[str, str] | None = None
    resources: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """Refuse a grant: what the audit gets, and the error of RFC 6749 section 5.2 that the client gets."""

    rejection: Rejection
    error: str
    description: str = ""
    headers: Headers = ()


Given: TypeAlias = dict[str, Any] | Refused
"""The members of a token response (RFC 6749 section 5.1), or why there are none."""


class Grant(Protocol):
    """Turn what a client presents into tokens, for one ``grant_type``.

    ``Grants`` has settled before: that the client may use this grant, its resources, what its tokens are bound to.
    """

    name: str
    anybodys: bool
    """Whether a client without a secret may use it."""

    async def answer(self, asking: Asking) -> Given:
        """Return the members of the answer, or why there are none."""
        ...


_SAID: Final[Mapping[str, str]] = {
    "unsupported_grant_type": "there is no such grant here",
    "unauthorized_client": "this client is not registered for this grant",
    "invalid_scope": "a scope that this client does not have, or more than was granted",
    "invalid_target": "say by resource which API: one that is known, that this client may have tokens for, and granted",
}
"""What clients are told besides: how they are set up is no secret to themselves, and to nobody does it say more."""


def refused(reason: Reason, detail: str, error: str, description: str = "") -> Refused:
    """Return a refusal; ``description`` is what the client reads, or what it always reads with this ``error``."""
    return Refused(Rejection(reason, detail), error, description or _SAID.get(error, ""))


def family_cnf(client: Credential, cnf: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """Return what a refresh family is bound to where its access tokens are bound to ``cnf``.

    A client that proves itself may change its DPoP key; for one that cannot, the key is all it has (RFC 9449
    section 5). A certificate binds either (RFC 8705 section 4).
    """
    if cnf is None or ("jkt" in cnf and client.detail.get("public") is not True):
        return None
    return cnf
