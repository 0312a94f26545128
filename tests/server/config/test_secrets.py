"""The secrets of the settings: read when they are used or when they are asked for again, the last good one kept."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import pytest

from watchword.server.config.load import ConfigError, load, watchword_of
from watchword.server.config.secrets import Kept, Secrets, sources_of
from watchword.server.config.sources import Source, SourceError

ALL = """
[mail]
server = "localhost:25"
sender = "a@example.com"
username = "me"
password = { file = "mail" }
[[provider]]
preset = "google"
client_id = "c"
client_secret = { credential = "google" }
[[introspection]]
endpoint = "https://id.example.com/introspect"
client_id = "watchword"
client_secret = { command = ["vault", "read"] }
[store]
url = { file = "store" }
[root_key]
keyring = "watchword/root"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "watchword.toml"
    path.write_text(text)
    return path


def test_every_secret_is_named_in_the_same_way(tmp_path: Path) -> None:
    settings = load(write(tmp_path, ALL))
    assert sources_of(settings) == {
        "mail.password": Source("file", "mail"),
        "provider.google.client_secret": Source("credential", "google"),
        "introspection.1.client_secret": Source("command", command=("vault", "read")),
    }
    assert settings.root_key.source == Source("keyring", "watchword/root")
    (tmp_path / "store").write_text("postgresql://app:hunter2@db/x\n")
    assert settings.store_url == "postgresql://app:hunter2@db/x"
    assert "hunter2" not in repr(settings)


def test_the_twins_of_sources_are_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHWORD_MAIL__USERNAME", "me")
    monkeypatch.setenv("WATCHWORD_MAIL__PASSWORD", '{"env": "WATCHWORD_MY_MAIL"}')
    monkeypatch.setenv("WATCHWORD_MY_MAIL", "x")
    monkeypatch.setenv("WATCHWORD_STORE__URL", '{"env": "WATCHWORD_MY_STORE"}')
    monkeypatch.setenv("WATCHWORD_MY_STORE", "memory:")
    settings = load(write(tmp_path, ""))
    assert settings.store_url == "memory:"
    kept = settings.secret("mail.password")
    assert kept is not None
    assert kept() == "x"
    monkeypatch.setenv("WATCHWORD_MAIL__PASSWORD", "hunter2")
    with pytest.raises(ConfigError, match="a secret is not written here") as caught:
        load(write(tmp_path, ""))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('[mail]\nusername = "me"\npassword = "hunter2"\n', 3, "a secret is not written here"),
        ('[mail]\nusername = "me"\npassword = { env = "hunter2" }\n', 3, "not the name of an environment variable"),
        ('[mail]\npassword_env = "A"\npassword = { env = "B" }\n', 1, "keep one"),
        ('[store]\nurl = { files = "hunter2" }\n', 2, "one source"),
        ('[root_key]\ncredential = "../hunter2"\n', 1, "not the name of a credential"),
        ('[root_key]\ncredential = "a"\nkeyring = "b/c"\n', 1, "credential and keyring exclude each other"),
        ('[[introspection]]\nendpoint = "https://a.example"\nclient_id = "c"\n', 1, "client_secret_env is missing"),
        (
            '[[provider]]\npreset = "google"\nclient_id = "c"\nclient_secret_env = "A"\nclient_secret = {env = "A"}\n',
            1,
            "keep one",
        ),
    ],
)
def test_mistakes_are_named_by_line_and_quote_nothing(tmp_path: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, text))
    assert f"line {line}:" in str(caught.value)
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_file_is_read_at_each_use_and_what_it_held_is_kept_while_it_is_gone(tmp_path: Path) -> None:
    kept = Kept("mail.password", Source("file", "mail"), tmp_path)
    with pytest.raises(SourceError):
        kept()
    (tmp_path / "mail").write_text("one")
    assert kept() == "one"
    (tmp_path / "mail").write_text("two")
    assert kept() == "two"
    (tmp_path / "mail").unlink()
    assert kept() == "two"


def test_a_command_is_run_once_and_again_when_asked(tmp_path: Path) -> None:
    source = Source(
        "command", command=(sys.executable, "-c", "open('runs', 'a').write('x'); print(open('runs').read())")
    )
    secrets = Secrets(tmp_path)
    kept = secrets.of("mail.password", source)
    assert (kept(), kept()) == ("x", "x")
    found = secrets.read({"mail.password": source})
    assert kept() == "x"  # until all were read
    secrets.take(found)
    assert kept() == "xx"
    assert secrets.of("mail.password", Source("env", "OTHER")) is kept


def test_what_cannot_be_read_is_told_all_at_once_and_nothing_is_taken(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("good")
    secrets = Secrets(tmp_path)
    kept = secrets.of("mail.password", Source("file", "mail"))
    assert kept() == "good"
    with pytest.raises(ConfigError) as caught:
        secrets.read(
            {"mail.password": Source("file", "mail"), "a": Source("file", "gone"), "b": Source("env", "NOT_SET_B")}
        )
    assert [str(each) for each in caught.value.problems] == [
        "a: cannot read file 'gone': No such file or directory",
        "b_env: the variable NOT_SET_B is not set",
    ]


def test_a_secret_stays_in_its_process(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("hunter2")
    kept = Kept("mail.password", Source("file", "mail"), tmp_path)
    assert kept() == "hunter2"
    assert b"hunter2" not in pickle.dumps(kept)
    assert "hunter2" not in repr(kept)
    settings = load(write(tmp_path, '[mail]\nusername = "a"\npassword = { file = "mail" }\n'))
    settings.secrets.take(settings.secrets.read(sources_of(settings)))
    pickled = pickle.dumps(settings)
    assert b"hunter2" not in pickled
    again = pickle.loads(pickled).secret("mail.password")  # noqa: S301 - made a line above
    assert again() == "hunter2"


def test_a_missing_secret_of_introspection_is_seen_at_once(tmp_path: Path) -> None:
    entry = '[store]\nurl = "memory:"\n[[introspection]]\nendpoint = "https://a.example/i"\nclient_id = "c"\n'
    with pytest.raises(ConfigError, match="cannot read file 'gone'"):
        watchword_of(load(write(tmp_path, entry + 'client_secret = { file = "gone" }\n')))
    watchword_of(
        load(write(tmp_path, entry + 'client_secret = { command = ["/does/not/exist"] }\n'))
    )  # when it is used
