"""Verify the audit, sign it, and write it down elsewhere."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from watchword.cli.plumbing.house import run
from watchword.cli.plumbing.output import moment, note, print_record
from watchword.cli.plumbing.shell import REFUSED, Asked, Stop

if TYPE_CHECKING:
    from watchword.app import Watchword
    from watchword.lifecycle.operations.checkpoints import Proof
    from watchword.model.evidence import Checkpoint

__all__ = ["export", "sign", "verify"]

_PAGE: Final = 1000
_SHOWN: Final = 20
_TOLD: Final = 1.0  # seconds between two words about how long it takes
_BEGINS: Final = b'{"position"'
_LONGEST: Final = 65_536  # bytes of a line: an event's fields are bounded far below


def verify(asked: Asked, against: str | None) -> int:
    """Say whether the log is whole and how far signed statements reach; return the exit code."""
    kept = None if against is None else _kept(against)

    async def work(house: Watchword) -> Proof:
        return await house.operations.checkpoints.prove(kept)

    with _taking_time("reading the log"):
        proof = run(asked, work)
    flaws = list(proof.flaws)
    rows = [("" if number else "found", _told(flaw)) for number, flaw in enumerate(flaws[:_SHOWN])]
    if len(flaws) > _SHOWN:
        rows.append(("", f"and {len(flaws) - _SHOWN} more: --json has them all"))
    rows += _reach(proof)
    value = {
        "intact": not flaws,
        "flaws": [asdict(flaw) for flaw in flaws],
        "checkpoints": {"count": proof.checkpoints, "hold": proof.held},
        "signed_up_to": {"position": proof.covered, "at": proof.covered_at},
        "unsigned": proof.unsigned,
        "begins_after": proof.begins,
    }
    title = (
        "the audit log was altered" if flaws else "the audit log is whole: every event is there, in order, unchanged"
    )
    print_record(asked, value, rows, title)
    if flaws and not asked.json:
        note(f"{len(flaws)} found: compare with a backup, and ask who can write to the database")
    return REFUSED if flaws else 0


def _told(flaw: Any) -> str:
    return f"{flaw}, {moment(flaw.at)}" if flaw.at else str(flaw)


def _reach(proof: Proof) -> Iterator[tuple[str, str]]:
    if proof.checkpoints:
        reach = f"up to batch {proof.covered}, {moment(proof.covered_at)}" if proof.covered_at else "nothing"
        yield "signed", f"{reach}; {proof.held} of {proof.checkpoints} checkpoints hold"
    if proof.unsigned:
        yield "not yet signed", f"{proof.unsigned} batches after that: they have the chain alone"
    if proof.begins:
        yield "begins", f"after batch {proof.begins}: what was older was removed, as was signed"


def _kept(path: str) -> Checkpoint:
    """Return the newest checkpoint in a file that ``--checkpoint --json`` or an export wrote."""
    from watchword.model.evidence import Checkpoint

    found: Checkpoint | None = None
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Stop(f"--against: {path} cannot be read", getattr(error, "strerror", None) or "it is not text") from None
    for line in lines:
        try:
            value = json.loads(line)
            if "statement" in value:
                found = Checkpoint(int(value["number"]), int(value["at"]), str(value["statement"]))
        except (ValueError, TypeError, KeyError):
            continue
    if found is None:
        raise Stop(f"--against: there is no checkpoint in {path}", "keep what `audit --checkpoint --json` prints")
    return found


def sign(asked: Asked) -> None:
    """Sign what is not signed yet, and print the newest statement: to be kept where nobody writes to the database."""

    async def work(house: Watchword) -> tuple[Checkpoint | None, int, dict[str, Any]]:
        made = await house.operations.checkpoints.sign()
        last = await house.operations.checkpoints.last()
        return last, len(made), await house.operations.checkpoints.public_key(last) if last else {}

    last, made, key = run(asked, work)
    if last is None:
        raise Stop("nothing is in the log yet", "there is nothing to sign", REFUSED)
    value = {"number": last.number, "at": last.at, "statement": last.statement, "key": key}
    rows = [("at", moment(last.at)), ("key", json.dumps(key)), ("statement", last.statement)]
    print_record(asked, value, rows, f"checkpoint {last.number}" + ("" if made else ": nothing new was to be signed"))


def export(asked: Asked, target: str) -> None:
    """Write the log as JSON lines to "-" (all of it), or to a file: what is not in it yet."""
    if target == "-":
        run(asked, lambda house: _write(house, 0, sys.stdout))
        return
    path = Path(target)
    try:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b")
    except OSError as error:
        raise Stop(f"--export: {path}: {error.strerror}", "name a file, or - for standard output") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Stop(f"--export: somebody is writing {path}", "one export at a time", REFUSED) from None
        after = _left_off(file, path)
        with open(file.fileno(), "a", encoding="utf-8", closefd=False) as text:
            with _taking_time("writing"):
                count = run(asked, lambda house: _go_on(house, after, text, path))
            text.flush()
            os.fsync(file.fileno())
    print_record(asked, {"file": str(path), "exported": count}, [], f"{count} events more in {path}")


@contextmanager
def _taking_time(said: str) -> Iterator[None]:
    """Tell on a terminal for how long something goes on: millions of events take seconds."""
    if not sys.stderr.isatty():
        yield
        return
    over, begun = threading.Event(), time.monotonic()

    def tell() -> None:
        while not over.wait(_TOLD):
            print(f"\r\x1b[K{said}: {time.monotonic() - begun:.0f} s", end="", file=sys.stderr, flush=True)

    thread = threading.Thread(target=tell, name="watchword-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _left_off(file: Any, path: Path) -> int:
    """Return the position of the last whole line, and cut off what a crash left of another."""
    end = file.seek(0, os.SEEK_END)
    if end == 0:
        return 0
    begin = max(0, end - 2 * _LONGEST)
    file.seek(begin)
    whole, newline, rest = file.read().rpartition(b"\n")
    try:
        position = int(json.loads(whole.rpartition(b"\n")[2])["position"]) if newline else 0
        if not newline and not rest.startswith(_BEGINS):
            raise ValueError("no export")
    except (ValueError, TypeError, KeyError):
        raise Stop(f"--export: {path} holds something else than an export", "name another file") from None
    if rest:
        file.truncate(end - len(rest))
        file.seek(0, os.SEEK_END)
    return position


async def _go_on(house: Watchword, after: int, text: Any, path: Path) -> int:
    """Write what comes after a position that the log knows: of another log, or of one that was put back, it is none."""
    from watchword.stores.chain import POSITIONS

    if after and not await house.store.checkpoints.links(after // POSITIONS - 1, 1):
        raise Stop(
            f"--export: {path} ends behind the end of the log: it is of another one, or the database was put back",
            "name another file: it gets all there is",
            REFUSED,
        )
    return await _write(house, after, text)


async def _write(house: Watchword, after: int, text: Any) -> int:
    from watchword.lifecycle.operations.handing_on import value_of

    count = 0
    while page := await house.store.events(after=after, limit=_PAGE):
        for each in page:
            text.write(json.dumps(value_of(*each), ensure_ascii=False, separators=(", ", ": ")) + "\n")
        after, count = page[-1][0], count + len(page)
    return count
