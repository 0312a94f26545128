"""Put every row of a page's truth tables to the real gate: policy, scopes (in some), what is presented, the answer."""

from __future__ import annotations

import time
from asyncio import Runner
from base64 import b64encode
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final

from tests.docs.page import Faulty
from watchword import Allow, Principal, Watchword
from watchword.codec.message import Parts, body_digest, canonical, sign
from watchword.codec.passwords import Cost
from watchword.model.credential import Kind
from watchword.model.request import Peer, Request

__all__ = ["check"]

_FEWEST: Final = 20
_PASSWORD: Final = "correct horse battery staple"
_READ: Final = ("orders:read",)
_BOTH: Final = ("orders:read", "orders:write")
_nonces = count()

Fields = list[tuple[bytes, bytes]]


def check(page: Path) -> None:
    """Raise Faulty for a row that is not so, and when the tables are not found."""
    with Runner() as runner:
        house = Watchword("memory:", plaintext_passwords=True, password_cost=Cost(8, 1, 1))
        runner.run(house.start())
        try:
            presented = runner.run(_credentials(house))
            rows = list(_rows(page, presented))
            for policy, scopes, what, said in rows:
                answer = runner.run(_answer(house, presented, policy, scopes, what))
                if answer != said:
                    raise Faulty(f"{policy!r}, scopes {scopes}, given {what}: the page says {said!r}, it is {answer!r}")
        finally:
            runner.run(house.stop())
    if len(rows) < _FEWEST:
        raise Faulty(f"only {len(rows)} rows of truth tables were found")


def _rows(page: Path, presented: dict[str, Any]) -> Iterator[tuple[str, list[str], str, str]]:
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.replace("\\|", "\0").strip("|").split("|")]
        if len(cells) in (3, 4) and set(cells[-2].split(" + ")) <= set(presented):
            scopes = cells[1].strip("`").split() if len(cells) == 4 else []
            yield cells[0].strip("`").replace("\0", "|"), scopes, cells[-2], cells[-1].replace("`", "")


async def _credentials(house: Watchword) -> dict[str, Callable[[], Fields]]:
    """Issue what the tables speak of, and return how each is presented."""
    issue = house.lifecycle.issue
    for subject in ("service:billing", "service:shipping", "user:alice"):
        await house.lifecycle.add_subject(subject, by="test")
    key = (await issue(Kind.API_KEY, "service:billing", by="test", scopes=_BOTH)).material["secret"]
    ours = (await issue(Kind.HMAC, "service:billing", by="test", scopes=_READ)).material
    theirs = (await issue(Kind.HMAC, "service:shipping", by="test", scopes=_READ)).material
    await issue(Kind.PASSWORD, "user:alice", by="test", scopes=_BOTH, options={"password": _PASSWORD})
    options = {"idle": 900, "factors": ["pwd"], "authenticated_at": int(time.time())}
    cookie = (await issue(Kind.SESSION, "user:alice", by="test", scopes=_BOTH, options=options)).material["cookie"]
    alice = Principal("user:alice", "password", "", frozenset(_BOTH), ("pwd",), int(time.time()))
    token = house.tokens.for_family((await house.families.start(alice, by="test")).family).text
    basic = b64encode(f"alice:{_PASSWORD}".encode())
    return {
        "nothing": list,
        "key": lambda: [(b"authorization", f"Bearer {key}".encode())],
        "key in X-API-Key": lambda: [(b"x-api-key", key.encode())],
        "token": lambda: [(b"authorization", f"Bearer {token}".encode())],
        "bad key": lambda: [(b"authorization", f"Bearer {key[:-1]}{'b' if key[-1] == 'a' else 'a'}".encode())],
        "signature": lambda: _signature(ours["key_id"], ours["secret"]),
        "signature of shipping": lambda: _signature(theirs["key_id"], theirs["secret"]),
        "password": lambda: [(b"authorization", b"Basic " + basic)],
        "cookie": lambda: [(b"cookie", f"session={cookie}".encode())],
    }


def _signature(key_id: str, secret: str) -> Fields:
    now, nonce = str(int(time.time())).encode(), str(next(_nonces)).encode()
    parts = Parts(key_id.encode(), now, nonce, "GET", b"api", b"/", b"", b"", body_digest(b""), b"")
    signature = sign(secret, canonical("v1", parts) or b"").encode()
    return [(b"x-api-key", parts.key_id), (b"x-timestamp", now), (b"x-nonce", nonce), (b"x-signature", signature)]


async def _answer(house: Watchword, presented: dict[str, Any], policy: str, scopes: list[str], what: str) -> str:
    fields = [field for name in what.split(" + ") for field in presented[name]()]
    request = Request("GET", b"/", b"", [(b"host", b"api"), *fields], Peer("127.0.0.1"), b"")
    decision = await house.gate.decide(request, house.route(policy, scopes=scopes))
    if not isinstance(decision, Allow):
        return f"{decision.rejection.reason.status} {decision.rejection.reason.code}"
    who = decision.principal
    return "anybody" if who is None else who.subject + (f" through {who.actor}" if who.actor else "")
