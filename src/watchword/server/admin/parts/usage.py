"""Counts under ``/admin/v1/usage``: how often, by what and from where, for everybody, a credential or a subject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.responses import Response

from watchword.app import Watchword
from watchword.lifecycle.clients.fields import FieldError
from watchword.lifecycle.operations.rights import to_read
from watchword.lifecycle.operations.usage import KEPT, Picture, grain_of
from watchword.lifecycle.values import duration_of, subject_of
from watchword.model.usage import Grain, Share
from watchword.server.admin.desk import AdminDesk
from watchword.server.admin.fields import read
from watchword.server.admin.operation import Asked, Operation, Schema, one_of, reference, several, under

__all__ = ["AdminUsage", "pictured"]

READ: Final = to_read("usage")

_PLACE: Final = "/admin/v1/usage"
_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer", "minimum": 0}
_SPAN: Final = {"type": "string", "examples": ["24h", "7d"], "description": "How far back"}
_GRAINS: Final = [each.name.lower() for each in Grain]
_MOST: Final = 1_000
_SHARES: Final = ("route", "network", "reason", "credential")


class AdminUsage:
    """Hold the operations. ``Usage`` answers them from counts that are added up: no log is read."""

    tag = "Usage"

    def __init__(self, watchword: Watchword, desk: AdminDesk) -> None:
        self._desk = desk
        self._watchword = watchword
        self._usage = watchword.operations.usage

    def operations(self) -> list[Operation]:
        """Return what can be asked."""
        whose: dict[str, Schema] = {"credential": _TEXT, "subject": _TEXT, "since": _SPAN, "by": one_of(_GRAINS)}
        rows: dict[str, Schema] = {**whose, "limit": {"type": "integer", "minimum": 1, "maximum": _MOST}}
        origins: dict[str, Schema] = {"credential": {"type": "string", "minLength": 1}}
        return [
            Operation("GET", _PLACE, READ, "What went on", self.picture, ("200", "Usage"), query=whose),
            Operation("GET", under(_PLACE, "rows"), READ, "Count by count", self.rows, ("200", "Tallies"), query=rows),
            Operation(
                *("GET", under(_PLACE, "origins"), READ, "Where it was used from", self.origins, ("200", "Origins")),
                query=origins,
                needs=("credential",),
            ),
        ]

    def schemas(self) -> dict[str, Schema]:
        """Return what they answer."""
        point = {"start": _COUNT, "scheme": _TEXT, "verdict": _TEXT, "decisions": _COUNT}
        tally = {
            **dict.fromkeys(("credential", "subject", "scheme", "route", "network", "verdict", "reason"), _TEXT),
            "start": _COUNT,
            "decisions": _COUNT,
        }
        origin = {"credential": _TEXT, "network": _TEXT, "first_at": _COUNT, "last_at": _COUNT}
        shares = {
            f"{name}s": several(_object({name: _TEXT, "verdict": _TEXT, "decisions": _COUNT})) for name in _SHARES
        }
        totals = dict.fromkeys(("since", "until", "decisions", "accepted", "refused", "broken"), _COUNT)
        usage = {
            **totals,
            "by": one_of(_GRAINS),
            "points": several(_object(point)),
            **shares,
            "origins": several(reference("Origin")),
        }
        return {
            "Origin": _object(origin),
            "Origins": _object({"origins": several(reference("Origin"))}),
            "Usage": _object(usage),
            "Tallies": _object({"rows": several(_object(tally)), "whole": {"type": "boolean"}}),
        }

    async def picture(self, asked: Asked) -> Response:
        """Return counts by time, and to what most of them fell."""
        seconds, grain = _stretch(asked)
        return self._desk.answer(pictured(await self._usage.picture(seconds, grain=grain, **_whose(asked))))

    async def rows(self, asked: Asked) -> Response:
        """Return the counts one by one, by time; ``whole`` says whether these are all, each in full."""
        limit = asked.query("limit") or str(_MOST)
        if not (limit.isascii() and limit.isdigit() and len(limit) <= 4 and 0 < int(limit) <= _MOST):
            raise FieldError("limit", f"limit: 1 to {_MOST}")
        seconds, grain = _stretch(asked)
        until = int(self._watchword.clock()) + 1
        stretch: Any = {"grain": grain, "since": until - seconds, "until": until, "limit": int(limit)}
        found = await self._usage.tallies(**stretch, **_whose(asked))
        return self._desk.answer({"rows": [each._asdict() for each in found], "whole": found.whole})

    async def origins(self, asked: Asked) -> Response:
        """Return from which networks a credential was used, since when and until when."""
        credential = asked.query("credential")
        if not credential:
            raise FieldError("credential", "credential: say which")
        found = await self._usage.origins(credential[:512])
        return self._desk.answer({"origins": [each._asdict() for each in found]})


def _object(properties: Mapping[str, Any]) -> Schema:
    return {"type": "object", "required": list(properties), "properties": dict(properties)}


def _stretch(asked: Asked) -> tuple[int, Grain]:
    seconds = read("since", asked.query("since") or "24h", duration_of)
    if seconds > KEPT:
        raise FieldError("since", "since: counts are kept for 90 days", "such as 90d")
    least, word = grain_of(seconds), asked.query("by")
    if not word:
        return seconds, least
    if word not in _GRAINS:
        raise FieldError("by", f"by: one of {', '.join(_GRAINS)}")
    grain = Grain[word.upper()]
    if grain < least:
        raise FieldError("by", f"by: {word}s are not kept for so long", f"such as {least.name.lower()}")
    return seconds, grain


def _whose(asked: Asked) -> dict[str, Any]:
    subject = asked.query("subject")
    name = read("subject", subject, subject_of) if subject else ""
    return {"credential": asked.query("credential")[:512], "subject": name}


def _shares(found: Sequence[Share], name: str) -> list[dict[str, Any]]:
    return [{name: each.name, "verdict": each.verdict, "decisions": each.decisions} for each in found]


def pictured(picture: Picture) -> dict[str, Any]:
    """Return what went on as JSON values."""
    return {
        "since": picture.since,
        "until": picture.until,
        "by": picture.grain.name.lower(),
        "decisions": picture.decisions(),
        **{verdict: picture.decisions(verdict) for verdict in ("accepted", "refused", "broken")},
        "points": [each._asdict() for each in picture.points],
        "routes": _shares(picture.routes, "route"),
        "networks": _shares(picture.networks, "network"),
        "reasons": _shares(picture.reasons, "reason"),
        "credentials": _shares(picture.credentials, "credential"),
        "origins": [each._asdict() for each in picture.origins],
    }
