"""Devices that ask people elsewhere, without HTTP: RFC 8628 sections 3.1 to 3.5, 5.1, 5.4, 6.1."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.house import House, house, played
from watchword.lifecycle.oauth.devices import (
    DEVICE_LIFE,
    INTERVAL,
    Begun,
    DeviceRequest,
    Devices,
    Redeemed,
    user_code_of,
)
from watchword.lifecycle.oauth.grants.device import DEVICE_GRANT
from watchword.lifecycle.oauth.rules import OAuthRules, Resource
from watchword.lifecycle.oauth.terms import Refused
from watchword.model.credential import Credential, Kind, State
from watchword.model.ports import Unavailable
from watchword.model.verdict import Principal, Rejection

ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"


class Scene:
    """Hold a device's client, and two people at browsers of theirs."""

    def __init__(self, opened: House) -> None:
        self.opened = opened
        self.devices: Devices = opened.watchword.oauth.devices

    async def play(self) -> Scene:
        options = {"grants": [DEVICE_GRANT, "refresh_token"], "public": True}
        issued = await self.opened.issue(Kind.OAUTH_CLIENT, "service:tv", scopes=["a", "b"], options=options)
        self.client = issued.credential
        self.alice, self.mallory = await self.person("alice"), await self.person("mallory")
        return self

    async def person(self, name: str) -> Principal:
        session = await self.opened.issue(Kind.SESSION, f"user:{name}", scopes=["a"])
        return Principal(f"user:{name}", "session", session.credential.id, frozenset({"a"}), ("pwd",), 5)

    async def begun(self, *scopes: str, **more: Any) -> Begun:
        found = await self.devices.begin(self.client, frozenset(scopes), **more)
        assert isinstance(found, Begun)
        return found

    async def approved(self) -> Begun:
        begun = await self.begun()
        assert isinstance(await self.devices.open(begun.user_code, self.alice), DeviceRequest)
        assert isinstance(await self.devices.approve(begun.user_code, self.alice), DeviceRequest)
        return begun

    async def poll(self, begun: Begun, client: Credential | None = None) -> str:
        """Return the error, or "given"."""
        found = await self.devices.redeem(begun.device_code, client or self.client)
        return found.error if isinstance(found, Refused) else "given"

    def wait(self, seconds: float = INTERVAL) -> None:
        self.opened.clock.now += seconds


