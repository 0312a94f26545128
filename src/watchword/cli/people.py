"""``user invite``, ``reset-password``, ``address``, ``export``, ``delete``: what operators do for people."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from watchword.cli.plumbing.house import actor, run, settings_of
from watchword.cli.plumbing.output import note, print_record
from watchword.cli.plumbing.shell import Asked, Stop, VerbCommand, asked
from watchword.cli.plumbing.typed import at

if TYPE_CHECKING:
    from watchword.app import Watchword
    from watchword.lifecycle.people.account.resets import Reset
    from watchword.lifecycle.people.account.sign_ups import Invited
    from watchword.model.credential import Credential
    from watchword.model.records import Subject

__all__ = ["register"]

Name = Annotated[str, typer.Argument(metavar="NAME", help="Such as alice.", show_default=False)]
Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="Such as alice@example.com.", show_default=False)]
Printed = Annotated[bool, typer.Option("--print", help="Print the link, even where mail could be sent.")]


def register(user: typer.Typer) -> None:
    """Add the verbs to the group ``user``."""
    user.command("invite", cls=VerbCommand, epilog="""
    $ watchword user invite alice@example.com
    $ watchword user invite alice@example.com --scope orders:read --print
    """)(invite)  # fmt: skip
    user.command("reset-password", cls=VerbCommand, epilog="$ watchword user reset-password alice")(reset_password)
    user.command("address", cls=VerbCommand, epilog="$ watchword user address alice alice@example.com")(address)
    user.command("export", cls=VerbCommand, epilog="$ watchword user export alice >alice.json")(export)
    user.command("delete", cls=VerbCommand, epilog="$ watchword user delete alice --yes")(delete)


def invite(
    ctx: typer.Context,
    address: Address,
    scopes: Annotated[
        list[str] | None,
        typer.Option("--scope", metavar="SCOPE", help="What the password will allow; repeat for more."),
    ] = None,
    printed: Printed = False,
) -> None:
    """Invite somebody: a link with which they make their account, once, within 7 days."""
    from watchword.lifecycle.values import scopes_of

    at("--scope", lambda text: scopes_of([text]), " ".join(scopes or ()))
    settings = settings_of(asked(ctx))
    if settings.accounts.sign_up == "off":
        raise Stop("nobody can sign up here", 'set sign_up = "invitation" in [accounts]')
    mailed = bool(settings.mail.server) and not printed

    async def work(house: Watchword) -> tuple[Invited, str]:
        from watchword.server.account import INVITATION, link

        invited = await house.accounts.invite(address, scopes=scopes or (), by=actor())
        if mailed:
            await _send(house, settings, invited=invited)
        return invited, link(house.issuer, INVITATION, invited.token)

    invited, where = run(asked(ctx), work)
    _print_link(asked(ctx), {"address": invited.address}, where, mailed, f"invited {invited.address}")


def reset_password(ctx: typer.Context, name: Name, printed: Printed = False) -> None:
    """Let somebody choose a new password: a link that works once, for 30 minutes.

    Their present password stays valid until the link is used.
    """
    subject = _subject(name)
    settings = settings_of(asked(ctx))

    async def work(house: Watchword) -> tuple[Reset, str, bool]:
        from watchword.server.account import NEW_PASSWORD, link

        reset = await house.accounts.reset_for(subject, by=actor())
        mailed = bool(settings.mail.server and reset.address) and not printed
        if mailed:
            await _send(house, settings, reset=reset)
        return reset, link(house.issuer, NEW_PASSWORD, reset.token), mailed

    reset, where, mailed = run(asked(ctx), work)
    _print_link(asked(ctx), {"subject": reset.subject}, where, mailed, f"a new password for {reset.subject}")


def address(ctx: typer.Context, name: Name, address: Address) -> None:
    """Give somebody an email address that you vouch for, in place of the one they have."""
    subject = _subject(name)

    async def work(house: Watchword) -> Credential:
        return await house.accounts.add_address(subject, address, by=actor())

    record = run(asked(ctx), work)
    value = {"subject": record.subject, "address": record.detail["address"], "id": record.id}
    print_record(asked(ctx), value, [("id", record.id)], f"{record.subject} is {value['address']}")


def export(ctx: typer.Context, name: Name) -> None:
    """Print everything that is held about somebody, their audit events among it, as JSON; no secret is in it."""
    subject = _subject(name)

    async def work(house: Watchword) -> dict[str, Any]:
        return await house.accounts.export(subject, events=True)

    value = run(asked(ctx), work)
    json.dump(value, sys.stdout, indent=None if asked(ctx).json else 2, ensure_ascii=False)
    print()


def delete(
    ctx: typer.Context,
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete somebody for good: every credential ends, personal data is forgotten, the name stays taken."""
    subject = _subject(name)
    if not yes:
        if not sys.stdin.isatty():
            raise Stop(f"{subject} would be deleted for good", "add --yes")
        if input(f"Delete {subject} for good? Type the name: ").strip() not in (subject, subject.partition(":")[2]):
            raise Stop("that is another name", "nothing was deleted")

    async def work(house: Watchword) -> Subject:
        return await house.accounts.delete(subject, by=actor())

    gone = run(asked(ctx), work)
    print_record(
        asked(ctx), {"subject": gone.name, "deleted_at": gone.detail["deleted_at"]}, (), f"deleted {gone.name}"
    )


async def _send(house: Watchword, settings: Any, *, invited: Invited | None = None, reset: Reset | None = None) -> None:
    from watchword.server.account.mail import Undeliverable
    from watchword.server.account.post import Post

    post = Post(house, settings)
    letters = [post.invitation(invited)] if invited is not None else []
    letters += [post.new_password(reset)] if reset is not None else []
    try:
        for letter in letters:
            await post.deliver(letter)
    except Undeliverable as error:
        raise Stop(f"the letter could not be sent: {error}", "look at [mail], or add --print") from None


def _print_link(asked: Asked, value: dict[str, Any], link: str, mailed: bool, title: str) -> None:
    """Print the link, or that it was sent: then nobody but the mailbox has it."""
    value = value | ({"sent": True} if mailed else {"link": link})
    print_record(asked, value, [] if mailed else [("link", link)], f"{title}: sent" if mailed else title)
    if not mailed and not asked.json:
        note("whoever has this link can use it, once: hand it over in private")


def _subject(name: str) -> str:
    from watchword.lifecycle.values import subject_of

    return at("NAME", subject_of, name if name.startswith("user:") else f"user:{name}")
