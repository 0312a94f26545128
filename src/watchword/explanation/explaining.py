"""Explain one request, whole: its route, its steps, its policy, its signature, and what the caller would see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import unquote

from watchword.adapters.asgi import request_of, wants_body
from watchword.adapters.problem import problem
from watchword.app import Watchword
from watchword.audit import redact
from watchword.codec.message import body_digest
from watchword.explanation.asking import Question, Unclear
from watchword.explanation.front import Front
from watchword.explanation.result import Explanation, Outcome, Response
from watchword.explanation.routing import Candidate, candidates, rule_of
from watchword.explanation.signing import Signing, signing_of
from watchword.explanation.tree import tree_of
from watchword.explanation.walk import Walked, walk
from watchword.gate import Route
from watchword.guards.url_credentials import UrlCredentials
from watchword.model.reason import BODY_UNSEEN, MALFORMED_REQUEST, NO_ROUTE
from watchword.model.request import Request
from watchword.model.verdict import Allow, Decision, Deny, Rejection
from watchword.routes import Rule

__all__ = ["explain", "explained"]

_BROKEN: Final = 503
_QUICK: Final = 20_000.0  # microseconds
_OTHERWISE: Final = "that is what a gateway is told; what this server itself demands there is in docs/reference/http.md"
_REFERENCE: Final = "0" * 16
"""Stands for a refusal's reference: none is drawn, since no event has it."""


async def explain(
    watchword: Watchword,
    method: str,
    url: str,
    headers: Iterable[tuple[str | bytes, str | bytes]] = (),
    *,
    body: bytes = b"",
    address: str = "127.0.0.1",
    certificate: bytes | None = None,
    string_signed: str | None = None,
    places: Sequence[Rule] = (),
) -> Explanation:
    """Return what ``watchword``, which is started, would decide about a request now, and why. Raise Unclear.

    ``certificate`` is the client's, in DER; ``string_signed`` what the caller signed, to be compared with what the
    request must sign. ``places`` are what the server itself demands where the configuration names no route. Nothing is
    kept: no event, no count, no first use, no verdict; nothing is burnt.
    """
    fields = tuple((_bytes(name), _bytes(value)) for name, value in headers)  # of what a server received, or would
    return await explained(
        watchword, Question(method, url, fields, body, address, certificate, string_signed).checked(), Front(places)
    )


async def explained(watchword: Watchword, question: Question, front: Front = Front()) -> Explanation:  # noqa: B008 - it is frozen
    """Return the explanation of a question."""
    scope = question.scope()
    request = request_of(scope, watchword.proxies)
    routes, found, refused = _place(watchword, question, scope, front)
    if found is None:
        notes = (_OTHERWISE,) if scope["path"].startswith(front.others) else ()
        return _nowhere(request, question, routes, refused, notes)
    rule, live = found
    asked_about = front.unread is not None and rule not in front.places
    _give_body(request, rule, live, question.body, seen=not asked_about)
    walked = await walk(watchword, rule, live, request)
    if (
        walked.cost < _QUICK and not walked.guessed
    ):  # once more: the first time tells what it costs to begin, not what a decision costs
        walked = await walk(watchword, rule, live, request)
    signature, note = await _signing(watchword, live, request, question)
    return Explanation(
        **_asked(request, question),
        routes=routes,
        outcome=_outcome(walked),
        response=_response(walked.decision),
        steps=tuple(walked.steps),
        policy=tree_of(live.policy.policy, walked),
        presence={name: leaf.presence for name, leaf in walked.leaves.items()},
        signature=signature,
        cost=walked.cost,
        notes=(*walked.notes, *note, *(_unseen(request, rule, walked, question.body) if asked_about else ())),
    )


def _unseen(request: Request, rule: Rule, walked: Walked, body: bytes) -> tuple[str, ...]:
    """Return what to know of content that a gateway does not show."""
    stated = request.fields.get(b"x-content-sha256")
    decision = walked.decision
    if isinstance(decision, Deny) and decision.rejection.reason is BODY_UNSEEN:
        if rule.body != "upstream":
            return ('a gateway asks without the content: signatures need body = "upstream" on the route',)
        return ("a gateway asks without the content: the caller has to send X-Content-SHA256",)
    if body and stated is not None and stated.decode("latin-1") != body_digest(body):
        return ("X-Content-SHA256 is not of this content: the service behind must refuse it",)
    return ()


