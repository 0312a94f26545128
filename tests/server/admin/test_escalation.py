"""Nobody rises by what they may do: of every act, on everything that has a right which the operator lacks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.server.admin.operators import asking, problem
from tests.server.live import Live, live

from watchword.app import Watchword
from watchword.lifecycle.clients.book import ClientBook
from watchword.lifecycle.operations.rights import ALL_RIGHTS
from watchword.lifecycle.verbs import Lifecycle
from watchword.model.credential import Credential, Kind
from watchword.model.records import Add, Swap
from watchword.server.admin.endpoints import admin_parts
from watchword.server.config.settings import Settings

RIGHT = "admin:keys:write"
WHY = {"reason": "x"}
SUBJECT = "/admin/v1/subjects/user:root"
HELD: dict[str, Any] = {
    "/admin/v1/credentials": {"kind": "api-key", "subject": "service:billing", "scopes": [RIGHT]},
    "/admin/v1/credentials/{id}/rotate": {},
    "/admin/v1/credentials/{id}/revoke": WHY,
    "/admin/v1/credentials/{id}": {"scopes": []},
    "/admin/v1/subjects/{subject}": None,
    "/admin/v1/subjects/{subject}/disable": None,
    "/admin/v1/subjects/{subject}/enable": None,
    "/admin/v1/subjects/{subject}/log-out": None,
    "/admin/v1/subjects/{subject}/password": {"password": "gray lamps on a quiet hill"},
    "/admin/v1/subjects/{subject}/reset-link": None,
    "/admin/v1/subjects/{subject}/address": {"address": "root@example.com"},
    "/admin/v1/subjects/{subject}/factors/reset": WHY,
    "/admin/v1/subjects/{subject}/factors/{id}/remove": WHY,
    "/admin/v1/subjects/{subject}/sessions/{id}/end": None,
    "/admin/v1/keys/{id}/rotate": {},
    "/admin/v1/keys/{id}/revoke": WHY,
    "/admin/v1/leaks": {"credential": "{id}"},
    "/admin/v1/invitations": {"address": "new@example.com", "scopes": [RIGHT]},
    "/admin/v1/tokens/revoke": {"subject": "user:root", **WHY},
    "/admin/v1/clients": {"subject": "service:shop", "scopes": [RIGHT]},
    "/admin/v1/subjects/import": {"people": [{"username": "new", "password_hash": ""}], "scopes": [RIGHT]},
    "/admin/v1/clients/{client_id}": {"client_name": "x"},
    "/admin/v1/clients/{client_id}/rotate": {},
    "/admin/v1/clients/{client_id}/disable": None,
    "/admin/v1/clients/{client_id}/enable": None,
}
"""What each act is asked with, on somebody or something that holds ``RIGHT``, or to give it."""

FREE: dict[str, str] = {
    "/admin/v1/subjects": "who is new can do nothing yet",
    "/admin/v1/alerts/{id}/acknowledge": "it is noted who looked",
    "/admin/v1/alerts/test": "it goes to those whom the settings name",
    "/admin/v1/clients/registration-token": "who registers gets no right: the scope is one for registering",
    "/admin/v1/audit/checkpoint": "what is signed is what there is",
    "/admin/v1/rotation": "each outcome says which right is missing: test_rotation",
}
"""Acts that reach nobody, each with the reason."""

WRITES = sorted(
    {
        (operation.method, operation.path, operation.scope)
        for part in admin_parts(Watchword(), Settings())
        for operation in part.operations()
        if operation.scope.endswith(":write")
    }
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    settings = '[admin]\nlimit = ""\n[accounts]\nsign_up = "invitation"\n'
    with live(tmp_path_factory.mktemp("escalation"), settings) as running:
        running.service("ops")
        running.service("billing")
        running.user("root", scopes=(RIGHT,))
        factor = Credential("otp_root", Kind.TOTP, "user:root", 1, detail={"name": "phone"})
        assert running.do(running.watchword.store.write(Add(factor)))
        yield running


@pytest.fixture(scope="module")
def names(server: Live) -> dict[str, str]:
    key = server.issue(Kind.API_KEY, "service:billing", scopes=[RIGHT]).credential.id
    client = server.issue(Kind.OAUTH_CLIENT, "service:billing", scopes=[RIGHT]).material["client_id"]
    session = server.issue(Kind.SESSION, "user:root", scopes=[RIGHT]).credential.id
    return {"{id}": key, "credentials": key, "sessions": session, "factors": "otp_root", "client_id": client}


def acts(server: Live) -> list[str]:
    """Return what was done so far: an act is in the audit as soon as it is answered."""
    held = server.do(server.watchword.store.events(limit=10_000))
    return [event.action for _, event in held if event.action != "decide"]


def filled(path: str, names: dict[str, str]) -> str:
    path = path.replace(":path}", "}").replace("{subject}", "user:root").replace("{client_id}", names["client_id"])
    area = "sessions" if "/sessions/" in path else "factors" if "/factors/" in path else "credentials"
    return path.replace("{id}", names[area])


@pytest.mark.parametrize(("method", "path", "scope"), WRITES)
def test_who_lacks_a_right_neither_gives_it_nor_touches_who_has_it(
    server: Live, names: dict[str, str], method: str, path: str, scope: str
) -> None:
    place = path.replace(":path}", "}")
    if place in FREE:
        return
    body = HELD[place]  # an act that is not in this table is one that nobody has thought about
    with asking(server, *(ALL_RIGHTS - {RIGHT})) as http:
        before = len(acts(server))
        sent = {} if body is None else {"json": {name: names.get(str(each), each) for name, each in body.items()}}
        refused = http.request(method, filled(path, names), **sent)
        assert problem(refused) == (403, "insufficient_scope")
        if scope != RIGHT:  # else the gate refuses, by what the document says of the operation
            assert RIGHT in refused.json()["detail"]  # an operator has to know for what to ask
    assert acts(server)[before:] == []
    assert scope in ALL_RIGHTS


def test_the_table_names_no_act_that_is_gone() -> None:
    places = {path.replace(":path}", "}") for _, path, _ in WRITES}
    assert HELD.keys() | FREE.keys() == places


def test_who_holds_the_right_may(server: Live, names: dict[str, str]) -> None:
    """The twins of the above are refused for the right alone: with it the same requests are done."""
    with asking(server, *ALL_RIGHTS) as http:
        for place in ("/admin/v1/credentials/{id}/rotate", "/admin/v1/subjects/{subject}/factors/reset"):
            assert http.post(filled(place, names), json=HELD[place]).status_code == 200


@pytest.mark.parametrize("text", [f"orders:read {RIGHT}", f"a\t{RIGHT}", f" {RIGHT}", f"a\u00a0{RIGHT}"])
def test_a_right_does_not_hide_behind_another_scope(server: Live, names: dict[str, str], text: str) -> None:
    """A text may hold several scopes: each is judged."""
    with asking(server, *(ALL_RIGHTS - {RIGHT})) as http:
        mine = server.issue(Kind.API_KEY, "service:billing").credential.id
        client = server.issue(Kind.OAUTH_CLIENT, "service:billing").material["client_id"]
        for method, place, body in (
            ("POST", "/admin/v1/credentials", {"kind": "api-key", "subject": "service:billing"}),
            ("PATCH", f"/admin/v1/credentials/{mine}", {}),
            ("POST", "/admin/v1/clients", {"subject": "service:shop"}),
            ("PATCH", f"/admin/v1/clients/{client}", {}),
            ("POST", "/admin/v1/invitations", {"address": "new@example.com"}),
        ):
            answer = http.request(method, place, json={**body, "scopes": [text]})
            assert problem(answer)[0] in (403, 422), (method, place)
    held = server.do(server.watchword.lifecycle.page(subject="service:billing", limit=500))
    gained = {each.id for each in held if RIGHT in each.scopes}
    assert gained <= {names["credentials"], names["client_id"]} | {each.id for each in held if each.replaces}


@pytest.mark.parametrize("kind", [Kind.PASSWORD, Kind.TOTP, Kind.PASSKEY, Kind.RECOVERY, Kind.EMAIL, Kind.IDENTITY])
def test_what_somebody_logs_in_by_has_their_rights(server: Live, kind: Kind) -> None:
    """Who could take it away, or give another, would have power over an account that may do what they may not."""
    record = Credential(f"x_{kind}", kind, "user:root", 1, detail={"name": "x", "address": "x@example.com"})
    assert server.do(server.watchword.store.write(Add(record)))
    with asking(server, *(ALL_RIGHTS - {RIGHT})) as http:
        for act, body in (("rotate", {}), ("revoke", WHY)):
            answer = http.post(f"/admin/v1/credentials/{record.id}/{act}", json=body)
            assert problem(answer) == (403, "insufficient_scope"), act


@pytest.mark.parametrize("kind", [Kind.API_KEY, Kind.OAUTH_CLIENT])
def test_a_right_that_comes_between_judging_and_acting_is_not_given_away(
    server: Live, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The successor would have a right that was not there when it was judged, and its secret goes to who asked."""
    made = server.issue(kind, "service:billing").credential
    area, owner = ("credentials", Lifecycle) if kind is Kind.API_KEY else ("clients", ClientBook)
    place = f"/admin/v1/{area}/{made.id}/rotate"

    async def granting(self: Any, id: str, **given: Any) -> Any:
        store = server.watchword.store
        record = await store.credential(made.id)
        assert record is not None
        assert await store.write(Swap(record.changed(scopes=frozenset({RIGHT}))))
        return await rotate(self, id, **given)

    rotate: Any = owner.rotate  # type: ignore[attr-defined]
    monkeypatch.setattr(owner, "rotate", granting)
    with asking(server, *(ALL_RIGHTS - {RIGHT})) as http:
        answer = http.post(place, json={})
    assert problem(answer)[0] in (409, 412)
    record = server.do(server.watchword.lifecycle.show(made.id))
    assert record.replaced_by is None
