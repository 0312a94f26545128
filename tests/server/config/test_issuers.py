"""What outside issuers are good for is said in words, and what does not go together is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from watchword.server.config.load import ConfigError, load, watchword_of

ISSUER = '[[trusted_issuer]]\nurl = "https://ci.example"\njwks_uri = "https://ci.example/keys"\n'


def _load(folder: Path, text: str) -> object:
    (folder / "watchword.toml").write_text(text)
    return load(folder / "watchword.toml")


def test_an_issuer_of_bearer_tokens_is_what_it_always_was(tmp_path: Path) -> None:
    settings = _load(tmp_path, ISSUER + 'audience = "us"\n[store]\nurl = "memory:"\n')
    watchword = watchword_of(settings)  # type: ignore[arg-type]
    assert set(watchword.parts.issuers) == {"https://ci.example"}
    assert watchword.oauth.rules.issuers == ()


def test_an_issuer_of_assertions_opens_no_api(tmp_path: Path) -> None:
    words = 'use = ["assertion", "id-jag"]\nsubjects = { "repo:shop" = "service:Deploy" }\n[store]\nurl = "memory:"\n'
    watchword = watchword_of(_load(tmp_path, ISSUER + words))  # type: ignore[arg-type]
    assert dict(watchword.parts.issuers) == {}
    (trusted,) = watchword.oauth.rules.issuers
    assert trusted.uses == {"assertion", "id-jag"}
    assert trusted.subject_of({"sub": "repo:shop"}) == "service:deploy"
    assert trusted.subject_of({"sub": "repo:other"}) is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ('use = ["assertoin"]', "did you mean assertion?"),
        ("use = []", "use is empty"),
        ("", "audience is missing"),
        ('use = ["bearer", "exchange"]', "audience is missing"),
        ('use = ["assertion", "reusable-assertion"]', "either used once or reusable"),
        ('audience = "us"\nsubjects = { "a" = "service:a" }', "subjects is for assertions alone"),
        ('use = ["assertion"]\nsubjects = { "a" = "a" }', "is not a subject"),
    ],
)
def test_a_mistake_names_what_is_wrong(tmp_path: Path, words: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        _load(tmp_path, ISSUER + words + "\n")


def test_this_server_is_no_outside_issuer(tmp_path: Path) -> None:
    text = 'issuer = "https://ci.example"\n' + ISSUER + 'use = ["assertion"]\n[store]\nurl = "memory:"\n'
    with pytest.raises(ConfigError, match="not this server itself"):
        watchword_of(_load(tmp_path, text))  # type: ignore[arg-type]
