"""Both sides of each scheme."""

from __future__ import annotations

from watchword.advise.rules import SCHEMES
from watchword.advise.tradeoffs import TRADE_OFFS


def test_each_scheme_has_both_sides() -> None:
    assert set(TRADE_OFFS) == set(SCHEMES)
    for each in TRADE_OFFS.values():
        assert len(each.pros) >= 1
        assert len(each.cons) >= 1
        assert all(text.endswith(".") for text in (*each.pros, *each.cons, each.at_home))
        assert set(each.value()) == {"title", "pros", "cons", "at_home"}


def test_what_the_article_warns_of_is_there() -> None:
    cons = {scheme: " ".join(each.cons) for scheme, each in TRADE_OFFS.items()}
    assert "until it is revoked" in cons["api-key"]
    assert "TLS" in cons["basic"]
    assert "taking one back" in cons["jwt"]
    assert "Clocks" in cons["hmac"]
    assert "issued, renewed and revoked" in cons["mtls"]
    assert "CSRF" in cons["session"]
