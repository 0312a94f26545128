"""The one table of refusals."""

from __future__ import annotations

from watchword.model import reason
from watchword.model.reason import REASONS


def test_every_row_is_in_the_table_under_its_code() -> None:
    for name, row in vars(reason).items():
        if isinstance(row, reason.Reason):
            assert REASONS[row.code] is row
            assert name.lower() == row.code


def test_every_401_but_step_up_looks_alike() -> None:
    faces = {(row.type, row.title) for row in REASONS.values() if row.status == 401}
    assert len(faces) == 2
    assert {row.error for row in REASONS.values() if row.status == 401} == {
        "",
        "invalid_token",
        "insufficient_user_authentication",
        "invalid_dpop_proof",
        "use_dpop_nonce",
    }


def test_broken_is_503_and_refused_never_is() -> None:
    assert {row.code for row in REASONS.values() if row.status >= 500} == {"broken", "overloaded"}
    assert all(400 <= row.status < 500 or row.status == 503 for row in REASONS.values())


def test_a_type_has_one_status_and_one_title() -> None:
    faces: dict[str, set[tuple[int, str]]] = {}
    for row in REASONS.values():
        faces.setdefault(row.type, set()).add((row.status, row.title))
    assert {kind: found for kind, found in faces.items() if len(found) > 1} == {}
