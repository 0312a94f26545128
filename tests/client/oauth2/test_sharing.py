"""Judge how processes share what is kept, and what is forgotten: revoked (RFC 7009), deleted, and neither unsaid."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.client.oauth2.test_keeping import client, posix
from tests.client.oauth2.world import ISSUER, Played, World, sending
from watchword.client import AuthenticationFailed, OAuth2Auth
from watchword.client.oauth2 import TokenFile
from watchword.client.transport import Call


@pytest.fixture
def file(tmp_path: Path) -> TokenFile:
    return TokenFile(tmp_path / "tokens" / "me.json")


def test_who_waits_too_long_is_told(file: TokenFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchword.client.oauth2.sharing._PATIENCE", 0.0)
    other = TokenFile(tmp_path / "tokens" / "me.json")
    assert other.take()
    with pytest.raises(AuthenticationFailed, match="another process"):
        World().play(client(World(), file))
    other.give_back()


def test_what_is_forgotten_is_revoked(file: TokenFile) -> None:
    world = World(metadata={"revocation_endpoint": f"{ISSUER}/revoke"})
    world.play(client(world, file))
    assert world.drive(client(world, file).forgotten()) is True
    assert (world.forms[-1]["token"], file.load()) == ("r1", None)
    assert world.drive(client(world, file).forgotten()) is False


@pytest.mark.parametrize("more", [{"scope": "b"}, {"issuer": "https://evil.example"}, {"issuer": None}])
def test_what_is_forgotten_is_revoked_where_it_came_from(file: TokenFile, more: dict[str, Any]) -> None:
    world = World(metadata={"revocation_endpoint": f"{ISSUER}/revoke"})
    world.play(client(world, file))
    other = OAuth2Auth(None, "cli", **{"scope": "a", "flow": world.flow(), "issuer": ISSUER, "keep": file, **more})
    assert world.drive(other.forgotten()) is True
    assert (world.asked[-1].url, world.forms[-1]["token"], file.load()) == (f"{ISSUER}/revoke", "r1", None)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"access_token":"t","issuer":"http://auth.example"}', '{"issuer":7}'])
def test_what_cannot_be_revoked_is_deleted_and_that_is_said(file: TokenFile, text: str) -> None:
    world = World()
    file.save(text)
    with pytest.raises(AuthenticationFailed, match="which server") as caught:
        world.drive(client(world, file).forgotten())
    assert (caught.value.type, file.load(), world.asked) == ("not_revoked", None, [])


@posix
def test_what_others_may_read_is_deleted_too(file: TokenFile, tmp_path: Path) -> None:
    file.save("hush")
    (tmp_path / "tokens" / "me.json").chmod(0o644)
    with pytest.raises(AuthenticationFailed, match="read by others") as caught:
        World().drive(client(World(), file).forgotten())
    assert (caught.value.type, file.load()) == ("not_revoked", None)


def test_a_server_that_revokes_nothing_is_said(file: TokenFile) -> None:
    world = World()
    world.play(client(world, file))
    with pytest.raises(AuthenticationFailed, match="revocation_endpoint"):
        world.drive(client(world, file).forgotten())
    assert file.load() is None


def test_forgetting_waits_for_who_refreshes(file: TokenFile) -> None:
    world = World(metadata={"revocation_endpoint": f"{ISSUER}/revoke"}, lifetime=0.0)
    world.play(client(world, file))
    going = Played(world, client(world, file), sending())
    going.until(lambda step: isinstance(step, Call))  # it holds the lock now
    forgetting = threading.Thread(target=lambda: world.drive(client(world, file).forgotten()))
    forgetting.start()
    while not going.over:
        going.go()
    forgetting.join(5)
    assert (world.forms[-1].get("token"), file.load()) == ("r2", None)
