"""Rank the seven schemes for one set of answers, with reasons, both sides, what to put on top, and how to begin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from watchword.advise.answers import Answers, Place
from watchword.advise.blocks import route_block, steps_of
from watchword.advise.layers import Layer, layers_of
from watchword.advise.rules import RULED_OUT, SCHEMES, weigh
from watchword.advise.snippets import curl, javascript, kind_of, python
from watchword.advise.tradeoffs import TRADE_OFFS, TradeOffs

__all__ = ["Advice", "Reason", "advise", "ranking"]

_NEAR: Final = 3  # points behind the first with which a scheme fits, too
_ANYWHERE: Final = Place()


@dataclass(frozen=True, slots=True)
class Reason:
    """Say one thing that speaks for a scheme here (points above 0) or against it."""

    points: int
    why: str


@dataclass(frozen=True, slots=True)
class Advice:
    """Advise one scheme: ``verdict`` is "advised", "fits, too", "possible", "rather not" or "ruled out". Where
    nothing fits, none is advised.

    ``route_block`` goes into ``watchword.toml``, ``steps`` are the commands that give one caller what it needs, and
    ``snippet`` is how that one calls, by language.
    """

    scheme: str
    score: int
    verdict: str
    reasons: tuple[Reason, ...]
    trade_offs: TradeOffs
    layers: tuple[Layer, ...] = ()
    route_block: str = ""
    steps: tuple[str, ...] = ()
    snippet: Mapping[str, str] = field(default_factory=dict)

    def value(self) -> dict[str, Any]:
        """Return the advice as JSON."""
        return {
            "scheme": self.scheme,
            "title": self.trade_offs.title,
            "score": self.score,
            "verdict": self.verdict,
            "reasons": [{"points": reason.points, "why": reason.why} for reason in self.reasons],
            "trade_offs": self.trade_offs.value(),
            "layers": [layer.value() for layer in self.layers],
            "route_block": self.route_block,
            "steps": list(self.steps),
            "snippet": dict(self.snippet),
        }


def ranking(answers: Answers) -> list[tuple[str, int]]:
    """Return every scheme with its points, the best first; of two with the same points the simpler one."""
    points = {scheme: sum(row.points for row in rows) for scheme, rows in weigh(answers).items()}
    return sorted(points.items(), key=lambda pair: (-pair[1], SCHEMES.index(pair[0])))


def advise(answers: Answers, place: Place = _ANYWHERE) -> list[Advice]:
    """Return an advice for each of the seven schemes, the best first."""
    ranked, held = ranking(answers), weigh(answers)
    best = ranked[0][1]
    return [
        _advice(
            scheme, score, _verdict(score, best, first=scheme == ranked[0][0]), answers, place, _reasons(held[scheme])
        )
        for scheme, score in ranked
    ]


def _reasons(rows: list[Any]) -> tuple[Reason, ...]:
    """Return the reasons, what weighs most first."""
    return tuple(sorted((Reason(row.points, row.why) for row in rows), key=lambda reason: -abs(reason.points)))


def _verdict(score: int, best: int, *, first: bool) -> str:
    if score <= RULED_OUT // 2:
        return "ruled out"
    if first and score > 0:
        return "advised"
    if score > 0 and score >= best - _NEAR:
        return "fits, too"
    return "possible" if score > 0 else "rather not"


def _advice(
    scheme: str, score: int, verdict: str, answers: Answers, place: Place, reasons: tuple[Reason, ...]
) -> Advice:
    if verdict == "ruled out":  # no block and no line tempts anybody
        return Advice(scheme, score, verdict, reasons, TRADE_OFFS[scheme])
    layers, kind = layers_of(scheme, answers), kind_of(scheme, answers)
    return Advice(
        scheme,
        score,
        verdict,
        reasons,
        TRADE_OFFS[scheme],
        layers,
        route_block(scheme, answers, place, layers),
        steps_of(scheme, answers, place),
        {"python": python(kind, place), "curl": curl(kind, place), "javascript": javascript(kind, place)},
    )
