"""Which accesses the log keeps where it does not keep all."""

from __future__ import annotations

import pytest

from watchword.audit.acts import Act
from watchword.audit.counting import Counted
from watchword.audit.sampling import Sampling


def act(name: str, verdict: str = "accepted") -> Act:
    return Act(name, Counted("", "", "", "", "", verdict, ""))


def kept(sampling: Sampling, which: list[int], said: list[Act]) -> list[int]:
    choice = sampling.choose(which, said)
    sampling.chosen(choice)
    return choice.places


def test_the_first_of_each_act_is_kept_and_one_in_so_many_after() -> None:
    sampling = Sampling(0.25)
    said = [act("a"), act("b")]
    assert kept(sampling, [0, 0, 1, 0, 0, 0, 1], said) == [0, 2, 5]
    assert kept(sampling, [0] * 8, said) == [3, 7]
    assert kept(sampling, [0], [act("c")]) == [0]


def test_all_that_was_not_let_in_is_kept() -> None:
    for share in (0.0, 0.001):
        assert kept(Sampling(share), [0] * 5, [act("a", "refused")]) == [0, 1, 2, 3, 4]
        assert kept(Sampling(share), [0] * 5, [act("a", "broken")]) == [0, 1, 2, 3, 4]


def test_a_share_of_nothing_keeps_no_access_and_a_whole_one_keeps_all() -> None:
    assert kept(Sampling(0.0), [0] * 5, [act("a")]) == []
    assert kept(Sampling(1.0), [0] * 5, [act("a")]) == [0, 1, 2, 3, 4]


def test_a_batch_that_was_not_written_is_chosen_from_again() -> None:
    sampling = Sampling(0.5)
    assert sampling.choose([0, 0, 0], [act("a")]).places == sampling.choose([0, 0, 0], [act("a")]).places == [0, 2]


def test_many_acts_do_not_fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchword.audit.sampling._REMEMBERED", 500)
    sampling = Sampling(0.5)
    for start in range(0, 2_000, 100):
        kept(sampling, list(range(100)), [act(str(start + n)) for n in range(100)])
    assert len(sampling._done) <= 500


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_is_a_share(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        Sampling(share)
