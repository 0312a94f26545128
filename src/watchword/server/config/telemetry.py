"""Model what ``watchword.toml`` says about metrics and traces."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from watchword.server.config.values import Networks, PolicyText, Table, UrlText

__all__ = ["MetricsTable", "OtelTable"]


class MetricsTable(Table):
    """Hold ``[metrics]``."""

    networks: Networks = ()
    accept: PolicyText = ""


class OtelTable(Table):
    """Hold ``[otel]``."""

    endpoint: UrlText = ""
    service: str = Field(default="watchword", min_length=1, max_length=200)
    share: Annotated[float, Field(ge=0, le=1)] = 1.0
