"""``alerts list · show · acknowledge · rules · test``: what looks like a leak, until somebody has looked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from watchword.cli.plumbing.house import actor, run, settings_of
from watchword.cli.plumbing.output import moment, note, print_record, print_rows
from watchword.cli.plumbing.shell import REFUSED, Asked, Stop, VerbCommand, asked, group

if TYPE_CHECKING:
    from watchword.app import Watchword
    from watchword.model.alerts import Alert

__all__ = ["register"]

Id = Annotated[str, typer.Argument(metavar="ID", help="An alert: alr_…", show_default=False)]

alerts: typer.Typer = group(
    "Show what looks like a leak, say that it was looked at, try who is told.",
    "alerts list",
    "alerts acknowledge alr_5c5wfgcwmaRGXlkfc6nb",
    "alerts test",
)


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.add_typer(alerts, name="alerts")


@alerts.command("list", cls=VerbCommand, epilog="""
    $ watchword alerts list
    $ watchword alerts list --all --json
    """)  # fmt: skip
def list_(
    ctx: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Those that were acknowledged, too.")] = False,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=10000, help="The newest so many.")] = 100,
) -> None:
    """List alerts, the newest first; without --all those that nobody has looked at."""
    found = run(asked(ctx), lambda house: house.operations.alerts.page(limit=limit, open_only=not everything))
    columns = {
        "ID": [each.id for each in found],
        "TIME": [moment(each.at) for each in found],
        "SEVERITY": [each.severity for each in found],
        "RULE": [each.rule for each in found],
        "ABOUT": [_about(each) for each in found],
        "LOOKED AT BY": [each.acknowledged_by or "" for each in found],
    }
    print_rows(asked(ctx), [_value(each) for each in found], columns, "no alert is open" if not everything else "")


@alerts.command("show", cls=VerbCommand, epilog="$ watchword alerts show alr_5c5wfgcwmaRGXlkfc6nb")
def show(ctx: typer.Context, id: Id) -> None:
    """Show one alert: what was seen, and what to do."""
    _print(asked(ctx), run(asked(ctx), lambda house: house.operations.alerts.alert(id)))


@alerts.command("acknowledge", cls=VerbCommand, epilog="$ watchword alerts acknowledge alr_5c5wfgcwmaRGXlkfc6nb")
def acknowledge(ctx: typer.Context, id: Id) -> None:
    """Say that you have looked at an alert; the audit notes who."""
    _print(asked(ctx), run(asked(ctx), lambda house: house.operations.alerts.acknowledge(id, by=actor())))


@alerts.command("rules", cls=VerbCommand, epilog="$ watchword alerts rules")
def rules(ctx: typer.Context) -> None:
    """List the rules, as the settings have them."""
    from watchword.server.config.audit import alert_rules

    found = [each for each in alert_rules(settings_of(asked(ctx))).rules.values() if each.id != "test"]
    names = ("id", "on", "severity", "count", "within", "factor", "repeat", "told", "advice")
    columns = {
        "RULE": [each.id for each in found],
        "SEVERITY": [each.severity if each.on else "off" for each in found],
        "FROM": [_from(each) for each in found],
        "WHEN": [each.told for each in found],
    }
    print_rows(asked(ctx), [{name: getattr(each, name) for name in names} for each in found], columns)


@alerts.command("test", cls=VerbCommand, epilog="$ watchword alerts test")
def test(ctx: typer.Context) -> None:
    """Tell all receivers of an alert that is only a test, now; exit 1 when one did not take it."""
    settings = settings_of(asked(ctx))
    if not settings.alerts.receivers():
        raise Stop("nobody is told of alerts", "set webhook or email in [alerts]")

    async def work(house: Watchword) -> dict[str, str]:
        from watchword.server.account.post import Post
        from watchword.server.watching.trying import tried

        return await tried(house, settings, Post(house, settings).deliver, by=actor())

    said = run(asked(ctx), work)
    value = {name: {"told": not why, "error": why} for name, why in said.items()}
    rows = [(name, why or "told") for name, why in said.items()]
    failed = [name for name, why in said.items() if why]
    print_record(asked(ctx), value, rows, "not everybody was told" if failed else "everybody was told")
    if failed:
        raise typer.Exit(REFUSED)


def _from(rule: Any) -> str:
    parts = [f"{rule.count} in {rule.within} s" if rule.count else "", f"{rule.factor:g} x" if rule.factor else ""]
    return ", ".join(filter(None, parts))


def _about(alert: Alert) -> str:
    return " ".join(part for part in (alert.credential, alert.subject, alert.address) if part)


def _value(alert: Alert) -> Mapping[str, Any]:
    return {
        "id": alert.id,
        "at": alert.at,
        "rule": alert.rule,
        "severity": alert.severity,
        "credential": alert.credential,
        "subject": alert.subject,
        "network": alert.address,
        "detail": dict(alert.detail),
        "acknowledged_at": alert.acknowledged_at,
        "acknowledged_by": alert.acknowledged_by,
        "told_at": alert.told_at,
        "tries": alert.tries,
    }


def _print(asked: Asked, alert: Alert) -> None:
    detail = {name: value for name, value in alert.detail.items() if name not in ("told", "advice", "told_to")}
    rows = [
        ("alert", alert.id),
        ("time", moment(alert.at)),
        ("rule", alert.rule),
        ("severity", alert.severity),
        ("credential", alert.credential),
        ("subject", alert.subject),
        ("network", alert.address),
        *((str(name), value) for name, value in detail.items()),
        ("told", alert.detail.get("told_to", [])),
        ("looked at", f"{moment(alert.acknowledged_at)} by {alert.acknowledged_by}" if alert.acknowledged_at else ""),
    ]
    told = str(alert.detail.get("told", alert.rule))
    print_record(asked, _value(alert), rows, told)
    if not asked.json and alert.acknowledged_at is None and alert.detail.get("advice"):
        note(f"what to do: {alert.detail['advice']}")
