"""Tell the ways apart in which one scheme is used: OAuth 2.0 by a machine, and for a person."""

from __future__ import annotations

from watchword.advise.answers import Answers

__all__ = ["kind_of"]


def kind_of(scheme: str, answers: Answers) -> str:
    """Return the scheme's name, or "oauth2-person" where a person logs in and agrees."""
    return "oauth2-person" if scheme == "oauth2" and answers.callers != "machines" else scheme
