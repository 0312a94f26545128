"""Model what ``watchword.toml`` says about those who tell us of leaks."""

from __future__ import annotations

from watchword.server.config.values import Table, UrlText

__all__ = ["GithubTable", "LeaksTable"]


class GithubTable(Table):
    """Hold ``[leaks.github]``: that it is there turns ``/leaks/github`` on."""

    keys_url: UrlText = "https://api.github.com/meta/public_keys/secret_scanning"


class LeaksTable(Table):
    """Hold ``[leaks]``."""

    github: GithubTable | None = None
