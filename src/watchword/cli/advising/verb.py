"""``advise``: which scheme, why, and how to begin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from watchword.cli.plumbing.output import note, print_json
from watchword.cli.plumbing.shell import Stop, VerbCommand, asked, nearest

if TYPE_CHECKING:
    from watchword.advise import Advice, Answers, Place

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("advise", cls=VerbCommand, epilog="""
    $ watchword advise
    $ watchword advise --callers machines --sensitivity high
    $ watchword advise --callers people --through browser --path /me --write
    """)(advise)  # fmt: skip


def _word(name: str, text: str) -> typer.models.OptionInfo:
    return typer.Option(f"--{name}", metavar="WORD", help=text)  # type: ignore[no-any-return]


def advise(
    ctx: typer.Context,
    callers: Annotated[str | None, _word("callers", "people, machines or both.")] = None,
    through: Annotated[str | None, _word("through", "server, browser, app, third-party, agent or legacy.")] = None,
    sensitivity: Annotated[str | None, _word("sensitivity", "What is at stake: low, medium or high.")] = None,
    ends: Annotated[str | None, _word("ends", "Whose the calling end is: theirs or ours.")] = None,
    network: Annotated[str | None, _word("network", "trusted or untrusted.")] = None,
    certificates: Annotated[str | None, _word("certificates", "Whether both ends handle them: no or yes.")] = None,
    complexity: Annotated[str | None, _word("complexity", "What you can afford: little, some or much.")] = None,
    provider: Annotated[str | None, _word("provider", "An outside identity provider: none or outside.")] = None,
    revocation: Annotated[str | None, _word("revocation", "How soon: at-once, minutes or hours.")] = None,
    offline: Annotated[str | None, _word("offline", "Whether services judge alone: no or yes.")] = None,
    path: Annotated[str, typer.Option("--path", metavar="PATH", help="The place to guard.")] = "/orders",
    method: Annotated[str, typer.Option("--method", metavar="METHOD", help="By which method.")] = "GET",
    scopes: Annotated[list[str] | None, typer.Option("--scope", metavar="SCOPE", help="Repeat for more.")] = None,
    url: Annotated[
        str, typer.Option("--url", metavar="URL", help="Where callers reach the API.")
    ] = "https://api.example.com",
    scheme: Annotated[
        str | None, typer.Option("--scheme", metavar="NAME", help="Show this one instead of the first.")
    ] = None,
    language: Annotated[str, typer.Option("--language", metavar="NAME", help="python, curl or javascript.")] = "python",
    write: Annotated[bool, typer.Option("--write", help="Append the route to watchword.toml.")] = False,
) -> None:
    """Say which scheme fits who calls and what is at stake, and why.

    Ten questions, or flags that answer them; what no flag answers then has its default. All seven are ranked, with
    what speaks for and against each. The route, the commands and the client's lines are ready to use.
    """
    from watchword.cli.advising.telling import told

    given = {
        "callers": callers, "through": through, "sensitivity": sensitivity, "ends": ends, "network": network,
        "certificates": certificates, "complexity": complexity, "provider": provider, "revocation": revocation,
        "offline": offline,
    }  # fmt: skip
    place = _place(url, path, method.upper(), scopes)
    answers = _answers({name: word for name, word in given.items() if word is not None})
    found = _advice(answers, place)
    shown = _chosen(found, scheme)
    _known_language(language)
    written = _written(ctx, shown, place) if write else None
    if asked(ctx).json:
        where = {"url": place.url, "path": place.path, "method": place.method, "scopes": list(place.scopes)}
        value = {"answers": answers.value(), "place": where, "advice": [each.value() for each in found]}
        print_json({**value, "written": written})
        return
    for line in told(found, shown, language):
        print(line)
    if written is not None:
        note(f"\nappended to {written}; a server that runs takes it up when it starts again")


def _place(url: str, path: str, method: str, scopes: list[str] | None) -> Place:
    from watchword.advise import NoAnswer, Place

    try:
        return Place(url, path, method, tuple(scopes) if scopes is not None else ("orders:read",))
    except NoAnswer as error:
        raise Stop(f"--{error.question}: {error}", error.hint) from None


def _answers(given: dict[str, str]) -> Answers:
    from watchword.advise import Answers, NoAnswer
    from watchword.cli.advising.interview import interview

    if not given:
        return interview()
    try:
        return Answers.of({name: word.strip().lower() for name, word in given.items()})
    except NoAnswer as error:
        raise Stop(f"--{error}", error.hint) from None


def _advice(answers: Answers, place: Place) -> list[Advice]:
    from watchword.advise import advise

    return advise(answers, place)


def _chosen(found: list[Advice], scheme: str | None) -> Advice:
    if scheme is None:
        return found[0]
    names = [each.scheme for each in found]
    if scheme not in names:
        near = nearest(scheme, names)
        hint = f"did you mean {near}?" if near else f"one of: {', '.join(names)}"
        raise Stop(f"--scheme: there is no scheme {scheme[:40]!r}", hint)
    return found[names.index(scheme)]


def _known_language(language: str) -> None:
    from watchword.cli.advising.telling import LANGUAGES

    if language not in LANGUAGES:
        raise Stop(f"--language: {language[:40]!r} is not among them", f"one of: {', '.join(LANGUAGES)}")


def _written(ctx: typer.Context, shown: Advice, place: Place) -> str:
    from watchword.cli.advising.writing import append
    from watchword.cli.plumbing.shell import REFUSED

    if not shown.route_block:
        raise Stop(f"{shown.scheme} is ruled out here: there is nothing to write", "see why without --write", REFUSED)
    return str(append(asked(ctx), shown, place))
