"""Claims: each key to one claimant among the processes of one machine, in a log of files."""

from watchword.stores.claims.log import ClaimLog
from watchword.stores.claims.segment import taken

__all__ = ["ClaimLog", "taken"]
