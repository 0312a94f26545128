"""``python -m benchmarks [--quick] [--only NAME]``: print one table; exit 1 when a figure is missed."""

from __future__ import annotations

import argparse
import sys

from benchmarks.authorization import measure_authorization
from benchmarks.decisions import measure_decisions
from benchmarks.figures import Figure, decision_figures
from benchmarks.forward_auth import measure_check
from benchmarks.loop import Measure
from benchmarks.report import draw, page, table
from benchmarks.scanning import measure_scan
from benchmarks.starting import measure_starts

ROUNDS, QUICK = 7, 2
CALLS = 30_000
SECONDS = 1.5


def main() -> int:
    """Measure, show, and return the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks", description="Measure Watchword beside its peers.")
    parser.add_argument("--quick", action="store_true", help="two rounds, for development; docs/ is left alone")
    parser.add_argument(
        "--only", choices=("decisions", "check", "oauth", "scan", "start"), help="measure these figures alone"
    )
    asked = parser.parse_args()
    rounds = QUICK if asked.quick else ROUNDS
    figures: list[Figure] = []
    measures: dict[str, list[Measure]] = {}
    versions: dict[str, dict[str, str]] = {}
    if asked.only in (None, "decisions"):
        say("decisions: rounds in two processes each")
        measures, versions = measure_decisions(rounds, CALLS)
        figures += decision_figures(measures)
    if asked.only in (None, "check"):
        say("/check over HTTP")
        figures += measure_check(rounds, SECONDS)
    if asked.only in (None, "oauth"):
        say("the token and introspection endpoints over HTTP")
        figures += measure_authorization(rounds, SECONDS)
    if asked.only in (None, "scan"):
        say("scan")
        figures += measure_scan(rounds)
    if asked.only in (None, "start"):
        say("starts")
        figures += measure_starts(rounds)
    print(table(figures))
    if asked.only is None and not asked.quick:
        page(figures, measures, versions)
        draw(measures)
    return 0 if all(figure.met for figure in figures) else 1


def say(what: str) -> None:
    """Tell on stderr what is going on."""
    print(f"== {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
