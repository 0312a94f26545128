"""What ``audit --verify`` says for people; the verbs themselves are in ``tests/cli/test_audit.py``."""

from __future__ import annotations

from watchword.cli.plumbing.evidence import _reach, _told
from watchword.lifecycle.operations.checkpoints import Proof
from watchword.model.evidence import Flaw


def test_a_proof_says_how_far_it_reaches() -> None:
    proof = Proof((), 3, 2, 7, 1_790_000_000, 4, 1)
    assert dict(_reach(proof)) == {
        "signed": "up to batch 7, 2026-09-21T14:13:20Z; 2 of 3 checkpoints hold",
        "not yet signed": "4 batches after that: they have the chain alone",
        "begins": "after batch 1: what was older was removed, as was signed",
    }
    assert dict(_reach(Proof())) == {}


def test_a_flaw_says_when() -> None:
    flaw = Flaw(7, "ab", 3, "was edited", 1_790_000_000.9)
    assert _told(flaw) == "audit batch 7 (writer ab, number 3): was edited, 2026-09-21T14:13:20Z"
