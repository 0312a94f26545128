"""``demo``: a throw-away server, seven callers, and the forged twins of each."""

from __future__ import annotations

from typing import Annotated

import typer

from watchword.cli.plumbing.output import note
from watchword.cli.plumbing.shell import BROKEN, REFUSED, Stop, VerbCommand, asked
from watchword.cli.plumbing.typed import at

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("demo", cls=VerbCommand, epilog="""
    $ watchword demo
    $ watchword demo --check
    $ watchword demo --listen 127.0.0.1:0
    """)(demo)  # fmt: skip


def demo(
    ctx: typer.Context,
    listen: Annotated[
        str | None,
        typer.Option("--listen", metavar="HOST:PORT", help="Where; port 0: a free one. Default 127.0.0.1:8443."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Send every request and all its forged twins; exit 1 if one is misjudged.")
    ] = False,
) -> None:
    """Show seven honest callers and their forged twins on a throw-away server.

    It needs no set-up and leaves nothing behind. Without --check it then serves, with a line to paste for each scheme.
    """
    from watchword.demo import show
    from watchword.demo.stage import LISTEN, free
    from watchword.server.config.values import address_of

    if listen is not None:
        at("--listen", address_of, listen)
    place = listen or LISTEN
    if listen is None and (check or not free(LISTEN)):
        place = "127.0.0.1:0"
        if not check:
            note(f"{LISTEN} is taken, so a free port is used")
    try:
        if not check:
            show.exhibit(place, asked(ctx).json)
        elif not show.check(place, asked(ctx).json):
            raise typer.Exit(REFUSED)
    except OSError as error:
        hint = "--listen 127.0.0.1:0 picks a free port"
        raise Stop(f"{place}: {error.strerror or error}", hint, BROKEN) from None
