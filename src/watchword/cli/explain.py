"""``explain``: the decision for a request, step by step."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import unquote, urlsplit

import typer

from watchword.cli.plumbing.house import run, settings_of
from watchword.cli.plumbing.output import clean, colour, print_json
from watchword.cli.plumbing.shell import REFUSED, Stop, VerbCommand, asked
from watchword.cli.plumbing.typed import data_from, header_of

if TYPE_CHECKING:
    from watchword.app import Watchword
    from watchword.cli.plumbing.rehearsal import Rehearsed, Signing, Step
    from watchword.model.request import Request
    from watchword.policy import Policy
    from watchword.routes import Rule

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("explain", cls=VerbCommand, epilog="""
    $ watchword explain GET http://127.0.0.1:8000/orders/7 -H "$HEADER"
    $ watchword explain POST https://api.example/orders -d @o.json -H "$KEY_ID"
    $ watchword explain GET https://api.example/orders/7 --cert tls/cert.pem
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
) -> None:
    """Say what the gate decides for a request, and why.

    The real gate judges it on the configured store, and nothing is kept of that: no audit event, no count, no first
    use of a signature. Whether a signature was used before is therefore not looked at.
    """
    settings = settings_of(asked(ctx))
    scope, body = _scope(method, url, headers or [], cert, data, address)
    rules = [entry.rule() for entry in settings.route]

    async def work(house: Watchword) -> tuple[Request, Rule | None, Rehearsed | None, Signing | None]:
        from watchword.adapters.asgi import request_of
        from watchword.cli.plumbing.rehearsal import rehearse, rule_for, signing_of

        request = request_of(scope, house.proxies, body)
        rule = rule_for(rules, scope["method"], scope["path"]) or _own_place(scope, house)
        if rule is None:
            return request, None, None, None
        signing = await signing_of(house, request) if "hmac" in house.compile(rule).policy.schemes else None
        return request, rule, await rehearse(house, house.compile(rule), request), signing

    request, rule, rehearsed, signing = run(asked(ctx), work)
    if asked(ctx).json:
        print_json(_value(request, url, rule, rehearsed, signing))
    else:
        for line in _story(request, url, rule, rehearsed, signing):
            print(line)
    if rehearsed is None or not rehearsed.accepted:
        raise typer.Exit(REFUSED)


