"""What a person said yes to becomes a family only while what it rests on stands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.house import House, house, played
from tests.lifecycle.oauth.grants.stage import Stage
from watchword.lifecycle.families import Families, Refreshed
from watchword.lifecycle.oauth.approvals import Approvals
from watchword.model.credential import Credential, Kind, State
from watchword.model.verdict import Principal, Rate, Rejection


def approvals(opened: House) -> Approvals:
    watchword = opened.watchword
    return Approvals(watchword.store, watchword.lifecycle, watchword.families, clock=opened.clock)


@played
async def test_the_family_is_that_of_who_approved(opened: House) -> None:
    client = (await Stage.of(opened)).client
    begun: dict[str, Any] = {"login": "pwd_x", "proved": {"pwd": 7}}
    session = await opened.issue(
        Kind.SESSION, "user:alice", networks=["192.0.2.0/24"], limit=Rate(3, 60), options=begun
    )
    constraints = session.credential.constraints()
    who = Principal("user:alice", "session", session.credential.id, frozenset("ab"), ("pwd", "otp"), 7)
    noted = await approvals(opened).noted(who._replace(constraints=constraints))
    found = await approvals(opened).begun(noted, client, frozenset({"a"}), None, {"resources": ["https://x.example"]})
    assert isinstance(found, Refreshed)
    family, detail = found.family, found.family.detail
    assert (family.subject, family.scopes, family.networks) == ("user:alice", {"a"}, ("192.0.2.0/24",))
    assert (family.limit, detail["client"], detail["approved_in"]) == (Rate(3, 60), client.id, session.credential.id)
    assert (detail["factors"], detail["authenticated_at"], detail["login"]) == (["pwd", "otp"], 7, "pwd_x")
    assert (detail["proved"], detail["resources"]) == ({"pwd": 7}, ["https://x.example"])
    assert "cnf" not in detail


@played
async def test_a_family_of_a_client_without_a_secret_is_bound_to_its_key(opened: House) -> None:
    for public, cnf in ((True, {"jkt": "k"}), (False, None)):
        stage = await Stage.of(opened, public=public)
        noted = await approvals(opened).noted(stage.who)
        found = await approvals(opened).begun(noted, stage.client, frozenset({"a"}), {"jkt": "k"})
        assert isinstance(found, Refreshed)
        assert found.family.detail.get("cnf") == cnf


async def consent_of(opened: House, stage: Stage) -> Credential:
    from watchword.model.records import Add

    made = Credential("cns_1", Kind.CONSENT, "user:alice", 1, detail={"client": stage.client.id})
    assert await opened.watchword.store.write(Add(made))
    return made


Ending = Callable[[House, Stage], Any]
ENDINGS: dict[str, Ending] = {
    "logged out": lambda opened, stage: opened.watchword.lifecycle.revoke(stage.who.credential, reason="x", by="t"),
    "disabled": lambda opened, _: opened.watchword.lifecycle.set_enabled("user:alice", False, by="t"),
    "consent withdrawn": lambda opened, _: opened.watchword.lifecycle.revoke("cns_1", reason="x", by="t"),
    "everywhere": lambda opened, _: opened.watchword.sessions.end_everything("user:alice", by="t"),
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("late", [False, True], ids=["before", "meanwhile"])
def test_cve_2026_88770_nothing_is_given_that_was_withdrawn(
    ending: str, late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play() -> None:
        async with house() as opened:
            stage = await Stage.of(opened)
            consent = await consent_of(opened, stage)
            noted = await approvals(opened).noted(stage.who)
            begin = Families.start

            async def start(self: Families, *given: Any, **more: Any) -> Any:
                if late:
                    await ENDINGS[ending](opened, stage)
                return await begin(self, *given, **more)

            monkeypatch.setattr(Families, "start", start)
            if not late:
                await ENDINGS[ending](opened, stage)
            more = {"consent": consent.id}
            found = await approvals(opened).begun(noted, stage.client, frozenset({"a"}), None, more)
            assert isinstance(found, Rejection), found
            assert found.credential == stage.client.id
            families = await opened.watchword.store.credentials(kind=Kind.REFRESH)
            assert all(each.state(opened.clock()) is State.REVOKED for each in families)
            assert bool(families) is late

    asyncio.run(play())
