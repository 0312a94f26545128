"""The verdict cache and what takes from it: ends, room, the revocation feed, races."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.model.ports import Unavailable
from watchword.model.records import FeedEntry, Topic
from watchword.model.verdict import Principal
from watchword.sync import run_sync
from watchword.verdicts import FeedWatch, Revocations, Verdicts

NOW = 1_800_000_000.0


def who(number: int = 1, subject: str = "user:alice") -> Principal:
    return Principal(subject, "api-key", f"key_{number}")


def entry(sequence: int, topic: Topic, key: str, at: int = int(NOW), until: int = int(NOW) + 100) -> FeedEntry:
    return FeedEntry(sequence, topic, key, at, until)


def test_what_was_put_is_got_until_its_end() -> None:
    verdicts, principal = Verdicts(), who()
    verdicts.put(b"k", principal, NOW + 10, NOW)
    assert verdicts.get(b"k", NOW) is principal
    assert verdicts.get(b"k", NOW + 9.99) is principal
    assert verdicts.get(b"k", NOW + 10) is None
    assert len(verdicts) == 0
    assert verdicts.get(b"k", NOW) is None  # also when the clock steps back over its end


def test_what_has_ended_already_is_not_kept() -> None:
    verdicts = Verdicts()
    for until in (NOW - 1, NOW):
        verdicts.put(b"k", who(), until, NOW)
    assert len(verdicts) == 0


@pytest.mark.parametrize("tag", ["credential:key_1", "subject:user:alice", "token:j1"])
def test_the_feed_evicts_by_every_tag(tag: str) -> None:
    verdicts = Verdicts()
    verdicts.put(b"k", who(), NOW + 10, NOW, ("token:j1",))
    verdicts.put(b"other", who(2, "user:bob"), NOW + 10, NOW, ("token:j2",))
    verdicts.evict(tag)
    assert verdicts.get(b"k", NOW) is None
    assert verdicts.get(b"other", NOW) is not None
    verdicts.evict(tag)
    verdicts.evict("subject:nobody")


def test_a_reading_older_than_a_revocation_is_not_remembered() -> None:
    for take in (lambda v: v.evict("credential:key_1"), lambda v: v.evict("credential:other"), lambda v: v.clear()):
        verdicts = Verdicts()
        mark = verdicts.mark
        take(verdicts)  # arrives while the record is being read
        verdicts.put(b"k", who(), NOW + 10, NOW, since=mark)
        assert verdicts.get(b"k", NOW) is None
        verdicts.put(b"k", who(), NOW + 10, NOW, since=verdicts.mark)
        assert verdicts.get(b"k", NOW) is not None


def test_capacity_drops_the_oldest() -> None:
    verdicts = Verdicts(capacity=3)
    for number in range(5):
        verdicts.put(b"%d" % number, who(number), NOW + 10, NOW)
    assert [verdicts.get(b"%d" % number, NOW) is not None for number in range(5)] == [False, False, True, True, True]
    assert len(verdicts._tags) == 4  # three credentials, one subject


def test_putting_again_replaces_tags_too() -> None:
    verdicts = Verdicts()
    verdicts.put(b"k", who(1), NOW + 10, NOW)
    verdicts.put(b"k", who(2), NOW + 10, NOW)
    verdicts.evict("credential:key_1")
    assert verdicts.get(b"k", NOW) == who(2)
    verdicts.evict("credential:key_2")
    assert verdicts.get(b"k", NOW) is None
    assert verdicts._tags == {}


@given(st.lists(st.tuples(st.sampled_from("pegc"), st.integers(0, 6), st.integers(0, 3), st.integers(0, 4))))
def test_it_never_believes_what_a_simple_model_does_not(steps: list[tuple[str, int, int, int]]) -> None:
    verdicts, model, now = Verdicts(capacity=4), {}, NOW
    for verb, key, credential, time in steps:
        name = b"%d" % key
        now += time
        if verb == "p":
            verdicts.put(name, who(credential), now + 5, now)
            model[name] = (who(credential), now + 5)
        elif verb == "e":
            verdicts.evict(f"credential:key_{credential}")
            model = {k: v for k, v in model.items() if v[0] != who(credential)}
        elif verb == "c":
            verdicts.clear()
            model = {}
        found, known = verdicts.get(name, now), model.get(name)
        assert found is None or (known is not None and found == known[0] and now < known[1])
        assert len(verdicts) <= 4
        assert {tag for _, _, tags in verdicts._entries.values() for tag in tags} == set(verdicts._tags)


def test_revocations_void_by_token_credential_and_subject() -> None:
    revocations = Revocations()
    assert not revocations.token_void("j1", "user:alice", NOW, "fam_1")
    revocations.add("token:j1", int(NOW), int(NOW) + 100)
    revocations.add("credential:fam_2", int(NOW), int(NOW) + 100)
    revocations.add("subject:user:bob", int(NOW), int(NOW) + 100)
    void = revocations.token_void
    assert void("j1", "user:alice", NOW + 50, "fam_1")
    assert void("j9", "user:alice", NOW + 50, "fam_2")
    assert void("j9", "user:bob", NOW - 1, "fam_1")
    assert void("j9", "user:bob", NOW, "fam_1")
    assert not void("j9", "user:bob", NOW + 1, "fam_1")  # logged in again since
    assert not void("j2", "user:alice", NOW, "fam_1")
    assert not void("", "", NOW, "")


def test_revocations_are_forgotten_at_their_end_and_not_before() -> None:
    revocations = Revocations()
    revocations.add("token:j1", int(NOW), int(NOW) + 10)
    revocations.add("token:j2", int(NOW), int(NOW) + 20)
    revocations.add("token:j1", int(NOW), int(NOW) + 30)  # revoked again, remembered longer
    revocations.add("token:j2", int(NOW), int(NOW) + 5)  # never shorter
    for age, left in ((9, 2), (10, 2), (19, 2), (20, 1), (29, 1), (30, 0), (31, 0)):
        revocations.forget(NOW + age)
        assert len(revocations) == left, age
    assert revocations._ends == []


def test_a_later_revocation_of_a_subject_never_makes_an_earlier_one_weaker() -> None:
    revocations = Revocations()
    revocations.add("subject:user:a", 100, 200)
    revocations.add("subject:user:a", 50, 150)
    assert revocations.token_void("j", "user:a", 100, "")


class Feed:
    def __init__(self, *entries: FeedEntry) -> None:
        self.all = list(entries)

    def entries(self, after: int) -> list[FeedEntry]:
        return [each for each in self.all if each.sequence > after]


def test_each_topic_does_what_it_says() -> None:
    feed, verdicts, revocations = Feed(), Verdicts(), Revocations()
    watch = FeedWatch(feed, verdicts, revocations, every=0.1)

    def remembered() -> list[int]:
        return [n for n in range(1, 5) if verdicts.get(b"%d" % n, NOW) is not None]

    def fill() -> None:
        for number, subject in ((1, "user:a"), (2, "user:a"), (3, "user:b"), (4, "user:c")):
            verdicts.put(b"%d" % number, who(number, subject), NOW + 10, NOW, (f"token:j{number}",))

    for number, (topic, key, left, void) in enumerate(
        (
            (Topic.CREDENTIAL, "key_1", [2, 3, 4], 1),
            (Topic.CHANGED, "key_2", [1, 3, 4], 1),
            (Topic.SUBJECT, "user:a", [3, 4], 2),
            (Topic.TOKEN, "j4", [1, 2, 3], 3),
            (Topic.KEYS, "", [], 3),
        ),
        1,
    ):
        fill()
        feed.all.append(entry(number, topic, key))
        watch.sync(NOW)
        assert remembered() == left, topic
        assert len(revocations) == void, topic


def test_listeners_hear_each_entry_once_and_are_waited_for() -> None:
    feed, heard = Feed(entry(1, Topic.KEYS, "")), []
    watch = FeedWatch(feed, Verdicts(), Revocations())

    async def listener(each: FeedEntry) -> None:
        heard.append(each.sequence)

    watch.listen(listener)
    watch.listen(lambda each: heard.append(-each.sequence))
    for _ in range(2):
        reading = watch.sync(NOW)
        if reading is not None:
            run_sync(reading)  # type: ignore[arg-type]
    assert sorted(heard) == [-1, 1]


def test_a_slower_reading_of_the_same_entries_changes_nothing() -> None:
    verdicts = Verdicts()
    watch = FeedWatch(Feed(), verdicts, Revocations())
    watch._took([entry(1, Topic.CREDENTIAL, "key_1"), entry(2, Topic.CREDENTIAL, "key_2")], NOW)
    mark = verdicts.mark
    watch._took([entry(1, Topic.CREDENTIAL, "key_1")], NOW)
    assert verdicts.mark == mark
    watch._took([entry(3, Topic.CREDENTIAL, "key_3")], NOW)
    assert verdicts.mark == mark + 1


def test_due_is_a_little_after_each_reading() -> None:
    watch = FeedWatch(Feed(), Verdicts(), Revocations(), every=0.5)
    assert watch.due < NOW
    watch.sync(NOW)
    assert (watch.read_at, watch.due) == (NOW, NOW + 0.5)


def test_parts_know_nothing_of_each_other_and_are_evicted_together() -> None:
    whole = Verdicts()
    first, second = whole.part(), whole.part()
    first.put(b"k", who(1), NOW + 10, NOW)
    second.put(b"j", who(2), NOW + 10, NOW)
    assert second.get(b"k", NOW) is None
    assert whole.get(b"k", NOW) is None
    assert len(whole) == 2
    whole.evict("credential:key_1")
    assert first.get(b"k", NOW) is None
    assert second.get(b"j", NOW) is not None
    marks = first.mark, second.mark
    whole.evict("subject:user:alice")
    assert (first.mark, second.mark) > marks
    assert len(whole) == 0


def test_what_a_listener_could_not_take_in_is_read_again() -> None:
    feed, verdicts, heard = Feed(entry(1, Topic.KEYS, "sig_1")), Verdicts(), []
    watch = FeedWatch(feed, verdicts, Revocations())

    async def listener(each: FeedEntry) -> None:
        heard.append(each.key)
        if len(heard) < 3:
            raise Unavailable("the keys cannot be loaded")

    watch.listen(listener)
    for _ in range(2):
        with pytest.raises(Unavailable):
            run_sync(watch.sync(NOW))  # type: ignore[arg-type]
        assert watch.due < NOW, "the next decision must try again"
    run_sync(watch.sync(NOW))  # type: ignore[arg-type]
    assert heard == ["sig_1"] * 3
    assert watch.sync(NOW) is None


def test_after_a_long_silence_everything_is_read_again() -> None:
    verdicts, heard = Verdicts(), []
    watch = FeedWatch(Feed(), verdicts, Revocations())
    watch.listen(lambda each: heard.append(each.topic))
    watch.sync(NOW)
    verdicts.put(b"k", who(1), NOW + 9999, NOW)
    assert watch.sync(NOW + 1800) is None
    assert verdicts.get(b"k", NOW) is not None
    assert not heard
    run_sync(watch.sync(NOW + 3601))  # type: ignore[arg-type]
    assert verdicts.get(b"k", NOW) is None
    assert heard == [Topic.KEYS]


def test_of_what_is_said_about_a_subject_the_last_counts() -> None:
    always = 10**11
    feed, revocations = Feed(entry(1, Topic.SUBJECT, "user:a", at=always, until=always)), Revocations()
    watch = FeedWatch(feed, Verdicts(), revocations)
    watch.sync(NOW)
    assert revocations.token_void("j", "user:a", NOW + 9, "")
    feed.all.append(entry(2, Topic.SUBJECT, "user:a", at=int(NOW) + 20, until=always))
    watch.sync(NOW + 20)
    assert revocations.token_void("j", "user:a", NOW + 20, "")
    assert not revocations.token_void("j", "user:a", NOW + 21, "")


def test_a_reading_under_way_does_not_hide_what_was_taken_back_meanwhile() -> None:
    class Slow:
        async def entries(self, after: int) -> list[FeedEntry]:
            watch.hurry()  # somebody revokes after the store has answered
            return []

    watch = FeedWatch(Slow(), Verdicts(), Revocations())
    run_sync(watch.sync(NOW))  # type: ignore[arg-type]
    assert watch.read_at == NOW
    assert watch.due < NOW, "the next decision must read again"


def test_what_a_client_was_given_up_to_a_moment_is_void() -> None:
    revocations = Revocations()
    revocations.add("subject:client:cli_1", int(NOW), int(NOW) + 100)
    assert revocations.token_void("j", "user:a", NOW, "fam_1", "cli_1")
    assert not revocations.token_void("j", "user:a", NOW + 1, "fam_1", "cli_1")
    assert not revocations.token_void("j", "user:a", NOW, "fam_1", "cli_2")
    assert not revocations.token_void("j", "user:a", NOW, "fam_1")


def test_a_token_signed_right_after_everything_was_taken_back_holds_and_one_signed_before_does_not() -> None:
    revocations = Revocations()
    before = revocations.issue_time(NOW + 0.2, "user:a", "cli_1")
    for tag in ("subject:user:a", "subject:client:cli_1"):
        revocations.add(tag, int(NOW + 0.4), int(NOW) + 100)
    after = revocations.issue_time(NOW + 0.6, "user:a", "cli_1")
    assert revocations.token_void("j", "user:a", before, "fam_1", "cli_1")
    assert not revocations.token_void("j", "user:a", after, "fam_1", "cli_1")
    assert (before, after) == (int(NOW), int(NOW) + 1)
    assert revocations.issue_time(NOW + 1, "user:a", "cli_1") == int(NOW) + 1
    assert revocations.issue_time(NOW + 0.6, "user:b") == int(NOW)
    revocations.add("subject:user:c", 253_402_300_799, 253_402_300_799)  # disabled: no token of theirs ever holds
    assert revocations.issue_time(NOW, "user:c") == int(NOW)


@pytest.mark.parametrize("many", [101, 250, 5_000])
def test_revocations_are_bounded_and_nothing_taken_back_returns(many: int) -> None:
    revocations = Revocations(capacity=100)
    revocations.add("subject:user:disabled", 253_402_300_799, 253_402_300_799)
    start = int(NOW)
    for number in range(many):
        revocations.add(f"token:j{number}", start + number, start + number + 100_000)
    assert len(revocations) <= 101
    for number in range(many):
        assert revocations.token_void(f"j{number}", "user:a", start + number - 1, "fam_1")
    assert revocations.token_void("j", "user:disabled", start + 10**9, "fam_1")
    assert not revocations.token_void("other", "user:a", start + many, "fam_1")
    assert not revocations.token_void("other", "user:a", start + many - 20, "fam_1")  # known singly
    revocations.forget(start + many + 100_000)
    assert not revocations.token_void("other", "user:a", start, "fam_1")
    assert len(revocations) == 1


def test_disabling_over_and_over_takes_no_memory() -> None:
    revocations = Revocations(capacity=100)
    for number in range(10_000):
        revocations.replace(f"subject:user:{number % 300}", number, 253_402_300_799)
    assert len(revocations) == 300
    assert len(revocations._ends) <= 1_300


@pytest.mark.parametrize("refuse", [True, False])
def test_what_a_stale_feed_means_is_chosen(refuse: bool) -> None:
    class Silent:
        def entries(self, after: int) -> list[FeedEntry]:
            raise Unavailable("down")

    watch = FeedWatch(Silent(), Verdicts(), Revocations(), every=0.1, bound=30.0, refuse=refuse)
    watch.read_at = NOW
    watch.sync(NOW + 30)
    if refuse:
        with pytest.raises(Unavailable):
            watch.sync(NOW + 31)
    else:
        watch.sync(NOW + 31)
        assert watch.due == pytest.approx(NOW + 31.1)  # asked again soon
