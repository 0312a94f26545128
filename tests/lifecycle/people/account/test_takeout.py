"""Export and deletion."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.house import House
from tests.lifecycle.people.factors import app_of, passkey_of, raced
from tests.lifecycle.people.residents import PASSWORD, knows, live_in, person
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.people.holdings import held
from watchword.model.credential import Kind
from watchword.model.records import Subject, Topic


async def _full(opened: House) -> tuple[str, list[str]]:
    """Give Carol one of everything; return her subject and every secret."""
    watchword = opened.watchword
    subject = await person(opened, address="carol@example.com")
    await watchword.accounts.set_profile(subject, display="Carol C.", locale="de")
    issue = watchword.lifecycle.issue
    secrets = [
        (await issue(Kind.API_KEY, subject, by="test")).material["secret"],
        (await issue(Kind.HMAC, subject, by="test")).material["secret"],
        (await issue(Kind.SESSION, subject, by="test", options={"agent": "Browser"})).material["cookie"],
    ]
    who = await watchword.parts.password_check().check("carol", PASSWORD, "login")
    refreshed = await watchword.families.start(who, by="test")  # type: ignore[arg-type]
    secrets += refreshed.token.split(".")
    await app_of(opened, subject, "My phone")
    await passkey_of(opened, subject, "My key")
    secrets += await watchword.factors.new_recovery_codes(subject, by=subject)
    return subject, secrets


def test_everything_is_exported_but_nothing_that_proves_anybody() -> None:
    async def test(opened: House) -> None:
        subject, secrets = await _full(opened)
        text = json.dumps(await opened.watchword.accounts.export(subject, events=True), ensure_ascii=False)
        for known in ("Carol C.", "carol@example.com", "My phone", "My key", "Browser", '"action": "issue"'):
            assert known in text
        for record in await held(opened.watchword.store, subject):
            assert record.id in text
            for hidden in (record.secret, record.lookup or b""):
                assert not hidden or hidden.hex() not in text
        family = next(part for part in secrets if part.startswith("rt_"))
        assert not [secret for secret in secrets if len(secret) > 4 and secret != family and secret in text]
        assert "$argon2" not in text

    live_in("memory:", test)


def test_deletion_ends_everything_and_forgets_what_is_personal(url: str) -> None:
    async def test(opened: House) -> None:
        watchword = opened.watchword
        subject, _ = await _full(opened)
        gone = await watchword.accounts.delete(subject, by=subject)
        assert isinstance(gone, Subject)
        assert gone.disabled_at is not None
        assert set(gone.detail) == {"deleted_at"}
        records = await held(watchword.store, subject)
        assert len(records) >= 8
        for record in records:
            assert record.revoked_at is not None
            assert (record.lookup, record.secret) == (None, b"")
        text = json.dumps(await watchword.accounts.export(subject), ensure_ascii=False)
        for personal in ("Carol C.", "carol@example.com", "My phone", "My key", "Browser"):
            assert personal not in text
        assert not await knows(watchword, "carol", PASSWORD)
        assert await watchword.accounts.resolve("carol@example.com") is None
        entries = watchword.store.entries(0)
        feed = entries if isinstance(entries, list) else await entries
        assert subject in [each.key for each in feed if each.topic is Topic.SUBJECT]
        with pytest.raises(LifecycleError, match="exists"):
            await watchword.lifecycle.add_subject(subject, by="test")

    live_in(url, test)


def test_a_hundred_deletions_delete_once_and_none_fails() -> None:
    async def test(opened: House) -> None:
        subject = await person(opened, address="carol@example.com")
        outcomes = await raced(opened, lambda: opened.watchword.accounts.delete(subject, by="test"))
        assert len(outcomes) == 100
        assert all(isinstance(each, Subject) for each in outcomes)

    live_in("memory:", test)


def test_a_session_that_begins_meanwhile_is_ended_and_forgotten_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(opened: House) -> None:
        watchword = opened.watchword
        subject = await person(opened)
        write, begun = watchword.store.write, list[Any]()

        async def racing(*changes: Any) -> bool:
            if not begun:
                begun.append(None)
                options = {"agent": "Browser"}
                begun.append(await watchword.lifecycle.issue(Kind.SESSION, subject, by="test", options=options))
            return await write(*changes)

        monkeypatch.setattr(watchword.store, "write", racing)
        await watchword.accounts.delete(subject, by="test")
        (session,) = await held(watchword.store, subject, Kind.SESSION)
        assert session.id == begun[1].credential.id
        assert session.revoked_at is not None
        assert "agent" not in session.detail

    live_in("memory:", test)


def test_nobody_is_neither_exported_nor_deleted() -> None:
    async def test(opened: House) -> None:
        with pytest.raises(LifecycleError, match="no user:nobody"):
            await opened.watchword.accounts.export("user:nobody")
        with pytest.raises(LifecycleError, match="no user:nobody"):
            await opened.watchword.accounts.delete("user:nobody", by="test")

    live_in("memory:", test)
