"""Everything that the command line does is done under ``/admin/v1``, or it is said why not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import typer

from watchword.app import Watchword
from watchword.cli import app
from watchword.server.admin.endpoints import admin_parts
from watchword.server.admin.openapi import document_of
from watchword.server.config.settings import Settings

EVERYWHERE: Final = {"--config", "--json"}
CREDENTIALS, SUBJECTS, CLIENTS = "/admin/v1/credentials", "/admin/v1/subjects", "/admin/v1/clients"
BOUNDS: Final = {"--expires": "expires_at", "--ip": "networks", "--limit": "limit", "--scope": "scopes"}
OF_CLIENTS: Final = {
    **BOUNDS,
    "--name": "client_name", "--grant": "grants", "--redirect-uri": "redirect_uris", "--audience": "audiences",
    "--post-logout-redirect-uri": "post_logout_redirect_uris", "--stands-for": "introspects",
    "--id-token-alg": "id_token_signed_response_alg", "--userinfo-alg": "userinfo_signed_response_alg",
    "--signed-requests": "require_signed_request_object", "--dpop": "dpop_bound_access_tokens",
    "--certificate-bound": "tls_client_certificate_bound_access_tokens", "--contact": "contacts",
    "--tls-subject-dn": "tls_client_auth_subject_dn", "--tls-san-dns": "tls_client_auth_san_dns",
    "--tls-san-uri": "tls_client_auth_san_uri", "--tls-san-ip": "tls_client_auth_san_ip",
    "--tls-san-email": "tls_client_auth_san_email", "--backchannel-logout-uri": "backchannel_logout_uri",
    "--backchannel-session": "backchannel_logout_session_required", "--impersonate": "exchange",
    "--authorization-details-type": "authorization_details_types", "--exchange-audience": "exchange",
}  # fmt: skip
REASON: Final = {"--reason": "reason"}

SAME: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "issue": (f"POST {CREDENTIALS}", {
        "KIND": "kind", "--for": "subject", "--test": "test", "--profile": "profile", "--password-stdin": "password",
        **BOUNDS,
        **dict.fromkeys(("--redirect-uri", "--grant", "--public", "--first-party"), "POST " + CLIENTS),
    }),
    "list": (f"GET {CREDENTIALS}", {
        "NAMED": "q", "--kind": "kind", "--subject": "subject", "--state": "state", "--limit": "limit",
    }),
    "show": (f"GET {CREDENTIALS}/{{id}}", {"ID": "id"}),
    "revoke": (f"POST {CREDENTIALS}/{{id}}/revoke", {
        "ID": "id", **REASON,
        **dict.fromkeys(("--token", "--subject", "--client"), "POST /admin/v1/tokens/revoke"),
    }),
    "rotate": (f"POST {CREDENTIALS}/{{id}}/rotate", {
        "WHAT": "id", "--overlap": "overlap", "--password-stdin": "password", "--dry-run": "GET /admin/v1/rotation",
        "--due": "POST /admin/v1/rotation", "--within": "POST /admin/v1/rotation",
    }),
    "leaked": ("POST /admin/v1/leaks", {"WHAT": "credential", "--where": "where", "--reissue": "reissue"}),
    "user add": (f"POST {SUBJECTS}", {
        "NAME": "subject",
        **{f"--{name}": f"POST {CREDENTIALS}" for name in ("password", "password-stdin", "scope", "admin")},
    }),
    "user list": (f"GET {SUBJECTS}", {}),
    "user disable": (f"POST {SUBJECTS}/{{subject}}/disable", {"NAME": "subject"}),
    "user enable": (f"POST {SUBJECTS}/{{subject}}/enable", {"NAME": "subject"}),
    "user scopes": (f"PATCH {CREDENTIALS}/{{id}}", {
        "NAME": "id", "--add": "scopes", "--remove": "scopes", "--admin": "scopes",
    }),
    "user import": (f"POST {SUBJECTS}/import", {"FILE": "people", "--dry-run": "dry_run", "--scope": "scopes"}),
    "user imported": (f"GET {SUBJECTS}/imported", {}),
    "user invite": ("POST /admin/v1/invitations", {"ADDRESS": "address", "--scope": "scopes", "--print": "mail"}),
    "user reset-password": (f"POST {SUBJECTS}/{{subject}}/reset-link", {"NAME": "subject", "--print": "mail"}),
    "user address": (f"POST {SUBJECTS}/{{subject}}/address", {"NAME": "subject", "ADDRESS": "address"}),
    "user export": (f"GET {SUBJECTS}/{{subject}}/export", {"NAME": "subject"}),
    "user delete": (f"DELETE {SUBJECTS}/{{subject}}", {"NAME": "subject"}),
    "user factors": (f"GET {SUBJECTS}/{{subject}}/factors", {"NAME": "subject"}),
    "user remove-factor": (f"POST {SUBJECTS}/{{subject}}/factors/{{id}}/remove", {
        "NAME": "subject", "ID": "id", **REASON,
    }),
    "user reset-factors": (f"POST {SUBJECTS}/{{subject}}/factors/reset", {"NAME": "subject", **REASON}),
    "service add": (f"POST {SUBJECTS}", {"NAME": "subject"}),
    "service list": (f"GET {SUBJECTS}", {}),
    "service disable": (f"POST {SUBJECTS}/{{subject}}/disable", {"NAME": "subject"}),
    "service enable": (f"POST {SUBJECTS}/{{subject}}/enable", {"NAME": "subject"}),
    "client add": (f"POST {CLIENTS}", {"NAME": "subject", **OF_CLIENTS}),
    "client set": (f"PATCH {CLIENTS}/{{client_id}}", {"ID": "client_id", **OF_CLIENTS}),
    "client list": (f"GET {CLIENTS}", {"--state": "state"}),
    "client show": (f"GET {CLIENTS}/{{client_id}}", {"ID": "client_id"}),
    "client disable": (f"POST {CLIENTS}/{{client_id}}/disable", {"ID": "client_id"}),
    "client enable": (f"POST {CLIENTS}/{{client_id}}/enable", {"ID": "client_id"}),
    "client rotate": (f"POST {CLIENTS}/{{client_id}}/rotate", {"ID": "client_id", "--overlap": "overlap"}),
    "client registration-token": (f"POST {CLIENTS}/registration-token", {"--expires": "expires"}),
    "lint": ("GET /admin/v1/lint", {"--store": "store", "--rules": "GET /admin/v1/lint/rules"}),
    "explain": ("POST /admin/v1/explain", {
        "METHOD": "method", "URL": "url", "--header": "headers", "--cert": "certificate", "--data": "body",
        "--from": "address", "--signed-string": "string_signed",
    }),
    "advise": ("POST /admin/v1/advise", {"--scope": "scopes"}),
    "usage": ("GET /admin/v1/usage", {"ID": "credential", "--limit": "GET /admin/v1/usage/rows"}),
    "audit": ("GET /admin/v1/audit", {
        "--verify": "GET /admin/v1/audit/verify", "--against": "POST /admin/v1/audit/verify",
        "--checkpoint": "POST /admin/v1/audit/checkpoint", "--export": "GET /admin/v1/audit/export",
        "--follow": "GET /admin/v1/audit/export",
    }),
    "alerts list": ("GET /admin/v1/alerts", {"--all": "open", "--limit": "limit"}),
    "alerts show": ("GET /admin/v1/alerts/{id}", {"ID": "id"}),
    "alerts acknowledge": ("POST /admin/v1/alerts/{id}/acknowledge", {"ID": "id"}),
    "alerts rules": ("GET /admin/v1/alerts/rules", {}),
    "alerts test": ("POST /admin/v1/alerts/test", {}),
}  # fmt: skip
"""Of each verb the operation, and of its options the field, or the operation that stands for one.

