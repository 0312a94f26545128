"""Ask of verdicts what every script must hold to."""

from __future__ import annotations

from collections.abc import Sequence

from watchword.demo.trial import Verdict

__all__ = ["all_right", "reasons"]

WIDEST = 33  # what 80 columns leave


def all_right(verdicts: Sequence[Verdict], twins: int = 4) -> None:
    """Hold a script to its form: the honest one first, then a twin, at least ``twins`` in all, everything right."""
    assert [(each.case.what, each.answer.status, each.reason) for each in verdicts if not each.right] == []
    assert [each.outcome for each in verdicts[:2]] == ["accepted", "refused"]
    assert sum(each.outcome == "refused" for each in verdicts) >= twins
    assert [each.case.what for each in verdicts if len(each.case.what) > WIDEST] == []
    told = [each.case.what for each in verdicts]
    assert sorted(set(told)) == sorted(told), "two lines that cannot be told apart"


def reasons(verdicts: Sequence[Verdict]) -> set[str]:
    """Return the reasons that the audit gave."""
    return {each.reason for each in verdicts if each.reason}
