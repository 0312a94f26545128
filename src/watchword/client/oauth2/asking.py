"""What a flow asks a server for, and what a flow is."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Timer
from typing import Protocol, TypeAlias

from watchword.client.flight import Renewal
from watchword.client.oauth2.endpoint import Desk
from watchword.client.oauth2.metadata import Server
from watchword.client.tokens import failure
from watchword.client.transport import AuthenticationFailed, Reply

__all__ = ["Ask", "ClientCredentials", "Flow", "Sleep", "accepted", "endpoint_of", "pause", "refreshed"]

Sleep: TypeAlias = "Callable[[float], Future[None]]"


@dataclass(frozen=True, slots=True)
class Ask:
    """Hold scopes, the resource (RFC 8707) and, for a step-up (RFC 9470), how the person must have logged in."""

    scopes: frozenset[str] = frozenset()
    resource: str | None = None
    login: dict[str, str] = field(default_factory=dict)

    def fields(self) -> dict[str, str]:
        """Return the form fields."""
        fields = {"scope": " ".join(sorted(self.scopes))} if self.scopes else {}
        return {**fields, "resource": self.resource} if self.resource is not None else fields


class Flow(Protocol):
    """Get a first token: with the client's own proof alone, or with a person's help."""

    @property
    def interactive(self) -> bool:
        """Return whether a person has to do something."""
        ...

    def granted(self, desk: Desk, server: Server, ask: Ask) -> Renewal[Reply]:
        """Yield calls and tickets; return the token endpoint's answer, which may be a refusal."""
        ...


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """Ask in the client's own name (RFC 6749 section 4.4)."""

    interactive: bool = False

    def granted(self, desk: Desk, server: Server, ask: Ask) -> Renewal[Reply]:
        """Ask the token endpoint."""
        form = {"grant_type": "client_credentials", **ask.fields()}
        return (yield from desk.post(server, server.token_endpoint, form))


def refreshed(desk: Desk, server: Server, ask: Ask, token: str) -> Renewal[Reply]:
    """Exchange a refresh token (RFC 6749 section 6) for the same scopes and resource."""
    form = {"grant_type": "refresh_token", "refresh_token": token}
    if ask.resource is not None:
        form["resource"] = ask.resource
    return (yield from desk.post(server, server.token_endpoint, form))


def endpoint_of(server: Server, name: str, what: str) -> str:
    """Return an endpoint that a flow cannot do without. Raises AuthenticationFailed."""
    url: str = getattr(server, name)
    if not url:
        raise AuthenticationFailed(f"the server {server.issuer} has no {what} ({name})")
    return url


def accepted(what: str, reply: Reply, status: int = 200) -> Reply:
    """Return an answer that is as it should be. Raises AuthenticationFailed for another."""
    if reply.status != status:
        raise failure(what, reply)
    return reply


def pause(seconds: float) -> Future[None]:
    """Return a ticket that is done after so many seconds."""
    ticket: Future[None] = Future()

    def over() -> None:
        if ticket.set_running_or_notify_cancel():
            ticket.set_result(None)

    timer = Timer(seconds, over)
    timer.daemon = True
    timer.start()
    return ticket
