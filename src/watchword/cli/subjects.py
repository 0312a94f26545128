"""``user`` and ``service``: who may call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from watchword.cli import factors, importing, people
from watchword.cli.plumbing.house import actor, run
from watchword.cli.plumbing.output import day, moment, note, print_record, print_rows
from watchword.cli.plumbing.passwords import demand
from watchword.cli.plumbing.shell import Asked, Stop, VerbCommand, asked, group
from watchword.cli.plumbing.typed import at, password_from_stdin, prompted

if TYPE_CHECKING:
    from watchword.app import Watchword
    from watchword.lifecycle.verbs import Issued
    from watchword.model.credential import Credential
    from watchword.model.records import Subject

__all__ = ["register"]

Name = Annotated[str, typer.Argument(metavar="NAME", help="Such as alice.", show_default=False)]
_PAGE = 500

user: typer.Typer = group(
    "Add people, invite or import them, disable and enable them; what they may, their second factors.",
    "user add alice --password --scope orders:read",
    "user invite alice@example.com",
    "user disable alice",
)
service: typer.Typer = group(
    "Add services, list them, disable and enable them.", "service add billing", "service disable billing"
)


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.add_typer(user, name="user")
    app.add_typer(service, name="service")
    _shared(user, "user", "alice")
    user.command("scopes", cls=VerbCommand, epilog="""
    $ watchword user scopes alice
    $ watchword user scopes alice --add orders:write --remove orders:read
    $ watchword user scopes alice --admin
    """)(change_scopes)  # fmt: skip
    importing.register(user)
    people.register(user)
    factors.register(user)
    _shared(service, "service", "billing")


@user.command("add", cls=VerbCommand, epilog="""
    $ watchword user add alice
    $ watchword user add alice --password --scope orders:read
    $ watchword user add alice --password-stdin <password.txt
    $ watchword user add root --password --admin
    """)  # fmt: skip
def add_user(
    ctx: typer.Context,
    name: Name,
    from_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read a password from standard input.")] = False,
    ask: Annotated[bool, typer.Option("--password", help="Ask for a password on the terminal.")] = False,
    scopes: Annotated[
        list[str] | None, typer.Option("--scope", metavar="SCOPE", help="What the password allows; repeat for more.")
    ] = None,
    admin: Annotated[bool, typer.Option("--admin", help="An operator: the password allows to administer all.")] = False,
) -> None:
    """Add a person, with a password or without one."""
    subject = _subject("user", name)
    if (scopes or admin) and not (from_stdin or ask):
        option = "--scope" if scopes else "--admin"
        raise Stop(f"{option} is what a password allows", "add --password-stdin or --password")
    from watchword.lifecycle.operations.rights import ALL_RIGHTS

    scopes = [*_scopes("--scope", scopes), *(ALL_RIGHTS if admin else ())]
    password = password_from_stdin() if from_stdin else prompted("Password", twice=True) if ask else None

    async def work(house: Watchword) -> tuple[Subject, Issued | None]:
        from watchword.model.credential import Kind

        await demand(house, subject, password)
        added = await house.lifecycle.add_subject(subject, by=actor())
        if password is None:
            return added, None
        options = {"password": password}
        issue = house.lifecycle.issue
        return added, await issue(Kind.PASSWORD, subject, by=actor(), scopes=scopes, options=options)

    added, issued = run(asked(ctx), work)
    credential = issued.credential if issued else None
    value = _value(added) | {"credential": credential.id if credential else None}
    rows = [("password", credential.id), ("scopes", sorted(credential.scopes))] if credential else []
    print_record(asked(ctx), value, rows, f"added {added.name}")


def change_scopes(
    ctx: typer.Context,
    name: Name,
    add: Annotated[
        list[str] | None, typer.Option("--add", metavar="SCOPE", help="Allow it, too; repeat for more.")
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="SCOPE", help="Allow it no more; repeat for more.")
    ] = None,
    admin: Annotated[
        bool | None, typer.Option("--admin/--no-admin", help="Let them administer all, or nothing any more.")
    ] = None,
) -> None:
    """Show or change what somebody's password allows; a change logs them out, so that it holds at once."""
    subject = _subject("user", name)
    more, less = _scopes("--add", add), _scopes("--remove", remove)

    async def work(house: Watchword) -> Credential:
        from watchword.lifecycle.people.account.replacement import usable_passwords
        from watchword.lifecycle.people.holdings import newest

        await house.lifecycle.subject(subject)
        held = await usable_passwords(house.store, subject, house.clock())
        last = newest(held)
        if last is None:
            raise Stop(f"{subject} has no password", f"give them one: watchword issue password --for {subject}")
        changed = [await _allowing(house, each, more, less, admin) for each in held]
        return next(each for each in changed if each.id == last.id)

    record = run(asked(ctx), work)
    value = {"subject": subject, "credential": record.id, "scopes": sorted(record.scopes)}
    print_record(asked(ctx), value, [("password", record.id), ("scopes", value["scopes"])], f"{subject} may")


