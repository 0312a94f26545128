"""Judge where tokens are kept: nobody else may read them, and one process at a time changes them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

from tests.client.oauth2.world import ISSUER, World
from watchword.client import AuthenticationFailed, OAuth2Auth
from watchword.client.oauth2 import Keep, KeyringKeep, TokenFile

posix = pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")


@pytest.fixture
def file(tmp_path: Path) -> TokenFile:
    return TokenFile(tmp_path / "tokens" / "me.json")


def test_what_is_kept_is_there_until_it_is_forgotten(file: TokenFile) -> None:
    assert file.load() is None
    file.save("one")
    file.save("two")
    assert file.load() == "two"
    assert (file.forget(), file.forget(), file.load()) == (True, False, None)


@posix
def test_nobody_else_may_read_it(file: TokenFile, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        file.save("hush")
        assert file.take()
        file.give_back()
    finally:
        os.umask(before)
    folder = tmp_path / "tokens"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert sorted(path.name for path in folder.iterdir()) == ["me.json", "me.json.lock"]


@posix
def test_a_file_that_others_may_read_is_not_used(file: TokenFile, tmp_path: Path) -> None:
    file.save("hush")
    (tmp_path / "tokens" / "me.json").chmod(0o644)
    with pytest.raises(AuthenticationFailed, match="may be read by others") as caught:
        file.load()
    assert "hush" not in str(caught.value)


@posix
def test_a_folder_that_others_may_enter_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    file = TokenFile(tmp_path / "open" / "me.json")
    for use in (lambda: file.save("hush"), file.take):
        with pytest.raises(AuthenticationFailed, match="chmod 700"):
            use()


@posix
def test_a_link_that_somebody_planted_is_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "tokens"
    folder.mkdir(mode=0o700)
    (tmp_path / "else").write_text("theirs")
    (folder / "me.json").symlink_to(tmp_path / "else")
    file = TokenFile(folder / "me.json")
    with pytest.raises(AuthenticationFailed, match="cannot be read"):
        file.load()
    file.save("mine")  # takes the link's place
    assert (tmp_path / "else").read_text() == "theirs"
    assert file.load() == "mine"


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AuthenticationFailed, match="cannot be used"):
        TokenFile(tmp_path / "file" / "me.json").save("hush")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_cannot_be_written_leaves_no_half_and_keeps_the_old(
    file: TokenFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def full(*_: Any) -> None:
        raise error

    file.save("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises((AuthenticationFailed, KeyboardInterrupt)):
        file.save("hush")
    assert [path.name for path in (tmp_path / "tokens").iterdir()] == ["me.json"]
    assert file.load() == "old"


def test_a_lock_that_cannot_be_is_said(file: TokenFile, tmp_path: Path) -> None:
    file.save("x")
    (tmp_path / "tokens" / "me.json.lock").mkdir()
    with pytest.raises(AuthenticationFailed, match="cannot be locked"):
        file.take()


def test_a_file_that_cannot_be_deleted_is_said(tmp_path: Path) -> None:
    (tmp_path / "tokens" / "me.json").mkdir(parents=True)
    with pytest.raises(AuthenticationFailed, match="cannot be deleted"):
        TokenFile(tmp_path / "tokens" / "me.json").forget()


def test_one_at_a_time(tmp_path: Path) -> None:
    one, two = (TokenFile(tmp_path / "tokens" / "me.json") for _ in range(2))
    assert one.take()
    assert not two.take()
    one.give_back()
    one.give_back()
    assert two.take()
    two.give_back()


def test_a_process_that_dies_lets_the_lock_go(tmp_path: Path) -> None:
    path = tmp_path / "tokens" / "me.json"
    program = (
        "import os, sys; from watchword.client.oauth2 import TokenFile; "
        "os._exit(9 if TokenFile(sys.argv[1]).take() else 1)"
    )
    ran = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True)
    assert ran.returncode == 9
    file = TokenFile(path)
    assert file.take()
    file.give_back()


def client(world: World, keep: Keep | None, scope: str = "a", **options: Any) -> OAuth2Auth:
    return OAuth2Auth(None, "cli", None, scope, flow=world.flow(), issuer=ISSUER, keep=keep, **options)


def test_the_next_process_needs_no_login(file: TokenFile) -> None:
    world = World()
    for _ in range(3):
        assert world.play(client(world, file)) == [200]
    assert (len(world.shown), world.number) == (1, 1)


def test_the_next_process_refreshes_what_is_over(file: TokenFile) -> None:
    world = World(lifetime=0.0)
    for _ in range(3):
        world.play(client(world, file))
    assert len(world.shown) == 1
    assert world.grants() == {"authorization_code": 1, "refresh_token": 2}


def test_the_next_process_has_the_key(file: TokenFile) -> None:
    world = World(kind="DPoP", lifetime=0.0)
    for _ in range(2):
        assert world.play(client(world, file, dpop=True)) == [200]
    assert world.grants() == {"authorization_code": 1, "refresh_token": 1}


def test_what_is_kept_for_another_purpose_is_not_used(file: TokenFile) -> None:
    world = World()
    world.play(client(world, file))
    world.play(client(world, file, "b"))
    world.play(client(world, file, "b", resource="https://api.example"))
    assert len(world.shown) == 3


@pytest.mark.parametrize("lifetime", [0.0, 3600])
def test_what_one_server_gave_is_shown_to_no_other(file: TokenFile, lifetime: float) -> None:
    world, other = World(lifetime=lifetime), "https://other.example"
    world.play(client(world, file))
    elsewhere = World(metadata={"issuer": other}, answer={"iss": other})
    auth = OAuth2Auth(None, "cli", None, "a", flow=elsewhere.flow(), issuer=other, keep=file)
    elsewhere.number = 100
    assert elsewhere.play(auth) == [200]
    assert elsewhere.seen == [{"Authorization": "Bearer t101"}]
    assert elsewhere.grants() == {"authorization_code": 1}


def test_what_is_refused_is_not_taken_from_there_again(file: TokenFile) -> None:
    world = World()
    world.play(client(world, file))
    world.revoked.add("t1")
    assert world.play(client(world, file)) == [401, 200]
    assert world.grants() == {"authorization_code": 1, "refresh_token": 1}


def test_what_another_process_refreshed_is_taken_over(file: TokenFile) -> None:
    world = World()
    first, second = client(world, file), client(world, file)
    world.play(first)
    world.play(second)
    world.revoked.add("t1")
    assert world.play(first) == [401, 200]
    assert world.play(second) == [401, 200]
    assert (world.number, len(world.shown)) == (2, 1)


def test_a_spoilt_file_is_one_without_tokens(file: TokenFile) -> None:
    file.save('{"purpose": "x"')
    world = World()
    assert world.play(client(world, file)) == [200]


def test_twenty_at_once_refresh_once(file: TokenFile) -> None:
    world = World(lifetime=0.0)
    world.play(client(world, file))
    world.lifetime = 3600
    threads = [threading.Thread(target=lambda: world.play(client(world, file))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert world.grants() == {"authorization_code": 1, "refresh_token": 1}
    assert len(world.seen) == 21


def test_the_lock_is_given_back_when_the_login_fails(file: TokenFile) -> None:
    world = World(answer={"error": "access_denied", "code": ""})
    with pytest.raises(AuthenticationFailed):
        world.play(client(world, file))
    assert file.take()
    file.give_back()


# --- the keyring ------------------------------------------------------------------------------------------------------


class _Vault(KeyringBackend):
    """Be a keyring in memory."""

    priority = 5.0  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[tuple[str, str], str] = {}
        self.broken = False

    def get_password(self, service: str, username: str) -> str | None:
        self._works()
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._works()
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.held.pop((service, username), None) is None:
            raise PasswordDeleteError("not there")

    def _works(self) -> None:
        if self.broken:
            raise RuntimeError("hush")


@pytest.fixture
def vault() -> Iterator[_Vault]:
    before = keyring.get_keyring()
    backend = _Vault()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


def test_a_keyring_keeps_tokens(vault: _Vault, tmp_path: Path) -> None:
    keep = KeyringKeep("me", tmp_path / "locks")
    world = World()
    for _ in range(2):
        world.play(client(world, keep))
    assert list(vault.held) == [("watchword", "me")]
    assert len(world.shown) == 1
    assert (keep.forget(), keep.forget()) == (True, False)


@pytest.mark.parametrize(("priority", "usable"), [(5.0, True), (1, True), (0.5, False), (0, False)])
def test_a_keyring_that_is_none_is_not_used(vault: _Vault, priority: float, usable: bool) -> None:
    vault.priority = priority  # type: ignore[assignment]
    assert KeyringKeep.usable() is usable


def test_two_that_forget_at_once(vault: _Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep = KeyringKeep("me", tmp_path)
    monkeypatch.setattr(vault, "get_password", lambda service, username: "gone meanwhile")
    assert keep.forget()


def test_without_the_package_there_is_no_keyring(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert not KeyringKeep.usable()
    with pytest.raises(ImportError):
        KeyringKeep("me", tmp_path)


def test_a_keyring_that_is_broken_is_said(vault: _Vault, tmp_path: Path) -> None:
    vault.broken = True
    keep = KeyringKeep("me", tmp_path)
    for use in (keep.load, lambda: keep.save("hush"), keep.forget):
        with pytest.raises(AuthenticationFailed, match="keyring cannot be") as caught:
            use()
        assert "hush" not in str(caught.value)
