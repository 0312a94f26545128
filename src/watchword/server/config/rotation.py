"""Model ``[rotation]``: when credentials are due to be replaced."""

from __future__ import annotations

from watchword.lifecycle.operations.rotation import RotationRules
from watchword.server.config.values import Duration, Grace, Table

__all__ = ["RotationTable"]

_DEFAULT = RotationRules()


class RotationTable(Table):
    """Hold ``[rotation]``: by kind how old one may become, 0 for any age."""

    api_key: Grace = 0
    hmac: Grace = 0
    password: Grace = 0
    client_cert: Grace = 0
    oauth_client: Grace = 0
    ca: Grace = 0
    root_key: Grace = 0
    expiring: Duration = _DEFAULT.expiring
    overlap: Duration = _DEFAULT.overlap

    def rules(self) -> RotationRules:
        """Return the rules that say what is due."""
        kinds = ("api_key", "hmac", "password", "client_cert", "oauth_client", "ca", "root_key")
        ages = {kind.replace("_", "-"): int(getattr(self, kind)) for kind in kinds}
        return RotationRules(ages, self.expiring, self.overlap)
