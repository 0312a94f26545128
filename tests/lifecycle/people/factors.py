"""People with second factors, for tests: an app whose codes are known, an authenticator, a meter that lets all pass."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, TypeVar

from tests.authenticator import Authenticator
from tests.house import House, house
from watchword import run_sync
from watchword.codec.otp import Totp
from watchword.codec.secrets import new_root_key
from watchword.codec.webauthn import Site
from watchword.lifecycle.people.factors import SecondFactors
from watchword.lifecycle.people.proving import Proving
from watchword.model.credential import Credential
from watchword.model.ports import Allowance
from watchword.model.verdict import Rate

__all__ = ["ALICE", "BOB", "ISSUER", "app_of", "passkey_of", "patient", "play", "proving_of", "raced"]

T = TypeVar("T")

ALICE, BOB = "user:alice", "user:bob"
ISSUER = "https://id.example"


class Patience:
    """Admit everything, so that a race reaches the compare-and-swap."""

    def hit(self, key: str, cost: int, rate: Rate) -> Allowance:
        return Allowance(True, rate.count, 0.0, 0.0)


def play(test: Callable[[House], Coroutine[Any, Any, None]], url: str = "memory:", **options: Any) -> None:
    """Run a test in a house where Alice and Bob live."""

    async def run() -> None:
        async with house(url, root_key=new_root_key(), issuer=ISSUER, **options) as opened:
            for name in (ALICE, BOB):
                await opened.watchword.lifecycle.add_subject(name, by="user:admin")
            await test(opened)

    asyncio.run(run())


def proving_of(opened: House, meter: Any = None) -> Proving:
    watchword = opened.watchword
    store = watchword.store
    return Proving(
        store,
        store,
        watchword.sealer,
        watchword.meter if meter is None else meter,
        Site.of(ISSUER),
        watchword.watch.hurry,
        opened.clock,
    )


def patient(opened: House) -> SecondFactors:
    """Return factors whose guesses nobody counts."""
    return SecondFactors(proving_of(opened, Patience()))


async def app_of(opened: House, subject: str = ALICE, name: str = "Phone") -> tuple[Totp, Credential]:
    """Enrol an authenticator app; a minute passes, so that its next code is new."""
    factors = opened.watchword.factors
    draft = await factors.begin_totp(subject)
    totp = Totp(draft.secret)
    code = totp.code(int(opened.clock.now) // 30)
    enrolled = await factors.finish_totp(subject, draft.handle, code, name=name, by=subject)
    assert isinstance(enrolled, Credential), enrolled
    opened.clock.now += 60
    return totp, enrolled


async def passkey_of(
    opened: House, subject: str = ALICE, name: str = "Key", authenticator: Authenticator | None = None, **more: Any
) -> tuple[Authenticator, Credential]:
    """Enrol a passkey."""
    factors = opened.watchword.factors
    authenticator = authenticator or Authenticator(ISSUER)
    draft = await factors.begin_passkey(subject)
    response = authenticator.create(draft.options, **more)
    enrolled = await factors.finish_passkey(subject, draft.handle, response, name=name, by=subject)
    assert isinstance(enrolled, Credential), enrolled
    return authenticator, enrolled


async def raced(opened: House, attempt: Callable[[], Coroutine[Any, Any, T]]) -> list[T]:
    """Return the outcomes of 100 attempts at once: over ten threads where the store allows it, else as tasks."""
    if not opened.watchword.store.inline:
        return list(await asyncio.gather(*(attempt() for _ in range(100))))
    barrier = Barrier(10)

    def run(_: int) -> list[T]:
        barrier.wait(10)
        return [run_sync(attempt()) for _ in range(10)]

    with ThreadPoolExecutor(10) as pool:
        return [each for share in pool.map(run, range(10)) for each in share]
