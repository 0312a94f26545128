"""Evidence: what a flaw says of where it is."""

from __future__ import annotations

from watchword.model.evidence import Flaw


def test_a_flaw_names_its_batch_or_its_checkpoint() -> None:
    assert str(Flaw(7, "ab", 3, "was edited")) == "audit batch 7 (writer ab, number 3): was edited"
    assert str(Flaw(0, "", 3, "is missing")) == "checkpoint 3: is missing"
