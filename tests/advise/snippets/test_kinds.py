"""OAuth 2.0 is used in two ways: by a machine for itself, and for a person who agrees."""

from __future__ import annotations

from watchword.advise import Answers
from watchword.advise.snippets import curl, javascript, kind_of, python
from watchword.advise.snippets.curl import _SCRIPTS
from watchword.advise.snippets.javascript import _MODULES


def test_who_calls_tells_the_ways_apart() -> None:
    assert kind_of("oauth2", Answers()) == "oauth2"
    assert kind_of("oauth2", Answers(callers="people")) == "oauth2-person"
    assert kind_of("oauth2", Answers(callers="both")) == "oauth2-person"
    assert kind_of("hmac", Answers(callers="people")) == "hmac"


def test_each_way_is_known_in_each_language() -> None:
    from watchword.advise import Place

    assert set(_SCRIPTS) == set(_MODULES)
    for kind in _SCRIPTS:
        for write in (python, curl, javascript):
            assert write(kind, Place()).endswith("\n")
