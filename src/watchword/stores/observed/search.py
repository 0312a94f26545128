"""Find credentials by how their id, their subject or their name begins: an index answers, however many there are."""

from __future__ import annotations

from functools import cache
from typing import Any, Final, Literal, Protocol, TypeAlias

from sqlalchemy import Select, bindparam, select, tuple_

from watchword.model.credential import Credential
from watchword.model.ports import Records
from watchword.stores import schema
from watchword.stores.observed.execution import Execution
from watchword.stores.rows import credential_from, folded, prefix_end, storable

__all__ = ["Search", "SqlSearch", "WalkedSearch", "Word", "search_of", "word_of"]

_credential = schema.credential
_PAGE: Final = 500

Word: TypeAlias = Literal["id", "subject", "name"]
"""What is searched by."""


class Search(Protocol):
    """Find credentials by how a text of theirs begins."""

    async def beginning(
        self, word: Word, prefix: str, *, after: tuple[str, str] = ("", ""), limit: int = 100
    ) -> list[Credential]:
        """Return those whose ``word`` begins with ``prefix``, by that text and the id, strictly after both.

        Names are compared without a difference of case.
        """
        ...


def search_of(store: Any) -> Search:
    """Return what finds them in a store: by its indexes where it has some, else by walking all."""
    return SqlSearch(store) if hasattr(store, "rows") else WalkedSearch(store)


def word_of(record: Credential, word: Word) -> str:
    """Return the text of a credential that a search by ``word`` compares and orders by."""
    if word == "name":
        return folded(str(record.detail.get("name") or record.detail.get("client_name") or ""))
    return record.id if word == "id" else record.subject


@cache
def _beginning(word: Word, bounded: bool) -> Select[Any]:
    column = _credential.c[word]
    # Both bounds of the column alone, too: an index that ends in the id is entered by them.
    statement = select(_credential).where(column >= bindparam("start"))
    if bounded:
        statement = statement.where(column < bindparam("end"))
    if word == "id":
        return statement.where(column > bindparam("after")).order_by(column).limit(bindparam("at_most"))
    place = tuple_(column, _credential.c.id)
    statement = statement.where(place > tuple_(bindparam("at"), bindparam("after")))
    return statement.order_by(column, _credential.c.id).limit(bindparam("at_most"))


class SqlSearch:
    """Implement Search over a store of SQL."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    async def beginning(
        self, word: Word, prefix: str, *, after: tuple[str, str] = ("", ""), limit: int = 100
    ) -> list[Credential]:
        """Return those whose ``word`` begins with ``prefix``, by that text and the id, strictly after both."""
        prefix = folded(prefix) if word == "name" else prefix
        if not prefix or not storable(prefix, *after):
            return []
        end = prefix_end(prefix)
        bounds: dict[str, Any] = {"start": max(prefix, after[0]), "after": after[1], "at_most": limit}
        bounds |= {} if word == "id" else {"at": after[0]}
        bounds |= {} if end is None else {"end": end}
        rows = await self._execution.rows(_beginning(word, end is not None), bounds)
        return [credential_from(row) for row in rows]


class WalkedSearch:
    """Implement Search over any Records, page by page: for small stores."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def beginning(
        self, word: Word, prefix: str, *, after: tuple[str, str] = ("", ""), limit: int = 100
    ) -> list[Credential]:
        """Return those whose ``word`` begins with ``prefix``, by that text and the id, strictly after both."""
        prefix = folded(prefix) if word == "name" else prefix
        if not prefix:
            return []
        at = after[1] if word == "id" else after[0]
        found: list[tuple[str, str, Credential]] = []
        last = ""
        while page := await self._records.credentials(after=last, limit=_PAGE):
            keyed = [(word_of(each, word), each.id, each) for each in page]
            found += [each for each in keyed if each[0].startswith(prefix) and each[:2] > (at, after[1])]
            last = page[-1].id
        return [each for _, _, each in sorted(found, key=lambda each: each[:2])[:limit]]
