"""Ask the admin API as somebody who may do this or that."""

from __future__ import annotations

from typing import Any

import httpx2
from tests.server.live import Live

from watchword.lifecycle.operations.rights import ALL_RIGHTS
from watchword.model.credential import Kind

__all__ = ["asking", "operator", "problem"]


def asking(server: Live, *scopes: str, subject: str = "service:ops") -> httpx2.Client:
    """Return a client whose API key has these scopes."""
    key = server.issue(Kind.API_KEY, subject, scopes=scopes)
    # Nothing is encrypted on loopback: reading the web's authorities for it would take longer than most tests.
    return server.client(headers={"authorization": f"Bearer {key.material['secret']}"}, verify=False)


def operator(server: Live) -> httpx2.Client:
    """Return a client that may do everything."""
    return asking(server, *ALL_RIGHTS)


def problem(answer: Any) -> tuple[int, str]:
    """Return the status and the short type of a refusal."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["type"].removeprefix("urn:watchword:problem:")
