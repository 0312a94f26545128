"""Write findings in the form that code hosts and editors read."""

from __future__ import annotations

from watchword.codec.sarif.log import VERSION, Level, SarifResult, SarifRule, sarif

__all__ = ["VERSION", "Level", "SarifResult", "SarifRule", "sarif"]
