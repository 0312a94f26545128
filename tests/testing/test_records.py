"""The suite for ``Records`` notices a broken store."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testing.sabotage import notices
from watchword.model.records import Add, Change, Swap
from watchword.stores.memory import MemoryStore
from watchword.testing.records import RecordsSuite


async def _ignores_versions(self: Any, *changes: Change) -> bool:
    for change in changes:
        if isinstance(change, Swap) and (stored := await MemoryStore.credential(self, change.new.id)):  # type: ignore[union-attr]
            self._records[type(stored), stored.id] = change.new
            return True
    return await MemoryStore.write(self, *changes)


async def _writes_one_by_one(self: Any, *changes: Change) -> bool:
    return all([await MemoryStore.write(self, change) for change in changes])


async def _never_loses(self: Any, *changes: Change) -> bool:
    await MemoryStore.write(self, *changes)
    return True


async def _forgets_changes(self: Any, *changes: Change) -> bool:
    return await MemoryStore.write(self, *(change for change in changes if isinstance(change, Add)))


async def _page_from_the_start(self: Any, *, after: str = "", **filters: Any) -> Any:
    return [*await MemoryStore.credentials(self, **filters)][::-1]


async def _any_case(self: Any, *, prefix: str = "", **filters: Any) -> Any:
    found = await MemoryStore.subjects(self, **filters)
    return [each for each in found if each.name.lower().startswith(prefix.lower())]


async def _not_used(self: Any, seen: Any) -> None:
    return None


@pytest.mark.parametrize(
    ("test", "broken"),
    [
        ("test_race_of_swaps_has_one_winner", {"write": _ignores_versions}),
        ("test_a_swap_wins_over_the_version_before_alone", {"write": _ignores_versions}),
        ("test_a_write_is_all_or_nothing", {"write": _writes_one_by_one}),
        ("test_an_add_loses_to_the_same_id_or_lookup", {"write": _never_loses}),
        ("test_race_of_adds_has_one_winner", {"write": _never_loses}),
        ("test_race_of_crossing_writes_never_deadlocks", {"write": _never_loses}),
        ("test_a_swap_loses_to_another_credentials_lookup", {"write": _never_loses}),
        ("test_a_swap_wins_over_the_version_before_alone", {"write": _forgets_changes}),
        ("test_pages_go_by_code_point", {"credentials": _page_from_the_start}),
        ("test_subjects_keep_to_the_prefix_as_it_is_spelt", {"subjects": _any_case}),
        ("test_used_moves_forward_without_a_version", {"used": _not_used}),
    ],
)
def test_it_notices(test: str, broken: dict[str, Any]) -> None:
    assert notices(RecordsSuite, test, **broken)
