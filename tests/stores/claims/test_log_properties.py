"""Claim logs agree with a dictionary, and stay safe whatever the clock does."""

from __future__ import annotations

import tempfile

from hypothesis import given, settings
from hypothesis import strategies as st

from watchword.model.ports import Unavailable
from watchword.stores.claims import ClaimLog
from watchword.testing.meters import FixedClock

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["claim", "claim", "claim", "wait", "restart"]),
        st.integers(0, 2),
        st.integers(0, 3),
        st.integers(1, 90),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_three_workers_agree_with_a_dictionary(steps: list[tuple[str, int, int, int]]) -> None:
    clock = FixedClock(1_000_000.0)
    held: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as directory:
        workers = [ClaimLog(directory, window=60, clock=clock) for _ in range(3)]
        for verb, worker, key, seconds in steps:
            if verb == "claim":
                free = held.get(key, 0.0) <= clock.now
                assert workers[worker].claim(b"%d" % key, clock.now + seconds) is free
                if free:
                    held[key] = clock.now + seconds
            elif verb == "wait":
                clock.now += seconds / 3
            else:
                workers[worker].close()
                workers[worker] = ClaimLog(directory, window=60, clock=clock)
        for log in workers:
            log.close()


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 3), st.integers(0, 20), st.integers(-120, 120), st.booleans()),
        max_size=40,
    )
)
def test_no_clock_steps_let_a_stamp_in_twice(steps: list[tuple[int, int, int, int, bool]]) -> None:
    """Safety alone: a key with one fixed end is won at most once, whatever the clock does."""
    clock = FixedClock(1_000_000.0)
    won: set[tuple[int, int]] = set()
    with tempfile.TemporaryDirectory() as directory:
        workers = [ClaimLog(directory, window=60, clock=clock) for _ in range(2)]
        for worker, key, stamp, step, restart in steps:
            clock.now += step
            if restart:
                workers[worker].close()
                workers[worker] = ClaimLog(directory, window=60, clock=clock)
            try:
                accepted = workers[worker].claim(b"%d %d" % (key, stamp), 1_000_000.0 + 20 * stamp)
            except Unavailable:
                continue
            assert not (accepted and (key, stamp) in won)
            if accepted:
                won.add((key, stamp))
        for log in workers:
            log.close()
