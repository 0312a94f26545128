"""What the operator decides about clients that describe themselves."""

from __future__ import annotations

from watchword.lifecycle.oauth.described.rules import DescribedRules


def test_closed_by_default_but_for_documents() -> None:
    rules = DescribedRules()
    assert rules.registration == "off"
    assert rules.documents
    assert not rules.document_hosts
    assert rules.lifetimes() == {}


def test_lifetimes() -> None:
    assert DescribedRules(access_lifetime=60).lifetimes() == {"access_lifetime": 60}
    assert DescribedRules(refresh_lifetime=5).lifetimes() == {"refresh_lifetime": 5}
