"""A child whose people sign up, reset, enrol and leave until it is killed; on stdout it says what was acknowledged."""

from __future__ import annotations

import asyncio
import random
import sys
import time

from watchword import Watchword
from watchword.codec.otp import Totp
from watchword.codec.passwords import Cost
from watchword.lifecycle.people.account.sign_ups import Wanted
from watchword.model.credential import Credential
from watchword.model.records import Subject

CHEAP = Cost(memory=64, passes=1)


def password_of(number: int) -> str:
    """Return the password that act ``number`` sets."""
    return f"quite another horse, number {number}"


async def _begin(watchword: Watchword, name: str, number: int, invited: bool) -> None:
    accounts, address, password = watchword.accounts, f"{name}@example.com", password_of(number)
    if invited:
        made = await accounts.accept((await accounts.invite(address, by="test")).token, name, password)
    else:
        wanted = await accounts.sign_up(name, address, password, browser="b")
        assert isinstance(wanted, Wanted)
        made = await accounts.confirm((await accounts.begin_sign_up(wanted)).token, browser="b")
    assert isinstance(made, Subject)


async def _enrol(watchword: Watchword, subject: str) -> str:
    """Enrol an app and ten recovery codes; return the app's id."""
    draft = await watchword.factors.begin_totp(subject)
    code = Totp(draft.secret).code(int(time.time()) // 30)
    made = await watchword.factors.finish_totp(subject, draft.handle, code, name="App", by=subject)
    assert isinstance(made, Credential)
    await watchword.factors.new_recovery_codes(subject, by=subject)
    return made.id


async def main(url: str, root_key: str, seed: int, acts: int) -> None:
    """Carry out ``acts`` acts of people; print one line after each is acknowledged."""
    chance = random.Random(seed)
    watchword = Watchword(url, root_key=root_key, workers=1, password_cost=CHEAP)
    await watchword.start()
    accounts, plain = watchword.accounts, []
    for number in range(acts):
        act = chance.choice(("sign-up", "invitation", "reset", "enrol", "delete", "key")) if plain else "sign-up"
        if act in ("sign-up", "invitation"):
            subject = f"user:p{seed}x{number}"
            await _begin(watchword, subject.removeprefix("user:"), number, act == "invitation")
            plain.append(subject)
            print("begin", subject, number, flush=True)
        elif act == "reset":
            subject = chance.choice(plain)
            reset = await accounts.reset_for(subject, by="test")
            assert not isinstance(await accounts.redeem_reset(reset.token, password_of(number)), tuple)
            print("reset", subject, number, flush=True)
        elif act == "key":
            new, old = await watchword.signing.rotate(by="test")
            print("key", new.id, old.id, flush=True)
        else:
            subject = plain.pop(chance.randrange(len(plain)))
            if act == "enrol":
                print("enrol", subject, await _enrol(watchword, subject), flush=True)
            else:
                await accounts.delete(subject, by="test")
                print("delete", subject, flush=True)
    print("end", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
