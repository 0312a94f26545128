"""Show the demo to people on a terminal, and to programs as JSON."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from watchword.app import Watchword
from watchword.cli.plumbing.output import clean, colour, note, print_json
from watchword.demo.courier import Courier
from watchword.demo.orders import PLACES
from watchword.demo.paste import Line, lines
from watchword.demo.stage import Stage, listening, staged
from watchword.demo.trial import Verdict, examples, trials
from watchword.model.records import Event

__all__ = ["check", "exhibit", "row"]

_SCHEMES: Final = 7
_EVERY: Final = 0.3  # seconds between looks into the audit
_SHADES: Final = {"accepted": "green", "refused": "red"}


def row(outcome: str, scheme: str, status: str, reason: str, what: str) -> str:
    """Return the columns of one verdict; at 80 columns ``what`` has 33 left."""
    shown = outcome.ljust(8)
    shown = colour(shown, _SHADES[outcome], sys.stdout) if outcome in _SHADES else shown
    return f"{shown}  {scheme:<7}  {status:>4}  {reason:<20}  {what}".rstrip()


def _print(verdict: Verdict, as_json: bool) -> None:
    if as_json:
        print_json(verdict.value())
        return
    status = str(verdict.answer.status or "tls")
    text = row(verdict.outcome, verdict.scheme, status, verdict.reason or "-", verdict.case.what)
    if not verdict.right:
        text += "  " + colour(f"WRONG: expected {verdict.expected}", "yellow", sys.stdout)
    print(text, flush=True)


def check(listen: str, as_json: bool) -> bool:
    """Send every scheme's honest request and all of its twins; return whether every verdict was right."""
    bound, url = listening(listen)
    note("setting up a server, callers and credentials …")
    seen: list[Verdict] = []
    with staged(bound, url) as stage, Courier(url, stage.folder) as courier:
        for verdicts in trials(stage, courier):
            for verdict in verdicts:
                _print(verdict, as_json)
            seen += verdicts
    return _close(seen, as_json)


def _close(seen: list[Verdict], as_json: bool) -> bool:
    right = sum(verdict.right for verdict in seen)
    let_in = sum(verdict.outcome == "accepted" for verdict in seen)
    schemes = len({verdict.scheme for verdict in seen})
    whole = right == len(seen) and schemes == _SCHEMES
    count = f"{len(seen)} verdicts over {schemes} schemes: {let_in} accepted, {len(seen) - let_in} refused"
    end = "every one is right" if whole else f"{len(seen) - right} wrong"
    if as_json:
        note(f"{count}; {end}")
    else:
        print(f"\n{count}; {colour(end, 'green' if whole else 'yellow', sys.stdout)}")
    return whole


def exhibit(listen: str, as_json: bool) -> None:
    """Show one honest request and one forged twin of each scheme, print lines to paste, serve until Ctrl-C."""
    bound, url = listening(listen)
    note("setting up a server, callers and credentials …")
    with _until_told(), staged(bound, url) as stage:
        seen: list[Verdict] = []
        if not as_json:
            print(f"\n{colour('A server with a sample API', 'bold', sys.stdout)}: {url}\n")
            print(colour(row("VERDICT", "SCHEME", "HTTP", "REASON (audit only)", "WHAT WAS SENT"), "dim", sys.stdout))
        with Courier(url, stage.folder) as courier:
            for verdicts in examples(stage, courier):
                for verdict in verdicts:
                    _print(verdict, as_json)
                seen += verdicts
        _print_lines(stage, lines(stage, (each for each in seen if each.outcome == "accepted")), as_json)
        _follow(stage, as_json)
    note("\nthe demo is over, and nothing of it is left")


def _print_lines(stage: Stage, found: Iterable[Line], as_json: bool) -> None:
    if as_json:
        for line in found:
            print_json({"scheme": line.scheme, "about": line.about, "line": line.text})
        return
    print(f"\n{colour('To paste into another terminal', 'bold', sys.stdout)}, as long as this one serves:")
    for line in found:
        label = f"{line.scheme}: {line.about}" if line.scheme else line.about
        print(f"\n{colour('# ' + label, 'dim', sys.stdout)}\n{line.text}")
    print(flush=True)


def _follow(stage: Stage, as_json: bool) -> None:
    """Tell of each request as it is decided, until interrupted."""
    note(f"serving {stage.url} until Ctrl-C; what comes in is shown here")
    after = 0

    async def page(office: Watchword) -> list[tuple[int, Event]]:
        return await office.store.events(after=after)

    while events := stage.office(page):
        after = events[-1][0]
    pause = threading.Event()
    while True:
        pause.wait(_EVERY)
        for after, event in stage.office(page):  # noqa: B007 - the position is where the next look begins
            if event.action == "decide" and not as_json:
                _tell(event)


def _tell(event: Event) -> None:
    public = event.reason == "public"
    if public and not event.path.startswith(PLACES):
        return  # the way to a login: its own verdict follows
    shown = event.outcome.ljust(8)
    shown = colour(shown, _SHADES[event.outcome], sys.stdout) if event.outcome in _SHADES else shown
    who = "anybody" if public else event.subject or event.reason
    print(f"{shown}  {event.scheme or '-':<12}  {who:<20}  {clean(event.method)} {clean(event.path[:80])}", flush=True)


@contextmanager
def _until_told() -> Iterator[None]:
    """End quietly at Ctrl-C, and as well when the process is told to stop or its terminal goes away."""

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    before: dict[int, Callable[..., Any] | int | None] = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
            before[number] = signal.signal(number, stop)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        for number, old in before.items():
            signal.signal(number, old)
