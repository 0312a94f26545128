"""What operators see has every field, and no secret."""

from __future__ import annotations

from watchword.lifecycle.operations.shown import credential_value, subject_value
from watchword.model.credential import Credential, Kind
from watchword.model.records import Subject
from watchword.model.verdict import Rate


def test_a_credential_is_shown_without_what_proves_it() -> None:
    detail = {"name": "CI", "public_jwk": {"d": "canary"}, "codes": ["canary"]}
    record = Credential(
        "key_a", Kind.API_KEY, "service:a", 1, frozenset({"b", "a"}), b"canary", b"canary",
        limit=Rate(5, 60), detail=detail, retire_at=50,
    )  # fmt: skip
    value = credential_value(record, 49)
    assert (value["id"], value["state"], value["scopes"], value["limit"]) == ("key_a", "retiring", ["a", "b"], "5/min")
    assert value["name"] == "CI"
    assert "canary" not in repr(value)


def test_a_disabled_subject_says_so() -> None:
    assert subject_value(Subject("user:a", 1, 2))["state"] == "disabled"
    assert subject_value(Subject("user:a", 1))["state"] == "enabled"
