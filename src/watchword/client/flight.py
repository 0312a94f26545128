"""Renew a credential that ends: once, however many requests of however many threads and tasks want it."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Generator, Mapping
from concurrent.futures import Future
from threading import Lock
from typing import Any, Generic, TypeAlias, TypeVar

from watchword.client.transport import Auth, AuthenticationFailed, Call, Reply, Sending, Step, Steps

__all__ = ["Renewal", "RenewingAuth", "Turn"]

P = TypeVar("P")
Renewal: TypeAlias = Generator[Call | Future[None], Any, P]
"""Steps of a flow's own, calls and tickets, that end in a proof; calls are sent their replies."""

_UNANSWERED = 2  # attempts without an answer that one request sits through before it gives up


class Turn:
    """Admit one holder at a time, first come first served, among threads and the tasks of any event loop.

    A ticket is a future: threads wait for its result, tasks await it. ``give_back`` ends a turn, or a wait.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._held = False
        self._queue: deque[Future[None]] = deque()

    def ticket(self) -> Future[None]:
        """Return a ticket, done as soon as its holder's turn has come."""
        ticket: Future[None] = Future()
        with self._lock:
            if self._held:
                self._queue.append(ticket)
                return ticket
            self._held = True
        ticket.set_result(None)
        return ticket

    def give_back(self, ticket: Future[None]) -> None:
        """Let the next one in if the ticket's turn had come; otherwise leave the queue."""
        if ticket.cancel():
            return
        while True:
            with self._lock:
                if not self._queue:
                    self._held = False
                    return
                following = self._queue.popleft()
            if following.set_running_or_notify_cancel():
                following.set_result(None)
                return


class RenewingAuth(Auth, Generic[P]):
    """Attach a proof that ends, renew it in time, and once more after a 401.

    Requests that waited for a renewal share its outcome, a refusal too: a wrong password is tried once, not by each.
    """

    def __init__(self, origin: str | None = None) -> None:
        super().__init__(origin)
        self._turn = Turn()
        self._proof: P | None = None
        self._refusal: AuthenticationFailed | None = None
        self._unanswered = 0

    def current(self) -> P | None:
        """Return the proof while it need not be renewed."""
        return self._proof

    @abstractmethod
    def renew(self) -> Renewal[P]:
        """Yield calls and tickets, and return a new proof. Raises AuthenticationFailed."""

    @abstractmethod
    def attach(self, proof: P, sending: Sending) -> Mapping[str, str]:
        """Return the header fields that carry the proof."""

    def saw(self, proof: P, reply: Reply) -> None:
        """Look at the answer to a request that carried the proof."""

    def steps(self, sending: Sending) -> Steps:
        """Attach the proof; after a 401 renew it and send once more, when the body can be sent twice."""
        proof = self.current()
        if proof is None:
            proof = yield from self.renewed()
        reply = yield self.attach(proof, sending)
        assert reply is not None  # noqa: S101 - drivers answer each sending
        self.saw(proof, reply)
        if not reply.refused:
            return
        if self._proof is proof:
            self._proof = None
        if sending.body is None:
            return
        proof = yield from self.renewed()
        reply = yield self.attach(proof, sending)
        if reply is not None:
            self.saw(proof, reply)

    def renewed(self) -> Generator[Step, Reply | None, P]:
        """Wait for this request's turn, then return the proof that another has renewed meanwhile, or renew it."""
        refusal, unanswered = self._refusal, self._unanswered
        ticket = self._turn.ticket()
        try:
            yield ticket
            proof = self.current()
            if proof is not None:  # renewed while this one waited
                return proof
            if self._refusal is not None and self._refusal is not refusal:
                raise AuthenticationFailed(str(self._refusal), self._refusal.status, self._refusal.type)
            if self._unanswered - unanswered >= _UNANSWERED:
                raise AuthenticationFailed("no answer came to several attempts at a new credential")
            proof = yield from self._attempt()
            return proof
        finally:
            self._turn.give_back(ticket)

    def _attempt(self) -> Generator[Step, Reply | None, P]:
        try:
            self._proof = proof = yield from self.renew()
        except AuthenticationFailed as refusal:
            self._refusal = refusal
            raise
        except GeneratorExit:
            self._unanswered += 1
            raise
        return proof
