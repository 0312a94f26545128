"""Say what a table of its own asks of a store of SQL: rows, and plans carried out in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from sqlalchemy import Executable

from watchword.model.records import Event
from watchword.stores.sql import Plan

__all__ = ["Execution"]

T = TypeVar("T")


class Execution(Protocol):
    """Carry out statements: SqliteStore inline, PostgresStore with its bounds in time."""

    async def rows(self, statement: Executable, parameters: Mapping[str, Any]) -> Sequence[Any]:
        """Return all rows of a statement that changes nothing."""
        ...

    async def carry_out(self, plan: Plan[T], *events: Event) -> T:
        """Carry out a plan in one transaction, with its audit events; roll back when it returns False or fails."""
        ...