async def _allowing(
    house: Watchword, password: Credential, more: list[str], less: list[str], admin: bool | None
) -> Credential:
    """Change what one password allows, where that changes anything."""
    from watchword.lifecycle.clients.book import Bounds
    from watchword.lifecycle.operations.bounding import Bounding
    from watchword.lifecycle.operations.rights import ALL_RIGHTS, may

    scopes = ({*password.scopes, *more} - set(less)) | (ALL_RIGHTS if admin else frozenset())
    scopes -= may(scopes) if admin is False else frozenset()
    act = Bounding(house.store, house.watch.hurry, house.clock)
    return await act.change(password.id, Bounds(scopes=scopes), by=actor(), version=password.version)


def _scopes(option: str, given: list[str] | None) -> list[str]:
    """Return the scopes that an option names."""
    from watchword.lifecycle.values import scopes_of

    return sorted(at(option, lambda text: scopes_of([text]), " ".join(given or ())))


@service.command("add", cls=VerbCommand, epilog="$ watchword service add billing")
def add_service(ctx: typer.Context, name: Name) -> None:
    """Add a service: a machine that calls."""
    subject = _subject("service", name)

    async def work(house: Watchword) -> Subject:
        return await house.lifecycle.add_subject(subject, by=actor())

    added = run(asked(ctx), work)
    print_record(asked(ctx), _value(added), (), f"added {added.name}")
    if not asked(ctx).json:
        note(f"next: watchword issue api-key --for {added.name}")


def _shared(verbs: typer.Typer, kind: str, example: str) -> None:
    """Add what people and services have in common."""
    people = {"user": "people", "service": "services"}[kind]

    def show_list(ctx: typer.Context) -> None:
        _list(asked(ctx), kind, people)

    def disable(ctx: typer.Context, name: Name) -> None:
        _print_state(asked(ctx), run(asked(ctx), _switch(_subject(kind, name), False)))

    def enable(ctx: typer.Context, name: Name) -> None:
        _print_state(asked(ctx), run(asked(ctx), _switch(_subject(kind, name), True)))

    stop = f"Disable a {kind}: every credential and token is refused from now on."
    start = f"Enable a disabled {kind}; tokens from before stay void."
    verbs.command("list", cls=VerbCommand, help=f"List {people}.", epilog=f"$ watchword {kind} list")(show_list)
    verbs.command("disable", cls=VerbCommand, help=stop, epilog=f"$ watchword {kind} disable {example}")(disable)
    verbs.command("enable", cls=VerbCommand, help=start, epilog=f"$ watchword {kind} enable {example}")(enable)


def _subject(kind: str, name: str) -> str:
    """Return "user:alice" for "alice" and for "user:alice"."""
    from watchword.lifecycle.values import subject_of

    other, colon, _ = name.partition(":")
    if colon and other in ("user", "service") and other != kind:
        raise Stop(f"{name[:80]} is no {kind}", f"`watchword {other} --help` has verbs for {other}s")
    return at("NAME", subject_of, name if colon and other == kind else f"{kind}:{name}")


def _switch(name: str, enabled: bool) -> Callable[[Watchword], Awaitable[Subject]]:
    async def work(house: Watchword) -> Subject:
        return await house.lifecycle.set_enabled(name, enabled, by=actor())

    return work


def _list(asked: Asked, kind: str, people: str) -> None:
    async def work(house: Watchword) -> list[Subject]:
        found: list[Subject] = []
        while True:
            after = found[-1].name if found else ""
            page = await house.store.subjects(prefix=f"{kind}:", after=after, limit=_PAGE)
            found += page
            if len(page) < _PAGE:
                return found

    found = run(asked, work)
    columns = {
        "SUBJECT": [each.name for each in found],
        "STATE": [_state(each) for each in found],
        "ADDED": [day(each.created_at) for each in found],
    }
    empty = f"there are no {people} yet: add one with `watchword {kind} add NAME`"
    print_rows(asked, [_value(each) for each in found], columns, empty)


def _state(subject: Subject) -> str:
    return "enabled" if subject.disabled_at is None else "disabled"


def _value(subject: Subject) -> dict[str, Any]:
    return {
        "subject": subject.name,
        "state": _state(subject),
        "created_at": subject.created_at,
        "disabled_at": subject.disabled_at,
    }


def _print_state(asked: Asked, subject: Subject) -> None:
    rows = [("disabled at", moment(subject.disabled_at))]
    print_record(asked, _value(subject), rows, f"{subject.name} is {_state(subject)}")
