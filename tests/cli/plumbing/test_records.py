"""Records for people and programs: the same fields for every kind, never a secret."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from watchword.cli.plumbing.records import check_folder, rows_of, value_of
from watchword.cli.plumbing.shell import Stop
from watchword.model.credential import Credential, Kind
from watchword.model.verdict import Rate

RECORD = Credential(
    id="key_1",
    kind=Kind.API_KEY,
    subject="service:billing",
    created_at=1,
    scopes=frozenset({"b", "a"}),
    lookup=b"lookup",
    secret=b"sealed",
    limit=Rate(600, 60),
    expires_at=int(time.time()) + 86_400,
    detail={"hint": "wxyz", "proof": "never shown", "generation": 3, "client_id": "key_1"},
)


def test_every_field_is_a_json_value_and_no_secret_is_among_them() -> None:
    value = value_of(RECORD)
    assert (value["state"], value["scopes"], value["limit"]) == ("active", ["a", "b"], "600/min")
    assert not {"lookup", "secret", "proof", "generation"} & value.keys()
    assert "never shown" not in repr(value)


def test_people_see_times_spelled_out() -> None:
    rows = dict(rows_of(value_of(RECORD)))
    assert rows["created at"] == "1970-01-01T00:00:01Z"
    assert rows["retire at"] == ""
    assert "client id" not in rows, "it is the id"


def test_a_folder_that_would_be_overwritten_is_refused(tmp_path: Path) -> None:
    check_folder(None)
    check_folder(tmp_path / "new" / "deep")
    assert (tmp_path / "new" / "deep").is_dir()
    (tmp_path / "new" / "chain.pem").write_text("mine")
    with pytest.raises(Stop, match="exists already"):
        check_folder(tmp_path / "new")
