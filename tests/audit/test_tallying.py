"""A batch counted in every way that is kept, and all ways say the same."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from watchword.audit.acts import Act
from watchword.audit.counting import Counted
from watchword.audit.tallying import Tallying

COUNTED = st.builds(
    Counted,
    st.sampled_from(["", "key_1", "key_2", "fam_1+key_1"]),
    st.sampled_from(["", "user:alice"]),
    st.sampled_from(["", "jwt"]),
    st.sampled_from(["GET /", "GET /x", "…"]),
    st.sampled_from(["", "192.0.2.0/24", "198.51.100.0/24"]),
    st.sampled_from(["accepted", "refused"]),
    st.sampled_from(["", "expired"]),
)


def counted(times: list[float], which: list[int], acts: list[Counted]) -> Any:
    said = [Act(str(number), each) for number, each in enumerate(acts)]
    return Tallying().count(times, which, said, (min(times), max(times)))


@given(st.lists(COUNTED, min_size=1, max_size=20), st.data())
def test_every_way_of_counting_has_every_decision(acts: list[Counted], data: Any) -> None:
    which = data.draw(st.lists(st.integers(0, len(acts) - 1), min_size=1, max_size=60))
    times = data.draw(st.lists(st.floats(0, 200), min_size=len(which), max_size=len(which)))
    tallies, points, parts = counted(times, which, acts)
    said: Counter[Any] = Counter()
    for at, each in zip(times, which, strict=True):
        for credential in acts[each].credential.split("+"):
            said[int(at) // 60 * 60, credential, *acts[each][1:]] += 1
    assert Counter({each[:-1]: each.decisions for each in tallies}) == said
    assert sum(each.decisions for each in points) == len(which)
    for kind in ("route", "network", "subject"):
        assert sum(each.decisions for each in parts if each.kind == kind) == len(which), kind
    assert sum(each.decisions for each in parts if each.kind == "credential") == sum(said.values())
    with_reason = sum(bool(acts[each].reason) for each in which)
    assert sum(each.decisions for each in parts if each.kind == "reason") == with_reason


def test_those_that_are_many_are_named_before_those_that_are_few() -> None:
    acts = [Counted("", "", "", "GET /", f"10.0.{n % 256}.{n // 256}/24", "refused", "expired") for n in range(1000)]
    which = [*range(1000), *[999] * 50]
    tallies, _, parts = counted([0.0] * len(which), which, acts)
    assert tallies[0].network == acts[999].network
    assert len(tallies) <= 100
    networks = [each for each in parts if each.kind == "network"]
    assert len(networks) == 301
    assert networks[0].name == acts[999].network
    assert sum(each.decisions for each in networks) == len(which)
