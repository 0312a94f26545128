"""Rules about where secrets lie: each is broken by one configuration, and not by another."""

from __future__ import annotations

import subprocess
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.codec.shapes.planted import secrets
from tests.lint.example import Example, certificate_pem
from watchword.codec.secrets import new_root_key, new_secret
from watchword.lint import Severity

PUBLIC = 'issuer = "https://auth.example.com"\n'
ROOT = '[root_key]\nenv = "WATCHWORD_ROOT_KEY" #!\n'
FILE = '[root_key]\nfile = "root.key" #!\n'
STORE = '[store]\nurl = "sqlite:///watchword.db" #!\n'
TLS = '[server.tls]\ncertificate = "server.pem"\nprivate_key = "server.key" #!\n'
LEAKED = new_secret("ak_live_")


def modes(name: str, bad: int, good: int, *, mounted: bool = False) -> Callable[[Path, bool], None]:
    """Return what writes the files of all examples, one of them with another mode when it is bad."""

    def write(folder: Path, broken: bool) -> None:
        (folder / ".env").write_text("WATCHWORD_ROOT_KEY=x\n")
        (folder / "root.key").write_text("x\n")
        (folder / "watchword.db").write_bytes(b"")
        for each in ("server.pem", "server.key"):
            (folder / each).write_bytes(certificate_pem())
        for each in (".env", "root.key", "watchword.db", "server.key"):
            (folder / each).chmod(0o600)
        (folder / name).chmod(bad if broken else good)
        if mounted:  # as Kubernetes does
            (folder / "..data").mkdir(exist_ok=True)

    return write


def committed(*names: str) -> Callable[[Path, bool], None]:
    """Return what makes a repository that has the files when it is bad, and only the configuration when it is not."""

    def write(folder: Path, broken: bool) -> None:
        modes(".env", 0o600, 0o600)(folder, broken)
        git = ["git", "-C", str(folder), "-c", "init.defaultBranch=main"]
        (folder / ".git" / "index").unlink(missing_ok=True)
        subprocess.run([*git, "init", "-q"], check=True, capture_output=True)
        subprocess.run(
            [*git, "add", "-f", "watchword.toml", *(names if broken else ())], check=True, capture_output=True
        )

    return write


MAIL = '[mail]\nserver = "smtp.example.com:587"\nsender = "a@example.com"\nusername = "ww"\n'

EXAMPLES = [
    Example(
        "WW501",
        '[store]\nurl = "postgresql://ww:secret@localhost/ww" #!\n',
        '[store]\nurl = "postgresql://ww@localhost/ww"\n',
    ),
    Example("WW502", ROOT, ROOT, Severity.NOTE, modes(".env", 0o600, 0o600), mended={"WATCHWORD_ROOT_KEY": "x"}),
    Example("WW502", PUBLIC + FILE, PUBLIC + '[root_key]\ncommand = ["true"]\n', before=modes(".env", 0o600, 0o600)),
    Example("WW503", ROOT, ROOT, before=modes(".env", 0o644, 0o640)),
    Example("WW503", FILE, FILE, before=modes("root.key", 0o604, 0o600)),
    Example(
        "WW503",
        MAIL + 'password = { file = "root.key" } #!\n',
        MAIL + 'password = { file = "root.key" } #!\n',
        before=modes("root.key", 0o644, 0o400),
    ),
    Example("WW503", FILE, FILE, Severity.NOTE, modes("root.key", 0o644, 0o600, mounted=True)),
    Example("WW504", TLS, TLS, Severity.NOTE, modes("server.key", 0o644, 0o600, mounted=True)),
    Example("WW504", TLS, TLS, before=modes("server.key", 0o644, 0o640)),
    Example("WW505", STORE, STORE, before=modes("watchword.db", 0o644, 0o600)),
    Example("WW506", ROOT, ROOT, before=committed(".env")),
    Example("WW506", TLS, TLS, before=committed("server.key")),
    Example("WW506", STORE, STORE, before=committed("watchword.db")),
    Example("WW507", f"# our key is {LEAKED} #!\n", f"# our key is {LEAKED[:-1]}{'0' if LEAKED[-1] != '0' else '1'}\n"),
    *(
        Example("WW507", f"# {text} #!\n", f"# {text[:-2]} #\n")
        for text in (
            *secrets(),
            f"WATCHWORD_ROOT_KEY={new_root_key()}",
            b64encode(LEAKED.encode()).decode().rstrip("="),
        )
    ),
    Example("WW507", f'audience = "{LEAKED}" #!\n', 'audience = "ak_live_abc123"\n'),
    Example(
        "WW508",
        '[root_key]\ncommand = ["vault", "read", "-token=s.123456"] #!\n',
        '[root_key]\ncommand = ["vault", "read", "-field=root_key", "secret/watchword"]\n',
    ),
    Example(
        "WW508",
        '[root_key]\ncommand = ["secrets", "--api-key", "123456"] #!\n',
        '[root_key]\ncommand = ["secrets", "--api-key", "@/run/key", "--token", "$TOKEN", "--secret"]\n',
    ),
    Example("WW509", ROOT, ROOT, before=modes(".env", 0o602, 0o600)),
]


@pytest.fixture(autouse=True)
def open_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let others into the folders above: those of tests are closed."""
    monkeypatch.setattr("watchword.lint.files._reachable", lambda path: True)


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_configuration_breaks_the_rule_and_another_does_not(example: Example, tmp_path: Path) -> None:
    example.check(tmp_path)


def test_a_configuration_that_everybody_can_change(tmp_path: Path) -> None:
    example = Example("WW509", "# nothing\n", before=modes("watchword.toml", 0o666, 0o644))
    [found] = example.found(tmp_path, bad=True)
    assert (found.file, found.line) == (str(tmp_path / "watchword.toml"), None)
    assert found.fix == "chmod o-w watchword.toml"


def test_no_finding_quotes_a_secret(tmp_path: Path) -> None:
    toml = f'# {LEAKED}\n[store]\nurl = "postgresql://ww:geheim@db.example/ww"\n'
    for rule in ("WW501", "WW507", "WW508"):
        text = toml + '[root_key]\ncommand = ["x", "--password=geheim"]\n'
        [found] = Example(rule, text).found(tmp_path, bad=True)
        assert LEAKED not in str(found.values())
        assert "geheim" not in str(found.values())


def test_where_the_environment_has_the_url_the_file_is_not_blamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "postgresql://ww:secret@localhost/ww"
    monkeypatch.setenv("WATCHWORD_STORE__URL", url)
    given = {"WATCHWORD_STORE__URL": url}
    assert Example("WW501", '[store]\nurl = "memory:"\n', environment=given).found(tmp_path, bad=True) == []
