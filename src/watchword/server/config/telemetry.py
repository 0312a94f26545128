"""Model what ``watchword.toml`` says about metrics and traces."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field

from watchword.lifecycle.errors import LifecycleError
from watchword.server.config.values import Networks, PolicyText, Table, checked

__all__ = ["MetricsTable", "OtelTable"]


def _collector(text: str) -> None:
    """Hold a collector's place to a URL; it is often beside the server, or in its own network, without TLS."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise LifecycleError("it is no URL of a collector", "such as http://127.0.0.1:4318; secrets by the environment")


class MetricsTable(Table):
    """Hold ``[metrics]``."""

    networks: Networks = ()
    accept: PolicyText = ""


class OtelTable(Table):
    """Hold ``[otel]``."""

    endpoint: Annotated[str, checked(_collector)] = ""
    service: str = Field(default="watchword", min_length=1, max_length=200)
    share: Annotated[float, Field(ge=0, le=1)] = 1.0
