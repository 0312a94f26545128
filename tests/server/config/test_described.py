"""``[oauth]``: what clients may have that describe themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from watchword.lifecycle.oauth.described.rules import DEVICE, DescribedRules
from watchword.model.verdict import Rate
from watchword.server.config.load import ConfigError, load


def rules(folder: Path, toml: str = "") -> DescribedRules:
    (folder / "watchword.toml").write_text(f"[oauth]\n{toml}\n")
    return load(folder / "watchword.toml").oauth.described()


def test_by_default_documents_alone(tmp_path: Path) -> None:
    assert rules(tmp_path) == DescribedRules()


def test_all_of_it(tmp_path: Path) -> None:
    toml = """
registration = "open"
registration_grants = ["authorization_code", "device-code"]
registration_scopes = ["orders:read"]
registration_access = "5m"
registration_refresh = "1d"
registration_limit = "3/min"
registration_most = 5
registration_unused = "1h"
registration_idle = "2d"
documents = false
document_hosts = ["app.example"]
private_hosts = ["10.0.0.1", "::1", "app.internal"]
"""
    assert rules(tmp_path, toml) == DescribedRules(
        registration="open",
        documents=False,
        document_hosts=frozenset({"app.example"}),
        grants=frozenset({"authorization_code", DEVICE}),
        scopes=frozenset({"orders:read"}),
        access_lifetime=300,
        refresh_lifetime=86_400,
        limit=Rate(3, 60),
        most=5,
        unused=3_600,
        idle=172_800,
    )


def test_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHWORD_OAUTH__DOCUMENT_HOSTS", "a.example,b.example")
    monkeypatch.setenv("WATCHWORD_OAUTH__REGISTRATION_GRANTS", "authorization_code")
    found = rules(tmp_path)
    assert found.document_hosts == {"a.example", "b.example"}
    assert found.grants == {"authorization_code"}


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('registration = "yes"', "registration"),
        ('registration_grants = ["implicit"]', "implicit"),
        ('registration_scopes = ["a b\\""]', "scope"),
        ('registration_access = "3d"', "2d at most"),
        ('registration_limit = "many"', "rate"),
        ("registration_most = 0", "registration_most"),
        ('document_hosts = ["https://app.example"]', "no host"),
        ('document_hosts = ["App.example"]', "no host"),
        ("document_hosts = [1]", "no host"),
        ('private_hosts = ["*.internal"]', "no host"),
        ("document = true", "documents"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, toml: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        rules(tmp_path, toml)
    assert said in str(error.value)
    assert "line 2" in str(error.value)


def test_what_is_fetched_for_strangers_follows_the_settings(tmp_path: Path) -> None:
    from watchword.codec.secrets import new_root_key
    from watchword.server.config.load import watchword_of

    (tmp_path / "watchword.toml").write_text('[oauth]\nprivate_hosts = ["app.internal"]\n')
    made: Any = watchword_of(load(tmp_path / "watchword.toml"), root_key=new_root_key())
    assert made.oauth.fetch._private_hosts == ("app.internal",)
    assert made.oauth.documents.on
