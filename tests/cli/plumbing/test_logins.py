"""Logins by OAuth for ``call``: profiles that make sense, tokens kept between calls and shells."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from tests.cli.desk import Said, run_in
from tests.person import Person
from tests.server.live import PASSWORD, Live, live
from watchword.cli.plumbing.logins import needs_secret, oauth_of, tokens_folder
from watchword.cli.plumbing.profiles import profile_named, profiles_file
from watchword.cli.plumbing.shell import Stop
from watchword.client.oauth2 import KeyringKeep, TokenFile
from watchword.model.credential import Kind

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
REDIRECT = "http://127.0.0.1/callback"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("logins"), 'issuer = "{url}"\n') as running:
        running.service("app")
        running.user("alice", scopes=("orders:read",))
        yield running


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(KeyringKeep, "usable", staticmethod(lambda: False))
    profiles_file().parent.mkdir(parents=True)
    return tmp_path


def client_of(house: Live, *grants: str, **more: Any) -> Any:
    options = {"grants": list(grants), "redirect_uris": [REDIRECT], "public": True, "first_party": True, **more}
    return house.issue(Kind.OAUTH_CLIENT, "service:app", scopes=("orders:read",), options=options).material


def profile(text: str) -> None:
    path = profiles_file()
    path.write_text(text)
    path.chmod(0o600)


def me(house: Live, flow: str = "code", **more: str) -> Any:
    client = client_of(house, "authorization_code", DEVICE, "refresh_token")
    values = {"scheme": "oauth", "url": house.url, "issuer": house.url, "client_id": client["client_id"]}
    values |= {"flow": flow, "scope": "orders:read", **more}
    profile("[me]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items()))
    return client


@pytest.fixture
def alice(house: Live, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    """Return a person whose browser opens when a login asks for it."""
    person = Person(house.url, "alice", PASSWORD)

    def open_browser(url: str) -> None:
        threading.Thread(target=person.visit, args=(url,), daemon=True).start()

    monkeypatch.setattr("watchword.client.oauth2.code.open_browser", open_browser)
    yield person
    person.close()


def call(folder: Path, *words: str) -> Said:
    return run_in(folder, "call", *words)


@pytest.mark.parametrize("dpop", ["false", "true"])
def test_one_login_is_good_for_many_calls(house: Live, alice: Person, home: Path, dpop: str) -> None:
    me(house, dpop=dpop)
    first, second = call(home, "/whoami", "--as", "me"), call(home, "/whoami", "--as", "me")
    assert (first.code, first.json["subject"]) == (0, "user:alice"), first
    assert f"Log in in your browser; if none opens, go to\n  {house.url}/oauth/authorize?" in first.err
    assert (second.code, second.err) == (0, "")
    assert len([page for page in alice.pages if "You are logged in" in page]) == 1


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_tokens_are_kept_for_their_owner_alone(house: Live, alice: Person, home: Path) -> None:
    me(house)
    call(home, "/whoami", "--as", "me")
    kept = tokens_folder() / "me.json"
    assert tokens_folder() == home / "state" / "watchword" / "tokens"
    assert (kept.stat().st_mode & 0o777, tokens_folder().stat().st_mode & 0o777) == (0o600, 0o700)


def test_forgetting_revokes(house: Live, alice: Person, home: Path) -> None:
    me(house)
    call(home, "/whoami", "--as", "me")
    kept = json.loads((tokens_folder() / "me.json").read_text())
    said = call(home, "--as", "me", "--forget")
    assert (said.code, said.err) == (0, "forgot the login of me\n")
    assert not (tokens_folder() / "me.json").exists()
    with house.client() as http:
        form = {"grant_type": "refresh_token", "refresh_token": kept["refresh_token"], "client_id": "x"}
        form["client_id"] = profile_named("me").values["client_id"]
        assert http.post("/oauth/token", data=form).json()["error"] == "invalid_grant"
    assert call(home, "--as", "me", "--forget").err == "nothing was kept for me\n"


def test_forgetting_works_without_the_server(house: Live, alice: Person, home: Path) -> None:
    me(house)
    call(home, "/whoami", "--as", "me")
    text = profiles_file().read_text()
    kept = tokens_folder() / "me.json"
    profile(text.replace(f'issuer = "{house.url}"', 'issuer = "http://127.0.0.1:1"'))
    kept.write_text(kept.read_text())
    said = call(home, "--as", "me", "--forget")
    assert said.code == 0
    assert not kept.exists()


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_what_cannot_be_forgotten_is_not_said_to_be(house: Live, alice: Person, home: Path) -> None:
    me(house)
    call(home, "/whoami", "--as", "me")
    tokens_folder().chmod(0o755)
    said = call(home, "--as", "me", "--forget")
    assert (said.code, "is not forgotten" in said.err, "chmod 700" in said.err) == (1, True, True)
    tokens_folder().chmod(0o700)
    (tokens_folder() / "me.json").chmod(0o644)
    said = call(home, "--as", "me", "--forget")
    assert (said.code, "are deleted here" in said.err) == (0, True)
    assert not (tokens_folder() / "me.json").exists()


def test_a_device_is_told_where_to_go(
    house: Live, alice: Person, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from concurrent.futures import Future

    from watchword.cli.plumbing import logins
    from watchword.client.oauth2 import DeviceAuthorization

    def soon(seconds: float) -> Future[None]:
        done: Future[None] = Future()
        done.set_result(None)
        return done

    def show(prompt: Any) -> None:
        logins._show_code(prompt)
        alice.visit(prompt.verification_uri, user_code=prompt.user_code)

    monkeypatch.setattr("watchword.client.oauth2.DeviceAuthorization", lambda _: DeviceAuthorization(show, soon))
    me(house, "device")
    said = call(home, "/whoami", "--as", "me")
    assert (said.code, said.json["subject"]) == (0, "user:alice"), said
    assert f"Go to {house.url}/device on any device, and enter\n\n  " in said.err
    assert f"or follow {house.url}/device?user_code=" in said.err


def test_a_login_that_is_declined_exits_1(house: Live, alice: Person, home: Path) -> None:
    me(house, scope="orders:burn")

    def refuse(url: str, **_: Any) -> str:
        with house.client() as http:
            return httpx2.get(http.get(url).headers["location"], trust_env=False).text

    alice.visit = refuse  # type: ignore[assignment]
    said = call(home, "/whoami", "--as", "me")
    assert (said.code, said.out) == (1, "")
    assert "invalid_scope" in said.err


def exchanges(house: Live) -> int:
    """Count what the token endpoint has given."""
    return sum(event.scheme == "oauth-client" and event.outcome == "accepted" for event in house.events())


@pytest.mark.processes
def test_six_shells_at_once_refresh_once(house: Live, alice: Person, home: Path) -> None:
    me(house)
    call(home, "/whoami", "--as", "me")
    kept = tokens_folder() / "me.json"
    grant = json.loads(kept.read_text())
    kept.write_text(json.dumps({**grant, "ends_at": 0}))
    before = exchanges(house)
    shells = [
        subprocess.Popen(
            [sys.executable, "-m", "watchword", "call", "/whoami", "--as", "me"],
            env={**os.environ, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(6)
    ]
    ended = [shell.communicate(timeout=60) for shell in shells]
    assert [shell.returncode for shell in shells] == [0] * 6, ended
    assert {json.loads(out)["subject"] for out, _ in ended} == {"user:alice"}
    assert exchanges(house) == before + 1
    again = json.loads(kept.read_text())
    assert again["refresh_token"] != grant["refresh_token"]
    assert call(home, "/whoami", "--as", "me").code == 0


def test_a_machine_keeps_nothing_unless_it_is_told_to(house: Live, home: Path) -> None:
    client = client_of(house, "client_credentials", public=False)
    values = f'scheme = "oauth"\nurl = "{house.url}"\nissuer = "{house.url}"\nclient_id = "{client["client_id"]}"\n'
    values += f'secret = "{client["client_secret"]}"\n'
    profile(f"[machine]\n{values}")
    assert call(home, "/whoami", "--as", "machine").json["subject"] == "service:app"
    assert not tokens_folder().exists()
    profile(f'[machine]\n{values}keep = "file"\n')
    assert call(home, "/whoami", "--as", "machine").json["subject"] == "service:app"
    assert (tokens_folder() / "machine.json").exists()


def test_dry_run_asks_nobody(house: Live, alice: Person, home: Path) -> None:
    me(house, dpop="true")
    said = call(home, "/whoami", "--as", "me", "--dry-run")
    assert said.code == 0
    assert "GET /.well-known/oauth-authorization-server HTTP/1.1\n" in said.out
    assert "Authorization: DPoP (from the first answer)" in said.out
    assert alice.pages == []


def test_a_server_of_tokens_that_is_not_there_is_the_one_that_is_named(house: Live, home: Path) -> None:
    me(house)
    profile(profiles_file().read_text().replace(f'issuer = "{house.url}"', 'issuer = "http://127.0.0.1:1"'))
    said = call(home, "/whoami", "--as", "me")
    assert (said.code, said.out) == (3, "")
    assert "127.0.0.1:1 cannot be reached" in said.err


def test_without_a_screen_the_other_way_is_named(
    house: Live, alice: Person, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    me(house)
    for here in (True, False):
        monkeypatch.setattr("watchword.client.oauth2.code.has_browser", lambda here=here: here)
        said = call(home, "/whoami", "--as", "me")
        assert ('flow = "device"' in said.err) is not here
        call(home, "--as", "me", "--forget")


def _await_rest(pid: int) -> None:
    """Wait until a process has used no CPU for a while."""
    process, before = psutil.Process(pid), -1.0
    while before != (now := sum(process.cpu_times()[:2])):
        before = now
        time.sleep(0.3)


@pytest.mark.processes
@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_who_loses_patience_leaves_nothing_behind(house: Live, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    me(house)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    with subprocess.Popen(
        [sys.executable, "-m", "watchword", "call", "/whoami", "--as", "me"], stderr=subprocess.PIPE, text=True
    ) as shell:
        assert shell.stderr is not None
        assert [shell.stderr.readline() for _ in range(3)][1].startswith(f"  {house.url}/oauth/authorize?")
        _await_rest(shell.pid)  # while it still imports, Python may lose an interrupt: it says so, and goes on
        shell.send_signal(signal.SIGINT)
        _, err = shell.communicate(timeout=20)
    assert (shell.returncode, err) == (130, "")
    assert [path.name for path in tokens_folder().iterdir()] == ["me.json.lock"]
    lock = TokenFile(tokens_folder() / "me.json")
    assert lock.take()
    lock.give_back()


PROFILE = 'scheme = "oauth"\nclient_id = "c"\n'


@pytest.mark.parametrize(
    ("more", "what", "hint"),
    [
        ("", "oauth needs issuer", "https://auth.example.com"),
        ('flow = "cod"\n', "there is no flow 'cod'", "did you mean code?"),
        ('flow = "code"\ntoken_url = "https://a.test/t"\n', "needs more than token_url", "issuer"),
        ('issuer = "https://a.test"\ndpop = "maybe"\n', "there is no dpop 'maybe'", "true or false"),
        ('issuer = "https://a.test"\nkeep = "cloud"\n', "there is no keep 'cloud'", "keyring or file or none"),
        *(
            (f'flow = "code"\nredirect_uri = "{place}"\n', "redirect_uri is not on this machine", REDIRECT)
            for place in (
                "https://a.test/cb",
                "http://[",
                "http://127.0.0.1",
                "http://127.0.0.1:x/cb",
                "http://127.0.0.1:99999/cb",
                "http://a@127.0.0.1/cb",
                "http://127.0.0.1/cb?a=b",
                "http://127.0.0.1/cb#",
                "http://localhost/cb",
            )
        ),
    ],
)
def test_profiles_that_make_no_sense(more: str, what: str, hint: str) -> None:
    profile(f"[me]\n{PROFILE}{more}")
    with pytest.raises(Stop) as stop:
        profile_named("me")
    assert what in str(stop.value)
    assert hint in stop.value.hint


@pytest.mark.parametrize(
    ("values", "needed"),
    [
        ({}, True),
        ({"flow": "code"}, False),
        ({"flow": "device", "secret": "s"}, True),
        ({"signing_key": "k.pem"}, False),
        ({"certificate": "c.pem"}, False),
        ({"certificate": "c.pem", "secret": "s"}, True),
    ],
)
def test_when_a_secret_is_asked_for(values: dict[str, str], needed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHWORD_SECRET", raising=False)
    assert needs_secret(values) is needed


def test_a_secret_in_the_environment_goes_before_the_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHWORD_SECRET", "s")
    assert needs_secret({"certificate": "c.pem"})
    assert not needs_secret({"flow": "code"})


def test_a_signing_key_that_others_may_read_is_refused(home: Path) -> None:
    key = home / "key.pem"
    key.write_text("x")
    key.chmod(0o644)
    values = {"client_id": "c", "issuer": "https://a.test", "signing_key": str(key)}
    with pytest.raises(Stop, match="may be read by others"):
        oauth_of(values, "", "https://a.test", "me")
    with pytest.raises(Stop, match="cannot be read"):
        oauth_of({**values, "signing_key": str(home / "nowhere")}, "", "https://a.test", "me")


def test_a_keyring_that_is_not_there_is_said() -> None:
    values = {"client_id": "c", "flow": "code", "issuer": "https://a.test", "keep": "keyring"}
    with pytest.raises(Stop, match="no keyring") as stop:
        oauth_of(values, "", "https://a.test", "me")
    assert 'keep = "file"' in stop.value.hint


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--forget",), "--forget goes with --as PROFILE"),
        (("http://127.0.0.1:1/", "--as", "me", "--forget"), "--forget goes with --as PROFILE"),
        (("--as", "key", "--forget"), "nothing is kept for key"),
    ],
)
def test_what_cannot_be_forgotten(home: Path, words: tuple[str, ...], what: str) -> None:
    profile(f'[me]\n{PROFILE}issuer = "https://a.test"\n[key]\nscheme = "api-key"\nsecret = "s"\n')
    said = call(home, *words)
    assert (said.code, said.out) == (2, "")
    assert what in said.err
