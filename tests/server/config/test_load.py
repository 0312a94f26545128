"""Settings: every key, its environment twin, and mistakes named with their place and the nearest right word."""

from __future__ import annotations

import random
import string
import sys
from pathlib import Path

import pytest

from watchword.codec.secrets import new_root_key
from watchword.server.config.file import known_keys, twin
from watchword.server.config.load import ConfigError, Settings, load, root_key_of, watchword_of

FULL = """\
issuer = "https://auth.example.com"
audience = "https://api.example.com"
burn_url_credentials = false
[server]
listen = "127.0.0.1:8443"
workers = 2
trusted_proxies = ["10.0.0.0/8", "2001:db8::/32"]
max_body = 65536
[store]
url = "sqlite:///data/watchword.db"
shared = ""
[root_key]
env = "MY_ROOT_KEY"
[tokens]
access = "5m"
refresh = "7d"
refresh_grace = "20s"
key_rotation = "30d"
bind_to_certificate = true
stale_feed = "accept"
feed_bound = "10s"
[sessions]
idle = "15m"
absolute = "12h"
[limits]
address = "100/min"
account = "5/min"
subject = "1000/h"
[passwords]
plaintext = true
[mtls]
subject = "dns:service"
[[route]]
path = "/orders/{id}"
methods = ["GET"]
accept = "api-key | jwt via mtls"
scopes = ["orders:read"]
limit = "600/min"
networks = ["10.0.0.0/8"]
factors = ["otp"]
within = "5m"
[[route]]
path = "/upload"
accept = "hmac"
body = "upstream"
[[trusted_issuer]]
url = "https://id.example.com"
audience = "api"
jwks_uri = "https://id.example.com/jwks"
types = ["jwt", "at+jwt"]
subject = "user:id/{sub}"
[[introspection]]
endpoint = "https://id.example.com/introspect"
client_id = "watchword"
client_secret_env = "INTROSPECTION_SECRET"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "watchword.toml"
    path.write_text(text)
    return path


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(write(folder, text))
    return [str(problem) for problem in caught.value.problems]


def test_every_table_is_read(tmp_path: Path) -> None:
    settings = load(write(tmp_path, FULL))
    assert settings.server.trusted_proxies == ("10.0.0.0/8", "2001:db8::/32")
    assert (settings.tokens.access, settings.tokens.refresh, settings.tokens.refresh_grace) == (300, 604800, 20)
    assert (settings.tokens.key_rotation, settings.tokens.feed_bound) == (30 * 86400, 10)
    assert (settings.tokens.bind_to_certificate, settings.tokens.stale_feed) == (True, "accept")
    assert (settings.sessions.idle, settings.sessions.absolute) == (900, 43200)
    rule = settings.route[0].rule()
    assert (rule.path, rule.methods, rule.accept) == ("/orders/{id}", ("GET",), "api-key | jwt via mtls")
    assert (rule.scopes, rule.limit, rule.networks) == (("orders:read",), "600/min", ("10.0.0.0/8",))
    assert (rule.factors, rule.within) == (("otp",), 300.0)
    assert settings.route[1].body == "upstream"
    assert settings.trusted_issuer[0].types == ("jwt", "at+jwt")


def test_every_table_builds_a_watchword(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_ROOT_KEY", new_root_key())
    monkeypatch.setenv("INTROSPECTION_SECRET", "provider's secret")
    watchword = watchword_of(load(write(tmp_path, FULL)), workers=1)
    assert (watchword.issuer, watchword.audience) == ("https://auth.example.com", "https://api.example.com")
    assert watchword.route_for("GET", "/orders/7") is not None
    assert watchword.route_for("GET", "/other") is None
    assert watchword.session_idle == 900


def test_an_empty_file_is_a_whole_configuration(tmp_path: Path) -> None:
    settings = load(write(tmp_path, ""))
    assert settings.issuer_url == "http://127.0.0.1:8000"
    assert settings.tokens.access == 600
    assert settings.store_url == f"sqlite:///{tmp_path}/watchword.db"


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="watchword init"):
        load(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('[server]\nlistn = "127.0.0.1:1"\n', 2, "did you mean listen?"),
        ('[sever]\nlisten = "127.0.0.1:1"\n', 1, "did you mean server?"),
        ('listen = "127.0.0.1:1"\n', 1, "did you mean server.listen?"),
        ('[[route]]\npath = "/"\naccept = "jwt"\nscope = ["a"]\n', 4, "did you mean scopes?"),
        ('\n[[route]]\npath = "/"\naccept = "jwt"\n[[route]]\npath = "/b"\naccept = "jwt | api_key"\n', 7, "api-key"),
        ('[[route]]\npath = "/"\n', 1, "field required"),
        ('[[route]]\npath = "orders"\naccept = "jwt"\n', 2, "write /orders"),
        ('[[route]]\npath = "/"\naccept = "jwt"\nlimit = "600/mn"\n', 4, "did you mean min?"),
        ('[[route]]\npath = "/"\naccept = "jwt"\nscopes = ["a b", "\\u0001"]\n', 4, "position 1"),
        ('[[route]]\npath = "/"\naccept = "jwt"\nnetworks = ["10.0.0.1/8"]\n', 4, "did you mean 10.0.0.0/8?"),
        ('[[route]]\npath = "/"\naccept = "jwt"\nbody = "downstream"\n', 4, "upstream"),
        ('[tokens]\naccess = "10"\n', 2, "such as 30s"),
        ("[tokens]\naccess = 600\n", 2, "such as 30s"),
        ('[tokens]\naccess = "0s"\n', 2, "cannot be nothing"),
        ('[tokens]\nrefresh_grace = "2m"\n', 2, "it is 1m at most"),
        ('[tokens]\nkey_rotation = "1h"\n', 2, "once a day is the most often"),
        ('[tokens]\nstale_feed = "ignore"\n', 2, "refuse"),
        ('[server]\n# comment\nlisten = "localhost"\n', 3, "HOST:PORT"),
        ('[server]\nlisten = "127.0.0.1:99999"\n', 2, "HOST:PORT"),
        ("[server]\nworkers = 0\n", 2, "greater than or equal to 1"),
        ('[server]\ntrusted_proxies = [\n  "10.0.0.0/8",\n  "proxy"\n]\n', 2, "not a network"),
        ('[store]\nurl = "sqlit:///x.db"\n', 2, "did you mean sqlite"),
        ('[store]\nshared = "redis://localhost"\n', 2, "''"),
        ('[server.tls]\ncertificate = "watchword.toml"\n', 1, "go together"),
        ('[server.tls]\ncertificate = "a.pem"\nprivate_key = "watchword.toml"\n', 2, "there is no file"),
        ('[server.tls]\nclient_ca = "watchword"\n', 2, "need TLS"),
        ('[mtls]\nsubject = "dnss:service"\n', 2, "did you mean 'dns'?"),
        ('[root_key]\nenv = "not a name"\n', 2, "never the secret itself"),
        ('[root_key]\nfile = "x"\ncommand = ["y"]\n', 1, "exclude each other"),
        ('[[trusted_issuer]]\nurl = "https://a"\naudience = "b"\njwks_uri = "http://a/jwks"\n', 4, "https://"),
        ('server.listen = "x"\n', 1, "HOST:PORT"),
        ('a = """\n[server]\nlistn = 1\n"""\n', 1, "unknown setting"),
        ("[server\n", 1, "not TOML"),
        ('[server]\nlisten = "a:1"\nlisten = "b:2"\n', 3, "not TOML"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_the_nearest_word(tmp_path: Path, text: str, line: int, said: str) -> None:
    found = problems(tmp_path, text)
    assert len(found) == 1, found
    assert f"watchword.toml, line {line}:" in found[0], found
    assert said in found[0]


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, '[server]\nlistn = "x"\n[tokens]\naccess = "x"\n[limits]\naddress = "x"\n')
    assert len(found) == 3


def test_every_setting_has_an_environment_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "WATCHWORD_ISSUER": "https://env.example.com",
        "WATCHWORD_SERVER__LISTEN": "0.0.0.0:9000",
        "WATCHWORD_SERVER__WORKERS": "4",
        "WATCHWORD_SERVER__TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.0/24",
        "WATCHWORD_TOKENS__ACCESS": "1m",
        "WATCHWORD_PASSWORDS__PLAINTEXT": "true",
        "WATCHWORD_STORE__URL": "memory:",
        "WATCHWORD_ROUTE": '[{"path": "/a", "accept": "jwt", "scopes": ["x"]}]',
        "WATCHWORD_ROOT_KEY__COMMAND": '["vault", "read", "key"]',
    }.items():
        monkeypatch.setenv(name, value)
    settings = load()
    assert settings.issuer == "https://env.example.com"
    assert (settings.server.listen, settings.server.workers) == ("0.0.0.0:9000", 4)
    assert settings.server.trusted_proxies == ("10.0.0.0/8", "192.0.2.0/24")
    assert settings.tokens.access == 60
    assert settings.passwords.plaintext is True
    assert settings.store_url == "memory:"
    assert settings.route[0].scopes == ("x",)
    assert settings.root_key.command == ("vault", "read", "key")


def test_the_environment_wins_and_leaves_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHWORD_SERVER__WORKERS", "3")
    settings = load(write(tmp_path, '[server]\nworkers = 2\nlisten = "127.0.0.1:1"\n'))
    assert (settings.server.workers, settings.server.listen) == (3, "127.0.0.1:1")


def test_mistakes_in_the_environment_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHWORD_SERVER__LISTN", "x")
    monkeypatch.setenv("WATCHWORD_TOKENS__ACCESS", "10x")
    monkeypatch.setenv("WATCHWORD_LIMITZ", "x")
    found = problems(tmp_path, '[tokens]\naccess = "5m"\n')
    assert any(
        text.startswith("WATCHWORD_SERVER__LISTN: unknown setting (did you mean WATCHWORD_SERVER__LISTEN?")
        for text in found
    )
    assert any(text.startswith("WATCHWORD_TOKENS__ACCESS: tokens.access: unknown unit 'x'") for text in found)
    assert any("did you mean WATCHWORD_LIMITS?" in text for text in found)
    assert len(found) == 3


def test_names_that_are_no_settings_but_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHWORD_CONFIG", "watchword.toml")
    monkeypatch.setenv("WATCHWORD_ROOT_KEY", new_root_key())
    monkeypatch.setenv("WATCHWORD_KEY_OF_THE_HOUSE", new_root_key())
    load(write(tmp_path, '[root_key]\nenv = "WATCHWORD_KEY_OF_THE_HOUSE"\n'))


def test_a_table_in_the_environment_that_is_not_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHWORD_SERVER", "hunter2")
    found = problems(tmp_path, "")
    assert "hunter2" not in str(found)


def test_two_hundred_mutations_name_a_line(tmp_path: Path) -> None:
    """Misspell one key of the whole configuration at a time: its own line is named (reliability, row 61)."""
    draw = random.Random(7)
    lines = FULL.splitlines()
    places = [number for number, line in enumerate(lines) if " = " in line]
    known = {str(part) for key in known_keys(Settings) for part in key}
    tried = 0
    while tried < 200:
        number = draw.choice(places)
        key, _, value = lines[number].partition(" = ")
        at = draw.randrange(len(key))
        wrong = key[:at] + draw.choice(string.ascii_lowercase) + key[at + draw.randrange(2) :]
        if wrong in known:
            continue
        tried += 1
        mutated = [*lines[:number], f"{wrong} = {value}", *lines[number + 1 :]]
        found = problems(tmp_path, "\n".join(mutated))
        assert any(f"line {number + 1}:" in text and key in text for text in found), (wrong, found)


def test_root_key_from_the_environment_then_dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHWORD_ROOT_KEY", raising=False)
    settings = load(write(tmp_path, ""))
    assert root_key_of(settings) is None
    (tmp_path / ".env").write_text("WATCHWORD_ROOT_KEY=from-the-file\nOTHER=x\n")
    assert root_key_of(settings) == "from-the-file"
    monkeypatch.setenv("WATCHWORD_ROOT_KEY", "from-the-environment")
    assert root_key_of(settings) == "from-the-environment"


def test_root_key_from_a_file_and_from_a_command(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from a file\n")
    assert root_key_of(load(write(tmp_path, '[root_key]\nfile = "key"\n'))) == "from a file"
    command = f'[root_key]\ncommand = ["{sys.executable}", "-c", "print(42)"]\n'
    assert root_key_of(load(write(tmp_path, command))) == "42"
    failing = f'[root_key]\ncommand = ["{sys.executable}", "-c", "print(\'hunter2\'); raise SystemExit(1)"]\n'
    with pytest.raises(ConfigError) as caught:
        root_key_of(load(write(tmp_path, failing)))
    assert "hunter2" not in str(caught.value).replace(str(caught.value.problems[0].message), "") + repr(caught.value)


def test_a_root_key_that_is_no_text_is_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xffhunter2")
    printing = "import sys; sys.stdout.buffer.write(bytes([255]) + b'hunter2')"
    command = f'[root_key]\ncommand = ["{sys.executable}", "-c", "{printing}"]\n'
    for toml, place in (('[root_key]\nfile = "key"\n', "root_key.file"), (command, "root_key.command")):
        with pytest.raises(ConfigError) as caught:
            root_key_of(load(write(tmp_path, toml)))
        assert caught.value.problems[0].place == place
        assert "0xff" not in str(caught.value)


def test_no_secret_in_repr_or_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(write(tmp_path, '[store]\nurl = "postgresql://app:hunter2@db/x"\n'))
    assert "hunter2" not in repr(settings)
    for text in (
        '[store]\nurl = "postgres://app:hunter2@db/x"\n',
        '[store]\nurl = ["hunter2"]\n',
        '[root_key]\nenv = "hunter2 hunter2"\n',
        'root_key = "hunter2"\n',
        '[store]\nurl = "hunter2\n',
        "[store]\nurl = hunter2\n",
    ):
        assert "hunter2" not in str(problems(tmp_path, text)), text
    monkeypatch.setenv("WATCHWORD_ROOT_KEY", "hunter2")
    with pytest.raises(ConfigError) as caught:
        watchword_of(load(write(tmp_path, "")))
    assert "hunter2" not in str(caught.value)


def test_cve_2026_27586_an_empty_client_ca_is_refused(tmp_path: Path) -> None:
    for name in ("server.pem", "server.key"):
        (tmp_path / name).write_text("x")
    (tmp_path / "ca.pem").write_text("")
    text = '[server.tls]\ncertificate = "server.pem"\nprivate_key = "server.key"\nclient_ca = "ca.pem"\n'
    found = problems(tmp_path, text)
    assert len(found) == 1
    assert "line 4: server.tls.client_ca" in found[0]


def test_an_address_to_listen_on_of_ipv6(tmp_path: Path) -> None:
    settings = load(write(tmp_path, '[server]\nlisten = "[::1]:8000"\n'))
    assert settings.issuer_url == "http://[::1]:8000"


def test_twins_are_spelled_in_capitals() -> None:
    assert twin(("server", "tls", "client_ca")) == "WATCHWORD_SERVER__TLS__CLIENT_CA"
    assert twin(("route", 0, "accept")) == "WATCHWORD_ROUTE__ACCEPT"


def test_settings_know_their_file(tmp_path: Path) -> None:
    file = write(tmp_path, "")
    assert load(file).file == file
    assert load(None).file is None
