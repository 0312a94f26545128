"""``serve`` and ``migrate``: run the server, bring its database up to date."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from watchword.cli.plumbing.findings import allowed_rules, note_allowed, refuse_errors
from watchword.cli.plumbing.house import actor, config_of, refusing, settings_of, within
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
    $ watchword serve --allow WW201
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
    allow: Annotated[
        list[str] | None,
        typer.Option("--allow", metavar="RULE", help="Start although `lint` finds this error (repeat it)."),
    ] = None,
) -> None:
    """Run the server until it is told to stop.

    It does not start with a configuration in which `watchword lint` finds errors, unless each is allowed.
    """
    settings = settings_of(asked(ctx))
    from watchword.server.config.load import address_of
    from watchword.server.serve import serve as run_server

    if listen is not None:
        at("--listen", address_of, listen)
    _clear(config_of(asked(ctx)), settings, listen, allowed_rules(allow or ()))
    try:
        with refusing():
            run_server(settings, listen, workers)
    except OSError as error:
        if error.errno not in _TAKEN:
            raise
        hint = "choose another place with --listen; port 0 picks a free one"
        raise Stop(f"{listen or settings.server.listen}: {error.strerror}", hint, BROKEN) from None


def _clear(path: Path | None, settings: Any, listen: str | None, allow: tuple[str, ...]) -> None:
    """Stop where a rule finds an error; what is allowed is recorded before the server starts."""
    from watchword.lint import Severity, examine

    if listen is not None:
        settings = settings.model_copy(update={"server": settings.server.model_copy(update={"listen": listen})})
    text = "" if path is None else path.read_text("utf-8")
    report = examine(settings, text, file="" if path is None else str(path), allow=allow)
    refuse_errors(report)
    allowed = [each for each in report.allowed if each.finding.severity is Severity.ERROR]
    if not allowed:
        return
    import asyncio

    from watchword.server.config.load import watchword_of

    with refusing():
        house = watchword_of(settings, workers=1)
    asyncio.run(within(house, lambda opened: note_allowed(opened, allowed, actor())))


def migrate(ctx: typer.Context) -> None:
    """Bring the database to what this version needs."""
    settings = settings_of(asked(ctx))
    from watchword.stores.migrations import upgrade
    from watchword.stores.schema import REVISION

    upgrade(settings.store_url)
    print_record(asked(ctx), {"revision": REVISION}, (), f"the database has schema revision {REVISION}")
