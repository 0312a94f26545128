"""``lint``: what is wrong with the configuration, and with what is issued; and why, and what mends it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from watchword.cli.plumbing.findings import allowed_rules, print_findings, summary, write_sarif
from watchword.cli.plumbing.house import config_of
from watchword.cli.plumbing.output import note, print_rows
from watchword.cli.plumbing.shell import REFUSED, WRONG_USAGE, Asked, Stop, VerbCommand, asked

if TYPE_CHECKING:
    from watchword.lint import Report

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("lint", cls=VerbCommand, epilog="""
    $ watchword lint
    $ watchword lint --store
    $ watchword lint --sarif lint.sarif --allow WW101
    """)(lint)  # fmt: skip


def lint(
    ctx: typer.Context,
    store: Annotated[bool, typer.Option("--store", help="Look at what is issued, too.")] = False,
    sarif: Annotated[
        str | None, typer.Option("--sarif", metavar="FILE", help="Write the findings as SARIF 2.1.0; - for stdout.")
    ] = None,
    allow: Annotated[
        list[str] | None, typer.Option("--allow", metavar="RULE", help="Pass over a rule (repeat it).")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 for notes, too.")] = False,
    rules: Annotated[bool, typer.Option("--rules", help="Show all rules, and judge nothing.")] = False,
) -> None:
    """Judge the configuration by rules: exit 1 when an error or a warning is found.

    Each finding has a rule, a place, the reason and what mends it. Exit 2: the configuration cannot be used at all.
    """
    if rules:
        _print_rules(asked(ctx))
        return
    ids, path = allowed_rules(allow or ()), config_of(asked(ctx))
    import asyncio

    from watchword.lint import Severity, unusable
    from watchword.server.config.file import ConfigError

    code = 0
    try:
        report = asyncio.run(_examined(path, ids, with_store=store))
    except ConfigError as error:
        report, code = unusable(error), WRONG_USAGE
    except ValueError as error:
        raise Stop(str(error), getattr(error, "hint", "")) from None
    if sarif is not None:
        write_sarif(report, sarif, path)
    if sarif != "-":
        print_findings(asked(ctx), report.findings)
    note(summary(report))
    counting = tuple(Severity) if strict else (Severity.ERROR, Severity.WARNING)
    if report.of(*counting):
        raise typer.Exit(code or REFUSED)


async def _examined(path: Path | None, allow: tuple[str, ...], *, with_store: bool) -> Report:
    from watchword.lint import examine, examine_store
    from watchword.server.config.load import load
    from watchword.stores.opening import open_store

    settings = load(path)
    text = "" if path is None else path.read_text("utf-8")
    file = "" if path is None else str(path)
    if not with_store:
        return examine(settings, text, file=file, allow=allow)
    _refuse_absent(settings.store_url)
    async with open_store(settings.store_url) as store:  # no root key is needed to look
        return await examine_store(settings, text, store, file=file, allow=allow)


def _refuse_absent(url: str) -> None:
    """Stop where there is no database yet: who only looks makes none."""
    from watchword.stores.opening import sqlite_path

    path = sqlite_path(url) if url.startswith("sqlite:") else ""
    if path and not Path(path).exists():
        raise Stop(f"there is no database {path}", "make one with `watchword init`, or name another in store.url")


def _print_rules(asked: Asked) -> None:
    from watchword.lint import RULES

    values = [each.values() for each in RULES.values()]
    columns = {
        "RULE": [each.id for each in RULES.values()],
        "SEVERITY": [each.severity.value for each in RULES.values()],
        "SAYS": [each.title for each in RULES.values()],
    }
    print_rows(asked, values, columns)
