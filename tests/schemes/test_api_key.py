"""API keys: read cheaply, found by digest, refused without a look-up where that is possible."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from tests.house import House, accepted, asking, bearing, played, reason
from watchword.codec.secrets import new_secret
from watchword.model.ports import Scheme
from watchword.model.reason import EXPIRED, NO_CREDENTIAL
from watchword.model.records import Topic
from watchword.model.verdict import Challenge, Rejection
from watchword.schemes.api_key import ApiKey
from watchword.stores.memory import MemoryStore
from watchword.verdicts import Verdicts


def scheme() -> ApiKey:
    return ApiKey(MemoryStore(), Verdicts(), realm="r")


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Bearer eyJhbGciOiJFZERTQSJ9.e30.AA",
        b"Basic ak_live_x",
        b"Bearerak_live_x",
        b"ak_live_x",
        b"Bearer AK_live_x",
        b"Token ak_live_x",
        b"bearer\tak_live_x",
    ],
)
def test_what_is_no_api_key_is_absent(value: bytes) -> None:
    assert scheme().read(bearing(value)) is None


@pytest.mark.parametrize("value", [b"Bearer %s", b"bearer %s", b"BEARER %s", b"bEaReR   %s", b"bearer %s  "])
def test_rfc_9110_the_scheme_is_case_insensitive_and_spaces_are_free(value: bytes) -> None:
    key = new_secret("ak_live_").encode()
    assert scheme().read(bearing(value % key)) == sha256(key).digest()


def test_the_key_goes_no_further_than_the_request() -> None:
    key = new_secret("ak_live_").encode()
    assert key not in repr(scheme().read(bearing(b"Bearer " + key))).encode()


@played
async def test_a_known_key_proves_its_owner_with_its_bounds(opened: House) -> None:
    for prefix, test in (("ak_live_", False), ("ak_test_", True)):
        bearer, issued = await opened.key(scopes=["a"], networks=["192.0.2.0/24"], options={"test": test})
        assert issued.material["secret"].startswith(prefix)
        for value in (bearer, bearer.lower()[:7] + bearer[7:]):
            who = accepted(await opened.decide("api-key", bearing(value))).principal
            assert who is not None
            assert (who.subject, who.credential, who.scopes) == (
                "service:billing",
                issued.credential.id,
                frozenset({"a"}),
            )
            assert [str(network) for network in who.constraints.networks] == ["192.0.2.0/24"]


@played
async def test_a_wrong_checksum_costs_no_look_up(opened: House) -> None:
    store: Any = opened.watchword.store
    asked: list[bytes] = []
    keep = store.credential_by

    async def counting(lookup: bytes) -> Any:
        asked.append(lookup)
        return await keep(lookup)

    store.credential_by = counting
    good = new_secret("ak_live_")
    for value in (
        good[:-1],
        good + "0",
        good[:-6] + "000000",
        "ak_",
        "ak_live_",
        "ak_prod_" + good[8:],
        "ak_" + "x" * 10**4,
    ):
        assert reason(await opened.decide("api-key", bearing(b"Bearer " + value.encode()))) == "malformed_credential"
    assert asked == []
    assert reason(await opened.decide("api-key", bearing(b"Bearer " + good.encode()))) == "unknown_credential"
    assert len(asked) == 1


@played
async def test_what_is_remembered_is_not_looked_up_and_ends_in_a_minute(opened: House) -> None:
    bearer, _ = await opened.key()
    store: Any = opened.watchword.store
    asked: list[bytes] = []
    keep = store.credential_by

    async def counting(lookup: bytes) -> Any:
        asked.append(lookup)
        return await keep(lookup)

    store.credential_by = counting
    for moved, looked_up in ((0, 1), (1, 1), (58, 1), (1, 2), (1, 2)):
        opened.clock.now += moved
        accepted(await opened.decide("api-key", bearing(bearer)))
        assert len(asked) == looked_up


@played
async def test_a_key_of_another_kind_is_no_api_key(opened: House) -> None:
    from watchword.model.credential import Kind

    cookie = (await opened.issue(Kind.SESSION)).material["cookie"].encode()
    assert reason(await opened.decide("api-key", bearing(b"Bearer " + cookie))) == "no_credential"


@played
async def test_a_revocation_that_arrives_during_the_look_up_is_not_outlived(opened: House) -> None:
    bearer, issued = await opened.key()
    store: Any = opened.watchword.store
    keep = store.credential_by

    async def slow(lookup: bytes) -> Any:
        record = await keep(lookup)
        store.credential_by = keep
        await opened.watchword.lifecycle.revoke(issued.credential.id, reason="r", by="x")
        reading = opened.watchword.watch.sync(opened.clock.now)  # by another decision meanwhile
        if reading is not None:
            await reading
        return record

    store.credential_by = slow
    await opened.decide("api-key", bearing(bearer))  # read before the revocation: this one may pass
    assert reason(await opened.decide("api-key", bearing(bearer))) == "revoked"
    assert [entry.topic for entry in store.entries(0) if entry.key == issued.credential.id] == [Topic.CREDENTIAL]


def test_rfc_6750_the_challenge_carries_an_error_only_for_a_bad_key() -> None:
    assert scheme().challenge(None) == Challenge("Bearer", (("realm", "r"),))
    assert scheme().challenge(Rejection(NO_CREDENTIAL)) == Challenge("Bearer", (("realm", "r"),))
    assert scheme().challenge(Rejection(EXPIRED)) == Challenge("Bearer", (("realm", "r"), ("error", "invalid_token")))


def test_it_is_a_scheme() -> None:
    assert isinstance(scheme(), Scheme)
    assert scheme().read(asking()) is None


@played
async def test_the_field_of_its_own_leaves_authorization_to_the_user(opened: House) -> None:
    bearer, issued = await opened.key()
    key = bearer.removeprefix(b"Bearer ")
    who = accepted(await opened.decide("api-key", asking((b"x-api-key", key)))).principal
    assert who is not None
    assert who.credential == issued.credential.id
    beside_a_token = asking((b"authorization", b"Bearer eyJ.e30.AA"), (b"x-api-key", key))
    assert accepted(await opened.decide("api-key", beside_a_token)).principal == who
    assert reason(await opened.decide("api-key", asking((b"x-api-key", key[:-1])))) == "malformed_credential"
    assert reason(await opened.decide("api-key", asking((b"x-api-key", b"hk_live_x")))) == "no_credential"


@played
async def test_two_keys_at_once_are_refused_even_when_they_are_one(opened: House) -> None:
    bearer, _ = await opened.key()
    twice = asking((b"authorization", bearer), (b"x-api-key", bearer.removeprefix(b"Bearer ")))
    assert reason(await opened.decide("api-key", twice)) == "malformed_credential"
