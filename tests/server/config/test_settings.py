"""The model of the settings: defaults that fit together, forms that are held."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from watchword.server.config.settings import Settings


def test_defaults_are_safe() -> None:
    settings = Settings()
    assert settings.server.listen.startswith("127.0.0.1:")
    assert settings.server.trusted_proxies == ()
    assert settings.burn_url_credentials
    assert not settings.passwords.plaintext
    assert settings.limits.address
    assert settings.limits.account
    assert settings.sessions.absolute <= 24 * 3600  # NIST SP 800-63B-4 section 2.2.3
    assert settings.sessions.idle <= 3600


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().server.listen = "0.0.0.0:1"


def test_relative_stores_are_beside_the_file() -> None:
    settings = Settings()
    settings._folder = Path("/etc/watch word")
    assert settings.store_url == "sqlite:////etc/watch%20word/watchword.db"
    absolute = Settings(store={"url": "sqlite:////var/lib/w.db"})
    assert absolute.store_url == "sqlite:////var/lib/w.db"
    assert Settings(store={"url": "memory:"}).store_url == "memory:"
