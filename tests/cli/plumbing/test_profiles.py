"""Profiles: from a file that only its owner may read, or from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchword.cli.plumbing.profiles import SCHEMES, Proof, auth_of, profile_named, profiles_file
from watchword.cli.plumbing.shell import Stop

VALUES = {
    "secret": "s",
    "username": "alice",
    "key_id": "hk_live_1",
    "token_url": "http://127.0.0.1/token",
    "client_id": "cli_1",
    "base_url": "http://127.0.0.1",
    "certificate": "c.pem",
    "private_key": "k.pem",
}


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = profiles_file()
    path.parent.mkdir()
    return path


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)


def test_a_profile_comes_from_the_file(config: Path) -> None:
    _write(config, '[billing]\nscheme = "api-key"\nsecret = "env:KEY"\nurl = "https://api.test"\n')
    proof = profile_named("billing")
    assert (proof.scheme, proof.values["secret"], proof.url) == ("api-key", "env:KEY", "https://api.test")


def test_the_environment_wins(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(config, '[my-app]\nscheme = "api-key"\nsecret = "one"\n')
    monkeypatch.setenv("WATCHWORD_PROFILE_MY_APP__SECRET", "two")
    assert profile_named("my-app").values["secret"] == "two"


def test_a_profile_may_be_in_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHWORD_PROFILE_CI__SCHEME", "api-key")
    monkeypatch.setenv("WATCHWORD_PROFILE_CI__SECRET", "s")
    assert profile_named("ci").scheme == "api-key"


def test_a_file_that_others_may_read_is_refused(config: Path) -> None:
    _write(config, '[a]\nscheme = "api-key"\nsecret = "s"\n')
    config.chmod(0o644)
    with pytest.raises(Stop, match="may be read by others") as stop:
        profile_named("a")
    assert "chmod 600" in stop.value.hint


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ('[biling]\nscheme = "api-key"\nsecret = "s"\n', "no profile 'billing'", "did you mean biling?"),
        ('[billing]\nscheme = "api-kye"\nsecret = "s"\n', "no scheme 'api-kye'", "did you mean api-key?"),
        ('[billing]\nscheme = "api-key"\nsecert = "s"\n', "unknown key 'secert'", "did you mean secret?"),
        ('[billing]\nscheme = "hmac"\n', "hmac needs key_id", ""),
        ('[billing]\nsecret = "s"\n', "scheme is missing", "one of: api-key"),
        ('[billing]\nscheme = "api-key"\nsecret = 7\n', "must be a text", ""),
        ("[billing\n", "line 1: not TOML", ""),
        ('scheme = "api-key"\n', "stands outside a profile", "[scheme]"),
    ],
)
def test_mistakes_name_the_nearest_word(config: Path, text: str, what: str, hint: str) -> None:
    _write(config, text)
    with pytest.raises(Stop) as stop:
        profile_named("billing")
    assert what in str(stop.value)
    assert hint in stop.value.hint


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_makes_its_auth(scheme: str) -> None:
    auth = auth_of(Proof(scheme, VALUES), "http://127.0.0.1/x")
    assert (auth is None) is (scheme == "mtls")


def test_no_proof_prints_its_secret() -> None:
    assert "hush" not in repr(Proof("api-key", {"secret": "hush"}))


def test_options_are_put_over_a_profile() -> None:
    proof = Proof("hmac", {"key_id": "a", "secret": "b"}).but(secret="c", ca=None, signing="")
    assert proof.values == {"key_id": "a", "secret": "c"}


def test_a_proof_names_files_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Proof("mtls", {"certificate": "~/c.pem"}).path("certificate") == tmp_path / "c.pem"
    assert Proof().path("certificate") is None
