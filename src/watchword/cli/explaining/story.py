"""Tell an explanation to people: what ``watchword.explanation`` says as JSON, line by line."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

from watchword.cli.plumbing.output import clean, colour

__all__ = ["story"]

_OTHERS: Final = 4  # routes beside the one that decided that are shown
_WIDTH: Final = 14
_SKEW: Final = 30.0  # seconds by which clocks may differ without anybody minding
_LABELS: Final = {"either": "either of", "both": "all of"}
_MORE: Final = "docs/reference/reasons.md says what the code means"
_COST_FROM: Final = 56  # the column


def story(value: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines."""
    yield colour(clean(f"{value['method']} {value['url']}"), "bold", sys.stdout)
    yield f"from {clean(value['address']) or '?'}, {'over TLS' if value['tls'] else 'without TLS'}" + (
        ", with a client certificate" if value["certificate"] else ""
    )
    yield ""
    yield from _routes(value)
    if value["route"] is not None:
        yield from _steps(value, "before")
        yield from _policy(value)
        yield from _steps(value, "after")
    yield from (f"  note      -- {clean(note)}" for note in value["notes"])
    if value["route"] is not None and value["signature"] is not None:
        yield from _signature(value["signature"])
    yield from _end(value)


def _mark(outcome: str) -> str:
    if outcome == "passed":
        return colour("ok", "green", sys.stdout)
    return colour("NO", "red", sys.stdout) if outcome in ("refused", "broken") else "--"


def _routes(value: Mapping[str, Any]) -> Iterator[str]:
    route = value["route"]
    if route is None:
        why = (
            f"the question is not read: {clean(value['detail'])}"
            if value.get("detail")
            else "what no route names is refused"
        )
        yield f"  route     {_mark('refused')} none: {why}"
    else:
        demands = [f"scopes {' '.join(route['scopes'])}"] if route["scopes"] else []
        demands += [f"limit {route['limit']}"] if route["limit"] else []
        demands += [f"networks {' '.join(route['networks'])}"] if route["networks"] else []
        demands += [f"factors {' '.join(route['factors'])}"] if route["factors"] else []
        demands += [f"within {route['within']:.0f} s"] if route["within"] is not None else []
        why = next(each["why"] for each in value["routes"] if each["matched"])
        yield f"  route     {_mark('passed')} {_named(route)}" + (f": {clean(why)}" if why else "")
        yield f"              accepts {clean(route['accept'])}" + "".join(f"; {clean(each)}" for each in demands)
    others = [each for each in value["routes"] if not each["matched"]]
    for each in others[:_OTHERS]:
        yield f"            -- {_named(each)}: {clean(each['why'])}"
    if len(others) > _OTHERS:
        yield f"            -- {len(others) - _OTHERS} more that are for other places"


def _named(route: Mapping[str, Any]) -> str:
    return clean(f"{'|'.join(route['methods']) or 'any method'} {route['path']}")


def _steps(value: Mapping[str, Any], stage: str) -> Iterator[str]:
    label = stage
    for step in value["steps"]:
        if step["stage"] == stage:
            text = f"  {label:<9} {_mark(step['outcome'])} {clean(step['name'])}{_why(step)}"
            yield text if step["outcome"] == "not reached" else _with_cost(text, step["cost"])
            label = ""


def _why(step: Mapping[str, Any]) -> str:
    if step["outcome"] == "not reached":
        return ": not asked any more"
    detail = clean(step["detail"] or "")
    if not step["reason"]:
        return f": {detail}" if detail else ""
    return f": {step['reason']}" + (f" ({detail})" if detail else "")


def _with_cost(text: str, cost: float) -> str:
    return f"{text.ljust(_COST_FROM)}  {cost:.0f} µs"


def _policy(value: Mapping[str, Any]) -> Iterator[str]:
    step = next(each for each in value["steps"] if each["stage"] == "policy")
    if step["outcome"] == "passed":
        proved = [node for node in _leaves(value["policy"]) if node["outcome"] == "proved"]
        text = f"proved {', '.join(clean(node['subject']) for node in proved)}" if proved else "nobody, and public"
    else:
        text = "not reached" if step["outcome"] == "not reached" else _why(step).removeprefix(": ")
    line = f"  policy    {_mark(step['outcome'])} {text}"
    yield line if step["outcome"] == "not reached" else _with_cost(line, step["cost"])
    yield from _tree(value["policy"], 0)


