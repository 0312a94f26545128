"""Run the scripts against the server, and join each refusal with what the audit says of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from watchword.app import Watchword
from watchword.demo.courier import Answer, Courier
from watchword.demo.script import HANDSHAKE, Case, Cast, Script
from watchword.demo.stage import Stage
from watchword.demo.twins import SCRIPTS
from watchword.model.records import Event

__all__ = ["Verdict", "examples", "judged", "trials"]

_PATIENCE: Final = 5.0  # seconds that the audit may take to be written; it is written every 0.2
_LOOK_EVERY: Final = 0.05
_TRIED: Final = 400


@dataclass(frozen=True, slots=True)
class Verdict:
    """Hold what was expected and what happened. ``status`` 0: TLS ended the connection."""

    scheme: str
    case: Case
    answer: Answer
    reason: str

    @property
    def outcome(self) -> str:
        """Return "accepted" or "refused"."""
        return "accepted" if 0 < self.answer.status < _TRIED else "refused"

    @property
    def right(self) -> bool:
        """Return whether status, reason and everything else that was asked are as they must be."""
        case, answer = self.case, self.answer
        proved = not case.by or answer.json().get("by") == case.by
        carried = not case.field or case.field in answer.headers
        return answer.status == case.status and self.reason == case.reason and proved and carried

    @property
    def expected(self) -> str:
        """Return what should have happened, in words."""
        case = self.case
        words = ["accepted" if not case.reason else "refused", str(case.status or "tls"), case.reason]
        return " ".join(
            filter(None, [*words, f"by {case.by}" * bool(case.by), f"with {case.field}" * bool(case.field)])
        )

    def value(self) -> dict[str, Any]:
        """Return the verdict as JSON."""
        told = {"verdict": self.outcome, "scheme": self.scheme, "status": self.answer.status or None}
        return {**told, "reason": self.reason, "what": self.case.what, "right": self.right, "expected": self.expected}


def trials(stage: Stage, courier: Courier) -> Iterator[list[Verdict]]:
    """Run every script; yield the verdicts of each scheme together."""
    return judged(stage, courier, SCRIPTS)


def examples(stage: Stage, courier: Courier) -> Iterator[list[Verdict]]:
    """Run of every script the honest request and the first of its twins."""
    return judged(stage, courier, SCRIPTS, 2)


def judged(
    stage: Stage, courier: Courier, scripts: Mapping[str, Callable[[Cast], Script]], cases: int | None = None
) -> Iterator[list[Verdict]]:
    """Run scripts, or the first so many cases of each; yield the verdicts of each script together."""
    cast, reasons = Cast(stage, courier), _Reasons(stage)
    for scheme, script in scripts.items():
        yield reasons.verdicts(scheme, list(islice(_played(script(cast), courier), cases)))


def _played(script: Script, courier: Courier) -> Generator[tuple[Case, Answer], None, None]:
    try:
        case = next(script)
        while True:
            answer = courier.send(case.sent, case.auth)
            yield case, answer
            case = script.send(answer)
    except StopIteration:
        return
    finally:
        script.close()


class _Reasons:
    """Read the audit as it grows, from another connection, as ``watchword audit`` does."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._after = 0
        self._refusals: list[Event] = []

    def verdicts(self, scheme: str, played: list[tuple[Case, Answer]]) -> list[Verdict]:
        """Return the verdicts, once the audit has them all, or has had its time."""
        give_up = time.monotonic() + _PATIENCE
        wanted = {answer.reference for _, answer in played if answer.reference}
        while not wanted <= self._read() and time.monotonic() < give_up:
            time.sleep(_LOOK_EVERY)
        return [Verdict(scheme, case, answer, self._reason(answer)) for case, answer in played]

    def _read(self) -> set[str]:
        async def page(office: Watchword) -> list[tuple[int, Event]]:
            return await office.store.events(after=self._after)

        while events := self._stage.office(page):
            self._after = events[-1][0]
            self._refusals += [event for _, event in events if event.outcome in ("refused", "broken")]
        return {event.reference for event in self._refusals}

    def _reason(self, answer: Answer) -> str:
        """Return the audit's reason code. Pages and OAuth errors show no reference: there, the order tells."""
        if answer.status == 0:
            return HANDSHAKE
        if answer.status < _TRIED:
            return ""
        path = answer.sent.target.partition("?")[0]
        for place, event in enumerate(self._refusals):
            if event.reference == answer.reference or (not answer.reference and event.path == path):
                return self._refusals.pop(place).reason
        return "not in the audit"
