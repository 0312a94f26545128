"""Find the lines of keys in TOML text, whatever stands between them."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchword.server.config.file import ConfigError, Problem, key_lines, nearest, place_of, read_toml

TEXT = '''issuer = "x"
"quoted" = 1
dotted.key = 2  # a comment = not a key

[server]          # a comment
listen = "a"
[ server . tls ]
certificate = """
[server]
listen = "not a key"
"""
private_key = "b"
[[route]]
path = "/"
[[route]]
path = "/b"
methods = [
  "GET",
]
limit = { count = 1 }
'''


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("issuer",), 1),
        (("quoted",), 2),
        (("dotted", "key"), 3),
        (("server",), 5),
        (("server", "listen"), 6),
        (("server", "tls"), 7),
        (("server", "tls", "certificate"), 8),
        (("server", "tls", "private_key"), 12),
        (("route",), 13),
        (("route", 0, "path"), 14),
        (("route", 1), 15),
        (("route", 1, "path"), 16),
        (("route", 1, "methods", 0), 17),
        (("route", 1, "limit", "count"), 20),
        (("route", 1, "missing"), 15),
        (("nowhere",), None),
    ],
)
def test_lines_of_keys(key: tuple[str | int, ...], line: int | None) -> None:
    assert place_of(key, key_lines(TEXT)) == line


def test_the_nearest_word() -> None:
    assert nearest("lisen", ["listen", "workers"]) == "did you mean listen?"
    assert nearest("zzz", ["b", "a"]) == "known are a, b"


def test_a_problem_reads_as_one_line() -> None:
    problem = Problem("watchword.toml, line 3", "server.listn", "unknown setting", "did you mean listen?")
    assert str(problem) == "watchword.toml, line 3: server.listn: unknown setting (did you mean listen?)"
    assert str(ConfigError([problem, problem])).count("\n") == 1


@pytest.mark.parametrize("raw", [b"\xff", b"a = " + b"[" * 5_000, b"a = ", b'a = "hunter2', b"hunter2", b"a = hunter2"])
def test_files_that_cannot_be_read_are_named_without_their_content(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "watchword.toml"
    path.write_bytes(raw)
    with pytest.raises(ConfigError) as caught:
        read_toml(path)
    assert "watchword.toml" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ConfigError):
        read_toml(tmp_path)
