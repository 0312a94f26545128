"""What the store holds, a page at a time."""

from __future__ import annotations

import asyncio

from tests.lint.example import NOW, Shelf, record
from watchword.lint.holdings import pages
from watchword.model.credential import Credential, Kind

ADMIN = frozenset({"admin:keys:write"})


def walked(*records: Credential) -> tuple[list[list[str]], set[str]]:
    async def walk() -> tuple[list[list[str]], set[str]]:
        seen, factored = [], set()
        async for holdings in pages(Shelf(records), NOW):
            seen.append([each.id for each in holdings.page])
            factored = holdings.factored
        return seen, factored

    return asyncio.run(walk())


def test_every_page_is_seen_once() -> None:
    records = [record(id=f"key_{number:05}") for number in range(2100)]
    seen, _ = walked(*records, record(Kind.HMAC, "hk_live_a"))
    assert [len(page) for page in seen] == [1000, 1000, 100, 1]
    assert len({each for page in seen for each in page}) == 2101


def test_sessions_and_their_like_are_left_out() -> None:
    seen, _ = walked(record(Kind.SESSION, "ses_a"), record(Kind.REFRESH, "fam_a"), record(Kind.TOTP, "otp_a"))
    assert seen == []


def test_what_has_ended_is_left_out() -> None:
    over = int(NOW) - 1
    seen, _ = walked(record(id="key_a", revoked_at=over), record(id="key_b"), record(id="key_c", expires_at=over))
    assert seen == [["key_b"]]


def test_second_factors_are_looked_for_where_a_password_administers() -> None:
    people = [("user:a", ADMIN), ("user:b", frozenset[str]()), ("user:c", ADMIN)]
    records = [record(Kind.PASSWORD, f"pwd_{name[-1]}", subject=name, scopes=scopes) for name, scopes in people]
    factors = [record(Kind.TOTP, "otp_a", subject="user:a"), record(Kind.PASSKEY, "psk_b", subject="user:b")]
    assert walked(*records, *factors)[1] == {"user:a"}
