"""Taking back what was given up to a moment: seconds are coarse, acts and tokens are not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.house import House, accepted, bearing, played, reason
from tests.lifecycle.oauth.grants.stage import Stage, members
from watchword.lifecycle.tokens import Terms
from watchword.lifecycle.voiding import ALWAYS, VOID, client_taken_back, taken_back, void_up_to
from watchword.model.credential import Credential, Kind
from watchword.model.records import Publish, Subject, Swap, Topic
from watchword.verdicts import FeedWatch, Revocations, Verdicts

NOW = 1_800_000_000.0


def test_the_moment_moves_on_within_a_second_and_never_back() -> None:
    owner = Subject("user:alice", 1)
    for expected in (int(NOW), int(NOW) + 1, int(NOW) + 2):
        swap, void = taken_back(owner, NOW + 0.5)
        assert isinstance(swap, Swap)
        assert isinstance(swap.new, Subject)
        assert isinstance(void, Publish)
        assert (void.topic, void.key, void.at) == (Topic.SUBJECT, "user:alice", expected)
        owner = swap.new
    assert void_up_to(owner, NOW - 100) == int(NOW) + 3  # a clock that was set back
    assert void_up_to(owner, NOW + 100) == int(NOW) + 100


def test_a_disabled_subjects_tokens_stay_void_for_good() -> None:
    (swap,) = taken_back(Subject("user:alice", 1, disabled_at=5), NOW)
    assert isinstance(swap, Swap)
    assert ALWAYS > NOW


def test_a_clients_tokens_are_named_by_its_client_id() -> None:
    client = Credential("cli_1", Kind.OAUTH_CLIENT, "service:billing", 1)
    swap, void = client_taken_back(client, NOW)
    assert isinstance(swap, Swap)
    assert isinstance(void, Publish)
    assert (void.key, void.at, swap.new.detail[VOID]) == ("client:cli_1", int(NOW), int(NOW))  # type: ignore[union-attr]


@given(st.lists(st.tuples(st.floats(0, 2), st.sampled_from(["sign", "sign unheard", "take back"])), max_size=30))
def test_no_token_of_before_holds_whatever_the_order(steps: list[tuple[float, str]]) -> None:
    """A signer that has heard of the last act, or has not: what it signed before the next act is void after it."""
    owner, heard, given_out, now = Subject("user:alice", 1), Revocations(), [], NOW
    stale = Revocations()
    for wait, act in steps:
        now += wait
        if act == "take back":
            swap, void = taken_back(owner, now)
            assert isinstance(swap, Swap)
            assert isinstance(swap.new, Subject)
            assert isinstance(void, Publish)
            owner = swap.new
            heard.replace("subject:user:alice", void.at, void.until)
            for issued_at in given_out:
                assert heard.token_void("j", "user:alice", issued_at, "fam_1")
        else:
            signer = stale if act == "sign unheard" else heard
            given_out.append(signer.issue_time(now, "user:alice"))


@played
async def test_with_a_service_its_clients_tokens_for_people_are_void_while_it_is_disabled(opened: House) -> None:
    stage = await Stage.of(opened)
    given = members(await stage.redeemed(await stage.code()))
    lifecycle, owner = opened.watchword.lifecycle, stage.client.subject
    bearer = bearing(b"Bearer " + given["access_token"].encode())
    accepted(await opened.decide("oauth2", bearer))
    await lifecycle.set_enabled(owner, False, by="t")
    assert reason(await opened.decide("oauth2", bearer)) == "revoked"
    opened.clock.now += 5
    await lifecycle.revoke_client_tokens(stage.client.id, reason="x", by="t")  # which lifts nothing
    late = await opened.watchword.tokens.for_client(stage.client, Terms(frozenset({"a"})))  # asked for before that
    assert reason(await opened.decide("oauth2", bearing(b"Bearer " + late.text.encode()))) == "revoked"
    await lifecycle.set_enabled(owner, True, by="t")
    for text in (given["access_token"], late.text):
        assert reason(await opened.decide("oauth2", bearing(b"Bearer " + text.encode()))) == "revoked"
    again = members(await stage.refreshed(given["refresh_token"]))
    accepted(await opened.decide("oauth2", bearing(b"Bearer " + again["access_token"].encode())))


@played
async def test_who_reads_the_feed_anew_knows_that_a_service_was_enabled_again(opened: House) -> None:
    stage = await Stage.of(opened)
    for enabled in (False, True):
        await opened.watchword.lifecycle.set_enabled(stage.client.subject, enabled, by="t")
    opened.clock.now += 30 * 86_400
    revocations = Revocations()
    watch = FeedWatch(opened.watchword.store, Verdicts(), revocations)
    reading = watch.sync(opened.clock())
    if reading is not None:
        await reading
    now = opened.clock()
    assert not revocations.token_void("jti_x", "user:alice", now, "fam_x", stage.client.id)
