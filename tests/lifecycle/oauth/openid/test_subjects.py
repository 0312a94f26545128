"""Pairwise subjects: stable, one a sector, not to be linked (OpenID Connect Core 1.0 section 8)."""

from __future__ import annotations

from typing import Any

import pytest

from watchword.lifecycle.oauth.described.rules import DEVICE
from watchword.lifecycle.oauth.openid.subjects import Subjects, sector_of
from watchword.model.credential import Credential, Kind

KEY = bytes(range(32))


def client(**detail: Any) -> Credential:
    given = {"client_id": "cli_a", "redirect_uris": ["https://app.example/cb"], **detail}
    return Credential("cli_a", Kind.OAUTH_CLIENT, "service:app", 1, detail=given)


def pairwise(**detail: Any) -> Credential:
    return client(subject_type="pairwise", **detail)


def test_public_is_the_subject_itself() -> None:
    assert Subjects(KEY).of(client(), "user:alice") == "user:alice"
    assert Subjects(KEY).of(client(subject_type="public"), "user:alice") == "user:alice"


def test_pairwise_is_stable_and_one_a_sector() -> None:
    subjects = Subjects(KEY)
    first = subjects.of(pairwise(), "user:alice")
    assert first == Subjects(KEY).of(pairwise(client_id="cli_b"), "user:alice")  # the same host
    others = {
        first,
        subjects.of(pairwise(), "user:bob"),
        subjects.of(pairwise(redirect_uris=["https://other.example/cb"]), "user:alice"),
        subjects.of(pairwise(sector_identifier_uri="https://sector.example/x"), "user:alice"),
        Subjects(bytes(32)).of(pairwise(), "user:alice"),
    }
    assert len(others) == 5
    assert all("alice" not in each and len(each) == 43 for each in others)


def test_names_do_not_run_together() -> None:
    subjects = Subjects(KEY)
    one = subjects.of(pairwise(sector_identifier_uri="https://a/"), "buser:x")
    assert one != subjects.of(pairwise(sector_identifier_uri="https://ab/"), "user:x")


def test_a_session_has_another_name_for_each_client() -> None:
    subjects = Subjects(KEY)
    names = {subjects.session(client(client_id=id), session) for id in ("cli_a", "cli_b") for session in ("s", "t")}
    assert len(names) == 4


@pytest.mark.parametrize(
    ("detail", "sector"),
    [
        ({"redirect_uris": ["https://app.example/cb", "https://APP.example:8443/x"]}, "app.example"),
        ({"redirect_uris": ["https://a.example/", "https://b.example/"]}, "cli_a"),
        ({"redirect_uris": ["http://127.0.0.1/cb"]}, "cli_a"),
        ({"redirect_uris": ["com.example.app:/cb"]}, "cli_a"),
        ({"redirect_uris": []}, "cli_a"),
        ({"sector_identifier_uri": "https://Sector.example/list"}, "sector.example"),
        # Whoever registers may name another's host, or its list; through a device it is answered all the same.
        ({"redirect_uris": ["https://other.example/cb"], "grants": [DEVICE], "source": "registered"}, "cli_a"),
        ({"sector_identifier_uri": "https://other.example/", "grants": [DEVICE], "source": "document"}, "cli_a"),
        ({"redirect_uris": ["https://app.example/cb"], "grants": [DEVICE], "source": "operator"}, "app.example"),
    ],
)
def test_sectors(detail: dict[str, Any], sector: str) -> None:
    assert sector_of({"client_id": "cli_a", **detail}) == sector
