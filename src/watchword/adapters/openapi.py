"""Say in an OpenAPI 3.1 document what each operation accepts, and how it refuses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from itertools import product
from typing import Any, Final, TypeAlias

from watchword.adapters.problem import PROBLEM_TYPE
from watchword.model.verdict import SecurityScheme

__all__ = ["PROBLEM", "Requirement", "declare", "every", "refusals"]

Requirement: TypeAlias = dict[str, list[str]]
"""One security requirement object: all of its schemes at once, each with the scopes wanted of it."""

PROBLEM: Final = "WatchwordProblem"
"""The name of the schema of a refusal."""

_MEDIA: Final = "application/problem+json"
_SCHEMA: Final[Mapping[str, Any]] = {
    "title": "Problem",
    "description": "A refusal (RFC 9457). Quote the reference to the operator, whose audit log holds the reason.",
    "type": "object",
    "required": ["type", "title", "status", "reference"],
    "properties": {
        "type": {"type": "string", "format": "uri", "examples": [PROBLEM_TYPE + "unauthenticated"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "reference": {"type": "string"},
    },
}
_TEXT: Final = {"type": "string"}
_SECONDS: Final = {"type": "integer", "minimum": 1}
_CHALLENGE: Final = {"WWW-Authenticate": {"description": "What to prove oneself by (RFC 9110)", "schema": _TEXT}}
_LATER: Final = {"Retry-After": {"description": "Seconds to wait", "schema": _SECONDS}}
_QUOTA: Final = {
    "RateLimit": {"description": "What is left of the limit", "schema": _TEXT},
    "RateLimit-Policy": {"description": "The limit", "schema": _TEXT},
}
_REFUSALS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "400": ("The request is malformed, or a credential is in its URL", {}),
    "401": ("The caller did not prove who is calling", _CHALLENGE),
    "403": ("The caller is known and may not do this", _CHALLENGE),
    "413": ("The content is too long to check its signature", {}),
    "429": ("Too many requests", {**_LATER, **_QUOTA}),
    "503": ("It cannot be told who is calling at the moment", _LATER),
}


def every(demands: Sequence[Sequence[Requirement]]) -> list[Requirement]:
    """Return the alternatives that satisfy all of ``demands``, each of which is a list of alternatives.

    Two guards on one operation both ask: ``a | b`` and ``c`` are met by ``a`` with ``c``, or by ``b`` with ``c``.
    """
    found: list[Requirement] = []
    for choice in product(*demands):
        merged: Requirement = {}
        for requirement in choice:
            for name, scopes in requirement.items():
                known = merged.setdefault(name, [])
                known += [scope for scope in scopes if scope not in known]
        if merged not in found:
            found.append(merged)
    return found


def refusals(*, body: bool = False) -> dict[str, Any]:
    """Return the responses by which a guarded operation refuses; with ``body`` also that to an overlong content."""
    return {
        status: {
            "description": description,
            **({"headers": dict(headers)} if headers else {}),
            "content": {_MEDIA: {"schema": {"$ref": f"#/components/schemas/{PROBLEM}"}}},
        }
        for status, (description, headers) in _REFUSALS.items()
        if body or status != "413"
    }


def declare(
    document: MutableMapping[str, Any], schemes: Mapping[str, SecurityScheme], used: Iterable[Requirement]
) -> None:
    """Add the security schemes that ``used`` names to the document's components, with every scope asked of them."""
    scopes: dict[str, list[str]] = {}
    for requirement in used:
        for name, wanted in requirement.items():
            if name in schemes:
                known = scopes.setdefault(name, [])
                known += [scope for scope in wanted if scope not in known]
    components = document.setdefault("components", {})
    if scopes:
        declared = components.setdefault("securitySchemes", {})
        declared.update({name: _with_scopes(schemes[name], wanted) for name, wanted in sorted(scopes.items())})
    components.setdefault("schemas", {})[PROBLEM] = dict(_SCHEMA)


def _with_scopes(scheme: SecurityScheme, scopes: Sequence[str]) -> dict[str, Any]:
    """Return the scheme with ``scopes`` listed in each of its flows (OpenAPI 3.1.1, OAuth Flow Object)."""
    if "flows" not in scheme:
        return dict(scheme)
    flows = {
        name: {**flow, "scopes": {**dict.fromkeys(scopes, ""), **flow.get("scopes", {})}}
        for name, flow in scheme["flows"].items()
    }
    return {**scheme, "flows": flows}
