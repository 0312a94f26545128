"""``explain``: the decision for a request, step by step."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from watchword.cli.plumbing.house import run
from watchword.cli.plumbing.output import print_json
from watchword.cli.plumbing.shell import REFUSED, Asked, Stop, VerbCommand, asked
from watchword.cli.plumbing.typed import data_from, header_of

if TYPE_CHECKING:
    from watchword.app import Watchword
    from watchword.explanation import Question

__all__ = ["register"]

_OPTIONS: Final = {"address": "--from: ", "certificate": "--cert: ", "headers": "--header: "}
_ENDPOINT: Final = "/admin/v1/explain"


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("explain", cls=VerbCommand, epilog="""
    $ watchword explain GET http://127.0.0.1:8000/orders/7 -H "$HEADER"
    $ watchword explain POST https://api.example/orders -d @o.json -H "$KEY_ID"
    $ watchword explain GET https://api.example/orders/7 --cert tls/cert.pem
    $ watchword explain GET https://a.test/o --server https://b.test --as me
    """)(explain)  # fmt: skip


def explain(
    ctx: typer.Context,
    method: Annotated[str, typer.Argument(metavar="METHOD", help="Such as GET.")],
    url: Annotated[str, typer.Argument(metavar="URL", help="The whole URL as a caller sends it.")],
    headers: Annotated[
        list[str] | None,
        typer.Option("--header", "-H", metavar="H", help="Such as 'X-API-Key: hk_…'; repeat for more."),
    ] = None,
    cert: Annotated[
        Path | None, typer.Option("--cert", metavar="FILE", help="The client certificate presented, PEM.")
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", "-d", metavar="TEXT", help="The content; @FILE or - reads it.")
    ] = None,
    address: Annotated[str, typer.Option("--from", metavar="ADDRESS", help="Where the caller is.")] = "127.0.0.1",
    signed: Annotated[
        str | None,
        typer.Option("--signed-string", metavar="TEXT", help="What the caller signed; @FILE or - reads it."),
    ] = None,
    server: Annotated[
        str | None, typer.Option("--server", metavar="URL", help="Ask this running server, not the store.")
    ] = None,
    profile: Annotated[
        str | None, typer.Option("--as", metavar="PROFILE", help="With --server: the operator who asks.")
    ] = None,
) -> None:
    """Say what the gate decides for a request, and why.

    The house's own schemes and guards judge it on the configured store, and nothing is kept of that: no audit event,
    no count, no first use of a signature, no revocation. With --server a running server judges it, by what it
    remembers at that moment.
    """
    if profile is not None and server is None:
        raise Stop("--as goes with --server", "the store itself asks nobody")
    question = _question(method, url, headers or [], cert, data, address, signed)
    value = _there(question, cert, server, profile) if server is not None else _here(asked(ctx), question)
    if asked(ctx).json:
        print_json(value)
    else:
        from watchword.cli.explaining.story import story

        for line in story(value):
            print(line)
    if value.get("decision") != "accepted":
        raise typer.Exit(REFUSED)


def _question(
    method: str, url: str, headers: list[str], cert: Path | None, data: str | None, address: str, signed: str | None
) -> Question:
    from watchword.explanation import Question, Unclear

    fields = tuple(header_of(text) for text in headers)
    body = b"" if data is None else data_from(data)
    theirs = None if signed is None else _signed(signed)
    try:
        return Question(method.upper(), url, fields, body, address, _certificate(cert), theirs).checked()
    except Unclear as error:
        raise Stop(f"{_OPTIONS.get(error.field, '')}{error}", error.hint) from None


def _signed(text: str) -> str:
    """Return what the caller says was signed, as it is: a line break at its end may be the whole mistake."""
    try:
        return data_from(text).decode("utf-8", "backslashreplace")
    except Stop as stop:
        raise Stop(str(stop).replace("--data", "--signed-string"), stop.hint) from None


def _certificate(path: Path | None) -> bytes | None:
    if path is None:
        return None
    from watchword.codec.x509 import der_of

    try:
        return der_of(path.read_bytes())
    except ValueError:
        raise Stop(f"--cert: {path} holds no certificate in PEM", "such as DIR/cert.pem of `watchword issue`") from None


def _here(asked: Asked, question: Question) -> dict[str, Any]:
    async def work(house: Watchword) -> dict[str, Any]:
        from watchword.explanation import explained
        from watchword.server.places import front_of

        return _uncounted((await explained(house, question, front_of(house))).value())

    return run(asked, work)


def _uncounted(value: dict[str, Any]) -> dict[str, Any]:
    """Say nothing of what is left of limits: those who serve count, not who asks the store."""
    limits = [step for step in value["steps"] if step["outcome"] == "passed" and step["detail"]]
    for step in limits:
        step["detail"] = None
    if limits:
        value["notes"].append("how much of a limit is used up is known to the servers: --server asks one")
    return value


def _there(question: Question, cert: Path | None, server: str, profile: str | None) -> dict[str, Any]:
    from watchword.cli.explaining.remote import asked_of

    value: dict[str, Any] = {
        "method": question.method,
        "url": question.url,
        "headers": [[name.decode("ascii"), text.decode("latin-1")] for name, text in question.headers],
        "address": question.address,
    }
    if question.body:
        value["body_base64"] = base64.b64encode(question.body).decode()
    if cert is not None:
        value["certificate"] = cert.read_text()
    if question.signed is not None:
        value["string_signed"] = question.signed
    return asked_of(server, profile, _ENDPOINT, value)
