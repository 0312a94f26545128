"""Show figures: a table on the terminal, docs/benchmarks.md, and the picture beside it."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.decisions import ROOT
from benchmarks.figures import DECISIONS, YARDSTICK, Figure, added
from benchmarks.loop import Measure

__all__ = ["draw", "page", "table"]

DOCS = ROOT / "docs"
LABELS = {
    "joserfc": "Starlette + joserfc, HS256",
    "pyjwt": "AuthenticationMiddleware + PyJWT, HS256",
    **{name: label for name, label, _ in DECISIONS},
    "jwt-first": "JWT seen for the first time",
    "verify": "bare Ed25519 verify, OpenSSL",
    "verify-libsodium": "bare Ed25519 verify, libsodium",
}

METHOD = """\
## How it is measured

- A decision's cost is what is added to the same Starlette application without protection, called in the process, on one
  event loop, with the scope that uvicorn makes: eight header fields, among them the credential; header names are new
  objects in every call, as a parser makes them.
- Ours runs with a SQLite file, scopes and a limit on the route, failures of addresses limited, and every decision
  audited. The clock starts just after a batch of the audit was written and stops just after another was, so the
  thread that writes it, its transactions and its syncs are in the time. All threads of a process share one core.
- "Usage and audit": the same API key in a house that notes nothing. What is written of a decision is its event in the
  chained log and its counts, in one transaction a batch.
- The peers run in an environment of their own, one process beside ours, one contestant at a time. They verify a
  signature and an expiry: no scopes, no limits, no audit, no revocation.
- "JWT seen for the first time" is held against the bare verification by OpenSSL (`cryptography`), which is what joserfc
  and PyJWT call. Ours is verified by libsodium (the extra `sodium`, which `server` brings), whose bare cost stands
  beside it: what a first token costs over its own verification is the difference of those two lines.
- Seven rounds, each in two new processes: what memory and hashes look like in one makes a tenth of a decision. In each
  every contestant takes six turns of some 8,000 to 16,000 calls, its bare application six between them; a round is the
  difference of the best turns of both, since whatever else the machine does only adds. A figure is the median of the
  rounds; a bound is a ratio within the run, never an absolute time. The garbage collector is off while the clock runs.
- Signed requests are signed before the clock starts, each with a nonce of its own. In "shared single use", two houses
  over one store take every other request, so that each claim reads what the other process would have written.
- `/check`: one uvicorn worker (uvloop, httptools) on one core, 32 keep-alive connections without pipelining from a
  client on the other core; the empty application answers the same requests with 200 and nothing else, as
  uvicorn lets applications answer. `watchword serve` answers in the parser's own turn, before a scope and a task are
  made, which is where it saves what the decision costs. On a busy machine the share scatters: 0.83 to 1.09 were seen.
- Tokens and introspection: `watchword serve` with one worker on a SQLite file beside npm's oidc-provider 9.13 in Node
  with its store in memory, each alone on one core, 32 keep-alive connections, the same client over the other core.
  Both sign `at+jwt` with Ed25519 for the same resource and scope, the client proves itself by Basic; ours has every
  answer in the audit. oidc-provider tells of opaque tokens only, which it looks up; ours of signed ones, seen lately.

## What it does not say

- An application's own work is not in it: a handler that asks a database takes hundreds of microseconds.
- It is the cost for a caller seen within the last minute. The first request of a credential reads the store (some tens
  of microseconds with SQLite) or hashes a password (about 20 milliseconds of Argon2id, on purpose).
- One machine, one interpreter. Where other programs run beside it (the line under Where tells), the microseconds can
  double; the ratios move less, and those of CPU time least.
- The two houses of "shared single use" take turns in one process: they pay for each other's records, not for
  waiting on each other's lock.
"""


def table(figures: Sequence[Figure]) -> str:
    """Return the table for the terminal."""
    width = max(len(figure.name) for figure in figures)
    lines = []
    for figure in figures:
        sign, verdict = (">=" if figure.at_least else "<="), ("ok" if figure.met else "MISSED")
        lines.append(
            f"{figure.name:<{width}}  {figure.measured:7.3f} {sign} {figure.bound:<5.2f} {verdict:<6}  "
            f"{figure.unit}; {figure.detail}"
        )
    return "\n".join(lines)


def page(figures: Sequence[Figure], rounds: dict[str, list[Measure]], versions: dict[str, dict[str, str]]) -> None:
    """Write docs/benchmarks.md."""
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`; do not edit. Each figure is a ratio within one run, or seconds from start to answer.",
        "",
        "![What a decision adds, in microseconds](benchmarks.svg)",
        "",
        "| figure | measured | bound | | |",
        "|---|---|---|---|---|",
    ]
    for figure in figures:
        sign, verdict = ("≥" if figure.at_least else "≤"), ("ok" if figure.met else "**missed**")
        measured = f"{figure.measured:.3f} {figure.unit}"
        lines.append(f"| {figure.name} | {measured} | {sign} {figure.bound} | {verdict} | {figure.detail} |")
    lines += ["", "## What a decision adds", "", "| contestant | µs on the wall | µs of CPU |", "|---|---|---|"]
    for name, label in LABELS.items():
        lines.append(f"| {label} | {added(rounds, name):.1f} | {added(rounds, name, cpu=True):.1f} |")
    lines += ["", METHOD, "## Where", "", *_machine(), *(f"- {side}: {_listed(of)}" for side, of in versions.items())]
    (DOCS / "benchmarks.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def draw(rounds: dict[str, list[Measure]]) -> None:
    """Draw docs/benchmarks.svg."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "watchword"
    from matplotlib import pyplot

    names = [name for name in LABELS if name != "jwt-first" and not name.startswith("verify")]
    costs = [added(rounds, name) for name in names]
    figure, axes = pyplot.subplots(figsize=(8, 3.6))
    bars = axes.barh(
        [LABELS[name] for name in names],
        costs,
        color=["#9aa5b1" if name in ("joserfc", "pyjwt") else "#2f6f5e" for name in names],
    )
    axes.bar_label(bars, [f"{cost:.1f}" for cost in costs], padding=3)
    axes.invert_yaxis()
    axes.axvline(costs[names.index(YARDSTICK)] * 0.2, color="#c0392b", linewidth=1, linestyle=":")
    axes.set_xlabel("µs that a decision adds to the application (dotted: a fifth of the leanest check)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlim(0, max(costs) * 1.12)
    figure.tight_layout()
    metadata: dict[str, Any] = {"Date": None, "Creator": None}
    figure.savefig(DOCS / "benchmarks.svg", metadata=metadata)
    pyplot.close(figure)


def _machine() -> list[str]:
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor() or "unknown",
    )
    load = f"; {os.getloadavg()[1]:.1f} processes ran or waited on average (the run itself is 1)"
    return [f"- {model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}{load}"]


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text().splitlines() if file.exists() else []


def _listed(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())
