"""``serve`` and ``migrate``: run the server, bring its database up to date."""

from __future__ import annotations

import errno
from typing import Annotated, Final

import typer

from watchword.cli.plumbing.house import refusing, settings_of
from watchword.cli.plumbing.output import print_record
from watchword.cli.plumbing.shell import BROKEN, Stop, VerbCommand, asked
from watchword.cli.plumbing.typed import at

__all__ = ["register"]

_TAKEN: Final = (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES)


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command("serve", cls=VerbCommand, epilog="""
    $ watchword serve
    $ watchword serve --config /etc/watchword.toml --workers 2
    """)(serve)  # fmt: skip
    app.command("migrate", cls=VerbCommand, epilog="$ watchword migrate")(migrate)


def serve(
    ctx: typer.Context,
    listen: Annotated[
        str | None, typer.Option("--listen", metavar="HOST:PORT", help="Where; otherwise what server.listen says.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", min=1, max=256, help="Processes; otherwise server.workers.")
    ] = None,
) -> None:
    """Run the server until it is told to stop."""
    settings = settings_of(asked(ctx))
    from watchword.server.config.load import address_of
    from watchword.server.serve import serve as run_server

    if listen is not None:
        at("--listen", address_of, listen)
    try:
        with refusing():
            run_server(settings, listen, workers)
    except OSError as error:
        if error.errno not in _TAKEN:
            raise
        hint = "choose another place with --listen; port 0 picks a free one"
        raise Stop(f"{listen or settings.server.listen}: {error.strerror}", hint, BROKEN) from None


def migrate(ctx: typer.Context) -> None:
    """Bring the database to what this version needs."""
    settings = settings_of(asked(ctx))
    from watchword.stores.migrations import upgrade
    from watchword.stores.schema import REVISION

    upgrade(settings.store_url)
    print_record(asked(ctx), {"revision": REVISION}, (), f"the database has schema revision {REVISION}")
