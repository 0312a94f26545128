"""``[accounts]``, ``[mail]``, ``[passwords]`` and ``[mfa]``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from watchword import run_sync
from watchword.codec.passwords import Cost
from watchword.codec.secrets import new_root_key
from watchword.codec.webauthn import Site
from watchword.server.config.load import ConfigError, load, watchword_of
from watchword.server.serve import prepare


def _load(folder: Path, toml: str) -> Any:
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
        ('[mail]\nusername = "me"\n', "password_env is missing"),
        ('[mail]\nca = "nothere.pem"\n', "line 2: mail.ca: there is no file 'nothere.pem'"),
        ('[accounts]\nsign_up = "maybe"\n', "sign_up"),
        ('[tokens]\naccess = "5d"\n', "line 2: tokens.access: it is 2d at most"),
        ('[tokens]\nrefresh_grace = "2m"\n', "line 2: tokens.refresh_grace: it is 1m at most"),
        (
            '[[route]]\npath = "/x"\naccept = "jwt"\nfactors = ["opt"]\n',
            "line 4: route.1.factors: nobody here can prove 'opt' (did you mean otp?)",
        ),
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


def test_factors_of_another_issuer_have_the_names_that_it_gives_them(tmp_path: Path) -> None:
    issuer = '[[trusted_issuer]]\nurl = "https://a.example"\naudience = "a"\njwks_uri = "https://a.example/keys"\n'
    _load(tmp_path, f'{issuer}[[route]]\npath = "/x"\naccept = "jwt"\nfactors = ["ngcmfa"]\n')


def test_a_mail_password_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    """Else every letter would be refused, which only the log tells."""
    mail = '[mail]\nserver = "localhost:25"\nsender = "a@example.com"\nusername = "me"\npassword_env = "NOT_SET"\n'
    with pytest.raises(ConfigError, match=r"mail\.password_env: the variable NOT_SET is not set"):
        run_sync(prepare(_load(tmp_path, mail), 1))


def test_passwords_are_judged_and_hashed_as_the_settings_say(tmp_path: Path) -> None:
    toml = (
        'issuer = "https://auth.orders.example"\n[store]\nurl = "memory:"\n[passwords]\nminimum = 20\n'
        "minimum_with_factor = 12\nstrength = 0\nmemory = 12288\niterations = 3\nparallelism = 2\n"
    )
    house = watchword_of(_load(tmp_path, toml), root_key=new_root_key())
    assert house.passwords.cost == house.parts.password_cost == Cost(12288, 3, 2)
    rules = house.password_rules
    assert (rules.minimum, rules.minimum_with_factor) == (20, 12)
    assert rules.check("abcdefghijklmnopqrst") == ()
    assert [each.code for each in rules.check("auth.orders.example.")] == ["personal"]


def test_passwords_are_long_and_costly_unless_it_is_said() -> None:
    table = load(None).passwords
    assert (table.minimum, table.minimum_with_factor, table.strength) == (15, 8, 3)
    assert table.cost() == Cost() == Cost(19456, 2, 1)


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("minimum = 7", "passwords.minimum"),
        ("minimum_with_factor = 7", "passwords.minimum_with_factor"),
        ("strength = 5", "passwords.strength"),
        ("memory = 7167", "passwords.memory"),
        ("memory = 19455", "at least 19456"),
        ("iterations = 1", "at least 47104"),
        ("memory = 12287\niterations = 3", "at least 12288"),
        ("memory = 9215\niterations = 4", "at least 9216"),
        ("iterations = 0", "passwords.iterations"),
        ("parallelism = 0", "passwords.parallelism"),
        ("memory = 2000000", "passwords.memory"),
        ("memmory = 20000", "did you mean"),
    ],
)
def test_hashes_that_cost_too_little_are_refused(tmp_path: Path, toml: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, f"[passwords]\n{toml}\n")
    assert said in str(caught.value)


@pytest.mark.parametrize(("memory", "iterations"), [(47104, 1), (19456, 2), (12288, 3), (9216, 4), (7168, 5)])
def test_what_owasp_holds_for_equally_strong_is_taken(tmp_path: Path, memory: int, iterations: int) -> None:
    table = _load(tmp_path, f"[passwords]\nmemory = {memory}\niterations = {iterations}\n").passwords  # type: ignore[attr-defined]
    assert table.cost() == Cost(memory, iterations, 1)


# --- [mfa] ------------------------------------------------------------------------------------------------------------


def test_passkeys_are_the_issuers_unless_it_is_said(tmp_path: Path) -> None:
    settings = _load(tmp_path, 'issuer = "https://login.example.com"\n')
    assert settings.mfa.required == "optional"
    assert settings.mfa.site(settings.issuer_url) == Site(
        "login.example.com", "Watchword", ("https://login.example.com",)
    )


def test_passkeys_are_for_the_site_that_the_settings_name(tmp_path: Path) -> None:
    settings = _load(
        tmp_path,
        'issuer = "https://login.example.com"\n[store]\nurl = "memory:"\n[mfa]\nrequired = "required"\n'
        'rp_id = "example.com"\nrp_name = "Example"\norigins = ["https://login.example.com", "https://example.com"]\n',
    )
    house = watchword_of(settings, root_key=new_root_key())
    assert house.factors.passkeys_possible
    options = run_sync(house.factors.passkey_challenge(None)).options
    assert options["rpId"] == "example.com"


@pytest.mark.parametrize(
    ("mfa", "said"),
    [
        ('required = "always"', "mfa.required"),
        ('rp_id = "other.example"', "neither at 'other.example' nor below it"),
        ('rp_id = "ogin.example.com"', "nor below it"),
        ('rp_id = "login.example.com."', "nor below it"),
        ('rp_id = "HTTPS://x"', "mfa.rp_id"),
        ('rp_name = ""', "mfa.rp_name"),
        ('origins = ["https://evil.example"]', "'https://evil.example' is neither"),
        ('origins = ["http://login.example.com"]', "is not https"),
        ('origins = ["https://login.example.com/"]', "is no origin"),
        ('origins = ["https://a@login.example.com"]', "is no origin"),
        ('origins = ["https://LOGIN.example.com"]', "is no origin"),
        ('origins = ["login.example.com"]', "is no origin"),
        ('origin = ["https://login.example.com"]', "origins"),
    ],
)
def test_a_site_that_browsers_refuse_is_refused_at_the_start(tmp_path: Path, mfa: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, f'issuer = "https://login.example.com"\n[mfa]\n{mfa}\n')
    assert said in str(caught.value)


def test_localhost_needs_no_tls(tmp_path: Path) -> None:
    _load(tmp_path, 'issuer = "http://localhost:8000"\n[mfa]\nrp_id = "localhost"\n')