def _scope(
    method: str, url: str, headers: Sequence[str], cert: Path | None, data: str | None, address: str
) -> tuple[dict[str, Any], bytes]:
    """Return the request as an ASGI server would hand it on."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Stop(f"{url[:80]!r} is not a URL: {error}", "such as http://127.0.0.1:8000/orders/7") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Stop(f"{url[:80]!r} is not a whole URL", "such as http://127.0.0.1:8000/orders/7")
    if not method.isalpha():
        raise Stop(f"{method[:40]!r} is not a method", "write METHOD, then URL: such as GET http://…")
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise Stop(f"--from: {address[:80]!r} is not an address", "such as 10.0.0.7 or 2001:db8::1") from None
    fields = [(name.lower(), value) for name, value in map(header_of, headers)]
    if not any(name == b"host" for name, _ in fields):
        fields.insert(0, (b"host", parts.netloc.rpartition("@")[2].encode()))
    body = b"" if data is None else data_from(data)
    path = parts.path or "/"
    scope = {
        "type": "http",
        "method": method.upper(),
        "scheme": parts.scheme,
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": parts.query.encode(),
        "headers": fields,
        "client": (address, port or 0),
        "extensions": {"tls": {"client_cert_der": _certificate(cert)}} if cert is not None else {},
    }
    return scope, body


def _certificate(path: Path | None) -> bytes | None:
    if path is None:
        return None
    from watchword.codec.x509 import der_of

    try:
        return der_of(path.read_bytes())
    except ValueError:
        raise Stop(f"--cert: {path} holds no certificate in PEM", "such as DIR/cert.pem of `watchword issue`") from None


def _own_place(scope: dict[str, Any], house: Watchword) -> Rule | None:
    """Return what the server itself demands at ``/whoami``; its other places prove nobody, or issue what proves."""
    if scope["path"] != "/whoami" or scope["method"] not in ("GET", "HEAD"):
        return None
    from watchword.routes import Rule
    from watchword.server.app import every_scheme

    return Rule("/whoami", every_scheme(house), ("GET", "HEAD"))


def _value(
    request: Request, url: str, rule: Rule | None, rehearsed: Rehearsed | None, signing: Signing | None
) -> dict[str, Any]:
    from watchword.audit import redact

    value: dict[str, Any] = {"method": request.method, "url": redact(url), "address": request.peer.address}
    if rule is None or rehearsed is None:
        return value | {"route": None, "decision": "refused", "status": 403, "reason": "no_route"}
    route = {"path": rule.path, "methods": list(rule.methods), "accept": rule.accept, "scopes": list(rule.scopes)}
    steps = [_step_value(step) for step in rehearsed.steps]
    value |= {"route": route, "presence": rehearsed.presence, "steps": steps, **_outcome(rehearsed)}
    if signing is not None:
        text = None if signing.text is None else signing.text.decode("utf-8", "backslashreplace")
        value["signature"] = {"key_id": signing.key_id, "profile": signing.profile, "string_to_sign": text}
    return value


def _step_value(step: Step) -> dict[str, Any]:
    from watchword.model.verdict import Rejection

    value: dict[str, Any] = {"stage": step.stage, "name": step.name, "outcome": "refused" if step.refused else "passed"}
    if isinstance(step.answer, Rejection):
        value |= {"reason": step.answer.reason.code, "detail": step.answer.detail}
    return value


def _outcome(rehearsed: Rehearsed) -> dict[str, Any]:
    from watchword.model.verdict import Deny

    decision = rehearsed.decision
    if isinstance(decision, Deny):
        reason = decision.rejection.reason
        outcome = "broken" if reason.status == 503 else "refused"
        return {
            "decision": outcome, "status": reason.status, "reason": reason.code, "detail": decision.rejection.detail,
            "credential": decision.rejection.credential or None,
        }  # fmt: skip
    who = decision.principal
    if who is None:
        return {"decision": "accepted", "status": 200, "subject": None}
    return {
        "decision": "accepted", "status": 200, "subject": who.subject, "actor": who.actor, "scheme": who.scheme,
        "credential": who.credential, "scopes": sorted(who.scopes), "factors": list(who.factors),
    }  # fmt: skip


def _story(
    request: Request, url: str, rule: Rule | None, rehearsed: Rehearsed | None, signing: Signing | None
) -> Iterator[str]:
    from watchword.audit import redact

    shown = clean(redact(url))
    yield colour(f"{request.method} {shown}", "bold", sys.stdout)
    yield f"from {request.peer.address or '?'}, {'over TLS' if request.peer.tls else 'without TLS'}" + (
        ", with a client certificate" if request.peer.certificate else ""
    )
    yield ""
    if rule is None or rehearsed is None:
        yield f"  route     {_mark(False)} none: what no route names is refused"
        yield from _verdict("refused: 403 no_route", "add a [[route]] for it to the configuration")
        return
    demands = [f"scopes {' '.join(rule.scopes)}"] if rule.scopes else []
    demands += [f"limit {rule.limit}"] if rule.limit else []
    yield f"  route     {_mark(True)} {'|'.join(rule.methods) or 'any method'} {rule.path}"
    yield f"              accepts {rule.accept}" + "".join(f"; {each}" for each in demands)
    yield from _steps(rehearsed.steps, "before")
    yield from _policy(rule, rehearsed)
    yield from _steps(rehearsed.steps, "after")
    if signing is not None:
        yield from _signature(signing)
    yield from _end(rehearsed)


def _mark(passed: bool) -> str:
    return colour("ok", "green", sys.stdout) if passed else colour("NO", "red", sys.stdout)


def _steps(steps: Sequence[Step], stage: str) -> Iterator[str]:
    label = stage
    for step in steps:
        if step.stage == stage:
            yield f"  {label:<9} {_mark(not step.refused)} {step.name}{_why(step)}"
            label = ""


def _why(step: Step) -> str:
    from watchword.model.verdict import Rejection

    if not isinstance(step.answer, Rejection):
        return ""
    detail = f" ({clean(step.answer.detail)})" if step.answer.detail else ""
    return f": {step.answer.reason.code}{detail}"


def _policy(rule: Rule, rehearsed: Rehearsed) -> Iterator[str]:
    from watchword.model.verdict import Principal
    from watchword.policy import parse

    found = next((step for step in rehearsed.steps if step.stage == "policy"), None)
    verdict = "--" if found is None else _mark(not found.refused)
    if found is not None and isinstance(found.answer, Principal):
        text = f"proved {clean(found.answer.subject)}"
    else:
        text = "not reached" if found is None else _why(found).removeprefix(": ") or "nobody, and public"
    yield f"  policy    {verdict} {text}"
    yield from (f"              {line}" for line in _tree(parse(rule.accept), rehearsed.presence))


def _tree(policy: Policy, presence: dict[str, str], depth: int = 0) -> Iterator[str]:
    """Yield the policy as an indented tree, each scheme with what the request has of it."""
    from watchword.policy import Both, Either, Leaf, Via

    indent = "  " * depth
    match policy:
        case Leaf(name):
            yield f"{indent}{name:<{16 - len(indent)}}{presence.get(name, 'absent')}"
        case Either(parts) | Both(parts):
            yield f"{indent}{'either of' if isinstance(policy, Either) else 'all of'}"
            for part in parts:
                yield from _tree(part, presence, depth + 1)
        case Via(person, application):
            yield f"{indent}a user"
            yield from _tree(person, presence, depth + 1)
            yield f"{indent}through an application"
            yield from _tree(application, presence, depth + 1)
        case _:
            yield f"{indent}public"


def _signature(signing: Signing) -> Iterator[str]:
    yield ""
    yield f"  The string that {signing.key_id} must sign (profile {signing.profile}), between the bars:"
    if signing.text is None:
        yield "    none: this profile cannot tell this request from another one"
        return
    for line in signing.text.decode("utf-8", "backslashreplace").split("\n"):
        yield f"    |{clean(line)}|"
    if not signing.timestamp_given:
        yield "  X-Timestamp was not sent: the present time stands for it."


def _end(rehearsed: Rehearsed) -> Iterator[str]:
    outcome = _outcome(rehearsed)
    if outcome["decision"] == "accepted":
        who = outcome["subject"]
        rows = (
            f"{who}, proved by {outcome['scheme']} {outcome['credential']}" if who else "anybody: the route is public"
        )
        scopes = " ".join(outcome.get("scopes", ()))
        yield from _verdict(f"accepted: {rows}", f"scopes {scopes}" if scopes else "")
        return
    more = "the caller sees no more than the status; docs/reference/reasons.md says what the code means"
    credential = f", credential {outcome['credential']}" if outcome["credential"] else ""
    yield from _verdict(f"{outcome['decision']}: {outcome['status']} {outcome['reason']}{credential}", more)


def _verdict(text: str, more: str) -> Iterator[str]:
    yield ""
    yield colour(text, "green" if text.startswith("accepted") else "red", sys.stdout)
    if more:
        yield f"  {more}"
