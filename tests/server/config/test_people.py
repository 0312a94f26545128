"""``[accounts]`` and ``[mail]``."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchword.server.config.load import ConfigError, load


def _load(folder: Path, toml: str) -> object:
    (folder / "watchword.toml").write_text(toml)
    return load(folder / "watchword.toml")


def test_nobody_signs_up_and_no_mail_is_sent_unless_it_is_said(tmp_path: Path) -> None:
    settings = load(None)
    assert settings.accounts.sign_up == "off"
    assert settings.mail.server == ""
    assert settings.mail.encryption == "starttls"


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('[mail]\nserver = "smtp.example.com:587"\n', "sender is missing"),
        ('[mail]\nserver = "smtp.example.com"\nsender = "a@example.com"\n', "HOST:PORT"),
        ('[mail]\nsender = "not an address"\n', "mail can come from"),
        ('[mail]\nsender = "a@example.com\\r\\nBcc: b@example.com"\n', "mail can come from"),
        ('[mail]\nencryption = "none"\nusername = "me"\n', "unencrypted"),
        ('[accounts]\nsign_up = "maybe"\n', "sign_up"),
        ('[accounts]\nlimit = "many"\n', "accounts.limit"),
    ],
)
def test_what_cannot_work_is_refused_at_the_start(tmp_path: Path, toml: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, toml)
    assert said in str(caught.value)


def test_the_variable_of_the_mail_password_is_no_stray_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHWORD_MAIL_PASSWORD", "hidden")
    _load(tmp_path, '[mail]\npassword_env = "WATCHWORD_MAIL_PASSWORD"\n')
    with pytest.raises(ConfigError):
        _load(tmp_path, "")
