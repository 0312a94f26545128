"""Say in words that people understand what an application wants, and who it is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from watchword.lifecycle.oauth.rules import OAuthRules
from watchword.model.credential import Credential
from watchword.server.pages.language import translated

__all__ = ["app_face", "detail_rows", "resource_names", "scope_rows"]

_NAMES: Final = {
    "openid": "Know who you are",
    "profile": "See your name and your language",
    "email": "See your email address",
    "offline_access": "Keep its access while you are away",
}
_REQUIRED: Final = frozenset({"openid"})
_ORDER: Final = tuple(_NAMES)
_LONGEST_NAME: Final = 80


def scope_rows(rules: OAuthRules, scopes: Iterable[str], language: str) -> list[dict[str, Any]]:
    """Return what each scope lets an application do: ``name``, ``text``, ``required``, ``known``."""
    ordered = sorted(scopes, key=lambda each: (_ORDER.index(each) if each in _ORDER else len(_ORDER), each))
    return [_row(rules, each, language) for each in ordered]


def _row(rules: OAuthRules, scope: str, language: str) -> dict[str, Any]:
    words = rules.scopes.get(scope)
    if words is not None:
        text = words.get(language) or words["en"]
    elif scope in _NAMES:
        text = translated(_NAMES[scope], language)
    else:
        text = translated("Use “{scope}”", language, scope=scope)
    known = words is not None or scope in _NAMES
    return {"name": scope, "text": text, "required": scope in _REQUIRED, "known": known}


def resource_names(rules: OAuthRules, resources: Iterable[str]) -> list[str]:
    """Return the names of the APIs that a token would be for."""
    named = {each.uri: each.name for each in rules.resources}
    return [named.get(each) or each for each in resources]


def detail_rows(rules: OAuthRules, details: Iterable[Mapping[str, Any]], language: str) -> list[dict[str, Any]]:
    """Return each right for a single act: ``text`` of its type, and ``members`` with their values."""
    rows = []
    for each in details:
        words = rules.details.get(str(each["type"]), {})
        members = [(_visible(name), _visible(_shown(value))) for name, value in each.items() if name != "type"]
        rows.append({"text": words.get(language) or words.get("en") or str(each["type"]), "members": members})
    return rows


def _shown(value: object) -> str:
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        text = ", ".join(value)
    elif isinstance(value, dict):
        text = ", ".join(f"{name}: {_shown(inner)}" for name, inner in value.items())
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text


def _visible(text: str) -> str:
    """Return a text with what cannot be seen, or turns the rest of the line around, as its code: all of it is shown."""
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in text)


def app_face(client: Credential, redirect_uri: str) -> dict[str, Any]:
    """Return who an application is: ``name``, ``source``, ``maker`` (a host), where the answer ``goes``, and ``terms``.

    ``document`` is the host that vouches for a client of a metadata document, "" for others. ``goes`` is a host,
    "" for a program on this machine.
    """
    detail = client.detail
    name = str(detail.get("client_name") or detail["client_id"])
    source = str(detail.get("source", "operator"))
    return {
        "name": name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…",
        "source": source,
        "document": _host(str(detail["client_id"])) if source == "document" else "",
        "maker": _host(str(detail.get("client_uri", ""))),
        "goes": _host(redirect_uri) if redirect_uri.startswith("https://") else "",
        "terms": [
            (name, str(detail[name]))
            for name in ("tos_uri", "policy_uri")
            if str(detail.get(name)).startswith("https:")
        ],
    }


def _host(uri: str) -> str:
    try:
        return urlsplit(uri).netloc.rpartition("@")[2] if uri.startswith("https://") else ""
    except ValueError:
        return ""