def _place(
    watchword: Watchword, question: Question, scope: Mapping[str, Any], front: Front
) -> tuple[tuple[Candidate, ...], tuple[Rule, Route] | None, Rejection]:
    """Return every rule, the one that decides with its route, and how a request is refused that none decides about."""
    entries, path = watchword._table.entries, scope["path"]
    routes = candidates([rule for rule, _ in entries], question.method, path)
    own = None if routes and routes[0].matched else rule_of(front.places, question.method, path)
    if own is not None:
        routes = (Candidate(own, True, "the server's own place", near=True), *routes)
        return routes, (own, watchword.compile(own)), Rejection(NO_ROUTE)
    if front.unread is not None:
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        host = next(value for name, value in scope["headers"] if name == b"host")
        why = front.unread(question.method, target, host)
        if why:
            return tuple(replace(each, matched=False) for each in routes), None, Rejection(MALFORMED_REQUEST, why)
    if not entries and front.anyone is not None:
        return (
            (Candidate(front.anyone, True, near=True),),
            (front.anyone, watchword.compile(front.anyone)),
            Rejection(NO_ROUTE),
        )
    found = next((each for each in entries if routes[0].matched and each[0] is routes[0].rule), None)
    return routes, found, Rejection(NO_ROUTE)


def _bytes(text: str | bytes) -> bytes:
    try:
        return text if isinstance(text, bytes) else text.encode("latin-1")
    except UnicodeEncodeError:
        raise Unclear("headers", "a field has characters that no header can carry") from None


async def _signing(
    watchword: Watchword, live: Route, request: Request, question: Question
) -> tuple[Signing | None, tuple[str, ...]]:
    """Return what must be signed, and a note where that cannot be told; nothing where a secret would be quoted."""
    if "hmac" not in live.policy.schemes or _spilled(request):
        return None, ()
    try:
        return await signing_of(watchword, request, question.signed, question.body), ()
    except Exception as error:  # a store or a key that is broken broke the decision, too: the rest is told all the same
        return None, (f"what must be signed cannot be told: {type(error).__name__}",)


def _spilled(request: Request) -> bool:
    """Tell whether the URL holds a credential."""
    return isinstance(UrlCredentials().check(request, None), Rejection)


def _shown_url(request: Request, url: str) -> str:
    """Return the URL without what it must not hold: by its look, or by the name of its parameter."""
    if not _spilled(request):
        return redact(url)
    path = url.partition("?")[0]
    return f"{path if redact(unquote(path)) == unquote(path) else redact(unquote(path))}?[redacted]"


def _asked(request: Request, question: Question) -> dict[str, Any]:
    peer = request.peer
    return {
        "method": question.method,
        "url": _shown_url(request, question.url),
        "address": peer.address,
        "tls": peer.tls,
        "certificate": peer.certificate is not None,
    }


def _give_body(request: Request, rule: Rule, live: Route, body: bytes, *, seen: bool) -> None:
    """Let the request have its content where whoever decides reads it: only where what is presented signs it."""
    if not seen:
        return  # a gateway asks about a request without its content
    if rule.body == "upstream" and not body and b"x-content-sha256" in request.fields:
        return  # the gateway did not hand it on
    request.body = body
    if not (live.needs_body and wants_body(live, request)):
        request.body = None


def _nowhere(
    request: Request,
    question: Question,
    routes: tuple[Candidate, ...],
    refused: Rejection,
    notes: tuple[str, ...],
) -> Explanation:
    return Explanation(
        **_asked(request, question),
        routes=routes,
        outcome=Outcome("refused", refused.reason.status, refused.reason.code, refused.detail),
        response=_response(Deny(refused, _REFERENCE)),
        notes=notes,
    )


def _outcome(walked: Walked) -> Outcome:
    decision = walked.decision
    found = [leaf.remembered for leaf in walked.leaves.values() if leaf.verdict is not None]
    remembered = bool(found) and all(found)
    if isinstance(decision, Deny):
        refused = decision.rejection
        kind = "broken" if refused.reason.status == _BROKEN else "refused"
        told = refused.detail, refused.credential, refused.scheme
        return Outcome(kind, refused.reason.status, refused.reason.code, *told, remembered=remembered)
    assert isinstance(decision, Allow)  # noqa: S101 - there is no third decision
    who = decision.principal
    if who is None:
        return Outcome("accepted", 200)
    return Outcome(
        "accepted",
        200,
        credential=who.credential,
        scheme=who.scheme,
        subject=who.subject,
        actor=who.actor or "",
        scopes=tuple(sorted(who.scopes)),
        factors=who.factors,
        remembered=remembered,
    )


def _response(decision: Decision) -> Response:
    if isinstance(decision, Allow):
        return Response(200, _shown(decision.headers), "")
    status, headers, body = problem(Deny(decision.rejection, _REFERENCE, decision.challenges, decision.headers))
    return Response(status, _shown(headers), body.decode("utf-8", "replace"))


def _shown(headers: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode("latin-1"), redact(value.decode("latin-1"))) for name, value in headers)