def scene(test: Callable[[Scene], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    @played
    async def run(opened: House) -> None:
        await test(await Scene(opened).play())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


# --- codes ------------------------------------------------------------------------------------------------------------


@scene
async def test_rfc8628_6_1_user_codes_are_of_consonants(scene: Scene) -> None:
    codes = [(await scene.begun()).user_code for _ in range(200)]
    assert all(re.fullmatch(f"[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}", each) for each in codes)
    assert len(set(codes)) == 200
    used = Counter("".join(codes).replace("-", ""))
    assert used.keys() == set(ALPHABET)
    assert max(used.values()) < 3 * min(used.values())


def test_a_code_is_read_as_people_type_it() -> None:
    for text in ("WDJB-MJHT", "wdjb-mjht", "wdjbmjht", " WDJB MJHT ", "W-D-J-B-M-J-H-T", "wdjb.mjht"):
        assert user_code_of(text) == "WDJB-MJHT", text
    for text in (
        "",
        "WDJB-MJH",
        "WDJB-MJHTX",
        "WDJA-MJHT",
        "WDJB_MJHT",
        "WDJB-MJH7",
        "WDJB-MJHTſ",
        "ＷDJB-MJHT",
        "x" * 99,
    ):
        assert user_code_of(text) == "", text


@given(st.text(max_size=40))
def test_what_is_read_is_a_code_or_nothing(text: str) -> None:
    assert re.fullmatch(f"(?:[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}})?", user_code_of(text))


@scene
async def test_a_user_code_is_given_once_while_it_lives(scene: Scene) -> None:
    taken = await scene.begun()
    drawn = iter([*taken.user_code.replace("-", ""), *"BCDFGHJK"])
    import watchword.lifecycle.oauth.devices as module

    class Drawn:
        choice = staticmethod(lambda _: next(drawn))

    real, module.secrets = module.secrets, Drawn  # type: ignore[assignment]
    try:
        assert (await scene.begun()).user_code == "BCDF-GHJK"
    finally:
        module.secrets = real


@scene
async def test_no_store_holds_a_code(scene: Scene) -> None:
    begun = await scene.approved()
    kept = repr(scene.opened.watchword.store.__dict__)
    assert begun.device_code not in kept
    assert begun.user_code not in kept
    assert begun.device_code not in repr(begun)
    assert begun.user_code not in repr(begun)


# --- the way through --------------------------------------------------------------------------------------------------


@scene
async def test_rfc8628_3_5_from_pending_to_tokens(scene: Scene) -> None:
    begun = await scene.begun("a", "b", "openid", address="198.51.100.7", agent="TV/1")
    assert (begun.expires_in, begun.interval) == (600, 5)
    assert await scene.poll(begun) == "authorization_pending"
    scene.wait()
    shown = await scene.devices.open(begun.user_code, scene.alice)
    assert isinstance(shown, DeviceRequest)
    assert (shown.client, shown.scopes) == (scene.client.id, {"a", "b", "openid"})
    assert (shown.address, shown.agent, shown.asked_at) == ("198.51.100.7", "TV/1", int(scene.opened.clock()) - 5)
    assert await scene.poll(begun) == "authorization_pending"
    assert isinstance(await scene.devices.approve(begun.user_code, scene.alice), DeviceRequest)
    scene.wait()
    found = await scene.devices.redeem(begun.device_code, scene.client)
    assert isinstance(found, Redeemed)
    family = found.refreshed.family
    assert (family.subject, family.scopes) == ("user:alice", {"a", "openid"})  # no more than who approves may
    assert (family.detail["client"], family.detail["authenticated_at"]) == (scene.client.id, 5)
    scene.wait()
    assert await scene.poll(begun) == "invalid_grant"


@scene
async def test_without_a_scope_a_device_asks_for_its_own(scene: Scene) -> None:
    begun = await scene.begun()
    shown = await scene.devices.open(begun.user_code, scene.alice)
    assert isinstance(shown, DeviceRequest)
    assert shown.scopes == {"a", "b"}
    refused = await scene.devices.begin(scene.client, frozenset({"c"}))
    assert isinstance(refused, Refused)
    assert refused.error == "invalid_scope"


def test_resources_and_rights_for_single_acts_go_along() -> None:
    uris, acts = ("https://a.example", "https://b.example"), ({"type": "payment"}, {"type": "look"})

    async def play() -> None:
        async with house(oauth=OAuthRules(resources=tuple(map(Resource, uris)))) as opened:
            scene = await Scene(opened).play()
            begun = await scene.begun(resources=uris, details=acts)
            await scene.devices.open(begun.user_code, scene.alice)
            await scene.devices.approve(begun.user_code, scene.alice)
            ask = partial(scene.devices.redeem, begun.device_code, scene.client, None)
            more = [(("https://c.example",), ""), ((), '[{"type":"payout"}]')]
            for given, error in zip(more, ("invalid_target", "invalid_authorization_details"), strict=True):
                refused = await ask(*given)
                assert isinstance(refused, Refused)
                assert refused.error == error
                scene.wait()
            found = await ask(uris[:1], '[{"type":"look"}]')
            assert isinstance(found, Redeemed)
            assert (found.audience, found.details) == (uris[:1], acts[1:])
            detail = found.refreshed.family.detail
            assert (detail["resources"], detail["details"]) == (list(uris), list(acts))

    asyncio.run(play())


@scene
async def test_fewer_scopes_may_be_granted(scene: Scene) -> None:
    begun = await scene.begun("a", "openid")
    await scene.devices.open(begun.user_code, scene.alice)
    await scene.devices.approve(begun.user_code, scene.alice, scopes=frozenset({"openid", "b"}))
    found = await scene.devices.redeem(begun.device_code, scene.client)
    assert isinstance(found, Redeemed)
    assert found.refreshed.family.scopes == {"openid"}


@scene
async def test_what_was_agreed_to_goes_along_and_where_that_breaks_nothing_is_lost(scene: Scene) -> None:
    begun = await scene.begun()
    await scene.devices.open(begun.user_code, scene.alice)

    async def broken() -> dict[str, str]:
        raise Unavailable("the store is away")

    async def noted() -> dict[str, str]:
        return {"note": "x"}

    with pytest.raises(Unavailable):
        await scene.devices.approve(begun.user_code, scene.alice, agreed=broken)
    assert await scene.poll(begun) == "authorization_pending"
    assert isinstance(await scene.devices.approve(begun.user_code, scene.alice, agreed=noted), DeviceRequest)
    assert isinstance(await scene.devices.approve(begun.user_code, scene.alice, agreed=broken), Rejection)
    scene.wait()
    found = await scene.devices.redeem(begun.device_code, scene.client)
    assert isinstance(found, Redeemed)
    assert found.refreshed.family.detail["note"] == "x"


@scene
async def test_rfc8628_3_5_access_denied(scene: Scene) -> None:
    begun = await scene.begun()
    await scene.devices.open(begun.user_code, scene.alice)
    assert isinstance(await scene.devices.deny(begun.user_code, scene.alice), DeviceRequest)
    for _ in range(2):
        assert await scene.poll(begun) == "access_denied"
        scene.wait()
    assert isinstance(await scene.devices.approve(begun.user_code, scene.alice), Rejection)


@scene
async def test_rfc8628_3_5_expired_token(scene: Scene) -> None:
    for ahead, opens in ((DEVICE_LIFE - 1, True), (DEVICE_LIFE, False)):
        begun = await scene.begun()
        scene.wait(ahead)
        assert isinstance(await scene.devices.open(begun.user_code, scene.alice), DeviceRequest) is opens
        assert await scene.poll(begun) == ("authorization_pending" if opens else "expired_token")
    scene.wait(600)
    assert await scene.poll(begun) == "invalid_grant"  # forgotten by then


@scene
async def test_an_approval_is_of_no_use_once_the_code_has_expired(scene: Scene) -> None:
    begun = await scene.approved()
    scene.wait(DEVICE_LIFE)
    assert await scene.poll(begun) == "expired_token"


@scene
async def test_rfc8628_3_5_slow_down_and_ever_slower(scene: Scene) -> None:
    begun = await scene.begun()
    assert await scene.poll(begun) == "authorization_pending"
    scene.wait(4)
    assert await scene.poll(begun) == "slow_down"  # from now on ten seconds
    scene.wait(1)
    assert await scene.poll(begun) == "authorization_pending"
    scene.wait(9)
    assert await scene.poll(begun) == "slow_down"  # fifteen
    scene.wait(1)
    assert await scene.poll(begun) == "authorization_pending"
    scene.wait(14)
    assert await scene.poll(begun) == "slow_down"
    other = await scene.begun()
    assert await scene.poll(other) == "authorization_pending"  # each device at its own pace


@scene
async def test_no_device_waits_for_ever(scene: Scene) -> None:
    begun = await scene.begun()
    for _ in range(40):
        await scene.poll(begun)
    scene.wait(61)
    await scene.poll(begun)
    scene.wait(60)
    assert await scene.poll(begun) == "authorization_pending"


# --- attacks ----------------------------------------------------------------------------------------------------------


@scene
async def test_must_18_cve_2026_45337_a_second_person_cannot_approve(scene: Scene) -> None:
    begun = await scene.begun()
    assert isinstance(await scene.devices.open(begun.user_code, scene.alice), DeviceRequest)
    for act in (scene.devices.open, scene.devices.approve, scene.devices.deny):
        assert isinstance(await act(begun.user_code, scene.mallory), Rejection)
    assert await scene.devices.opened(begun.user_code, scene.mallory) is None
    assert await scene.poll(begun) == "authorization_pending"
    again = await scene.person("alice")  # in another browser of hers
    assert isinstance(await scene.devices.open(begun.user_code, again), DeviceRequest)
    assert isinstance(await scene.devices.approve(begun.user_code, again), DeviceRequest)


@scene
async def test_dot_1819_who_has_not_opened_a_code_decides_nothing(scene: Scene) -> None:
    begun = await scene.begun()
    assert await scene.devices.opened(begun.user_code, scene.alice) is None
    for act in (scene.devices.approve, scene.devices.deny):
        assert isinstance(await act(begun.user_code, scene.alice), Rejection)
    assert await scene.poll(begun) == "authorization_pending"


@scene
async def test_no_two_refusals_of_a_code_differ(scene: Scene) -> None:
    """A code that is not known, that another opened, and that was decided are told apart in the audit alone."""
    others, decided = await scene.begun(), await scene.approved()
    await scene.devices.open(others.user_code, scene.alice)
    faces = set()
    for code in (others.user_code, decided.user_code, "BBBB-BBBB", "", "nonsense"):
        found = await scene.devices.open(code, scene.mallory)
        assert isinstance(found, Rejection)
        faces.add((found.reason.code, found.headers))
    assert len(faces) == 1


@scene
async def test_cve_2026_28513_a_device_code_is_of_use_to_its_client_alone(scene: Scene) -> None:
    other = await scene.opened.issue(Kind.OAUTH_CLIENT, "service:tv", options={"grants": [DEVICE_GRANT]})
    begun = await scene.approved()
    assert await scene.poll(begun, other.credential) == "invalid_grant"
    assert await scene.poll(begun) == "given"  # and not spent by another's trying it


@scene
async def test_cve_2026_27840_no_prefix_of_a_device_code_is_one(scene: Scene) -> None:
    begun = await scene.approved()
    code = begun.device_code
    for cut in range(len(code)):
        assert await scene.poll(Begun(code[:cut], "")) == "invalid_grant"
    for variant in (code + "=", code + " ", code.upper(), code.lower(), "\0" + code, code + "\udc80"):
        assert await scene.poll(Begun(variant, "")) == "invalid_grant"
    assert await scene.poll(begun) == "given"


@pytest.mark.parametrize("ending", ["lock", "log out", "log out everywhere", "revoke the password"])
def test_cve_2026_88770_cve_2026_9798_locked_midway(ending: str) -> None:
    async def play() -> None:
        async with house() as opened:
            scene = await Scene(opened).play()
            begun, lifecycle = await scene.approved(), opened.watchword.lifecycle
            if ending == "lock":
                await lifecycle.set_enabled("user:alice", False, by="t")
                await lifecycle.set_enabled("user:alice", True, by="t")  # which revives nothing
            elif ending == "log out":
                await lifecycle.revoke(scene.alice.credential, reason="x", by="t")
            elif ending == "log out everywhere":
                await opened.watchword.sessions.end_everything("user:alice", by="t")
            else:
                password = await opened.issue(Kind.PASSWORD, "user:alice", options={"password": "x" * 20})
                await lifecycle.revoke(password.credential.id, reason="x", by="t")
            assert await scene.poll(begun) == "invalid_grant"
            families = await opened.watchword.store.credentials(kind=Kind.REFRESH)
            assert all(each.state(opened.clock()) is State.REVOKED for each in families)

    asyncio.run(play())


# --- races ------------------------------------------------------------------------------------------------------------


async def _race(url: str) -> None:
    async with house(url, root_key="A" * 43) as opened:
        scene = await Scene(opened).play()
        begun = await scene.begun()
        people = [scene.alice, scene.mallory] * 50
        shown = await asyncio.gather(*(scene.devices.open(begun.user_code, each) for each in people))
        openers = {who.subject for who, each in zip(people, shown, strict=True) if isinstance(each, DeviceRequest)}
        assert len(openers) == 1
        owner = scene.alice if openers == {"user:alice"} else scene.mallory
        acts = [scene.devices.approve, scene.devices.deny] * 50
        done = await asyncio.gather(*(act(begun.user_code, owner) for act in acts))
        ((winner, _),) = [pair for pair in zip(acts, done, strict=True) if isinstance(pair[1], DeviceRequest)]
        polled = Counter(await asyncio.gather(*(scene.poll(begun) for _ in range(100))))
        expected = "given" if winner == scene.devices.approve else "access_denied"
        assert polled[expected] == 1
        assert polled.keys() <= {expected, "slow_down", "invalid_grant"}
        approved = await scene.approved()
        waited = [scene.devices._paced]
        scene.devices._paced = lambda *_: _yes()  # type: ignore[method-assign]
        given = Counter(await asyncio.gather(*(scene.poll(approved) for _ in range(100))))
        scene.devices._paced = waited[0]  # type: ignore[method-assign]
        assert given["given"] == 1
        assert given.keys() <= {"given", "authorization_pending", "invalid_grant"}


async def _yes() -> bool:
    return True


def test_races_of_a_hundred_have_one_winner_each_sqlite(tmp_path: Path) -> None:
    asyncio.run(_race(f"sqlite:///{tmp_path}/w.db"))


@pytest.mark.postgres
def test_races_of_a_hundred_have_one_winner_each_postgresql(postgres_url: str) -> None:
    asyncio.run(_race(postgres_url))
