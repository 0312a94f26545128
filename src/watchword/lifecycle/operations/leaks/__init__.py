"""Answer a leak: whose it is, what it did, and that it does nothing more."""

from watchword.lifecycle.operations.leaks.answer import LeakReport, Leaks
from watchword.lifecycle.operations.leaks.tracing import Traced, Tracing

__all__ = ["LeakReport", "Leaks", "Traced", "Tracing"]
