"""``[[provider]]``: presets, what is missing, what may not be."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchword.server.config.load import ConfigError, load


def settings_of(tmp_path: Path, text: str):  # type: ignore[no-untyped-def]
    path = tmp_path / "watchword.toml"
    path.write_text(text)
    return load(path)


def provider_of(tmp_path: Path, text: str):  # type: ignore[no-untyped-def]
    return settings_of(tmp_path, "[[provider]]\n" + text).provider[0].provider()


def test_presets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_SECRET", "x")
    google = provider_of(tmp_path, 'preset = "google"\nclient_id = "c"\nclient_secret_env = "GOOGLE_SECRET"\n')
    assert (google.name, google.label, google.issuer) == ("google", "Google", "https://accounts.google.com")
    assert (google.client_secret, google.many_tenants, google.sign_up) == ("x", False, False)
    microsoft = provider_of(tmp_path, 'preset = "microsoft"\nclient_id = "c"\ntenants = ["t"]\n')
    assert (microsoft.many_tenants, microsoft.tenants) == (True, ("t",))
    github = provider_of(tmp_path, 'preset = "github"\nclient_id = "c"\n')
    assert (github.kind, github.scopes) == ("github", ("read:user", "user:email"))


def test_any_other_provider(tmp_path: Path) -> None:
    own = provider_of(tmp_path, 'name = "corp"\nissuer = "https://id.corp.example"\nclient_id = "c"\n')
    assert (own.label, own.scopes) == ("corp", ("openid", "profile", "email"))


def test_a_variable_of_a_client_secret_is_no_stray_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHWORD_CORP_SECRET", "x")
    text = 'preset = "google"\nclient_id = "c"\nclient_secret_env = "WATCHWORD_CORP_SECRET"\n'
    assert provider_of(tmp_path, text).client_secret == "x"


def test_a_secret_that_is_not_there_is_named_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH", raising=False)
    with pytest.raises(ValueError, match="provider google: the variable NO_SUCH is not set"):
        provider_of(tmp_path, 'preset = "google"\nclient_id = "c"\nclient_secret_env = "NO_SUCH"\n')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('client_id = "c"\n', "needs a name and an issuer"),
        ('name = "x"\nissuer = "http://evil.example"\nclient_id = "c"\n', "must start with https"),
        ('name = "X/../y"\nissuer = "https://a.example"\nclient_id = "c"\n', "a name stands in URLs"),
        ('name = "x"\nissuer = "https://a.example"\nclient_id = "c"\nscopes = ["email"]\n', "scope openid"),
        ('preset = "gogle"\nclient_id = "c"\n', "preset"),
        ('preset = "google"\n', "client_id"),
        ('preset = "google"\nclient_id = "c"\nclient_secret = "hunter2"\n', "a secret is not written here"),
        ('preset = "google"\nclient_id = "c"\n[[provider]]\npreset = "google"\nclient_id = "d"\n', "named twice"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        settings_of(tmp_path, "[[provider]]\n" + text)
    assert said in str(raised.value)
    assert "hunter2" not in str(raised.value)
