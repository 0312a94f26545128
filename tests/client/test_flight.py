"""Judge the turn that threads and tasks take, and what those who waited are told."""

import asyncio
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

import pytest

from watchword.client.flight import Renewal, RenewingAuth, Turn
from watchword.client.transport import AuthenticationFailed, Call, Reply, Sending

SENDING = Sending("GET", ("http", "h", 80), b"/", b"h", b"", "", b"")


class Numbered(RenewingAuth[str]):
    """Renew by one call, whose status decides."""

    def renew(self) -> Renewal[str]:
        reply = yield Call("POST", "http://h/login", {})
        if reply.status != 200:
            raise AuthenticationFailed("refused", reply.status)
        return reply.body.decode()

    def attach(self, proof: str, sending: Sending) -> Mapping[str, str]:
        return {"Proof": proof}


def test_turns_come_one_at_a_time_in_order() -> None:
    turn = Turn()
    first, second, third = turn.ticket(), turn.ticket(), turn.ticket()
    assert [ticket.done() for ticket in (first, second, third)] == [True, False, False]
    turn.give_back(second)  # left the queue
    turn.give_back(first)
    assert third.done()
    assert second.cancelled()
    turn.give_back(third)
    assert turn.ticket().done()


def test_a_turn_is_shared_by_threads_and_event_loops() -> None:
    turn, inside, most = Turn(), 0, []

    def held() -> None:
        nonlocal inside
        inside += 1
        most.append(inside)
        inside -= 1

    def thread() -> None:
        for _ in range(20):
            ticket = turn.ticket()
            ticket.result(5)
            held()
            turn.give_back(ticket)

    async def task() -> None:
        for _ in range(20):
            ticket = turn.ticket()
            if not ticket.done():
                await asyncio.wait_for(asyncio.wrap_future(ticket), 5)
            held()
            turn.give_back(ticket)

    async def tasks() -> None:
        await asyncio.gather(*(task() for _ in range(5)))

    workers = [threading.Thread(target=thread) for _ in range(4)]
    workers += [threading.Thread(target=lambda: asyncio.run(tasks())) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)
    assert most == [1] * (4 * 20 + 2 * 5 * 20)
    assert turn.ticket().done()


def test_a_cancelled_task_gives_its_turn_back() -> None:
    async def run() -> None:
        turn = Turn()
        first = turn.ticket()
        waiting = turn.ticket()
        task = asyncio.ensure_future(asyncio.wrap_future(waiting))
        await asyncio.sleep(0)
        task.cancel()
        turn.give_back(waiting)
        turn.give_back(first)
        assert turn.ticket().done()

    asyncio.run(run())


def opened(auth: Numbered) -> tuple[Any, Any]:
    steps = auth.steps(SENDING)
    return steps, next(steps)


def test_who_waited_takes_what_the_first_one_got() -> None:
    auth = Numbered()
    (first, ticket), (second, waiting) = opened(auth), opened(auth)
    assert isinstance(ticket, Future)
    call = first.send(None)
    assert isinstance(call, Call)
    assert first.send(Reply(200, body=b"p1")) == {"Proof": "p1"}
    assert waiting.done()
    assert second.send(None) == {"Proof": "p1"}


def test_who_waited_shares_the_refusal_and_who_comes_later_asks_again() -> None:
    auth = Numbered()
    (first, _), (second, _) = opened(auth), opened(auth)
    first.send(None)
    for steps, reply in ((first, Reply(401)), (second, None)):
        with pytest.raises(AuthenticationFailed) as caught:
            steps.send(reply)
        assert caught.value.status == 401
    third, _ = opened(auth)
    assert isinstance(third.send(None), Call)


def test_a_lost_answer_passes_the_turn_on_but_not_for_ever() -> None:
    auth = Numbered()
    flows = [opened(auth)[0] for _ in range(4)]
    for steps in flows[:2]:
        assert isinstance(steps.send(None), Call)
        steps.close()  # as the clients do when the connection breaks, or the task is cancelled
    with pytest.raises(AuthenticationFailed, match="no answer"):
        flows[2].send(None)
    with pytest.raises(AuthenticationFailed, match="no answer"):
        flows[3].send(None)
    assert isinstance(opened(auth)[0].send(None), Call)


def test_a_401_for_an_old_proof_takes_the_new_one_without_a_call() -> None:
    auth = Numbered()
    auth._proof = "old"
    slow, fields = opened(auth)
    assert fields == {"Proof": "old"}
    auth._proof = "new"
    slow.send(Reply(401, refused=True))
    assert slow.send(None) == {"Proof": "new"}


def test_a_body_that_cannot_be_sent_twice_is_sent_once_and_the_proof_dropped() -> None:
    auth = Numbered()
    auth._proof = "old"
    steps = auth.steps(Sending("POST", ("http", "h", 80), b"/", b"h", b"", "", None))
    next(steps)
    with pytest.raises(StopIteration):
        steps.send(Reply(401, refused=True))
    assert auth.current() is None
