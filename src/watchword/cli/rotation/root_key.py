"""``rotate root-key``: make a new root key, have everybody seal by it, seal everything again, drop the old one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import typer

from watchword.cli.plumbing.house import actor, refusing, settings_of, within
from watchword.cli.plumbing.output import moment, note, print_record, warn
from watchword.cli.plumbing.shell import Stop, asked

if TYPE_CHECKING:
    from watchword.app import Watchword
    from watchword.lifecycle.operations.root_key import Progress, RootKeyState
    from watchword.server.config.settings import Settings

__all__ = ["Wish", "rotate_root_key"]

_SAY_EVERY: Final = 1.0  # seconds
_LOST_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Wish:
    """Say how far to go: only ``prepare``, or ``drop`` the old one; ``again``: though the last one is not dropped."""

    prepare: bool = False
    drop: bool = False
    again: bool = False


def rotate_root_key(ctx: typer.Context, wish: Wish) -> None:
    """Go as far as is wished. It may be interrupted at any time, and begun again: it goes on where it was."""
    settings = settings_of(asked(ctx))
    from watchword.server.config.load import watchword_of

    with refusing():
        house = watchword_of(settings, workers=1)

    async def work(house: Watchword) -> None:
        turn = _Turn(ctx, settings, house)
        await (turn.drop() if wish.drop else turn.rotate(wish))

    import asyncio

    from watchword.server.config.writing import alone_with

    with refusing(), alone_with(settings.root_key.source, settings.place("")):
        asyncio.run(within(house, work))


class _Turn:
    """Do one thing with the root key of a house."""

    def __init__(self, ctx: typer.Context, settings: Settings, house: Watchword) -> None:
        self._asked = asked(ctx)
        self._settings = settings
        self._source = settings.root_key.source
        self._folder = settings.place("")
        self._house = house
        self._root_key = house.operations.root_key

    async def rotate(self, wish: Wish) -> None:
        state = await self._root_key.state()
        if not state.finished:
            return await self._go_on(state)
        target = self._prepared(state)
        if target is None and not wish.again and self._lingering(state):
            await self._go_on(state)  # what another node sealed meanwhile
            note("No other key was made, as one from before is still given: --drop it first, or say --again.")
            return None
        if target is None:
            target = self._make(state)
            if target is None:
                return None
        if wish.prepare:
            self._print({"root_key": target, "state": "prepared"}, f"root key {target} is prepared")
            note(f"Give it to every node, beside the one of now; then `watchword rotate root-key` has all seal by it.\n"
                 f"{self._source} has both.")  # fmt: skip
            return None
        self._check_kept(target)
        with refusing():
            state = await self._root_key.begin(target, by=actor())
        return await self._go_on(state)

    def _check_kept(self, target: str) -> None:
        """Stop where the source does not have the new key: what is sealed by it could never be opened again."""
        from watchword.codec.secrets import Sealer

        if target not in Sealer(",".join(self._given())).key_ids:
            raise Stop(f"{self._source} has no root key {target} any more", "begin again: `watchword rotate root-key`")

    def _prepared(self, state: RootKeyState) -> str | None:
        """Return a key that is given already, but was never used."""
        known = {state.id, *(state.before or {})}
        return next((id for id in self._house.sealer.key_ids if id not in known), None)

    def _lingering(self, state: RootKeyState) -> list[str]:
        return [id for id in self._house.sealer.key_ids if id != state.id]

    def _make(self, state: RootKeyState) -> str | None:
        """Make a key and write it beside the one of now; where it cannot be written, print it."""
        from watchword.codec.secrets import Sealer, new_root_key
        from watchword.server.config.writing import writable, write_secret

        fresh = new_root_key()
        id = Sealer(fresh).key_id
        if not writable(self._source, self._folder):
            value = {"root_key": id, "state": "to be given", "secret": fresh}
            self._print(value, "a new root key", [("root key", id), ("secret", fresh)])
            note(f"It cannot be written to {self._source} from here. Put it there, a comma behind it, then the one\n"
                 "of now; give both to every node, and run this again.")  # fmt: skip
            warn("Keep the secret now: it is not shown again.")
            return None
        with refusing():
            both = f"{fresh},{','.join(self._given())}"
            write_secret(self._source, self._folder, both)
        self._house.sealer.take(both)
        return id

    def _given(self) -> list[str]:
        """Return the keys as they are written in the source."""
        from watchword.server.config.load import root_key_of

        return (root_key_of(self._settings) or "").replace(",", " ").split()

    async def _go_on(self, state: RootKeyState) -> None:
        """Seal again whatever is left, say so, and say what is left to do."""
        said = _Said()
        total = await self._root_key.reseal(said)
        with refusing():
            state = await self._root_key.finish(by=actor())
        given = {id: end for id, end in (state.before or {}).items() if id in self._house.sealer.key_ids}
        value = {
            "root_key": state.id,
            "state": "done",
            "since": state.since,
            "sealed_again": total.sealed,
            "secrets": total.seen,
            "lost": list(total.lost),
            "droppable_at": given,
        }
        rows: list[tuple[str, Any]] = [
            ("since", moment(state.since)),
            ("sealed again", f"{total.sealed} of {total.seen} secrets"),
            *[("drop after", f"{moment(end)}, {id}") for id, end in given.items()],
        ]
        self._print(value, f"everything is sealed by root key {state.id}", rows)
        if total.lost:
            warn(f"These open by no key that is given, as before: {', '.join(total.lost[:_LOST_SHOWN])}")
        if self._lingering(state) and not self._asked.json:
            note("Links in mails were sealed by the old one: `watchword rotate root-key --drop` takes it away then.")

    async def drop(self) -> None:
        """Write the source without the keys that nothing needs."""
        from watchword.codec.secrets import Sealer
        from watchword.server.config.writing import writable, write_secret

        state, now = await self._root_key.state(), time.time()
        old = self._lingering(state)
        if not old:
            raise Stop(f"{self._source} has one root key alone", "`watchword rotate root-key` makes another")
        before = state.before or {}
        unused = [id for id in old if id not in before]
        if unused or not state.finished:
            raise Stop(f"the rotation to {(unused or [state.id])[0]} is not finished", "`watchword rotate root-key`")
        left = await self._root_key.left()
        if left:
            text = f"{sum(left.values())} secrets are sealed by an old root key"
            raise Stop(text, "go on: `watchword rotate root-key`")
        waits = max(before[id] for id in old)
        if waits > now:
            raise Stop(f"links in mails need it until {moment(waits)}", "drop it then")
        if not writable(self._source, self._folder):
            raise Stop(f"{self._source} cannot be written from here", f"take all but {state.id} out of it")
        kept = [text for text in self._given() if Sealer(text).key_id == state.id]
        if len(kept) != 1:
            raise Stop(f"{self._source} does not have the root key {state.id}", "it is the one in use")
        await self._root_key.dropping(old, by=actor())
        with refusing():
            write_secret(self._source, self._folder, kept[0])
        self._print({"root_key": state.id, "dropped": old}, f"dropped: {', '.join(old)}", [("root key", state.id)])

    def _print(self, value: dict[str, Any], title: str, rows: list[tuple[str, Any]] | None = None) -> None:
        print_record(self._asked, value, rows or [], title)


class _Said:
    """Say on stderr how far things are, now and then."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _SAY_EVERY

    def __call__(self, progress: Progress) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _SAY_EVERY
            note(f"{progress.seen} secrets looked at, {progress.sealed} sealed again")