An option without a row is called as its field is, with ``_`` for ``-``.
"""

HERE: Final = {
    "init": "it makes the server's folder",
    "serve": "it is the server",
    "demo": "it is another server",
    "migrate": "no server runs before it",
    "scan": "it reads the files of who calls it; what it finds goes to POST /admin/v1/leaks",
    "call": "it is a caller",
}
"""Verbs that are of the machine on which they are typed."""

HERE_ALONE: Final = {
    ("issue", "--out"): "a file", ("rotate", "--out"): "a file", ("lint", "--sarif"): "a file",
    ("advise", "--write"): "a file", ("user import", "--format"): "a file",
    ("lint", "--allow"): "each finding names its rule", ("lint", "--strict"): "an exit code",
    ("user delete", "--yes"): "a question", ("user reset-factors", "--yes"): "a question",
    ("explain", "--server"): "which server", ("explain", "--as"): "which server",
    ("client set", "--unset"): "null takes a field away",
    ("advise", "--scheme"): "answers have all of them", ("advise", "--language"): "answers have all of them",
    **{("rotate", name): "the root key never travels" for name in ("--prepare", "--drop", "--again")},
}  # fmt: skip
"""Options that say how or where, not what."""


def verbs(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, list[str]]]:
    for name, each in getattr(command, "commands", {}).items():
        if getattr(each, "commands", None):
            yield from verbs(each, (*path, name))
        else:
            yield " ".join((*path, name)), [_name(parameter) for parameter in each.params]


def _name(parameter: Any) -> str:
    long = [option for option in parameter.opts if option.startswith("--")]
    return long[0] if long else str(parameter.name).upper()


VERBS: Final = dict(verbs(typer.main.get_command(app)))


@pytest.fixture(scope="module")
def operations() -> dict[str, set[str]]:
    """Return of each operation what it takes: in its place, its query and its content."""
    watchword = Watchword()
    document = document_of(watchword, "api-key", admin_parts(watchword, Settings()))
    schemas = document["components"]["schemas"]
    found: dict[str, set[str]] = {}
    for place, methods in document["paths"].items():
        for method, operation in methods.items():
            names = {each["name"] for each in operation.get("parameters", ())}
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if body is not None:
                names |= schemas[body["schema"]["$ref"].rpartition("/")[2]]["properties"].keys()
            found[f"{method.upper()} {place}"] = names
    return found


def test_every_verb_is_an_operation_or_is_of_its_machine() -> None:
    assert sorted(SAME.keys() | HERE.keys()) == sorted(VERBS)
    assert all(option in VERBS[verb] for verb, option in HERE_ALONE)


@pytest.mark.parametrize("verb", SAME)
def test_every_option_is_a_field(verb: str, operations: dict[str, set[str]]) -> None:
    operation, fields = SAME[verb]
    for option in VERBS[verb]:
        if option in EVERYWHERE or (verb, option) in HERE_ALONE:
            continue
        field = fields.get(option, option.removeprefix("--").replace("-", "_"))
        assert field in (operations if " " in field else operations[operation]), (verb, option)


def test_the_page_has_every_verb_and_names_what_there_is(operations: dict[str, set[str]]) -> None:
    page = (Path(__file__).parents[3] / "docs" / "admin-api.md").read_text()
    rows = re.findall(r"^\| ((?:`watchword [^`]+`(?:, )?)+)[^|]* \| (.+) \|$", page, re.MULTILINE)
    said = {verb: places for names, places in rows for verb in re.findall(r"`watchword ([^`]+)`", names)}
    assert sorted(said) == sorted(VERBS)
    for verb, (operation, fields) in SAME.items():
        wanted = {operation, *(field for field in fields.values() if " " in field)}
        named = {f"{method} /admin/v1/{place}" for method, place in re.findall(r"`([A-Z]+) …/([^`]+)`", said[verb])}
        assert wanted <= named, verb
        assert named <= operations.keys(), verb
    for verb, why in HERE.items():
        assert why.split(";")[0] in said[verb], verb