def _leaves(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if node["kind"] == "scheme":
        yield node
    for part in node.get("parts", ()):
        yield from _leaves(part)


def _tree(node: Mapping[str, Any], depth: int) -> Iterator[str]:
    """Yield the policy as an indented tree; ``>`` stands before what is on the way that decided."""
    start = f"            {'>' if node['decided'] else ' '} {'  ' * depth}"
    if node["kind"] == "scheme":
        name = node["name"].ljust(max(1, _WIDTH - 2 * depth))
        yield f"{start}{name} {node['presence']}{_verdict_of(node)}"
    elif node["kind"] == "public":
        yield f"{start}public"
    elif node["kind"] == "via":
        user, application = node["parts"]
        yield f"{start}a user"
        yield from _tree(user, depth + 1)
        yield f"{start}through an application"
        yield from _tree(application, depth + 1)
    else:
        yield f"{start}{_LABELS[node['kind']]}"
        for part in node["parts"]:
            yield from _tree(part, depth + 1)


def _verdict_of(node: Mapping[str, Any]) -> str:
    if node["outcome"] == "not asked":
        return ", not asked" if node["presence"] == "presented" else ""
    whom = f" {clean(node['subject'])} by {clean(node['credential'])}" if node["outcome"] == "proved" else ""
    why = f" {node['reason']}" if node["reason"] else ""
    return f": {node['outcome']}{whom}{why}" + (", remembered" if node["remembered"] else "")


def _signature(signature: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    key = f"{clean(signature['key_id'])} must sign (profile {signature['profile']})"
    yield f"  The string that {key}, between the bars:"
    if signature["string_to_sign"] is None:
        yield "    none: this profile cannot tell this request from another one"
        return
    yield from _barred(signature["string_to_sign"])
    if not signature["timestamp_given"]:
        yield "  X-Timestamp was not sent: the present time stands for it."
    elif signature["skew"] is not None and abs(signature["skew"]) > _SKEW:
        side = "behind" if signature["skew"] > 0 else "ahead of"
        yield f"  X-Timestamp is {abs(signature['skew']):.0f} s {side} the server's clock; 300 s are let pass."
    if signature["right"]:
        yield "  X-Signature is the signature of exactly that."
    yield from _fits(signature)
    yield from _difference(signature)


def _barred(text: str) -> Iterator[str]:
    yield from (f"    |{clean(line)}|" for line in text.split("\n"))


def _fits(signature: Mapping[str, Any]) -> Iterator[str]:
    if signature["right"] is not False:
        return
    if not signature["fits"]:
        yield "  X-Signature is no signature of that, nor of what callers often sign instead: is it the right secret?"
        return
    for fit in signature["fits"]:
        yield f"  X-Signature fits if {clean(fit['words'])}."


def _difference(signature: Mapping[str, Any]) -> Iterator[str]:
    differs = signature["differs"]
    if differs is None:
        return
    what = f" ({differs['what']})" if differs["what"] else ""
    yield f"  They differ first in line {differs['line']}{what}, column {differs['column']}:"
    yield f"    must be signed  {clean(differs['ours'])}"
    yield f"    was signed      {clean(differs['theirs'])}"
    yield f"                    {' ' * differs['marker']}^"


def _end(value: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    if value["decision"] == "accepted":
        who = value["subject"]
        proved = f"{who}, proved by {value['scheme']} {value['credential']}" if who else "anybody: the route is public"
        through = f", through {value['actor']}" if value.get("actor") else ""
        yield colour(clean(f"accepted: {proved}{through}"), "green", sys.stdout)
        if value["scopes"]:
            yield f"  scopes {clean(' '.join(value['scopes']))}"
    else:
        credential = f", credential {value['credential']}" if value["credential"] else ""
        text = f"{value['decision']}: {value['status']} {value['reason']}{credential}"
        yield colour(clean(text), "red", sys.stdout)
        yield "  the caller sees"
        yield from _response(value["response"])
        yield f"  the audit has {value['reason']}: {_MORE}"
    if value["cost"]:
        source = "a remembered verdict answered" if value["remembered"] else "nothing remembered answered"
        yield f"  {value['cost']:.0f} µs, {source}; nothing of this is kept"


def _response(response: Mapping[str, Any]) -> Iterator[str]:
    yield f"    {response['status']}"
    for name, text in response["headers"]:
        if name not in ("content-length", "content-type", "cache-control"):
            shown = "-".join(word.capitalize() for word in clean(name).split("-")).replace("Www-", "WWW-")
            yield f"    {shown}: {clean(text)}"
    yield f"    {clean(response['body'])}"
