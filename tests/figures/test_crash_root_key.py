"""``kill -9`` while a new root key seals everything again: every secret opens, and who begins again ends it."""

from __future__ import annotations

import asyncio
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from watchword import Watchword
from watchword.cli import main
from watchword.codec.secrets import Sealer
from watchword.lifecycle.mint import context
from watchword.lifecycle.operations.root_key import SEALED
from watchword.model.credential import Kind
from watchword.stores.opening import open_store

HMACS = 40
STEPS = 22  # before and after: the file, the switch, eight batches of at most seven secrets, the end
PURPOSES = ("pairwise", "recovery-codes", "refresh", "csrf")


class Place:
    """A house's folder, and what its secrets were when it was made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"sqlite:///{folder / 'watchword.db'}"
        assert main(["init", str(folder)]) == 0
        self.kept: dict[str, bytes] = {}
        self.derived: list[bytes] = []
        asyncio.run(self._furnish())

    def __enter__(self) -> Place:
        command = [sys.executable, "-m", "tests.figures.rekeying", str(self.folder)]
        self._children = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._children.communicate()  # the end of its input is its end

    @property
    def keys(self) -> str:
        (value,) = re.findall(r"(?m)^WATCHWORD_ROOT_KEY=(\S+)$", (self.folder / ".env").read_text())
        return str(value)

    async def _furnish(self) -> None:
        house = Watchword(self.url, root_key=self.keys, workers=1)
        await house.start()
        await house.lifecycle.add_subject("service:billing", by="test")
        for _ in range(HMACS):
            issued = await house.lifecycle.issue(Kind.HMAC, "service:billing", by="test")
            self.kept[issued.credential.id] = issued.material["secret"].encode()
        self.derived = [house.sealer.derive(purpose) for purpose in PURPOSES]
        await house.stop()

    def run(self, step: int, *words: str, seconds: float = 0) -> int:
        """Rotate until the step, or until the time, at which it is killed; return the exit code."""
        assert self._children.stdin is not None
        assert self._children.stdout is not None
        print(step, seconds, *words, file=self._children.stdin, flush=True)
        return int(self._children.stdout.readline())

    async def check(self) -> set[str]:
        """Fail unless every secret opens, is what it was, and all else goes on; return which keys seal."""
        sealer, store, by = Sealer(self.keys), open_store(self.url), set[str]()
        await store.open()
        opened: dict[str, bytes] = {}
        for kind in SEALED:
            for record in await store.credentials(kind=kind, limit=1000):
                opened[record.id] = sealer.open(record.secret, context(record.id))
                by.add(sealer.sealed_by(record.secret))
        assert {id: opened[id] for id in self.kept} == self.kept
        assert len(opened) == HMACS + 2
        assert await store.verify_audit() == []
        await store.close()
        house = Watchword(self.url, root_key=self.keys, workers=1)
        await house.start()
        assert [house.sealer.derive(purpose) for purpose in PURPOSES] == self.derived
        house.keys.signing_key()
        await house.stop()
        return by


def test_killed_at_any_step_it_leaves_secrets_that_open(tmp_path: Path) -> None:
    """The short form: after the switch, and in the middle; then it goes on to the end."""
    with Place(tmp_path / "house") as place:
        (first,) = asyncio.run(place.check())
        for step in (3, 9):
            assert place.run(step) == -9
            asyncio.run(place.check())
        assert place.run(0) == 0
        (last,) = asyncio.run(place.check())
    assert last != first
    assert len(place.keys.split(",")) == 2  # of all these attempts there is one new key


@pytest.mark.soak
def test_fifty_kills_leave_secrets_that_open(tmp_path: Path) -> None:
    """Figure: 50 kills, at steps and at any time; after each every secret opens, after the last it comes to its end."""
    chance, kills, ended = random.Random(3), 0, 0
    with Place(tmp_path / "house") as place:
        while kills < 50:
            words = ["--again"] if ended and chance.random() < 0.5 else []
            by_time = chance.random() < 0.5
            code = place.run(
                0 if by_time else chance.randrange(1, STEPS + 1),
                *words,
                seconds=chance.uniform(0.02, 0.5) if by_time else 0,
            )
            assert code in (0, -9)
            kills += code == -9
            ended += code == 0
            asyncio.run(place.check())
        assert place.run(0) == 0
        assert len(asyncio.run(place.check())) == 1
        print(f"\n{kills} kills, {ended} rotations that came to their end: every secret opened after each")
