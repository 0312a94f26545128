"""Records that are not credentials."""

from __future__ import annotations

import pytest

from watchword.model.records import Event, FeedEntry, Subject, Topic


def test_a_changed_subject_is_the_next_version() -> None:
    subject = Subject("user:alice", 1)
    changed = subject.changed(disabled_at=5)
    assert (changed.version, changed.disabled_at, subject.version, subject.disabled_at) == (2, 5, 1, None)
    assert "secret" not in repr(Subject("user:alice", 1, detail={"x": "secret"}))


def test_events_and_entries_cannot_be_changed() -> None:
    for value, name in ((Event(1.0, "decide", "accepted"), "reason"), (FeedEntry(1, Topic.KEYS, "", 1, 2), "key")):
        with pytest.raises((AttributeError, TypeError)):
            setattr(value, name, "x")


def test_an_event_needs_a_time_an_action_and_an_outcome() -> None:
    with pytest.raises(TypeError):
        Event(1.0, "decide")  # type: ignore[call-arg]
    assert set(Event(1.0, "decide", "accepted")[3:]) == {""}
