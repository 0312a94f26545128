"""Note decisions, hand them to the log in batches, and count them on the way."""

from watchword.audit.noting import Audit
from watchword.audit.redaction import redact

__all__ = ["Audit", "redact"]
