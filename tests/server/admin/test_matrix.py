"""Every operation asks for its own right, of machines and of people; of people also for a proof of lately."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import httpx2
import pytest
from tests.server.admin.operators import asking, problem
from tests.server.live import Live, live

from watchword.app import Watchword
from watchword.lifecycle.operations.rights import ALL_RIGHTS
from watchword.model.credential import Credential, Kind
from watchword.model.records import Add
from watchword.server.admin.endpoints import admin_parts
from watchword.server.admin.operation import Operation
from watchword.server.config.settings import Settings

OPERATIONS: Final = [each for part in admin_parts(Watchword(), Settings()) for each in part.operations()]
BY_SCOPE: Final = {scope: [each for each in OPERATIONS if each.scope == scope] for scope in sorted(ALL_RIGHTS)}
WITHOUT_PROOF: Final = {
    "POST /admin/v1/subjects": "who is new can do nothing yet",
    "POST /admin/v1/alerts/{id}/acknowledge": "it is noted who looked",
    "POST /admin/v1/alerts/test": "nothing changes",
    "POST /admin/v1/audit/checkpoint": "what is signed is what there is",
}
"""Acts that neither reveal nor destroy."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    settings = '[admin]\naccept = "api-key | session"\nlimit = ""\n[limits]\naddress = "1000000/min"\n'
    with live(tmp_path_factory.mktemp("matrix"), settings) as running:
        running.service("ops")
        for name in ("alice", "factored"):
            running.user(name, scopes=tuple(ALL_RIGHTS))
        factor = Credential("otp_matrix", Kind.TOTP, "user:factored", 1, detail={"name": "phone"})
        assert running.do(running.watchword.store.write(Add(factor)))
        yield running


def asked(http: httpx2.Client, operation: Operation) -> httpx2.Response:
    place = re.sub(r"\{\w+\}", "x", operation.place)
    return http.request(operation.method, place, json={} if operation.body else None)


def browser(server: Live, name: str, age: int, *, csrf: bool = True) -> httpx2.Client:
    """Return the browser of somebody who gave their password so many seconds ago, and no second factor."""
    at = int(server.watchword.clock()) - age
    options = {"authenticated_at": at, "factors": ["pwd"], "proved": {"pwd": at}}
    session = server.issue(Kind.SESSION, f"user:{name}", scopes=ALL_RIGHTS, options=options)
    headers = {"cookie": f"session={session.material['cookie']}"}
    if csrf:
        headers["x-csrf-token"] = server.watchword.csrf.token_for(session.credential.id)
    return server.client(headers=headers, verify=False)


@pytest.mark.parametrize("scope", BY_SCOPE)
def test_all_other_rights_together_are_not_enough(server: Live, scope: str) -> None:
    with asking(server, *(ALL_RIGHTS - {scope}), "admin", "admin:*", f"{scope}s", scope.upper()) as http:
        for operation in BY_SCOPE[scope]:
            assert problem(asked(http, operation)) == (403, "insufficient_scope"), operation.path


def test_every_right_but_that_to_write_settings_is_good_for_something() -> None:
    unused = {scope for scope, operations in BY_SCOPE.items() if not operations}
    assert unused == {"admin:configuration:write", "admin:usage:write"}


def test_every_act_asks_for_a_proof_or_it_is_said_why_not() -> None:
    without = {f"{each.method} {each.place}" for each in OPERATIONS if each.scope.endswith(":write") and not each.anew}
    assert without == WITHOUT_PROOF.keys()


@pytest.mark.parametrize(("name", "age"), [("alice", 700), ("factored", 0)])
def test_people_prove_themselves_before_they_act(server: Live, name: str, age: int) -> None:
    """By a login of lately, and who has a second factor by that."""
    with browser(server, name, age) as http:
        for operation in OPERATIONS:
            if operation.anew:
                answer = asked(http, operation)
                assert problem(answer) == (401, "insufficient_user_authentication"), operation.path
        assert http.get("/admin/v1/subjects").status_code == 200


def test_no_other_site_acts_with_a_session(server: Live) -> None:
    with browser(server, "alice", 0, csrf=False) as http:
        for operation in OPERATIONS:
            if operation.method != "GET":
                assert problem(asked(http, operation)) == (403, "forbidden"), operation.path


def test_whose_session_is_young_may(server: Live) -> None:
    with browser(server, "alice", 0) as http:
        refused = {asked(http, each).status_code for each in OPERATIONS if each.anew and "{" in each.place}
    assert refused <= {404, 422}
