"""A policy that lets anyone in administers nothing; see test_clients for the rest."""

from __future__ import annotations

from pathlib import Path

from tests.server.live import live

from watchword.model.credential import Kind


def test_public_lets_nobody_administer(tmp_path: Path) -> None:
    with live(tmp_path, '[admin]\naccept = "public"\n') as server, server.client() as http:
        assert http.get("/admin/v1/clients").status_code == 401
        assert http.post("/admin/v1/clients", json={"subject": "service:x"}).status_code == 401


def test_a_session_is_accepted_where_the_operator_says_so_with_its_csrf_token(tmp_path: Path) -> None:
    with live(tmp_path, '[admin]\naccept = "session"\n') as server:
        server.user("alice")
        scopes = ("admin:clients:read", "admin:clients:write")
        session = server.issue(Kind.SESSION, "user:alice", scopes=scopes)
        with server.client(headers={"cookie": f"session={session.material['cookie']}"}) as http:
            assert http.get("/admin/v1/clients").status_code == 200
            assert http.post("/admin/v1/clients", json={"subject": "service:x"}).status_code == 403
